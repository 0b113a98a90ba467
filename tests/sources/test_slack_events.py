from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from crmctl.model.incoming import Incoming
from crmctl.sources import slack_events
from tests.sources.slack_reads import ACME, ANA, BO, HOLLIS, INES, MAYA, Reads, sampled

SLACK_SECRET, SECRET = "8f742231b10e8888abcd99yyyzzz85a5", "e6b19c573432dcc6b075501d51b51bb8"
PUBLISHED = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
CHALLENGE = (
    b'{"token":"unused","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P",'
    b'"type":"url_verification"}'
)
EVENT = (
    b'{"token":"unused","team_id":"T07CRM0001","api_app_id":"A07CRM0001","event":{"type":"message",'
    b'"channel":"C07ACME001","user":"U07ANA0001","text":"Renewal signed &amp; sent",'
    b'"ts":"1772528399.000200","event_ts":"1772528399.000200","channel_type":"channel"},'
    b'"type":"event_callback","event_id":"Ev07CRM00001","event_time":1772528399}'
)
VECTORS = [
    (SLACK_SECRET, "1531420618", PUBLISHED, "a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
    (SECRET, "1772528400", CHALLENGE, "9b682fa575f1c8816a25785c19b102ceda3021b4632ec01e0d92787109b456e3"),
    (SECRET, "1772528400", EVENT, "1fd8583d134e6bd41eed29fc0e003bbba630805e215a385db18bdc9cabbb8dca"),
]  # fmt: skip


@pytest.mark.parametrize(("secret", "timestamp", "body", "digest"), VECTORS)
def test_slack_s_own_signature_passes_and_no_other(
    secret: str, timestamp: str, body: bytes, digest: str
) -> None:
    now, signature = float(timestamp), f"v0={digest}"
    verify = slack_events.verify
    assert verify(secret, timestamp, body, signature, now)
    assert verify(secret, timestamp, body, signature, now + 300)
    assert verify(secret, timestamp, body, signature, now - 300)
    assert not verify(secret, timestamp, body, signature, now + 301)
    assert not verify(secret, timestamp, body, signature, now - 301)
    assert not verify(secret, str(int(timestamp) + 1), body, signature, now)
    assert not verify(secret, timestamp, body + b" ", signature, now)
    assert not verify(f"{secret}x", timestamp, body, signature, now)
    assert not verify(secret, timestamp, body, signature.upper(), now)
    assert not verify(secret, timestamp, body, signature[:-1], now)
    for odd in ("", "v0=", digest, "v0=\u00e9", "v0=\udce9"):
        assert not verify(secret, timestamp, body, odd, now)
    for odd in ("", "now", f"{timestamp}.0", f" {timestamp}", f"-{timestamp}", "9" * 400, "\u0661"):
        assert not verify(secret, odd, body, signature, now)


def test_without_a_secret_nothing_is_slack_s() -> None:
    import hashlib
    import hmac

    signature = hmac.new(b"", b"v0:1772528400:{}", hashlib.sha256).hexdigest()
    assert not slack_events.verify("", "1772528400", b"{}", f"v0={signature}", 1772528400)


def test_the_challenge_is_answered_and_nothing_else_is_one() -> None:
    assert (
        slack_events.challenge(CHALLENGE) == "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"
    )
    for other in (EVENT, PUBLISHED, b"", b"[]", b'{"type":"url_verification"}', b"[" * 100_000):
        assert slack_events.challenge(other) is None


def test_a_delivery_is_known_by_its_id() -> None:
    assert slack_events.delivery_id(json.loads(EVENT)) == "Ev07CRM00001"
    assert slack_events.delivery_id({}) == slack_events.delivery_id({"event_id": 3}) == ""


@pytest.fixture
def reads() -> Iterator[Reads]:
    with sampled() as found:
        yield found


def told(reads: Reads, event: dict[str, Any], **envelope: Any) -> list[Incoming]:
    """The events that a delivery gives."""
    source = reads.connected()
    payload = {
        "type": "event_callback",
        "event_id": "Ev1",
        "api_app_id": "A07CRM0001",
        "event": event,
    }
    batch = slack_events.to_batch(payload | envelope, source.team(reads.request()))
    assert batch.partial
    reads.take(batch)
    return [record for record in batch.records if record.kind == "event"]


def test_a_message_is_told_as_a_sync_would_tell_it(reads: Reads) -> None:
    ts = reads.slack.post(HOLLIS, INES, "One <@U07ANA0001> more &amp; more")
    message = reads.slack.said[HOLLIS, ts]
    (by_event,) = told(
        reads, {**message, "channel": HOLLIS, "event_ts": ts, "channel_type": "channel"}
    )
    reads.held.clear()
    reads.read()
    assert reads.held["hollis-vane-freight"][by_event.id] == by_event
    assert by_event.fields["text"] == "One @Ana more & more"


def test_a_reply_keeps_to_its_thread_whatever_it_is_called(reads: Reads) -> None:
    root, ts = "1772528399.000200", "1772529100.000900"
    event = {
        "type": "message",
        "channel": HOLLIS,
        "user": ANA,
        "text": "yes",
        "ts": ts,
        "thread_ts": root,
    }
    for more in ({}, {"subtype": "thread_broadcast"}):
        (record,) = told(reads, event | more)
        assert record.id == f"{HOLLIS}-{root}-{ts}"
        assert record.fields["direction"] == "out"


def test_an_edit_is_of_the_message_and_not_of_the_event(reads: Reads) -> None:
    ts = reads.slack.post(HOLLIS, INES, "old text")
    reads.read()
    reads.slack.edit(HOLLIS, ts, "new text")
    event = {
        "type": "message",
        "subtype": "message_changed",
        "hidden": True,
        "channel": HOLLIS,
        "ts": "1794000000.000300",
        "event_ts": "1794000000.000300",
        "message": reads.slack.said[HOLLIS, ts],
        "previous_message": {"type": "message", "user": INES, "text": "old text", "ts": ts},
    }
    (record,) = told(reads, event)
    assert record.id == f"{HOLLIS}-{ts}"
    assert record.fields["text"] == "new text"
    assert record.fields["modified"] > f"{record.at:%Y-%m-%dT%H:%M:%S}"


def test_a_root_that_turns_to_stone_is_gone(reads: Reads) -> None:
    stone = {"subtype": "tombstone", "ts": "1772528399.000200", "thread_ts": "1772528399.000200"}
    event = {"type": "message", "subtype": "message_changed", "channel": HOLLIS, "message": stone}
    (record,) = told(reads, event)
    assert (record.id, record.deleted) == (f"{HOLLIS}-1772528399.000200", True)


@pytest.mark.parametrize("root", ["", "1772528000.000100"])
def test_a_deletion_names_the_message_and_is_newer_than_it(reads: Reads, root: str) -> None:
    before = {"ts": "1772528399.000200"} | ({"thread_ts": root} if root else {})
    event = {
        "type": "message",
        "subtype": "message_deleted",
        "channel": HOLLIS,
        "ts": "1772528500.000300",
        "event_ts": "1772528500.000300",
        "deleted_ts": "1772528399.000200",
        "previous_message": before,
    }
    (record,) = told(reads, event)
    assert record.deleted
    assert record.id == "-".join(filter(None, (HOLLIS, root, "1772528399.000200")))
    assert record.fields == {"modified": "2026-03-03T09:01:40.000300Z"}
    assert told(reads, event | {"previous_message": None, "deleted_ts": None}) == []


@pytest.mark.parametrize(
    "event",
    [
        {"type": "channel_rename", "channel": {"id": HOLLIS, "name": "x"}},
        {"type": "reaction_added", "item": {"channel": HOLLIS}},
        {"type": "message", "subtype": "channel_join", "channel": HOLLIS, "user": BO, "ts": "1772528399.000200"},
        {"type": "message", "subtype": "message_replied", "channel": HOLLIS, "ts": "1772528399.000200"},
        {"type": "message", "channel": HOLLIS, "app_id": "A07CRM0001", "text": "our alert", "ts": "1772528399.000200"},
        {"type": "message", "channel": HOLLIS, "bot_id": "B07BOT0001", "text": "our alert", "ts": "1772528399.000200"},
        {"type": "message", "channel": "C09UNSEEN1", "user": ANA, "text": "x", "ts": "1772528399.000200"},
        {"type": "message", "channel": {"id": HOLLIS}},
        {"type": "message", "channel": HOLLIS, "subtype": "message_changed", "message": "odd"},
        {"type": "message"},
        "odd",
    ],
)  # fmt: skip
def test_what_is_nobody_s_word_to_a_customer_is_left_out(reads: Reads, event: Any) -> None:
    assert told(reads, event) == []


def test_a_channel_without_an_account_waits_and_nothing_of_it_is_told(reads: Reads) -> None:
    reads.slack.add_channel("C07NEWBIE1", "somewhere", [ANA])
    source = reads.connected()
    event = {
        "type": "message",
        "channel": "C07NEWBIE1",
        "user": ANA,
        "text": "x",
        "ts": "1772528399.000200",
    }
    payload = {"type": "event_callback", "event": event}
    batch = slack_events.to_batch(payload, source.team(reads.request()))
    assert batch.records == []
    assert [(waiting.kind, waiting.id) for waiting in batch.waiting] == [("channel", "C07NEWBIE1")]


def test_events_held_back_are_told_of(reads: Reads) -> None:
    source = reads.connected()
    payload = {
        "type": "app_rate_limited",
        "team_id": "T07CRM0001",
        "minute_rate_limited": 1518467820,
    }
    batch = slack_events.to_batch(payload, source.team(reads.request()))
    assert batch.records == []
    assert len(batch.notes) == 1


def test_deliveries_in_any_order_end_in_the_newest_text(reads: Reads) -> None:
    ts = "1772528399.000200"
    first = {"type": "message", "channel": ACME, "user": MAYA, "text": "one", "ts": ts}
    edit = {**first, "text": "two", "edited": {"user": MAYA, "ts": "1772528500.000000"}}
    changed = {
        "type": "message",
        "subtype": "message_changed",
        "channel": ACME,
        "ts": "1772528500.000300",
    }
    stamps = []
    for event in (changed | {"message": edit}, first):
        (record,) = told(reads, event)
        stamps.append(record.fields["modified"])
    assert stamps[0] > stamps[1], "the older one is ignored by its stamp"


def test_deliveries_of_one_run_ask_for_nobody_twice(reads: Reads) -> None:
    source, request = reads.connected(), reads.request()
    for number in range(5):
        ts = reads.slack.post(HOLLIS, INES, f"word {number}")
        event = {**reads.slack.said[HOLLIS, ts], "channel": HOLLIS}
        payload = {"type": "event_callback", "event": event}
        assert slack_events.to_batch(payload, source.team(request)).records
    assert dict(reads.slack.asked()) == {"auth.test": 1, "conversations.info": 1, "users.info": 1}
