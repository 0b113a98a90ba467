"""Charts as SVG without script or style of their own: pygal draws, the site's style sheet gives colour, light or dark.

What pygal adds for its own script (tooltips, settings, a style sheet, comments) is taken out; the value of a dot
becomes its title, which browsers show and screen readers read.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from crmctl.model.numbers import half_up
from crmctl.model.text import html, one_line
from crmctl.render.site.charts_line import single_line

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NARROW, WIDE, LOW, HIGH = 340, 560, 150, 240
LABELS = 5  # dates along an axis
SPARK = (96, 24)
_LABEL = 120  # characters of a name

Points = Sequence[tuple[dt.date, float | None]]


class Dot(NamedTuple):
    """A point of a scatter: where, what it is called, its page, and the tone of its colour."""

    x: float
    y: float
    label: str
    href: str
    tone: str


def line(
    label: str,
    series: Mapping[str, Points],
    *,
    low: float | None = None,
    high: float | None = None,
    marks: Sequence[float] = (),
    width: int = NARROW,
    height: int = LOW,
) -> Markup:
    """Lines over dates; a gap where a value is None. ``marks`` are the values of the horizontal lines."""
    pygal = _library()
    days = sorted({day for points in series.values() for day, _ in points})
    ticks = [(_month(day, days), day.toordinal()) for day in _few(days)]
    bounds = None if low is None or high is None else (low, high)
    most = 5 if width > NARROW else 3
    only = [(d.toordinal(), v) for d, v in next(iter(series.values())) if v is not None]
    if len(series) == 1 and len(only) == len(next(iter(series.values()))) and len(days) > 1:
        return Markup(  # noqa: S704  numbers, and a label and names that are cleaned
            single_line(
                one_line(label, 300),
                only,
                ticks,
                marks,
                bounds,
                _short,
                size=(width, height),
                kinds=" ".join(_kinds(width)),
                most=most,
            )
        )
    chart = pygal.XY(
        **_settings(width, height),
        range=bounds,
        xrange=(days[0].toordinal() - 0.5, days[-1].toordinal() + 0.5) if len(days) == 1 else None,
        x_value_formatter=lambda place: dt.date.fromordinal(round(place)).isoformat(),
        value_formatter=_short,
        allow_interruptions=True,
        show_dots=False,
        max_scale=most,
    )
    chart.x_labels = [{"value": day, "label": name} for name, day in ticks]
    if marks:
        chart.y_labels = list(marks)
    for name, points in series.items():
        chart.add(one_line(name, _LABEL), [(day.toordinal(), value) for day, value in points])
    return _drawn(chart, label)


def curve(
    label: str,
    series: Mapping[str, Sequence[tuple[float, float | None]]],
    ticks: Mapping[float, str],
    marks: Sequence[float],
    *,
    dots: bool = False,
    width: int = WIDE,
    height: int = LOW,
) -> Markup:
    """Lines over plain numbers, percent upwards; a gap where a value is None.

    ``ticks`` name places along the lower axis, ``marks`` are the values of the horizontal lines, lowest first.
    """
    pygal = _library()
    places = [*ticks, *(x for points in series.values() for x, _ in points)]
    room = (max(places) - min(places)) * 0.02 or 0.5
    chart = pygal.XY(
        **_settings(width, height),
        range=(marks[0], marks[-1]),
        xrange=(min(places) - room, max(places) + room),
        x_value_formatter=lambda place: ticks.get(place, _short(place)),
        value_formatter=lambda value: "" if value is None else f"{half_up(value)} %",
        allow_interruptions=True,
        show_dots=dots,
        dots_size=3,
    )
    chart.x_labels = [
        {"value": place, "label": one_line(name, 24)} for place, name in ticks.items()
    ]
    chart.y_labels = list(marks)
    for name, points in series.items():
        chart.add(one_line(name, _LABEL), list(points))
    return _drawn(chart, label)


def bars(
    label: str,
    names: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    tones: Sequence[str],
    *,
    stacked: bool = False,
    width: int = WIDE,
    height: int = LOW,
) -> Markup:
    """Upright bars, one place a name; each series has a tone."""
    pygal = _library()
    kind = pygal.StackedBar if stacked else pygal.Bar
    chart = kind(
        **_settings(width, height),
        value_formatter=_short,
        include_x_axis=True,
        max_scale=4 if height > LOW else 3,
        margin_bottom=8,
    )
    chart.x_labels = [one_line(name, _LABEL) for name in names]
    for name, values in series.items():
        chart.add(one_line(name, _LABEL), list(values))
    return _drawn(chart, label, tones)


def shares(
    label: str,
    names: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    tones: Sequence[str],
) -> Markup:
    """Lying bars that each add up to 100 percent, one a name, the last name on top."""
    pygal = _library()
    chart = pygal.HorizontalStackedBar(
        **_settings(560, 34 * len(names) + 34),
        range=(0, 100),
        value_formatter=lambda value: f"{half_up(value or 0)} %",
    )
    chart.x_labels = [one_line(name, _LABEL) for name in names]
    chart.y_labels = [0, 25, 50, 75, 100]
    for name, values in series.items():
        chart.add(one_line(name, _LABEL), list(values))
    return _drawn(chart, label, tones)


def scatter(label: str, dots: Sequence[Dot], top: float) -> Markup:
    """Points with a name and a page each; upwards is a share from 0 to 1, as far as ``top``."""
    pygal = _library()
    tones = sorted({dot.tone for dot in dots})
    chart = pygal.XY(
        **_settings(WIDE, HIGH),
        stroke=False,
        dots_size=6,
        x_value_formatter=_short,
        max_scale=5,
        value_formatter=lambda value: f"{half_up(100 * value)} %",
        range=(0, top),
        xrange=(0, max((dot.x for dot in dots), default=1.0) * 1.08 or 1.0),
    )
    for tone in tones:
        chart.add(
            tone,
            [
                {
                    "value": (dot.x, dot.y),
                    "label": one_line(dot.label, _LABEL),
                    "xlink": {"href": dot.href, "target": "_self"},
                }
                for dot in dots
                if dot.tone == tone
            ],
        )
    return _drawn(chart, label, tones)


def sparkline(label: str, values: Sequence[float], low: float, high: float) -> Markup:
    """A line as high as a line of text, ending in a dot; empty for fewer than two values.

    One path of our own: a chart of the library's has sixty elements, and a page has thousands of these.
    """
    if len(values) < 2:
        return Markup()
    wide, tall = SPARK
    step, span = (wide - 6) / (len(values) - 1), (high - low) or 1.0
    places = [
        (3 + n * step, tall - 3 - (min(max(v, low), high) - low) / span * (tall - 6))
        for n, v in enumerate(values)
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    x, y = places[-1]
    return Markup(  # noqa: S704  numbers, and a label that is cleaned
        f'<svg class="spark" viewBox="0 0 {wide} {tall}" role="img" aria-label="{html(label)}">'
        f'<polyline points="{path}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"/></svg>'
    )


def meter(share: float | None, tone: str) -> Markup:
    """A bar filled to a share from 0 to 1. The number stands beside it, so it is hidden from screen readers."""
    filled = 0.0 if share is None else 100 * min(max(share, 0.0), 1.0)
    return Markup(  # noqa: S704  a number, and a word of ours
        '<svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="track" width="100" height="6"/>'
        f'<rect class="tone-{html(tone)}" width="{filled:.1f}" height="6"/></svg>'
    )


def reach(label: str, low: float, value: float, high: float, ends: tuple[int, int]) -> Markup:
    """A value on a scale with the interval around it: a track, a bar and a dot; the middle of the scale is marked."""
    start, last = ends

    def place(number: float) -> float:
        return 300 * (min(max(number, start), last) - start) / (last - start)

    left, right = place(low), place(high)
    return Markup(  # noqa: S704  numbers, and a label that is cleaned
        f'<svg class="reach" viewBox="0 0 300 18" role="img" aria-label="{html(label)}">'
        '<rect class="track" y="7" width="300" height="4" rx="2"/>'
        '<line class="middle" x1="150" y1="1" x2="150" y2="17"/>'
        f'<rect class="between" x="{left:.1f}" y="5" width="{max(right - left, 1):.1f}" height="8" rx="4"/>'
        f'<circle cx="{place(value):.1f}" cy="9" r="6"/></svg>'
    )


def relationship_map(drawing: str) -> Markup:
    """The drawing of `crmctl.render.map_svg`, without its own style sheet: the site's has the same classes."""
    head, _, rest = drawing.partition("<style>")
    return Markup(head + rest.partition("</style>")[2])  # noqa: S704  the drawing has cleaned every name


