"""One line of the doctor's report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """``wrong`` needs somebody; ``advice`` could be better; ``ok`` is as it should be."""

    OK = "ok"
    ADVICE = "advice"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what to do. ``repair``, where there is one, changes no record."""

    check: str
    state: State
    detail: str
    repair: Callable[[], None] | None = field(default=None, compare=False, repr=False)
