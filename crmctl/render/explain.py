"""Explanations of scores as rows for tables and as plain data for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmctl.insight.explain import lines
from crmctl.insight.trend import confidence, trend_of
from crmctl.model.numbers import half_up
from crmctl.workspace.paths import ACCOUNTS

if TYPE_CHECKING:
    from crmctl.insight.explain import Change, InputChange, Line
    from crmctl.insight.health import Health, InputScore
    from crmctl.insight.health_weights import HealthWeights
    from crmctl.insight.past import Recorded, Standing
    from crmctl.insight.trend import Trend
    from crmctl.insight.whatif import Move, Simulation

PARTS = ("data", "weights", "missingness", "override")
LINE = ("name", "value", "normalised", "weight", "effective", "points", "age", "source", "note")
READ_LINE = ("name", "value", "normalised", "effective", "points", "age", "note", "source")
CHANGE = ("name", "before", "after", "data", "weights", "missingness", "points", "note")
MOVE = ("account", "before", "after", "points", "status", "card", "why")
MOST_REASONS = 3


def points(value: float | None, digits: int = 0) -> str:
    """A number rounded for showing; empty when there is none."""
    return "" if value is None else half_up(round(value, 9), digits)


def signed(value: float | None, digits: int = 2) -> str:
    """As `points`, a rise with its sign."""
    text = points(value, digits)
    return f"+{text}" if value is not None and value > 0 and float(text) else text


def verdict(health: Health) -> str:
    """The score with its status, or that there is none."""
    if health.score is None:
        return f"no score ({health.status})" if health.status else "no score"
    return f"{points(health.score)} {health.status}"


def headline(standing: Standing, health: Health) -> str:
    """One line: whose score, how much, how sure, and of which commit."""
    where = f" on {standing.day} at commit {standing.commit[:10]}" if standing.commit else ""
    moving = trend_text(trend_of(standing, health))
    return f"{standing.slug}{where}: {told(health, moving)}"


def told(health: Health, moving: str = "") -> str:
    """A score, how sure it is, by which card and set by whom; ``moving`` is its trend."""
    card = f"scorecard {health.card}" if health.card else ""
    if health.score is None:
        return f"no score: {health.reason}{_bracketed([card, health.override_note])}"
    known = f"{points(health.coverage * 100)} % known"
    bounds = f"between {points(health.low)} and {points(health.high)}"
    computed = ""
    if health.by_hand:
        computed = f"computed {points(health.computed)} {health.computed_status}"
        if health.computed is None:
            computed = f"not computed: {health.reason}"
    notes = [health.override_note, computed, known, bounds, card, moving]
    return f"{verdict(health)}{_bracketed(notes)}"


def _bracketed(notes: list[str]) -> str:
    text = ", ".join(filter(None, notes))
    return f" ({text})" if text else ""


def trend_text(found: Trend | None) -> str:
    """falling, -12 in 14 days; empty without a trend."""
    if found is None:
        return ""
    if not found.points:
        return f"{found.direction} over {found.days} days"
    return f"{found.direction}, {signed(found.points, 0)} in {found.days} days"


def line_row(line: Line, folder: str | None = None) -> dict[str, Any]:
    """A line as text cells; for people sources stand without the account's ``folder`` in front."""
    source = line.source
    if folder is not None:
        source = source.removeprefix(folder).removeprefix(f"{ACCOUNTS}/")
    return {
        "name": line.name if line.kind == "input" else f"= {line.name}",
        "value": "" if line.value is None else f"{line.value:.4g}",
        "normalised": points(line.normalised, 1),
        "weight": _percent(line.weight),
        "effective": _percent(line.weight_effective),
        "points": points(line.points, 2),
        "age": "" if line.age is None else str(line.age),
        "source": source,
        "note": line.note,
    }


def _percent(share: float | None) -> str:
    return points(None if share is None else share * 100, 1)


def change_line(change: Change) -> str:
    """The change of the score as one sum."""
    ends = f"{verdict(change.before)} -> {verdict(change.after)}"
    if change.before.card != change.after.card:
        cards = (change.before.card or "base", change.after.card or "base")
        ends += f" (scorecard {cards[0]} -> {cards[1]})"
    elif change.after.card:
        ends += f" (scorecard {change.after.card})"
    if change.total is None:
        reason = change.before.reason or change.after.reason
        return f"{ends}: nothing to compare: {reason}"
    parts = ", ".join(f"{name} {signed(getattr(change, name))}" for name in PARTS)
    return f"{ends}: {signed(change.total)} points = {parts}"


def change_rows(change: Change) -> list[dict[str, Any]]:
    """The inputs that moved, then the gates and the sum; nothing without two scores to compare."""
    if change.total is None:
        return []
    rows = [_input_row(part) for part in change.inputs if part.moved]
    rows.sort(key=lambda row: -abs(row["order"]))
    if change.override:
        found = [change.after.override_note]
        found += [f"{g.name}: at most {g.cap:g}" for g in change.after.gates]
        note = "; ".join(filter(None, found)) or "nothing overrules the mean any more"
        row = {"name": "= override", "points": signed(change.override), "note": note}
        rows.append(row)
    total = {
        "name": "= score",
        "before": points(change.before.score, 2),
        "after": points(change.after.score, 2),
        "points": signed(change.total),
    }
    return [*rows, total | {name: signed(getattr(change, name)) for name in PARTS}]


