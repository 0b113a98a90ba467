"""What opens an episode and what closes it.

A record that appears, a value that changes and a day of a schedule are occasions that are over once they are dealt
with. A condition is an episode from when it becomes true until it is over. While it is unknown nothing opens and
nothing closes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from crmctl.model.text import one_line
from crmctl.workflow.expression import Expression
from crmctl.workflow.hysteresis import relaxed
from crmctl.workflow.triggers import PROFILE, Appearance, Change, DealChange
from crmctl.workflow.vocabulary import terms
from crmctl.workspace.episodes import CLEARING, PENDING, Episode

if TYPE_CHECKING:
    from crmctl.workflow.definition import Workflow
    from crmctl.workflow.sights import Sight

# Records of an account in this stage always count as new: everybody there is still to be approached.
ALWAYS_NEW = "prospect"
CHANGES = "change"
ON_SCHEDULE = "at/"


def look(
    name: str,
    workflow: Workflow,
    mine: Sequence[Episode],
    history: list[Episode],
    sight: Sight,
    *,
    first: bool,
) -> list[Episode]:
    """The new episodes of one workflow; closes those that are over and notes in ``history`` what to remember.

    ``mine`` are those of ``history`` that are its own; ``first`` says that the workflow never looked at this
    workspace before.
    """
    match workflow.start:
        case Appearance(event, folder):
            found = _appeared(name, event, folder, mine, sight, first=first)
        case Change(event, field):
            found = _changed(name, event, field, mine, history, sight)
        case DealChange() as change:
            found = _deals_changed(name, change, mine, history, sight)
        case Expression() as condition if workflow.scheduled is None:
            return _became(name, workflow, condition, mine, history, sight)
        case _:
            return _due(name, workflow, mine, history, sight)
    return [e for e in found if e.is_note or _wanted(e, workflow, sight)]


def _wanted(episode: Episode, workflow: Workflow, sight: Sight) -> bool:
    """Whether an event counts under ``when`` and ``unless``. One that does not is over at once and not looked at again.

    What appeared waits while ``when`` is unknown; a change is judged on the day on which it is seen.
    """
    if workflow.when_holds is not None:
        truth = workflow.when_holds.holds(sight.values, sight.today)
        if truth is None and isinstance(workflow.start, Appearance):
            return False
        if truth is not True:
            episode.closed = sight.today
            episode.because = f"{episode.because}; not {workflow.when}"
    if _is_unless(workflow, sight):
        episode.closed = sight.today
        episode.because = f"{episode.because}; but {workflow.unless}"
    return True


def _appeared(
    name: str, event: str, folder: str, mine: Sequence[Episode], sight: Sight, *, first: bool
) -> list[Episode]:
    """On the first run everything is taken as known, but for those who are still to be approached."""
    seen = {e.key: e for e in mine}
    baseline = seen.get(folder)
    always = sight.values.get("stage") == ALWAYS_NEW
    passed = set(baseline.known) if baseline and not first and not always else set()
    records = sight.records(folder)
    if passed and passed.issuperset(records):
        return []
    fresh = [r for r in records if r not in passed and f"{folder}/{r}" not in seen]
    new: list[Episode] = []
    if not always:
        if first and baseline is not None:
            baseline.known = fresh
        elif first and fresh:
            new.append(Episode(name, folder, sight.today, sight.today, "there before", known=fresh))
        known = fresh if first else baseline.known if baseline else []
        fresh = [record for record in fresh if record not in known]
    return new + [
        Episode(name, f"{folder}/{record}", sight.today, because=_because(event, folder, record))
        for record in fresh
    ]


def _because(event: str, folder: str, record: str) -> str:
    return event if folder == PROFILE else f"{event}: {folder}/{record}"


def _changed(
    name: str,
    event: str,
    field: str,
    mine: Sequence[Episode],
    history: list[Episode],
    sight: Sight,
) -> list[Episode]:
    """A change since the last look. A field nobody states has the value "", which is a value like others here."""
    now = _stated(sight.values.get(field))
    known = next((e for e in mine if e.key == CHANGES), None)
    if known is None:
        history.append(
            Episode(
                name, CHANGES, sight.today, sight.today, "there before", known=[f"{field}={now}"]
            )
        )
        return []
    before = known.known[0].partition("=")[2] if known.known else ""
    if before == now:
        return []
    known.known = [f"{field}={now}"]
    number = 1 + sum(e.key.startswith(f"{CHANGES}/") for e in mine)
    said = one_line(f"{event}: {field} was {before or 'not known'}, is {now or 'not known'}", 300)
    return [Episode(name, f"{CHANGES}/{number}", sight.today, because=said)]


def _deals_changed(
    name: str,
    change: DealChange,
    mine: Sequence[Episode],
    history: list[Episode],
    sight: Sight,
) -> list[Episode]:
    """A deal that appears has no change behind it."""
    now = dict(sight.deals(change.field))
    known = next((e for e in mine if e.key == "deals"), None)
    if known is None:
        if now:
            listed = _listed(now)
            history.append(
                Episode(name, "deals", sight.today, sight.today, "there before", known=listed)
            )
        return []
    before = dict(item.partition("=")[::2] for item in known.known)
    if before == now:
        return []
    new = []
    for deal, value in now.items():
        old = before.get(deal)
        if old is None or old == value or (change.value and value != change.value):
            continue
        number = 1 + sum(e.key.partition("@")[0] == f"deals/{deal}" for e in mine)
        said = one_line(f"{change.event}: deals/{deal}, {change.field} was {old}, is {value}", 300)
        key = f"deals/{deal}@{number}"
        new.append(Episode(name, key, sight.today, because=said))
    if _listed(now) != sorted(known.known):
        known.known = _listed(now)
    return new


def _listed(values: Mapping[str, str]) -> list[str]:
    return sorted(f"{id}={one_line(value, 80)}" for id, value in values.items())


def _stated(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "/".join(one_line(str(item), 40) for item in value)
    return "" if value is None else one_line(str(value), 120)


def _due(
    name: str, workflow: Workflow, mine: Sequence[Episode], history: list[Episode], sight: Sight
) -> list[Episode]:
    """The latest day of the schedule that was not dealt with: nights that were missed are made up for once."""
    schedule = workflow.scheduled
    day = schedule.latest(sight.now) if schedule else None
    if day is None:
        return []
    earlier = [e for e in mine if e.key.startswith(ON_SCHEDULE)]
    if any(e.key.removeprefix(ON_SCHEDULE) >= day.isoformat() for e in earlier):
        return []
    condition = workflow.start if isinstance(workflow.start, Expression) else None
    asked = [c for c in (condition, workflow.when_holds) if c is not None]
    if not all(c.holds(sight.values, sight.today) is True for c in asked) or _is_unless(
        workflow, sight
    ):
        return []
    # Of a schedule only the last occasion is kept: the others are in git.
    for old in [e for e in earlier if e.closed is not None]:
        history.remove(old)
    said = "; ".join(
        [schedule.text if schedule else "", *(explain(c, sight.values) for c in asked)]
    )
    return [Episode(name, f"{ON_SCHEDULE}{day}", sight.today, because=said)]


def _is_unless(workflow: Workflow, sight: Sight) -> bool:
    unless = workflow.unless_holds
    return unless is not None and unless.holds(sight.values, sight.today) is True


def _became(
    name: str,
    workflow: Workflow,
    condition: Expression,
    mine: Sequence[Episode],
    history: list[Episode],
    sight: Sight,
) -> list[Episode]:
    running = [e for e in mine if e.is_state and e.closed is None]
    rules = workflow.stability
    if running:
        over = _is_over(workflow, condition, sight)
        if over and _held(name, CLEARING, rules.clear_for, mine, history, sight.today):
            for episode in running:
                if (sight.today - episode.opened).days >= rules.dwell:
                    episode.closed = sight.today
        elif over is False:
            _forget(CLEARING, mine, history)
        if all(e.closed is not None for e in running):
            _forget(CLEARING, mine, history)
        return []
    truth = condition.holds(sight.values, sight.today)
    if truth is False:
        _forget(PENDING, mine, history)
    if truth is not True or _is_unless(workflow, sight) or not _when(workflow, sight):
        return []
    past = [e.closed for e in mine if e.is_state and e.closed is not None]
    if past and (sight.today - max(past)).days < rules.cooldown:
        return []
    if not _held(name, PENDING, rules.holds_for, mine, history, sight.today):
        return []
    _forget(PENDING, mine, history)
    number = max((int(e.key) for e in mine if e.is_state), default=0) + 1
    return [Episode(name, str(number), sight.today, because=explain(condition, sight.values))]


def _when(workflow: Workflow, sight: Sight) -> bool:
    when = workflow.when_holds
    return when is None or when.holds(sight.values, sight.today) is True


def _is_over(workflow: Workflow, condition: Expression, sight: Sight) -> bool | None:
    """Whether an episode's condition is over with room to spare; None while that is unknown."""
    if workflow.clear_holds is not None:
        return workflow.clear_holds.holds(sight.values, sight.today)
    truth = _relaxed(condition, workflow.stability.margin).holds(sight.values, sight.today)
    return None if truth is None else not truth


