"""What an import would change, and why: a pure function of the files and the batch.

First every record gets its place and new ones their names, in the order of kind, system and id; then, when all
names are known, each is compared with its file. So neither the order of a batch nor a killed run before it makes
a difference to the bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crmctl.model.errors import ConfigError, CrmError
from crmctl.model.incoming import Batch, Incoming, Rejected, Waiting
from crmctl.sync import guards, plan_measures, plan_records, plan_traffic
from crmctl.sync.draft import Draft, Placed, Tally
from crmctl.sync.dupes import Suggestion, suggest_new
from crmctl.sync.known import Known, tail
from crmctl.sync.matching import Matched, Matcher, New, Nowhere, provisional
from crmctl.sync.statement import Owners, checked, fold
from crmctl.sync.unmatched import waiting_for
from crmctl.workspace import paths
from crmctl.workspace.changes import ChangeSet

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace


@dataclass(slots=True)
class Plan:
    """The changes, and everything a person should know about them.

    ``tallies`` count by system. ``placed`` are the (system, kind, id) that have a file; ``touched`` has the systems
    that speak of each file, changed or not. ``held`` are systems of which a record could not be written because of our
    own files. ``kept_away`` are records that a person removed. ``guards`` are the reasons to stop and ask first.
    """

    changes: ChangeSet
    tallies: dict[str, Tally]
    suggested: list[Suggestion]
    unmatched: list[Waiting]
    rejected: list[Rejected]
    notes: list[str]
    placed: set[tuple[str, str, str]] = field(default_factory=set)
    touched: dict[str, set[str]] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    kept_away: list[Incoming] = field(default_factory=list)
    guards: list[guards.Guard] = field(default_factory=list)

    @property
    def paths(self) -> set[str]:
        """Every file the batches speak of, changed or not."""
        return set(self.touched)

    def waits_for(self, skipped: Collection[str] = ()) -> set[str]:
        """The systems of which something could not be written: of ``held`` and of the ``skipped`` files."""
        return self.held | {system for path in skipped for system in self.touched.get(path, ())}

    def settled(self, skipped: Collection[str] = ()) -> set[tuple[str, str, str]]:
        """What need not wait any more. Of a system that could not be written whole everything waits on."""
        held = self.waits_for(skipped)
        return {key for key in self.placed if key[0] not in held}

    @property
    def created(self) -> Counter[str]:
        """How many records are new, by kind, over all systems."""
        return sum((tally.created for tally in self.tallies.values()), Counter())

    @property
    def updated(self) -> Counter[str]:
        """How many records have news, by kind, over all systems."""
        return sum((tally.updated for tally in self.tallies.values()), Counter())

    @property
    def unchanged(self) -> Counter[str]:
        """How many records are as they were, by kind, over all systems."""
        return sum((tally.unchanged for tally in self.tallies.values()), Counter())


def plan(
    ws: Workspace,
    batches: Sequence[Batch],
    known: Known,
    *,
    accounts: Collection[str] | None = None,
    removed: Callable[[Incoming], bool] = lambda _record: False,
) -> Plan:
    """What taking in ``batches``, each of one system, would change; ``accounts`` limits it to these folders.

    ``known`` is what `crmctl.sync.known.load_for` read for them; it is left as it is. ``removed`` tells of a record
    that a person took out of the workspace, so that it does not come back.
    """
    records = fold((r for batch in batches for r in batch.records), ws.ranking.default)
    branch = known.branch()
    matcher = Matcher(branch, ws.config, records)
    draft = Draft(ws.root, ws.today, ws.config, matcher)
    owners = {batch.system: Owners(ws.config, batch.owners) for batch in batches}
    for batch in batches:
        draft.rejected += batch.rejected
        draft.unmatched += batch.waiting
    names = _Names(branch, removed)
    placed: list[Placed] = []
    for record in records:
        stated, wrong = checked(record, owners[record.system])
        draft.rejected += [Rejected(_origin(record), sentence) for sentence in wrong]
        place = _place(draft, names, record, stated)
        if place is not None and (accounts is None or place.account in accounts):
            placed.append(place)
    draft.begin_stages(placed)
    for place in placed:
        if place.record.kind != "event":
            _attempt(draft, place)
    plan_traffic.draft_events(draft, [p for p in placed if p.record.kind == "event"])
    measured = [one for batch in batches for one in batch.measurements]
    measured_for = plan_measures.draft_measures(draft, measured, accounts)
    new = {(place.record.kind, place.ref) for place in placed if place.found is None}
    result = Plan(
        draft.changes,
        draft.tallies,
        suggest_new(branch, new),
        sorted(draft.unmatched),
        draft.rejected,
        [*(note for batch in batches for note in batch.notes), *draft.notes],
        measured_for | {(p.record.system, p.record.kind, p.record.id) for p in placed},
        draft.touched,
        draft.held,
        names.kept_away,
    )
    for batch in batches:
        altered = {account for system, account in draft.altered if system == batch.system}
        result.guards += guards.stops(ws, batch, len(known.records["account"]), altered)
    return result


def _attempt(draft: Draft, place: Placed) -> None:
    """One record that cannot be written never stops the others, only those that would lie in its folder."""
    try:
        draft.require(place.account)
        plan_records.draft_record(draft, place)
    except ConfigError:
        raise
    except CrmError as error:
        if place.found is None and place.record.kind == "account":
            draft.failed.add(place.account)
        draft.refuse(place.record, str(error))


def _place(draft: Draft, names: _Names, record: Incoming, stated: dict[str, Any]) -> Placed | None:
    matcher, known = draft.matcher, draft.matcher.known
    if record.kind == "event":
        account = matcher.account_of(record, stated)
        if account is not None or record.deleted:
            # Where it is it stays, also if its people have moved on since: else it would be there twice.
            account = plan_traffic.home_of(draft, record) or account
        if account is None and not record.deleted and record.waits:
            draft.unmatched.append(waiting_for(record, draft.config))
        return (
            Placed(record, stated, f"{account}/{record.id}", account, "", None) if account else None
        )
    match = matcher.match(record, stated)
    if isinstance(match, Matched):
        found = known.records[record.kind][match.ref]
        path = found.path
        if match.by not in {"id", "alias"}:
            known.ids[record.kind][f"{record.system}:{record.id}"] = match.ref
        return Placed(record, stated, match.ref, found.account, path, found, alias=match.alias)
    if isinstance(match, Nowhere):
        _turn_away(draft, record, match)
        return None
    return _new(draft, names, record, stated, match)


def _turn_away(draft: Draft, record: Incoming, match: Nowhere) -> None:
    if match.waits:
        if record.waits:
            draft.unmatched.append(waiting_for(record, draft.config))
    elif match.damaged:
        draft.refuse(record, match.reason)
    elif match.reason == "is one of us":
        if record.waits:
            draft.notes.append(f"{_origin(record)}: {match.reason}, not a contact")
    elif match.reason:
        draft.rejected.append(Rejected(_origin(record), match.reason))


def _new(
    draft: Draft, names: _Names, record: Incoming, stated: dict[str, Any], match: New
) -> Placed | None:
    if not record.fields and not record.body:
        if record.waits:
            draft.unmatched.append(waiting_for(record, draft.config))
        return None
    if not record.creates:
        return None
    if names.removed(record):
        names.kept_away.append(record)
        return None
    missing = plan_records.complete(record, stated)
    if missing:
        draft.rejected.append(Rejected(_origin(record), missing))
        return None
    account, id, path = names.give(record, stated, match.account, draft)
    made = provisional(record, account, id, path, stated)
    draft.matcher.known.add(made)
    ref = account if record.kind == "account" else f"{account}/{id}"
    return Placed(record, stated, ref, account, path, None)


def _origin(record: Incoming) -> str:
    return record.origin or f"{record.system} {record.kind} {record.id}"


class _Names:
    """Gives new records the names of their files: readable, and told apart by the external id where need be."""

    def __init__(self, known: Known, removed: Callable[[Incoming], bool]) -> None:
        self.removed = removed
        self.kept_away: list[Incoming] = []
        self._accounts = {*known.records["account"], *known.folded}
        self._contacts = {ref.partition("/")[2] for ref in known.records["contact"]}
        self._deals = set(known.records["deal"])
        for file in known.damaged:
            self._accounts |= {file.account} if file.kind == "account" else set()
            self._contacts |= {file.id} if file.kind == "contact" else set()
            self._deals |= {f"{file.account}/{file.id}"} if file.kind == "deal" else set()

    def give(
        self, record: Incoming, stated: dict[str, Any], account: str, draft: Draft
    ) -> tuple[str, str, str]:
        """(account, id, path) of a new record."""
        key = f"{record.system}:{record.id}"
        if record.kind == "account":
            name = paths.unique(paths.slug(stated["name"], fallback="account"), self._accounts, key)
            self._accounts.add(name)
            return name, name, paths.profile(name)
        if record.kind == "contact":
            # Without two of a name anywhere, a contact can move between accounts and keep its name.
            name = paths.unique(paths.slug(stated["name"], fallback="contact"), self._contacts, key)
            self._contacts.add(name)
            return account, name, paths.contact(account, name)
        if record.kind == "deal":
            base = f"{account}/{paths.slug(stated['name'], fallback='deal')}"
            name = paths.unique(base, self._deals, key)
            self._deals.add(name)
            id = name.partition("/")[2]
            return account, id, paths.deal(account, id)
        if record.kind == "interaction":
            path = paths.interaction(account, stated["at"], stated["type"], tail(record))
        else:
            day = stated.get("due") or record.at or draft.today
            path = paths.task(
                account, day, paths.slug(stated["title"], fallback="task", limit=40), tail(record)
            )
        return account, path.rpartition("/")[2].removesuffix(".md"), path
