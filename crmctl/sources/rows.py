"""One row of a table, whatever table it stands in: its values by field, and the account and people it names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

from crmctl.model.fields import DOMAIN, EMAIL, ID, Field
from crmctl.model.identity import is_free_mail, registrable_domain
from crmctl.model.incoming import NOWHERE, Incoming, Link, Measurement
from crmctl.model.schema import FIELDS
from crmctl.sources import values
from crmctl.workspace import paths

_INTERVAL_WORDS = {
    **dict.fromkeys(("annual", "annually", "yearly", "12 months", "p1y", "12"), "year"),
    **dict.fromkeys(("monthly", "1 month", "p1m", "1"), "month"),
    **dict.fromkeys(("quarterly", "3 months", "p3m", "3"), "quarter"),
}

Stated = Incoming | Measurement


class RowError(ValueError):
    """A row that lacks something without which it is no record."""


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


@dataclass(frozen=True, slots=True)
class Cells:
    """The values of one row by field, empty cells left out. ``link`` reads what the field ``account`` holds."""

    system: str
    origin: str
    values: Mapping[str, Any]
    link: Callable[[str], Link] = account_link

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

    def account(self) -> Link:
        """The account that the row is about; RowError if it names none."""
        return self.link(self.need("account"))

    def account_or_person(self) -> Link:
        """The account that the row names, `NOWHERE` if it names a person instead; RowError if neither."""
        if not any(name in self.values for name in ("account", "contact", "with")):
            raise RowError("names neither an account nor a contact; every row needs one")
        return self.link(self.text("account")) if "account" in self.values else NOWHERE

    def people(self, name: str) -> tuple[tuple[Link, str], ...]:
        """The contacts that a field names, without a role."""
        found = self.values.get(name, ())
        return tuple(
            (person_link(text), "") for text in ([found] if isinstance(found, str) else found)
        )


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


def person_link(text: str) -> Link:
    """The contact that a cell names, by e-mail address or by id."""
    if not text:
        return NOWHERE
    return Link(email=text) if EMAIL.match(text) else Link(id=text)


def digest(*parts: object) -> str:
    """An id for a row that has none of its own, made of what it states."""
    return sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:16]


def _domains(text: str) -> list[str]:
    found = []
    for part in re.split(r"[,;\s]+", text):
        domain = registrable_domain(part)
        if part and domain is None:
            raise ValueError(f'found "{part[:60]}"; allowed: a domain such as acme.example')
        if domain and not is_free_mail(domain):
            found.append(domain)
    return list(dict.fromkeys(found))


def _domain_in(text: str) -> str:
    """The domain that a cell consists of, empty if it is something else."""
    is_domain = DOMAIN.match(text) or "://" in text
    return (registrable_domain(text) or "") if is_domain else ""
