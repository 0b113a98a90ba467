"""Raw Salesforce records made uniform: children unnested, parents flattened, ids of 18 characters.

The same for the records of an export and of the REST API, so that one mapping serves both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from crmctl.model.incoming import Rejected
from crmctl.sources import salesforce_ids

REFERENCES = frozenset(
    {
        "AccountId",
        "ContactId",
        "ConvertedContactId",
        "MasterRecordId",
        "OpportunityId",
        "OwnerId",
        "ParentId",
        "ReportsToId",
        "WhatId",
        "WhoId",
    }
)
_ADDRESS_PARTS = {
    "street": "Street",
    "city": "City",
    "state": "State",
    "postalCode": "PostalCode",
    "country": "Country",
}
_CHILDREN = {
    "Cases": "Case",
    "ChildAccounts": "Account",
    "Contacts": "Contact",
    "Events": "Event",
    "Opportunities": "Opportunity",
    "OpportunityContactRoles": "OpportunityContactRole",
    "Tasks": "Task",
}
_PARENT_FIELD = {
    ("Account", "Account"): "ParentId",
    ("Account", "Case"): "AccountId",
    ("Account", "Contact"): "AccountId",
    ("Account", "Event"): "WhatId",
    ("Account", "Opportunity"): "AccountId",
    ("Account", "Task"): "WhatId",
    ("Case", "Event"): "WhatId",
    ("Case", "Task"): "WhatId",
    ("Contact", "Case"): "ContactId",
    ("Contact", "Event"): "WhoId",
    ("Contact", "OpportunityContactRole"): "ContactId",
    ("Contact", "Task"): "WhoId",
    ("Opportunity", "Event"): "WhatId",
    ("Opportunity", "OpportunityContactRole"): "OpportunityId",
    ("Opportunity", "Task"): "WhatId",
}
_DEEPEST = 5  # levels of a child query or a path to a parent field


@dataclass(frozen=True, slots=True)
class Raw:
    """A record as it was read. ``type`` may be empty where the record itself says it."""

    type: str
    fields: Mapping[str, Any]
    origin: str


@dataclass(frozen=True, slots=True)
class SObject:
    """A record with its id, its own fields by API name, and its parents' as ``Owner.Name``."""

    type: str
    id: str
    fields: Mapping[str, Any]
    origin: str

    def text(self, name: str) -> str:
        """A field's text, empty when it holds none."""
        value = self.fields.get(name)
        return value.strip() if isinstance(value, str) else ""

    def true(self, name: str) -> bool | None:
        """A flag, also where a file spells it out; None when it says neither true nor false."""
        value = self.fields.get(name)
        if isinstance(value, bool):
            return value
        return {"true": True, "1": True, "false": False, "0": False}.get(self.text(name).lower())


def uniform(raws: Iterable[Raw], rejected: list[Rejected]) -> list[SObject]:
    """All records, children included, in reading order; what names no record lands in ``rejected``.

    A record without ``Id`` is known by its ``referenceId``, and ``@reference`` pointers lead to it.
    """
    flat = [record for raw in raws for record in _unnested(raw, rejected)]
    ids: dict[str, str] = {}
    named: list[tuple[Raw, str]] = []
    for record in flat:
        reference = _reference(record)
        try:
            record_id = _own_id(record, reference)
        except ValueError as error:
            rejected.append(Rejected(record.origin, f"Id: {error}"))
            continue
        if reference:
            ids[reference] = record_id
        ids[record_id] = record_id
        named.append((record, record_id))
    return [
        SObject(record.type, record_id, _fields(record, ids, rejected), record.origin)
        for record, record_id in named
    ]


