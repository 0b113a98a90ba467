"""The Gmail API's requests, each at its price: units of an allowance that Google fills up by the minute."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from crmctl.sources.clock import Clock, Pace
from crmctl.sources.errors import AuthError, QuotaError, SourceError
from crmctl.sources.http import Again, Answer, Door, Verdict, explained, retry_after
from crmctl.sources.http import verdict as usual_verdict
from crmctl.sources.mail_message import HEADERS
from crmctl.sources.mail_web import Raw, listed, mapped
from crmctl.sources.network import Network, Walk
from crmctl.sources.oauth import SYSTEM, Login

API = "https://gmail.googleapis.com/gmail/v1"
# The prices where least is allowed: projects made since May 2026 have 6,000 units a minute for one mailbox.
_UNITS = {"profile": 1, "history": 2, "list": 5, "get": 20, "thread": 40}
_RATE, _BURST = 92.0, 400.0  # units a second, and at once after a pause
_PAGE = 500
_PATIENCE = 15.0  # seconds to wait when a minute's units are spent and Google does not say how long
_METADATA = [("format", "metadata"), *(("metadataHeaders", name) for name in HEADERS)]
_HURRIED = frozenset({"rateLimitExceeded", "userRateLimitExceeded"})
_SPENT = frozenset({"dailyLimitExceeded", "quotaExceeded"})


class _Allowance(Pace):
    """The units of one mailbox, whatever they are spent on."""

    def __init__(self) -> None:
        super().__init__(_RATE, _BURST)
        self.spent = 0
        self._turn = threading.Lock()

    def take(self, units: int, clock: Clock) -> float:
        """The seconds to wait before these units may be used."""
        with self._turn:
            self.spent += units
            return max(self.delay(clock) for _ in range(units))


class _Price(Pace):
    """Requests that take several units each."""

    def __init__(self, allowance: _Allowance, units: int) -> None:
        super().__init__(_RATE / units)
        self._allowance, self._units = allowance, units

    def delay(self, clock: Clock) -> float:
        return self._allowance.take(self._units, clock)


class Api:
    """Requests about the mailbox that the token is for."""

    def __init__(self, network: Network, url: str, login: Login) -> None:
        self._network = network
        self._allowance = _Allowance()
        self.door = Door(
            network,
            SYSTEM,
            url,
            headers=login.headers,
            renew=login.renew,
            judge=self._judged,
            paces={name: _Price(self._allowance, units) for name, units in _UNITS.items()},
        )

    @property
    def spent(self) -> int:
        """The units that this run has taken."""
        return self._allowance.spent

    def profile(self) -> Raw:
        """``emailAddress``, ``historyId``, ``messagesTotal``."""
        return mapped(self.door.get("users/me/profile", pace="profile"))

    def labels(self) -> list[Raw]:
        """All labels with ``id`` and ``name``."""
        return listed(self.door.get("users/me/labels", pace="profile"), "labels")

    def messages(self, query: str, label: str = "") -> list[str]:
        """The ids of the messages that a query finds, those in spam and trash left out; ``label`` is an id."""
        params = [("q", query), ("maxResults", _PAGE), ("labelIds", label or None)]
        pages = self._pages("users/me/messages", params, "list")
        return [str(one.get("id")) for page in pages or () for one in listed(page, "messages")]

    def history(self, start: str) -> list[Raw] | None:
        """What was added or lost a label since, page by page; None if Google does not remember so much."""
        params = [
            ("startHistoryId", start),
            ("historyTypes", "messageAdded"),
            ("historyTypes", "labelRemoved"),
            ("maxResults", _PAGE),
        ]
        return self._pages("users/me/history", params, "history")

    def headers(self, id: str) -> Raw | None:
        """A message without its text, None if it is gone."""
        return self._one(f"users/me/messages/{_segment(id)}", _METADATA, "get")

    def raw(self, id: str, cap: int) -> Raw | None:
        """A message as it was sent, in ``raw``, None if it is gone; ``cap`` is in bytes of the answer."""
        return self._one(f"users/me/messages/{_segment(id)}", [("format", "raw")], "get", cap=cap)

    def thread(self, id: str) -> list[Raw]:
        """The messages of a thread without their texts, none if it is gone."""
        return listed(
            self._one(f"users/me/threads/{_segment(id)}", _METADATA, "thread"), "messages"
        )

    def _one(
        self, path: str, params: Sequence[tuple[str, Any]], pace: str, **how: Any
    ) -> Raw | None:
        answer = self.door.send(
            "GET", path, params=params, pace=pace, whole=True, expect={404}, **how
        )
        return None if answer.status == 404 else mapped(answer.data())

    def _pages(self, path: str, params: Sequence[tuple[str, Any]], pace: str) -> list[Raw] | None:
        """All pages, None if there is nothing to turn them in."""
        found: list[Raw] = []
        walk, token = Walk(SYSTEM, path), None
        while True:
            page = self._one(path, [*params, ("pageToken", token)], pace)
            if page is None:
                return None
            found.append(page)
            token = page.get("nextPageToken")
            if not token:
                return found
            walk.step(str(token))

    def _judged(self, answer: Answer) -> Verdict:
        """A 403 may mean that we are too fast, that the day's allowance is spent, or that we may not."""
        if answer.status != 403:
            return usual_verdict(answer)
        error = mapped(mapped(answer.maybe()).get("error"))
        reasons = {str(one.get("reason")) for one in listed(error, "errors")}
        words = self._network.clean(explained(answer))
        if reasons & _SPENT:
            raise QuotaError(f"email: Google gives no more today ({words}): run again tomorrow")
        if reasons & _HURRIED or error.get("status") == "RESOURCE_EXHAUSTED":
            return Again(retry_after(answer) or _PATIENCE, "allows no more requests this minute")
        raise AuthError(
            f"email: Google does not let us read this mailbox ({words}): enable the Gmail API, grant the scope "
            "gmail.readonly, then renew the token with `crmctl auth email`"
        )


def _segment(id: str) -> str:
    if not id.isalnum():
        raise SourceError(f"email: Google names a message {quote(id, safe='')[:100]!r}: refused")
    return id