def _input_row(part: InputChange) -> dict[str, Any]:
    note = part.after.note if part.after is not None else "is no input any more"
    return {
        "name": part.name,
        "before": _value(part.before),
        "after": _value(part.after),
        "data": signed(part.data),
        "weights": signed(part.weights),
        "missingness": signed(part.missingness),
        "points": signed(part.points),
        "note": note,
        "order": part.points,
    }


def _value(part: InputScore | None) -> str:
    return "" if part is None or part.value is None else f"{part.value:.4g}"


def document(standing: Standing, health: Health) -> dict[str, Any]:
    """An explanation for programs: numbers in full."""
    found: dict[str, Any] = {"account": standing.slug, "day": standing.day}
    found |= {"commit": standing.commit or None}
    found |= {name: getattr(health, name) for name in ("score", "status", "coverage", "low")}
    found |= {"high": health.high, "mean": health.mean, "reason": health.reason}
    found |= by_hand_document(health)
    rules = standing.weights.health.trend
    moving, sure = trend_of(standing, health), None
    if rules is not None:
        sure = confidence(health.coverage, health.high - health.low, rules.confidence)
    found |= {"confidence": sure, "trend": None if moving is None else moving._asdict()}
    return found | {"lines": [line._asdict() for line in lines(health, standing.day)]}


def by_hand_document(health: Health) -> dict[str, Any]:
    """By which card a score was computed, and what a person made of it, for programs."""
    found: dict[str, Any] = {"computed": health.computed, "computed_status": health.computed_status}
    override = None if health.override is None else health.override._asdict()
    return found | {"card": health.card or "base", "override": override}


def change_document(change: Change) -> dict[str, Any]:
    """A change for programs."""
    return {
        "before": _end(change.before),
        "after": _end(change.after),
        "points": change.total,
        **{name: getattr(change, name) for name in PARTS},
        "gates_before": [gate.name for gate in change.before.gates],
        "gates_after": [gate.name for gate in change.after.gates],
        "inputs": [_input_document(part) for part in change.inputs],
    }


def _end(health: Health) -> dict[str, Any]:
    return {"score": health.score, "status": health.status, "card": health.card or "base"}


def _input_document(part: InputChange) -> dict[str, Any]:
    ends = {"before": part.before, "after": part.after}
    kept = ("value", "normalised", "weight_effective", "points", "source", "note")
    shown = {
        end: None if score is None else {name: getattr(score, name) for name in kept}
        for end, score in ends.items()
    }
    parts = {"data": part.data, "weights": part.weights, "missingness": part.missingness}
    return {"name": part.name, **shown, **parts, "points": part.points}


def history_columns(health: HealthWeights) -> tuple[str, ...]:
    """The columns of a history: the factors have the names that the weights give them."""
    return ("day", "score", "change", "status", "coverage", *health.factors, "trend", "confidence")


def history_row(row: Recorded, health: HealthWeights) -> dict[str, Any]:
    """One day of a history as text cells."""
    plain = history_document(row, health)
    return {
        **{name: points(value) for name, value in row.factors.items()},
        "day": row.day.isoformat(),
        "score": points(row.score),
        "change": signed(row.change, 0),
        "status": plain["status"] or "",
        "coverage": points(row.coverage, 2),
        "trend": "" if row.trend is None else row.trend.direction,
        "confidence": row.confidence,
    }


def history_document(row: Recorded, health: HealthWeights) -> dict[str, Any]:
    """One day of a history for programs; the status is that of the bands as they are now."""
    from crmctl.insight.curves import band

    status = None
    if row.score is not None:
        status = band(row.score, health.status.steps, health.status.boundary)
    found: dict[str, Any] = {"day": row.day, "score": row.score, "change": row.change}
    found |= {"status": status, "coverage": row.coverage, "factors": row.factors}
    trend = None if row.trend is None else row.trend._asdict()
    return found | {"trend": trend, "confidence": row.confidence or None}


def move_row(move: Move) -> dict[str, Any]:
    """One account that would move, as text cells."""
    before, after = move.change.before, move.change.after
    status = after.status or "no status"
    if move.crosses:
        status = f"{before.status or 'no status'} -> {status}"
    why = ", ".join(f"{name} {signed(part)}" for name, part in move.change.why[:MOST_REASONS])
    return {
        "account": move.slug,
        "before": points(before.score, 1),
        "after": points(after.score, 1),
        "points": signed(move.change.total),
        "status": status,
        "card": after.card or "base",
        "why": why or before.reason or after.reason,
    }


def move_document(move: Move) -> dict[str, Any]:
    """One account that would move, for programs."""
    return {"account": move.slug, **change_document(move.change)}


def summary(found: Simulation) -> str:
    """One line about all accounts."""
    crossing = sum(move.crosses for move in found.moves)
    return f"{len(found.moves)} of {found.scored} accounts would move, {crossing} to another status"
