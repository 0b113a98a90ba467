"""Whose traffic concerns us, as the workspace and the systems that know the customers say it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from crmctl.model.identity import is_free_mail, normal_email, registrable_domain
from crmctl.model.incoming import Batch
from crmctl.sources.source import Interest
from crmctl.sync.known import Known, load, only_one

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace


def interest(ws: Workspace, batches: Iterable[Batch] = (), known: Known | None = None) -> Interest:
    """The customers of the workspace and those that ``batches``, not yet written, tell of.

    A domain or an address that several accounts have says nothing. What is not written yet has no folder:
    its account is named by the domain. ``known`` is what `known_for` gave, if it was asked before.
    """
    known = known or known_for(ws)
    domains = {domain: set(refs) for domain, refs in known.domains.items()}
    emails = {
        address: {ref.partition("/")[0] for ref in refs} for address, refs in known.emails.items()
    }
    for batch in batches:
        for record in batch.records:
            if record.kind == "account" and not record.deleted:
                _account(record.fields, domains)
            elif record.kind == "contact" and not record.deleted:
                address = normal_email(str(record.fields.get("email") or ""))
                if address and record.account:
                    emails.setdefault(address, {str(record.account)})
    ours = {registrable_domain(domain) or domain for domain in ws.config.our_domains}
    free = ws.config.free_mail
    return Interest(
        {
            domain: account
            for domain, refs in domains.items()
            if domain not in ours and not is_free_mail(domain, free) and (account := only_one(refs))
        },
        {address: account for address, refs in emails.items() if (account := only_one(refs))},
        frozenset(ours),
        frozenset(known.records["account"]),
    )


def known_for(ws: Workspace) -> Known:
    """The files that tell whose traffic concerns us."""
    return load(ws.root, ws.ranking, {"contact"})


def _account(fields: Any, domains: dict[str, set[str]]) -> None:
    for text in (*(fields.get("domains") or ()), fields.get("website") or ""):
        domain = registrable_domain(str(text))
        if domain:
            domains.setdefault(domain, {domain})
