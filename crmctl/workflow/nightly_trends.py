"""The week, for each owner: whose score moved beyond the noise, and whose usage fell. Measured, not guessed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crmctl.insight.facts import by_measure
from crmctl.insight.trend import held
from crmctl.insight.weights import load_weights
from crmctl.model.numbers import half_up
from crmctl.workflow import outbox
from crmctl.workflow.nightly import Did
from crmctl.workflow.values import Insight
from crmctl.workspace import measures, store
from crmctl.workspace.index import opened

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace

WORKFLOW = "nightly"
WEEK = 7
_LISTED = 15  # accounts of each sort in one message


@dataclass(slots=True)
class Week:
    """What one owner should hear: (how much, the line) by sort, the most first."""

    down: list[tuple[float, str]] = field(default_factory=list)
    up: list[tuple[float, str]] = field(default_factory=list)
    usage: list[tuple[float, str]] = field(default_factory=list)

    def lines(self) -> list[str]:
        found: list[str] = []
        for title, rows in (
            ("Scores that fell", self.down),
            ("Usage that fell", self.usage),
            ("Scores that rose", self.up),
        ):
            if not rows:
                continue
            rows.sort(key=lambda row: (-row[0], row[1]))
            found += ["", title, *(f"- {line}" for _, line in rows[:_LISTED])]
            if len(rows) > _LISTED:
                found.append(f"- and {len(rows) - _LISTED} more")
        return found[1:]

    def subject(self) -> str:
        told = [
            f"{len(rows)} {word}"
            for rows, word in ((self.down, "down"), (self.up, "up"), (self.usage, "used less"))
            if rows
        ]
        return f"The week: {', '.join(told)}"


def tell_week(ws: Workspace, day: dt.date) -> Did:
    """A message into the outbox for every owner with something to hear, one for each ``day``. Writes no file."""
    weeks = _weeks(ws)
    notes = [
        note(ws, f"trends/{day}", owner, week.subject(), week.lines())
        for owner, week in sorted(weeks.items())
    ]
    with ws.writing("nightly trends"):
        new = outbox.write(ws.state_dir, notes)
    text = _counted(len(new)) if new else "nothing moved" if not notes else "told already"
    return Did(text, {"messages": len(new)} if new else {})


def note(
    ws: Workspace, occasion: str, owner: str, subject: str, lines: Iterable[str]
) -> outbox.Message:
    """A message of the night to one owner; the same occasion gives the same message."""
    clean_subject, body = outbox.clean(subject, lines)
    parts = ("", WORKFLOW, occasion, owner)
    stamp = ws.now.isoformat().replace("+00:00", "Z")
    return outbox.Message(outbox.key(*parts), (owner,), clean_subject, body, *parts, stamp)


def owner_of(ws: Workspace, profile: Mapping[str, object]) -> str:
    """The team id of who hears of an account: its owner, else the default owner; "" for nobody of the team."""
    text = str(profile.get("owner") or "") or ws.config.default_owner
    member = ws.config.member(text) if text else None
    return member.id if member else ""


def _weeks(ws: Workspace) -> dict[str, Week]:
    insight = Insight(ws, store.slugs(ws.root))
    rules = load_weights(ws.root).health.trend
    today = ws.today.toordinal()
    scores = _scores(ws)
    found: dict[str, Week] = {}
    for slug, profile in sorted(insight.profiles.items()):
        owner = owner_of(ws, profile)
        if not owner:
            continue
        name = f"{profile.get('name') or slug} ({slug})"
        rows = scores.get(slug, [])
        now, before = held(rows, today), held(rows, today - WEEK)
        if rules is not None and now is not None and before is not None:
            moved = now - before
            if abs(moved) > rules.noise:
                week = found.setdefault(owner, Week())
                line = f"{name}: {half_up(before)} to {half_up(now)}"
                (week.up if moved > 0 else week.down).append((abs(moved), line))
        growth = insight.values(slug)["usage_growth"]
        if isinstance(growth, float) and growth <= -ws.config.nightly.usage_fall:
            line = f"{name}: {half_up(growth * 100)} % against its own past"
            found.setdefault(owner, Week()).usage.append((-growth, line))
    return found


def _scores(ws: Workspace) -> dict[str, list[tuple[int, float]]]:
    """The scores that were written down in the last ninety days, by account."""
    with opened(ws.root, ws.state_dir) as index:
        measures.refresh(index)
        every = measures.all_series(index, ws.today - dt.timedelta(days=90))
    return {
        slug: by_measure(row for row in rows if row.measure == "health.score").get(
            "health.score", []
        )
        for slug, rows in every.items()
    }


def _counted(number: int) -> str:
    return f"{number} message" if number == 1 else f"{number} messages"
