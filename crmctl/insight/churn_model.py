"""A logistic model of churn: made of plain coefficients, tried on rows that it never saw.

scikit-learn (the extra ``ml``) is needed to train, never to use a model.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import exp, fsum, sqrt
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.insight import metrics_binary as metrics
from crmctl.model.errors import ConfigError, CrmError

if TYPE_CHECKING:
    from crmctl.insight.churn_weights import Training

FORMAT = 1
FOLDER = "models"
OWN = f"{FOLDER}/churn.json"
Value = float | str | None
Row = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows to learn from. ``choices`` are columns of words, all others of numbers; None is what nobody knows.

    Rows of one ``group`` (a customer) are never on both sides of a split.
    """

    numbers: tuple[str, ...]
    choices: tuple[str, ...]
    rows: Sequence[Row]
    labels: Sequence[bool]
    groups: Sequence[Hashable]


class Split(NamedTuple):
    """Places of the rows to learn from, and of those to be tried on."""

    train: Sequence[int]
    test: Sequence[int]


class Term(NamedTuple):
    """One column's part in the sum: coefficients of a number in standard units, or of each word.

    An unknown number counts as ``middle``, and adds ``unknown``.
    """

    name: str
    middle: float
    mean: float
    scale: float
    coefficient: float
    unknown: float
    values: dict[str, float] | None


@dataclass(frozen=True, slots=True)
class Model:
    """Log odds as a sum: the intercept and each column's term."""

    intercept: float
    terms: tuple[Term, ...]

    def probability(self, row: Row) -> float:
        """Between 0 and 1. A word that was never seen adds nothing."""
        odds = self.intercept + fsum(_part(term, row.get(term.name)) for term in self.terms)
        return 1 / (1 + exp(-odds)) if odds > -700 else 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "intercept": self.intercept,
            "terms": [term._asdict() for term in self.terms],
        }


class Trial(NamedTuple):
    """How a model did on rows it had not seen, all splits together; ``by_split`` are their own AUCs.

    ``base`` is the Brier score of the bare base rate; ``alone`` the AUC of single columns; ``shuffled`` the AUC
    with the labels dealt out at random, which must be near 0.5.
    """

    rows: int
    events: int
    auc: float | None
    interval: metrics.Interval | None
    by_split: tuple[float | None, ...]
    average_precision: float | None
    lift: float | None
    brier: float | None
    base: float | None
    calibration: tuple[metrics.Bin, ...]
    alone: dict[str, float | None]
    shuffled: float | None


def _part(term: Term, value: Value) -> float:
    if term.values is not None:
        return term.values.get("" if value is None else str(value), 0.0)
    gap = value is None or isinstance(value, str)
    number = term.middle if value is None or isinstance(value, str) else value
    return term.coefficient * (number - term.mean) / term.scale + (term.unknown if gap else 0.0)


def learner(training: Training) -> Any:
    """scikit-learn's logistic regression; ConfigError with the command that installs it."""
    try:
        linear = import_module("sklearn.linear_model")
    except ImportError:
        raise ConfigError("training a model needs scikit-learn: pip install 'crmctl[ml]'") from None
    return linear.LogisticRegression(C=1 / training.penalty, max_iter=5000)


def fit(table: Table, places: Sequence[int], training: Training) -> Model:
    """A model of these rows. CrmError unless they hold both labels."""
    labels = [table.labels[p] for p in places]
    if len(set(labels)) < 2:
        raise CrmError("cannot learn from rows that all ended alike")
    rows = [table.rows[p] for p in places]
    blank = [_number(name, rows) for name in table.numbers]
    blank += [_choice(name, rows, training.most_values) for name in table.choices]
    matrix = [[x for term in blank for x in _columns(term, row.get(term.name))] for row in rows]
    found = learner(training).fit(matrix, labels)
    weights = iter(float(x) for x in found.coef_[0])
    return Model(float(found.intercept_[0]), tuple(_weighted(term, weights) for term in blank))


def _number(name: str, rows: Sequence[Row]) -> Term:
    known = [x for row in rows if isinstance(x := row.get(name), (int, float))]
    middle = median(known) if known else 0.0
    filled = [*known, *[middle] * (len(rows) - len(known))]
    mean = fmean(filled)
    scale = sqrt(fmean((x - mean) ** 2 for x in filled)) or 1.0
    return Term(name, middle, mean, scale, 0.0, 0.0, None)


