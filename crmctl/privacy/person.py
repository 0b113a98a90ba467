"""Everything that a workspace holds about one contact, as the person may ask to see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from crmctl.model.errors import CrmError
from crmctl.model.record import Record
from crmctl.model.schema import FIELDS
from crmctl.model.text import one_line
from crmctl.sync.references import in_folder
from crmctl.workspace import files, paths, store
from crmctl.workspace.records import read_record
from crmctl.workspace.store import parse_events

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace

_SHORTEST = 5  # letters of a name that are looked for: shorter ones stand in other words


def about(ws: Workspace, contact: Record) -> dict[str, Any]:
    """What the files say of a contact, as plain data.

    ``fields`` gives every value with who states it, ``text`` the notes in the contact's own file, ``records`` the
    files whose fields name the person, ``events`` the synced lines that do, ``mentions`` lines of prose elsewhere with
    the name or an address in them. Files that cannot be read are in ``unread``: look into them by hand.
    """
    fields = {
        name: {"value": value, "source": contact.stated(name)[1]}
        for name, value in contact.effective().items()
    }
    found: dict[str, Any] = {"person": contact.id, "account": contact.account, "path": contact.path}
    found |= {"fields": fields, "text": contact.body.strip()}
    found |= {"records": [], "events": [], "mentions": [], "unread": []}
    full = f"{contact.account}/{contact.id}"
    words = [word.casefold() for word in _words(contact)]
    for account in store.slugs(ws.root):
        names = {full, contact.id} if account == contact.account else {full}
        for path in in_folder(ws.root, account):
            if path != contact.path:
                try:
                    _look(ws, path, names, words, found)
                except CrmError as error:
                    found["unread"].append(str(error))
    return found


def _words(contact: Record) -> list[str]:
    """The name and the addresses, wherever they are stated."""
    stated = [contact.own, *contact.systems.values()]
    words = [str(block[key]) for block in stated for key in ("name", "email") if block.get(key)]
    words += [str(item) for block in stated for item in block.get("emails") or ()]
    return sorted({word for word in words if len(word) >= _SHORTEST})


def _look(
    ws: Workspace, path: str, names: set[str], words: Sequence[str], found: dict[str, Any]
) -> None:
    raw = files.read(ws.root, path) or b""
    text = raw.decode("utf-8", "replace")
    folded = text.casefold()
    if not any(needle in folded for needle in (*names, *words)):
        return
    place = paths.kind_of(path)
    kind = place[0] if place else ""
    if kind == "traffic":
        for event in parse_events(raw, path)[0]:
            if names & set(event.data.get("with") or ()) or _mentioned(str(event.data), words):
                found["events"].append({"where": f"{path}:{event.line}", **event.data})
        return
    if kind in FIELDS:
        record = read_record(raw, path, ws.ranking)[0]
        naming = [name for name, value in record.effective().items() if names & set(_leaves(value))]
        if naming:
            page = {"path": path, "kind": kind, "title": record.title, "fields": naming}
            found["records"].append(page)
    for number, line in enumerate(text.splitlines(), 1):
        if _mentioned(line, words):
            found["mentions"].append({"where": f"{path}:{number}", "line": one_line(line, 500)})


def _mentioned(text: str, words: Sequence[str]) -> bool:
    folded = text.casefold()
    return any(word in folded for word in words)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield str(value)
