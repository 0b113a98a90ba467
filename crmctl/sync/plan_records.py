"""One record against its file: a new file, a few spliced fields of the system's own block, or nothing."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from crmctl.model.errors import ConfigError, CrmError, DamagedFile
from crmctl.model.incoming import Incoming
from crmctl.model.lifecycle import STEPS
from crmctl.model.record import Record
from crmctl.model.schema import FIELDS, INTERACTION_TYPES
from crmctl.sources.values import clean
from crmctl.sync.draft import Draft, Placed, near
from crmctl.sync.plan_traffic import older
from crmctl.workspace import files, splice, templates
from crmctl.workspace.document import parse
from crmctl.workspace.names import company_key
from crmctl.workspace.records import SOURCES

_PROSE = frozenset({"interaction", "task"})
_FATE = ("deleted", "merged_into")


def complete(record: Incoming, stated: dict[str, Any]) -> str:
    """Fill in what a new file cannot be without; a sentence if that is not possible.

    What is filled in goes into the system's block like everything else it states, so that a later, better
    statement replaces it.
    """
    match record.kind:
        case "account":
            _default(stated, "name", *(stated.get("domains") or ()))
        case "contact":
            _default(stated, "name", str(stated.get("email") or "").partition("@")[0])
        case "deal":
            _default(stated, "stage", stated.get("status"), "unknown")
        case "interaction":
            _default(stated, "type", "note")
            if stated.get("at") is None or stated["type"] not in INTERACTION_TYPES:
                return "has no time; a conversation needs one"
        case "task":
            _default(stated, "title", "Task")
            _default(stated, "status", "open")
    if record.kind in {"account", "contact", "deal"} and not stated.get("name"):
        return f"has no name; a new {record.kind} needs one"
    return ""


def _default(stated: dict[str, Any], name: str, *values: Any) -> None:
    if stated.get(name) is None:
        stated[name] = next((value for value in values if value), None)


def draft_record(draft: Draft, place: Placed) -> None:
    """Plan one account, contact, deal, interaction or task."""
    draft.touch(place.path, place.record.system)
    if place.alias:
        draft.count(place.record.system, place.record.kind)
        return
    stated = place.stated | _references(draft, place)
    if place.found is None:
        _create(draft, place, stated)
    else:
        _update(draft, place, place.found, stated)


def _references(draft: Draft, place: Placed) -> dict[str, Any]:
    """Fields that name other records. One that is not known here is not stated: it may become known later."""
    record = place.record
    found: dict[str, Any] = {}
    for name, link in record.links.items():
        ref = draft.matcher.linked(name, link, record.system)
        if not link:
            found[name] = None
        elif ref is not None and ref != place.ref:
            found[name] = near(ref, place.account)
    people = draft.people(record, place.account)
    if people and record.kind == "deal":
        first = draft.matcher.person(record.primary, record.system) if record.primary else None
        main = near(first, place.account) if first else ""
        found["people"] = [
            {"person": ref}
            | ({"role": role} if role else {})
            | ({"primary": True} if ref == main else {})
            for ref, role in people
        ]
    elif people and record.kind in {"interaction", "task"}:
        found["with"] = [ref for ref, _ in people]
    return found


def _create(draft: Draft, place: Placed, stated: dict[str, Any]) -> None:
    record = place.record
    block = _block(record, stated)
    if files.read(draft.root, place.path) is not None:
        raise CrmError(f"{place.path} is in the way: mend or move it, then run again")
    if record.kind == "account":
        new = _profile(draft, place, block)
    else:
        text = _prose(record)
        new = splice.new_document({SOURCES: {record.system: block}}, f"\n{text}\n" if text else "")
    draft.changes.put(place.path, None, new, f"new in {record.system}")
    draft.count(record.system, record.kind, created=True)


def _block(record: Incoming, stated: dict[str, Any]) -> dict[str, Any]:
    """A system's whole block: the id, then its fields by name."""
    fields = {name: stated[name] for name in sorted(stated) if stated[name] is not None}
    text = _prose(record)
    if text:
        fields["digest"] = digest(text)
    return {"id": record.id, **dict(sorted(fields.items()))}


def _prose(record: Incoming) -> str:
    return clean(record.body).strip() if record.kind in _PROSE else ""


def digest(text: str) -> str:
    """What tells whether the prose of a file is still what the system gave."""
    return sha256(text.strip().encode()).hexdigest()[:12]


