"""What a refusal of Supabase means: whether to ask again, and which word of `crmctl.yaml` a person should look at.

PostgREST names a fault by its own codes (``PGRST205``) or those of PostgreSQL (``42501``); the gateway before it has
messages without a code, and what stands before that answers in HTML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crmctl.model.errors import ConfigError, CrmError
from crmctl.model.text import one_line
from crmctl.sources.errors import SourceError, StatusError
from crmctl.sources.http import Answer, Verdict, verdict

if TYPE_CHECKING:
    from crmctl.workspace.source_settings import Table

TIMEOUT = "57014"
_PAUSED = 540
_LONGEST_NAME = 63  # characters of a name in PostgreSQL
# Refusals with a status that would otherwise be tried again, or taken for a key that ran out.
_FINAL = frozenset({TIMEOUT, "42501", "PGRST300"})
_NO_TABLE = frozenset({"PGRST205", "42P01", "PGRST125"})
_NO_COLUMN = frozenset({"42703", "PGRST204"})
OTHER_TYPE = frozenset({"22P02", "22003", "22007", "22008", "42883"})
"""A value that the column it is compared with cannot hold."""
_COLUMN = re.compile(r"column (?:[^ ]*\.)?\"?(?P<name>[^\"]+?)\"? does not exist")


class TableError(SourceError):
    """One table cannot be read; the others can."""


def judge(answer: Answer) -> Verdict:
    """The usual verdict, but for what no further try can change."""
    if answer.status >= 400 and _named(answer.maybe(), "code") in _FINAL:
        return None
    return verdict(answer)


def explained(answer: Answer) -> str:
    """A refusal in its own words: what it says, what it advises, and its code."""
    if answer.status == _PAUSED:
        return "the project is paused: restore it in its dashboard"
    body = answer.maybe()
    message, hint = _named(body, "message"), _named(body, "hint")
    told = code_of(body)
    words = f"{message} ({told})" if message and told else message or told
    return f"{words}: {hint}" if hint else words


def code(error: StatusError) -> str:
    """The code of a refusal, "" if it has none."""
    try:
        return code_of(json.loads(error.body))
    except ValueError:
        return ""


def code_of(body: Any) -> str:
    """The code in a refusal's body, "" if it has none."""
    return _named(body, "code")


def missing_column(error: StatusError) -> str:
    """The column that a refusal says is not there, "" if it is about something else."""
    if code(error) not in _NO_COLUMN:
        return ""
    match = _COLUMN.search(_named(json.loads(error.body), "message"))
    return match["name"] if match else ""


def explain(error: StatusError, table: Table, schema: str) -> CrmError:
    """A refusal to read a table, as the advice that helps."""
    told = code(error)
    where = f"crmctl.yaml: sources.supabase.tables: {table.table}"
    if told in _NO_COLUMN:
        column = one_line(missing_column(error), _LONGEST_NAME)
        named = f"there is no column {column}" if column else "a column is not there"
        return ConfigError(f"{where}: {named}; correct its name ({error})")
    if told in _NO_TABLE:
        return ConfigError(f"{where}: there is no such table in the schema {schema} ({error})")
    if told == "PGRST106":
        return ConfigError(
            f"crmctl.yaml: sources.supabase.schema: {schema} is not to be had ({error})"
        )
    if told == "42501":
        return ConfigError(f"supabase: this key may not read {table.table} ({error})")
    if told in OTHER_TYPE:
        columns = " and ".join(filter(None, (table.updated, table.date)))
        return ConfigError(f"{where}: {columns} must hold times ({error})")
    if told == TIMEOUT:
        columns = ", ".join(filter(None, (table.updated, *table.key)))
        return TableError(
            f"supabase takes too long to give even a few rows of {table.table}: make an index on ({columns})"
        )
    return error


def _named(body: Any, name: str) -> str:
    value = body.get(name) if isinstance(body, Mapping) else None
    return value if isinstance(value, str) else ""
