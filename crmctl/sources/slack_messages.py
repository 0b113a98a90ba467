"""Messages of Slack as crmctl's records: who wrote what in whose channel, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crmctl.model.identity import is_shared_mailbox
from crmctl.model.incoming import Batch, Incoming, Link, Rejected
from crmctl.model.text import one_line
from crmctl.sources import slack_ids, slack_text
from crmctl.sources.slack_channels import Channel, Home
from crmctl.sources.slack_ids import Place
from crmctl.sources.slack_text import Names
from crmctl.sources.slack_users import SLACKBOT, Look, User, is_ours, profiled
from crmctl.sources.source import Interest
from crmctl.workspace.source_settings import SlackSettings

SYSTEM = "slack"
TOMBSTONE = "tombstone"
# What people and apps say. Everything else, such as somebody joining, is about the channel.
_SAID = frozenset({"", "thread_broadcast", "file_share", "me_message", "bot_message"})


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a message. ``ours`` is None where there is no telling; an app is on no side."""

    id: str = ""
    person: User | None = None
    app: bool = False
    app_name: str = ""
    ours: bool | None = None


@dataclass(slots=True)
class Teller:
    """Tells what messages state. ``team`` is the id of our own workspace, ``self_bot`` that of our own app's bot."""

    settings: SlackSettings
    interest: Interest
    team: str
    look: Look
    names: Names
    self_bot: str = ""
    _introduced: set[str] = field(default_factory=set)

    def tell(self, channel: Channel, home: Home, message: Mapping[str, Any], batch: Batch) -> None:
        """Add to ``batch`` what one message states: the event, its author, or nothing."""
        place = slack_ids.place(channel.id, message)
        if place is None:
            shown = one_line(str(message.get("ts")), 40)
            reason = f"has the time {shown!r}; a message needs one such as 1772528399.000200"
            batch.rejected.append(Rejected(f"slack channel {channel.id}", reason))
        elif message.get("subtype") == TOMBSTONE:
            batch.records.append(removed(place, home))
        elif self.keeps(message):
            author = self._author(message)
            if author.person is not None:
                self._introduce(author.person, ours=author.ours, batch=batch)
            batch.records.append(self._event(channel, home, place, message, author))

    def keeps(self, message: Mapping[str, Any]) -> bool:
        """Whether a message is somebody's word and not our own app's."""
        return (
            message.get("type", "message") == "message"
            and str(message.get("subtype") or "") in _SAID
            and message.get("user") != SLACKBOT
            and not (self.self_bot and message.get("bot_id") == self.self_bot)
        )

    def _author(self, message: Mapping[str, Any]) -> Author:
        id = str(message.get("user") or "")
        person = (self.look(id) or profiled(id, message)) if id else None
        if (person is not None and person.bot) or (person is None and message.get("bot_id")):
            profile = message.get("bot_profile")
            named = profile.get("name") if isinstance(profile, Mapping) else None
            name = message.get("username") or named or (person.shown if person else "")
            return Author(id, app=True, app_name=" ".join(str(name).split()))
        ours = is_ours(person, self.team, self.interest) if person else None
        stated = message.get("user_team") or message.get("team")
        if ours is None and isinstance(stated, str) and self.team:
            ours = stated == self.team
        return Author(id, person, ours=ours)

    def _introduce(self, person: User, *, ours: bool | None, batch: Batch) -> None:
        """The author as an owner or a contact, once in a run."""
        if person.id in self._introduced:
            return
        self._introduced.add(person.id)
        if ours:
            batch.owners[person.id] = (person.name, person.email)
        elif (
            ours is False
            and self.interest.account(person.email)
            and not is_shared_mailbox(person.email)
        ):
            fields = {"name": person.name, "email": person.email, "title": person.title}
            fields["modified"] = person.version
            batch.records.append(
                Incoming(
                    SYSTEM,
                    "contact",
                    person.id,
                    {name: value for name, value in fields.items() if value},
                    origin=f"slack user {person.id}",
                    creates=self.settings.contacts,
                    waits=False,
                )
            )

    def _event(
        self,
        channel: Channel,
        home: Home,
        place: Place,
        message: Mapping[str, Any],
        author: Author,
    ) -> Incoming:
        fields: dict[str, Any] = {
            "type": "chat",
            "subject": _subject(channel, place, author),
            "modified": slack_ids.version(edited(message) or place.ts),
        }
        if author.ours is not None:
            fields["direction"] = "out" if author.ours else "in"
        if author.ours:
            fields["by"] = author.id
        if self.settings.text != "none":
            fields["text"] = self._text(message, author) or None
        email = author.person.email if author.person else ""
        return Incoming(
            SYSTEM,
            "event",
            str(place),
            fields,
            account=home.link,
            people=((Link(id=author.id, email=email), ""),) if author.ours is False else (),
            at=slack_ids.moment(place.ts),
            origin=f"slack message {place}",
        )

    def _text(self, message: Mapping[str, Any], author: Author) -> str:
        text = slack_text.words(message, self.names, by_app=author.app)
        return (
            text if self.settings.text == "all" else slack_text.cut(text, self.settings.text_limit)
        )


def edited(message: Mapping[str, Any]) -> str:
    """When a message was last edited, "" if never."""
    about = message.get("edited")
    return slack_ids.stamp(about.get("ts")) if isinstance(about, Mapping) else ""


def removed(place: Place, home: Home, when: str = "") -> Incoming:
    """The word that a message is gone. ``when``, if Slack says it, lets no late copy of the message undo it."""
    return Incoming(
        SYSTEM,
        "event",
        str(place),
        {"modified": slack_ids.version(when)} if when else {},
        account=home.link,
        deleted=True,
        origin=f"slack message {place}",
    )


def people_in(message: Mapping[str, Any]) -> set[str]:
    """The ids of the author and of those whom the text mentions."""
    author, text = message.get("user"), message.get("text")
    found = slack_text.mentions(text) if isinstance(text, str) else set()
    return found | ({author} if isinstance(author, str) and author else set())


def _subject(channel: Channel, place: Place, author: Author) -> str:
    """The channel; in a thread, and by an app, it says so."""
    where = "direct message" if channel.direct else f"#{channel.name or channel.id}"
    if place.root:
        where += " (reply)"
    return f"{where}, {author.app_name}" if author.app and author.app_name else where
