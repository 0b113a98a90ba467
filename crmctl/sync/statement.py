"""What one incoming record states, checked and in normal form: ready to be compared with a file."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from crmctl.model.fields import Field
from crmctl.model.incoming import Incoming
from crmctl.model.schema import BLOCK, FIELDS
from crmctl.sources.values import clean
from crmctl.workspace import paths
from crmctl.workspace.config import Config
from crmctl.workspace.index import plain

Key = tuple[str, str, str]
_OURS = frozenset({"id", "deleted", "aliases", "sources", "digest", "merged_into"})
_OWNERS = frozenset({"owner", "by"})


def key_of(record: Incoming) -> Key:
    """What makes two incoming records the same one, and the order in which records are taken."""
    return record.kind, record.system, record.id


def fold(records: Iterable[Incoming], ranks: Sequence[str] = ()) -> list[Incoming]:
    """One record for each key, sorted by kind, rank of the system and id, whatever the order they were read in.

    Newer statements win over older ones field by field, by the system's stamp ``modified``.
    """
    found: dict[Key, list[Incoming]] = {}
    for record in records:
        found.setdefault(key_of(record), []).append(record)
    rank = {system: place for place, system in enumerate(ranks)}

    def order(key: Key) -> tuple[str, int, str, str]:
        # The most believed system comes first: what several of them know gets its file name from it.
        return key[0], rank.get(key[1], len(rank)), key[1], key[2]

    return [_folded(found[key]) for key in sorted(found, key=order)]


def _folded(versions: list[Incoming]) -> Incoming:
    if len(versions) == 1:
        return versions[0]
    versions.sort(key=lambda r: (_stamp(r), _canonical(r)))
    result = versions[0]
    for newer in versions[1:]:
        people = newer.people or result.people
        if _stamp(newer) == _stamp(result):
            people = tuple(dict.fromkeys((*result.people, *newer.people)))
        result = replace(
            newer,
            fields={**result.fields, **newer.fields},
            account=newer.account or result.account,
            people=people,
            primary=newer.primary or result.primary,
            creates=newer.creates or result.creates,
            waits=newer.waits or result.waits,
            links={**result.links, **newer.links},
            at=newer.at or result.at,
            body=newer.body or result.body,
            merged_into=newer.merged_into or result.merged_into,
        )
    return result


def _canonical(record: Incoming) -> str:
    everything = (
        record.fields,
        record.body,
        record.deleted,
        repr(record.account),
        repr(record.people),
    )
    return json.dumps(plain(everything), sort_keys=True)


def _stamp(record: Incoming) -> str:
    return str(record.fields.get("modified") or "")


def checked(record: Incoming, owners: Owners) -> tuple[dict[str, Any], list[str]]:
    """The fields that a record states, None where it clears one, and a sentence for each wrong value."""
    known = FIELDS[record.kind]
    stated: dict[str, Any] = {}
    wrong: list[str] = []
    for name, value in record.fields.items():
        if name in _OURS:
            continue
        field = known.get(name) or BLOCK.get(name)
        try:
            stated[name] = _normal(field, value)
        except ValueError as error:
            wrong.append(f"{name}: {error}")
    for name in _OWNERS & stated.keys():
        if stated[name]:
            stated[name] = owners.of(record.system, stated[name])
    if "at" in known and record.at is not None and "at" not in stated:
        stated["at"] = known["at"].check(record.at)
    if record.kind == "event" and record.body.strip() and not stated.get("text"):
        stated["text"] = clean(record.body).strip()
    return stated, wrong


def _normal(field: Field | None, value: Any) -> Any:
    """The value in its field's normal form, as it would be read back from a file; None for nothing at all."""
    if isinstance(value, str):
        value = clean(value).strip()
    elif isinstance(value, (list, tuple)):
        value = [clean(item).strip() if isinstance(item, str) else item for item in value]
    if value is None or value in ("", []):
        return None
    if field is not None:
        return _as_read(field.check(value))
    simple = isinstance(value, (bool, int, str, dt.date)) or (
        isinstance(value, list) and all(isinstance(item, (bool, int, str)) for item in value)
    )
    return value if simple else str(value)


def _as_read(value: Any) -> Any:
    """Decimals with as many digits as a YAML number keeps."""
    if isinstance(value, Decimal):
        short = Decimal(repr(float(value)))
        return value if value == value.to_integral_value() or value == short else short
    if isinstance(value, list):
        return [_as_read(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _as_read(item) for key, item in value.items()}
    return value


class Owners:
    """Who on our side is meant by a system's user id, a name or an address."""

    def __init__(self, config: Config, users: Mapping[str, tuple[str, str]]) -> None:
        self._config = config
        self._users = users
        self._found: dict[tuple[str, str], str] = {}

    def of(self, system: str, text: str) -> str:
        """The member's id where `crmctl.yaml` has one, else a short name made from what the system says."""
        found = self._found.get((system, text))
        if found is None:
            found = self._found[system, text] = self._look_up(system, text)
        return found

    def _look_up(self, system: str, text: str) -> str:
        name, email = self._users.get(text, ("", ""))
        for known in filter(None, (f"{system}:{text}", email, name, text)):
            member = self._config.member(known)
            if member is not None:
                return member.id
        spoken = email or name or text
        if "@" in spoken:
            return paths.slug(spoken.partition("@")[0], fallback="user")
        return paths.slug(spoken, fallback="user") if name or " " in spoken else spoken