def _profile(draft: Draft, place: Placed, block: dict[str, Any]) -> bytes:
    """A new account from the workspace's template, without a person's word on what the system states.

    Where the account stands is for people to say: it starts where its deals put it, unless the system knows.
    """
    context: dict[str, Any] = dict.fromkeys(FIELDS["account"])
    context |= {"name": block["name"], "domain": None, "today": draft.today}
    if "stage" not in block:
        stage = draft.stages.get(place.account, "prospect")
        context |= {"stage": stage, "step": STEPS[stage][0], "stage_since": draft.today}
    raw = templates.render(draft.root, "profile", context).encode()
    try:
        data = parse(raw, place.path).data
    except DamagedFile as error:
        raise ConfigError(
            f"{templates.FOLDER}/profile.md.j2 makes no valid file: {error}"
        ) from None
    edits: list[splice.Change] = [
        splice.Unset((key,)) for key in data if key in block and data[key] is not None
    ]
    if "stage" not in block and data.get("stage") is None:
        edits.append(splice.Set(("stage",), context["stage"]))
    edits.append(splice.Set((SOURCES, place.record.system), block))
    return splice.edit(raw, edits, path=place.path)


def _update(draft: Draft, place: Placed, found: Record, stated: dict[str, Any]) -> None:
    record, system = place.record, place.record.system
    block = found.systems.get(system)
    if block is None:
        edits: list[splice.Change] = [splice.Set((SOURCES, system), _block(record, stated))]
        names = [f"first word of {system}"]
    else:
        names = _differences(record, block, stated)
        edits = [_edit(system, name, stated) for name in names]
    body = _new_body(draft, place, found, block) if not record.deleted else None
    if body is not None:
        edits.append(splice.Set((SOURCES, system, "digest"), digest(body)))
        names.append("text")
    if not edits:
        draft.count(system, record.kind)
        return
    raw = draft.changes.current(place.path, files.read(draft.root, place.path))
    if raw is None:
        raise CrmError(f"{place.path} was removed meanwhile: run again")
    new = splice.edit(raw, edits, path=place.path)
    if body is not None:
        new = splice.set_body(new, f"\n{body}\n", path=place.path)
    draft.changes.put(place.path, raw, new, f"{system}: {', '.join(names)}")
    if block is not None:
        draft.altered.add((system, place.account))
    draft.count(system, record.kind, changed=True)


def _differences(record: Incoming, block: dict[str, Any], stated: dict[str, Any]) -> list[str]:
    """The names of the fields in which the system's block is not what it states now."""
    if older(stated, block):
        return []
    if record.deleted:
        stated["deleted"] = True
        if record.merged_into:
            stated["merged_into"] = record.merged_into
        said: list[str] = [n for n in _FATE if n in stated and block.get(n) != stated[n]]
        # With its stamp, so that what the system said before it deleted the record cannot bring it back.
        return [*said, "modified"] if said and stated.get("modified") else said
    for name in _FATE:
        stated[name] = None
    if record.kind == "contact" and _moved_on(block, stated):
        stated["company_before"] = block["company"]
    names = sorted(
        name for name, value in stated.items() if name != "modified" and block.get(name) != value
    )
    # A new stamp alone is no news: it would make a change of every touch.
    stamped = stated.get("modified") and stated["modified"] != block.get("modified")
    return [*names, "modified"] if names and stamped else names


def _moved_on(block: dict[str, Any], stated: dict[str, Any]) -> bool:
    """Whether the system names another company of a person than before; another spelling is none."""
    before = block.get("company")
    return bool(before and "company" in stated) and company_key(str(before)) != company_key(
        str(stated["company"] or "")
    )


def _edit(system: str, name: str, stated: dict[str, Any]) -> splice.Change:
    path = (SOURCES, system, name)
    return splice.Unset(path) if stated[name] is None else splice.Set(path, stated[name])


def _new_body(
    draft: Draft, place: Placed, found: Record, block: dict[str, Any] | None
) -> str | None:
    """The system's prose if it is news and nobody has edited what it gave before."""
    text = _prose(place.record)
    if not text or block is None or block.get("digest") == digest(text):
        return None
    if found.body.strip() and block.get("digest") != digest(found.body):
        draft.notes.append(
            f"{place.path}: {place.record.system} has another text; a person's edit of it was kept"
        )
        return None
    return text
