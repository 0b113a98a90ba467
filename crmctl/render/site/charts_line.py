"""One line over dates, drawn by pygal's own arithmetic without its tree of elements.

An account's page has up to five of these, so a large site has tens of thousands, and pygal spends twenty times as
long on settings and elements as on the drawing. Scale, bounds and projection are pygal's; only the writing is ours,
and a test holds it to what pygal writes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

MARGIN = 6
FONT = 10  # pygal's size of labels


def single_line(
    label: str,
    points: Sequence[tuple[int, float]],
    ticks: Sequence[tuple[str, int]],
    marks: Sequence[float],
    bounds: tuple[float, float] | None,
    short: Callable[[float | None], str],
    *,
    size: tuple[int, int],
    kinds: str,
    most: int,
) -> str:
    """The drawing of at least two points of (day, value), the days as ordinals.

    ``ticks`` name days along the lower axis, ``marks`` or at most ``most`` values of pygal's choice are those of the
    horizontal lines, named by ``short``. ``bounds`` are the lowest and the highest value if they are not the points',
    ``kinds`` the classes of the drawing.
    """
    from pygal.util import (  # type: ignore[import-untyped]
        compute_scale,
        get_texts_box,
        majorize,
    )
    from pygal.view import Box, View  # type: ignore[import-untyped]

    width, height = size
    days, values = [day for day, _ in points], [value for _, value in points]
    box = Box()
    box.xmin, box.xmax = min(days), max(days)
    box.ymin, box.ymax = bounds or (min(values), max(values))
    box.xmin, box.xmax = (
        min(box.xmin, *(day for _, day in ticks)),
        max(box.xmax, *(day for _, day in ticks)),
    )
    if marks:
        box.ymin, box.ymax = min(box.ymin, *marks), max(box.ymax, *marks)
        places = list(marks)
    else:
        places = compute_scale(box.ymin, box.ymax, False, None, 4, most)
    names = [short(place) for place in places]
    high, wide = get_texts_box(names, FONT)
    left = 2 * MARGIN + max(wide, high)
    view = View(width - left - MARGIN, height - 3 * MARGIN - FONT, box)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{kinds}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{_quoted(label)}">'
        f'<g class="graph xy-graph vertical"><g transform="translate({left:.0f}, {MARGIN})" class="plot">'
    )
    tail = (
        '</g></g><g class="titles" />'
        f'<g transform="translate({left:.0f}, {MARGIN})" class="plot overlay">'
        '<g class="series serie-0 color-0" /></g></g></svg>'
    )
    axes = (*_values(view, places, names, majorize(places)), *_days(view, ticks))
    path = _path(view, points)
    return "".join((head, *axes, '<g class="series serie-0 color-0">', path, tail))


def _quoted(text: str) -> str:
    return escape(text, quote=False).replace('"', "&quot;")


def _path(view: Any, points: Sequence[tuple[int, float]]) -> str:
    first, *others = [f"{x:f} {y:f}" for x, y in map(view, points)]
    return f'<path d="M{first} L{" ".join(others)}" class="line reactive nofill" />'


def _values(
    view: Any, places: Sequence[float], names: Sequence[str], major: Sequence[float]
) -> list[str]:
    found = ['<g class="axis y always_show">']
    if 0 not in places:
        found.append(f'<path d="M0.000000 {view.height:f} h{view.width:f}" class="line" />')
    for place, name in zip(places, names, strict=True):
        y, weighty = view.y(place), place in major
        if not y:
            found.append('<g class="guides" />')
            continue
        kinds = (
            "axis " if name == "0" else "",
            "major " if weighty else "",
            "guide " if place else "",
        )
        found.append(
            f'<g class="guides"><path d="M0.000000 {y:f} h{view.width:f}" class="{"".join(kinds)}line" />'
            f'<text x="-5" y="{y + 0.35 * FONT}" class="{"major" if weighty else ""}">{escape(name)}</text></g>'
        )
    return [*found, "</g>"]


def _days(view: Any, ticks: Sequence[tuple[str, int]]) -> list[str]:
    found = [f'<g class="axis x"><path d="M0.000000 0.000000 v{view.height:f}" class="line" />']
    y = view.height + 5 + 0.5 * FONT + 5
    for name, day in ticks:
        x = view.x(day)
        found.append(
            f'<g class="guides"><path d="M{x:f} 0.000000 v{view.height:f}" class="guide line" />'
            f'<text x="{x}" y="{y}" class="">{escape(name)}</text></g>'
        )
    return [*found, "</g>"]
