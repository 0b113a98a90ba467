"""Calendar quarters."""

from __future__ import annotations

import datetime as dt
import re
from typing import NamedTuple, Self

from crmctl.model.errors import UsageError

_WRITTEN = re.compile(r"(\d{4})[- ]?[qQ]([1-4])", re.ASCII)


class Quarter(NamedTuple):
    """One quarter of a calendar year; ``number`` is 1 to 4."""

    year: int
    number: int

    @classmethod
    def of(cls, day: dt.date) -> Self:
        """The quarter that ``day`` lies in."""
        return cls(day.year, (day.month - 1) // 3 + 1)

    @classmethod
    def parse(cls, text: str) -> Self:
        """From 2026-q4, 2026Q4 or 2026 Q4; UsageError for anything else."""
        match = _WRITTEN.fullmatch(text.strip())
        if match is None or match[1] in {"0000", "9999"}:
            raise UsageError(f"{text!r} is no quarter; write it as 2026-q4")
        return cls(int(match[1]), int(match[2]))

    @property
    def start(self) -> dt.date:
        """Its first day."""
        return dt.date(self.year, 3 * self.number - 2, 1)

    @property
    def end(self) -> dt.date:
        """Its last day."""
        return self.next.start - dt.timedelta(days=1)

    @property
    def next(self) -> Quarter:
        """The quarter after it."""
        return Quarter(self.year + self.number // 4, self.number % 4 + 1)

    @property
    def previous(self) -> Quarter:
        """The quarter before it."""
        return Quarter(self.year, self.number - 1) if self.number > 1 else Quarter(self.year - 1, 4)

    @property
    def slug(self) -> str:
        """As it stands in file names: 2026-q4."""
        return f"{self.year}-q{self.number}"

    def __str__(self) -> str:
        return f"{self.year} Q{self.number}"
