"""A call as Gong tells it, and its transcript, as a conversation of ours.

The shapes are those of ``POST /v2/calls/extensive`` and ``/v2/calls/transcript``. Offsets are seconds, in a transcript
milliseconds. Nearly every member may be missing, and Gong adds some without notice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from crmctl.model.identity import normal_email
from crmctl.model.incoming import NOWHERE, Link
from crmctl.sources.conversation_json import part, parts, prose, seconds, text, when
from crmctl.sources.conversation_text import (
    EXTERNAL,
    INTERNAL,
    NOBODY,
    UNKNOWN,
    Said,
    bullets,
    document,
    is_steps,
    paragraphs,
    spoken,
)
from crmctl.sources.conversations import CRM, Outsider, Talk, outsiders
from crmctl.sources.salesforce_ids import to_18

SYSTEM = "gong"
_SIDES = {"internal": INTERNAL, "external": EXTERNAL}
_DIRECTIONS = {"inbound": "in", "outbound": "out"}
Ours = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the conversation, its prose without the transcript, and who speaks under which speaker id."""

    talk: Talk
    sections: tuple[tuple[str, str], ...]
    speakers: Mapping[str, tuple[str, str]]
    private: bool

    def body(self, transcript: Sequence[Mapping[str, Any]] = ()) -> str:
        """The prose, with these turns of a transcript."""
        return document((*self.sections, ("Transcript", spoken(_said(transcript, self.speakers)))))


def call(raw: Mapping[str, Any], ours: Ours, users: Callable[[str], tuple[str, str]]) -> Call:
    """A call; ValueError says what it lacks. ``ours`` tells our own addresses, ``users`` knows (name, e-mail) of an id.

    ``users`` is asked only for one who is not among the call's own parties.
    """
    about = part(raw.get("metaData"))
    id = text(about.get("id"))
    at = when(about.get("started")) or when(about.get("scheduled"))
    if not id:
        raise ValueError("has no id")
    if at is None:
        raise ValueError("has no time; a conversation needs one")
    people = parts(raw.get("parties"))
    content = part(raw.get("content"))
    owners, by = _our_side(text(about.get("primaryUserId")), people, ours, users)
    highlights = [
        (text(one.get("title")), [text(item.get("text")) for item in parts(one.get("items"))])
        for one in parts(content.get("highlights"))
    ]
    outside = [p for p in people if _side(p, ours) == EXTERNAL]
    talk = Talk(
        SYSTEM,
        id,
        at.replace(microsecond=0),
        {**_fields(about, content), **({"by": by} if by else {})},
        outsiders(map(_outsider, outside)),
        _crm_link(raw, "account"),
        _crm_link(raw, "opportunity"),
        tuple(item for title, items in highlights if is_steps(title) for item in items if item),
        owners,
        bool(outside) or text(about.get("scope")).casefold() == "external",
    )
    speakers = {
        text(p.get("speakerId")): (
            text(p.get("name")) or text(p.get("emailAddress")) or NOBODY,
            _side(p, ours),
        )
        for p in people
        if text(p.get("speakerId"))
    }
    sections = tuple(_sections(content, highlights))
    return Call(talk, sections, speakers, about.get("isPrivate") is True)


def ready(transcript: Sequence[Mapping[str, Any]]) -> bool:
    """Whether anything was written down of what was said."""
    return any(parts(turn.get("sentences")) for turn in transcript)


