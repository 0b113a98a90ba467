"""Exports of Salesforce as files: sObject trees, query results, Data Loader and report CSV.

``read`` takes one file, the plan of a tree, or a folder. What cannot be read is reported with its
file and line and never hides the rest; a file that a plan names and that does not exist is a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from crmctl.model.errors import CrmError
from crmctl.model.incoming import Batch, Rejected
from crmctl.model.text import one_line
from crmctl.sources import csv_table, json_records, salesforce_labels, values
from crmctl.sources.csv_table import Table
from crmctl.sources.json_records import Records
from crmctl.sources.salesforce_objects import to_batch
from crmctl.sources.salesforce_rows import Raw, uniform

_DATE = re.compile(r"(Date|DateTime|Modstamp)\Z")


def read(path: Path, *, leads: bool = False) -> Batch:
    """All records of an export. With ``leads``, a lead also makes its company an account.

    CrmError if nothing could be read; what is wrong with rows and files stands in ``rejected``.
    """
    export = _Export()
    export.read(path)
    sobjects = uniform(export.raws, export.rejected)
    batch = to_batch(sobjects, leads=leads)
    batch.rejected[:0] = export.rejected
    batch.notes[:0] = export.notes
    return batch


class _Export:
    def __init__(self) -> None:
        self.raws: list[Raw] = []
        self.rejected: list[Rejected] = []
        self.notes: list[str] = []
        self._parsed: dict[Path, Records | Table] = {}

    def read(self, path: Path) -> None:
        """Every file that ``path`` means, those a plan names in the plan's order."""
        listed = _listed(path)
        for file in listed:
            self._parse(file)
        if not self._parsed:
            raise CrmError("; ".join(rejected.reason for rejected in self.rejected))
        plans = [f for f, found in self._parsed.items() if _is_plan(found)]
        kinds = dict.fromkeys(self._parsed, "")
        if plans:
            kinds = {file: kind for plan in plans for file, kind in self._planned(plan)}
            unnamed = [file.name for file in listed if file not in kinds and file not in plans]
            if unnamed:
                self.notes.append(f"the plan does not name {', '.join(unnamed)}: not read")
        for file, kind in kinds.items():
            found = self._parsed.get(file) or self._parse(file)
            if isinstance(found, Records):
                self._take_json(file, found, kind)
            elif isinstance(found, Table):
                self._take_csv(file, found)

    def _parse(self, file: Path) -> Records | Table | None:
        try:
            if file.suffix.lower() == ".json":
                found: Records | Table = json_records.parse(csv_table.read_bytes(file), file.name)
            else:
                found = csv_table.read(file, footer=True)
        except CrmError as error:
            self.rejected.append(Rejected(file.name, str(error)))
            return None
        self._parsed[file] = found
        self.rejected += found.rejected
        return found

    def _planned(self, plan: Path) -> Iterator[tuple[Path, str]]:
        """The files a plan names, in its own folder, with the object each holds."""
        found = self._parsed[plan]
        entries = found.found if isinstance(found, Records) else []
        for line, entry in entries:
            for name in json_records.strings(entry["files"]):
                file = plan.parent / name
                if Path(name).name != name or "\0" in name:
                    reason = f'names "{one_line(name, 60)}", which is not in its own folder'
                    self.rejected.append(Rejected(f"{plan.name}:{line}", reason))
                elif file.is_file():
                    yield file, str(entry["sobject"])
                else:
                    self.notes.append(f"{plan.name} names {name}, which does not exist")

    def _take_json(self, file: Path, found: Records, kind: str) -> None:
        if found.partial:
            self.notes.append(f"{file.name} is one page of several: more records follow elsewhere")
        otherwise = kind or salesforce_labels.object_type(file.stem, ())
        self.raws += [Raw(otherwise, record, f"{file.name}:{line}") for line, record in found.found]

    def _take_csv(self, file: Path, table: Table) -> None:
        self.notes += table.notes
        kind = salesforce_labels.object_type(file.stem, table.header)
        names = salesforce_labels.api_names(kind, table.header)
        if "Id" not in names.values():
            reason = f"has no column with the record's id: add {kind or 'the'} ID to the export"
            self.rejected.append(Rejected(f"{file.name}:1", reason))
            return
        dates = [column for column, api in names.items() if _DATE.search(api)]
        # All dates of a report follow the same setting of the person who ran it.
        order = values.day_order(cell for column in dates for cell in table.column(column))
        columns = [names.get(column, "") for column in table.header]
        for row in table.rows:
            cells = {api: cell for api, cell in zip(columns, row.cells, strict=True) if api}
            origin = table.origin(row.line)
            for column in dates:
                cells[names[column]] = _iso(cells[names[column]], order)
            row_kind = salesforce_labels.row_type(cells["Id"].strip(), kind)
            self.raws.append(Raw(row_kind, cells, origin))


def _iso(text: str, order: values.DayOrder) -> str:
    """A cell's date as ISO, as only the whole file tells how it is meant; else as it is."""
    try:
        return values.moment(text, order).isoformat()
    except ValueError:
        return text  # refused with its reason if a field is to hold it


def _listed(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in {".csv", ".json"})
    if not files:
        where = one_line(str(path))
        raise CrmError(f"{where} holds no .json or .csv file: name the folder of an export")
    return files


def _is_plan(found: Records | Table) -> bool:
    """Whether a JSON file is a plan: a list of objects and the files that hold their records."""
    if not isinstance(found, Records) or not found.found:
        return False
    return all(isinstance(e.get("sobject"), str) and "files" in e for _, e in found.found)
