"""Delivery as a user meets it: settings of this machine, the commands, what they print."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from crmctl.workflow import outbox
from crmctl.workspace.workspace import Workspace
from tests.conftest import Crm
from tests.servers.slack import TOKEN, Slack
from tests.servers.smtp import PASSWORD, Mailroom

TEAM = """
team:
  - {id: ana, name: Ana Example, email: ana@ours.example}
  - {id: ben, name: Ben Example, email: ben@ours.example}
notifications: {channel: email, members: {ben: slack}}
"""


@pytest.fixture
def team(crm: Crm, workspace: Path) -> Path:
    settings = workspace / "crmctl.yaml"
    text = settings.read_text()
    assert "\nteam: []\n" in text or "\nteam:" not in text
    settings.write_text(text.replace("\nteam: []\n", "\n") + TEAM)
    crm("new", "Acme Freight", "--domain", "acme.example", "--owner", "ana")
    return workspace


@pytest.fixture
def mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailroom]:
    with Mailroom(tmp_path, login=True) as found:
        for name, value in found.environment().items():
            monkeypatch.setenv(name, value)
        yield found


def put(root: Path, *to: str, subject: str = "Acme Freight: health fell", **more: object) -> None:
    ws = Workspace(root)
    message = outbox.Message(
        key=outbox.key("acme-freight", "drop", subject, "notify"),
        to=to,
        subject=subject,
        body="Why: it fell",
        account="acme-freight",
        workflow="drop",
        episode="1",
        action="notify",
        created="2026-11-16T07:00:00Z",
        **{"urgent": True, **more},  # type: ignore[arg-type]
    )
    with ws.writing("run"):
        outbox.write(ws.state_dir, [message])


def test_nothing_to_deliver(crm: Crm, workspace: Path) -> None:
    done = crm("deliver")
    assert (done.code, done.out) == (0, "")
    assert "nothing waits in the outbox" in done.err
    assert json.loads(crm("deliver", "--json").out) == {"letters": [], "waiting": []}
    assert crm("outbox", "--json").out == "[]\n"


def test_a_dry_run_prints_the_mail_and_sends_nothing(crm: Crm, team: Path, mail: Mailroom) -> None:
    put(team, "ana")
    before = sorted(path for path in (team / ".git").rglob("*") if path.is_file())
    done = crm("deliver", "--dry-run")
    assert done.code == 0
    assert done.out.startswith("to ana@ours.example, by email\n")
    assert "Subject: Urgent: Acme Freight: health fell\n" in done.out
    assert "Look: crmctl show acme-freight\n" in done.out
    assert "1 letter would be sent" in done.err
    (letter,) = json.loads(crm("deliver", "--dry-run", "--json").out)["letters"]
    assert "<h2>Acme Freight</h2>" in letter["payload"]["html"]
    assert mail.connections == 0
    assert sorted(path for path in (team / ".git").rglob("*") if path.is_file()) == before
    # What then goes is what was shown.
    assert crm("deliver").code == 0
    assert str(mail.messages[0]["Message-ID"]).strip() in done.out


def test_deliver_tells_and_the_outbox_lists(crm: Crm, team: Path, mail: Mailroom) -> None:
    put(team, "ana", "ben")
    done = crm("deliver")
    assert done.code == 4
    assert "sent to ana by email: Acme Freight: health fell" in done.err
    assert "alerts_slack: token missing" in done.err
    assert [row[:4] for row in crm("outbox").rows] == [
        ["sent", "ana", "email", "acme-freight"],
        ["waiting", "ben", "", "acme-freight"],
    ]
    (row,) = json.loads(crm("outbox", "--state", "sent", "--json").out)
    assert "250 OK, queued" in row["note"]
    assert crm("outbox", "--account", "acme", "--state", "failed").out == ""
    wrong = crm("outbox", "--state", "lost")
    assert wrong.code == 2
    assert "allowed: waiting, unsure, sent, failed" in wrong.err


def test_what_fails_is_an_exit_code_and_a_line(crm: Crm, team: Path, mail: Mailroom) -> None:
    put(team, "ana")
    mail.refused["ana@ours.example"] = "550 no such user \x1b[31m"
    done = crm("deliver")
    assert done.code == 3
    assert "failed: ana by email: localhost refused RCPT TO: 550 no such user" in done.err
    assert "\x1b" not in done.err
    again = crm("deliver")
    assert again.code == 0
    assert "1 message failed: " in again.err
    mail.refused.clear()
    assert crm("deliver", "--retry", "--json").code == 0
    assert len(mail.taken) == 1


def test_no_secret_is_ever_printed(
    crm: Crm, team: Path, mail: Mailroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(team, "ana", "ben")
    with Slack() as slack:
        monkeypatch.setenv("CRMCTL_ALERTS_SLACK_TOKEN", TOKEN)
        monkeypatch.setenv("CRMCTL_ALERTS_SLACK_URL", slack.url)
        mail.login_reply = f"535 {PASSWORD} is wrong"
        told = [crm("--debug", "deliver"), crm("auth", "smtp"), crm("auth", "smtp", "--show")]
        told += [crm("auth", "alerts_slack"), crm("outbox", "--json"), crm("deliver", "--json")]
    assert "chat.postMessage" in told[0].err or "users.lookupByEmail" in told[0].err
    for done in told:
        assert PASSWORD not in done.out + done.err
        assert TOKEN not in done.out + done.err


def test_the_settings_are_made_and_tested_like_those_of_a_source(
    crm: Crm, team: Path, mail: Mailroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = crm("auth", "smtp")
    assert done.code == 0
    assert done.out == "connected to localhost; mail goes to ours.example\n"
    assert mail.taken == []
    assert "needed" not in crm("auth", "target_room", "--show").err
    assert crm("auth", "pigeon").code == 2
    monkeypatch.setenv("CRMCTL_TARGET_ROOM_KIND", "terminal")
    assert "target room is a terminal" in crm("auth", "target_room").out


def test_a_target_of_kind_terminal_prints(
    crm: Crm, team: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMCTL_TARGET_HERE_KIND", "terminal")
    put(team, subject="Acme Freight: \x1b]0;x\x07 news", target="here")
    done = crm("deliver")
    assert done.code == 0
    assert done.out.startswith("Urgent: Acme Freight: ")
    assert "\x1b" not in done.out


def test_settings_that_are_wrong_are_told_with_their_line(crm: Crm, team: Path) -> None:
    settings = team / "crmctl.yaml"
    settings.write_text(settings.read_text().replace("ben: slack", "zoe: slack"))
    done = crm("deliver")
    assert done.code == 4
    assert "notifications.members: zoe is no id of the team" in done.err
    settings.write_text(settings.read_text().replace("zoe: slack", "ben: pigeon"))
    assert crm("deliver").code == 4
