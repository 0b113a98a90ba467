"""What dashboards on a terminal are made of: sections of aligned rows, sparklines and bars, in letters where need be.

A screen is lines of pieces (text, style) for `crmctl.render.terminal.Output.drawing`. What a colour says stands there
as a word too. Where the locale knows no Unicode, or the terminal is dumb, drawings are made of ASCII.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.cells import cell_len, set_cell_size

from crmctl.model.numbers import half_up, money
from crmctl.model.text import one_line

Piece = tuple[str, str]
Line = list[Piece]
STYLES = {"best": "green", "good": "green", "warn": "yellow", "bad": "red", "none": ""}
NARROWEST, WIDEST = 60, 160
GAP = 2
LEAST = 8  # a column is cut no further
NONE = "-"


class Glyphs(NamedTuple):
    """What drawings are made of: the eight heights of a sparkline, a bar's full and empty part, a cut, arrows."""

    spark: str
    full: str
    empty: str
    cut: str
    up: str
    down: str
    dot: str


RICH = Glyphs("▁▂▃▄▅▆▇█", "█", "░", "…", "▲", "▼", "·")
PLAIN = Glyphs("_.,-=+*#", "#", ".", "~", "^", "v", "-")


class Cell(NamedTuple):
    """A cell of a row. A number stands on the right of its column."""

    text: str
    style: str = ""
    right: bool = False


class Section(NamedTuple):
    """A title with rows beneath, or a sentence where there are none. ``notes`` go on below their row."""

    title: str
    rows: Sequence[Sequence[Cell]]
    empty: str = ""
    notes: Sequence[str] = ()


def glyphs(environment: Mapping[str, str] = os.environ) -> Glyphs:
    """What this terminal can show, by its locale and its kind."""
    names = ["LC_ALL", "LC_CTYPE", "LANG"]
    if environment.get("LC_CTYPE") == "C.UTF-8" and environment.get("LANG", "") in {
        "",
        "C",
        "POSIX",
    }:
        # Python says so of itself where the locale is C (PEP 538).
        names.remove("LC_CTYPE")
    locale = next((v for n in names if (v := environment.get(n))), "")
    unicode = "utf" in locale.lower() and environment.get("TERM") != "dumb"
    return RICH if unicode else PLAIN


class Room(NamedTuple):
    """How many characters a line and how many lines a screen may have, and what drawings are made of."""

    width: int
    height: int
    marks: Glyphs


def room() -> Room:
    """That of this terminal."""
    size = shutil.get_terminal_size()
    return Room(min(max(size.columns, NARROWEST), WIDEST), size.lines, glyphs())


def listed(
    title: str, rows: Sequence[Sequence[Cell]], limit: int, empty: str, notes: Sequence[str] = ()
) -> Section:
    """A section of the first rows of a list, 0 for all; the title says of how many."""
    if not rows:
        return Section(title, [], empty)
    shown = rows[: limit or None]
    number = f"{len(shown)} of {len(rows)}" if len(shown) < len(rows) else str(len(rows))
    return Section(f"{title} ({number})", shown, empty, notes[: len(shown)])


def spark(values: Sequence[float | None], marks: Glyphs, width: int = 20) -> str:
    """A sparkline of the last values, a blank for what nobody knows; empty for fewer than two."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return ""
    if len(values) > width:
        step = (len(values) - 1) / (width - 1)
        values = [values[round(n * step)] for n in range(width)]
        known = [value for value in values if value is not None] or known
    low, high = min(known), max(known)
    top = len(marks.spark) - 1

    def mark(value: float | None) -> str:
        if value is None:
            return " "
        # What does not move is drawn low in the middle, not at the bottom as if it had fallen.
        return marks.spark[round((value - low) / (high - low) * top) if high > low else top // 2]

    return "".join(map(mark, values))


def bar(share: float | None, marks: Glyphs, width: int = 10) -> str:
    """A bar filled to a share from 0 to 1; a share above nothing shows at least one mark."""
    if share is None:
        return " " * width
    filled = min(width, max(round(share * width), int(share > 0)))
    return marks.full * filled + marks.empty * (width - filled)


def whole(value: float | None) -> str:
    """A whole number, a dash where nobody knows it."""
    return NONE if value is None else half_up(round(value, 9))


def percent(value: float | None) -> str:
    """A share from 0 to 1 in percent."""
    return NONE if value is None else f"{whole(100 * value)} %"


def sums(found: Iterable[tuple[str, str, int]]) -> str:
    """Amounts of several currencies side by side, never added up."""
    return " + ".join(amount for _, amount, _ in found) or NONE


def worth(row: Mapping[str, Any]) -> str:
    """The ARR of an account's row."""
    return NONE if row["arr"] is None else money(row["arr"], row["currency"])


