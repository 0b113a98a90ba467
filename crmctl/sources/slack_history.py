"""Reading one channel: its history from the newest message down, its threads, and what is no longer there.

Slack tells what is new only to those who ask for it: a reply to an old message, an edit and a deletion show in no
list of news. So each read looks again at the messages of the last days, and compares: with the ids that our files
hold, with the newest edit seen before, and with the number of replies of each thread.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crmctl.model.errors import CrmError
from crmctl.model.incoming import Batch
from crmctl.sources import slack_ids
from crmctl.sources.errors import SourceError
from crmctl.sources.network import Walk
from crmctl.sources.slack_api import GONE, NAME, Refused
from crmctl.sources.slack_channels import Channel, Home
from crmctl.sources.slack_ids import Place
from crmctl.sources.slack_messages import SYSTEM, TOMBSTONE, edited, people_in, removed
from crmctl.sources.slack_team import CLOSED, State, Team

_OVERLAP = dt.timedelta(minutes=10)
_PARTS = ("down", "floor", "top", "edit")
_FEW = 3  # stored messages that may be gone all at once
_MANY = 20  # and that may be more than half of what was there


class Emptied(SourceError):
    """So much of a channel is gone that it looks like a fault rather than like people deleting messages."""


@dataclass(slots=True)
class Stored:
    """The messages of a channel that our files hold: those of the channel itself, and the replies by thread."""

    ids: frozenset[str]
    roots: set[str] = field(default_factory=set)
    replies: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, ids: Collection[str]) -> Stored:
        found = cls(frozenset(ids))
        for place in filter(None, map(slack_ids.parsed, ids)):
            if place.root:
                found.replies.setdefault(place.root, set()).add(place.ts)
            else:
                found.roots.add(place.ts)
        return found

    def has(self, place: Place) -> bool:
        return str(place) in self.ids


@dataclass(slots=True)
class _Walk:
    """One way down: from ``down`` to ``floor``, both left out. ``top`` is the newest message met on it."""

    down: str
    floor: str
    top: str = ""
    edit: str = ""

    @classmethod
    def of(cls, state: Any) -> _Walk | None:
        """The one that an earlier run began and did not end."""
        if not isinstance(state, Mapping):
            return None
        found = cls(*(slack_ids.stamp(state.get(name)) for name in _PARTS))
        return found if found.down and found.floor else None

    def state(self) -> State:
        return {name: value for name in _PARTS if (value := getattr(self, name))}


class ChannelReader:
    """Reads what is new in one channel. ``state`` is what the mark holds of it, {} for a first read.

    ``trusted``: however much is gone, people have deleted it.
    """

    def __init__(
        self,
        team: Team,
        channel: Channel,
        home: Home,
        state: State,
        *,
        trusted: bool = False,
    ) -> None:
        request = team.request
        self._team, self._request = team, request
        self._channel, self._home = channel, home
        self._state = state if state.get("account") == home.key else {}
        # Who reads from the beginning wants all of it again, whatever our files hold.
        self._all = request.first and not self._state
        self._days = dt.timedelta(days=team.settings.lookback_days)
        self._pin = slack_ids.at(request.now)
        slug = home.link.slug
        self._stored = Stored.of(request.stored(slug, f"{channel.id}-") if slug else ())
        self._edit = slack_ids.stamp(self._state.get("edit"))
        self._seen = slack_ids.stamp(self._state.get("seen"))
        self._trusted = trusted
        self.served = 0

    def read(self) -> Iterator[tuple[Batch, State | None]]:
        """What is new, page by page, each with the state that holds behind it; None where there is no safe point."""
        begun = _Walk.of(self._state.get("walk"))
        if begun is not None:
            yield from self._go(begun)
            since = slack_ids.earlier(self._seen or begun.floor, _OVERLAP)
            yield from self._go(_Walk(self._pin, since))
            return
        if self._seen:
            days = slack_ids.at(self._request.now - self._days)
            floor = min(slack_ids.earlier(self._seen, _OVERLAP), days)
        else:
            floor = slack_ids.at(self._request.since)
        yield from self._go(_Walk(self._pin, floor))

    def one(self, place: Place) -> Batch:
        """One message, if it is still there."""
        api, around = self._team.api, {"inclusive": True, "limit": 1, "latest": place.ts}
        params = {"channel": place.channel, **around}
        if place.root:
            # The first message of a thread comes too, whatever is asked for.
            params |= {"ts": place.root, "oldest": place.ts, "limit": 2}
        method = "conversations.replies" if place.root else "conversations.history"
        batch = self._batch()
        try:
            found = api.call(method, params).get("messages")
        except Refused as error:
            if error.error not in GONE | CLOSED:
                raise
            found = []
        for message in found if isinstance(found, list) else ():
            if isinstance(message, Mapping) and message.get("ts") == place.ts:
                self._team.teller.tell(self._channel, self._home, message, batch)
        return batch

    def _batch(self) -> Batch:
        return Batch(SYSTEM, partial=not self._request.first)

    def _go(self, walk: _Walk) -> Iterator[tuple[Batch, State | None]]:
        circles = Walk(NAME, f"the history of {self._channel.id}")
        latest, cursor = walk.down, ""
        while True:
            try:
                page, following = self._team.api.history(
                    self._channel.id, walk.floor, latest, cursor
                )
            except Refused as error:
                if error.error != "invalid_cursor" or not cursor:
                    raise
                latest, cursor = circles.step(walk.down), ""
                continue
            batch = self._batch()
            try:
                self._take(page, walk, batch, last=not following)
            except CrmError:
                yield batch, None  # what arrived is kept
                raise
            if not following:
                break
            yield batch, self._marked(walk)
            cursor = circles.step(following)
        self._seen, self._edit = max(self._seen, walk.top), max(self._edit, walk.edit)
        yield batch, self._marked(None)

    def _marked(self, walk: _Walk | None) -> State:
        state: State = {"account": self._home.key}
        if self._seen:
            state["seen"] = self._seen
        if self._edit:
            state["edit"] = self._edit
        if walk is not None:
            state["walk"] = walk.state()
        elif self._channel.archived:
            state["archived"] = True
        return state

    def _take(self, page: Mapping[str, Any], walk: _Walk, batch: Batch, *, last: bool) -> None:
        """Everything that one page of the history gives. It tells of all between ``walk.down`` and its own end."""
        upper, messages = walk.down, self._messages(page, batch)
        self.served += len(messages)
        lower = walk.floor if last else min(messages, default=upper)
        gone = {ts for ts in self._stored.roots if lower < ts < upper} - messages.keys()
        if page.get("is_limited") is True:
            gone = set()  # a free workspace hides what is old
        self._doubt(gone, lower, upper)
        threads = [ts for ts, message in messages.items() if self._has_news(ts, message)]
        # Where the first message left no mark, not even one of its deletion, its thread should be gone too: ask.
        lost = {ts for ts in self._stored.replies if lower < ts < upper} - messages.keys()
        threads += [] if page.get("is_limited") is True else lost
        self._tell([m for m in messages.values() if self._is_news(m)], batch)
        self._request.progress(len(messages))
        batch.records += [
            removed(Place(self._channel.id, "", ts), self._home) for ts in sorted(gone)
        ]
        for root in sorted(threads):
            self._thread(root, batch)
        walk.down = lower
        walk.top = max(walk.top, *(ts for ts in messages if ts <= self._pin), "")
        # An edit made while we read may have come too late for its own page: it is not yet behind us.
        edits = (edited(message) for message in messages.values())
        walk.edit = max(walk.edit, *(ts for ts in edits if ts <= self._pin), "")

    def _messages(self, page: Mapping[str, Any], batch: Batch) -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        for message in page["messages"]:
            if not isinstance(message, Mapping):
                continue
            ts = slack_ids.stamp(message.get("ts"))
            if ts:
                found[ts] = message
            else:
                self._team.teller.tell(self._channel, self._home, message, batch)
        return found

    def _tell(self, messages: Collection[Mapping[str, Any]], batch: Batch) -> None:
        teller = self._team.teller
        kept = [message for message in messages if teller.keeps(message)]
        self._team.directory.learn({id for message in kept for id in people_in(message)})
        for message in messages:
            teller.tell(self._channel, self._home, message, batch)

    def _is_news(self, message: Mapping[str, Any]) -> bool:
        """Whether our files may not hold a message as it is now."""
        place = slack_ids.place(self._channel.id, message)
        stored = place is not None and self._stored.has(place)
        if message.get("subtype") == TOMBSTONE:
            return stored
        edit = edited(message)
        return self._all or not stored or (edit != "" and edit >= self._edit)

    def _has_news(self, ts: str, message: Mapping[str, Any]) -> bool:
        """Whether a message begins a thread whose replies are not those that our files hold."""
        held = self._stored.replies.get(ts, set())
        count = message.get("reply_count") if message.get("thread_ts") == ts else 0
        latest = slack_ids.stamp(message.get("latest_reply"))
        if self._all:
            return bool(count or held)
        return count != len(held) or bool(latest and latest not in held)

    def _thread(self, root: str, batch: Batch) -> None:
        """A whole thread: its replies, and those of ours that are not among them any more."""
        replies = {
            ts: message
            for message in self._team.api.replies(self._channel.id, root)
            if isinstance(message, Mapping)
            and (ts := slack_ids.stamp(message.get("ts")))
            and message.get("thread_ts") == root != ts
        }
        self._tell(
            [message for message in replies.values() if edited(message) or self._is_news(message)],
            batch,
        )
        self._request.progress(len(replies))
        batch.records += [
            removed(Place(self._channel.id, root, ts), self._home)
            for ts in sorted(self._stored.replies.get(root, set()) - replies.keys())
        ]

    def _doubt(self, gone: Collection[str], lower: str, upper: str) -> None:
        """`Emptied` if too much is gone for people to have deleted it."""
        there = sum(lower < ts < upper for ts in self._stored.roots)
        all_of_it = len(gone) == there >= _FEW and not self.served
        if not self._trusted and (all_of_it or len(gone) > max(_MANY, there // 2)):
            raise Emptied(
                f"{NAME}: {len(gone)} of {there} messages of #{self._channel.name} are gone all at once; nothing of it "
                "was marked as deleted. If that is right, run `crmctl sync slack --full`"
            )
