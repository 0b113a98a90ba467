from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from crmctl.model.incoming import Batch, Incoming
from crmctl.sources import linkedin_tables
from crmctl.sources.linkedin_messages import Owner, to_batch
from crmctl.workspace.source_settings import LinkedInSettings

NOW = dt.datetime(2026, 3, 10, 9, tzinfo=dt.UTC)
HEADER = (
    '"CONVERSATION ID","CONVERSATION TITLE","FROM","SENDER PROFILE URL","TO","RECIPIENT PROFILE URLS",'
    '"DATE","SUBJECT","CONTENT","FOLDER","ATTACHMENTS","IS MESSAGE DRAFT","IS CONVERSATION DRAFT"\n'
)
IN = "https://www.linkedin.com/in/"
BO, ANA, EVA = f"{IN}bo-berg-7a535b11", f"{IN}Ana-Aas/", f"{IN}eva%2Dlund?x=1"
PROFILE = "First Name,Last Name,Maiden Name,Headline\nAna,Aas,,CEO\n"
ADDRESSES = "Email Address,Confirmed,Primary,Updated On\nana@home.example,Yes,No,\nana@ours.example,Yes,Yes,\n"


def row(
    sender: str, url: str, to: str, urls: str, content: str = "Hello", at: str = "2026-03-03 09:00:00 UTC",
    conversation: str = "2-abc==", subject: str = "", folder: str = "INBOX", draft: str = "No", title: str = "",
) -> str:  # fmt: skip
    cells = (
        conversation,
        title,
        sender,
        url,
        to,
        urls,
        at,
        subject,
        content,
        folder,
        "",
        draft,
        "No",
    )
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\n"


def messages(
    *rows: str, owner: Owner | None = None, since: dt.datetime | None = None, **settings: Any
) -> Batch:
    sheet = linkedin_tables.read((HEADER + "".join(rows)).encode(), "messages.csv")
    assert sheet is not None
    assert sheet.shape.name == "messages"
    return to_batch(sheet, owner or ana(), LinkedInSettings(**settings), NOW, since)


def ana() -> Owner:
    found = [linkedin_tables.read(text.encode(), "x.csv") for text in (PROFILE, ADDRESSES)]
    profile, addresses = (sheet.entries for sheet in found if sheet)
    return Owner(profile, addresses)


def events(batch: Batch) -> list[Incoming]:
    return [record for record in batch.records if record.kind == "event"]


HERS = row("Bo Berg", BO, "Ana Aas", ANA, "Can we talk about <b>seats</b>?")
OURS = row("Ana Aas", ANA, "Bo Berg", BO, 'Of course,\nat "9"?', at="2026-03-03 09:00:05")


def test_messages_are_chat_between_us_and_profiles() -> None:
    batch = messages(HERS, OURS)
    theirs, ours = events(batch)
    assert theirs.fields == {
        "type": "chat",
        "subject": None,
        "text": "Can we talk about seats?",
        "direction": "in",
        "by": "ana-aas",
    }
    assert theirs.at == dt.datetime(2026, 3, 3, 9, tzinfo=dt.UTC)
    assert [link.id for link, _ in theirs.people] == ["bo-berg-7a535b11"]
    assert (ours.fields["direction"], ours.fields["text"]) == ("out", 'Of course,\nat "9"?')
    assert ours.at == dt.datetime(2026, 3, 3, 9, 0, 5, tzinfo=dt.UTC), (
        "without a zone it is UTC too"
    )
    assert batch.owners == {"ana-aas": ("Ana Aas", "ana@ours.example")}
    assert not theirs.waits


def test_who_takes_part_is_tied_to_a_contact_that_is_known_and_to_no_other() -> None:
    (bo,) = [record for record in messages(HERS, OURS).records if record.kind == "contact"]
    assert bo.fields == {"linkedin": BO}
    assert not bo.creates
    assert not bo.waits


def test_an_archive_read_again_gives_the_same_ids_whatever_its_order() -> None:
    first = {record.id for record in events(messages(HERS, OURS))}
    again = {record.id for record in events(messages(OURS, HERS, HERS, text="none"))}
    assert first == again
    assert len(first) == 2


