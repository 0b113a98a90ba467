"""Training a model of churn: on the team's own history, or on a table from outside; and what is written of it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmctl.insight.churn import churn_weights
from crmctl.insight.churn_history import (
    TENURE,
    Observation,
    customers,
    observation_days,
    observations,
)
from crmctl.insight.churn_model import (
    FOLDER,
    OWN,
    Model,
    Split,
    Table,
    Trial,
    fit,
    learner,
    stratified,
    try_out,
)
from crmctl.insight.churn_table import Leak, leaks, read_table, refuse
from crmctl.model.errors import CrmError

if TYPE_CHECKING:
    from crmctl.insight.churn_weights import ChurnWeights, Training
    from crmctl.model.errors import Problem
    from crmctl.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Trained:
    """A model with what a reader must know of it. ``path`` is its file; the card lies beside it."""

    path: str
    source: str
    outcome: str
    split: str
    rows: int
    events: int
    groups: int
    model: Model
    trial: Trial
    notes: tuple[str, ...]

    @property
    def card(self) -> str:
        return self.path.removesuffix(".json") + ".md"

    def as_json(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome,
            "rows": self.rows,
            "events": self.events,
            **self.model.as_json(),
        }


def train_own(ws: Workspace, problems: list[Problem]) -> Trained:
    """A model of the team's own customers. CrmError where there were too few losses to learn from."""
    from crmctl.insight.weights import load_weights

    weights = load_weights(ws.root)
    churn = churn_weights(weights)
    training, horizon = churn.training, churn.horizon_days
    learner(training)
    book = customers(ws, churn.lost, problems)
    days = observation_days(book, ws.today, horizon, training.every_days)
    seen = list(observations(book, days, horizon, weights.health.measuring))
    lost = {row.account for row in seen if row.lost}
    _enough(len(lost), len(seen), training, "customers lost within a horizon that was observed")
    refuse(later(seen), "please report it")
    known = sorted(
        {n for row in seen for n, found in row.values.items() if found.value is not None}
    )
    table = Table(
        tuple(known),
        (),
        [{name: found.value for name, found in row.values.items()} for row in seen],
        [row.lost for row in seen],
        [row.account for row in seen],
    )
    refuse(leaks(table, training), "look at how it is measured")
    splits, text = by_time(table, [row.day for row in seen], days, churn)
    trial = try_out(table, splits, training, [n for n in (TENURE, "health") if n in known])
    return Trained(
        OWN,
        f"{len(book)} customers of this workspace, {len(days)} days of observation from "
        f"{dt.date.fromordinal(days[0])} to {dt.date.fromordinal(days[-1])}",
        f"lost within {horizon} days of the observation",
        text,
        len(seen),
        len(lost),
        len({row.account for row in seen}),
        fit(table, range(len(seen)), training),
        trial,
        tuple(
            f"{name}: nobody has it in this workspace"
            for name in sorted({n for row in seen for n in row.values} - {*known})
        ),
    )


def later(rows: Iterable[Observation]) -> list[Leak]:
    """Features that rest on something of a day after the observation."""
    return [
        Leak(name, "it rests on something later than the day of observation")
        for row in rows
        for name, found in row.values.items()
        if found.day is not None and found.day > row.day
    ]


def train_table(
    ws: Workspace,
    path: Path,
    label: str,
    *,
    without: Sequence[str] = (),
    date: str = "",
    observed: dt.date | None = None,
) -> Trained:
    """A model of a table from outside; it is written down, and never used for the accounts of the workspace."""
    from crmctl.insight.weights import load_weights
    from crmctl.workspace.paths import slug

    churn = churn_weights(load_weights(ws.root))
    training = churn.training
    learner(training)
    outside = read_table(path, label, training, without=without, date=date, observed=observed)
    table = outside.table
    _enough(sum(table.labels), len(table.rows), training, f"rows in which {label} says yes")
    if outside.days is None:
        splits = stratified(table.labels, training)
        text = f"{training.shuffles} stratified shuffles with {training.test_share:.0%} held out"
    else:
        ordinals = [day.toordinal() for day in outside.days]
        splits, text = _after(ordinals, training)
    plain = {name.casefold(): name for name in (*table.numbers, *table.choices)}
    alone = [plain[name] for name in (TENURE, "health") if name in plain]
    return Trained(
        f"{FOLDER}/table-{slug(path.stem, fallback='table', limit=40)}.json",
        path.name,
        f"{label} says yes",
        text,
        len(table.rows),
        sum(table.labels),
        len(table.rows),
        fit(table, range(len(table.rows)), training),
        try_out(table, splits, training, alone),
        outside.notes,
    )


def model_bytes(trained: Trained) -> bytes:
    """The model's file: six digits of each number, so that two machines write the same."""
    return (json.dumps(_rounded(trained.as_json()), indent=1, ensure_ascii=True) + "\n").encode()


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, (list, tuple)) else value


def _enough(events: int, rows: int, training: Training, what: str) -> None:
    if events < training.least_events or rows < training.least_rows:
        raise CrmError(
            f"too little history for a model: {events} {what}, {rows} rows in all; it takes "
            f"{training.least_events} and {training.least_rows} (weights.yaml, churn.training); until then "
            "`crmctl churn` rests on the signs in weights.yaml"
        )


def by_time(
    table: Table, row_days: Sequence[int], days: Sequence[int], churn: ChurnWeights
) -> tuple[list[Split], str]:
    """Learn from windows that were over when the tested ones began, and from other customers than the tested ones."""
    training = churn.training
    later = days[-max(1, round(training.test_share * len(days))) :]
    first = later[0]
    side = [
        int(sha256(str(group).encode()).hexdigest(), 16) % training.folds for group in table.groups
    ]
    splits = [
        Split(
            [
                p
                for p, day in enumerate(row_days)
                if day + churn.horizon_days <= first and side[p] != n
            ],
            [p for p, day in enumerate(row_days) if day >= first and side[p] == n],
        )
        for n in range(training.folds)
    ]
    splits = [split for split in splits if split.test]
    tested = {table.labels[p] for split in splits for p in split.test}
    if len(tested) < 2 or any(len({table.labels[p] for p in s.train}) < 2 for s in splits):
        raise CrmError(
            f"too little history for a test: before and after {dt.date.fromordinal(first)} there must be "
            "customers who were lost and customers who stayed"
        )
    return splits, (
        f"by time: learnt from windows that had ended by {dt.date.fromordinal(first)}, tried on those from then on, "
        f"each customer by a model that never saw it ({training.folds} folds)"
    )


def _after(days: Sequence[int], training: Training) -> tuple[list[Split], str]:
    ordered = sorted(days)
    first = ordered[len(ordered) - max(1, round(training.test_share * len(ordered)))]
    split = Split(
        [p for p, day in enumerate(days) if day < first],
        [p for p, day in enumerate(days) if day >= first],
    )
    if not split.train:
        raise CrmError("too little history for a test: every row was observed on the same day")
    return [
        split
    ], f"by time: learnt from rows before {dt.date.fromordinal(first)}, tried on later ones"