def _fields(about: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    direction = text(about.get("direction")).casefold()
    meeting = direction == "conference" or (
        direction not in _DIRECTIONS and text(about.get("media")).casefold() == "video"
    )
    length = seconds(about.get("duration"))
    outcome = part(content.get("callOutcome"))
    found = {
        "type": "meeting" if meeting else "call",
        "subject": text(about.get("title")),
        "direction": _DIRECTIONS.get(direction),
        "minutes": None if length is None else ceil(length / 60),  # a started minute counts
        "outcome": text(outcome.get("name")) or text(about.get("sdrDisposition")),
        "topics": sorted({text(one.get("name")) for one in parts(content.get("topics"))} - {""}),
        "trackers": sorted({name for name, _, _ in _trackers(content)}),
        "url": text(about.get("url")),
    }
    return {name: value for name, value in found.items() if value not in (None, "", [])}


def _our_side(
    primary: str,
    people: Sequence[Mapping[str, Any]],
    ours: Ours,
    users: Callable[[str], tuple[str, str]],
) -> tuple[dict[str, tuple[str, str]], str]:
    """Who on our side it was, by name and address, and the id of the one it counts for."""
    inside = {
        text(p.get("userId")): (text(p.get("name")), text(p.get("emailAddress")))
        for p in people
        if text(p.get("userId")) and _side(p, ours) == INTERNAL
    }
    by = primary or next(iter(sorted(inside)), "")
    if not by:
        return {}, ""
    about = inside.get(by) or users(by)
    return ({by: about} if any(about) else {}), by


def _side(party: Mapping[str, Any], ours: Ours) -> str:
    address = text(party.get("emailAddress"))
    if text(party.get("userId")) or (address and ours(address)):
        return INTERNAL
    stated = _SIDES.get(text(party.get("affiliation")).casefold())
    # Gong does not know everybody's company; whoever has an address that is not ours is not one of us.
    return stated or (EXTERNAL if normal_email(address) else UNKNOWN)


def _outsider(party: Mapping[str, Any]) -> Outsider:
    address = text(party.get("emailAddress")).lower()
    name = text(party.get("name"))
    return Outsider(
        address if normal_email(address) else "",
        "" if name.lower() == address else name,
        text(party.get("title")),
        _crm_id(party, "contact"),
    )


def _crm_link(raw: Mapping[str, Any], type: str) -> Link:
    found = _crm_id(raw, type)
    return Link(id=found, system=CRM) if found else NOWHERE


def _crm_id(holder: Mapping[str, Any], type: str) -> str:
    """The Salesforce id that a call or a party is tied to; "" if there is none, or several."""
    found: set[str] = set()
    for context in parts(holder.get("context")):
        if text(context.get("system")).casefold() != CRM:
            continue
        for thing in parts(context.get("objects")):
            if text(thing.get("objectType")).casefold() == type:
                try:
                    found.add(to_18(text(thing.get("objectId"))))
                except ValueError:
                    continue
    return found.pop() if len(found) == 1 else ""


def _sections(
    content: Mapping[str, Any], highlights: Sequence[tuple[str, list[str]]]
) -> Iterator[tuple[str, str]]:
    yield "Summary", paragraphs(prose(content.get("brief")))
    yield "Key points", bullets(text(one.get("text")) for one in parts(content.get("keyPoints")))
    for title, items in highlights:
        yield title or "Highlights", bullets(items)
    topics = [
        (seconds(one.get("duration")) or 0, text(one.get("name")))
        for one in parts(content.get("topics"))
    ]
    topics.sort(key=lambda topic: (-topic[0], topic[1]))
    yield (
        "Topics",
        bullets(
            f"{name} ({ceil(length / 60)} min)" if length else name
            for length, name in topics
            if name
        ),
    )
    yield (
        "Trackers",
        bullets(
            f"{name} ({count})" + (f": {', '.join(phrases)}" if phrases else "")
            for name, count, phrases in _trackers(content)
        ),
    )


def _trackers(content: Mapping[str, Any]) -> list[tuple[str, int, list[str]]]:
    """What Gong listened for and heard: name, how often, in which words."""
    found = []
    for one in parts(content.get("trackers")):
        name, count = text(one.get("name")), int(seconds(one.get("count")) or 0)
        if name and count:
            phrases = {text(phrase.get("phrase")) for phrase in parts(one.get("phrases"))} - {""}
            found.append((name, count, sorted(phrases)))
    return sorted(found, key=lambda tracker: (-tracker[1], tracker[0]))


def _said(
    transcript: Sequence[Mapping[str, Any]], speakers: Mapping[str, tuple[str, str]]
) -> Iterator[Said]:
    for turn in transcript:
        name, side = speakers.get(text(turn.get("speakerId")), (NOBODY, UNKNOWN))
        sentences = parts(turn.get("sentences"))
        begins = seconds(sentences[0].get("start")) if sentences else None
        words = " ".join(filter(None, (text(one.get("text")) for one in sentences)))
        if words:
            yield Said(name, side, None if begins is None else int(begins // 1000), words)
