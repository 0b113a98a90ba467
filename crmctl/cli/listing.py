"""What the nouns share: listing records over all accounts, and finding one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crmctl.cli.session import Session

if TYPE_CHECKING:
    from crmctl.model.record import Record


def run_record_list(
    current: Session,
    kind: str,
    columns: Sequence[str],
    people: Sequence[str],
    account: str | None,
    filters: Sequence[str],
    sort: str,
    shape: str,
    *,
    keep: Any = None,
) -> None:
    """Print the records of one kind, of one account or of all, that pass the filters and ``keep``.

    ``people`` are the columns on a terminal, the most wanted first.
    """
    from crmctl.model.schema import FIELDS
    from crmctl.workspace import catalog, resolve
    from crmctl.workspace import filters as filtering
    from crmctl.workspace.index import opened

    ws = current.ws
    slug = resolve.account(ws, account) if account else None
    with opened(ws.root, ws.state_dir) as index:
        rows: list[Any] = [
            row for row in catalog.records(index, kind) if slug is None or row["account"] == slug
        ]
    known = {"account", "id", "path", *FIELDS[kind], *(name for row in rows for name in row)}
    test = filtering.parse(filters, known, ws.today)
    rows = [row for row in rows if test(row) and (keep is None or keep(row))]
    if sort:
        rows = filtering.sort_rows(rows, [key.strip() for key in sort.split(",")])
    current.out.records(columns, rows, style=shape, people=people)
    if not rows and not shape:
        current.out.say(f"no {kind}s")


def find_record(current: Session, account: str, text: str, kind: str) -> Record:
    """The contact, deal or task of an account that ``text`` means."""
    from crmctl.model.errors import DamagedFile
    from crmctl.workspace import resolve
    from crmctl.workspace.store import Reader

    slug = resolve.account(current.ws, account)
    reader = Reader(current.ws.root, current.ws.ranking)
    found = reader.account(slug, only=frozenset({f"{kind}s"}))
    if found is None:
        raise DamagedFile(reader.problems)
    records = {"contact": found.contacts, "deal": found.deals, "task": found.tasks}[kind]
    return resolve.record(records, text, kind)