def _choice(name: str, rows: Sequence[Row], most: int) -> Term:
    seen = Counter("" if row.get(name) is None else str(row.get(name)) for row in rows)
    common = sorted(seen, key=lambda value: (-seen[value], value))[:most]
    return Term(name, 0.0, 0.0, 1.0, 0.0, 0.0, dict.fromkeys(sorted(common), 0.0))


def _columns(term: Term, value: Value) -> list[float]:
    """What the term's coefficients are multiplied with, in the order in which `_weighted` takes them."""
    if term.values is not None:
        word = "" if value is None else str(value)
        return [float(word == each) for each in term.values]
    unit = term._replace(coefficient=1.0)
    return [_part(unit, value), float(value is None or isinstance(value, str))]


def _weighted(term: Term, weights: Any) -> Term:
    if term.values is not None:
        return term._replace(values={value: next(weights) for value in term.values})
    return term._replace(coefficient=next(weights), unknown=next(weights))


def stratified(labels: Sequence[bool], training: Training, seed: int = 0) -> list[Split]:
    """Shuffles that keep the share of events on both sides."""
    splits = []
    for number in range(training.shuffles):
        rng = random.Random(seed + number)
        test: list[int] = []
        for label in (False, True):
            places = [place for place, each in enumerate(labels) if each == label]
            rng.shuffle(places)
            test += places[: round(training.test_share * len(places))]
        held = set(test)
        splits.append(Split([p for p in range(len(labels)) if p not in held], sorted(test)))
    return splits


def try_out(
    table: Table, splits: Sequence[Split], training: Training, alone: Sequence[str] = ()
) -> Trial:
    """Train on one side of each split and predict the other."""
    scores, places = _predictions(table, splits, training)
    pooled = [score for part in scores for score in part]
    tested = [place for part in places for place in part]
    labels = [table.labels[place] for place in tested]
    rate = [
        sum(table.labels[p] for p in split.train) / len(split.train)
        for split in splits
        for _ in split.test
    ]
    shuffled = list(table.labels)
    random.Random(0).shuffle(shuffled)
    blind = Table(table.numbers, table.choices, table.rows, shuffled, table.groups)
    return Trial(
        len(tested),
        sum(labels),
        metrics.auc(pooled, labels),
        metrics.auc_interval(
            pooled, labels, [table.groups[p] for p in tested], rounds=training.bootstrap
        ),
        tuple(
            metrics.auc(part, [table.labels[p] for p in where])
            for part, where in zip(scores, places, strict=True)
        ),
        metrics.average_precision(pooled, labels),
        metrics.lift(pooled, labels),
        metrics.brier(pooled, labels),
        metrics.brier(rate, labels),
        tuple(metrics.calibration(pooled, labels)),
        {name: _auc(_only(table, name), splits, training) for name in alone},
        _auc(blind, splits, training),
    )


def _predictions(
    table: Table, splits: Sequence[Split], training: Training
) -> tuple[list[list[float]], list[Sequence[int]]]:
    scores = []
    for split in splits:
        model = fit(table, split.train, training)
        scores.append([model.probability(table.rows[place]) for place in split.test])
    return scores, [split.test for split in splits]


def _auc(table: Table, splits: Sequence[Split], training: Training) -> float | None:
    scores, places = _predictions(table, splits, training)
    return metrics.auc(
        [score for part in scores for score in part],
        [table.labels[place] for part in places for place in part],
    )


def _only(table: Table, name: str) -> Table:
    numbers = tuple(n for n in table.numbers if n == name)
    choices = tuple(n for n in table.choices if n == name)
    return Table(numbers, choices, table.rows, table.labels, table.groups)


def load_model(root: Path) -> Model | None:
    """The team's own model, None before it has been trained. CrmError if its file is no model."""
    from crmctl.workspace import files

    raw = files.read(root, OWN)
    if raw is None:
        return None
    try:
        data = json.loads(raw)
        terms = tuple(Term(**term) for term in data["terms"])
        model = Model(float(data["intercept"]), terms)
        model.probability({})
        sound = data["format"] == FORMAT
    except (ValueError, KeyError, TypeError, ArithmeticError):
        sound = False
    if not sound:
        raise CrmError(
            f"{OWN}: is no model of this version; train it again with `crmctl churn train`"
        )
    return model
