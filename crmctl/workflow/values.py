"""What the names in an expression stand for in one account, worked out only when they are asked for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from crmctl.insight import scoring
from crmctl.insight.facts import by_measure
from crmctl.insight.weights import load_weights
from crmctl.model.errors import CrmError
from crmctl.model.schema import FIELDS
from crmctl.workflow.briefing import briefing
from crmctl.workflow.measured import asked as asked_of
from crmctl.workflow.measured import measure_of
from crmctl.workflow.syntax import MAX_PAST_DAYS
from crmctl.workflow.vocabulary import COUNTS, HEALTH, INPUTS, OWN, USAGE
from crmctl.workspace import measures, store
from crmctl.workspace.index import opened

if TYPE_CHECKING:
    from crmctl.insight.health import Health
    from crmctl.insight.weights import Weights
    from crmctl.model.record import Account, Record
    from crmctl.workspace.workspace import Workspace

Values = Callable[[str], Mapping[str, object]]

_HEALTH = frozenset(term.name for term in HEALTH)
_INPUTS = frozenset(term.name for term in INPUTS)
_COUNTS = frozenset(term.name for term in COUNTS)
_COUNTED = frozenset(("contacts", "deals", "tasks"))


class Insight:
    """Values and descriptions of accounts. Each source is read when it is first needed, for all ``slugs``."""

    def __init__(self, ws: Workspace, slugs: Iterable[str]) -> None:
        self.ws = ws
        self.slugs = list(slugs)
        self._usage: dict[str, dict[str, tuple[str, str]]] = {}

    def values(self, slug: str) -> Mapping[str, object]:
        """The values of one account by name; CrmError if its profile cannot be read."""
        if slug not in self.profiles:
            raise CrmError(f"accounts/{slug}: has no profile that can be read; see `crmctl check`")
        return AccountValues(self, slug)

    def describe(self, account: Account) -> Mapping[str, Any]:
        """What a document may say of an account, as plain data."""
        return briefing(self.ws, account, self.weights)

    @cached_property
    def weights(self) -> Weights:
        """The numbers that scores depend on."""
        return load_weights(self.ws.root)

    @cached_property
    def profiles(self) -> dict[str, dict[str, Any]]:
        """The values that hold in each profile that can be read, as JSON knows them."""
        with opened(self.ws.root, self.ws.state_dir) as index:
            read = {slug for slug, problem in index.profiles(()) if problem is None}
            documents = index.documents()
        return {slug: documents[slug] for slug in read}

    @cached_property
    def health(self) -> Mapping[str, Health]:
        """The health of each account, as `crmctl score` would compute it now."""
        return scoring.plan_scores(self.ws, self.slugs).results

    @cached_property
    def series(self) -> Callable[[str], dict[str, list[tuple[int, float]]]]:
        """Gives the measures of an account's past by name, as (day, value), oldest first."""
        since = self.ws.today - dt.timedelta(days=2 * MAX_PAST_DAYS)
        with opened(self.ws.root, self.ws.state_dir) as index:
            measures.refresh(index)
            if len(self.slugs) < scoring.MANY:
                every = {slug: measures.series(index, slug, since) for slug in self.slugs}
            else:
                every = measures.all_series(index, since)
        return lambda slug: by_measure(every.get(slug, ()))

    def usage(self, name: str) -> Mapping[str, tuple[str, str]]:
        """The newest (day, value) of one usage measure by account."""
        if name not in self._usage:
            with opened(self.ws.root, self.ws.state_dir) as index:
                measures.refresh(index)
                self._usage[name] = measures.latest(index, name)
        return self._usage[name]


class AccountValues(Mapping[str, object]):
    """The values of one account, each worked out when it is asked for; None is what nobody knows."""

    def __init__(self, insight: Insight, slug: str) -> None:
        self.insight = insight
        self.slug = slug

    def __getitem__(self, name: str) -> object:
        if name in _HEALTH or name in _INPUTS:
            return self._scored(name)
        if name in _COUNTS:
            return self.counts.get(name)
        if name.endswith(")"):
            return self._past(name)
        if name.startswith(USAGE):
            found = self.insight.usage(name).get(self.slug)
            return None if found is None else Decimal(found[1])
        value = self.insight.profiles[self.slug].get(name.removeprefix(OWN))
        field = FIELDS["account"].get(name)
        return value if field is None or value is None else field.check(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self.insight.profiles[self.slug])

    def __len__(self) -> int:
        return len(self.insight.profiles[self.slug])

    @cached_property
    def series(self) -> dict[str, list[tuple[int, float]]]:
        """What was measured of this account, by measure."""
        return self.insight.series(self.slug)

    def _past(self, name: str) -> float | None:
        """The value of a `crmctl.workflow.syntax.Past` by its name."""
        asked, _, days = name.removesuffix("d)").partition("(")
        measure, _, method = asked.rpartition(".")
        real = measure_of(measure)
        rows = self.series.get(real, [])
        return asked_of(rows, real, method, int(days), self.insight.ws.today)

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many contacts, deals and tasks of each sort there are."""
        reader = store.Reader(self.insight.ws.root, self.insight.ws.ranking, fast=True)
        account = reader.account(self.slug, only=_COUNTED)
        if account is None:
            return {}
        here = [c for c in account.contacts.values() if c.get("left") is None and not c.deleted]
        tasks = [t for t in account.tasks.values() if t.text("status") == "open"]
        return {
            "contacts": len(here),
            "champions": sum("champion" in c.items("roles") for c in here),
            "decision_makers": sum("decision_maker" in c.items("roles") for c in here),
            "open_deals": sum(d.text("status") in ("", "open") for d in account.deals.values()),
            "open_tasks": len(tasks),
            "overdue_tasks": sum(_is_overdue(task, self.insight.ws.today) for task in tasks),
        }

    def _scored(self, name: str) -> object:
        health = self.insight.health.get(self.slug)
        if health is None:
            return None
        match name:
            case "health_score":
                return health.score
            case "health_status":
                return health.status
            case "health_coverage":
                return health.coverage
            case "last_interaction":
                found = (i.as_of for i in health.inputs() if i.name == "days_since_contact")
                return next(found, None)
        return health.value(name)


def _is_overdue(task: Record, today: dt.date) -> bool:
    due = task.date("due")
    return due is not None and due < today
