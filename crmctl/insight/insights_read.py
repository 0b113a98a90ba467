"""The sentences about an account as its files are now, with the line of each place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.insight.citing import Lines
from crmctl.insight.insights import insights, plain
from crmctl.insight.picture import picture
from crmctl.insight.text_rules import load_rules
from crmctl.insight.weights import load_weights
from crmctl.model.errors import DamagedFile
from crmctl.workspace import measures, store
from crmctl.workspace.index import opened

if TYPE_CHECKING:
    from crmctl.model.errors import Problem
    from crmctl.model.record import Account
    from crmctl.workspace.workspace import Workspace


class Read(NamedTuple):
    """An account, its sentences as plain data, the weightiest first, and what could not be read."""

    account: Account
    items: list[dict[str, Any]]
    problems: list[Problem]


def read(ws: Workspace, slug: str, *, deep: bool = False) -> Read:
    """All sentences of an account, with its background if ``deep``; DamagedFile without a readable profile."""
    reader = store.Reader(ws.root, ws.ranking)
    account = reader.account(slug)
    if account is None:
        raise DamagedFile(reader.problems)
    with opened(ws.root, ws.state_dir) as index:
        problems = measures.refresh(index)
        rows = measures.series(index, slug)
    weights = load_weights(ws.root)
    seen = picture(account, rows, ws.today, weights, load_rules(ws.root), ws.root)
    found = insights(account, seen, rows, weights, deep=deep)
    items: list[dict[str, Any]] = Lines(ws.root, slug).cited([plain(item) for item in found])
    # What is missing is for `check` to say; what could not be read is in no sentence.
    unread = [p for p in reader.problems if p.code != "required"]
    return Read(account, items, [*problems, *unread])
