"""Gong's API v2 as far as we need it: calls, transcripts, users.

Two things are unlike other systems: 404 means that nothing matches, and the cursor of a POST stands in its body.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from crmctl.sources.clock import Pace
from crmctl.sources.conversation_json import part, parts, text
from crmctl.sources.errors import AuthError, SourceError, StatusError
from crmctl.sources.gong_auth import SYSTEM, Login
from crmctl.sources.http import Again, Answer, Door, Verdict, explained, verdict
from crmctl.sources.network import Network, Walk

DAILY = 10_000  # requests a day, shared by everything that talks to the company's Gong
_PAUSE = 0.35  # seconds between two requests: three a second are allowed, to everybody together
_IDS = 100  # calls asked for at once, as many as a page has
_NOTHING = re.compile(r"\bno .{0,40}found", re.IGNORECASE)
_CALLS, _TRANSCRIPTS = "v2/calls/extensive", "v2/calls/transcript"
_SELECTED = {
    "context": "Basic",
    "exposedFields": {
        "parties": True,
        "content": {
            "topics": True,
            "trackers": True,
            "brief": True,
            "highlights": True,
            "callOutcome": True,
            "keyPoints": True,
        },
    },
}
Raw = Mapping[str, Any]


class _Stale(Exception):
    """A cursor is worth nothing any more."""


class Api:
    """The requests, in our words. Nothing is sent before the first of them."""

    def __init__(self, network: Network, login: Login) -> None:
        self._network, self._login = network, login

    @property
    def requests(self) -> int:
        """How many were sent so far."""
        return self._door.requests if "_door" in vars(self) else 0

    def calls(self, wanted: Raw) -> Iterator[Raw]:
        """The calls that fit a filter, in no order that is promised, some perhaps twice."""
        yield from self._posted(_CALLS, "calls", {"filter": wanted, "contentSelector": _SELECTED})

    def calls_by_id(self, ids: Sequence[str], workspace: Raw) -> Iterator[Raw]:
        """These calls; one that is gone or not for us to see is left out."""
        for some in _slices(ids):
            yield from self.calls({**workspace, "callIds": some})

    def transcripts(self, ids: Sequence[str]) -> Iterator[tuple[str, list[Raw]]]:
        """The turns of these calls, each with ``speakerId`` and ``sentences``, after the call's id.

        The ids alone are sent: with dates beside them only calls between those dates would come.
        """
        for some in _slices(ids):
            body = {"filter": {"callIds": some}}
            for one in self._posted(_TRANSCRIPTS, "callTranscripts", body):
                yield text(one.get("callId")), parts(one.get("transcript"))

    def users(self) -> Iterator[Raw]:
        """Everybody on our side."""

        def ask(cursor: str) -> Answer:
            params = {"cursor": cursor or None}
            return self._door.send("GET", "v2/users", params=params, whole=True)

        yield from self._paged(ask, "users")

    def workspaces(self) -> list[Raw]:
        """The workspaces of the company, each with ``id`` and ``name``."""
        return parts(part(self._door.get("v2/workspaces")).get("workspaces"))

    @property
    def address(self) -> str:
        """Where the API is for us."""
        return self._door.base

    @cached_property
    def _door(self) -> Door:
        if self._login.can_renew:
            self._login.renew()
        return Door(
            self._network,
            SYSTEM,
            self._login.base,
            headers=self._login.headers,
            renew=self._login.renew if self._login.can_renew else None,
            judge=_judged,
            explain=_explained,
            paces={"": Pace(1 / _PAUSE)},
        )

    def _posted(self, path: str, name: str, body: Raw) -> Iterator[Raw]:
        def ask(cursor: str) -> Answer:
            asked = {**body, "cursor": cursor} if cursor else body
            return self._door.send("POST", path, json=asked, whole=True)

        yield from self._paged(ask, name)

    def _paged(self, ask: Callable[[str], Answer], name: str) -> Iterator[Raw]:
        """The members of all pages. Cursors run out: then it goes over them once more from the first one."""
        try:
            yield from self._walked(ask, name)
        except _Stale:
            try:
                yield from self._walked(ask, name)
            except _Stale as error:
                raise SourceError(
                    f"gong lets its page marks for {name} run out before the next page ({error}): try again later"
                ) from None

    def _walked(self, ask: Callable[[str], Answer], name: str) -> Iterator[Raw]:
        walk = Walk(SYSTEM, name)
        cursor = ""
        while True:
            found = _page(ask, cursor)
            rows = parts(found.get(name))
            yield from rows
            cursor = text(part(found.get("records")).get("cursor"))
            if not cursor:
                return
            walk.step(cursor)
            # A cursor holds a time, so that a page that names itself could do so in ever new words.
            walk.step(repr([text(_identity(row)) for row in rows]))


def _page(ask: Callable[[str], Answer], cursor: str) -> Raw:
    try:
        answer = ask(cursor)
    except AuthError as error:
        if cursor:
            raise _Stale(str(error)) from None
        raise
    except StatusError as error:
        if cursor and error.status in {400, 404}:
            raise _Stale(str(error)) from None
        if error.status == 404 and _NOTHING.search(str(error)):
            return {}
        raise
    found = answer.data()
    if not isinstance(found, Mapping):
        raise SourceError(
            f"gong answered {answer.request} with something that is no page: try again later"
        )
    return found


def _judged(answer: Answer) -> Verdict:
    """As everywhere, but that a 404 is an answer of its own, which must have come whole."""
    if answer.status == 404 and answer.maybe() is None:
        return Again(why="answered with something that is no whole JSON")
    return verdict(answer)


def _identity(row: Raw) -> Any:
    return part(row.get("metaData")).get("id") or row.get("callId") or row.get("id")


def _explained(answer: Answer) -> str:
    """What a refusal says, with the number by which Gong's support finds it."""
    words = explained(answer)
    request = text(part(answer.maybe()).get("requestId"))
    if answer.status == 403:
        words += "; a scope is missing, or Gong does not trust this machine's address"
    return f"{words} (request {request})" if request else words


def _slices(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _IDS):
        yield ids[start : start + _IDS]
