"""One account's history in one list: conversations, mail, tickets, surveys, stage moves, deals."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from crmctl.model.errors import DamagedFile
from crmctl.model.schema import EVENT_TYPES
from crmctl.workspace.store import Reader

if TYPE_CHECKING:
    from crmctl.model.errors import Problem
    from crmctl.model.record import Account
    from crmctl.workspace.workspace import Workspace

TYPES = (*EVENT_TYPES, "stage", "deal")
START = dt.datetime.min.replace(tzinfo=dt.UTC)


def entries(
    ws: Workspace, slug: str, *, since: dt.date | None = None, type_: str = ""
) -> tuple[list[dict[str, Any]], list[Problem]]:
    """Rows (at, type, direction, subject, with, where), oldest first, and what could not be read.

    What has no date comes first. ``where`` is the file, with the line for traffic.
    """
    reader = Reader(ws.root, ws.ranking)
    account = reader.account(slug)
    if account is None:
        raise DamagedFile(reader.problems)
    rows = [*_conversations(account), *_moves(account), *_deals(account)]
    rows = [row for row in rows if not type_ or row["type"] == type_]
    if since is not None:
        start = dt.datetime.combine(since, dt.time(), dt.UTC)
        rows = [row for row in rows if _moment(row["at"]) >= start]
    return sorted(rows, key=lambda row: (_moment(row["at"]), row["where"])), reader.problems


def _moment(at: dt.date | None) -> dt.datetime:
    if at is None:
        return START
    return at if isinstance(at, dt.datetime) else dt.datetime.combine(at, dt.time(), dt.UTC)


def _conversations(account: Account) -> list[dict[str, Any]]:
    rows = [
        {
            "at": r.time("at"),
            "type": r.text("type"),
            "direction": r.text("direction"),
            "subject": r.title,
            "with": r.items("with"),
            "where": r.path,
        }
        for r in account.interactions
    ]
    rows += [
        {
            "at": e.at,
            "type": e.type,
            "direction": str(e.data.get("direction") or ""),
            "subject": str(e.data.get("subject") or e.data.get("text") or ""),
            "with": list(e.data.get("with") or ()),
            "where": f"{e.path}:{e.line}",
        }
        for e in account.events
    ]
    return rows


def _moves(account: Account) -> list[dict[str, Any]]:
    profile = account.profile
    moves = [*profile.items("stage_history")]
    if profile.date("stage_since"):
        moves.append(
            {
                "stage": profile.text("stage"),
                "step": profile.get("step"),
                "at": profile.date("stage_since"),
            }
        )
    return [
        _row(
            move.get("at"),
            "stage",
            f"{move.get('stage')} {move.get('step') or ''}".strip(),
            profile.path,
        )
        for move in moves
        if isinstance(move, dict)
    ]


def _deals(account: Account) -> list[dict[str, Any]]:
    rows = []
    for deal in account.deals.values():
        history = deal.items("stage_history")
        rows += [
            _row(move.get("at"), "deal", f"{deal.title}: {move.get('stage')}", deal.path)
            for move in history
        ]
        if not history and deal.date("opened"):
            rows.append(_row(deal.date("opened"), "deal", f"{deal.title}: opened", deal.path))
    return rows


def _row(at: dt.date | None, type_: str, subject: str, where: str) -> dict[str, Any]:
    return {
        "at": at,
        "type": type_,
        "direction": "",
        "subject": subject,
        "with": [],
        "where": where,
    }
