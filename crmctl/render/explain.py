"""Explanations of scores as rows for tables and as plain data for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmctl.insight.explain import lines
from crmctl.model.numbers import half_up
from crmctl.workspace.paths import ACCOUNTS

if TYPE_CHECKING:
    from crmctl.insight.explain import Change, InputChange, Line
    from crmctl.insight.health import Health, InputScore
    from crmctl.insight.health_weights import HealthWeights
    from crmctl.insight.past import Recorded, Standing
    from crmctl.insight.whatif import Move, Simulation

PARTS = ("data", "weights", "missingness", "override")
LINE = ("name", "value", "normalised", "weight", "effective", "points", "age", "source", "note")
READ_LINE = ("name", "value", "normalised", "effective", "points", "age", "note", "source")
CHANGE = ("name", "before", "after", "data", "weights", "missingness", "points", "note")
MOVE = ("account", "before", "after", "points", "status", "why")
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
    if health.score is None:
        return f"{standing.slug}{where}: no score: {health.reason}"
    known = f"{points(health.coverage * 100)} % known"
    bounds = f"between {points(health.low)} and {points(health.high)}"
    return f"{standing.slug}{where}: {verdict(health)} ({known}, {bounds})"


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
        gates = [f"{g.name}: at most {g.cap:g}" for g in change.after.gates]
        note = "; ".join(gates) or "no gate is shut any more"
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
    return found | {"lines": [line._asdict() for line in lines(health, standing.day)]}


def change_document(change: Change) -> dict[str, Any]:
    """A change for programs."""
    return {
        "before": {"score": change.before.score, "status": change.before.status},
        "after": {"score": change.after.score, "status": change.after.status},
        "points": change.total,
        **{name: getattr(change, name) for name in PARTS},
        "gates_before": [gate.name for gate in change.before.gates],
        "gates_after": [gate.name for gate in change.after.gates],
        "inputs": [_input_document(part) for part in change.inputs],
    }


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
    return ("day", "score", "change", "status", "coverage", *health.factors)


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
    }


def history_document(row: Recorded, health: HealthWeights) -> dict[str, Any]:
    """One day of a history for programs; the status is that of the bands as they are now."""
    from crmctl.insight.curves import band

    status = None
    if row.score is not None:
        status = band(row.score, health.status.steps, health.status.boundary)
    found: dict[str, Any] = {"day": row.day, "score": row.score, "change": row.change}
    return found | {"status": status, "coverage": row.coverage, "factors": row.factors}


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
        "why": why or before.reason or after.reason,
    }


def move_document(move: Move) -> dict[str, Any]:
    """One account that would move, for programs."""
    return {"account": move.slug, **change_document(move.change)}


def summary(found: Simulation) -> str:
    """One line about all accounts."""
    crossing = sum(move.crosses for move in found.moves)
    return f"{len(found.moves)} of {found.scored} accounts would move, {crossing} to another status"
