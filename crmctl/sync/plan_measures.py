"""Measured numbers: rows in the day's file of the portfolio."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable

from crmctl.model.incoming import Measurement, Rejected
from crmctl.sync.draft import Draft
from crmctl.workspace import files, measures, paths
from crmctl.workspace.measures import Measure


def draft_measures(
    draft: Draft, measured: Iterable[Measurement], accounts: Collection[str] | None
) -> None:
    """Plan the measurements of a batch, day by day."""
    days: dict[dt.date, list[Measure]] = {}
    for one in measured:
        account = draft.matcher.account(one.account, one.source, by_name=True)
        if account is None or account in draft.failed:
            draft.rejected.append(Rejected(one.origin, f"no account is known as {one.account}"))
        elif not measures.NAME.match(one.measure):
            draft.rejected.append(
                Rejected(one.origin, f"{one.measure} is no measure; write usage.active_users")
            )
        elif accounts is None or account in accounts:
            days.setdefault(one.day, []).append(
                Measure(account, one.measure, one.day, one.value, one.source)
            )
    for day in sorted(days):
        _draft_day(draft, day, days[day])


def _draft_day(draft: Draft, day: dt.date, rows: list[Measure]) -> None:
    path = paths.measures(day)
    raw = files.read(draft.root, path)
    draft.paths.add(path)
    known, problems = measures.parse_day(raw, day) if raw else ([], [])
    if problems:
        # Rewriting the file would lose the rows that cannot be read.
        draft.rejected += [Rejected(path, str(problem)) for problem in problems]
        return
    values = {(m.account, m.measure, m.source): m.value for m in known}
    fresh = {(m.account, m.measure, m.source): m for m in sorted(rows, key=_order)}
    news = [m for key, m in fresh.items() if values.get(key) != m.value]
    draft.unchanged["measure"] += len(fresh) - len(news)
    for key in (key for key, m in fresh.items() if values.get(key) != m.value):
        draft.count("measure", created=key not in values, changed=key in values)
    if news:
        draft.changes.put(path, raw, measures.merge_day(raw, news, day), "measured")


def _order(row: Measure) -> tuple[str, str, str, str]:
    return row.account, row.measure, row.source, measures.number(row.value)
