"""What `list` does, apart from Typer, which would take longer to import than most lists take to print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmctl.cli.session import Session

LISTED = ("account", "name", "stage", "health", "owner", "arr", "renewal")
HEALTH = "health"


def run_list(
    current: Session,
    filters: Sequence[str],
    *,
    columns: str = "",
    sort: str = "account",
    limit: int = 0,
    shape: str = "",
) -> None:
    """The account list; reads the index alone, and whole records from it only where a column is not enough."""
    from crmctl.workspace import measures
    from crmctl.workspace.index import COLUMNS, opened

    ws, out = current.ws, current.out
    wanted = _words(columns) or list(LISTED)
    named = {*wanted, *(key.lstrip("-") for key in _words(sort))}
    deep = bool(filters) or not named <= {"account", HEALTH, *COLUMNS} or shape == "json"
    columns_read = COLUMNS if deep else [name for name in COLUMNS if name in named]
    with opened(ws.root, ws.state_dir) as index:
        rows = index.profiles(columns_read)
        measures.refresh(index, only_latest=True)
        scores = measures.latest(index, "health.score")
        documents = index.documents() if deep else {}
    listed: list[Mapping[str, Any]] = []
    names = ("account", HEALTH, *columns_read)
    for slug, problem, *values in rows:
        if problem is not None:
            out.warn(f"{problem}; `crmctl check` says more")
            continue
        health = _round(scores[slug][1]) if slug in scores else None
        row = dict(zip(names, (slug, health, *values), strict=True))
        listed.append({**documents.get(slug, {}), **row} if deep else row)
    if deep:
        listed = _filtered(current, listed, filters, named)
    if sort != "account":
        from crmctl.workspace.filters import sort_rows

        listed = sort_rows(listed, _words(sort))
    out.records(wanted, listed[:limit] if limit else listed, style=shape)
    if not listed and not shape:
        out.say("no accounts")


def _filtered(
    current: Session, rows: list[Mapping[str, Any]], filters: Sequence[str], named: set[str]
) -> list[Mapping[str, Any]]:
    """The rows that pass; UsageError for a filter, column or key of a field that no account has."""
    from crmctl.model.schema import FIELDS
    from crmctl.workspace import filters as filtering

    known = {
        "account",
        HEALTH,
        "domain",
        *FIELDS["account"],
        *(name for row in rows for name in row),
    }
    filtering.parse([f"{name}=" for name in sorted(named)], known, current.ws.today)
    test = filtering.parse(filters, known, current.ws.today)
    return [row for row in rows if test(row)]


def _words(text: str) -> list[str]:
    return [word for part in text.split(",") if (word := part.strip())]


def _round(score: str) -> str:
    whole, _, rest = score.partition(".")
    return str(int(whole) + (rest[:1] >= "5")) if rest else whole
