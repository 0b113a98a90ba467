"""The relationship map as a picture of text: lines of pieces, each with a style that a terminal may colour.

What a colour says stands there as a word or a mark too: `+` for us, `-` against, `o` open, `?` unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from textwrap import wrap
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from crmctl.insight.inputs.fact import count
from crmctl.insight.relationship_weights import LEVELS
from crmctl.insight.relationships_people import UNKNOWN
from crmctl.model.text import one_line
from crmctl.render.map_view import roles, whole
from crmctl.render.stakeholders import outline

if TYPE_CHECKING:
    from crmctl.insight.relationships_people import Standing
    from crmctl.insight.relationships_talks import Pair
    from crmctl.render.map_view import View

Piece = tuple[str, str]
Line = list[Piece]
MARKS = {"for": "+", "open": "o", "against": "-", UNKNOWN: "?"}
STYLES = {"for": "green", "open": "", "against": "red", UNKNOWN: "bright_black"}
COLUMNS = ("against", "open", "for", UNKNOWN)
ROWS = (*LEVELS, UNKNOWN)
STATES = {"nobody": "red", "known": "yellow", "thread": "green", UNKNOWN: ""}
HELD = {
    "nobody": "nobody yet",
    "known": "known, no thread",
    "thread": "thread",
    UNKNOWN: "threads unknown",
}
CELL_PEOPLE = 12
"""More people in one cell of the grid, and the rest is only counted."""
TREE_PEOPLE = 60
ROUTES = ALERTS = 8
NARROWEST, WIDEST = 60, 140
_LEFT = 9  # room for the names of the rows
_OURS = 18  # room for one of us in the matrix


def picture(view: View, width: int) -> Iterator[Line]:
    """The whole map, about ``width`` characters wide."""
    width = min(max(width, NARROWEST), WIDEST)
    yield [(_clean(f"{view.name} on {view.today}", width), "bold")]
    if not view.map.people:
        yield [("Nobody is recorded yet.", "")]
        return
    yield from _wrapped(_summary(view), width)
    for alert in view.map.alerts[:ALERTS]:
        age = f", {(view.today - alert.as_of).days} days ago" if alert.as_of else ""
        text = f"! {alert.text} ({view.cite(alert.source)}{age})"
        yield from _wrapped(text, width, "yellow", 2)
    if len(view.map.alerts) > ALERTS:
        yield [(f"and {len(view.map.alerts) - ALERTS} more such", "bright_black")]
    yield from _titled("Power and support", _grid(view, width))
    yield from _titled("Who reports to whom", _tree(view, width))
    yield from _titled("Do we have everyone a decision needs?", _coverage(view, width))
    yield from _titled("Executives", _executives(view, width))
    yield from _titled("Who knows whom: strength, conversations, the last", _matrix(view, width))
    yield from _titled("How to reach those with whom nobody really talks", _routes(view, width))
    gone = [person for person in view.map.people if person.gone]
    texts = [f"{person.name} {person.gone} ({view.cite(person.gone_source)})" for person in gone]
    yield from _titled("Gone", (line for text in texts for line in _wrapped(text, width, "", 2)))


def _titled(title: str, lines: Iterable[Line]) -> Iterator[Line]:
    found = list(lines)
    if found:
        yield []
        yield [(title, "bold")]
        yield from found


def _cut(text: str, room: int) -> str:
    """At most ``room`` cells of a line."""
    if cell_len(text) <= room:
        return text
    return set_cell_size(text, max(room - 1, 0)).rstrip() + "…"


def _clean(text: str, room: int) -> str:
    """Text from a file as one line of at most ``room`` cells."""
    return _cut(one_line(text, max(room, 1)), room)


def _padded(text: str, room: int) -> str:
    return set_cell_size(_cut(text, room), room)


def _wrapped(text: str, width: int, style: str = "", indent: int = 0) -> Iterator[Line]:
    line = one_line(text, 2000)
    for part in wrap(line, width, subsequent_indent=" " * indent) or [""]:
        yield [(part, style)]


def _summary(view: View) -> str:
    found = view.map
    threads = "threads unknown" if found.threads is None else f"threads: {len(found.threads)}"
    heard = [one for one in found.executives if one.state in {"met", "leader"}]
    parts = [
        f"{threads} of {len(view.here)} people (strength above {view.how.thread_above:g})",
        _champions(view),
    ]
    if found.executives:
        parts.append(f"executives heard: {len(heard)} of {len(found.executives)}")
    return "; ".join(parts)


def _champions(view: View) -> str:
    found = view.map.champions
    if not found:
        return "champion: none"
    if len(found) == 1:
        return f"champion: {found[0].name} ({found[0].text})"
    states = [one.state for one in found]
    counted = [f"{states.count(state)} {state}" for state in dict.fromkeys(sorted(states))]
    return f"champions: {', '.join(counted)}"


# --- power and support


def _grid(view: View, width: int) -> Iterator[Line]:
    if not view.here:
        return
    levels = [row for row in ROWS if row != UNKNOWN or any(p.level == row for p in view.here)]
    stances = [c for c in COLUMNS if c != UNKNOWN or any(p.stance == c for p in view.here)]
    room = (width - _LEFT - len(stances) * 2) // len(stances)
    heads: Line = [(" " * _LEFT, "")]
    for stance in stances:
        heads.append((f"  {_padded(f'{MARKS[stance]} {stance}', room)}", STYLES[stance] or "bold"))
    yield heads
    for level in levels:
        yield [(" " * (_LEFT - 1) + "─" * (width - _LEFT), "bright_black")]
        cells = [
            _cell([p for p in view.here if (p.level, p.stance) == (level, stance)], room)
            for stance in stances
        ]
        rows = list(zip_longest(*cells)) or [(None,) * len(stances)]
        for place, row in enumerate(rows):
            line: Line = [(_padded(level if not place else "", _LEFT), "bold")]
            for piece in row:
                text, style = piece or ("", "")
                line += [("│ ", "bright_black"), (_padded(text, room), style)]
            yield line


def _cell(people: Sequence[Standing], room: int) -> list[Piece]:
    found: list[Piece] = []
    for person in people[:CELL_PEOPLE]:
        number = whole(person.strength.value)
        name = _clean(person.name, max(room - len(number) - 2, 1))
        found.append((f"{name} {number}", _style(person)))
        found += [(f" {part}", "bright_black") for part in wrap(_marks(person), max(room - 2, 8))]
    if len(people) > CELL_PEOPLE:
        found.append((f"and {len(people) - CELL_PEOPLE} more", "bright_black"))
    return found


def _style(person: Standing) -> str:
    bold = "bold " if "champion" in person.roles else ""
    return f"{bold}{STYLES[person.stance]}".strip()


def _marks(person: Standing) -> str:
    silent = ["silent"] if person.silent else []
    return ", ".join([*silent, *roles(person)])


# --- lines, roles, executives


def _tree(view: View, width: int) -> Iterator[Line]:
    rows = outline([(p.id, p.reports_to) for p in view.here])
    for place, (id, depth) in enumerate(rows[:TREE_PEOPLE]):
        person = view.people[id]
        following = next((d for _, d in rows[place + 1 :] if d <= depth), -1)
        branch = "   " * (min(depth, 8) - 1) + ("├─ " if following == depth else "└─ ")
        start = branch if depth else ""
        marks = f"  {_marks(person)}".rstrip()
        state = f"{MARKS[person.stance]} {whole(person.strength.value):>3}"
        about = f"{person.name}, {person.title}" if person.title else person.name
        room = width - len(state) - 1
        about = _clean(about, max(room - len(start) - len(marks), 12))
        yield [
            (start, "bright_black"),
            (about, _style(person)),
            (_padded(marks, room - len(start) - cell_len(about)), "bright_black"),
            (f" {state}", STYLES[person.stance]),
        ]
    if len(rows) > TREE_PEOPLE:
        yield [(f"and {len(rows) - TREE_PEOPLE} more", "bright_black")]


def _coverage(view: View, width: int) -> Iterator[Line]:
    for row in view.map.coverage:
        people = [view.people[id] for id in row.people]
        names = ", ".join(f"{p.name} {whole(p.strength.value)}" for p in people)
        yield [
            (_padded(row.role.replace("_", " "), 16), ""),
            (_padded(HELD[row.state], 18), STATES[row.state]),
            (_clean(names, width - 34), ""),
        ]


def _executives(view: View, width: int) -> Iterator[Line]:
    leads = {one.id for one in view.map.ours if one.leads}
    for row in view.map.executives:
        names = ", ".join(f"{view.ours[id]}{' (leads)' if id in leads else ''}" for id in row.ours)
        window = f"in {view.how.window_days} days"
        wrote = sum(pair.wrote for pair in view.map.pairs if pair.theirs == row.id)
        silence = f", {count(wrote, 'message')} from us" if wrote and row.last_heard is None else ""
        text = {
            "unmet": f"not heard {window}{silence}",
            UNKNOWN: "unknown: no conversation names anybody",
        }.get(row.state, f"heard by {names or 'somebody of us who is not named'} {window}")
        if row.last_heard is not None:
            text += f", last on {row.last_heard}"
        yield from _wrapped(
            f"{row.name} ({row.seniority.replace('_', ' ')}): {text} ({view.cite(row.source)})",
            width,
            "yellow" if row.state == "unmet" else "",
            2,
        )


# --- who knows whom


def _matrix(view: View, width: int) -> Iterator[Line]:
    by_two = {(pair.theirs, pair.ours): pair for pair in view.map.pairs}
    theirs = [id for id in view.people if any((id, one.id) in by_two for one in view.map.ours)]
    names = max([12, *(cell_len(one_line(view.people[id].name, 30)) for id in theirs)]) + 2
    names = min(names, 26)
    fit = max(1, (width - names) // _OURS)
    for start in range(0, len(view.map.ours), fit):
        ours = view.map.ours[start : start + fit]
        yield [
            (" " * names, ""),
            *((_padded(_clean(one.name, _OURS - 2), _OURS), "bold") for one in ours),
        ]
        for id in theirs:
            cells = [by_two.get((id, one.id)) for one in ours]
            if any(cells):
                person = view.people[id]
                line: Line = [(_padded(_clean(person.name, names - 2), names), _style(person))]
                yield [*line, *((_padded(_pair(pair), _OURS), "") for pair in cells)]
    if any(pair.owner for pair in view.map.pairs):
        yield [("* answers for them", "bright_black")]
    if view.map.unattributed:
        talks = count(view.map.unattributed, "conversation")
        text = f"{talks} without a word on who of us took part (`by`)"
        yield [(text, "bright_black")]


def _pair(pair: Pair | None) -> str:
    if pair is None:
        return "."
    owner = "*" if pair.owner else ""
    if pair.strength is None:
        return f"?{owner}"
    if pair.last is None:
        return f"0{owner} wrote {pair.wrote}"
    return f"{whole(pair.strength)}{owner} {pair.talks}x {pair.last:%y-%m-%d}"


def _routes(view: View, width: int) -> Iterator[Line]:
    found = view.map.routes
    for route in found[:ROUTES]:
        text = f"{view.people[route.to].name} ({whole(route.strength)}): {view.route(route)}"
        yield from _wrapped(text, width, "", 2)
    if len(found) > ROUTES:
        yield [(f"and {len(found) - ROUTES} more", "bright_black")]
