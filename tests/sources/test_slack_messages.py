from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from crmctl.model.incoming import Batch, Incoming, Link
from crmctl.sources import slack_users
from crmctl.sources.slack_channels import Channel, Home
from crmctl.sources.slack_messages import Teller
from crmctl.sources.slack_text import Names
from crmctl.sources.slack_users import User
from crmctl.workspace.source_settings import SlackSettings
from tests.servers.slack import Slack
from tests.sources.slack_reads import ANA, BO, INTEREST

CHANNEL = Channel("C07NORDL01", "launch")
HOME = Home("nordlicht", Link(slug="nordlicht"))
TS = "1772528399.000200"
PEOPLE: dict[str, User] = {
    id: found for id, raw in Slack.sample().users.items() if (found := slack_users.user(raw))
}


def told(message: dict[str, Any], **settings: Any) -> Batch:
    batch = Batch("slack")
    names = Names(lambda id: PEOPLE[id].shown if id in PEOPLE else "", lambda _id: "")  # noqa: A006
    teller = Teller(
        SlackSettings(**settings), INTEREST, "T07CRM0001", PEOPLE.get, names, "B07BOT0001"
    )
    teller.tell(CHANNEL, HOME, {"type": "message", "ts": TS, **message}, batch)
    return batch


def event(message: dict[str, Any], **settings: Any) -> Incoming:
    (found,) = (record for record in told(message, **settings).records if record.kind == "event")
    return found


def test_a_customer_s_message_is_theirs() -> None:
    record = event({"user": BO, "text": "Hi <@U07ANA0001>"})
    assert record == Incoming(
        "slack",
        "event",
        f"C07NORDL01-{TS}",
        {
            "type": "chat",
            "subject": "#launch",
            "modified": "2026-03-03T08:59:59.000200Z",
            "direction": "in",
            "text": "Hi @Ana",
        },
        account=Link(slug="nordlicht"),
        people=((Link(id=BO, email="bo@nordlicht.example"), ""),),
        at=dt.datetime(2026, 3, 3, 8, 59, 59, 200, dt.UTC),
        origin=f"slack message C07NORDL01-{TS}",
    )


def test_our_message_is_ours() -> None:
    batch = told({"user": ANA, "text": "Hi"})
    (record,) = batch.records
    assert (record.fields["by"], record.fields["direction"], record.people) == (ANA, "out", ())
    assert batch.owners == {ANA: ("Ana Reyes", "ana@northwind-cs.example")}


def test_an_edit_is_newer_than_what_it_changes() -> None:
    first = event({"user": BO, "text": "a"})
    second = event({"user": BO, "text": "b", "edited": {"user": BO, "ts": "1772528500.000000"}})
    assert second.id == first.id
    assert second.fields["modified"] > first.fields["modified"]


def test_an_author_nobody_knows_has_the_side_of_their_workspace() -> None:
    for message, direction in (
        ({"user": "U0GONE", "team": "T07CRM0001"}, "out"),
        ({"user": "U0GONE", "user_team": "T09GUEST01"}, "in"),
        ({"user": "U0GONE"}, None),
    ):
        record = event(message | {"text": "x"})
        assert record.fields.get("direction") == direction
    profile = {"real_name": "Eva Old", "display_name": "eva", "team": "T09GUEST01"}
    record = event({"user": "U0GONE", "text": "x", "user_profile": profile})
    assert record.fields["direction"] == "in"
    assert record.people == ((Link(id="U0GONE"), ""),)


def test_what_an_app_posts_is_on_no_side() -> None:
    attachments = [{"fallback": "Invoice 7 paid"}]
    record = event(
        {"subtype": "bot_message", "bot_id": "B1", "username": "Billing", "text": "", "attachments": attachments}
    )  # fmt: skip
    assert record.fields["subject"] == "#launch, Billing"
    assert record.fields["text"] == "Invoice 7 paid"
    assert record.fields.keys() == {"type", "subject", "modified", "text"}
    assert record.people == ()
    modern = event(
        {"user": "U07BOT0001", "bot_id": "B2", "bot_profile": {"name": "Deploys"}, "text": "x"}
    )
    assert modern.fields["subject"] == "#launch, Deploys"
    nameless = event({"bot_id": "B1", "bot_profile": "odd", "text": "x"})
    assert nameless.fields["subject"] == "#launch"


def test_a_person_who_posts_through_an_app_is_that_person() -> None:
    assert event({"user": BO, "bot_id": "B9", "text": "by the phone"}).fields["direction"] == "in"


@pytest.mark.parametrize(
    "message",
    [
        {"subtype": "channel_join", "user": BO},
        {"subtype": "channel_topic", "user": BO, "topic": "x"},
        {"subtype": "huddle_thread", "user": BO},
        {"subtype": "never_heard_of", "user": BO},
        {"user": "USLACKBOT", "text": "reminder"},
        {"bot_id": "B07BOT0001", "text": "our own alert"},
        {"type": "reaction", "user": BO},
    ],
)
def test_what_is_nobody_s_word_is_not_told(message: dict[str, Any]) -> None:
    assert told(message).records == []


@pytest.mark.parametrize("subtype", ["thread_broadcast", "file_share", "me_message", "bot_message"])
def test_what_people_say_in_other_ways_is_told(subtype: str) -> None:
    assert event({"subtype": subtype, "user": BO, "text": "x"}).fields["text"] == "x"


def test_the_team_says_how_much_text_is_kept() -> None:
    message = {"user": BO, "text": "word " * 100}
    assert "text" not in event(message, text="none").fields
    assert len(event(message, text_limit=20).fields["text"]) <= 20
    assert event(message, text="all", text_limit=20).fields["text"] == ("word " * 100).strip()
    assert event({"user": BO, "text": ""}).fields["text"] is None, "an edit may leave nothing"


def test_customers_become_contacts_and_nobody_else() -> None:
    (contact, _) = told({"user": BO, "text": "x"}).records
    assert (contact.kind, contact.id, contact.waits, contact.creates) == (
        "contact",
        BO,
        False,
        True,
    )
    assert contact.fields["name"] == "Bo Berg"
    assert contact.fields["title"] == "CTO"
    assert not contact.account
    (contact, _) = told({"user": BO, "text": "x"}, contacts=False).records
    assert not contact.creates
    PEOPLE["U1SHARED"] = User("U1SHARED", "Desk", "Desk", "support@nordlicht.example", guest=True)
    PEOPLE["U1AGENCY"] = User("U1AGENCY", "Ed", "Ed", "ed@agency.example", guest=True)
    for id in ("U1SHARED", "U1AGENCY"):
        (record,) = told({"user": id, "text": "x"}).records
        assert record.kind == "event"


def test_odd_values_cost_a_message_nothing() -> None:
    odd: dict[str, Any] = dict.fromkeys(
        ("text", "files", "blocks", "attachments", "edited", "team", "username"), 7
    )
    record = event({"user": BO, **odd})
    assert record.fields["text"] is None
    batch = told({"ts": None, "user": BO})
    assert batch.records == []
    assert "1772528399.000200" in batch.rejected[0].reason
