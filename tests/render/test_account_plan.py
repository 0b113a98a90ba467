"""The account plan: from the records, each claim with its place, renewed without losing what people wrote."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

import pytest

from crmctl.insight.account_plan import term
from crmctl.model.errors import DamagedFile
from crmctl.render.account_plan import plan_account_plan
from crmctl.workspace.workspace import Workspace

Write = Callable[[str, str], None]
Golden = Callable[[str, str], None]
DAY = dt.date(2026, 11, 16)


def path(slug: str) -> str:
    return f"accounts/{slug}/plans/account-plan.md"


def section(text: str, name: str) -> str:
    return text[text.index(f"crmctl:begin {name} ") : text.index(f"crmctl:end {name} ")]


def rows(text: str, name: str) -> list[list[str]]:
    lines = [line for line in section(text, name).splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.parametrize("slug", ["calder-facilities", "glasswing-hotels"])
def test_the_plan_of_a_sample_account(samples: Workspace, golden: Golden, slug: str) -> None:
    changes, text, kept = plan_account_plan(samples, slug)
    assert changes.paths == [path(slug)]
    assert kept == []
    golden(f"account-plan-{slug}.md", text)


@pytest.mark.parametrize("slug", ["harbour-lane-logistics", "tamarack-rail", "nordkap-fisk"])
def test_every_row_names_its_place(samples: Workspace, slug: str) -> None:
    text = plan_account_plan(samples, slug)[1]
    found = [
        row
        for name in ("situation", "goals", "room", "risks", "actions", "success")
        for row in rows(text, name)
    ]
    assert len(found) > 8
    for row in found:
        assert re.search(r"\.(md|jsonl|csv)(:\d+)?$", row[-1]), row


def test_a_risk_says_who_is_on_it(samples: Workspace) -> None:
    text = plan_account_plan(samples, "calder-facilities")[1]
    states = {row[0]: (row[1], row[2]) for row in rows(text, "risks")}
    left = states["Champion Isla Mackay left on 2026-09-25 and has no successor."]
    assert left[0] == "in hand"
    assert "tasks/2026-11-18-successor-n2jb.md:2" in left[1]
    few = next(state for risk, state in states.items() if "talk with us" in risk)
    assert few == ("**nobody**", "suggested: Get to know more people there")
    # What is in hand is not suggested again.
    suggested = [row[0] for row in rows(text, "actions") if row[0].startswith("Suggested: ")]
    assert "Suggested: Get to know more people there" in suggested
    assert not any("successor" in each for each in suggested)


def test_an_overdue_task_is_not_in_hand(ws: Workspace) -> None:
    text = plan_account_plan(on(ws, DAY + dt.timedelta(days=9)), "calder-facilities")[1]
    assert rows(text, "risks")[0][1] == "overdue"


def on(ws: Workspace, day: dt.date) -> Workspace:
    """The same workspace on another day."""
    return Workspace(ws.root, now=dt.datetime.combine(day, dt.time(8), dt.UTC), seed=7)


def test_what_people_wrote_stays_and_the_days_of_the_plan_too(ws: Workspace, write: Write) -> None:
    slug = "calder-facilities"
    text = plan_account_plan(ws, slug)[1]
    write(
        path(slug),
        text.replace("## Our strategy\n", "## Our strategy\nBecome the duty desk's daily tool.\n"),
    )
    assert not plan_account_plan(ws, slug)[0]
    later = on(ws, DAY + dt.timedelta(days=20))
    again = plan_account_plan(later, slug)[1]
    assert "Become the duty desk's daily tool." in again
    assert "**From 2026-11-16 to 2027-02-14.**" in again
    over = on(ws, DAY + dt.timedelta(days=95))
    assert "**From 2027-02-14 to 2027-05-15.**" in plan_account_plan(over, slug)[1]


def test_an_edited_section_is_kept_and_named(ws: Workspace, write: Write) -> None:
    slug = "calder-facilities"
    text = plan_account_plan(ws, slug)[1]
    write(path(slug), text.replace("| Seats | 240 |", "| Seats | 240, 20 of them free |"))
    profile = f"accounts/{slug}/profile.md"
    write(profile, (ws.root / profile).read_text().replace("seats: 240", "seats: 250"))
    _, again, kept = plan_account_plan(ws, slug)
    assert "| Seats | 240, 20 of them free |" in again
    assert [conflict.section for conflict in kept] == ["situation"]
    assert "| Seats | 131 | 250 | 52 % |" in again


def test_a_next_step_that_a_task_says_stands_once(samples: Workspace) -> None:
    text = plan_account_plan(samples, "tamarack-rail")[1]
    assert sum("Dale Hutchins" in row[0] for row in rows(text, "actions")) == 1


def test_a_plan_that_does_not_say_when_it_began_begins_today(ws: Workspace, write: Write) -> None:
    slug = "calder-facilities"
    for header in ("created: soon", "created: 2030-01-01", "title: [x"):
        write(
            path(slug),
            f"---\n{header}\n---\n<!-- crmctl:begin situation -->\n<!-- crmctl:end situation -->\n",
        )
        assert "**From 2026-11-16 to 2027-02-14.**" in plan_account_plan(ws, slug)[1]


def test_a_damaged_profile_is_named(ws: Workspace, write: Write) -> None:
    write("accounts/calder-facilities/profile.md", "---\nname: [x\n---\n")
    with pytest.raises(DamagedFile, match="calder-facilities/profile"):
        plan_account_plan(ws, "calder-facilities")


def test_what_others_wrote_stays_text(ws: Workspace, write: Write) -> None:
    hostile = "<script>x</script> [y](javascript:1) | <!-- crmctl:end people --> {{ 7 * 7 }}"
    slug = "calder-facilities"
    write(
        f"accounts/{slug}/contacts/euan-baird.md",
        f"---\nname: '{hostile}'\nroles: [decision_maker]\n---\n",
    )
    text = plan_account_plan(ws, slug)[1]
    assert "\\<script\\>" in section(text, "people")
    assert not re.search(r"(?<!\\)<script|(?<!\\)\[y|49", text)


def test_a_term_ends_where_the_next_begins() -> None:
    first = term(DAY, 90, DAY)
    assert (first.begins, first.until) == (DAY, dt.date(2027, 2, 14))
    assert first.steps == (dt.date(2026, 12, 16), dt.date(2027, 1, 15), dt.date(2027, 2, 14))
    assert term(DAY, 90, first.until - dt.timedelta(days=1)) == first
    assert term(DAY, 90, first.until).begins == first.until
