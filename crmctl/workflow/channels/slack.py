"""Slack's Web API: direct messages to members of the team, and channels of this machine's targets.

Each message carries its key as metadata, so the channel can be asked later whether it is there. Slack itself drops no
repeats: without that question a lost answer would mean either silence or a second message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crmctl.model.text import slack as escaped
from crmctl.sources.clock import Pace
from crmctl.sources.errors import AuthError, QuotaError, SourceError
from crmctl.sources.http import Answer, Door, retry_after
from crmctl.sources.slack_api import Api, Refused
from crmctl.workflow.channels.base import (
    REPEAT,
    Asked,
    Outcome,
    Parcel,
    Recipient,
    Shown,
    lost,
    spoken,
)

if TYPE_CHECKING:
    from crmctl.sources.network import Network

URL = "https://slack.com"
EVENT = "crmctl_letter"
_DAY = 86_400  # seconds by which Slack's clock and ours may differ
_PAGE = 200
_PAGES = 200
_PERSON = re.compile(r"[UW][A-Z0-9]{5,20}\Z")
_CHANNEL = re.compile(r"[CGD][A-Z0-9]{5,20}\Z")
_LATER = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded", "team_added_to_org"})
_UNSURE = frozenset({"fatal_error", "internal_error", "service_unavailable", "request_timeout"})
_UNSET = frozenset(
    """invalid_auth not_authed account_inactive token_revoked token_expired missing_scope
