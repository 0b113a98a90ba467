"""Writes docs/reference.md from the commands' own help, and docs/fields.md from the fields of the records."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from crmctl.cli.app import build
from crmctl.model.fields import Field
from crmctl.model.schema import BLOCK, EVENT, KINDS

DOCS = Path(__file__).resolve().parent
# How the help names what an option takes, and how a reader would.
TYPES = (("<str>", "TEXT"), ("<int range>", "NUMBER"), ("<int>", "NUMBER"), ("{", ""), ("}", ""))

REFERENCE = """\
# Commands

Written by `make docs` from the help of the commands; `crmctl COMMAND --help` says the same.

Options of crmctl itself stand before the command; all but `-C`, `-V` and completion may also stand after it:

{options}

Exit codes: 0 done; 1 an expected error, or findings; 2 wrong usage; 3 part of the work failed and the rest is
saved; 4 credentials or configuration; 5 a person must decide; 70 a bug; 75 busy, try again; 130 interrupted.
"""
FIELDS = """\
# Fields

Written by `make docs` from the one table that the reader, `crmctl set`, the CSV import and the JSON Schemas share.

A field is a key of a file's front matter. Keys that are not listed here are kept: they are your own. A field that
holds a list may be written as a single value too. Amounts are plain numbers; times are UTC.
"""
PLACES = {
    "account": "`accounts/<account>/profile.md`: a company",
    "contact": "`accounts/<account>/contacts/<person>.md`: a person",
    "deal": "`accounts/<account>/deals/<deal>.md`: an opportunity",
    "interaction": "`accounts/<account>/interactions/<date>-<type>-<id>.md`: a call, a meeting, a note",
    "task": "`accounts/<account>/tasks/<due>-<title>-<id>.md`: a piece of work",
    "event": "A line of `accounts/<account>/interactions/<year>.jsonl`: imported mail, chat, tickets, survey answers",
    "block": "What a system's block below `sources:` may hold beside the record's own fields",
}
HOLDS = {
    "text": "text",
    "int": "whole number",
    "decimal": "number",
    "bool": "true or false",
    "date": "date",
    "datetime": "time",
    "email": "e-mail address",
    "domain": "domain",
    "url": "web address",
    "currency": "three letters",
    "id": "a record's id",
    "map": "map",
}


def tree() -> Any:
    """The root of crmctl's command tree."""
    return get_command(build())


def commands(group: Any, above: str = "crmctl") -> Iterator[tuple[str, Any]]:
    """Every command below a group by its full name, in the order of the help."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{above} {name}")
        else:
            yield f"{above} {name}", command


def paragraphs(command: Any) -> list[str]:
    """A command's help, paragraph by paragraph; the last is its example."""
    return inspect.cleandoc(command.help or "").split("\n\n")


def reference() -> str:
    """The text of docs/reference.md."""
    root = tree()
    context = root.make_context("crmctl", [], resilient_parsing=True)
    for parameter in root.params:
        parameter.hidden = False
    options = "\n".join(_option(p, context) for p in root.params)
    sections = (_command(name, command) for name, command in commands(root))
    return REFERENCE.format(options=options) + "".join(sections)


def _command(name: str, command: Any) -> str:
    context = command.make_context(name, [], resilient_parsing=True)
    usage = _plain(" ".join([name, *command.collect_usage_pieces(context)]))
    *text, example = paragraphs(command)
    listed = "\n".join(_option(parameter, context) for parameter in command.params)
    code = f"```sh\n{example.removeprefix('Example: ')}\n```"
    return "\n\n".join([f"\n## {name}", *text, f"`{usage}`", listed, code]) + "\n"


def _option(parameter: Any, context: Any) -> str:
    names, text = parameter.get_help_record(context)
    return f"- `{_plain(names)}`: {' '.join(text.split())}"


def _plain(text: str) -> str:
    for theirs, ours in TYPES:
        text = text.replace(theirs, ours)
    return text


def fields() -> str:
    """The text of docs/fields.md."""
    kinds: dict[str, Iterable[Field]] = {**KINDS, "event": EVENT, "block": tuple(BLOCK.values())}
    return FIELDS + "".join(_table(kind, table) for kind, table in kinds.items())


def _table(kind: str, table: Iterable[Field]) -> str:
    head = (
        f"\n## {kind}\n\n{PLACES[kind]}.\n\n| Field | Holds | What it is |\n| --- | --- | --- |\n"
    )
    return head + "".join(map(_rows, table))


def _rows(field: Field, above: str = "") -> str:
    name = f"{above}{field.name}"
    needed = ", required" if field.required else ""
    row = f"| `{name}` | {_holds(field)}{needed} | {field.doc} |\n"
    return row + "".join(_rows(column, f"{name}.") for column in field.columns)


def _holds(field: Field) -> str:
    what = ", ".join(f"`{choice}`" for choice in field.choices) or HOLDS[field.kind]
    if field.low is not None:
        what += f" from {field.low}" + (f" to {field.high}" if field.high is not None else "")
    return f"list of: {what}" if field.many else what


def pages() -> dict[Path, str]:
    """What this script writes, by file."""
    return {DOCS / "reference.md": reference(), DOCS / "fields.md": fields()}


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(DOCS.parent)}")


if __name__ == "__main__":
    main()
