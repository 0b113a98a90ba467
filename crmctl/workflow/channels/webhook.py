"""Webhooks: Slack's incoming ones, and those of any other system.

Neither can be asked what arrived. Other systems get a key to drop repeats by, and may check a signature.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from crmctl.model.errors import ConfigError
from crmctl.model.text import slack as escaped
from crmctl.sources.errors import AuthError, QuotaError, SourceError
from crmctl.sources.http import TRANSIENT, Answer, Door, retry_after
from crmctl.sources.network import checked_base, origin
from crmctl.workflow.channels.base import (
    REPEAT,
    Asked,
    Outcome,
    Parcel,
    Shown,
    cannot_ask,
    lost,
    spoken,
)

if TYPE_CHECKING:
    from crmctl.sources.network import Network

_REFUSED_FOR_NOW = frozenset({408, 425, 429})
_LONG_ENOUGH = 6  # characters of a path that can be a secret


class WebhookChannel:
    """One target. ``hook`` is its whole address, which is a secret; ``secret`` signs what is sent."""

    kind = "webhook"

    def __init__(self, name: str, hook: str, network: Network, secret: str = "") -> None:
        parts = urlsplit(hook)
        private = [part for part in (parts.path, parts.query) if len(part) >= _LONG_ENOUGH]
        network.hide(hook, secret, *private)
        self._name, self._network, self._hook, self._secret = name, network, hook, secret
        try:
            origin(hook)
        except ValueError as error:
            raise ConfigError(f"target {name}: hook {error}") from None
        base = f"{parts.scheme}://{parts.netloc}"
        checked_base(f"target {name}", base)
        self._door = Door(network, f"target {name}", base)
        self._host = parts.netloc

    def close(self) -> None:
        """Nothing is held open: the network is the run's."""

    def ask(self, parcel: Parcel) -> tuple[Asked, str]:  # noqa: ARG002  it has no memory
        return cannot_ask("a webhook")

    def shown(self, parcel: Parcel) -> Shown:
        body, headers = self._body(parcel), self._headers(parcel)
        hidden = {
            name: "(made when it is sent)" if "Signature" in name else value
            for name, value in headers.items()
        }
        return Shown(
            f"webhook {self._name} at {self._host}", list(hidden.items()), parcel.sheet.text, body
        )

    def send(self, parcel: Parcel) -> Outcome:
        every = [status for status in range(200, 600) if not 300 <= status < 400]
        try:
            answer = self._door.send(
                "POST",
                self._hook,
                json=self._body(parcel),
                headers=self._headers(parcel),
                expect=every,
                once=True,
                cap=1 << 20,
            )
        except (QuotaError, AuthError) as error:
            return Outcome("later", self._network.clean(str(error)), down=True)
        except SourceError as error:
            words = self._network.clean(str(error))
            return Outcome("failed", words) if "redirects" in words else lost(error, words)
        return self._judged(answer)

    def _judged(self, answer: Answer) -> Outcome:
        said = self._network.clean(answer.text(), 100)
        words = f"target {self._name} answered {answer.status} {said}".rstrip()
        if answer.status < 300:
            return Outcome("sent", f"answered {answer.status}")
        # Without a time to come back, the answer may be that of a proxy that lost its server.
        if answer.status in _REFUSED_FOR_NOW or (answer.status == 503 and retry_after(answer)):
            return Outcome("later", words, after=retry_after(answer), down=True)
        if answer.status in TRANSIENT or answer.status >= 500:
            return Outcome("unsure", words)
        return Outcome("failed", words)

    def _body(self, parcel: Parcel) -> dict[str, Any]:
        """The same at every attempt, as whoever drops repeats by the key may compare it."""
        return {
            "version": 1,
            "key": parcel.key,
            "made": parcel.made,
            "subject": parcel.sheet.subject,
            "text": parcel.sheet.text,
            "messages": list(parcel.sheet.entries),
        }

    def _headers(self, parcel: Parcel) -> dict[str, str]:
        headers = {"Idempotency-Key": parcel.key}
        if parcel.repeat:
            headers["X-Crmctl-Possible-Repeat"] = "true"
        if self._secret:
            stamp = str(int(self._network.clock.time()))
            signed = hmac.new(
                self._secret.encode(),
                f"v0:{stamp}:".encode() + _bytes(self._body(parcel)),
                sha256,
            )
            headers |= {
                "X-Crmctl-Timestamp": stamp,
                "X-Crmctl-Signature": f"v0={signed.hexdigest()}",
            }
        return headers


class SlackWebhookChannel(WebhookChannel):
    """An incoming webhook of Slack: it goes to one channel, chosen when the webhook was made."""

    kind = "slack_webhook"

    def ask(self, parcel: Parcel) -> tuple[Asked, str]:  # noqa: ARG002  as above
        return cannot_ask("an incoming webhook of Slack")

    def shown(self, parcel: Parcel) -> Shown:
        body = self._body(parcel)
        head = [("Text", parcel.sheet.brief)]
        return Shown(f"webhook {self._name} at {self._host}", head, spoken(body["blocks"]), body)

    def _body(self, parcel: Parcel) -> dict[str, Any]:
        blocks = list(parcel.sheet.blocks)
        if parcel.repeat:
            note = {"type": "plain_text", "text": REPEAT, "emoji": False}
            blocks = [{"type": "context", "elements": [note]}, *blocks]
        return {
            "text": escaped(parcel.sheet.brief),
            "blocks": blocks,
            "mrkdwn": False,
            "unfurl_links": False,
            "unfurl_media": False,
        }

    def _headers(self, parcel: Parcel) -> dict[str, str]:  # noqa: ARG002  Slack looks at none
        return {}


def _bytes(body: Mapping[str, Any]) -> bytes:
    """The body as it travels: what signs it must be made of the same bytes."""
    import httpx

    return httpx.Request("POST", "https://signed.example", json=body).content