no_permission not_allowed_token_type ekm_access_denied org_login_required access_denied""".split()
)


class SlackChannel:
    """One Slack workspace; ``channel`` is where a target's letters go, "" for direct messages to people."""

    kind = "slack"

    def __init__(self, token: str, url: str, network: Network, channel: str = "") -> None:
        self._network, self._channel = network, channel
        self._api = Api(network, url or URL, token)
        self._door = Door(
            network,
            "Slack",
            f"{(url or URL).rstrip('/')}/api",
            headers=lambda: {"Authorization": f"Bearer {token}"},
            paces={"": Pace(1, 1)},
        )
        self._team = ""
        self._places: dict[str, str] = {}

    def check(self) -> str:
        """Who we are there, as a sentence. Raises as every request does."""
        about = self._api.call("auth.test", {})
        return f"connected to {about.get('team', 'Slack')} as {about.get('user', 'somebody')}"

    def close(self) -> None:
        """Nothing is held open: the network is the run's."""

    def shown(self, parcel: Parcel) -> Shown:
        place = self._channel or f"direct message to {_addressed(parcel.to)}"
        body = _body(parcel)
        return Shown(place, [("Text", parcel.sheet.brief)], spoken(body["blocks"]), body)

    def send(self, parcel: Parcel) -> Outcome:
        try:
            place = self._place(parcel.to)
        except Refused as error:
            return Outcome("failed", f"{_addressed(parcel.to)}: {error}")
        except AuthError as error:
            return Outcome("unset", str(error), down=True)
        except SourceError as error:
            return Outcome("later", self._network.clean(str(error)), down=True)
        form = {"channel": place, **_form(_body(parcel))}
        every = range(
            200, 600
        )  # what an answer means is judged below: a post is never just repeated
        try:
            answer = self._door.send(
                "POST", "chat.postMessage", form=form, expect=every, once=True, cap=1 << 20
            )
        except QuotaError as error:
            return Outcome("later", str(error), down=True)
        except AuthError as error:
            return Outcome("unset", str(error), down=True)
        except SourceError as error:
            return lost(error, self._network.clean(str(error)))
        return self._judged(answer)

    def _judged(self, answer: Answer) -> Outcome:
        data = answer.maybe()
        error = str(data.get("error", "")) if isinstance(data, dict) else ""
        words = self._network.clean(f"Slack answered {answer.status} {error}".rstrip())
        if answer.status == 429 or error in _LATER:
            return Outcome("later", words, after=retry_after(answer), down=True)
        if answer.status == 200 and isinstance(data, dict) and data.get("ok") is True:
            return Outcome("sent", self._network.clean(f"{data.get('channel')} {data.get('ts')}"))
        if answer.status >= 500 or not isinstance(data, dict) or error in _UNSURE:
            return Outcome("unsure", words)
        if error in _UNSET:
            needed = f": the app needs the scope {data['needed']}" if data.get("needed") else ""
            return Outcome("unset", self._network.clean(words + needed), down=True)
        return Outcome("failed", words)

    def ask(self, parcel: Parcel) -> tuple[Asked, str]:
        """Whether a message with this key is there: the channel's history is read from before it was sent."""
        try:
            found = self._found(parcel)
        except (Refused, AuthError) as error:
            return "impossible", str(error)
        except SourceError as error:
            return "later", self._network.clean(str(error))
        return ("there" if found else "absent"), ""

    def _found(self, parcel: Parcel) -> bool:
        params = {
            "channel": self._place(parcel.to),
            "oldest": f"{max(0.0, parcel.since - _DAY):.6f}",
            "limit": _PAGE,
            "include_all_metadata": "true",
        }
        cursor = ""
        for _ in range(_PAGES):
            data, cursor = self._api.page("conversations.history", params, cursor)
            for message in data.get("messages") or []:
                about = message.get("metadata") if isinstance(message, Mapping) else None
                held = about.get("event_payload") if isinstance(about, Mapping) else None
                if isinstance(held, Mapping) and held.get("key") == parcel.key:
                    return True
            if not cursor:
                return False
        raise SourceError("Slack: the channel has more messages than can be looked through")

    def _place(self, to: Recipient) -> str:
        """The channel that a letter goes to; for a person their direct messages. `Refused` if there is none."""
        if self._channel:
            if not _CHANNEL.match(self._channel):
                raise AuthError(f"{to.name}: channel must be Slack's id of one, such as C07ALERT01")
            return self._channel
        known = f"{to.slack} {to.email}"
        if known not in self._places:
            opened = self._api.post("conversations.open", {"users": self._person(to)})
            channel = opened.get("channel")
            place = channel.get("id") if isinstance(channel, Mapping) else None
            if not isinstance(place, str) or not _CHANNEL.match(place):
                raise SourceError("Slack opened no direct messages: try again later")
            self._places[known] = place
        return self._places[known]

    def _person(self, to: Recipient) -> str:
        """Slack's id of a member: one of our own people there, whatever the workspace's files say."""
        if to.slack:
            if not _PERSON.match(to.slack):
                raise Refused("ids.slack in crmctl.yaml is no id of Slack", "user_not_found")
            user = self._api.call("users.info", {"user": to.slack}).get("user")
        elif to.email:
            user = self._api.call("users.lookupByEmail", {"email": to.email}).get("user")
        else:
            raise Refused("crmctl.yaml has no address of theirs", "users_not_found")
        if not isinstance(user, Mapping) or not isinstance(user.get("id"), str):
            raise SourceError("Slack named nobody: try again later")
        if not self._team:
            self._team = str(self._api.call("auth.test", {}).get("team_id") or "")
        outside = user.get("is_stranger") or user.get("is_restricted")
        if (
            user.get("deleted")
            or user.get("is_bot")
            or outside
            or user.get("team_id") != self._team
        ):
            raise Refused("is none of our own people in Slack", "user_not_visible")
        return str(user["id"])


def _addressed(to: Recipient) -> str:
    return to.slack or to.email or to.name


def _body(parcel: Parcel) -> dict[str, Any]:
    """What is posted. Only plain text, every one escaped: nothing in it can mention, link or format."""
    blocks = list(parcel.sheet.blocks)
    if parcel.repeat:
        note = {"type": "plain_text", "text": REPEAT, "emoji": False}
        blocks = [{"type": "context", "elements": [note]}, *blocks]
    return {
        "text": escaped(parcel.sheet.brief),
        "blocks": blocks,
        "metadata": {"event_type": EVENT, "event_payload": {"key": parcel.key}},
        "mrkdwn": "false",
        "parse": "none",
        "link_names": "false",
        "unfurl_links": "false",
        "unfurl_media": "false",
    }


def _form(body: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in body.items()
    }
