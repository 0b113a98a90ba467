from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

import crmctl
from crmctl.__main__ import main
from crmctl.cli.app import build

HEAVY = {
    "rich",
    "pydantic",
    "httpx",
    "git",
    "jinja2",
    "yaml",
    "lark",
    "slugify",
    "rapidfuzz",
    "tldextract",
    "sklearn",
    "numpy",
    "vaderSentiment",
    "tenacity",
    "keyring",
    "phonenumbers",
    "cryptography",
    "starlette",
    "uvicorn",
}
PROFILE = "---\nname: {name}\nstage: customer\nowner: mira\narr: 1200.5\nrenewal: 2027-03-31\n---\nCold goods.\n"
TASK = "---\ntitle: Call\nowner: mira\nstatus: open\ndue: 2026-12-01\n---\n"


@pytest.fixture
def accounts(workspace: Path) -> Path:
    for name in ("Acme", "Beacon"):
        folder = workspace / "accounts" / name.lower()
        (folder / "tasks").mkdir(parents=True)
        (folder / "profile.md").write_text(PROFILE.format(name=name))
        (folder / "tasks/2026-12-01-call-ab12.md").write_text(TASK)
    return workspace


def loaded(*arguments: str) -> tuple[str, set[str]]:
    """What crmctl prints, and the top-level modules that it has imported by then."""
    code = (
        "import json, sys; from crmctl.__main__ import main; main(sys.argv[1:]);"
        " json.dump(sorted({name.partition('.')[0] for name in sys.modules}), sys.stderr)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(crmctl.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("--help",), "Every day:"),
        (("list",), "acme\tAcme\tcustomer"),
        (("list", "stage=customer", "--sort", "-arr", "--json"), '"account": "acme"'),
        (("search", "cold"), "acme\taccounts/acme/profile.md"),
        (("task", "list"), "2026-12-01"),
        (("today", "--owner", "all", "--date", "2026-12-01"), "tasks\tacme\ttoday\tCall"),
    ],
)
def test_reading_the_index_imports_nothing_heavy(
    accounts: Path, arguments: tuple[str, ...], shown: str
) -> None:
    if arguments != ("--help",):
        while "yaml_rs" in loaded(*arguments)[1]:  # until the index trusts the files just written
            continue
    out, modules = loaded(*arguments)
    assert shown in out
    assert not modules & HEAVY


def test_the_plain_list_does_without_typer(accounts: Path) -> None:
    assert "typer" not in loaded("list")[1]
    assert "typer" in loaded("list", "--limit", "9")[1]


def test_the_plain_list_is_the_list(accounts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (accounts / "accounts/beacon/profile.md").write_text("damaged")
    assert main(["list"]) == 0
    plain = capsys.readouterr()
    assert main(["list", "--sort", "account"]) == 0
    assert capsys.readouterr() == plain
    assert plain.out.startswith("acme\tAcme\tcustomer\t")
    assert "accounts/beacon/profile.md" in plain.err


WHOLE = get_command(build())


def every_help() -> list[tuple[str, ...]]:
    def below(group: object, above: tuple[str, ...]) -> list[tuple[str, ...]]:
        found = [above]
        for name, command in getattr(group, "commands", {}).items():
            found += below(command, (*above, name))
        return found

    return below(WHOLE, ())


@pytest.mark.parametrize("place", every_help(), ids=" ".join)
def test_a_command_built_alone_is_the_command(
    place: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (get_command(build([*place, "--help"])), WHOLE):
        command.main([*place, "--help"], prog_name="crmctl", standalone_mode=False)
    alone_and_whole = capsys.readouterr().out
    half = len(alone_and_whole) // 2
    assert alone_and_whole[:half] == alone_and_whole[half:]
    assert f"Usage: {' '.join(('crmctl', *place))} " in alone_and_whole
