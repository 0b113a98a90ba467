"""What `crmctl check` found, as lines for people, objects for programs, annotations for a pull request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from crmctl.model.errors import Problem
from crmctl.model.text import one_line

_LONGEST = 1000


def line(problem: Problem, column: int = 0) -> str:
    """``path:line: field: message [code]``, as compilers write it, so that editors can jump there.

    With a ``column`` it comes behind the line.
    """
    severity = "" if problem.severity == "error" else f"{problem.severity}: "
    where = f"{problem.path}:{problem.line}" if problem.line else problem.path
    where = f"{where}:{column}" if column else where
    field = f"{problem.field}: " if problem.field else ""
    return one_line(f"{where}: {severity}{field}{problem.message} [{problem.code}]", _LONGEST)


def as_object(problem: Problem) -> dict[str, Any]:
    """The same for JSON; ``line`` is 0 where it is not known."""
    return {
        "path": problem.path,
        "line": problem.line,
        "field": problem.field,
        "message": problem.message,
        "code": problem.code,
        "severity": problem.severity,
    }


def annotation(problem: Problem, prefix: str = "") -> str:
    """A workflow command that GitHub shows at the line; ``prefix`` leads from the repository to the workspace."""
    kind = "error" if problem.severity == "error" else "warning"
    place = {"file": f"{prefix}{problem.path}", "line": str(problem.line or 1)}
    place["title"] = f"{problem.field or problem.path.rpartition('/')[2]} [{problem.code}]"
    properties = ",".join(f"{name}={_property(value)}" for name, value in place.items())
    return f"::{kind} {properties}::{_data(problem.message)}"


def summary(problems: Iterable[Problem]) -> str:
    """How many errors and warnings, in how many files."""
    found = list(problems)
    if not found:
        return "nothing found"
    errors = sum(problem.severity == "error" for problem in found)
    counts = [(errors, "error"), (len(found) - errors, "warning")]
    said = [f"{n} {word}{'s' if n > 1 else ''}" for n, word in counts if n]
    places = len({problem.path for problem in found})
    return f"{' and '.join(said)} in {places} file{'s' if places > 1 else ''}"


def _data(text: str) -> str:
    return one_line(text, _LONGEST).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
