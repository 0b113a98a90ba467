"""Charts: drawings that hold no script, no style and no colour of their own, and say in words what they show."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.render.book import totals
from crmctl.render.site import charts
from crmctl.render.site.environment import ago, score, signed

DAY = dt.date(2026, 1, 31)
POINTS = [(DAY + dt.timedelta(7 * n), float(40 + n)) for n in range(12)]
EVIL = "</svg><script>alert(1)</script>\x1b[31m\u202e"


def parsed(drawing: str) -> ET.Element:
    return ET.fromstring(drawing)


def drawings() -> dict[str, str]:
    return {
        "line": charts.line(EVIL, {EVIL: POINTS, "b": POINTS[:3]}, low=0, high=100, marks=(0, 50, 100)),
        "one": charts.line("One", {"a": POINTS[:1]}),
        "gap": charts.line("Gap", {"a": [*POINTS[:3], (DAY + dt.timedelta(60), None), *POINTS[10:]]}),
        "bars": charts.bars("Bars", [EVIL, "b"], {EVIL: [1.0, None], "y": [2.0, 3.0]}, ("good", "bad"), stacked=True),
        "shares": charts.shares("Shares", ["EUR", EVIL], {"a": [60.0, None], "b": [40.0, 100.0]}, ("best", "warn")),
        "scatter": charts.scatter(
            "Dots",
            [charts.Dot(5, 0.2, EVIL, "accounts/a.html", "bad"), charts.Dot(0, 0, "n", "x.html", "best")],
            0.5,
        ),
        "curve": charts.curve(
            EVIL, {EVIL: [(0, 0.0), (3, 0.0), (3, 50.0), (9, None), (10, 90.0)], "b": [(0, 5.0)]},
            {0: "0", 5: EVIL, 10: "10"}, (0, 50, 100), dots=True,
        ),
        "reach": charts.reach(EVIL, -30, 40, 120, (-100, 100)),
        "spark": charts.sparkline(EVIL, [1, 2, 3], 0, 100),
    }  # fmt: skip


@pytest.mark.parametrize("name", list(drawings()))
def test_a_drawing_is_nothing_but_shapes_and_words(name: str) -> None:
    drawn = drawings()[name]
    root = parsed(drawn.replace("xlink:href", "href"))
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {
        "svg",
        "g",
        "path",
        "rect",
        "text",
        "title",
        "circle",
        "a",
        "polyline",
        "line",
        "tspan",
    }
    assert "<!--" not in drawn
    for element in root.iter():
        assert not [
            key for key in element.attrib if key.startswith("on") or key in {"style", "fill"}
        ]
    assert root.get("role") == "img"
    assert root.get("aria-label")
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", drawn)


def test_dots_have_a_name_and_a_page() -> None:
    drawn = charts.scatter(
        "Dots", [charts.Dot(5.0, 0.2, "Acme, 5 EUR", "accounts/acme.html", "bad")], 1
    )
    assert 'href="accounts/acme.html"' in drawn
    assert "<title>Acme, 5 EUR" in drawn
    assert "tone-bad" in drawn


def test_the_same_numbers_give_the_same_bytes() -> None:
    assert drawings() == drawings()


VALUES = st.floats(-1e6, 1e6) | st.integers(-3, 200).map(float) | st.just(5.0)


@given(
    st.lists(st.tuples(st.integers(0, 900), VALUES), min_size=2, max_size=20).filter(
        lambda points: len({day for day, _ in points}) > 1
    ),
    st.none() | st.lists(st.integers(1, 99), max_size=5, unique=True),
)
def test_one_line_is_drawn_as_the_library_draws_it(
    points: list[tuple[int, float]], marks: list[int] | None
) -> None:
    class Several(dict[str, charts.Points]):
        """One series that is counted as two, so that the library draws it."""

        def __len__(self) -> int:
            return 2

    series = {"n": [(DAY + dt.timedelta(day), value) for day, value in sorted(points)]}
    settings: dict[str, Any] = {}
    if marks is not None:
        scale = sorted({0.0, 100.0, *map(float, marks)})
        settings = {"low": 0, "high": 100, "marks": scale, "height": 180, "width": 560}
    assert charts.line(EVIL, series, **settings) == charts.line(EVIL, Several(series), **settings)


def test_a_sparkline_needs_two_values() -> None:
    assert charts.sparkline("x", [5.0], 0, 100) == ""
    assert charts.sparkline("x", [5.0, 5.0], 5, 5) != ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (999, "999"), (1000, "1k"), (1250, "1.3k"), (96000, "96k"), (2_500_000, "2.5M"),
     (-1500, "-1.5k"), (None, "")],
)  # fmt: skip
def test_numbers_beside_an_axis_are_short(value: float | None, shown: str) -> None:
    assert charts.short(value) == shown


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["EUR", "GBP", "NOK"]), st.none() | st.decimals(0, 10**9, places=2)
        )
    )
)
def test_amounts_add_up_within_a_currency_and_never_across(
    rows: list[tuple[str, Decimal | None]],
) -> None:
    listed = [{"currency": c, "arr": None if a is None else str(a)} for c, a in rows]
    found = {currency: (shown, count) for currency, shown, count in totals(listed)}
    for currency in ("EUR", "GBP", "NOK"):
        known = [a for c, a in rows if c == currency and a is not None]
        assert (currency in found) is bool(known)
        if known:
            shown, count = found[currency]
            assert Decimal(shown.removesuffix(currency).replace(",", "")) == sum(known)
            assert count == len(known)


def test_words_for_numbers_and_days() -> None:
    assert [score(None), score(59.5), score(0)] == ["–", "60", "0"]
    assert [signed(3), signed(-2.6), signed(0.2), signed(None)] == ["+3", "−3", "0", "–"]
    assert [ago(DAY, DAY), ago("2026-02-01", DAY), ago("2026-01-29", DAY), ago(None, DAY)] == [
        "today", "in 1 day", "2 days ago", "",
    ]  # fmt: skip