def words(value: Any) -> str:
    """A name of the program's as people write it."""
    return str(value or "").replace("_", " ")


def moved(points: float, marks: Glyphs) -> Cell:
    """A move with an arrow and its sign."""
    up = points > 0
    return Cell(f"{marks.up if up else marks.down} {points:+.0f}", "green" if up else "red")


def foretold(seen: Mapping[str, Any]) -> str:
    """The pattern and the forecast of a document's outlook in words, or why there is none."""
    made = seen["forecast"]
    if made is None:
        return f"no forecast: {seen['reason']}"
    last = made["steps"][-1]
    between = f"{whole(last['low'])} to {whole(last['high'])}"
    return f"{seen['pattern']}; by {last['day']} {whole(last['value'])} ({percent(made['share'])}: {between})"


def screen(
    title: str,
    head: Sequence[tuple[str, str]],
    sections: Iterable[Section],
    place: Room,
) -> Iterator[Line]:
    """A whole dashboard: its title, named lines, and its sections, without blank lines where there is no room."""
    found = list(_screen(title, head, sections, place))
    full = len(found) >= place.height
    yield from (line for line in found if line or not full)


def _screen(
    title: str, head: Sequence[tuple[str, str]], sections: Iterable[Section], place: Room
) -> Iterator[Line]:
    width, marks = place.width, place.marks
    yield [(_fit(title, width, marks), "bold")]
    names = max((cell_len(name) for name, _ in head), default=0)
    for name, text in head:
        left = set_cell_size(name, names) + " " * GAP
        yield [(left, ""), (_fit(text, width - cell_len(left), marks), "")]
    for section in sections:
        if not section.rows and not section.empty:
            continue
        yield []
        if section.title:
            yield [(_fit(section.title, width, marks), "bold")]
        if not section.rows:
            yield [("  " + _fit(section.empty, width - 2, marks), "bright_black")]
        for number, line in enumerate(table(section.rows, width, marks)):
            yield line
            if number < len(section.notes) and section.notes[number]:
                yield [("     " + _fit(section.notes[number], width - 5, marks), "bright_black")]


def table(rows: Sequence[Sequence[Cell]], width: int, marks: Glyphs) -> Iterator[Line]:
    """Rows with aligned columns. Where they do not fit, the last column gives way, then the widest."""
    if not rows:
        return
    clean = [[cell._replace(text=one_line(cell.text, 400)) for cell in row] for row in rows]
    widths = [max(cell_len(cell.text) for cell in column) for column in zip(*clean, strict=True)]
    # A column without a word in it takes no room.
    kept = [place for place, wide in enumerate(widths) if wide]
    free = width - 2 - GAP * (len(kept) - 1)
    while sum(widths[p] for p in kept) > free:
        over = sum(widths[p] for p in kept) - free
        last = kept[-1]
        if widths[last] > 3 * LEAST:
            widths[last] = max(3 * LEAST, widths[last] - over)
            continue
        widest = max(kept, key=lambda place: widths[place])
        if widths[widest] <= LEAST:
            kept.pop()
            free += GAP
            continue
        widths[widest] -= 1
    for row in clean:
        line: Line = [("  ", "")]
        for place in kept:
            cell, wide = row[place], widths[place]
            text = _fit(cell.text, wide, marks)
            blank = " " * (wide - cell_len(text))
            padded = blank + text if cell.right else text + blank
            line.append((padded + " " * GAP * (place != kept[-1]), cell.style))
        yield line


def _fit(text: str, width: int, marks: Glyphs) -> str:
    """Text on one line, cut with a mark where it is too long."""
    clean = one_line(text, 400)
    if cell_len(clean) <= width:
        return clean
    return set_cell_size(clean, max(0, width - 1)).rstrip() + marks.cut
