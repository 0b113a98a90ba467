"""What the tests at the command line share: what is on the disk, what is safe to print, and a small export."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Crm

Row = dict[str, Any]
Export = dict[str, list[Row]]
Load = Callable[[str], Path]

PROJECT = Path(__file__).parents[2]

# What may act unseen in a terminal: control characters but tab and line feed, and direction overrides.
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
    "|[\ud800-\udfff]|[\U000e0000-\U000e007f]"
)


def git(root: Path, *args: str) -> str:
    """What plain git prints."""
    done = subprocess.run(["git", *args], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout


def contents(root: Path, under: str = ".") -> dict[str, bytes]:
    """Every file below a folder by its path, git's own left out."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted((root / under).rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(root).parts
    }


def places(root: Path) -> dict[str, tuple[int, int, int]]:
    """Every file and folder below a folder: its inode, its size and when it was modified."""
    found = {}
    for path in sorted(root.rglob("*")):
        if ".git" not in path.relative_to(root).parts:
            info = path.lstat()
            found[path.relative_to(root).as_posix()] = (
                info.st_ino,
                info.st_size,
                info.st_mtime_ns,
            )
    return found


def process(root: Path, *arguments: str, code: str = "") -> subprocess.Popen[str]:
    """Starts crmctl as a process of its own in ``root``; ``code`` runs in it before."""
    program = f"import sys\n{code}\nfrom crmctl.__main__ import main\nsys.exit(main(sys.argv[1:]))"
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def sentence(text: str) -> bool:
    """Whether this is what an error looks like: one line of crmctl's, and no traceback."""
    return text.startswith("crmctl: ") and text.count("\n") == 1 and "Traceback" not in text


def org() -> Export:
    """Four companies with what belongs to them; every id is to be prefixed by the copy's letter."""
    return {
        "Account": [
            {"Id": "1", "Name": "Alder Freight Ltd", "Website": "https://alder.example", "Phone": "+44 7700 900001",
             "BillingCity": "Leeds", "BillingCountry": "United Kingdom"},
            {"Id": "2", "Name": "Birch & Sons", "Website": "https://birch.example", "Phone": "+44 7700 900002"},
            {"Id": "3", "Name": "Cedar Foods GmbH", "Website": "https://cedar.example", "Phone": "+49 30 5550003"},
            {"Id": "4", "Name": "Dogwood Rail", "Website": "https://dogwood.example", "Phone": "+46 8 5550004"},
        ],
        "Contact": [
            {"Id": "1", "AccountId": "1", "FirstName": "Ines", "LastName": "Okafor", "Title": "Chief Financial Officer",
             "Email": "ines@alder.example"},
            {"Id": "2", "AccountId": "2", "FirstName": "Tom", "LastName": "Reyes", "Email": "tom@birch.example"},
            {"Id": "3", "AccountId": "3", "FirstName": "Uta", "LastName": "Brandt", "Email": "uta@cedar.example"},
            {"Id": "4", "AccountId": "4", "FirstName": "Nils", "LastName": "Ek", "Email": "nils@dogwood.example"},
        ],
        "Opportunity": [
            {"Id": "1", "AccountId": "1", "Name": "Fleet licence", "StageName": "Closed Won", "Amount": "120000",
             "CloseDate": "2026-03-01"},
            {"Id": "2", "AccountId": "2", "Name": "Pilot", "StageName": "Prospecting", "Amount": "900.50",
             "CloseDate": "2027-05-01"},
            {"Id": "3", "AccountId": "3", "Name": "Renewal 2027", "StageName": "Negotiation/Review", "Amount": "45000",
             "CloseDate": "2027-01-15"},
        ],
        "Case": [
            {"Id": "1", "AccountId": "1", "ContactId": "1", "Subject": "Printer on fire", "Status": "New",
             "Priority": "High"},
            {"Id": "2", "AccountId": "4", "ContactId": "4", "Subject": "Cannot log in", "Status": "Closed",
             "Priority": "Low"},
        ],
    }  # fmt: skip


PREFIXES = {"Account": "001", "Contact": "003", "Opportunity": "006", "Case": "500"}
REFERENCES = {"AccountId": "Account", "ContactId": "Contact"}


def load_csv(export: Export, folder: Path, copy: str) -> Path:
    """The export as Data Loader writes it: one file an object, ids of 15 characters."""

    def id_of(kind: str, number: str) -> str:
        return f"{PREFIXES[kind]}{copy * 4}{int(number):08}"

    folder.mkdir(parents=True, exist_ok=True)
    for kind, rows in export.items():
        with (folder / f"{kind}.csv").open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), quoting=csv.QUOTE_ALL)
            writer.writeheader()
            for row in rows:
                ids = {"Id": id_of(kind, row["Id"])}
                ids |= {
                    name: id_of(REFERENCES[name], row[name]) for name in row if name in REFERENCES
                }
                writer.writerow(row | ids)
    return folder


def load_tree(export: Export, folder: Path, copy: str) -> Path:
    """The export as an sObject tree with its plan: references instead of ids."""

    def ref(kind: str, number: str) -> str:
        return f"{copy}{kind}Ref{number}"

    folder.mkdir(parents=True, exist_ok=True)
    plan = []
    for kind, rows in export.items():
        records = []
        for row in rows:
            values = {name: value for name, value in row.items() if name != "Id"}
            values |= {
                name: f"@{ref(REFERENCES[name], row[name])}" for name in row if name in REFERENCES
            }
            records.append(
                {"attributes": {"type": kind, "referenceId": ref(kind, row["Id"])}, **values}
            )
        (folder / f"{kind}s.json").write_text(json.dumps({"records": records}), "utf-8")
        plan.append(
            {"sobject": kind, "saveRefs": True, "resolveRefs": True, "files": [f"{kind}s.json"]}
        )
    (folder / "plan.json").write_text(json.dumps(plan), "utf-8")
    return folder


@pytest.fixture
def exports(tmp_path: Path) -> Load:
    """Writes a copy of the export: ``csv-a``, ``tree-b`` ..., each under ids of its own."""

    def written(name: str) -> Path:
        form, _, copy = name.partition("-")
        write = {"csv": load_csv, "tree": load_tree}[form]
        return write(org(), tmp_path / "exports" / name, copy)

    return written


def shown(crm: Crm, *arguments: str) -> Any:
    """What a command prints as JSON; it must succeed."""
    done = crm(*arguments, "--json")
    assert done.code == 0, done
    return json.loads(done.out)


def values(page: Mapping[str, Any]) -> dict[str, Any]:
    """The values that hold on a page of ``show``."""
    return {name: entry["value"] for name, entry in page["fields"].items()}
