"""What is allowed in the part ``health:`` of ``weights.yaml`` but probably not meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import fsum
from typing import TYPE_CHECKING

from crmctl.insight.curves import NOISE
from crmctl.insight.scales import lint_scale
from crmctl.insight.scorecards import lint_cards

if TYPE_CHECKING:
    from crmctl.insight.health import Health
    from crmctl.insight.health_weights import Cap, Factor, HealthWeights, Input

Finding = tuple[str, str]
Picker = Callable[[Iterable[float]], float]


def lint_health(health: HealthWeights) -> Iterator[Finding]:
    """Field and finding: of the base, and of each scorecard what it makes worse."""
    base = list(_numbers(health, "health"))
    yield from base
    for name, text in lint_cards(health.scorecards):
        yield f"health.scorecards.{name}", text
    said = set(base)
    for name, card in health.scorecards.items():
        if card.no_score is None:
            for field, text in _numbers(health.by_card(name), "health"):
                if (field, text) not in said:
                    below = field.removeprefix("health.")
                    yield f"health.scorecards.{name}.{below}", text


def unfilled(health: HealthWeights, found: Iterable[Health]) -> Iterator[Finding]:
    """Of the health of all accounts: field and finding for each factor with inputs that weigh and no customer has."""
    asked: dict[str, str] = {}
    known: set[str] = set()
    customers = 0
    for one in found:
        card = health.scorecards.get(one.card)
        if card is not None and card.no_score is not None:
            continue
        customers += 1
        for factor in one.factors:
            asked |= {i.name: factor.name for i in factor.inputs if i.weight}
            known |= {i.name for i in factor.inputs if i.value is not None}
    if health.unfilled_from is None or customers < health.unfilled_from:
        return
    for name in health.factors:
        blank = [key for key, factor in asked.items() if factor == name and key not in known]
        if blank:
            text = (
                f"nobody fills {', '.join(sorted(blank))}: known of none of {customers} customers"
            )
            yield f"health.factors.{name}.inputs", text


def _numbers(health: HealthWeights, at: str) -> Iterator[Finding]:
    """The findings on one set of numbers, whose fields begin with ``at``."""
    yield from _sum(f"{at}.factors", (f.weight for f in health.factors.values()))
    for name, factor in health.factors.items():
        yield from _sum(f"{at}.factors.{name}.inputs", (i.weight for i in factor.inputs.values()))
        if not factor.weight:
            yield f"{at}.factors.{name}", "weighs nothing"
        for key, spec in factor.inputs.items():
            if spec.weight:
                yield from _curve(f"{at}.factors.{name}.inputs.{key}.curve", spec)
    yield from lint_scale(f"{at}.status", health.status)
    yield from _out_of_reach(f"{at}.status.bands", health)
    yield from _gates(health, at)


def _sum(field: str, weights: Iterable[float]) -> Iterator[Finding]:
    total = fsum(weights)
    if abs(total - 100) > NOISE:
        yield field, f"the weights add up to {total:g}, not 100"


def _curve(field: str, spec: Input) -> Iterator[Finding]:
    """A range counts what is unknown from 0 to 100; a curve that is never there makes it wider than the truth."""
    heights = [height for _, height in spec.curve]
    if max(heights) < 100:
        yield field, f"its best is {max(heights):g}: no value earns 100, yet ranges count on it"
    if min(heights) > 0:
        yield field, f"its worst is {min(heights):g}: no value earns 0, yet ranges count on it"


def _out_of_reach(field: str, health: HealthWeights) -> Iterator[Finding]:
    """Bands that hold no score that the curves can make and the gates can cap."""
    best, worst = _extreme(health, max), _extreme(health, min)
    caps = [gate.cap for gate in _caps(health).values() if gate.cap <= best]
    inclusive = health.status.boundary == "inclusive"
    bands = sorted(health.status.bands.items(), key=lambda band: band[1])
    ends = [start for _, start in bands[1:]]
    for (name, start), end in zip(bands, [*ends, None], strict=True):
        first = start <= bands[0][1]
        too_high = best < start - NOISE or (not inclusive and not first and best <= start + NOISE)
        if too_high:
            yield field, f"{name} is never reached: the best possible score is {best:g}"
        elif end is not None and (worst > end or (inclusive and worst >= end)):
            below = [c for c in caps if c < end or (not inclusive and c <= end)]
            if not any(c >= start for c in below):
                yield field, f"{name} is never reached: the worst possible score is {worst:g}"


def _extreme(health: HealthWeights, pick: Picker) -> float:
    """The best or worst mean: every input that weighs at the highest or lowest point of its curve."""
    return _mean((f.weight, _factor(f, pick)) for f in health.factors.values())


def _factor(factor: Factor, pick: Picker) -> float:
    return _mean((i.weight, pick(height for _, height in i.curve)) for i in factor.inputs.values())


def _mean(parts: Iterable[tuple[float, float]]) -> float:
    found = list(parts)
    return fsum(weight * value for weight, value in found) / fsum(weight for weight, _ in found)


def _caps(health: HealthWeights) -> dict[str, Cap]:
    gates = health.gates
    return {
        "champion_left": gates.champion_left,
        "notice_given": gates.notice_given,
        "payment_overdue": gates.payment_overdue,
    }


def _gates(health: HealthWeights, at: str) -> Iterator[Finding]:
    """Each gate that changes nothing."""
    top = max(health.status.bands.values())
    for name, gate in _caps(health).items():
        if gate.cap >= top:
            yield f"{at}.gates.{name}", "its cap lies in the best band, so it changes no status"
