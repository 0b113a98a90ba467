"""What Slack sends by itself: whether a delivery is Slack's, and what it states."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from crmctl.model.incoming import Batch
from crmctl.sources import slack_ids
from crmctl.sources.slack_ids import Place
from crmctl.sources.slack_messages import SYSTEM, removed
from crmctl.sources.slack_team import Team

_OLDEST = 300  # seconds that a delivery may be old, or early
_MESSAGES = frozenset({"message", "app_mention"})


def verify(secret: str, timestamp: str, body: bytes, signature: str, now: float) -> bool:
    """Whether Slack signed these very bytes, and lately.

    ``timestamp`` and ``signature`` are the headers ``X-Slack-Request-Timestamp`` and ``X-Slack-Signature``, "" if
    missing; ``now`` is in seconds since 1970.
    """
    if not secret or not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        return False
    if abs(now - int(timestamp)) > _OLDEST:
        return False
    signed = b"v0:" + timestamp.encode() + b":" + body
    right = "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(right.encode(), signature.encode("utf-8", "replace"))


def parse(body: bytes) -> dict[str, Any]:
    """A delivery as data; {} if it is none. Call it behind `verify`."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def challenge(body: bytes) -> str | None:
    """What to answer when Slack asks whether this address is ours, None for any other delivery."""
    found = parse(body)
    asked = found.get("challenge") if found.get("type") == "url_verification" else None
    return asked if isinstance(asked, str) else None


def delivery_id(payload: Mapping[str, Any]) -> str:
    """The id by which a delivery that comes twice is known, "" if it has none."""
    id = payload.get("event_id")
    return id if isinstance(id, str) else ""


def to_batch(payload: Mapping[str, Any], team: Team) -> Batch:
    """What one delivery states: a message that is new, changed or gone, in a channel that has an account.

    ``team`` names the people and the channel, so that the record is the one that a sync would give.
    """
    batch = Batch(SYSTEM, partial=True)
    if payload.get("type") == "app_rate_limited":
        batch.notes.append(
            "Slack held events back, there were too many: the next sync reads what is missing"
        )
    event = payload.get("event")
    if payload.get("type") != "event_callback" or not isinstance(event, Mapping):
        return batch
    id = event.get("channel")
    if (
        event.get("type") not in _MESSAGES
        or not isinstance(id, str)
        or not slack_ids.is_channel(id)
    ):
        return batch
    if event.get("app_id") and event.get("app_id") == payload.get("api_app_id"):
        return batch  # our own app's word
    channel = team.channel(id)
    if channel is None:
        return batch
    home = team.home(channel)
    if not home:
        batch.waiting += team.waiting(channel)
        return batch
    if event.get("subtype") == "message_deleted":
        place = _deleted(id, event)
        if place is not None:
            when = slack_ids.stamp(event.get("event_ts")) or slack_ids.stamp(event.get("ts"))
            batch.records.append(removed(place, home, when))
    elif event.get("subtype") == "message_changed":
        # The event has a time of its own, which is no message's.
        message = event.get("message")
        if isinstance(message, Mapping):
            team.teller.tell(channel, home, message, batch)
    else:
        team.teller.tell(channel, home, {**event, "type": "message"}, batch)
    return batch


def _deleted(channel: str, event: Mapping[str, Any]) -> Place | None:
    """Where the message stood that an event says is gone."""
    before = event.get("previous_message")
    before = before if isinstance(before, Mapping) else {}
    return slack_ids.place(
        channel, {"thread_ts": before.get("thread_ts"), "ts": event.get("deleted_ts")}
    )
