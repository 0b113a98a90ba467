"""Durations as people write them: ``3d``, ``2w``."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

MOST_DAYS = 730
_FORM = re.compile(r"(\d{1,4})([dw])\Z", re.ASCII)


def days(text: object) -> int:
    """A duration in days; ValueError for anything but days and weeks up to two years."""
    found = _FORM.match(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("write days or weeks, such as 3d or 2w")
    number = int(found[1]) * (7 if found[2] == "w" else 1)
    if number > MOST_DAYS:
        raise ValueError(f"is more than {MOST_DAYS} days")
    return number


def said(number: int) -> str:
    """So many days as they are written."""
    return f"{number}d"


Days = Annotated[int, BeforeValidator(days), Field(json_schema_extra={"pattern": r"^\d{1,4}[dw]$"})]
"""A field that is written as a duration and holds days."""
