"""Models that are trained: what they reach, what they refuse, and columns that know the outcome."""

from __future__ import annotations

import csv
import datetime as dt
import json
import random
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from crmctl.insight.churn import churn_weights
from crmctl.insight.churn_history import Frozen, Observation
from crmctl.insight.churn_model import (
    OWN,
    Model,
    Row,
    Table,
    Term,
    fit,
    learner,
    load_model,
    stratified,
    try_out,
)
from crmctl.insight.churn_table import Outside, leaks, read_table
from crmctl.insight.churn_training import by_time, later, model_bytes, train_table
from crmctl.insight.churn_weights import Training
from crmctl.insight.weights import Weights
from crmctl.model.errors import ConfigError, CrmError, UsageError
from crmctl.workspace.workspace import Workspace
from tests.insight.conftest import REPOSITORY

TELCO = REPOSITORY.parent / "shared/data/churn/Telco-Customer-Churn.csv"
needs_ml = pytest.mark.skipif(
    find_spec("sklearn") is None, reason="needs scikit-learn: pip install 'crmctl[ml]'"
)
needs_telco = pytest.mark.skipif(not TELCO.exists(), reason=f"needs {TELCO.name}")
Write = Callable[..., Path]
HEADER = ("plan", "seats", "since", "lost")


@pytest.fixture
def training(weights: Weights) -> Training:
    return churn_weights(weights).training.model_copy(update={"bootstrap": 100})


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A table of 400 rows in which few seats go with a loss; further columns from (row, lost)."""

    def make(**more: Callable[[int, bool], str]) -> Path:
        rng, path = random.Random(5), tmp_path / "book.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow([*HEADER, *more])
            for n in range(400):
                seats = rng.randint(1, 100)
                lost = rng.random() < (0.6 if seats < 30 else 0.15)
                day = dt.date(2025, 1, 1) + dt.timedelta(days=n % 300)
                row = [rng.choice(("basic", "pro")), str(seats), str(day), "yes" if lost else "no"]
                out.writerow([*row, *(column(n, lost) for column in more.values())])
        return path

    return make


@pytest.fixture(scope="module")
def telco() -> Outside:
    from crmctl.insight.weights import load_weights

    return read_table(TELCO, "Churn", churn_weights(load_weights(REPOSITORY)).training)


# --- the table of a telephone company


@needs_telco
def test_blanks_among_numbers_are_numbers_missing(telco: Outside) -> None:
    assert "TotalCharges" in telco.table.numbers
    assert sum(row["TotalCharges"] is None for row in telco.table.rows) == 11
    assert (len(telco.table.rows), sum(telco.table.labels)) == (7043, 1869)
    assert telco.notes == ("customerID: 7043 different words tell rows apart, not customers",)


@needs_ml
@needs_telco
def test_the_published_auc_is_reached_and_shuffled_labels_give_chance(
    telco: Outside, training: Training
) -> None:
    trial = try_out(telco.table, stratified(telco.table.labels, training), training, ["tenure"])
    assert trial.auc == pytest.approx(0.849, abs=0.010)
    assert all(area == pytest.approx(0.849, abs=0.015) for area in trial.by_split)
    assert trial.shuffled == pytest.approx(0.5, abs=0.03)
    assert trial.interval is not None
    assert trial.auc is not None
    assert 0.82 < trial.interval.low < trial.auc < trial.interval.high < 0.87
    assert trial.alone["tenure"] == pytest.approx(0.75, abs=0.02)
    assert trial.lift is not None
    assert trial.lift > 2.5
    assert trial.brier is not None
    assert trial.base is not None
    assert trial.brier < 0.15 < trial.base
    for each in trial.calibration:
        assert each.happened.rate == pytest.approx(each.predicted, abs=0.06)


@needs_telco
def test_a_planted_future_column_is_caught_among_real_ones(
    telco: Outside, training: Training
) -> None:
    assert leaks(telco.table, training) == []
    rng = random.Random(1)
    rows = [
        {**row, "calls_to_retention": rng.random() + 2.0 * label}
        for row, label in zip(telco.table.rows, telco.table.labels, strict=True)
    ]
    numbers = (*telco.table.numbers, "calls_to_retention")
    planted = Table(numbers, telco.table.choices, rows, telco.table.labels, telco.table.groups)
    assert [leak.column for leak in leaks(planted, training)] == ["calls_to_retention"]


# --- tables


def test_a_table_is_read_by_what_its_columns_hold(write: Write, training: Training) -> None:
    path = write(
        note=lambda n, _: f"row {n}", empty=lambda *_: "", part=lambda n, _: "?" if n else "7"
    )
    found = read_table(path, "lost", training)
    assert (found.table.numbers, found.table.choices) == (("seats", "part"), ("plan",))
    assert found.notes == (
        "since: dates say nothing without the day of observation (--observed, --date)",
        "note: 400 different words tell rows apart, not customers",
        "empty: is empty",
    )
    with_day = read_table(path, "lost", training, observed=dt.date(2026, 1, 1))
    assert with_day.table.rows[0]["since"] == 365


@pytest.mark.parametrize(
    ("column", "make", "why"),
    [
        ("balance", lambda n, lost: str(1000 * lost + n % 7), r"alone it tells who was lost \(AUC 1"),
        ("team", lambda n, lost: "winners" if lost else f"t{n % 3}", r"alone it tells who was lost"),
        ("final_score", lambda _, lost: "7" if lost else "", r"alone it tells who was lost"),
        ("closing", lambda n, lost: f"text {n}" if lost else "", r"alone it tells who was lost"),
        ("last_seen", lambda n, _: "2026-02-01" if n == 9 else "2025-02-01", "1 of its dates lie after"),
        ("ChurnReason", lambda n, _: f"r{n % 4}", r"its name \(churn\)"),
        ("cancelled_at", lambda n, _: str(n % 9), r"its name \(cancelled\)"),
        ("usage next month", lambda n, _: str(n % 9), r"its name \(next month\)"),
    ],
)  # fmt: skip
def test_a_column_that_knows_the_outcome_is_refused_by_name(
    column: str, make: Callable[[int, bool], str], why: str, write: Write, training: Training
) -> None:
    path, day = write(**{column: make}), dt.date(2026, 1, 1)
    with pytest.raises(CrmError, match=f"known to {column}: .*{why}.*--without"):
        read_table(path, "lost", training, observed=day)
    found = read_table(path, "lost", training, without=[column], observed=day)
    assert column not in (*found.table.numbers, *found.table.choices)


def test_a_feature_of_ones_own_that_rests_on_a_later_day_is_found() -> None:
    values = {"fine": Frozen(1, 100), "unknown": Frozen(None, None), "future": Frozen(1, 101)}
    assert [leak.column for leak in later([Observation("acme", 100, values, False)])] == ["future"]


def test_a_label_has_two_values_and_one_of_them_says_yes(write: Write, training: Training) -> None:
    with pytest.raises(UsageError, match="--label plan: found basic, pro; allowed: two values"):
        read_table(write(), "plan", training)
    with pytest.raises(UsageError, match="has no column 'gone'; it has plan, seats, since, lost"):
        read_table(write(), "gone", training)
    with pytest.raises(UsageError, match="--label x: found no, yes and blanks"):
        read_table(write(x=lambda n, _: ("yes", "no", "")[n % 3]), "x", training)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a,b\n", "holds no rows"), ("a,a\n1,2\n", "the same name"), ("a,b\n1\n", "row 2 has 1 cells"),
        ('a,b\n"1,2\n', "cannot be read as CSV"),
    ],
)  # fmt: skip
def test_a_damaged_table_is_refused(
    text: str, why: str, tmp_path: Path, training: Training
) -> None:
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(CrmError, match=why):
        read_table(tmp_path / "bad.csv", "a", training)
    with pytest.raises(CrmError, match="cannot be read"):
        read_table(tmp_path / "none.csv", "a", training)


# --- training


def test_without_the_library_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch, training: Training
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.linear_model", None)
    with pytest.raises(ConfigError, match=r"pip install 'crmctl\[ml\]'"):
        learner(training)


@needs_ml
def test_too_few_losses_are_refused(write: Write, root: Path, training: Training) -> None:
    (root / "weights.yaml").write_bytes((REPOSITORY / "weights.yaml").read_bytes())
    few = write(x=lambda n, _: "yes" if n < 49 else "no")
    ws = Workspace(root, now=dt.datetime(2026, 11, 22, tzinfo=dt.UTC), seed=1)
    with pytest.raises(
        CrmError, match="too little history for a model: 49 rows in which x says yes, 400"
    ):
        train_table(ws, few, "x", without=["lost"])


@needs_ml
def test_a_model_is_the_same_after_its_file(write: Write, root: Path, training: Training) -> None:
    (root / "weights.yaml").write_bytes((REPOSITORY / "weights.yaml").read_bytes())
    ws = Workspace(root, now=dt.datetime(2026, 11, 22, tzinfo=dt.UTC), seed=1)
    trained = train_table(ws, write(), "lost", date="since")
    assert trained.path == "models/table-book.json"
    assert trained.split.startswith("by time: learnt from rows before 2025-")
    assert trained.trial.auc is not None
    assert trained.trial.auc > 0.6
    raw = model_bytes(trained)
    assert raw == model_bytes(train_table(ws, write(), "lost", date="since"))
    (root / OWN).parent.mkdir()
    (root / OWN).write_bytes(raw)
    again = load_model(root)
    assert again is not None
    rows: list[Row] = [{"plan": "pro", "seats": 3.0}, {"seats": None}, {"plan": "x", "seats": 90.0}]
    for row in rows:
        assert again.probability(row) == pytest.approx(trained.model.probability(row), abs=1e-4)


@needs_ml
def test_a_model_says_what_the_library_says(training: Training) -> None:
    rng = random.Random(2)
    rows = [{"x": rng.gauss(0, 1) if n % 9 else None, "w": rng.choice("abc")} for n in range(300)]
    labels = [
        rng.random() < (0.7 if row["w"] == "a" and isinstance(row["x"], float) else 0.2)
        for row in rows
    ]
    table = Table(("x",), ("w",), rows, labels, range(300))
    model = fit(table, range(300), training)
    known = [row["x"] for row in rows if isinstance(row["x"], float)]
    middle = sorted(known)[len(known) // 2]
    matrix = [
        [row["x"] if isinstance(row["x"], float) else middle, float(row["x"] is None)]
        + [float(row["w"] == each) for each in "abc"]
        for row in rows
    ]
    mean = sum(row[0] for row in matrix) / 300
    scale = (sum((row[0] - mean) ** 2 for row in matrix) / 300) ** 0.5
    scaled = [[(row[0] - mean) / scale, *row[1:]] for row in matrix]
    theirs = learner(training).fit(scaled, labels).predict_proba(scaled)
    for row, (_, chance) in zip(rows, theirs, strict=True):
        assert model.probability(row) == pytest.approx(chance, abs=0.01)


def test_log_odds_by_hand() -> None:
    number = Term("x", 4.0, 2.0, 2.0, 0.5, -1.0, None)
    word = Term("w", 0.0, 0.0, 1.0, 0.0, 0.0, {"a": 1.5})
    model = Model(-1.0, (number, word))
    # -1 + 0.5 * (6 - 2) / 2 + 1.5 = 1.5
    assert model.probability({"x": 6.0, "w": "a"}) == pytest.approx(0.8175745)
    # -1 + 0.5 * (4 - 2) / 2 - 1 = -1.5
    assert model.probability({}) == pytest.approx(0.1824255)


def test_a_file_that_is_no_model_is_said(tmp_path: Path) -> None:
    assert load_model(tmp_path) is None
    (tmp_path / "models").mkdir()
    broken: Sequence[str] = (
        "no json", "[]", "{}", json.dumps({"format": 0, "intercept": 0, "terms": []}),
        json.dumps({"format": 1, "intercept": "x", "terms": []}),
        json.dumps({"format": 1, "intercept": 0, "terms": [{"name": "x"}]}),
    )  # fmt: skip
    for text in broken:
        (tmp_path / OWN).write_text(text)
        with pytest.raises(CrmError, match=r"models/churn.json: is no model of this version"):
            load_model(tmp_path)


def test_the_split_by_time_keeps_windows_and_customers_apart(weights: Weights) -> None:
    churn = churn_weights(weights)
    days = [1000 + 30 * n for n in range(20)]
    rows = [(day, f"c{n}") for day in days for n in range(40)]
    labels = [n % 3 == 0 for n in range(len(rows))]
    table = Table(("x",), (), [{"x": 1.0}] * len(rows), labels, [name for _, name in rows])
    splits, text = by_time(table, [day for day, _ in rows], days, churn)
    first = days[-5]
    assert str(dt.date.fromordinal(first)) in text
    tested = sorted(place for split in splits for place in split.test)
    assert tested == [place for place, (day, _) in enumerate(rows) if day >= first]
    for split in splits:
        assert max(rows[p][0] for p in split.train) + churn.horizon_days <= first
        assert not {rows[p][1] for p in split.train} & {rows[p][1] for p in split.test}
    alike = Table(("x",), (), [{"x": 1.0}] * len(rows), [False] * len(rows), table.groups)
    with pytest.raises(CrmError, match="too little history for a test"):
        by_time(alike, [day for day, _ in rows], days, churn)


def test_the_shuffles_keep_the_share_of_events(training: Training) -> None:
    labels = [n % 4 == 0 for n in range(400)]
    splits = stratified(labels, training)
    assert len(splits) == 3
    for split in splits:
        assert sorted([*split.train, *split.test]) == list(range(400))
        assert (len(split.test), sum(labels[p] for p in split.test)) == (100, 25)
