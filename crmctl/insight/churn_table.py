"""Tables to learn churn from: a CSV file from outside, and the search for columns that know the outcome already."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from crmctl.insight.churn_model import Table, Value
from crmctl.insight.metrics_binary import auc
from crmctl.model.errors import CrmError, UsageError
from crmctl.model.text import one_line

if TYPE_CHECKING:
    from crmctl.insight.churn_weights import Training

T = TypeVar("T")
YES = frozenset({"1", "yes", "y", "true", "t", "churn", "churned", "lost", "left"})
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_GIVEN = 3  # rows of each kind from which on a column's separation is worth a thought


class Leak(NamedTuple):
    """A column that knows what it should foretell, and how one sees that."""

    column: str
    why: str

    def __str__(self) -> str:
        return f"{one_line(self.column, 80)}: {self.why}"


class Outside(NamedTuple):
    """A table from a file, and ``notes`` on what of it was left out."""

    table: Table
    days: tuple[dt.date, ...] | None
    notes: tuple[str, ...]


def read_table(
    path: Path,
    label: str,
    training: Training,
    *,
    without: Sequence[str] = (),
    date: str = "",
    observed: dt.date | None = None,
) -> Outside:
    """A CSV file with a header. A column whose filled cells are all numbers holds numbers; its blanks are unknown.

    ``date`` names the column with the day each row was observed on, ``observed`` is that day for all rows. Columns
    of dates become days before it. UsageError for columns that are not there and a label that is not two-valued;
    CrmError for a file that cannot be read and for columns that know the outcome.
    """
    header, cells = _cells(path)
    for name in (label, *without, *filter(None, [date])):
        if name not in header:
            raise UsageError(f"{path} has no column {name!r}; it has {', '.join(header)}")
    blank = {word.casefold() for word in training.missing_words} | {""}
    columns: dict[str, list[str | None]] = {
        name: [
            None if cell[place].strip().casefold() in blank else cell[place].strip()
            for cell in cells
        ]
        for place, name in enumerate(header)
        if name not in without
    }
    labels = _labels(columns.pop(label), label)
    days = _days(columns.pop(date), date) if date else None
    seen = days or ((observed,) * len(labels) if observed else None)
    numbers: dict[str, list[float | None]] = {}
    choices: dict[str, list[str | None]] = {}
    found: list[Leak] = []
    notes = []
    for name, values in columns.items():
        word = _suspicious(name, label, training.leak_words)
        if word:
            found.append(Leak(name, f"its name ({word}) speaks of the time after the loss"))
        filled = [value for value in values if value is not None]
        if filled and (measured := _parsed(values, _number)):
            numbers[name] = measured
        elif filled and (dates := _parsed(values, _day)):
            if seen is None:
                notes.append(
                    f"{name}: dates say nothing without the day of observation (--observed, --date)"
                )
                found += _separating(name, [float(v is None) for v in values], labels, training)
                continue
            late = sum(d is not None and d > day for d, day in zip(dates, seen, strict=True))
            if late:
                found.append(Leak(name, f"{late} of its dates lie after the day of observation"))
            numbers[name] = [
                None if d is None else float((day - d).days)
                for d, day in zip(dates, seen, strict=True)
            ]
        elif len(set(filled)) > training.most_values:
            notes.append(
                f"{name}: {len(set(filled))} different words tell rows apart, not customers"
            )
            found += _separating(name, [float(v is None) for v in values], labels, training)
        elif filled:
            choices[name] = values
        else:
            notes.append(f"{name}: is empty")
    every: dict[str, Sequence[Value]] = {**numbers, **choices}
    rows = [{name: values[place] for name, values in every.items()} for place in range(len(labels))]
    table = Table(tuple(numbers), tuple(choices), rows, labels, range(len(labels)))
    refuse([*found, *leaks(table, training)], "leave it out with --without COLUMN")
    return Outside(table, days, tuple(notes))


def leaks(table: Table, training: Training) -> list[Leak]:
    """Columns that alone tell the labels apart nearly perfectly, by their value or by being blank."""
    found: list[Leak] = []
    for name in table.numbers:
        values = [row.get(name) for row in table.rows]
        known = [p for p, value in enumerate(values) if isinstance(value, (int, float))]
        scores = [float(value) for value in values if isinstance(value, (int, float))]
        found += _separating(
            name, scores, [table.labels[p] for p in known], training
        ) or _separating(name, [float(v is None) for v in values], table.labels, training)
    for name in table.choices:
        found += _separating(name, _held_out(table, name), table.labels, training)
    return found


def refuse(found: Sequence[Leak], advice: str) -> None:
    """CrmError that names every leaking column."""
    if found:
        named = "; ".join(str(leak) for leak in {leak.column: leak for leak in found}.values())
        raise CrmError(f"the outcome is known to {named}; {advice}")


def _separating(
    name: str, scores: Sequence[float], labels: Sequence[bool], training: Training
) -> list[Leak]:
    if min(sum(labels), len(labels) - sum(labels)) < _GIVEN:
        return []
    area = auc(scores, labels)
    best = 0.5 if area is None else max(area, 1 - area)
    if best < training.leak_auc:
        return []
    return [Leak(name, f"alone it tells who was lost (AUC {best:.3f})")]


def _held_out(table: Table, name: str) -> list[float]:
    """The rate of events among the other half's rows with the same word, so that rare words cannot shine."""
    words = [str(row.get(name)) for row in table.rows]
    scores = [0.0] * len(words)
    overall = sum(table.labels) / len(words)
    for side in (0, 1):
        seen: Counter[str] = Counter(words[1 - side :: 2])
        lost = Counter(
            w
            for w, label in zip(words[1 - side :: 2], table.labels[1 - side :: 2], strict=True)
            if label
        )
        for place in range(side, len(words), 2):
            word = words[place]
            scores[place] = lost[word] / seen[word] if seen[word] else overall
    return scores