def test_people_of_a_group_are_parted_by_their_addresses_not_their_names() -> None:
    group = row("Bo Berg", BO, "Lund, Eva, PhD,Ana Aas", f"{EVA},{ANA}", title="Pilot")
    record = events(messages(group, HERS))[0]
    assert [link.id for link, _ in record.people] == ["bo-berg-7a535b11", "eva-lund"]


@pytest.mark.parametrize(
    ("unwanted", "why"),
    [
        (row("Ana Aas", ANA, "Bo Berg", BO, draft="Yes"), "drafts"),
        (row("Big Ads", "https://www.linkedin.com/company/ads", "Ana Aas", ANA), "advertisements"),
        (row("Bo Berg", BO, "Ana Aas", ANA, title="Sponsored Conversation"), "advertisements"),
        (row("Bo Berg", BO, "Ana Aas", ANA, folder="SPAM"), "advertisements"),
        (row("LinkedIn Member", "", "Ana Aas", ANA), "messages that name nobody by profile"),
    ],
)
def test_what_is_no_conversation_is_left_out_and_counted(unwanted: str, why: str) -> None:
    batch = messages(HERS, OURS, unwanted)
    assert len(events(batch)) == 2
    assert batch.notes == [f"1 {why} left out"]


def test_the_owner_is_who_takes_part_in_nearly_everything() -> None:
    rows = [
        row("Bo Berg", BO, "A", ANA, conversation="1"),
        row("Eva", EVA, "A", ANA, conversation="2"),
    ]
    batch = messages(*rows, owner=Owner())
    assert {record.fields["direction"] for record in events(batch)} == {"in"}
    assert batch.owners == {"ana-aas": ("", "")}


def test_where_it_is_not_certain_who_we_are_nothing_is_claimed() -> None:
    (record,) = events(messages(HERS, owner=Owner()))
    assert {"direction", "by"}.isdisjoint(record.fields)
    assert [link.id for link, _ in record.people] == ["bo-berg-7a535b11", "ana-aas"]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"text": "none"}, None),
        ({"text": "new", "text_limit": 6}, "Hello…"),
        ({"text": "all", "text_limit": 5}, "Hello World"),
    ],
)
def test_as_much_text_is_kept_as_the_team_wants(settings: dict[str, Any], text: str | None) -> None:
    (record,) = events(messages(row("Bo", BO, "Ana Aas", ANA, "Hello World"), **settings))
    assert record.fields["text"] == text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('<p class="x">One &amp; two</p><p>three<br/>four</p>', "One & two\n\nthree\nfour"),
        ("a < b and c > d &amp; <script>x</script>", "a < b and c > d &amp; <script>x</script>"),
        ("", None),
        ("=cmd|' /C' {{ 7*7 }}", "=cmd|' /C' {{ 7*7 }}"),
    ],
)
def test_markup_becomes_text_and_plain_text_stays(content: str, text: str | None) -> None:
    (record,) = events(messages(row("Bo", BO, "Ana Aas", ANA, content)))
    assert record.fields["text"] == text


def test_a_message_longer_than_the_csv_module_allows() -> None:
    (record,) = events(messages(row("Bo", BO, "Ana Aas", ANA, "x" * 300_000), text="all"))
    assert len(record.fields["text"]) == 300_000


def test_what_is_older_than_the_read_reaches_is_left_out_and_a_wrong_time_is_told() -> None:
    batch = messages(
        HERS,
        row("Bo", BO, "Ana Aas", ANA, at="2020-01-01 00:00:00 UTC"),
        row("Bo", BO, "Ana Aas", ANA, at="yesterday"),
        row("Bo", BO, "Ana Aas", ANA, at="2031-01-01 00:00:00 UTC"),
        since=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )
    assert len(events(batch)) == 1
    assert [(r.origin, r.reason.partition(":")[0]) for r in batch.rejected] == [
        ("messages.csv:4", "DATE"),
        ("messages.csv:5", "DATE"),
    ]
