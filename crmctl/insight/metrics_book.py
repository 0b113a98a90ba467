"""Everything that the metrics rest on, read at once: profiles, one pass over the measures, git, surveys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.insight.evidence import Answer
from crmctl.insight.metrics_answers import all_answers
from crmctl.insight.metrics_history import MEASURED, TWELVE, History, Point, history, ordinal
from crmctl.insight.metrics_ledger import Customer, Ledger
from crmctl.insight.metrics_past import past_points
from crmctl.insight.metrics_time_to_value import Wait, wait
from crmctl.insight.metrics_weights import MetricWeights
from crmctl.workspace import measures
from crmctl.workspace.index import opened

if TYPE_CHECKING:
    from crmctl.model.errors import Problem
    from crmctl.workspace.index import Index
    from crmctl.workspace.workspace import Workspace

HEALTH = "health.score"
UNKNOWN = "?"
Scores = list[tuple[int, float]]


class Account(NamedTuple):
    """One account that is or was a customer, as far as metrics go."""

    slug: str
    profile: Mapping[str, Any]
    customer: Customer
    scores: Scores
    answers: Sequence[Answer]

    @property
    def history(self) -> History:
        return self.customer.history

    def trait(self, field: str) -> str:
        """A field of the profile as the name of a group; `UNKNOWN` where nobody says."""
        value = self.profile.get(field)
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        return UNKNOWN if value is None or value == "" else str(value)

    def wait(self, last: int) -> Wait | None:
        """How long it took, or has taken, to the first value."""
        started, reached = (ordinal(self.profile.get(name)) for name in ("started", "first_value"))
        return wait(self.slug, started, reached, self.history.gone, last)


@dataclass(frozen=True)
class Book:
    """All customers of a workspace, by folder. ``strays`` are folders with measured MRR and no readable profile."""

    accounts: tuple[Account, ...]
    strays: tuple[str, ...]
    problems: tuple[Problem | str, ...]

    @cached_property
    def customers(self) -> Ledger:
        """Of the accounts, in their order."""
        return Ledger(account.customer for account in self.accounts)


def read_book(
    ws: Workspace,
    rules: MetricWeights,
    days: Sequence[int],
    *,
    constant: bool = False,
    surveys: bool = True,
) -> Book:
    """The customers of a workspace; git is asked for what profiles stated on ``days`` where nobody measured the MRR."""
    with opened(ws.root, ws.state_dir) as index:
        listed = index.profiles(())
        problems: list[Problem | str] = [problem for _, problem in listed if problem is not None]
        profiles = index.documents()
        profiles = {slug: profiles[slug] for slug, problem in listed if problem is None}
        problems += measures.refresh(index)
        rows, scores = _measured(index)
        answers = all_answers(index, list(profiles), ws.today) if surveys else {}
    today, currency = ws.today.toordinal(), ws.config.currency
    past: dict[str, list[Point]] = {}

    def build(slug: str) -> History:
        profile = profiles[slug]
        own = str(profile.get("currency") or currency)
        return history(
            slug,
            profile,
            rows.get(slug, ()),
            past.get(slug, ()),
            today,
            rules,
            currency=own,
            constant=constant,
        )

    found = {slug: build(slug) for slug in profiles}
    lacking = [slug for slug, each in found.items() if _lacks(each, days)]
    past |= past_points(ws, {slug: profiles[slug] for slug in lacking}, days) if lacking else {}
    found |= {slug: build(slug) for slug in past}
    accounts = tuple(
        Account(
            slug,
            profiles[slug],
            Customer(
                each,
                ordinal(profiles[slug].get("payment_overdue_since")),
                _annual(profiles[slug], rules),
            ),
            scores.get(slug, []),
            answers.get(slug, ()),
        )
        for slug, each in found.items()
        if _customer(each)
    )
    return Book(accounts, tuple(sorted(rows.keys() - profiles.keys())), tuple(problems))


def _customer(found: History) -> bool:
    """Whether it is or was one: it has a start, or has paid."""
    return found.since is not None or any(point.value for point in found.points)


def _lacks(found: History, days: Sequence[int]) -> bool:
    """Whether git may know more: of a customer, or of one whose zero may hide that it was one."""
    if found.basis == MEASURED and all(found.at(day) is not None for day in days):
        return False
    return _customer(found) or bool(found.points)


def _annual(profile: Mapping[str, Any], rules: MetricWeights) -> bool:
    value = str(profile.get(rules.annual.field) or "").casefold()
    return value in {name.casefold() for name in rules.annual.values}


def _measured(index: Index) -> tuple[dict[str, list[Point]], dict[str, Scores]]:
    """Measured MRR and health scores by account, oldest first. Of two sources on one day, the first by name counts."""
    mrr: dict[str, list[Point]] = {}
    arr: dict[str, list[Point]] = {}
    scores: dict[str, Scores] = {}
    ordinals: dict[str, int] = {}
    seen: tuple[str, str, str] = ("", "", "")
    # In the order of the table's key: day by day, and source by source.
    query = (
        "SELECT day, account, measure, value FROM measure WHERE measure IN ('mrr', 'arr', ?)"
        " ORDER BY day, account, measure, source"
    )
    for day, account, measure, value in index.db.execute(query, (HEALTH,)):
        if (day, account, measure) == seen:
            continue
        seen = (day, account, measure)
        number = ordinals.get(day) or ordinals.setdefault(day, ordinal(day) or 0)
        if measure == HEALTH:
            scores.setdefault(account, []).append((number, float(value)))
            continue
        # A credit is no subscription.
        amount = max(Decimal(value), Decimal(0)) / (1 if measure == "mrr" else TWELVE)
        rows = mrr if measure == "mrr" else arr
        rows.setdefault(account, []).append(
            Point(number, amount, f"{measures.file_of(day)}#{measure}")
        )
    return arr | mrr, scores