@lru_cache(maxsize=256)
def _relaxed(condition: Expression, margin: float) -> Expression:
    return relaxed(condition, margin)


def _held(
    name: str, note: str, days: int, mine: Sequence[Episode], history: list[Episode], today: dt.date
) -> bool:
    """Whether something has held for so many days; since when stands in a note."""
    if not days:
        return True
    since = next((e for e in mine if e.key == note), None)
    if since is None:
        history.append(Episode(name, note, today))
        return False
    return (today - since.opened).days >= days


def _forget(note: str, mine: Sequence[Episode], history: list[Episode]) -> None:
    for old in [e for e in mine if e.key == note]:
        history.remove(old)


def explain(condition: Expression, values: Mapping[str, object]) -> str:
    """The condition and the values that made it true, on one line."""
    stated = [f"{name} is {shown(name, values.get(name))}" for name in condition.names]
    return one_line(f"{condition.text}: {', '.join(stated)}", 500)


def shown(name: str, value: object) -> str:
    """A value as people read it, on one line: a ratio in percent, a number with two decimals at most."""
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float, Decimal)):
        term = terms().get(name)
        ratio = ".growth(" in name or (term is not None and term.kind == "ratio")
        number = Decimal(str(value)) * (100 if ratio else 1)
        text = f"{number:.2f}".rstrip("0").rstrip(".")
        return f"{text}%" if ratio else text
    if isinstance(value, (list, tuple)):
        return "/".join(one_line(str(item), 40) for item in value) or "none"
    return one_line(str(value), 80)
