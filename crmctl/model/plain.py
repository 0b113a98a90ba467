"""What the program finds as plain data, for templates and JSON."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

# What is plain already, and most of what there is.
BARE = frozenset({str, int, float, bool, type(None), Decimal, dt.date, dt.datetime})


def plain(value: Any) -> Any:
    """Named tuples as maps, tuples as lists, all the way down; what is in a map already stays as it is."""
    if isinstance(value, (list, tuple)):
        names = getattr(value, "_fields", None)
        if names is None:
            return [item if type(item) in BARE else plain(item) for item in value]
        return {
            name: item if type(item) in BARE else plain(item)
            for name, item in zip(names, value, strict=True)
        }
    return value
