"""Measured numbers: rows in the day's file of the portfolio."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from crmctl.model.incoming import Incoming, Link, Measurement, Rejected, Waiting
from crmctl.sync.draft import Draft
from crmctl.sync.matching import NAMED_IN
from crmctl.sync.unmatched import waiting_for
from crmctl.workspace import files, measures, paths
from crmctl.workspace.measures import Measure


def draft_measures(
    draft: Draft, measured: Iterable[Measurement], accounts: Collection[str] | None
) -> set[tuple[str, str, str]]:
    """Plan the measurements of a batch, day by day.

    Gives the (system, kind, id) under which their accounts may have waited until now.
    """
    days: dict[dt.date, list[Measure]] = {}
    found: dict[tuple[str, Link], str | None] = {}
    unknown: dict[tuple[str, Link], list[str]] = {}
    for one in measured:
        named = one.source, one.account
        if named not in found:
            found[named] = draft.matcher.account(one.account, one.source, by_name=True)
        account = found[named]
        if account is None or account in draft.failed:
            unknown.setdefault(named, []).append(one.origin)
        elif not measures.NAME.match(one.measure):
            draft.rejected.append(
                Rejected(one.origin, f"{one.measure} is no measure; write usage.active_users")
            )
        elif accounts is None or account in accounts:
            days.setdefault(one.day, []).append(
                Measure(account, one.measure, one.day, one.value, one.source)
            )
    _report(draft, unknown)
    for day in sorted(days):
        _draft_day(draft, day, days[day])
    known = (_waiting(draft, *named) for named in found if named not in unknown)
    return {(waiting.system, waiting.kind, waiting.id) for waiting in known}


def _report(draft: Draft, unknown: Mapping[tuple[str, Link], Sequence[str]]) -> None:
    """Each account that nobody knows once, however many numbers there are of it.

    In a table that people made it is a mistake; a product has users who are no customers, and may be some day.
    """
    waiting = set(draft.unmatched)
    for (source, link), origins in unknown.items():
        if source in NAMED_IN:
            more = f" ({len(origins)} rows)" if len(origins) > 1 else ""
            draft.rejected.append(Rejected(origins[0], f"no account is known as {link}{more}"))
            continue
        one = _waiting(draft, source, link, origins[0])
        if one.id and one not in waiting:
            waiting.add(one)
            draft.unmatched.append(one)


def _waiting(draft: Draft, source: str, link: Link, origin: str = "") -> Waiting:
    """An account that waits under its source's word for it; under the domain alone if that is a person's address."""
    of_account = Incoming(source, "account", str(link), {}, account=link, origin=origin)
    waiting = waiting_for(of_account, draft.config)
    return replace(waiting, id=waiting.domain) if link.email else waiting


def _draft_day(draft: Draft, day: dt.date, rows: list[Measure]) -> None:
    path = paths.measures(day)
    raw = files.read(draft.root, path)
    for row in rows:
        draft.touch(path, row.source)
    known, problems = measures.parse_day(raw, day) if raw else ([], [])
    if problems:
        # Rewriting the file would lose the rows that cannot be read.
        draft.rejected += [Rejected(path, str(problem)) for problem in problems]
        return
    values = {(m.account, m.measure, m.source): m.value for m in known}
    fresh = {(m.account, m.measure, m.source): m for m in sorted(rows, key=_order)}
    news = [m for key, m in fresh.items() if values.get(key) != m.value]
    for key, row in fresh.items():
        changed = key in values and values[key] != row.value
        draft.count(row.source, "measure", created=key not in values, changed=changed)
    if news:
        draft.changes.put(path, raw, measures.merge_day(raw, news, day), "measured")


def _order(row: Measure) -> tuple[str, str, str, str]:
    return row.account, row.measure, row.source, measures.number(row.value)
