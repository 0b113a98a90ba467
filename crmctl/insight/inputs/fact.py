"""What a measured input is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple


class Fact(NamedTuple):
    """One measured input. ``value`` is None when unknown; ``note`` then says why.

    ``as_of`` is the date of what was measured, ``source`` where it stands.
    """

    value: float | None
    as_of: dt.date | None = None
    source: str = ""
    note: str = ""


Facts = dict[str, Fact]
# (day, value) by measure, oldest first, one a day; days are ordinals.
Series = Mapping[str, list[tuple[int, float]]]


def count(number: int, thing: str) -> str:
    """1 ticket, 2 tickets."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def unknown(note: str) -> Fact:
    """Nothing, and why."""
    return Fact(None, note=note)
