"""Which column of a CSV file fills which field: guessed from the header, corrected by people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crmctl.model.errors import UsageError
from crmctl.model.text import one_line
from crmctl.sources.csv_kinds import SYNONYMS, Kind, folded, kind_of
from crmctl.sources.csv_table import Table


@dataclass(frozen=True, slots=True)
class Column:
    """One line of the preview: a column, the field it fills ("" for none), and its first value."""

    column: str
    field: str
    sample: str


def guess_mapping(kind: str, header: Sequence[str]) -> dict[str, str]:
    """The field of each column whose name tells it. No field is filled twice, exact names first."""
    targets = kind_of(kind).targets
    exact = {folded(name): name for name in targets}
    column_of: dict[str, str] = {}
    for column in header:
        if folded(column) in exact:
            column_of.setdefault(exact[folded(column)], column)
    for column in header:
        fields = SYNONYMS.get(folded(column), ()) if column not in column_of.values() else ()
        free = next((f for f in fields if f in targets and f not in column_of), None)
        if free:
            column_of[free] = column
    field_of = {column: field for field, column in column_of.items()}
    return {column: field_of[column] for column in header if column in field_of}


def mapping_for(kind: str, header: Sequence[str], pairs: Sequence[str] = ()) -> dict[str, str]:
    """The guess with ``column=field`` pairs put over it; ``column=`` leaves a column out.

    UsageError for a column that is not there and a field the kind has not; `check_mapping` says
    whether the file can be read so.
    """
    found = kind_of(kind)
    stated = dict(_pair(found, header, pair) for pair in pairs)
    guess = guess_mapping(kind, header)
    mapping = {c: f for c, f in guess.items() if c not in stated and f not in stated.values()}
    mapping |= {column: field for column, field in stated.items() if field}
    return {column: mapping[column] for column in header if column in mapping}


def check_mapping(kind: str, header: Sequence[str], mapping: Mapping[str, str]) -> None:
    """UsageError if a file with this header cannot be read with this mapping."""
    found = kind_of(kind)
    filled: dict[str, str] = {}
    for column, field in mapping.items():
        if column not in header:
            raise UsageError(_no_column(column, header))
        if field not in found.targets:
            raise UsageError(_no_field(found, field))
        if field in filled:
            first, second = one_line(filled[field]), one_line(column)
            raise UsageError(f"{first} and {second} both fill {field}: map one with --map COLUMN=")
        filled[field] = column
    for group in found.needs:
        if not any(field in filled for field in group):
            raise UsageError(
                f"no column gives {' or '.join(group)}: name it with --map COLUMN={group[0]};"
                f" the columns are {_listed(header)}"
            )


def preview(table: Table, mapping: Mapping[str, str]) -> list[Column]:
    """Every column in order, with the field it fills and the first value it holds."""
    samples = [next((c for c in table.column(name) if c.strip()), "") for name in table.header]
    return [
        Column(name, mapping.get(name, ""), sample)
        for name, sample in zip(table.header, samples, strict=True)
    ]


def _pair(kind: Kind, header: Sequence[str], pair: str) -> tuple[str, str]:
    column, equals, field = pair.rpartition("=")
    column, field = column.strip(), field.strip()
    if not equals or not column:
        raise UsageError(f"found --map {one_line(pair)}; allowed: --map COLUMN=FIELD")
    if field and field not in kind.targets:
        raise UsageError(_no_field(kind, field))
    if column in header:
        return column, field
    alike = [name for name in header if folded(name) == folded(column)]
    if len(alike) != 1:
        raise UsageError(_no_column(column, header))
    return alike[0], field


def _no_field(kind: Kind, field: str) -> str:
    return f"{kind.name} have no field {one_line(field)}; allowed: {', '.join(kind.targets)}"


def _no_column(column: str, header: Sequence[str]) -> str:
    return f"the file has no column {one_line(column)}; it has {_listed(header)}"


def _listed(header: Sequence[str]) -> str:
    return one_line(", ".join(header), 500)
