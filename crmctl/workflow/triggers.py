"""What opens an episode and what closes it.

An *event* trigger (`EVENTS`) opens an episode for each record that appears in an account, once. A *state*
trigger is an expression: an episode opens when it becomes true and closes when it becomes false. While
it is unknown nothing opens and nothing closes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from crmctl.model.text import one_line
from crmctl.workflow.expression import Expression
from crmctl.workflow.vocabulary import terms
from crmctl.workspace.episodes import Episode

EVENTS = {"contact_created": "contacts", "deal_created": "deals"}
# Records of an account in this stage always count as new: everybody there is still to be approached.
ALWAYS_NEW = "prospect"


@dataclass(frozen=True, slots=True)
class Sight:
    """What the triggers look at in one account. ``records`` gives the ids in one of its folders, sorted."""

    values: Mapping[str, object]
    records: Callable[[str], Sequence[str]]
    today: dt.date


def appeared(
    workflow: str, event: str, episodes: Sequence[Episode], sight: Sight, *, first: bool
) -> list[Episode]:
    """New episodes of an event trigger, and on its ``first`` run the baseline of what was there before."""
    folder = EVENTS[event]
    seen = {e.key: e for e in episodes if e.workflow == workflow}
    fresh = [r for r in sight.records(folder) if f"{folder}/{r}" not in seen]
    baseline = seen.get(folder)
    new: list[Episode] = []
    if sight.values.get("stage") != ALWAYS_NEW:
        if first and baseline is not None:
            baseline.known = fresh
        elif first and fresh:
            new.append(
                Episode(workflow, folder, sight.today, sight.today, "there before", known=fresh)
            )
        known = fresh if first else baseline.known if baseline else []
        fresh = [record for record in fresh if record not in known]
    return new + [
        Episode(workflow, f"{folder}/{record}", sight.today, because=f"{event}: {folder}/{record}")
        for record in fresh
    ]


def became(
    workflow: str, condition: Expression, episodes: Sequence[Episode], sight: Sight
) -> list[Episode]:
    """The new episode of a state trigger, if one opens; closes the one that is over."""
    mine = [e for e in episodes if e.workflow == workflow and e.key.isdigit()]
    running = [e for e in mine if e.closed is None]
    truth = condition.holds(sight.values, sight.today)
    if truth is False:
        for episode in running:
            episode.closed = sight.today
    if truth is not True or running:
        return []
    number = max((int(e.key) for e in mine), default=0) + 1
    return [Episode(workflow, str(number), sight.today, because=explain(condition, sight.values))]


def explain(condition: Expression, values: Mapping[str, object]) -> str:
    """The condition and the values that made it true, on one line."""
    stated = [f"{name} is {_shown(name, values.get(name))}" for name in condition.names]
    return one_line(f"{condition.text}: {', '.join(stated)}", 500)


def _shown(name: str, value: object) -> str:
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float, Decimal)):
        term = terms().get(name)
        ratio = term is not None and term.kind == "ratio"
        number = Decimal(str(value)) * (100 if ratio else 1)
        text = f"{number:.2f}".rstrip("0").rstrip(".")
        return f"{text}%" if ratio else text
    if isinstance(value, (list, tuple)):
        return "/".join(one_line(str(item), 40) for item in value)
    return one_line(str(value), 80)