def _library() -> Any:
    """pygal, without the hook for plugins that it puts into Python's imports: of a kind that Python has dropped."""
    import pygal  # type: ignore[import-untyped]

    sys.meta_path[:] = [f for f in sys.meta_path if type(f).__module__ != "pygal"]
    return pygal


def _kinds(width: int) -> tuple[str, ...]:
    return ("chart", "large") if width > NARROW else ("chart",)


def _settings(width: int, height: int) -> dict[str, Any]:
    return {
        "width": width,
        "height": height,
        "js": (),
        "css": (),
        "classes": _kinds(width),
        "no_prefix": True,
        "show_legend": False,
        "disable_xml_declaration": True,
        "margin": 6,
        "spacing": 6,
        "truncate_label": 24,
        "no_data_text": "",
        "print_values": False,
    }


def _drawn(chart: Any, label: str, tones: Sequence[str] = ()) -> Markup:
    chart.add_xml_filter(partial(_plain, label=one_line(label, 300), tones=tones))
    return Markup(chart.render(is_unicode=True))  # noqa: S704  the serialiser escapes text and attributes


def _plain(root: Element, *, label: str, tones: Sequence[str]) -> Element:
    """The drawing alone."""
    root.attrib.pop("id", None)
    root.set("role", "img")
    root.set("aria-label", label)
    for parent in list(root.iter()):
        for child in list(parent):
            kind = child.get("class", "")
            overlay = "-overlay" in kind or kind.startswith("tooltip") or kind == "background"
            if overlay or str(child.tag) in {"defs", "title"} or callable(child.tag):
                parent.remove(child)
    for group in list(root.iter()):
        said = [child for child in group if child.tag == "desc"]
        values = {child.get("class", "value"): child.text for child in said}
        for child in said:
            group.remove(child)
        about = ", ".join(filter(None, (values.get("label"), values.get("value"))))
        if about:
            told = group.makeelement("title", {})
            told.text = about
            group.insert(0, told)
        kind = group.get("class", "")
        place = next((part for part in kind.split() if part.startswith("color-")), "")
        if tones and place:
            group.set("class", f"{kind} tone-{tones[int(place[6:]) % len(tones)]}")
    return root


def _short(value: float | None) -> str:
    """A number beside an axis."""
    if value is None:
        return ""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if abs(value) >= size:
            return half_up(round(value / size, 6), 0 if value % size == 0 else 1) + unit
    return f"{value:g}"


short = _short


def _few(days: Sequence[dt.date]) -> list[dt.date]:
    """Days spread over an axis, the first and the last among them."""
    if len(days) < 3:
        return list(days)
    first, span = days[0], (days[-1] - days[0]).days
    return [first + dt.timedelta(span * n // (LABELS - 1)) for n in range(LABELS)]


def _month(day: dt.date, days: Sequence[dt.date]) -> str:
    long = (days[-1] - days[0]).days > 330
    return f"{day:%b %y}" if long else f"{day.day} {day:%b}"
