"""One row of a CSV file as a record: how each kind of file names, dates and links what it holds."""

from __future__ import annotations

from collections.abc import Callable

from crmctl.model.identity import is_free_mail, normal_email, registrable_domain
from crmctl.model.incoming import Link
from crmctl.sources import product_rows
from crmctl.sources.rows import (
    Cells,
    RowError,
    Stated,
    account_id,
    account_link,
    digest,
    person_link,
)
from crmctl.workspace import paths

_DEAL_STATUS = {"closed won": "won", "closed lost": "lost", "won": "won", "lost": "lost"}


def _account(cells: Cells) -> list[Stated]:
    name = cells.need("name")
    fields = cells.of("account")
    if "domains" not in fields and "website" in fields:
        found = registrable_domain(fields["website"])
        if found and not is_free_mail(found):
            fields["domains"] = [found]
    key = cells.text("id") or next(iter(fields.get("domains", ())), name)
    parent = account_link(cells.text("parent"))
    links = {"parent": parent} if parent else {}
    return [cells.record("account", account_id(key), fields, links=links)]


def _contact(cells: Cells) -> list[Stated]:
    fields = cells.of("contact")
    parts = (cells.text("first_name"), cells.text("last_name"))
    fields["name"] = cells.text("name") or " ".join(filter(None, parts))
    if not fields["name"]:
        raise RowError("has no usable name; every row needs one")
    id = cells.text("id") or normal_email(cells.text("email"))
    if not id:
        raise RowError("has neither an id nor a usable email; every row needs one")
    account = account_link(cells.text("account"))
    manager = person_link(cells.text("reports_to"))
    links = {"reports_to": manager} if manager else {}
    return [cells.record("contact", id, fields, account=account, links=links)]


def _deal(cells: Cells) -> list[Stated]:
    fields = cells.of("deal")
    account = cells.account()
    key = f"{paths.slug(cells.text('account'))}/{paths.slug(cells.need('name'))}"
    status = _DEAL_STATUS.get(cells.text("stage").lower())
    if status:
        fields.setdefault("status", status)
    people = cells.people("people")
    return [cells.record("deal", cells.text("id") or key, fields, account=account, people=people)]


def _interaction(cells: Cells) -> list[Stated]:
    at = cells.need("at")
    channel = cells.text("type") or "note"
    is_traffic = channel in {"email", "chat"}
    kind = "event" if is_traffic else "interaction"
    about = cells.text("subject") or cells.text("body")
    id = cells.text("id") or digest(cells.text("account"), at, channel, about)
    deal = cells.text("deal")
    record = cells.record(
        kind,
        f"{channel}-{id}" if is_traffic else id,
        cells.of(kind) | {"type": channel},
        account=cells.account_or_person(),
        people=cells.people("with"),
        links={"deal": Link(id=deal)} if deal and not is_traffic else {},
        at=at,
        body=cells.text("body"),
    )
    return [record]


MAPPERS: dict[str, Callable[[Cells], list[Stated]]] = {
    "accounts": _account,
    "contacts": _contact,
    "deals": _deal,
    "interactions": _interaction,
    **product_rows.MAPPERS,
}
