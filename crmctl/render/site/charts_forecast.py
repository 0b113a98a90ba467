"""A history and where it is likely to go: its lines, a line ahead, and the interval as a shaded band.

The band is a line there and back, which the style sheet fills: pygal itself fills to an axis only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from crmctl.model.numbers import half_up
from crmctl.render.site import charts

if TYPE_CHECKING:
    from crmctl.insight.forecast import Forecast
    from crmctl.render.site.charts import Points

BAND, EXPECTED = "Between", "Expected"


def fan(
    label: str, series: Mapping[str, Points], forecast: Forecast | None, marks: Sequence[float] = ()
) -> Markup:
    """Lines over dates, the first of them carried on by its forecast where there is one; ``marks`` are the scale."""
    drawn: dict[str, Points] = dict(series)
    if forecast is not None:
        first = next(iter(series.values()))
        start = [(day, value) for day, value in first if value is not None][-1:]
        there = [*start, *((step.day, step.low) for step in forecast.steps)]
        back = [(step.day, step.high) for step in reversed(forecast.steps)]
        drawn[BAND] = [*there, *back, *start]
        drawn[EXPECTED] = [*start, *((step.day, step.value) for step in forecast.steps)]
        last = forecast.steps[-1]
        label += (
            f"; expected {half_up(last.value)} on {last.day}, with {half_up(100 * forecast.share)} % between "
            f"{half_up(last.low)} and {half_up(last.high)}"
        )
    chart = charts.line(
        label,
        drawn,
        low=marks[0] if marks else None,
        high=marks[-1] if marks else None,
        marks=marks,
        width=charts.WIDE,
        height=charts.HIGH,
    )
    if forecast is None:
        return chart
    # What the library numbers, the style sheet knows by its meaning.
    named = str(chart)
    for place, kind in ((len(series), "band"), (len(series) + 1, "ahead")):
        named = re.sub(
            rf'(<g class="series serie-{place} color-{place}".*?<path [^>]*?class=")line[^"]*"',
            rf'\1{kind}"',
            named,
            count=1,
            flags=re.DOTALL,
        )
    return Markup(named)  # noqa: S704  the chart's own text; only classes are others
