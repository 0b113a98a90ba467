"""One row of a CSV file as a record: how each kind of file names, dates and links what it holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from typing import Any

from crmctl.model.fields import DOMAIN, EMAIL, ID, Field
from crmctl.model.identity import is_free_mail, normal_email, registrable_domain
from crmctl.model.incoming import NOWHERE, Incoming, Link, Measurement
from crmctl.model.schema import FIELDS
from crmctl.sources import values
from crmctl.sources.csv_kinds import INTERVALS
from crmctl.workspace import paths

_CENT = Decimal("0.01")
_CLOSED = frozenset({"cancelled", "canceled", "closed", "complete", "done", "resolved", "solved"})
_DEAL_STATUS = {"closed won": "won", "closed lost": "lost", "won": "won", "lost": "lost"}
_INTERVAL_WORDS = {
    **dict.fromkeys(("annual", "annually", "yearly", "12 months", "p1y", "12"), "year"),
    **dict.fromkeys(("monthly", "1 month", "p1m", "1"), "month"),
    **dict.fromkeys(("quarterly", "3 months", "p3m", "3"), "quarter"),
}


Stated = Incoming | Measurement


class RowError(ValueError):
    """A row that lacks something without which it is no record."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The values of one row by field, empty cells left out."""

    system: str
    origin: str
    values: Mapping[str, Any]

    def text(self, name: str) -> str:
        """A value as text, empty when there is none."""
        return str(self.values.get(name, ""))

    def need(self, name: str) -> Any:
        """A value that the row cannot do without; RowError if it has none."""
        if name not in self.values:
            raise RowError(f"has no usable {name}; every row needs one")
        return self.values[name]

    def of(self, kind: str) -> dict[str, Any]:
        """Those values that are fields of a record kind."""
        known = FIELDS[kind]
        return {
            name: value
            for name, value in self.values.items()
            if name in known and known[name].kind not in {"id", "map"} and name not in {"id", "at"}
        }

    def record(self, kind: str, id: str, fields: Mapping[str, Any], **more: Any) -> Incoming:
        """The record that this row states."""
        return Incoming(self.system, kind, id, fields, origin=self.origin, **more)


def cell_value(field: Field, text: str, order: values.DayOrder) -> Any:
    """A cell's clean text as its field holds it; ValueError says what was found and is allowed."""
    if field.name == "domains":
        return _domains(text)
    if field.name == "website":
        return field.check(text if "://" in text else f"https://{text}")
    if field.name == "interval":
        return field.parse(_INTERVAL_WORDS.get(text.lower(), text))
    if field.name == "at":
        return values.moment(text, order)
    if field.name in {"with", "people"}:
        return [part for part in re.split(r"[,;\s]+", text) if part]
    return values.convert(field, text, order)


def _domains(text: str) -> list[str]:
    found = []
    for part in re.split(r"[,;\s]+", text):
        domain = registrable_domain(part)
        if part and domain is None:
            raise ValueError(f'found "{part[:60]}"; allowed: a domain such as acme.example')
        if domain and not is_free_mail(domain):
            found.append(domain)
    return list(dict.fromkeys(found))


def account_id(text: str) -> str:
    """An account's key as an id: its domain, a key without blanks as it is, a name as a slug."""
    return _domain_in(text) or (
        paths.slug(text, fallback="account") if re.search(r"\s", text) else text
    )


@lru_cache(maxsize=65_536)
def account_link(text: str) -> Link:
    """The account that a cell names: by its id in the same system, our folder, domain or name."""
    if not text:
        return NOWHERE
    domain = _domain_in(text)
    is_slug = bool(ID.match(text)) and "/" not in text
    return Link(
        id=account_id(text),
        domain=domain if domain and not is_free_mail(domain) else "",
        name="" if domain else text,
        slug=text if is_slug else "",
    )


def _domain_in(text: str) -> str:
    """The domain that a cell consists of, empty if it is something else."""
    is_domain = DOMAIN.match(text) or "://" in text
    return (registrable_domain(text) or "") if is_domain else ""


def person_link(text: str) -> Link:
    """The contact that a cell names, by e-mail address or by id."""
    if not text:
        return NOWHERE
    return Link(email=text) if EMAIL.match(text) else Link(id=text)


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
    account = account_link(cells.need("account"))
    key = f"{paths.slug(cells.text('account'))}/{paths.slug(cells.need('name'))}"
    status = _DEAL_STATUS.get(cells.text("stage").lower())
    if status:
        fields.setdefault("status", status)
    people = _people(cells, "people")
    return [cells.record("deal", cells.text("id") or key, fields, account=account, people=people)]