def _suspicious(name: str, label: str, words: Sequence[str]) -> str:
    """The telling part of a column's name, such as ``churn reason``; empty when there is none."""
    parts = [part.casefold() for part in _WORD.findall(name)]
    pairs = {*parts, *(f"{a} {b}" for a, b in pairwise(parts))}
    telling = {*map(str.casefold, words), label.casefold()}
    return min(telling & pairs, default="")


def _cells(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file, strict=True) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CrmError(f"{path}: cannot be read as CSV: {error}") from None
    if len(rows) < 2:
        raise CrmError(f"{path}: holds no rows below a header")
    header = [name.strip() for name in rows[0]]
    if len(set(header)) < len(header):
        raise CrmError(f"{path}: two columns have the same name")
    for line, row in enumerate(rows[1:], 2):
        if len(row) != len(header):
            raise CrmError(f"{path}: row {line} has {len(row)} cells, the header {len(header)}")
    return header, rows[1:]


def _labels(values: Sequence[str | None], label: str) -> list[bool]:
    words = {value.casefold() for value in values if value is not None}
    lost = words & YES
    if None in values or len(words) != 2 or len(lost) != 1:
        found = ", ".join(sorted(words)[:5]) + (" and blanks" if None in values else "")
        raise UsageError(
            f"--label {label}: found {found}; allowed: two values, one of them {', '.join(sorted(YES))}"
        )
    return [value is not None and value.casefold() in lost for value in values]


def _days(values: Sequence[str | None], name: str) -> tuple[dt.date, ...]:
    days = _parsed(values, _day) or [None]
    if None in days:
        raise UsageError(f"--date {name}: every row needs a date such as 2026-03-31")
    return tuple(day for day in days if day is not None)


def _parsed(values: Sequence[str | None], parse: Callable[[str], T]) -> list[T | None] | None:
    """Every filled cell parsed; None if one of them cannot be."""
    try:
        return [None if value is None else parse(value) for value in values]
    except ValueError:
        return None


def _number(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(text)
    return value


def _day(text: str) -> dt.date:
    return dt.datetime.fromisoformat(text).date()
