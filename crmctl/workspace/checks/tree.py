"""What lies in ``accounts/`` by its outside: names, places, links, and repositories inside the repository."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from crmctl.model.errors import Problem
from crmctl.model.text import one_line
from crmctl.workspace import atomic, paths

SHARED = ("_measures", "_state")
_BARE = {"HEAD", "objects", "refs"}
_PLACES = (
    "profile.md, health.md, onboarding.md, relationship-map.md, contacts/<person>.md, deals/<deal>.md, "
    "interactions/<yyyy-mm-dd>-<type>-<id>.md, interactions/<yyyy>.jsonl, tasks/<yyyy-mm-dd>-<name>-<id>.md, "
    "plans/<plan>.md, reviews/<review>.md and documents/<document>.md in an account's folder"
)
_NAMES = "a-z, 0-9 and inner hyphens"


def accounts(root: Path) -> tuple[list[str], list[Problem]]:
    """The folders in ``accounts/`` that can hold an account, sorted, and what is wrong with the rest."""
    found: list[str] = []
    problems: list[Problem] = []
    if os.path.islink(root / paths.ACCOUNTS):
        return [], [_link(paths.ACCOUNTS)]
    entries = _entries(root, paths.ACCOUNTS)
    for entry in entries:
        path = f"{paths.ACCOUNTS}/{entry.name}"
        if entry.is_symlink():
            problems.append(_link(path))
        elif entry.name.startswith("."):
            problems += [_repository(paths.ACCOUNTS)] if entry.name == ".git" else []
        elif not entry.is_dir():
            if entry.name != "README.md":
                problems.append(_misplaced(path))
        elif paths.is_slug(entry.name):
            found.append(entry.name)
        elif entry.name not in SHARED:
            problems.append(_misnamed(path, entry.name, [e.name for e in entries]))
    return found, problems


def survey(root: Path, folder: str) -> tuple[dict[str, list[str]], list[Problem]]:
    """The regular files beneath a folder, by the folder they lie in, and what else lies there."""
    if os.path.islink(root / folder):
        return {}, [_link(folder)]
    listed: dict[str, list[str]] = {}
    problems: list[Problem] = []
    for place, entries in _walk(root, folder, problems):
        names = [entry.name for entry in entries]
        if _is_repository(names):
            problems.append(_repository(place))
            continue
        problems += _colliding(place, names)
        for entry in entries:
            path = f"{place}/{entry.name}"
            if entry.is_symlink():
                problems.append(_link(path))
            elif entry.is_file(follow_symlinks=False):
                if not entry.name.isprintable():
                    problems.append(_misnamed(path, entry.name, []))
                elif not atomic.is_leftover(entry.name):
                    listed.setdefault(place, []).append(entry.name)
            elif not entry.is_dir(follow_symlinks=False):
                problems.append(
                    Problem(one_line(path), 0, "", "is no regular file; remove it", "place")
                )
    return listed, problems


def stray(path: str) -> Problem | None:
    """What is wrong with the place or name of a file in ``accounts/`` that is no record; hidden files are nobody's."""
    folder, _, name = path.rpartition("/")
    if name.startswith(".") or paths.kind_of(path) is not None:
        return None
    stem = name.partition(".")[0]
    parts = folder.split("/")[1:]
    if not parts[0].startswith("_") and len(parts) <= 2 and not paths.is_slug(stem):
        return _misnamed(path, name, [])
    return _misplaced(path)


def _entries(root: Path, folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(f"{root}/{folder}") as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _walk(
    root: Path, folder: str, problems: list[Problem]
) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """Every folder that can be entered, with what it lists; a repository is not searched."""
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        try:
            entries = _entries(root, place)
        except OSError as error:
            problems.append(
                Problem(one_line(place), 0, "", f"cannot be read: {error.strerror}", "file")
            )
            continue
        yield place, entries
        if not _is_repository([entry.name for entry in entries]):
            inner = [e.name for e in entries if e.is_dir(follow_symlinks=False)]
            waiting += [f"{place}/{name}" for name in reversed(inner) if name != ".git"]


def _is_repository(names: list[str]) -> bool:
    return ".git" in names or set(names) >= _BARE


def _repository(place: str) -> Problem:
    message = "is a git repository of its own, whose settings could run commands; remove it"
    return Problem(one_line(place), 0, "", message, "repository")


def _colliding(place: str, names: list[str]) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name in names:
        first = seen.setdefault(name.casefold(), name)
        if first != name:
            message = f"differs from {one_line(first, 80)} by case alone, so many machines cannot hold both"
            yield Problem(one_line(f"{place}/{name}"), 0, "", message, "name")


def _link(path: str) -> Problem:
    return Problem(
        one_line(path),
        0,
        "",
        "is a symbolic link, and crmctl follows none; put the real file there",
        "link",
    )


def _misplaced(path: str) -> Problem:
    return Problem(one_line(path), 0, "", f"does not belong here; allowed: {_PLACES}", "place")


def _misnamed(path: str, name: str, siblings: list[str]) -> Problem:
    twin = next((s for s in siblings if s != name and s.casefold() == name.casefold()), "")
    also = f"; it differs from {one_line(twin, 80)} by case alone" if twin else ""
    message = f'found the name "{one_line(name, 80)}"; allowed: {_NAMES}{also}'
    return Problem(one_line(path), 0, "", message, "name")
