"""The relationship map as a drawing: power against support, and who reports to whom, as one SVG without any script.

Whoever opens it sees light or dark by their own setting. Text from files can add nothing but text to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from crmctl.insight.relationships_people import UNKNOWN
from crmctl.model import text
from crmctl.render.map_terminal import COLUMNS, ROWS
from crmctl.render.map_view import roles, whole
from crmctl.render.stakeholders import outline

if TYPE_CHECKING:
    from crmctl.insight.relationships_people import Standing
    from crmctl.render.map_view import View

WIDTH = 1120
MARGIN = 24
LABEL = 76  # room for the names of the rows
CHIP, GAP = 52, 8  # height of one person's card, and what lies between two
CELL_PEOPLE = 12
"""More people in one cell, and the rest is only counted."""
TREE_PEOPLE = 150
INDENT = 26
ROW = 30
_NAME, _SMALL = 7.4, 6.1  # the usual width of a character, in pixels
_HEADS = {"against": "Against us", "open": "Open", "for": "For us", UNKNOWN: "Unknown"}
_LEVELS = {"high": "High", "middle": "Middle", "low": "Low", UNKNOWN: "Unknown"}
# XML has no way at all to hold these.
_NEVER = str.maketrans({"\ufffe": "\ufffd", "\uffff": "\ufffd"})
_STYLE = """
svg { background: #ffffff; font-family: system-ui, -apple-system, "Segoe UI", sans-serif; color-scheme: light dark }
text { fill: #1f2328; font-size: 13px } .small { fill: #59636e; font-size: 11px }
.head { font-size: 20px; font-weight: 600 }
.part { font-size: 15px; font-weight: 600 } .name { font-weight: 600 } .cell { fill: #f6f8fa } .line { stroke: #8c959f }
.card { stroke-width: 1 } .for { fill: #dafbe1; stroke: #2da44e } .against { fill: #ffebe9; stroke: #cf222e }
.open { fill: #ffffff; stroke: #8c959f } .unknown { fill: #f6f8fa; stroke: #afb8c1 }
.decides { stroke-width: 3 } .silent { stroke-dasharray: 5 4 } .bar { fill: #d0d7de } .full { fill: #0969da }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117 } text { fill: #e6edf3 } .small { fill: #9198a1 } .cell { fill: #151b23 }
  .line { stroke: #656c76 } .for { fill: #12351f; stroke: #3fb950 } .against { fill: #451b1d; stroke: #f85149 }
  .open { fill: #212830; stroke: #656c76 } .unknown { fill: #151b23; stroke: #3d444d } .bar { fill: #3d444d }
  .full { fill: #4493f8 }
}
"""


def drawing(view: View) -> str:
    """The whole file."""
    body: list[str] = []
    name = _escaped(view.name, 120)
    body += [
        _text(MARGIN, 40, f"Who is who at {view.name}", "head", 90),
        _text(MARGIN, 62, _summary(view), "small", 170),
    ]
    below = 84
    if view.here:
        below = _grid(view, below, body)
        below = _tree(view, below + 40, body)
    below = _legend(below + 24, body)
    height = below + MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:g}"',
            f'viewBox="0 0 {WIDTH} {height:g}" role="img" aria-labelledby="title">',
            f'<title id="title">Who is who at {name}</title>',
            f"<style>{_STYLE}</style>",
            *body,
            "</svg>\n",
        ]
    )


def _summary(view: View) -> str:
    threads = view.map.threads
    known = "threads unknown" if threads is None else f"{len(threads)} of them threads"
    gone = len(view.map.people) - len(view.here)
    left = f", {gone} gone" if gone else ""
    return f"{view.today}: {len(view.here)} people, {known}{left}"


def _escaped(words: str, limit: int) -> str:
    return text.html(text.one_line(words, limit).translate(_NEVER))


def _text(x: float, y: float, words: str, style: str, cells: int, anchor: str = "") -> str:
    line = text.one_line(words, max(cells, 1) * 2)
    if cell_len(line) > cells:
        line = set_cell_size(line, max(cells - 1, 0)).rstrip() + "…"
    end = f' text-anchor="{anchor}"' if anchor else ""
    kind = f' class="{style}"' if style else ""
    return f'<text x="{x:g}" y="{y:g}"{kind}{end}>{_escaped(line, cells * 2 + 2)}</text>'


# --- the grid


def _grid(view: View, top: int, body: list[str]) -> int:
    columns = [c for c in COLUMNS if c != UNKNOWN or any(p.stance == c for p in view.here)]
    rows = [r for r in ROWS if r != UNKNOWN or any(p.level == r for p in view.here)]
    wide = (WIDTH - 2 * MARGIN - LABEL) / len(columns)
    left = MARGIN + LABEL
    body.append(_text(MARGIN, top + 14, "Power", "small", 12))
    for place, column in enumerate(columns):
        middle = left + wide * (place + 0.5)
        body.append(_text(middle, top + 14, _HEADS[column], "part", 20, "middle"))
    top += 26
    for row in rows:
        cells = [
            [p for p in view.here if (p.level, p.stance) == (row, column)] for column in columns
        ]
        most = max(min(len(cell), CELL_PEOPLE) + (len(cell) > CELL_PEOPLE) for cell in cells)
        high = max(1, most) * (CHIP + GAP) + GAP
        body.append(_text(MARGIN, top + 38, _LEVELS[row], "part", 10))
        for place, cell in enumerate(cells):
            x = left + wide * place
            body.append(
                f'<rect class="cell" x="{x + 3:g}" y="{top:g}" width="{wide - 6:g}" '
                f'height="{high:g}" rx="6"/>'
            )
            body += _cards(cell, x + 3 + GAP, top + GAP, wide - 6 - 2 * GAP)
        top += high + 6
    return top


def _cards(people: Sequence[Standing], x: float, y: float, wide: float) -> Iterator[str]:
    for person in people[:CELL_PEOPLE]:
        yield from _card(person, x, y, wide)
        y += CHIP + GAP
    if len(people) > CELL_PEOPLE:
        yield _text(x + 8, y + 20, f"and {len(people) - CELL_PEOPLE} more", "small", 30)


def _kinds(person: Standing) -> str:
    decides = " decides" if "decision_maker" in person.roles else ""
    return f"card {person.stance}{decides}{' silent' if person.silent else ''}"


def _card(person: Standing, x: float, y: float, wide: float) -> Iterator[str]:
    value = person.strength.value
    about = ", ".join([*(["silent"] if person.silent else []), *roles(person)])
    about_them = f"{person.name}, {person.title}" if person.title else person.name
    yield f"<g><title>{_escaped(about_them, 400)}</title>"
    yield (
        f'<rect class="{_kinds(person)}" x="{x:g}" y="{y:g}" width="{wide:g}" height="{CHIP}" rx="6"/>'
    )
    yield _text(x + 10, y + 18, person.name, "name", int((wide - 56) / _NAME))
    yield _text(x + wide - 10, y + 18, whole(value), "", 4, "end")
    line = " · ".join(part for part in (about, person.title) if part)
    yield _text(x + 10, y + 34, line, "small", int((wide - 20) / _SMALL))
    yield f'<rect class="bar" x="{x + 10:g}" y="{y + 42:g}" width="{wide - 20:g}" height="4" rx="2"/>'
    if value:
        filled = (wide - 20) * value / 100
        yield f'<rect class="full" x="{x + 10:g}" y="{y + 42:g}" width="{filled:g}" height="4" rx="2"/>'
    yield "</g>"


# --- reporting lines


def _tree(view: View, top: int, body: list[str]) -> int:
    every = outline([(person.id, person.reports_to) for person in view.here])
    if not every:
        return top - 40
    body.append(_text(MARGIN, top, "Who reports to whom", "part", 40))
    top += 16
    rows = every[:TREE_PEOPLE]
    above: dict[int, float] = {}  # by depth, where the latest person stands
    for id, depth in rows:
        person = view.people[id]
        x, middle = MARGIN + INDENT * min(depth, 12), top + ROW / 2
        if depth:
            start, elbow = above[depth - 1] + 8, x - INDENT + 12
            body.append(
                f'<path class="line" fill="none" d="M{elbow:g} {start:g}V{middle:g}H{x + 2:g}"/>'
            )
        above[depth] = middle
        body.append(f'<circle class="{_kinds(person)}" cx="{x + 12:g}" cy="{middle:g}" r="7"/>')
        about = [person.name, *([person.title] if person.title else []), *roles(person)]
        line = ", ".join([*about, *(["silent"] if person.silent else [])])
        body.append(_text(x + 28, middle + 4, line, "", int((WIDTH - x - 120) / _NAME)))
        strength = f"strength {whole(person.strength.value)}"
        body.append(_text(WIDTH - MARGIN, middle + 4, strength, "small", 16, "end"))
        top += ROW
    if len(every) > len(rows):
        body.append(_text(MARGIN, top + 18, f"and {len(every) - len(rows)} more", "small", 30))
        top += ROW
    return top


def _legend(top: int, body: list[str]) -> int:
    x = MARGIN
    for kind, words in (
        ("for", "for us"),
        ("against", "against us"),
        ("open", "open"),
        ("unknown", "unknown"),
        ("open decides", "decides"),
        ("open silent", "silent"),
    ):
        body.append(f'<rect class="card {kind}" x="{x}" y="{top}" width="18" height="14" rx="3"/>')
        body.append(_text(x + 26, top + 11, words, "small", 20))
        x += 110
    words = "number and bar: how well we know them, 0 to 100; ? is unknown"
    body.append(_text(x, top + 11, words, "small", 70))
    return top + 14
