"""Showing the site: to this machine alone, only its pages, and again when something changed."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crmctl.model.errors import CrmError
from crmctl.render.site.output import MANIFEST
from crmctl.render.site.serving import changes, serving, state
from crmctl.workspace.workspace import Workspace

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    folder = tmp_path / "site"
    (folder / "accounts").mkdir(parents=True)
    (folder / "index.html").write_text("<p>start")
    (folder / "accounts/acme.html").write_text("<p>acme")
    (folder / MANIFEST).write_text("{}")
    (tmp_path / "secret.html").write_text("secret")
    (folder / "linked.html").symlink_to(tmp_path / "secret.html")
    with serving(folder, 0) as found:
        yield found


def ask(port: int, path: str, host: str = "", method: str = "GET") -> tuple[int, bytes, str]:
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    asked.request(method, path, headers={"Host": host or f"127.0.0.1:{port}"})
    got = asked.getresponse()
    found = got.status, got.read(), got.getheader("Content-Security-Policy") or ""
    asked.close()
    return found


def test_pages_are_given_with_a_strict_policy(port: int) -> None:
    status, body, policy = ask(port, "/")
    assert (status, body) == (200, b"<p>start")
    assert policy.startswith("default-src 'none';")
    assert ask(port, "/accounts/acme.html?x=1")[1] == b"<p>acme"
    assert ask(port, "/", method="HEAD")[:2] == (200, b"")
    assert ask(port, "/", host=f"localhost:{port}")[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "evil.example:{port}", "127.0.0.1:1"]
)
def test_another_name_is_refused(port: int, host: str) -> None:
    assert ask(port, "/", host=host.format(port=port))[0] == 421


@pytest.mark.parametrize(
    "path",
    ["/../secret.html", "/%2e%2e/secret.html", "/linked.html", f"/{MANIFEST}", "/accounts/", "/accounts",
     "//etc/passwd", "/accounts/../../secret.html", "/index.html%00", "/none.html", "/.gitignore"],
)  # fmt: skip
def test_nothing_but_our_pages_is_given(port: int, path: str) -> None:
    assert ask(port, path)[0] == 404


def test_what_changes_is_for_nobody(port: int) -> None:
    assert ask(port, "/", method="POST")[0] == 501


def test_a_port_that_is_taken_is_said(port: int, tmp_path: Path) -> None:
    with pytest.raises(CrmError, match="choose another with --port"), serving(tmp_path, port):
        pass


def test_a_change_is_told_once_it_has_come_to_rest() -> None:
    seen = iter(["a", "a", "b", "c", "c", "c", "c"])
    waited: list[float] = []
    told = changes(lambda: next(seen), waited.append)
    next(told)
    assert waited == [pytest.approx(1, abs=0.5)] * 3
    with pytest.raises(RuntimeError):
        next(told)


def test_any_file_that_the_site_is_made_from_changes_its_state(ws: Workspace) -> None:
    seen = {state(ws.root, ws.today)}
    assert {state(ws.root, ws.today)} == seen
    base = ws.root / "accounts/vega-solar"
    for path in (
        base / "profile.md", base / "tasks/2026-11-01-x-aaaa.md", base / "contacts/new.md",
        ws.root / "accounts/_measures/2026-11-12.csv", ws.root / "weights.yaml",
    ):  # fmt: skip
        path.parent.mkdir(exist_ok=True)
        path.write_text(path.read_text() + "\n" if path.exists() else "x")
        now = state(ws.root, ws.today)
        assert now not in seen, path
        seen.add(now)


def test_ctrl_c_ends_it_cleanly(ws: Workspace, tmp_path_factory: pytest.TempPathFactory) -> None:
    out = tmp_path_factory.mktemp("served") / "site"
    code = "import sys; from crmctl.__main__ import main; sys.exit(main(sys.argv[1:]))"
    call = [
        sys.executable,
        "-c",
        code,
        "report",
        "serve",
        "--out",
        str(out),
        "--port",
        "0",
        "--owner",
        "aiko",
    ]
    env = os.environ | {"PYTHONPATH": str(PROJECT), "CRMCTL_NOW": "2026-11-16T08:00:00Z"}
    done = subprocess.Popen(
        call,
        cwd=ws.root,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Who runs the tests in the background ignores Ctrl-C, and what they start would too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    assert done.stdout is not None
    url = done.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:")
    before = time.monotonic()
    done.send_signal(signal.SIGINT)
    _, told = done.communicate(timeout=60)
    assert time.monotonic() - before < 30
    assert "Traceback" not in told
    assert done.returncode in {0, 130}
