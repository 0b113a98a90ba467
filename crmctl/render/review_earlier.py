"""What the review before this one said: its goals, the actions agreed, and the risks that people noted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crmctl.model import text
from crmctl.render.review_kinds import FOR_OURSELVES, INTERNAL, QUARTERLY, document_name
from crmctl.workspace import files, paths

if TYPE_CHECKING:
    from crmctl.render.quarter import Quarter
    from crmctl.workspace.workspace import Workspace

_CELLS = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"[\s|:-]+\Z")
_REMARK = re.compile(r"<!--.*?-->", re.DOTALL)
_BULLET = re.compile(r"(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its cells by the table's headings in lower case, as Markdown, and its line."""

    cells: dict[str, str]
    line: int

    def get(self, name: str) -> str:
        return self.cells.get(name, "")


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier review; ``source`` is its file as documents of the account cite it."""

    quarter: Quarter
    source: str
    lines: list[str] = field(repr=False)

    def at(self, line: int) -> str:
        """A line of it as a source."""
        return f"{self.source}:{line}"

    def rows(self, heading: str) -> Iterator[Row]:
        """The rows, those without any text apart, of every table whose first column is called ``heading``."""
        names: list[str] = []
        for number, line in enumerate(self.lines, 1):
            cells = [cell.strip() for cell in _CELLS.split(line.strip())][1:-1]
            if not line.lstrip().startswith("|") or not cells:
                names = []
            elif not names:
                names = [cell.casefold() for cell in cells]
            elif names[0] == heading.casefold() and cells[0] and not _RULE.match(line):
                yield Row(dict(zip(names, cells, strict=False)), number)

    def noted_after(self, section: str) -> Iterator[tuple[str, int]]:
        """What people wrote between the end of a marked section and the next heading, and the line where it begins."""
        begun, said, first = False, "", 0
        for number, line in enumerate(self.lines, 1):
            plain = line.strip()
            if not begun:
                begun = plain == f"<!-- crmctl:end {section} -->"
                continue
            if plain.startswith(("#", "<!-- crmctl:begin")):
                break
            bullet = _BULLET.match(plain)
            if said and (bullet or not plain):
                yield said, first
                said = ""
            if plain:
                words = plain[bullet.end() :] if bullet else plain
                said, first = (f"{said} {words}", first) if said else (words, number)
        if said:
            yield said, first


def earlier(
    ws: Workspace, slug: str, kind: str, quarter: Quarter, audience: str = INTERNAL
) -> Earlier | None:
    """The newest review before ``quarter`` of this type, else of another; None without one.

    Only those for the same audience are looked at, so that nothing of ours gets into a customer's.
    """
    others = [name for name in QUARTERLY if name != kind]
    if audience != INTERNAL:
        others = [name for name in others if name not in FOR_OURSELVES]
    for chosen in ([kind], others):
        past = quarter
        for _ in range(ws.config.reviews.look_back_quarters):
            past = past.previous
            for name in chosen:
                path = paths.review(slug, document_name(name, audience, past))
                raw = files.read(ws.root, path)
                if raw is not None:
                    source = path.removeprefix(f"{paths.ACCOUNTS}/{slug}/")
                    return Earlier(past, source, _lines(raw))
    return None


def _lines(raw: bytes) -> list[str]:
    """The lines of a review without remarks, which keep their lines; markers stay."""

    def blanked(found: re.Match[str]) -> str:
        return found[0] if "crmctl:" in found[0] else "\n" * found[0].count("\n")

    return _REMARK.sub(blanked, raw.decode("utf-8", "replace").replace("\r\n", "\n")).split("\n")


def same_name(name: str, cell: str) -> bool:
    """Whether a cell holds this name, as crmctl writes it there or as a person types it."""
    return cell.casefold() in {name.casefold(), text.markdown(text.one_line(name, 500)).casefold()}


def agreed(before: Earlier | None) -> list[dict[str, Any]]:
    """The actions agreed then: ``what``, ``ours``, ``theirs``, ``by``, ``done_when`` as Markdown, and where."""
    if before is None:
        return []
    return [
        {
            "what": row.get("what"),
            "ours": row.get("ours"),
            "theirs": row.get("theirs") or row.get("yours"),
            "by": row.get("by"),
            "done_when": row.get("done when"),
            "source": before.at(row.line),
        }
        for row in before.rows("What")
    ]
