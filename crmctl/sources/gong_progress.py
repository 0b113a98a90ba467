"""How far Gong was read. It has no "changed since", so that the last days are listed again each time.

A day is settled when what was listed of it is what was listed before: then its calls are as they were, and their
transcripts need not come again. Those that were not ready yet are asked for again by themselves.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from typing import Any

from crmctl.sources.conversation_json import stamp, when

_MOST_PENDING = 300  # ids in a mark; a day with more of them is read anew each time


class Progress:
    """``seen`` is the newest call's start."""

    def __init__(self, mark: Mapping[str, Any], since: dt.datetime, lookback_days: int) -> None:
        self.seen = when(mark.get("seen"))
        self._since = midnight(since)
        self._lookback = dt.timedelta(days=lookback_days)
        rows = (str(row).partition(" ") for row in mark.get("days") or ())
        self._days = {day: digest for day, _, digest in rows}
        # The calls whose transcripts were not ready, with their days, "" before they are met again.
        self._pending = dict.fromkeys(map(str, mark.get("pending") or ()), "")

    @property
    def start(self) -> dt.datetime:
        """From when on to read: whole days, so that each can be compared with what it was."""
        return max(self._since, self._first(self.seen)) if self.seen else self._since

    def _first(self, seen: dt.datetime) -> dt.datetime:
        """The first day that is listed anew each time."""
        return midnight(seen - self._lookback)

    def settled(self, day: dt.date, digest: str) -> bool:
        """Whether a day is listed as it was."""
        return self._days.get(day.isoformat()) == digest

    def awaits(self, id: str) -> bool:
        """Whether a call's transcript was not ready when it was last asked for."""
        return id in self._pending

    def settle(
        self, day: dt.date, digest: str, unready: Collection[str], ready: Iterable[str]
    ) -> None:
        """Note what a day is listed as, and which of its transcripts were not ready."""
        name = day.isoformat()
        for id in ready:
            self._pending.pop(id, None)
        if len(self._pending.keys() | unready) > _MOST_PENDING:
            self._days.pop(name, None)
            return
        self._pending |= dict.fromkeys(unready, name)
        self._days[name] = digest

    def see(self, times: Iterable[dt.datetime], now: dt.datetime) -> None:
        """Take in the starts of calls; one that lies ahead of us is a mistake and must not hide what is to come."""
        self.seen = max(
            (t for t in (*times, self.seen) if t is not None and t <= now), default=self.seen
        )

    def mark(self, *, whole: bool) -> dict[str, Any] | None:
        """What to keep, None if nothing was ever seen. ``whole``: all days were read that are listed anew."""
        if self.seen is None:
            return None
        first = self._first(self.seen).date().isoformat()
        self._days = {day: digest for day, digest in self._days.items() if day >= first}
        self._pending = {
            id: day for id, day in self._pending.items() if (day >= first if day else not whole)
        }
        mark: dict[str, Any] = {
            "seen": stamp(self.seen),
            "days": [f"{day} {digest}" for day, digest in sorted(self._days.items())],
        }
        return {**mark, "pending": sorted(self._pending)} if self._pending else mark


def midnight(time: dt.datetime) -> dt.datetime:
    """The beginning of a day in UTC."""
    return time.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def digest_of(parts: Iterable[str]) -> str:
    """A short digest of all that was listed of a day, in whatever order it came."""
    return sha256("\n".join(sorted(parts)).encode("utf-8", "replace")).hexdigest()[:12]
