"""A meeting note as Granola tells it, and its transcript, as a conversation of ours.

The shapes are those of ``GET /v1/notes/{id}``. ``private_notes_*`` are the owner's own and are never looked at.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from crmctl.model.identity import email_domain, is_free_mail, normal_email
from crmctl.model.incoming import NOWHERE, Link
from crmctl.sources.conversation_json import part, parts, prose, stamp, text, when
from crmctl.sources.conversation_text import (
    EXTERNAL,
    INTERNAL,
    NOBODY,
    UNKNOWN,
    Said,
    document,
    paragraphs,
    rewritten,
    spoken,
    steps_in,
)
from crmctl.sources.conversations import Outsider, Talk, outsiders
from crmctl.sources.source import Interest

SYSTEM = "granola"
_LONGEST = 24 * 60  # minutes that a meeting may last; more is a mistake in the calendar
Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Note:
    """One note: the conversation, its prose, and the names of the folders it lies in by their ids."""

    talk: Talk
    body: str
    folders: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Present:
    """Who was there, by side: ``sides`` by name in small letters, ``others`` that of all but the owner."""

    owner: str
    owner_side: str
    sides: Mapping[str, str]
    others: str


def note(raw: Raw, interest: Interest, account: Callable[[str], str]) -> Note:
    """A note with what it holds of a transcript; ValueError says what it lacks.

    ``account`` gives the account that a folder was mapped to, "" if none.
    """
    id = text(raw.get("id"))
    calendar = part(raw.get("calendar_event"))
    turns = parts(raw.get("transcript"))
    began = next(filter(None, (when(turn.get("start_time")) for turn in turns)), None)
    at = when(calendar.get("scheduled_start_time")) or began or when(raw.get("created_at"))
    if not id:
        raise ValueError("has no id")
    if at is None:
        raise ValueError("has no time; a meeting needs one")
    owner = text(part(raw.get("owner")).get("email")).lower()
    names = _attendance(raw, calendar)
    sides = {one: INTERNAL if _is_ours(one, owner, interest) else EXTERNAL for one in names}
    folders = _folders(raw)
    mapped = {found for folder in folders if (found := account(folder))}
    changed = when(raw.get("updated_at"))
    ours = sides.get(owner) == INTERNAL
    fields = {
        "type": "meeting",
        "subject": text(raw.get("title")) or text(calendar.get("event_title")),
        "by": owner if ours else "",
        "minutes": _minutes(calendar),
        "url": text(raw.get("web_url")),
        "modified": stamp(changed) if changed else "",
    }
    summary = prose(raw.get("summary_markdown"))
    outside = outsiders(Outsider(one, names[one]) for one in names if sides[one] == EXTERNAL)
    talk = Talk(
        SYSTEM,
        id,
        at.replace(microsecond=0),
        {name: value for name, value in fields.items() if value not in (None, "")},
        outside,
        Link(slug=mapped.pop()) if len(mapped) == 1 else NOWHERE,
        steps=tuple(steps_in(summary)),
        owners={owner: (names[owner], owner)} if ours else {},
        # Without an invitation it is not known who was there.
        mixed=bool(outside) or not calendar,
    )
    others = {side for one, side in sides.items() if one != owner}
    present = _Present(
        names.get(owner) or owner,
        sides.get(owner, UNKNOWN),
        {who.casefold(): sides[one] for one, who in names.items() if who},
        others.pop() if len(others) == 1 else UNKNOWN,
    )
    body = document(
        (
            ("Summary", rewritten(summary) or paragraphs(prose(raw.get("summary_text")))),
            ("Transcript", spoken(_said(turns, present))),
        )
    )
    return Note(talk, body, folders)


def _attendance(raw: Raw, calendar: Raw) -> dict[str, str]:
    """Who was there or invited: names by address, "" where the name is not known."""
    found: dict[str, str] = {}
    organiser = {"email": calendar.get("organiser")}
    invited = (*parts(raw.get("attendees")), *parts(calendar.get("invitees")), organiser)
    for one in (part(raw.get("owner")), *invited):
        address, name = text(one.get("email")).lower(), text(one.get("name"))
        if normal_email(address):
            found[address] = found.get(address) or ("" if name.lower() == address else name)
    return found


def _is_ours(address: str, owner: str, interest: Interest) -> bool:
    """Whether an address is on our side; in a workspace that does not say who we are, the owner's is."""
    if interest.ours:
        return interest.is_ours(address)
    domain = email_domain(owner) or ""
    return address == owner or (not is_free_mail(domain) and email_domain(address) == domain)


def _folders(raw: Raw) -> dict[str, str]:
    """The folders that a note lies in: names by id. Of a folder above one of them only the id is told."""
    folders = parts(raw.get("folder_membership"))
    found = {text(one.get("parent_folder_id")): "" for one in folders}
    found |= {text(one.get("id")): text(one.get("name")) for one in folders}
    return {id: found[id] for id in sorted(found) if id}


def _minutes(calendar: Raw) -> int | None:
    begin = when(calendar.get("scheduled_start_time"))
    end = when(calendar.get("scheduled_end_time"))
    if begin is None or end is None:
        return None
    minutes = ceil((end - begin).total_seconds() / 60)
    return minutes if 0 <= minutes <= _LONGEST else None


def _said(turns: list[Raw], present: _Present) -> Iterator[Said]:
    """What was said, with who said it as far as Granola tells.

    On a computer the microphone hears the owner and the speaker all others; on a telephone the microphone hears
    everybody, so that nothing comes from the speaker.
    """
    speakers = [part(turn.get("speaker")) for turn in turns]
    apart = any(text(one.get("source")).casefold() == "speaker" for one in speakers)
    begin: dt.datetime | None = None
    for turn, speaker in zip(turns, speakers, strict=True):
        start = when(turn.get("start_time"))
        begin = begin or start
        at = max(0, int((start - begin).total_seconds())) if start and begin else None
        name, side = _speaker(speaker, present, apart=apart)
        words = text(turn.get("text"))
        if words:
            yield Said(name, side, at, words)


def _speaker(speaker: Raw, present: _Present, *, apart: bool) -> tuple[str, str]:
    name, label = text(speaker.get("name")), text(speaker.get("diarization_label"))
    whose = text(speaker.get("attribution")).casefold()
    if not whose and apart:
        heard = text(speaker.get("source")).casefold()
        whose = {"microphone": "me", "speaker": "them"}.get(heard, "")
    if whose == "me":
        return name or present.owner or NOBODY, present.owner_side
    known = present.sides.get(name.casefold())
    side = known or (present.others if whose == "them" else UNKNOWN)
    return name or label or NOBODY, side
