"""The signals of one account or of all, from what scoring remembers; each with the line it stands on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.cache import Cache, pack_signals, unpack_signals
from crmctl.insight.citing import Lines, Rows
from crmctl.insight.scoring import plan_scores
from crmctl.insight.signals import Signal
from crmctl.workspace.index import opened

if TYPE_CHECKING:
    from crmctl.model.errors import Problem
    from crmctl.workspace.workspace import Workspace


class Listed(NamedTuple):
    """A signal of an account. ``age`` is in days, None where no day is known."""

    account: str
    signal: Signal
    age: int | None


def listed(
    ws: Workspace, slugs: Iterable[str] | None, wanted: Callable[[Signal], bool]
) -> tuple[list[Listed], list[Problem]]:
    """The signals that are wanted, of these accounts or of all, strongest first, and what could not be read.

    Only accounts that changed are read. Nothing is written; what a line was looked up for is remembered.
    """
    plan = plan_scores(ws, slugs, signals=True)
    rows: Rows = {}
    found: list[Listed] = []
    looked_up: dict[str, tuple[str, str]] = {}
    for slug, packed in sorted(plan.signals.items()):
        cited, signals = unpack_signals(packed)
        if not any(map(wanted, signals)):
            continue
        if not cited:
            lines = Lines(ws.root, slug, rows)
            signals = [signal._replace(source=lines.cite(signal.source)) for signal in signals]
            looked_up[slug] = packed, pack_signals(signals, cited=True)
        found += _aged(slug, filter(wanted, signals), ws.today)
    if looked_up:
        with opened(ws.root, ws.state_dir) as index:
            Cache(index, ws.today, "").keep_signals(looked_up)
    found.sort(key=lambda row: (-row.signal.strength, row.account, row.signal.kind))
    return found, plan.problems


def _aged(slug: str, signals: Iterable[Signal], today: dt.date) -> Iterator[Listed]:
    for signal in signals:
        age = None if signal.as_of is None else (today - signal.as_of).days
        yield Listed(slug, signal, age)