def _interaction(cells: Cells) -> list[Stated]:
    at = cells.need("at")
    channel = cells.text("type") or "note"
    is_traffic = channel in {"email", "chat"}
    kind = "event" if is_traffic else "interaction"
    about = cells.text("subject") or cells.text("body")
    id = cells.text("id") or _digest(cells.text("account"), at, channel, about)
    deal = cells.text("deal")
    record = cells.record(
        kind,
        f"{channel}-{id}" if is_traffic else id,
        cells.of(kind) | {"type": channel},
        account=_account_or_person(cells),
        people=_people(cells, "with"),
        links={"deal": Link(id=deal)} if deal and not is_traffic else {},
        at=at,
        body=cells.text("body"),
    )
    return [record]


def _usage(cells: Cells) -> list[Stated]:
    name = re.sub(r"[^a-z0-9]+", "_", cells.need("metric").lower().removeprefix("usage."))
    name = name.strip("_")
    if not name:
        raise RowError(f'metric: found "{cells.text("metric")[:60]}"; allowed: letters and digits')
    return [_measure(cells, f"usage.{name}", cells.need("value"))]


def _ticket(cells: Cells) -> list[Stated]:
    fields = cells.of("event")
    if "open" not in fields:
        if "closed_at" in fields:
            fields["open"] = False
        elif "status" in fields:
            fields["open"] = cells.text("status").lower() not in _CLOSED
    about = (cells.text("at"), cells.text("subject"))
    return [_event(cells, "ticket", fields, cells.text("number") or _digest(*_who(cells), *about))]


def _survey(cells: Cells) -> list[Stated]:
    cells.need("score")
    digest = _digest(*_who(cells), cells.text("at"))
    return [_event(cells, "survey", cells.of("event"), digest)]


def _subscription(cells: Cells) -> list[Stated]:
    account = account_link(cells.need("account"))
    fields = cells.of("account")
    if account.domain:
        fields["domains"] = [account.domain]
    monthly = _monthly(cells)
    if monthly is not None:
        fields.setdefault("mrr", monthly)
        fields.setdefault("arr", values.plain(monthly * 12))
    day = cells.values.get("date")
    record = cells.record("account", account.id, fields, account=account, at=day)
    return [record, _measure(cells, "mrr", monthly)] if day and monthly is not None else [record]


def _monthly(cells: Cells) -> Decimal | None:
    """The recurring revenue of a month; an amount without an interval is for a year."""
    for name, months in (("mrr", 1), ("arr", 12)):
        if name in cells.values:
            return _share(cells.values[name], months)
    if "amount" in cells.values:
        return _share(cells.values["amount"], INTERVALS[cells.text("interval") or "year"])
    return None


def _share(amount: Decimal, months: int) -> Decimal:
    share = (amount / months).quantize(_CENT, "ROUND_HALF_UP")
    return amount if months == 1 else values.plain(share)


def _measure(cells: Cells, measure: str, value: Decimal) -> Measurement:
    account = account_link(cells.need("account"))
    return Measurement(account, cells.need("date"), measure, value, cells.system, cells.origin)


def _event(cells: Cells, type: str, fields: Mapping[str, Any], key: str) -> Incoming:
    """A line of traffic; its type is part of its id, as each type comes from a list of its own."""
    return cells.record(
        "event",
        f"{type}-{cells.text('id') or key}",
        {**fields, "type": type},
        account=_account_or_person(cells),
        people=_people(cells, "contact"),
        at=cells.values.get("at"),
    )


def _people(cells: Cells, name: str) -> tuple[tuple[Link, str], ...]:
    found = cells.values.get(name, ())
    return tuple((person_link(text), "") for text in ([found] if isinstance(found, str) else found))


def _who(cells: Cells) -> tuple[str, str]:
    contact = cells.text("contact")
    return cells.text("account"), normal_email(contact) or contact


def _account_or_person(cells: Cells) -> Link:
    if not any(name in cells.values for name in ("account", "contact", "with")):
        raise RowError("names neither an account nor a contact; every row needs one")
    return account_link(cells.text("account"))


def _digest(*parts: object) -> str:
    return sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:16]


MAPPERS: dict[str, Callable[[Cells], list[Stated]]] = {
    "accounts": _account,
    "contacts": _contact,
    "deals": _deal,
    "interactions": _interaction,
    "usage": _usage,
    "tickets": _ticket,
    "subscriptions": _subscription,
    "surveys": _survey,
}