def _unnested(raw: Raw, rejected: list[Rejected], depth: int = 0) -> Iterator[Raw]:
    """The record, then the records of its child queries, each pointing back at it."""
    attributes = raw.fields.get("attributes")
    stated = attributes.get("type") if isinstance(attributes, Mapping) else None
    record = Raw(stated if isinstance(stated, str) and stated else raw.type, raw.fields, raw.origin)
    yield record
    for name, value in raw.fields.items():
        children = value.get("records") if isinstance(value, Mapping) else None
        if not isinstance(children, list):
            continue
        if depth == _DEEPEST:
            rejected.append(
                Rejected(raw.origin, f"{name}: is nested deeper than {_DEEPEST} levels")
            )
            continue
        for child in children:
            if not isinstance(child, Mapping):
                rejected.append(Rejected(raw.origin, f"{name}: holds something that is no record"))
                continue
            nested = Raw(_CHILDREN.get(name, ""), child, raw.origin)
            for number, found in enumerate(_unnested(nested, rejected, depth + 1)):
                yield _pointing(found, record) if number == 0 else found


def _pointing(child: Raw, parent: Raw) -> Raw:
    pointer = _PARENT_FIELD.get((parent.type, child.type))
    if pointer is None or child.fields.get(pointer):
        return child
    reference = _reference(parent)
    parent_id = parent.fields.get("Id") or (f"@{reference}" if reference else None)
    return Raw(child.type, {**child.fields, pointer: parent_id}, child.origin)


def _reference(record: Raw) -> str:
    attributes = record.fields.get("attributes")
    reference = attributes.get("referenceId") if isinstance(attributes, Mapping) else None
    return reference if isinstance(reference, str) else ""


def _own_id(record: Raw, reference: str) -> str:
    stated = record.fields.get("Id")
    if isinstance(stated, str) and stated.strip():
        return salesforce_ids.to_18(stated)
    if reference:
        return salesforce_ids.from_reference(reference)
    raise ValueError("is missing; allowed: a Salesforce id of 15 or 18 letters and digits")


def _fields(record: Raw, ids: Mapping[str, str], rejected: list[Rejected]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in _flattened(record, rejected):
        if name in REFERENCES and value not in (None, ""):
            try:
                fields[name] = _resolved(value, ids)
            except ValueError as error:
                rejected.append(Rejected(record.origin, f"{name}: {error}"))
        else:
            fields[name] = value
    return fields


def _resolved(value: Any, ids: Mapping[str, str]) -> str:
    if not isinstance(value, str):
        raise ValueError("found no text; allowed: a Salesforce id")
    if not value.startswith("@"):
        return ids.get(value) or salesforce_ids.to_18(value)
    reference = value[1:]
    found = ids.get(reference) or salesforce_ids.from_reference(reference)
    if found == reference and reference not in ids:
        raise ValueError(f'points at "{value[:60]}", a record that is not in the export')
    return found


def _flattened(record: Raw, rejected: list[Rejected]) -> Iterator[tuple[str, Any]]:
    """Plain fields; an address's parts under their own names; a parent's fields behind its name."""
    for name, value in record.fields.items():
        if name in {"attributes", "Id"}:
            continue
        if name.endswith("Address") and value:
            try:
                yield from _address(name, value, record.fields)
            except ValueError as error:
                rejected.append(Rejected(record.origin, f"{name}: {error}"))
        elif not isinstance(value, (Mapping, list)):
            yield name, value
        elif isinstance(value, Mapping) and "records" not in value:
            yield from _parent(name, value)


def _parent(name: str, parent: Mapping[str, Any], depth: int = 1) -> Iterator[tuple[str, Any]]:
    for field, value in parent.items():
        if isinstance(value, Mapping) and field != "attributes" and depth < _DEEPEST:
            yield from _parent(f"{name}.{field}", value, depth + 1)
        elif not isinstance(value, (Mapping, list)):
            yield f"{name}.{field}", value


def _address(name: str, value: Any, stated: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """A compound address: an object, or the text of one in a CSV cell. Stated parts come first."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    if not isinstance(value, Mapping):
        raise ValueError("found no address object; export the parts (Street, City, ...) as columns")
    prefix = name.removesuffix("Address")
    for part, suffix in _ADDRESS_PARTS.items():
        if part in value and prefix + suffix not in stated:
            yield prefix + suffix, value[part]
