"""Documents that crmctl and people write together.

What crmctl generated lies between ``<!-- crmctl:begin NAME SHA -->`` and ``<!-- crmctl:end NAME -->``;
everything else is the person's. SHA is the start of the SHA-256 of the text as it was generated, so
that the last generated text, the person's and the new one can be told apart without keeping a copy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from hashlib import sha256

from crmctl.model.errors import CrmError

_MARKER = re.compile(
    r"[ \t]*<!--[ \t]*crmctl:(begin|end)[ \t]+([a-z][a-z0-9-]*)(?:[ \t]+([0-9a-f]{16}))?[ \t]*-->\s*"
)


@dataclass(frozen=True, slots=True)
class Section:
    """One marked section: its name, the text between its markers, and the hash of what was generated last."""

    name: str
    text: str
    generated: str

    @property
    def edited(self) -> bool:
        """Whether somebody changed the text since; an emptied section asks to be filled again."""
        return bool(self.text.strip()) and digest(self.text) != self.generated


@dataclass(frozen=True, slots=True)
class Conflict:
    """A section that a person edited and that crmctl would now write differently; the person's text stays."""

    path: str
    section: str
    kept: str
    generated: str

    def __str__(self) -> str:
        return (
            f"{self.path}: section {self.section} was edited by hand and stays as it is; empty it between its "
            "markers and run again to get the new text"
        )


def digest(text: str) -> str:
    """The hash that stands in a begin marker; line ends and blanks at the end of a line do not count."""
    plain = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def merge(path: str, old: str | None, new: str) -> tuple[str, list[Conflict]]:
    """The document to write, and the sections that a person has to settle.

    ``old`` is the file as it is, ``new`` the freshly rendered document. Into an existing file go only the
    marked sections, each where its markers stand there; one whose markers a person took out stays out.
    CrmError names the line of a broken marker.
    """
    parts = _parts(path, new)
    conflicts: list[Conflict] = []
    newline = "\n"
    if old is None:
        parts = [_sealed(part) if isinstance(part, Section) else part for part in parts]
    else:
        newline = "\r\n" if "\r\n" in old else "\n"
        fresh = {part.name: part for part in parts if isinstance(part, Section)}
        parts = _parts(path, old)
        for place, part in enumerate(parts):
            if isinstance(part, Section) and part.name in fresh:
                parts[place] = _settled(path, part, fresh[part.name], newline, conflicts)
    return "".join(_written(part, newline) for part in parts), conflicts


def _settled(
    path: str, mine: Section, fresh: Section, newline: str, conflicts: list[Conflict]
) -> Section:
    """The one of two texts that stays: the new one, unless a person changed the last."""
    if digest(mine.text) == digest(fresh.text):
        return _sealed(mine)
    if not mine.edited:
        return _sealed(replace(fresh, text=fresh.text.replace("\n", newline)))
    if digest(fresh.text) != mine.generated:
        conflicts.append(Conflict(path, mine.name, mine.text, fresh.text))
    return mine


def _sealed(section: Section) -> Section:
    return replace(section, generated=digest(section.text))


def _written(part: Section | str, newline: str) -> str:
    if isinstance(part, str):
        return part
    seal = f" {part.generated}" if part.generated else ""
    begin, end = f"<!-- crmctl:begin {part.name}{seal} -->", f"<!-- crmctl:end {part.name} -->"
    return f"{begin}{newline}{part.text}{end}{newline}"


def _parts(path: str, document: str) -> list[Section | str]:
    """A document as plain text and sections, in order."""
    parts: list[Section | str] = []
    lines: list[str] = []
    begun: tuple[str, str, int] | None = None
    seen: set[str] = set()
    for number, line in enumerate(document.splitlines(keepends=True), 1):
        marker = _MARKER.fullmatch(line)
        if marker is None:
            lines.append(line)
            continue
        kind, name, generated = marker[1], marker[2], marker[3] or ""
        where = f"{path}:{number}: crmctl:{kind} {name}"
        if kind == "begin":
            if begun is not None:
                raise CrmError(
                    f"{where} stands before the end of section {begun[0]}; put the markers right"
                )
            if name in seen:
                raise CrmError(f"{where} is there twice; keep one")
            seen.add(name)
            parts.append("".join(lines))
            begun = name, generated, number
        elif begun is None or begun[0] != name:
            raise CrmError(f"{where} has no begin; put the markers right")
        else:
            parts.append(Section(name, "".join(lines), begun[1]))
            begun = None
        lines = []
    if begun is not None:
        raise CrmError(
            f"{path}:{begun[2]}: crmctl:begin {begun[0]} has no end; put the markers right"
        )
    return [*parts, "".join(lines)]
