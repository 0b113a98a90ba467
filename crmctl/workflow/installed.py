"""Values that installed packages bring to conditions, by entry points: ``crmctl.values``.

A package gives an `Value`: its name, its kind, a sentence, and a function of plain data. Nothing from the workspace is
ever loaded, and what a function gives is checked before anything rests on it.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from crmctl.model.errors import ConfigError, CrmError
from crmctl.model.text import one_line

GROUP = "crmctl.values"
KINDS = ("number", "score", "ratio", "days", "date", "text", "bool", "list")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\.[a-z][a-z0-9_]{0,39}\Z")
_OURS = ("field", "usage", "health", "icp")


@dataclass(frozen=True, slots=True)
class Value:
    """One name for conditions, such as ``acme.tier``: the package's own word, a dot, and what it is.

    ``kind`` is one of `KINDS`. ``of`` gets an account as plain data: ``slug``, ``today``, ``profile`` (its fields), and
    ``contacts``, ``deals``, ``tasks`` (lists of their fields). It returns None for what is not known.
    """

    name: str
    kind: str
    doc: str
    of: Callable[[Mapping[str, Any]], object]


def find(name: str) -> Value | None:
    """The value of this name that an installed package brings; None if there is none."""
    return _installed().get(name) if _NAME.match(name) else None


def ask(value: Value, data: Mapping[str, Any]) -> object:
    """What a package's function says of an account; CrmError if it fails, or gives another kind of value."""
    try:
        found = value.of(data)
    except Exception as error:
        said = f"{type(error).__name__}: {one_line(str(error), 120)}"
        raise CrmError(f"the value {value.name} of an installed package failed: {said}") from error
    if found is None or _fits(value.kind, found):
        return found
    raise CrmError(
        f"the value {value.name} gave {one_line(repr(found), 60)}, which is no {value.kind}"
    )


def _fits(kind: str, found: object) -> bool:
    match kind:
        case "bool":
            return isinstance(found, bool)
        case "text":
            return isinstance(found, str)
        case "date":
            return isinstance(found, dt.date)
        case "list":
            return isinstance(found, (list, tuple)) and all(isinstance(x, str) for x in found)
    number = isinstance(found, (int, float, Decimal)) and not isinstance(found, bool)
    return number and math.isfinite(found)  # type: ignore[arg-type]


@cache
def _installed() -> dict[str, Value]:
    from importlib.metadata import entry_points

    found: dict[str, Value] = {}
    for point in entry_points(group=GROUP):
        value = point.load()
        if not isinstance(value, Value):
            raise ConfigError(f"{point.value}: is no crmctl.workflow.installed.Value")
        if not _NAME.match(value.name) or value.name.partition(".")[0] in _OURS:
            raise ConfigError(f"{point.value}: {value.name!r} is no name such as acme.tier")
        if value.kind not in KINDS:
            raise ConfigError(f"{point.value}: {value.kind!r} is none of {', '.join(KINDS)}")
        if value.name in found:
            raise ConfigError(f"{point.value}: {value.name} comes from two packages")
        found[value.name] = value
    return found
