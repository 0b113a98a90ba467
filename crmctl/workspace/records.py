"""From a file's bytes to a `Record`: split, check every field, and report all that is wrong at once."""

from __future__ import annotations

from typing import Any

from crmctl.model.errors import DamagedFile, Problem
from crmctl.model.fields import Field, shown
from crmctl.model.record import Ranking, Record
from crmctl.model.schema import BLOCK, FIELDS
from crmctl.workspace.document import Document, parse
from crmctl.workspace.paths import kind_of

SOURCES = "sources"
_BLOCK = {kind: BLOCK | fields for kind, fields in FIELDS.items()}
_REQUIRED = {
    kind: [field for field in fields.values() if field.required] for kind, fields in FIELDS.items()
}


def read_record(
    raw: bytes, path: str, ranking: Ranking, *, fast: bool = False
) -> tuple[Record, list[Problem]]:
    """The record in a file, and what is wrong with it.

    A wrong value is left out of the record and reported. A file without a readable front matter, or in a
    place where no record belongs, raises `DamagedFile`. ``fast`` reads many files quickly, with the same result.
    """
    place = kind_of(path)
    if place is None or place[0] not in FIELDS:
        raise DamagedFile([Problem(path, 0, "", "no record belongs in this place", "place")])
    kind, account, identity = place
    document = parse(raw, path, fast=fast)
    problems: list[Problem] = []
    own = _checked(document, (), document.data, FIELDS[kind], problems)
    own.pop(SOURCES, None)
    systems = _blocks(document, _BLOCK[kind], problems)
    record = Record(kind, account, identity, path, own, systems, document.body, ranking)
    problems += [
        Problem(path, document.header_line, field.name, "is missing and required", "required")
        for field in _REQUIRED[kind]
        if record.get(field.name) is None and not _reported(problems, field.name)
    ]
    return record, problems


def _reported(problems: list[Problem], name: str) -> bool:
    return any(problem.field == name for problem in problems)


def _blocks(
    document: Document, known: dict[str, Field], problems: list[Problem]
) -> dict[str, dict[str, Any]]:
    sources = document.data.get(SOURCES)
    if sources is None:
        return {}
    if not isinstance(sources, dict):
        line = document.line_of((SOURCES,))
        problems.append(
            Problem(document.path, line, SOURCES, f"found {shown(sources)}; allowed: a map", "type")
        )
        return {}
    systems: dict[str, dict[str, Any]] = {}
    for system, block in sources.items():
        if isinstance(block, dict):
            systems[system] = _checked(document, (SOURCES, system), block, known, problems)
        elif block is not None:
            line = document.line_of((SOURCES, system))
            message = f"found {shown(block)}; allowed: a map"
            problems.append(Problem(document.path, line, f"{SOURCES}.{system}", message, "type"))
    return systems


def _checked(
    document: Document,
    place: tuple[str, ...],
    values: dict[str, Any],
    known: dict[str, Field],
    problems: list[Problem],
) -> dict[str, Any]:
    """The values of the map at ``place`` in their normal form; unknown keys as they are."""
    kept: dict[str, Any] = {}
    for name, value in values.items():
        if value is None:
            continue
        field = known.get(name)
        try:
            kept[name] = value if field is None else field.check(value)
        except ValueError as error:
            key = (*place, name)
            line = document.line_of(key)
            problems.append(Problem(document.path, line, ".".join(key), str(error), "value"))
    return kept
