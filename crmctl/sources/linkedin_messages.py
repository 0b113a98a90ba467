"""Messages of LinkedIn as lines of traffic, between us and people who are known by their profiles.

A message has no id, so what it says and when makes one: reading an archive again gives the same ids. Drafts,
advertisements and talks with the platform's own assistants are no conversations.
"""

from __future__ import annotations

import datetime as dt
import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256

from crmctl.model.identity import normal_profile, profile_url
from crmctl.model.incoming import Batch, Incoming, Link, Rejected
from crmctl.sources.linkedin_connections import SYSTEM
from crmctl.sources.linkedin_tables import Entry, Sheet, in_the_future, kept, moment
from crmctl.workspace.source_settings import LinkedInSettings

_URL = re.compile(r"https?://[^,\s]+")
_MARKUP = re.compile(
    r"</?(a|b|br|div|em|h[1-6]|i|li|ol|p|span|strong|u|ul)\b(?:\s[^<>]{0,2000})?/?>", re.IGNORECASE
)
_BREAKS = frozenset({"br", "div", "li", "p"})
_UNASKED = ("sponsored", "linkedin offer")  # how the titles of such conversations begin
_AT_LEAST = 0.9  # of the conversations have their owner in them


class Owner:
    """Whose mailbox it is: the name and the main address that the archive gives, as far as it does."""

    def __init__(self, profiles: Iterable[Entry] = (), addresses: Iterable[Entry] = ()) -> None:
        person = next(iter(profiles), None)
        self.name = f"{person['first']} {person['last']}".strip() if person else ""
        found = sorted(addresses, key=lambda entry: entry["primary"].casefold() != "yes")
        self.email = found[0]["email"] if found else ""

    def profile(self, entries: Iterable[Entry]) -> str:
        """The owner's profile: the one of that name, else the one in nearly every conversation; "" if unsure."""
        named: Counter[str] = Counter()
        present: dict[str, set[str]] = {}
        conversations = set()
        for entry in entries:
            named.update(self._of_that_name(entry))
            conversations.add(entry["conversation"])
            for profile in _people(entry):
                present.setdefault(profile, set()).add(entry["conversation"])
        if named:
            return min(named, key=lambda profile: (-named[profile], profile))
        often = [p for p, seen in present.items() if len(seen) >= _AT_LEAST * len(conversations)]
        return often[0] if len(often) == 1 and len(conversations) > 1 else ""

    def _of_that_name(self, entry: Entry) -> Iterator[str]:
        name = self.name.casefold()
        for who, addresses in (("from", "sender"), ("to", "recipients")):
            profile = normal_profile(entry[addresses])
            if name and profile and entry[who].casefold() == name and "," not in entry[addresses]:
                yield profile


def to_batch(
    sheet: Sheet,
    owner: Owner,
    settings: LinkedInSettings,
    now: dt.datetime,
    since: dt.datetime | None = None,
) -> Batch:
    """The messages of a mailbox, those before ``since`` left out, and who took part in them."""
    batch = Batch(SYSTEM, rejected=list(sheet.rejected), notes=list(sheet.notes))
    me = owner.profile(sheet.entries)
    if me:
        batch.owners[me] = (owner.name, owner.email)
    left: Counter[str] = Counter()
    people: dict[str, str] = {}
    for entry in sheet.entries:
        others = [profile for profile in _people(entry) if profile != me]
        reason = _unwanted(entry, others)
        if reason:
            left[reason] += 1
            continue
        try:
            record = _message(entry, me, others, settings)
        except ValueError as error:
            batch.rejected.append(Rejected(entry.origin, f"DATE: {error}"))
            continue
        if record.at is None or in_the_future(record.at, now):
            batch.rejected.append(Rejected(entry.origin, "DATE: lies in the future"))
        elif since is None or record.at >= since:
            batch.records.append(record)
            people.update(dict.fromkeys(others, entry.origin))
    batch.records += [_participant(profile, people[profile]) for profile in sorted(people)]
    batch.notes += [f"{left[reason]} {reason} left out" for reason in sorted(left)]
    return batch


def _people(entry: Entry) -> list[str]:
    """The profiles of everybody in a message, the sender first. Names may have commas, addresses have none."""
    addresses = [entry["sender"], *_URL.findall(entry["recipients"])]
    return list(dict.fromkeys(filter(None, map(normal_profile, addresses))))


def _unwanted(entry: Entry, others: list[str]) -> str:
    """Why a message is none, "" if it is one."""
    if "yes" in {entry["draft"].casefold(), entry["unsent"].casefold()}:
        return "drafts"
    sender = entry["sender"]
    if (
        entry["folder"].casefold() == "spam"
        or entry["name"].casefold().startswith(_UNASKED)
        or (sender and normal_profile(sender) is None)
    ):
        return "advertisements"
    return "" if others else "messages that name nobody by profile"


def _message(entry: Entry, me: str, others: list[str], settings: LinkedInSettings) -> Incoming:
    at = moment(entry["at"])
    if not isinstance(at, dt.datetime):
        at = dt.datetime.combine(at, dt.time(), dt.UTC)
    sender = normal_profile(entry["sender"]) or ""
    key = (entry["conversation"], at.isoformat(), sender or entry["from"], entry["content"])
    fields = {
        "type": "chat",
        "subject": entry["subject"] or None,
        "text": kept(_plain(entry["content"]), settings),
    }
    if me:
        fields |= {"direction": "out" if sender == me else "in", "by": me}
    return Incoming(
        SYSTEM, "event", sha256("\0".join(key).encode()).hexdigest()[:32], fields, at=at,
        people=tuple((Link(id=profile), "") for profile in others), origin=entry.origin, waits=False,
    )  # fmt: skip


def _participant(profile: str, origin: str) -> Incoming:
    """Ties a contact that states this profile to it, so that messages find them; makes no contact."""
    fields = {"linkedin": profile_url(profile)}
    return Incoming(
        SYSTEM, "contact", profile, fields, origin=origin, creates=False, waits=False
    )  # fmt: skip


def _plain(content: str) -> str:
    """The text of a message; what has markup in it is HTML."""
    text, found = _MARKUP.subn(lambda tag: "\n" if tag[1].lower() in _BREAKS else "", content)
    return re.sub(r"\n{3,}", "\n\n", html.unescape(text)).strip() if found else content
