"""Names that mean to do harm: they stay names, inside the workspace, and come back as they were given."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.conftest import Crm, Result
from tests.e2e.conftest import UNSAFE, places, shown, values

NAMES = {
    "up": "../x",
    "root": "/etc/passwd",
    "windows": "CON",
    "dots": "..",
    "git": ".git",
    "long": "n" * 300,
    "long-emoji": "🦊" * 75,
    "emoji": "🦊🔥",
    "rtl": "\u200fשלום עולם\u200f",
    "override": "Acme \u202etxt.exe\u202c",
    "ansi": "\x1b[31mRed\x1b[0m \x1b]8;;https://evil.example\x07click\x1b]8;;\x07",
    "c1": "\x9b31mC1",
    "leading": "-rf",
    "options": "--commit",
    "newline": "Two\nowner: eve",
    "return": "Carriage\rreturn",
    "tab": "Tab\tbed",
    "latin": "Apex",
    "cyrillic": "Арех",
    "upper": "APEX",
    "lower": "apex",
    "yaml": "{a: [*b, &c !!python/object x]} # no",
    "fence": "---",
    "jinja": "{{ 7 * 7 }}{% raw %}",
    "rich": "[/bold][link=https://evil.example]x[/link] :smile:",
    "formula": '=HYPERLINK("https://evil.example")',
    "separator": "Line\u2028break",
    "blank-looking": "\u3164",
    "combining": "Zo\u0308e" + "\u0301" * 20,
    "no": "NO",
    "number": "0123",
    "date": "2026-01-01",
    "quotes": "\"'`\\",
}  # fmt: skip


def safe(done: Result) -> None:
    for text in (done.out, done.err):
        assert UNSAFE.search(text) is None, text
        assert "Traceback" not in text


def outside(tmp_path: Path) -> dict[str, tuple[int, int, int]]:
    return {
        path: what for path, what in places(tmp_path).items() if not path.startswith("customers")
    }


def accepted(crm: Crm, name: str, *before: str) -> bool:
    """Runs a command that takes a name; whether it was taken. A refusal is one clean sentence."""
    done = crm(*before, "--", name)
    safe(done)
    assert done.code in {0, 2}, (name, done)
    return done.code == 0


def test_hostile_account_names_stay_names(crm: Crm, workspace: Path, tmp_path: Path) -> None:
    before = outside(tmp_path)
    taken = [name for name in NAMES.values() if accepted(crm, name, "new", "--no-tasks")]

    folders = [path.name for path in (workspace / "accounts").iterdir()]
    assert len(folders) == len({folder.casefold() for folder in folders}) == len(taken)
    # Another company of the same name is refused, as it is probably the same one.
    assert set(NAMES.values()) - set(taken) <= {"APEX", "apex"}
    rows = {row["account"]: row for row in shown(crm, "list", "--columns", "account,name")}
    assert sorted(row["name"] for row in rows.values()) == sorted(taken)
    for slug, row in rows.items():
        assert values(shown(crm, "show", slug))["name"] == row["name"]
        for command in (
            ["show", slug],
            ["stage", slug],
            ["score", slug],
            ["review", slug],
            ["map", slug],
        ):
            safe(crm(*command))
    for command in (
        ["list"],
        ["list", "--csv"],
        ["dupes"],
        ["check"],
        ["conflicts"],
        ["search", "evil"],
    ):
        safe(crm(*command))
    assert outside(tmp_path) == before


@pytest.mark.parametrize(("noun", "folder", "kind"), [
    ("contact", "contacts", "contact"), ("deal", "deals", "deal"), ("task", "tasks", "task"),
])  # fmt: skip
def test_hostile_names_of_records_stay_names(
    crm: Crm, workspace: Path, tmp_path: Path, noun: str, folder: str, kind: str
) -> None:
    crm("new", "Acme Freight", "--no-tasks")
    before = outside(tmp_path)
    taken = [name for name in NAMES.values() if accepted(crm, name, noun, "add", "acme-freight")]

    files = [path.name for path in (workspace / "accounts/acme-freight" / folder).iterdir()]
    assert len(files) == len({file.casefold() for file in files}) == len(taken)
    assert all(len(file.encode()) < 255 for file in files)
    assert set(NAMES.values()) - set(taken) <= {"APEX", "apex"}
    column = "title" if kind == "task" else "name"
    rows = shown(crm, noun, "list", "acme-freight")
    assert sorted(row[column] for row in rows) == sorted(taken)
    for row in rows:
        assert values(shown(crm, "show", "acme-freight", row["id"]))[column] == row[column]
        safe(crm("show", "acme-freight", row["id"]))
    for command in (
        [noun, "list"], [noun, "list", "--csv"], ["show", "acme-freight"], ["timeline", "acme-freight"],
        ["review", "acme-freight"], ["map", "acme-freight"], ["run", "--plan"], ["run"], ["check"], ["dupes"],
        ["search", "evil"],
    ):  # fmt: skip
        safe(crm(*command))
    assert outside(tmp_path) == before


def exported(folder: Path, name: str, header: list[str], rows: list[list[str]]) -> str:
    folder.mkdir(exist_ok=True)
    with (folder / name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([header, *rows])
    return str(folder / name)


def test_hostile_names_in_a_csv_import(crm: Crm, workspace: Path, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    names = list(NAMES.values())
    files = [
        ("accounts", exported(folder, "a.csv", ["id", "name"], [[f"a{n}", name] for n, name in enumerate(names)])),
        ("contacts", exported(folder, "c.csv", ["id", "name", "account_id"],
                              [[f"c{n}", name, f"a{n}"] for n, name in enumerate(names)])),
        ("deals", exported(folder, "d.csv", ["id", "name", "account_id", "stage"],
                           [[f"d{n}", name, f"a{n}", "proposal"] for n, name in enumerate(names)])),
    ]  # fmt: skip
    before = outside(tmp_path)
    for kind, path in files:
        safe(crm("import", "csv", kind, path, "--preview"))
        safe(crm("import", "csv", kind, path, "--dry-run"))
        done = crm("import", "csv", kind, path, "--commit")
        safe(done)
        assert done.code == 0, done

    for rows in (
        shown(crm, "list", "--columns", "name"),
        shown(crm, "contact", "list"),
        shown(crm, "deal", "list"),
    ):
        # A cell is one value: blanks around it and line ends in it are the file's, not the name's.
        assert sorted(" ".join(row["name"].split()) for row in rows) == sorted(
            " ".join(n.split()) for n in names
        )
    folders = [
        path.name for path in (workspace / "accounts").iterdir() if not path.name.startswith("_")
    ]
    assert len({name.casefold() for name in folders}) == len(names)
    for kind, path in files:
        again = crm("import", "csv", kind, path, "--json")
        assert json.loads(again.out)["files"] == [], kind
    for command in (
        ["list"],
        ["contact", "list"],
        ["deal", "list"],
        ["dupes"],
        ["check"],
        ["score"],
        ["undo", "--list"],
    ):
        safe(crm(*command))
    assert outside(tmp_path) == before


def test_a_hostile_argument_is_refused_in_clean_text(crm: Crm) -> None:
    crm("new", "Acme Freight", "--no-tasks")
    for name in (
        NAMES[which]
        for which in ("up", "rtl", "override", "ansi", "c1", "newline", "separator", "jinja")
    ):
        for command in (
            ["show", "--", name], ["list", "--", name], ["set", "acme", "--", f"owner={name}"],
            ["set", "acme", "--", name], ["show", "acme", "--", name], ["log", "acme", "Call", "--with", name],
            ["log", "acme", "Call", "--at", name],
            ["stage", "acme", "--", name], ["task", "add", "acme", "X", "--due", name], ["undo", "--", name],
            ["import", "csv", "accounts", "--", name], ["search", "--", name], ["merge", "--", name, "acme"],
            ["review", "acme", "--quarter", name], ["run", "--workflow", name], [f"--{name}"],
        ):  # fmt: skip
            done = crm(*command)
            safe(done)
            assert done.code != 70, (command, done)
