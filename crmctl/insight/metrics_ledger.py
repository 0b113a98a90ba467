"""The customers of a book, apart by currency, and what became of each over a period."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, overload

from crmctl.insight.metrics_revenue import Standing, standing

if TYPE_CHECKING:
    from crmctl.insight.metrics_history import History
    from crmctl.insight.metrics_period import Period
    from crmctl.insight.metrics_weights import MetricWeights

# Periods of which a ledger remembers what it found: one, the one before, and one to compare with.
KEPT = 3


class Customer(NamedTuple):
    """An account's history; since when an invoice is overdue (an ordinal), and whether it pays by the year."""

    history: History
    overdue: int | None = None
    annual: bool = False


# The customers by currency, and the currencies without a rate.
_Apart = tuple[dict[str, Sequence[Customer]], list[str]]


class Ledger(Sequence[Customer]):
    """Customers of which many figures of few periods are wanted: what was found of them is remembered.

    It is as good as any other sequence of customers, and quicker from the second figure on.
    """

    def __init__(self, customers: Iterable[Customer] = ()) -> None:
        self._customers = tuple(customers)
        self._over: dict[tuple[int, int], list[Standing]] = {}
        self._apart: tuple[MetricWeights, _Apart] | None = None
        self._whole: tuple[Ledger, Sequence[int]] | None = None

    @overload
    def __getitem__(self, place: int) -> Customer: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Customer]: ...
    def __getitem__(self, place: int | slice) -> Customer | Sequence[Customer]:
        return self._customers[place]

    def __len__(self) -> int:
        return len(self._customers)

    def __iter__(self) -> Iterator[Customer]:
        return iter(self._customers)

    def part(self, places: Sequence[int]) -> Ledger:
        """Some of its customers, of which nothing has to be found again."""
        made = Ledger(self[place] for place in places)
        made._whole = (self, places)
        return made

    def over(self, period: Period) -> list[Standing]:
        """As `standings`."""
        key = (period.opening, period.closing)
        if key not in self._over:
            if len(self._over) == KEPT:
                del self._over[next(iter(self._over))]
            if self._whole is None:
                self._over[key] = _standings(self, period)
            else:
                whole, places = self._whole
                every = whole.over(period)
                self._over[key] = [every[place] for place in places]
        return self._over[key]

    def apart(self, rules: MetricWeights) -> _Apart:
        """As `in_currencies`."""
        if self._apart is None or self._apart[0] is not rules:
            self._apart = rules, _in_currencies(self, rules)
        return self._apart[1]


def standings(book: Sequence[Customer], period: Period) -> list[Standing]:
    """Every customer over the period."""
    return book.over(period) if isinstance(book, Ledger) else _standings(book, period)


def _standings(book: Sequence[Customer], period: Period) -> list[Standing]:
    opening, closing = period.opening, period.closing
    return [standing(each.history, opening, closing) for each in book]


def in_currencies(book: Sequence[Customer], rules: MetricWeights) -> _Apart:
    """The customers by currency: all in the common one if there are rates, else each in its own.

    Also the currencies for which there are rates but not theirs: their amounts are in no sum.
    """
    return (book if isinstance(book, Ledger) else Ledger(book)).apart(rules)


def _in_currencies(book: Ledger, rules: MetricWeights) -> _Apart:
    places: dict[str, list[int]] = {}
    for place, each in enumerate(book):
        places.setdefault(each.history.currency, []).append(place)
    if not rules.rates:
        if len(places) == 1:
            return dict.fromkeys(places, book), []
        return {name: book.part(places[name]) for name in sorted(places)}, []
    found: dict[str, list[Customer]] = {}
    rates = {name: rules.rate(name) for name in places}
    for each in book:
        name = each.history.currency
        rate = rates[name]
        if rate is not None and rules.currency is not None:
            name = rules.currency
            found.setdefault(name, []).append(each._replace(history=each.history.times(rate, name)))
        else:
            found.setdefault(name, []).append(each)
    lacking = sorted(name for name, rate in rates.items() if rate is None)
    return {name: Ledger(found[name]) for name in sorted(found)}, lacking
