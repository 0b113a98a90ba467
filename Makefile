# Everything a developer runs. All of it works in a fresh clone with Python 3.11 or newer and git.

PYTHON ?= python3
BIN := .venv/bin
# One more than there are processors: some tests wait for a browser or a server.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

.PHONY: help demo sandbox test bench lint format docs pictures schemas lock clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 12

demo: .venv/.installed ## walk through crmctl in a workspace made for the purpose
	$(BIN)/python docs/demo.py

sandbox: .venv/.installed ## all live systems as local doubles, to try a sync on (ARGS=--try walks through)
	$(BIN)/python -m tests.servers.sandbox $(ARGS)

test: lint ## format check, lint, types and all tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist=worksteal -rs

lint: .venv/.installed ## format check, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/.installed ## format the code and mend what can be mended without judgement
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.installed ## measure the commands on a large workspace
	$(BIN)/python bench/run.py

docs: .venv/.installed ## write the reference from the code, and run the sessions in the docs again
	$(BIN)/python docs/reference.py
	$(BIN)/python docs/sessions.py

pictures: .venv/.installed ## take the README's pictures of the site and the terminal anew (needs Chromium)
	$(BIN)/python docs/pictures.py

schemas: .venv/.installed ## write the JSON schemas from the model
	$(BIN)/crmctl schema

lock: ## choose dependency versions anew (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 1; }
	uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
		--upgrade --generate-hashes --no-emit-index-url --no-header --quiet \
		--output-file requirements.lock

clean: ## remove everything that can be made again
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Only what the lock names by hash is installed, the build backend included.
.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@
