"""Everything wrong inside one account's folder, each file read once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

from crmctl.model.errors import CrmError, DamagedFile, Problem
from crmctl.model.fields import shown
from crmctl.workspace import files, measures, paths, yamlio
from crmctl.workspace.checks import conflicts, lifecycle, personal, references, secrets, tree
from crmctl.workspace.checks.duplicates import Claims, claims
from crmctl.workspace.checks.source import Context, Folder, Source
from crmctl.workspace.records import read_record
from crmctl.workspace.store import parse_events

# How the key of a check in `Context.others` says that a file of this name lies in every account.
ANY_ACCOUNT = "/*/"
DOCUMENTS = frozenset({"health", "plan", "review", "document"})


def check(slug: str, context: Context) -> tuple[list[Problem], Claims]:
    """The problems of one account, and what its records claim among all accounts."""
    home = f"{paths.ACCOUNTS}/{slug}"
    folder = Folder(slug)
    listed, problems = tree.survey(context.root, home)
    hidden: list[str] = []
    for path, raw in _files(context, listed):
        problems += _file(path, raw, folder, context, hidden)
    if "profile.md" not in listed.get(home, []):
        message = "is missing; every account has one"
        problems.append(Problem(paths.profile(slug), 0, "", message, "missing"))
    problems += lifecycle.problems(folder, context)
    problems += references.problems(folder, context)
    if hidden:
        problems = [p._replace(message=secrets.hide(p.message, hidden)) for p in problems]
    return problems, claims(folder)


def shared(folder: str, context: Context) -> list[Problem]:
    """The problems of ``accounts/_measures`` or ``accounts/_state``."""
    listed, problems = tree.survey(context.root, f"{paths.ACCOUNTS}/{folder}")
    for path, raw in _files(context, listed):
        problems += _file(path, raw, Folder(""), context, [])
    return problems


def _files(
    context: Context, listed: Mapping[str, list[str]]
) -> Iterator[tuple[str, bytes | CrmError]]:
    for place, names in listed.items():
        try:
            for name, raw in files.read_each(context.root, place, names):
                yield f"{place}/{name}", raw
        except CrmError as error:
            yield place, error


def _file(
    path: str, raw: bytes | CrmError, folder: Folder, context: Context, hidden: list[str]
) -> Iterator[Problem]:
    """The problems of one file; its record goes into ``folder``, its secrets into ``hidden``."""
    if isinstance(raw, CrmError):
        yield Problem(path, 0, "", str(raw), "file")
        return
    found = secrets.find(raw)
    hidden += [value for _, _, value in found]
    yield from secrets.problems(path, found)
    torn = conflicts.problems(path, raw)
    yield from torn or _content(path, raw, folder, context)


def _content(path: str, raw: bytes, folder: Folder, context: Context) -> Iterator[Problem]:
    other = context.others.get(path.replace(f"/{folder.slug}/", ANY_ACCOUNT, 1))
    if other is not None:
        yield from other(context.root, context.config, path, raw)
        return
    place = paths.kind_of(path)
    kind = place[0] if place else ""
    if place is None:
        wrong = tree.stray(path)
        yield from [wrong] if wrong else []
    elif kind == "traffic":
        events, problems = parse_events(raw, path)
        folder.events += events
        yield from problems
    elif kind == "measures":
        yield from measures.parse_day(raw, dt.date.fromisoformat(place[2]))[1]
    elif kind == "state":
        yield from _state(path, raw)
    elif kind in DOCUMENTS:
        yield from personal.in_document(_text(raw), path, context)
    else:
        yield from _record(path, raw, folder, context)


def _record(path: str, raw: bytes, folder: Folder, context: Context) -> Iterator[Problem]:
    try:
        record, problems = read_record(raw, path, context.ranking, fast=True)
    except DamagedFile as error:
        yield from error.problems
        return
    source = Source(record, raw)
    folder.add(source)
    yield from problems
    if record.kind != "contact":
        yield from personal.in_record(source, _text(raw), context)


def _state(path: str, raw: bytes) -> Iterator[Problem]:
    try:
        found = yamlio.load(_text(raw), path=path)
    except DamagedFile as error:
        yield from error.problems
        return
    if not isinstance(found, dict):
        yield Problem(path, 1, "", f"found {shown(found)}; allowed: a map", "type")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
