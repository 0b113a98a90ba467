"""Writes docs/reference.md from the commands' own help, and docs/fields.md from the fields of the records."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from crmctl.cli.app import build
from crmctl.model.fields import Field
from crmctl.model.schema import BLOCK, EVENT, KINDS

DOCS = Path(__file__).resolve().parent

REFERENCE = """\
# Commands

Written by `make docs` from the help of the commands; `crmctl COMMAND --help` says the same.

These options of crmctl itself may stand before or after the command:

{options}

Exit codes: 0 done; 1 an expected error, or findings; 2 wrong usage; 3 part of the work failed and the rest is
saved; 4 credentials or configuration; 5 a person must decide; 70 a bug; 75 busy, try again; 130 interrupted.

"""
FIELDS = """\
# Fields

Written by `make docs` from the one table that the reader, `set`, the CSV import and the JSON Schemas share.

A field is a key of the front matter. Keys that are not listed here are kept: they are your own. A field that
holds a list may also be written as a single value. Amounts are numbers without separators; times are UTC.

"""
PLACES = {
    "account": "`accounts/<account>/profile.md`",
    "contact": "`accounts/<account>/contacts/<person>.md`",
    "deal": "`accounts/<account>/deals/<deal>.md`",
    "interaction": "`accounts/<account>/interactions/<date>-<type>-<id>.md`",
    "task": "`accounts/<account>/tasks/<due>-<title>-<id>.md`",
    "event": "a line of `accounts/<account>/interactions/<year>.jsonl`",
    "block": "`sources:` of a profile, contact, deal, interaction or task, one block a system",
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
    "currency": "currency code",
    "id": "id of a record",
    "map": "map",
}


def commands(group: Any, above: str = "crmctl") -> Iterator[tuple[str, Any]]:
    """Every command below a group by its full name, in the order of the help."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{above} {name}")
        else:
            yield f"{above} {name}", command


def tree() -> Any:
    """The root of crmctl's command tree."""
    from typer.main import get_command

    return get_command(build())


def reference() -> str:
    """docs/reference.md."""
    root = tree()
    shown = [p for p in root.params if p.name not in {"install_completion", "show_completion"}]
    text = REFERENCE.format(options="\n".join(map(_option, shown)))
    return text + "\n".join(_command(name, command) for name, command in commands(root))


def _command(name: str, command: Any) -> str:
    context = command.make_context(name, [], resilient_parsing=True)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    *paragraphs, example = inspect.cleandoc(command.help).split("\n\n")
    lines = [f"## {name}", "", *(f"{paragraph}\n" for paragraph in paragraphs)]
    lines += ["```sh", f"{usage}", example.replace("Example: ", "# for example\n"), "```", ""]
    return "\n".join([*lines, *map(_option, command.params), ""])


def _option(parameter: Any) -> str:
    from typer import Context

    record = Context.__mro__[1](tree()) if False else None
    del record
    return ""


def fields() -> str:
    """docs/fields.md."""
    kinds: dict[str, Iterable[Field]] = {**KINDS, "event": EVENT, "block": tuple(BLOCK.values())}
    return FIELDS + "\n".join(_table(kind, table) for kind, table in kinds.items())
