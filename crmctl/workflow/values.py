"""What the names in an expression stand for in one account, worked out only when they are asked for."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from crmctl.insight.weights import load_weights
from crmctl.model.errors import CrmError
from crmctl.model.schema import FIELDS
from crmctl.workflow import installed
from crmctl.workflow.briefing import briefing
from crmctl.workflow.cadence import PREFIX
from crmctl.workflow.measured import asked as asked_of
from crmctl.workflow.measured import measure_of
from crmctl.workflow.parts import NO_TASKS, SIZE, Part, Tasks, tasks
from crmctl.workflow.said import KINDS, PACE
from crmctl.workflow.vocabulary import COUNTS, HEALTH, INPUTS, OWN, USAGE
from crmctl.workspace import catalog, measures, store
from crmctl.workspace.index import opened, plain

if TYPE_CHECKING:
    from crmctl.insight.standing import Standing
    from crmctl.insight.weights import Weights
    from crmctl.model.record import Account, Record
    from crmctl.workspace.workspace import Workspace

Values = Callable[[str], Mapping[str, object]]

_SCORED: dict[str, object] = dict.fromkeys(term.name for term in (*HEALTH, *INPUTS))
_COUNTS = frozenset(term.name for term in COUNTS)
_TASKS = frozenset(("open_tasks", "overdue_tasks"))
_COUNTED = frozenset(("contacts", "deals", "tasks"))
_FIELDS = FIELDS["account"]


class Insight:
    """Values and descriptions of accounts. Each source is read when it is first needed, part by part."""

    def __init__(self, ws: Workspace, slugs: Iterable[str]) -> None:
        self.ws = ws
        self.slugs = sorted(slugs)
        self._usage: dict[str, dict[str, tuple[str, str]]] = {}
        self._part = Part(ws, [], lambda: self.weights)
        self._latest: AccountValues | None = None

    def values(self, slug: str) -> Mapping[str, object]:
        """The values of one account by name; CrmError if its profile cannot be read."""
        if slug not in self.readable:
            raise CrmError(f"accounts/{slug}: has no profile that can be read; see `crmctl check`")
        return self.account(slug)

    def only(self, slugs: Sequence[str]) -> None:
        """Turn to these accounts alone."""
        if len(slugs) < len(self.slugs):
            self.slugs = list(slugs)
            self._part = Part(self.ws, [], lambda: self.weights)

    def account(self, slug: str) -> AccountValues:
        """The values of an account that has a profile."""
        if self._latest is None or self._latest.slug != slug:
            self._latest = AccountValues(self, slug)
        return self._latest

    def part(self, slug: str) -> Part:
        """What is read together with this account. Whoever takes the accounts in order reads each part once."""
        if slug not in self._part.members:
            place = bisect_left(self.slugs, slug) // SIZE * SIZE
            near = self.slugs[place : place + SIZE]
            self._part = Part(self.ws, near if slug in near else [slug], lambda: self.weights)
        return self._part

    def describe(self, account: Account) -> Mapping[str, Any]:
        """What a document may say of an account, as plain data."""
        return briefing(self.ws, account, self.weights)

    @cached_property
    def weights(self) -> Weights:
        """The numbers that scores depend on."""
        return load_weights(self.ws.root)

    @cached_property
    def readable(self) -> frozenset[str]:
        """The accounts whose profile can be read."""
        with opened(self.ws.root, self.ws.state_dir) as index:
            return frozenset(slug for slug, problem in index.profiles(()) if problem is None)

    @property
    def profiles(self) -> dict[str, dict[str, Any]]:
        """The values that hold in each profile that can be read, as JSON knows them."""
        with opened(self.ws.root, self.ws.state_dir) as index:
            return index.documents(sorted(self.readable))

    @cached_property
    def tasks(self) -> Mapping[str, Tasks]:
        """How many open tasks each account has."""
        return tasks(self.ws, self.slugs)

    @cached_property
    def touches(self) -> Counter[tuple[str, str]]:
        """How many open tasks of cadences fall on a person's day, by (owner, day); actions count up what they add."""
        with opened(self.ws.root, self.ws.state_dir) as index:
            rows = catalog.records(index, "task")
        return Counter(
            (str(row.get("owner") or ""), str(row.get("due")))
            for row in rows
            if row.get("status") == "open" and str(row.get("workflow")).startswith(PREFIX)
        )

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
        self.part = insight.part(slug)
        self._known: dict[str, object] = {}

    def __getitem__(self, name: str) -> object:
        known = self._known
        if name not in known:
            known[name] = _source(name)(self, name)
        return known[name]

    def get(self, name: str, _default: object = None) -> object:
        """As ``[]``: what nobody knows is None."""
        known = self._known
        return known[name] if name in known else self[name]

    def of_scores(self, name: str) -> object:
        """What a scoring tells."""
        self._known |= self._scored()
        return self._known[name]

    def of_talks(self, name: str) -> object:
        """What was said, and how often."""
        return self.part.said.value(self.slug, name)

    def of_usage(self, name: str) -> object:
        """The newest value of a usage measure."""
        found = self.insight.usage(name).get(self.slug)
        return None if found is None else Decimal(found[1])

    def of_package(self, name: str) -> object:
        """A value that an installed package brings."""
        brought = installed.find(name)
        return None if brought is None else installed.ask(brought, self._plain())

    def of_profile(self, name: str) -> object:
        """A field of the profile, ours or the team's own."""
        value = self.part.profiles[self.slug].get(name.removeprefix(OWN))
        field = _FIELDS.get(name)
        return value if field is None or value is None else field.check(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self.part.profiles[self.slug])

    def __len__(self) -> int:
        return len(self.part.profiles[self.slug])

    def of_past(self, name: str) -> float | None:
        """The value of a `crmctl.workflow.syntax.Past` by its name."""
        asked, _, days = name.removesuffix("d)").partition("(")
        measure, _, method = asked.rpartition(".")
        real = measure_of(measure)
        rows = self.part.past(self.slug, real)
        return asked_of(rows, real, method, int(days), self.insight.ws.today)

    @cached_property
    def _account(self) -> Account | None:
        """The profile, contacts, deals and tasks."""
        reader = store.Reader(self.insight.ws.root, self.insight.ws.ranking, fast=True)
        return reader.account(self.slug, only=_COUNTED)

    def _plain(self) -> dict[str, Any]:
        """The account as packages of others see it: copies of plain values."""
        account = self._account
        data: dict[str, Any] = {
            "slug": self.slug,
            "today": self.insight.ws.today,
            "profile": plain(self.part.profiles[self.slug]),
        }
        for name in _COUNTED:
            records: Mapping[str, Record] = getattr(account, name) if account is not None else {}
            data[name] = [
                {"id": record.id, **plain(record.effective())}
                for record in records.values()
                if not record.deleted
            ]
        return data

    @cached_property
    def standing(self) -> Standing | None:
        """How the account stands, by its scoring."""
        return self.part.health.standing(self.slug)

    def of_records(self, name: str) -> int | None:
        """How many records of a kind there are."""
        if name in _TASKS:
            found = self.insight.tasks.get(self.slug, NO_TASKS)
            return found.open if name == "open_tasks" else found.overdue
        return None if self.standing is None else self.standing.counts.get(name)

    def _scored(self) -> dict[str, object]:
        """All that a scoring tells: one question for many names."""
        found = self.standing
        if found is None:
            return _SCORED
        return {
            **_SCORED,
            **found.inputs,
            "health_score": found.score,
            "health_status": found.status,
            "health_coverage": found.coverage,
            "shut_gates": found.gates,
            "last_interaction": found.last_heard,
        }


@cache
def _source(name: str) -> Callable[[AccountValues, str], object]:
    """What answers for a name. Each name is asked of every account."""
    if name in _SCORED:
        return AccountValues.of_scores
    if name in _COUNTS:
        return AccountValues.of_records
    if name in KINDS or name in PACE:
        return AccountValues.of_talks
    if name.endswith(")"):
        return AccountValues.of_past
    if name.startswith(USAGE):
        return AccountValues.of_usage
    if "." in name and not name.startswith(OWN):
        return AccountValues.of_package
    return AccountValues.of_profile
