"""`crmctl check` and `crmctl schema` at the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crmctl.workflow import schedule
from tests.conftest import Crm


def test_a_new_workspace_passes(crm: Crm) -> None:
    assert crm("check", "--strict") == (0, "", "nothing found\n")
    assert crm("check", "--format", "json") == (0, "[]\n", "nothing found\n")


def test_what_crmctl_makes_passes(crm: Crm) -> None:
    crm("new", "Acme Freight", "--domain", "acme.example", "--stage", "prospect")
    crm("contact", "add", "acme-freight", "Ines Okafor", "email=ines@acme.example")
    crm("log", "acme-freight", "talked about the pilot", "--with", "ines-okafor")
    result = crm("check", "--strict")
    assert (result.code, result.out) == (0, "")


def test_findings_fail_and_say_where(crm: Crm, workspace: Path) -> None:
    crm("new", "Acme", "--domain", "acme.example")
    profile = workspace / "accounts/acme/profile.md"
    profile.write_text(profile.read_text().replace("employees:", "employees: many"))
    line = profile.read_text().splitlines().index("employees: many") + 1
    text = crm("check")
    assert text.code == 1
    assert text.out.startswith(f"accounts/acme/profile.md:{line}: employees: found ")
    assert text.out.endswith("[value]\n")
    assert text.err == "1 error in 1 file\n"
    github = crm("check", "--format", "github")
    assert github.out.startswith(
        f"::error file=accounts/acme/profile.md,line={line},title=employees [value]::"
    )
    (listed,) = json.loads(crm("check", "--format", "json").out)
    assert (listed["path"], listed["line"], listed["code"]) == (
        "accounts/acme/profile.md",
        line,
        "value",
    )


def test_settings_that_would_fail_at_night_are_named_by_day(crm: Crm, workspace: Path) -> None:
    pytest.importorskip("holidays")
    config = workspace / "crmctl.yaml"
    before = config.read_text()
    config.write_text(
        before + "calendar:\n  holidays: [DE-BY, XX]\nnightly:\n  score: cron 99 3 * * *\n"
    )
    line = before.count("\n") + 1
    for place in ((), ("crmctl.yaml",)):
        found = crm("check", *place)
        assert found.code == 1
        assert found.out.splitlines() == [
            (
                f"crmctl.yaml:{line + 1}: calendar.holidays.1: XX is no region whose holidays are known;"
                " list the dates [value]"
            ),
            (
                f"crmctl.yaml:{line + 3}: nightly.score: 'cron 99 3 * * *' is no cron time: bad minute;"
                f" write {schedule.EXAMPLES} [value]"
            ),
        ]


def test_warnings_fail_only_when_asked(crm: Crm) -> None:
    crm("new", "Acme", "--domain", "acme.example")
    crm("new", "Globex", "--domain", "globex.example")
    crm("set", "globex", "domains=globex.example,www.acme.example")
    assert crm("check").code == 0
    strict = crm("check", "--strict")
    assert strict.code == 1
    assert ": warning: domains: " in strict.out


def test_places_are_accounts_folders_or_files(crm: Crm, workspace: Path) -> None:
    crm("new", "Acme Freight", "--domain", "acme.example")
    crm("new", "Globex", "--domain", "globex.example")
    for slug in ("acme-freight", "globex"):
        (workspace / f"accounts/{slug}/profile.md").write_text(f"---\nname: {slug}\n---\n")
    for place in ("acme-f", "accounts/acme-freight", "accounts/acme-freight/profile.md"):
        result = crm("check", place)
        assert result.code == 1
        assert "globex" not in result.out
    assert crm("check", "crmctl.yaml").code == 0
    assert crm("check", "nowhere").code == 2


def test_schemas_are_written_once_and_compared(crm: Crm, workspace: Path) -> None:
    stale = crm("schema", "--check")
    assert stale.code == 1
    assert "schemas/account.schema.json" in stale.out
    assert crm("schema", "--dry-run").code == 0
    assert not (workspace / "schemas").exists()
    assert crm("schema").code == 0
    assert crm("schema", "--check") == (0, "", "")
    assert crm("schema").err == "nothing to do\n"
    assert crm("schema", "--dir", "editor/schemas").code == 0
    assert json.loads((workspace / "editor/schemas/event.schema.json").read_text())["required"] == [
        "id",
        "type",
    ]
