"""sync, sources, auth, unmatched and claim as a person calls them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from crmctl.workspace.git import Git
from tests.conftest import Crm
from tests.servers.base import Call, Reply, Server, html
from tests.servers.clock import FakeClock


class Notes(Server):
    """As little of Granola as a sync needs: two notes, the second of an account nobody knows."""

    def handle(self, call: Call) -> Reply:
        if call.headers.get("authorization") != "Bearer grn_planted_token":
            return Reply(401, {"code": "UNAUTHORIZED", "message": "Unauthorized"})
        if call.path == "/v1/notes":
            rows = [
                self._row("not_AAAAAAAAAAAAA1", "Kick-off"),
                self._row("not_AAAAAAAAAAAAA2", "Stranger"),
            ]
            after = call.query.get("updated_after", "")
            return Reply(
                200,
                {
                    "notes": [r for r in rows if str(r["updated_at"]) > after],
                    "hasMore": False,
                    "cursor": None,
                },
            )
        if call.path == "/v1/folders":
            return Reply(200, {"folders": [], "hasMore": False, "cursor": None})
        id = call.path.rpartition("/")[2]
        domain = "acme.example" if id.endswith("1") else "nowhere.example"
        more = {
            "web_url": "https://notes.example/1",
            "calendar_event": None,
            "attendees": [{"name": "Kim Ek", "email": f"kim@{domain}"}],
            "folder_membership": [],
            "summary_text": "They want more seats.",
            "summary_markdown": "They want more seats.",
            "transcript": None,
        }
        return Reply(200, self._row(id, "Kick-off") | more)

    def _row(self, id: str, title: str) -> dict[str, object]:
        return {
            "id": id, "object": "note", "title": title,
            "owner": {"name": "Ana", "email": "ana@ours.example"},
            "created_at": "2026-11-02T09:00:00Z", "updated_at": "2026-11-02T10:00:00Z",
        }  # fmt: skip


@pytest.fixture
def notes(crm: Crm, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notes]:
    monkeypatch.setattr("crmctl.sources.network.RealClock", FakeClock)
    assert crm("new", "Acme", "--domain", "acme.example", "--no-tasks", "--commit").code == 0
    with Notes() as server:
        monkeypatch.setenv("CRMCTL_GRANOLA_URL", f"{server.url}/v1")
        monkeypatch.setenv("CRMCTL_GRANOLA_TOKEN", "grn_planted_token")
        yield server


def test_one_line_for_each_source_in_a_pipe(crm: Crm, notes: Notes) -> None:
    result = crm("sync")
    assert result.code == 0
    assert result.out.splitlines()[0].startswith("granola  ")
    assert "1 without an account" in result.out
    assert crm("sync").out == "granola  " + crm("sync").out.removeprefix("granola  ")


def test_json_is_nothing_but_json(crm: Crm, notes: Notes) -> None:
    found = json.loads(crm("sync", "--json").out)
    assert found["sources"][0]["source"] == "granola"
    assert found["sources"][0]["created"]["interaction"] == 1
    assert found["missing"] == []


def test_a_dry_run_shows_and_keeps_nothing(crm: Crm, notes: Notes, workspace: Path) -> None:
    result = crm("sync", "--dry-run")
    assert "+++ b/accounts/acme/interactions/" in result.out
    assert Git(workspace).status() == {}
    assert crm("unmatched").out == ""


def test_a_commit_names_its_accounts(crm: Crm, notes: Notes, workspace: Path) -> None:
    assert crm("sync", "--commit").code == 0
    message = Git(workspace).run("log", "-1", "--format=%B").decode()
    assert message.startswith("Sync granola: ")
    assert "- acme (" in message
    assert Git(workspace).status() == {}


def test_push_needs_a_commit_and_sends_it(
    crm: Crm, notes: Notes, workspace: Path, tmp_path: Path
) -> None:
    assert crm("sync", "--push").code == 2
    bare = tmp_path / "origin.git"
    import subprocess

    subprocess.run(["git", "init", "--quiet", "--bare", str(bare)], check=True)
    subprocess.run(["git", "-C", str(workspace), "remote", "add", "origin", str(bare)], check=True)
    assert crm("sync", "--commit", "--push").code == 0
    sent = subprocess.run(
        ["git", "-C", str(bare), "rev-parse", "main"], check=True, capture_output=True, text=True
    )
    assert sent.stdout.strip() == Git(workspace).head()


def test_a_push_that_is_refused_keeps_the_commit(
    crm: Crm, notes: Notes, workspace: Path, tmp_path: Path
) -> None:
    import subprocess

    bare, other = tmp_path / "origin.git", tmp_path / "other"
    git = ["git", "-c", "user.name=O", "-c", "user.email=o@ours.example"]
    subprocess.run([*git, "clone", "--quiet", "--bare", str(workspace), str(bare)], check=True)
    subprocess.run([*git, "-C", str(workspace), "remote", "add", "origin", str(bare)], check=True)
    subprocess.run([*git, "clone", "--quiet", str(bare), str(other)], check=True)
    subprocess.run(
        [*git, "-C", str(other), "commit", "--quiet", "--allow-empty", "-m", "theirs"], check=True
    )
    subprocess.run([*git, "-C", str(other), "push", "--quiet"], check=True)
    before = Git(workspace).head()
    result = crm("sync", "--commit", "--push")
    assert result.code == 3
    assert "git pull --rebase" in result.err
    assert Git(workspace).head() != before


def test_a_source_that_fails_is_told_of_and_remembered(crm: Crm, notes: Notes) -> None:
    assert crm("sync").code == 0
    notes.fail([html(503)] * 50)
    result = crm("sync")
    assert result.code == 3
    assert "Granola answered 503" in result.err or "granola answered 503" in result.err
    listed = json.loads(crm("sources", "--json").out)
    assert {s["source"]: s["set up"] for s in listed}["granola"] == "yes"
    assert "503" in next(s for s in listed if s["source"] == "granola")["result"]


def test_wrong_credentials_are_a_matter_of_configuration(
    crm: Crm, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMCTL_GRANOLA_TOKEN", "grn_wrong_token")
    result = crm("sync", "granola")
    assert result.code == 4
    assert "crmctl auth granola" in result.err
    assert "grn_wrong" not in result.err


def test_nothing_set_up_says_where_to_start(crm: Crm) -> None:
    result = crm("sync")
    assert result.code == 4
    assert "crmctl auth" in result.err
    assert crm("sync", "fax").code == 2


def test_in_the_middle_of_a_merge_it_refuses_before_it_asks_anybody(
    crm: Crm, notes: Notes, workspace: Path
) -> None:
    (workspace / ".git" / "MERGE_HEAD").write_text("0" * 40)
    assert crm("sync", "--commit").code == 5
    assert notes.count() == 0


def test_auth_tests_the_connection(crm: Crm, notes: Notes) -> None:
    result = crm("auth", "granola")
    assert result.code == 0, result.err
    assert result.out
    assert "grn_planted" not in result.out + result.err


def test_auth_keeps_a_secret_that_comes_through_a_pipe(
    crm: Crm, home: Path, monkeypatch: pytest.MonkeyPatch, notes: Notes
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("kept-in-the-file\n"))
    assert crm("auth", "slack", "--set", "token", "--show").code == 0
    kept = home / ".config" / "crmctl" / "credentials.yaml"
    assert "kept-in-the-file" in kept.read_text("utf-8")
    shown = crm("auth", "slack", "--show")
    assert "CRMCTL_SLACK_TOKEN" in shown.out
    assert "kept-in-the-file" not in shown.out
    assert crm("auth", "slack", "--forget").code == 0
    assert "kept-in-the-file" not in kept.read_text("utf-8")


def test_auth_refuses_what_is_no_setting(crm: Crm) -> None:
    assert crm("auth", "slack", "--set", "pasword").code == 2
    assert crm("auth", "fax").code == 2


def test_debug_tells_of_each_request_without_the_token(crm: Crm, notes: Notes) -> None:
    result = crm("--debug", "sync")
    assert "GET /v1/notes" in result.err
    assert "grn_planted" not in result.err


def test_watching_goes_on_after_a_failure_until_it_is_stopped(
    crm: Crm, notes: Notes, monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("crmctl.cli.sync._pause", wait)
    notes.fail([html(503)] * 6)
    result = crm("sync", "--watch", "30")
    assert result.code == 130
    assert waits == [30, 30, 30]
    assert "503" in result.err
    assert list(workspace.glob("accounts/acme/interactions/*.md")), "the second round brought it"


def test_reading_again_from_a_day_moves_no_mark(crm: Crm, notes: Notes, workspace: Path) -> None:
    assert crm("sync", "--commit").code == 0
    assert crm("sync", "--since", "2026-11-01").code == 0
    assert Git(workspace).status() == {}
    assert crm("sync", "--since", "yesterday-ish").code == 2


def test_engagement_counts_mail(crm: Crm, notes: Notes, workspace: Path) -> None:
    lines = [
        {
            "id": "email:1",
            "at": "2026-11-10T09:00:00Z",
            "type": "email",
            "direction": "in",
            "subject": "Seats?",
        },
        {
            "id": "email:2",
            "at": "2026-11-10T12:00:00Z",
            "type": "email",
            "direction": "out",
            "subject": "Re: Seats?",
        },
    ]
    folder = workspace / "accounts/acme/interactions"
    folder.mkdir(exist_ok=True)
    (folder / "2026.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = {row["contact"]: row for row in json.loads(crm("engagement", "acme", "--json").out)}
    assert (found["all"]["sent"], found["all"]["received"]) == (1, 1)
