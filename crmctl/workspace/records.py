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
    own: dict[str, Any] = {}
    known = FIELDS[kind]
    for name, value in document.data.items():
        if name == SOURCES or value is None:
            continue
        field = known.get(name)
        if field is None:
            own[name] = value
        else:
            _keep(own, field, value, document, (name,), problems)
    systems = _blocks(document, known, problems)
    record = Record(kind, account, identity, path, own, systems, document.body, ranking)
    problems += [
        Problem(path, document.header_line, field.name, "is missing and required", "required")
        for field in known.values()
        if field.required and record.get(field.name) is None and not _reported(problems, field.name)
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
        if block is None:
            continue
        if not isinstance(block, dict):
            line = document.line_of((SOURCES, system))
            message = f"found {shown(block)}; allowed: a map"
            problems.append(Problem(document.path, line, f"{SOURCES}.{system}", message, "type"))
            continue
        kept = systems[str(system)] = {}
        for name, value in block.items():
            field = known.get(name) or BLOCK.get(name)
            if field is None:
                kept[name] = value
            elif value is not None:
                _keep(kept, field, value, document, (SOURCES, str(system), name), problems)
    return systems


def _keep(
    into: dict[str, Any],
    field: Field,
    value: Any,
    document: Document,
    key: tuple[str, ...],
    problems: list[Problem],
) -> None:
    try:
        into[field.name] = field.check(value)
    except ValueError as error:
        line = document.line_of(key)
        problems.append(Problem(document.path, line, ".".join(key), str(error), "value"))
