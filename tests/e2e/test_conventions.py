"""What every command keeps to: JSON that programs can read, and a dry run that writes nothing."""

from __future__ import annotations

import json
import re
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Crm
from tests.e2e.conftest import Load, contents, places
from tests.live.linkedin import FIRST, Member, address

ACME = "acme-freight"


@pytest.fixture
def filled(crm: Crm, workspace: Path, exports: Load, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An account with something of everything, a second one that looks like it, and a live system with news."""
    settings = workspace / "crmctl.yaml"
    text = settings.read_text().replace("our_domains: []", "our_domains: [ours.example]")
    settings.write_text(text + "sources:\n  linkedin: {contacts: true}\n")
    crm("new", "Acme Freight", "--domain", "acme.example", "--owner", "ana", "--stage", "customer")
    crm("contact", "add", "acme", "Ines Okafor", "roles=champion", "email=ines@acme.example")
    crm("deal", "add", "acme", "Fleet telemetry", "amount=48000")
    crm("log", "acme", "Pricing call", "--with", "ines")
    crm("new", "Acme Freight Ltd", "--no-tasks")
    crm("contact", "add", "acme-freight-ltd", "Ines Okafor", "email=ines@acme.example")
    assert crm("cadence", "start", "acme-freight", "ines", "champion_building").code == 0
    crm("import", "salesforce", str(exports("csv-a")))
    crm("set", "alder", "city=York")
    # Somebody's usage has doubled, so a workflow is due.
    usage = workspace.parent / "usage.csv"
    days = [f"{ACME},2026-{month}-{day:02},active_users,{10 if month == '10' else 40}\n"
            for month in ("10", "11") for day in range(1, 16)]  # fmt: skip
    usage.write_text("account,date,metric,value\n" + "".join(days))
    assert crm("import", "csv", "usage", str(usage)).code == 0
    # LinkedIn is the live system that needs no server.
    files = archives(workspace.parent / "archives")
    weights = (workspace / "weights.yaml").read_text()
    (files / "other.yaml").write_text(
        re.sub(r"coverage_floor: 0\.[34]", "coverage_floor: 0.01", weights)
    )
    monkeypatch.setenv("CRMCTL_LINKEDIN_FOLDER", str(files / "linkedin"))
    assert crm("import", "email", str(files / "stranger.eml")).code == 0
    return workspace


def archives(folder: Path) -> Path:
    """Mail of a customer and of a stranger, an export of Slack, an archive of LinkedIn."""
    (folder / "linkedin").mkdir(parents=True)
    for name, sender in (("mail", "ines@acme.example"), ("stranger", "sam@quarry.example")):
        head = f"From: {sender}\nTo: ana@ours.example\nMessage-ID: <{name}@mail.example>\nSubject: Prices\n"
        (folder / f"{name}.eml").write_text(
            f"{head}Date: Mon, 2 Nov 2026 09:00:00 +0000\n\nHow much?\n"
        )
    channel = {"id": "C07ACME001", "name": f"ext-{ACME}", "members": ["U07ANA0001"]}
    people = [{"id": "U07ANA0001", "team_id": "T07OURS001", "name": "ana", "profile": {}}]
    message = {"type": "message", "user": "U07ANA0001", "text": "Hello", "ts": "1793000000.000100"}
    with zipfile.ZipFile(folder / "slack.zip", "w") as packed:
        packed.writestr("users.json", json.dumps(people))
        packed.writestr("channels.json", json.dumps([channel]))
        packed.writestr(f"ext-{ACME}/2026-10-26.json", json.dumps([message]))
    rows = [f"{n % 13},{'yes' if n * 7 % 10 < 3 + n % 13 // 4 else 'no'}\n" for n in range(300)]
    (folder / "book.csv").write_text("tenure,lost\n" + "".join(rows))
    (folder / "advert.txt").write_text("Data engineer\n\nOur stack: Kafka and Snowflake.\n")
    member = Member()
    member.connect("Bo", "Berg", address("bo-berg"), "Acme Freight", "CTO", FIRST)
    member.archive(folder / "linkedin", FIRST)
    return folder


def commands(export: Path) -> dict[str, list[str]]:
    """A call of each command; those of an account are of one that has something to show."""
    given, files = str(export), export.parents[1] / "archives"
    return {
        "new": ["new", "Third"], "list": ["list"], "show": ["show", ACME], "set": ["set", ACME, "city=Leeds"],
        "unset": ["unset", "alder", "city"], "stage": ["stage", ACME, "adoption", "--tasks"],
        "sync": ["sync", "linkedin"], "sources": ["sources"], "auth": ["auth", "linkedin"],
        "report build": ["report", "build"], "report serve": ["report", "serve", "--port", "0"],
        "unmatched": ["unmatched"], "claim": ["claim", "quarry.example", ACME], "listen": ["listen", "--port", "0"],
        "import slack": ["import", "slack", str(files / "slack.zip")],
        "import email": ["import", "email", str(files / "mail.eml")],
        "import linkedin": ["import", "linkedin", str(files / "linkedin")],
        "search": ["search", "pricing"], "log": ["log", ACME, "Call", "-m", "They called."],
        "timeline": ["timeline", ACME], "engagement": ["engagement", ACME],
        "contact add": ["contact", "add", ACME, "Tom Reyes"],
        "contact list": ["contact", "list"], "contact edit": ["contact", "edit", ACME, "ines"],
        "contact export": ["contact", "export", ACME, "ines"],
        "contact move": ["contact", "move", ACME, "ines", "alder"], "edit": ["edit", ACME],
        "cadence list": ["cadence", "list"], "cadence show": ["cadence", "show"],
        "cadence start": ["cadence", "start", "acme-freight-ltd", "ines", "champion_building"],
        "cadence stop": ["cadence", "stop", ACME],
        "deal add": ["deal", "add", ACME, "Renewal"], "deal list": ["deal", "list", "--all"],
        "deal stage": ["deal", "stage", ACME, "fleet", "proposal"],
        "deal close": ["deal", "close", ACME, "fleet", "--won"],
        "task add": ["task", "add", ACME, "Send the quote"], "task list": ["task", "list", "--all"],
        "task done": ["task", "done", ACME, "kick"], "task snooze": ["task", "snooze", ACME, "kick", "2w"],
        "check": ["check"], "schema": ["schema"], "import salesforce": ["import", "salesforce", given],
        "import csv": ["import", "csv", "accounts", str(export / "Account.csv")], "conflicts": ["conflicts"],
        "dupes": ["dupes", "--merge-likely", "--yes"], "merge": ["merge", ACME, "acme-freight-ltd"], "undo": ["undo"],
        "score": ["score"], "signals": ["signals"], "health explain": ["health", "explain", ACME],
        "health history": ["health", "history", ACME],
        "health what-if": ["health", "what-if", ACME, "--set", "usage.active_users=30"],
        "health override": ["health", "override", ACME, "--score", "70", "--reason", "They told us", "--until", "2w"],
        "health simulate": ["health", "simulate", "--weights", str(files / "other.yaml")],
        "churn show": ["churn", "show"], "metrics show": ["metrics", "show"],
        "metrics reconcile": ["metrics", "reconcile", "snapshot", "movement"],
        "metrics cohorts": ["metrics", "cohorts"],
        "dashboard portfolio": ["dashboard", "portfolio"], "dashboard account": ["dashboard", "account", ACME],
        "dashboard risk": ["dashboard", "risk"], "dashboard trend": ["dashboard", "trend"],
        "dashboard cohort": ["dashboard", "cohort"],
        "icp": ["icp", ACME], "backtest health": ["backtest", "health"],
        "churn train": ["churn", "train", "--table", str(files / "book.csv"), "--label", "lost"],
        "insights": ["insights", ACME], "context": ["context", ACME],
        "run": ["run"], "alerts": ["alerts", "--snooze", ACME, "--until", "7d"], "workflow list": ["workflow", "list"],
        "workflow show": ["workflow", "show", "renewal_risk"], "workflow lint": ["workflow", "lint"],
        "workflow replay": ["workflow", "replay", "--from", "7d"], "workflow test": ["workflow", "test"],
        "workflow history": ["workflow", "history"], "nightly": ["nightly"], "today": ["today", "--owner", "all"],
        "schedule show": ["schedule", "show", "--kind", "systemd"],
        "schedule install": ["schedule", "install", "--kind", "systemd"],
        "schedule remove": ["schedule", "remove", "--kind", "systemd"],
        "outbox": ["outbox"], "deliver": ["deliver"], "review": ["review", ACME], "map": ["map", ACME],
        "plan": ["plan", ACME], "brief": ["brief", ACME, "--write"],
        "qualify": ["qualify", ACME, "fleet"], "onboarding": ["onboarding", "alder"], "doctor": ["doctor"],
        "research": ["research", ACME, "--text", str(files / "advert.txt")],
        "export": ["export", "--out", str(export.parent / "tables"), "--format", "csv"],
        "query": ["query", "SELECT account, stage FROM accounts"],
        "init": ["init", str(export.parent / "fresh")],
    }  # fmt: skip


def tree() -> dict[str, set[str]]:
    """Every command with its options."""
    from typer.main import get_command

    from crmctl.cli.app import build

    found: dict[str, set[str]] = {}

    def walk(command: Any, words: list[str]) -> None:
        for name, below in getattr(command, "commands", {}).items():
            walk(below, [*words, name])
        if not hasattr(command, "commands"):
            found[" ".join(words)] = {o for p in command.params for o in p.opts}

    walk(get_command(build()), [])
    return found


@pytest.fixture
def options() -> dict[str, set[str]]:
    return tree()


WRITING = {
    "init", "new", "set", "unset", "edit", "log", "stage", "contact add", "contact edit", "contact move", "deal add",
    "deal stage", "deal close", "task add", "task done", "task snooze", "import salesforce", "import csv", "dupes",
    "cadence start", "cadence stop",
    "merge", "undo", "score", "run", "review", "map", "qualify", "onboarding", "schema", "sync", "claim",
    "import slack", "import email", "import linkedin", "churn train", "research", "health override", "alerts",
    "plan", "brief",
}  # fmt: skip
LACKING = set() if find_spec("sklearn") else {"churn train"}  # without the extra `ml`
ASKING = {"insights", "deliver"}  # its dry run shows what would be sent: it writes nothing anyway
OUTSIDE = {
    "schedule install",
    "schedule remove",
    "report build",
}  # they write outside of the workspace
WAITING = {"listen"}  # it writes what it is sent: nobody can say beforehand what that will be
SHOWING = {
    "list", "show", "search", "timeline", "contact list", "contact export", "deal list", "task list",
    "cadence list", "cadence show", "cadence start", "cadence stop",
    "conflicts", "dupes", "score", "run", "review", "map", "qualify", "onboarding", "outbox", "deliver",
    "nightly", "today", "schedule show",
    "import salesforce", "import csv", "undo", "stage", "doctor", "sync", "sources", "unmatched", "engagement",
    "import slack", "import email", "import linkedin",
    "health explain", "health history", "health what-if", "health simulate",
    "signals", "churn show", "churn train", "backtest health", "icp", "insights", "context", "research",
    "metrics show", "metrics reconcile", "metrics cohorts",
    "export", "query", "alerts", "workflow list", "workflow show", "workflow lint", "workflow history",
    "workflow replay", "workflow test", "plan", "brief", "report build",
    "dashboard portfolio", "dashboard account", "dashboard cohort", "dashboard trend", "dashboard risk",
}  # fmt: skip


def test_every_command_is_covered_here(options: dict[str, set[str]]) -> None:
    assert set(options) == set(commands(Path("a/b/c")))
    assert {
        name for name, found in options.items() if "--dry-run" in found
    } == WRITING | ASKING | OUTSIDE
    assert {name for name, found in options.items() if "--commit" in found} == WRITING | WAITING
    assert {name for name, found in options.items() if "--json" in found} == SHOWING


def test_every_dry_run_prints_a_diff_and_writes_nothing(
    crm: Crm, filled: Path, exports: Load, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = home / "editor"
    editor.write_text('#!/bin/sh\necho "A line." >> "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    export = exports("csv-b")
    parent = filled.parent
    crm("list")
    before, where = contents(parent), places(parent)
    state = contents(filled / ".git" / "crmctl", "runs")
    for name, call in commands(export).items():
        if name not in WRITING - LACKING:
            continue
        done = crm(*call, "--dry-run")
        assert done.code == 0, (name, done)
        assert "\n+++ " in f"\n{done.out}", (name, done)
        assert "\n--- " in f"\n{done.out}", (name, done)
        assert contents(parent) == before, name
        assert places(parent) == where, name
        assert contents(filled / ".git" / "crmctl", "runs") == state, name


def test_every_json_can_be_read(crm: Crm, filled: Path, exports: Load) -> None:
    for name, call in commands(exports("csv-b")).items():
        if name not in SHOWING - LACKING:
            continue
        call = ["stage", ACME] if name == "stage" else call  # noqa: PLW2901
        call = ["undo", "--list"] if name == "undo" else call  # noqa: PLW2901
        if name in WRITING - {"stage", "undo"}:
            dry = crm(*call, "--dry-run", "--json")
            assert dry.code == 0, (name, dry)
            assert json.loads(dry.out), name
        done = crm(*call, "--json")
        assert done.code == 0, (name, done)
        assert json.loads(done.out), name


def test_json_of_nothing_is_an_empty_list(crm: Crm, workspace: Path) -> None:
    for call in (
        ["list"], ["contact", "list"], ["deal", "list"], ["task", "list"], ["conflicts"], ["dupes"], ["search", "x"],
        ["score"], ["undo", "--list"], ["unmatched"], ["list", "stage=customer"], ["dupes", "--merge-likely", "--yes"],
    ):  # fmt: skip
        done = crm(*call, "--json")
        assert (done.code, done.out) == (0, "[]\n"), call
    assert json.loads(crm("check", "--format", "json").out) == []
    assert json.loads(crm("run", "--json").out) == {"steps": [], "messages": []}
    crm("new", "Acme Freight", "--no-tasks")
    assert json.loads(crm("timeline", "acme", "--since", "2030-01-01", "--json").out) == []


def test_every_help_ends_with_an_example(crm: Crm, options: dict[str, set[str]]) -> None:
    for name in options:
        done = crm(*name.split(), "--help")
        assert done.code == 0
        assert f"Example: crmctl {name}" in " ".join(done.out.split()), name
    assert len(crm("--help").out.splitlines()) <= 60
