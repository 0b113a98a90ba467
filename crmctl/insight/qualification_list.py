"""All open deals with how far they are qualified."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.qualification import Qualification, qualify
from crmctl.insight.qualification_evidence import Sources
from crmctl.insight.qualification_offers import Offer, offers
from crmctl.insight.text_rules import load_rules
from crmctl.insight.weights import load_weights
from crmctl.workspace import store

if TYPE_CHECKING:
    from crmctl.model.errors import Problem
    from crmctl.model.record import Record
    from crmctl.workspace.workspace import Workspace

_CITED = frozenset({"contacts", "deals", "interactions"})


class Row(NamedTuple):
    """One open deal. ``offers`` are sentences that could be evidence."""

    account: str
    deal: Record
    found: Qualification
    offers: tuple[Offer, ...]


def open_deals(
    ws: Workspace,
    slugs: Sequence[str] | None = None,
    framework: str = "",
    *,
    offering: bool = False,
) -> tuple[list[Row], list[Problem]]:
    """The open deals of some accounts, or of all, in the order of their files, and files that could not be read.

    ``framework`` overrides the one that each deal gets by the weights. Offers are looked for with ``offering``.
    """
    reader = store.Reader(ws.root, ws.ranking, fast=True)
    weights = load_weights(ws.root).qualification
    rules = load_rules(ws.root) if offering else None
    rows: list[Row] = []
    for slug in slugs or store.slugs(ws.root):
        if not any(is_open(deal) for deal in _deals(reader, slug)):
            continue
        account = reader.account(slug, only=_CITED)
        if account is None:
            continue
        sources = Sources(account, ws.root)
        for deal in filter(is_open, account.deals.values()):
            found = qualify(deal, sources, weights, ws.today, framework)
            offered = offers(account, deal, found, rules, weights, ws.today) if rules else ()
            rows.append(Row(slug, deal, found, offered))
    return rows, list(dict.fromkeys(reader.problems))


def _deals(reader: store.Reader, slug: str) -> list[Record]:
    """Deals alone: most accounts have no open one, and need not be read on."""
    account = reader.account(slug, only=frozenset({"deals"}))
    return list(account.deals.values()) if account else []


def is_open(deal: Record) -> bool:
    """Whether a deal is still to be decided."""
    return not deal.deleted and (deal.text("status") or "open") == "open"
