"""What a score would be: one account with other values, all accounts with other weights. Nothing is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.cache import Cache
from crmctl.insight.curves import NOISE
from crmctl.insight.evidence import DATES, KEPT_DAYS, gather
from crmctl.insight.explain import Change, change
from crmctl.insight.facts import by_measure
from crmctl.insight.fingerprint import FOLDERS, fingerprint
from crmctl.insight.inputs.fact import Fact, unknown
from crmctl.insight.inputs.usage import ACTIVE, AVAILABLE, USED
from crmctl.insight.past import Standing
from crmctl.insight.weights import load_weights
from crmctl.model.errors import Problem, UsageError
from crmctl.workspace import measures, store
from crmctl.workspace.index import opened

if TYPE_CHECKING:
    from crmctl.insight.evidence import Evidence
    from crmctl.insight.weights import Weights
    from crmctl.workspace.index import Index
    from crmctl.workspace.workspace import Workspace

NOTE = "assumed"


def assume(standing: Standing, settings: Iterable[str]) -> Standing:
    """The standing with ``name=value`` settings; an empty value makes the thing unknown.

    A name is a measure (as if measured that day), ``seats`` or a date of the profile, an input of the score, or
    ``champion_left`` with the day. UsageError for anything else.
    """
    for setting in settings:
        name, mark, text = (part.strip() for part in setting.partition("="))
        if not mark:
            raise UsageError(f"{setting!r} sets nothing; write name=value, as in {ACTIVE}=40")
        standing = _assumed(standing, name, text)
    return standing


def _assumed(standing: Standing, name: str, text: str) -> Standing:
    health = standing.used().health
    scored = [name for factor in health.factors.values() for name in factor.inputs]
    known = sorted({*health.measuring.usage_measures, ACTIVE, USED, AVAILABLE})
    if name in known:
        return _measured(standing, name, text)
    if name == "seats":
        seats = _whole(name, text)
        where = _where(standing.evidence, name, given=seats is not None)
        return replace(standing, evidence=replace(standing.evidence, seats=seats, where=where))
    if name in DATES:
        day = _date(name, text)
        dates = {key: value for key, value in standing.evidence.dates.items() if key != name}
        if day is not None:
            dates[name] = day.toordinal()
        where = _where(standing.evidence, name, given=day is not None)
        return replace(standing, evidence=replace(standing.evidence, dates=dates, where=where))
    if name == "champion_left":
        left = _date(name, text)
        gone = None if left is None or left > standing.day else left
        fact = unknown(NOTE)
        if gone is not None:
            fact = Fact(
                (standing.day - gone).days, gone, "", f"{NOTE}: the champion left on {gone}"
            )
        return replace(standing, assumed={**standing.assumed, name: fact})
    if name not in scored:
        allowed = ", ".join([*known, "seats", *DATES, "champion_left", *scored])
        raise UsageError(f"{name!r} moves no score; allowed: {allowed}")
    number = _number(name, text)
    fact = unknown(NOTE) if number is None else Fact(number, standing.day, "", NOTE)
    return replace(standing, assumed={**standing.assumed, name: fact})


def _measured(standing: Standing, name: str, text: str) -> Standing:
    number = _number(name, text)
    if number is not None and number < 0:
        raise UsageError(f"{name}: found {text!r}; allowed: a number from 0 on")
    series = dict(standing.series)
    if number is None:
        series.pop(name, None)
    else:
        today = standing.day.toordinal()
        kept = [row for row in series.get(name, []) if row[0] < today]
        series[name] = [*kept, (today, number)]
    return replace(standing, series=series)


def _where(evidence: Evidence, name: str, *, given: bool) -> dict[str, str]:
    """Where the fields stand: an assumed one nowhere."""
    kept = {key: place for key, place in evidence.where.items() if key != name}
    return kept | {name: ""} if given else kept


def _number(name: str, text: str) -> float | None:
    """A number, 50% being 0.5; None for nothing."""
    if not text:
        return None
    share = text.endswith("%")
    try:
        number = Decimal(text.removesuffix("%").strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise UsageError(f"{name}: found {text!r}; allowed: a number, or nothing for unknown")
    return float(number / 100 if share else number)


def _whole(name: str, text: str) -> int | None:
    number = _number(name, text)
    if number is None:
        return None
    if number < 0 or number != int(number):
        raise UsageError(f"{name}: found {text!r}; allowed: a whole number from 0 on")
    return int(number)


def _date(name: str, text: str) -> dt.date | None:
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{name}: found {text!r}; allowed: a date such as 2026-03-31, or nothing for unknown"
        ) from None


class Move(NamedTuple):
    """One account whose score or status other weights would change."""

    slug: str
    change: Change

    @property
    def crosses(self) -> bool:
        """Whether its status would be another."""
        return self.change.before.status != self.change.after.status


class Simulation(NamedTuple):
    """Who would move, the changes of status first and then by size; ``scored`` is how many were looked at."""

    moves: list[Move]
    scored: int
    problems: list[Problem]


def simulate(ws: Workspace, other: Weights) -> Simulation:
    """Every account under the workspace's weights and under ``other``, as of the workspace's day."""
    weights = load_weights(ws.root)
    moves: list[Move] = []
    scored = 0
    with opened(ws.root, ws.state_dir) as index:
        problems = measures.refresh(index)
        for standing in _standings(ws, index, weights, problems):
            scored += 1
            found = change(standing, replace(standing, weights=other))
            if _moves(found):
                moves.append(Move(standing.slug, found))
    moves.sort(key=lambda m: (not m.crosses, -abs(m.change.total or 0.0), m.slug))
    problems.sort(key=lambda p: (p.path, p.line))
    return Simulation(moves, scored, problems)


def _moves(found: Change) -> bool:
    before, after = found.before, found.after
    if found.total is not None and abs(found.total) > NOISE:
        return True
    return (before.score is None) != (after.score is None) or before.status != after.status


def _standings(
    ws: Workspace, index: Index, weights: Weights, problems: list[Problem]
) -> Iterator[Standing]:
    """All accounts as they are now, from what scoring remembers of them where it still holds."""
    remembered = Cache(index, ws.today, "")
    reader = store.Reader(ws.root, ws.ranking, fast=True)
    series = measures.all_series(index, ws.today - dt.timedelta(days=KEPT_DAYS))
    for slug in store.slugs(ws.root):
        kept = remembered.gathered(slug, fingerprint(index.accounts, slug).digest)
        if kept is None:
            account = reader.account(slug, only=frozenset(FOLDERS))
            if account is None:
                continue
            evidence = gather(account, ws.today)
        else:
            evidence = kept[0].evidence
            problems += kept[0].problems
        yield Standing(slug, ws.today, "", evidence, by_measure(series.get(slug, ())), weights)
    problems += [p for p in reader.problems if p.code != "required"]
