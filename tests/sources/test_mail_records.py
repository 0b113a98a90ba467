"""What becomes of a message: an event of a customer's, something that waits, or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crmctl.model.incoming import Batch, Incoming, Link
from crmctl.sources.mail_message import Message, parse, parse_headers
from crmctl.sources.mail_records import to_records
from crmctl.sources.mail_selection import Doubles, Selection, Verdict
from crmctl.sources.mail_threads import Threads, base_subject, thread_key
from crmctl.sources.source import Interest, Request
from crmctl.workspace.source_settings import EmailSettings
from tests.conftest import Crm
from tests.sources.mailing import INTEREST, NOW, SINCE

SIGNED = (
    "We renew.\n\n-- \nBo Berg\nHead of Operations\n+49 30 901820\n\n"
    "On Tue, 3 Mar 2026 Ana <ana@ours.example> wrote:\n> Do you?\n"
)


def letter(
    sender: str = "Bo Berg <bo@acme.example>",
    to: str = "ana@ours.example",
    cc: str = "",
    *,
    more: str = "",
    body: str = SIGNED,
    id: str = "q1@acme.example",
) -> Message:
    return parse(
        f"From: {sender}\nTo: {to}\nCc: {cc}\nSubject: Renewal\nMessage-ID: <{id}>\n{more}"
        f"Date: Tue, 03 Mar 2026 09:00:00 +0000\n\n{body}".encode()
    )


def records(message: Message, **how: Any) -> Batch:
    settings = how.pop("settings", EmailSettings())
    return to_records(message, how.pop("interest", INTEREST), settings, **how)


def event(message: Message, **how: Any) -> Incoming:
    (found,) = (record for record in records(message, **how).records if record.kind == "event")
    return found


def contacts(message: Message, **settings: Any) -> dict[str, dict[str, Any]]:
    found = records(message, settings=EmailSettings(**settings)).records
    return {record.id: dict(record.fields) for record in found if record.kind == "contact"}


class TestEvents:
    def test_what_they_write_comes_in(self) -> None:
        found = event(letter())
        assert (found.id, found.fields["direction"], found.fields["by"]) == (
            "q1@acme.example",
            "in",
            "ana@ours.example",
        )
        assert found.fields["text"] == "We renew."
        assert found.fields["thread"] == thread_key(letter())
        assert records(letter()).owners == {"ana@ours.example": ("", "ana@ours.example")}

    def test_what_we_write_goes_out(self) -> None:
        message = letter(
            "Ana Reyes <Ana@ours.example>", "bo@acme.example, eve@acme.example", "tom@ours.example"
        )
        found = event(message)
        assert (found.fields["direction"], found.fields["by"]) == ("out", "ana@ours.example")
        assert [link.email for link, _ in found.people] == ["bo@acme.example", "eve@acme.example"]
        assert records(message).owners["ana@ours.example"][0] == "Ana Reyes"

    def test_a_mailbox_at_a_mail_provider_is_ours_too(self) -> None:
        found = event(
            letter("ana.reyes@gmail.com", "bo@acme.example"), own=["Ana.Reyes+crm@gmail.com"]
        )
        assert found.fields["direction"] == "out"

    @pytest.mark.parametrize(
        ("text", "kept"), [("none", None), ("new", "We renew."), ("all", SIGNED.strip())]
    )
    def test_the_team_says_how_much_text_is_kept(self, text: Any, kept: str | None) -> None:
        assert event(letter(), settings=EmailSettings(text=text)).fields.get("text") == kept

    def test_new_text_is_cut_where_the_team_says(self) -> None:
        found = event(letter(body="word " * 100), settings=EmailSettings(text_limit=20))
        assert found.fields["text"] == "word word word word…"

    def test_of_several_customers_the_sender_has_it(self) -> None:
        found = event(letter("kim@borg.example", "ana@ours.example, bo@acme.example"))
        assert found.account == Link(email="kim@borg.example")

    def test_a_known_private_address_is_a_customers(self) -> None:
        assert event(letter("Bo.Berg@freemail.example")).fields["text"]

    def test_huge_lists_of_attachments_are_cut(self) -> None:
        parts = "".join(
            f"--b\nContent-Disposition: attachment; filename=f{n}\n\nx\n" for n in range(50)
        )
        more = 'Content-Type: multipart/mixed; boundary="b"\n'
        assert len(event(letter(more=more, body=f"{parts}--b--\n")).fields["attachments"]) == 20


class TestLeftOut:
    @pytest.mark.parametrize(
        "message",
        [
            letter("ana@ours.example", "tom@ours.example"),
            letter("friend@gmail.com"),
            letter("ana@ours.example", "friend@gmail.com"),
            letter(more="Auto-Submitted: auto-replied\n"),
            letter(more="List-Id: <news.acme.example>\n"),
            letter("noreply@acme.example"),
            letter("ana@ours.example", "undisclosed-recipients:;"),
        ],
    )
    def test_nothing_of_it_is_kept(self, message: Message) -> None:
        assert not records(message).records

    def test_a_list_of_our_own_brings_their_letters(self) -> None:
        assert event(
            letter(more="List-Id: Success <success.ours.example>\nPrecedence: list\n")
        ).fields["text"]

    def test_strangers_of_a_company_wait_without_a_word(self) -> None:
        found = event(letter("eve@new.example", cc="friend@gmail.com"))
        assert found.fields == {"type": "email", "direction": "in"}
        assert [link.email for link, _ in found.people] == ["eve@new.example"]
        assert not found.body


class TestContacts:
    def test_a_known_contact_gets_what_the_signature_tells(self) -> None:
        found = contacts(letter())["bo@acme.example"]
        assert found == {
            "email": "bo@acme.example",
            "title": "Head of Operations",
            "phone": "+49 30 901820",
            "modified": "2026-03-03T09:00:00Z",
        }
        (record,) = (r for r in records(letter()).records if r.kind == "contact")
        assert not record.creates
        assert not record.waits

    def test_without_signatures_nothing_is_said(self) -> None:
        assert contacts(letter(), signatures=False) == {}

    def test_people_become_contacts_if_the_team_wants_it(self) -> None:
        found = contacts(
            letter(to="ana@ours.example, Eve <eve@acme.example>, info@acme.example"), contacts=True
        )
        assert found["bo@acme.example"]["name"] == "Bo Berg"
        assert found["eve@acme.example"] == {"email": "eve@acme.example"}, (
            "a name is its owner's to spell"
        )
        assert "info@acme.example" not in found, "a desk is no person"

    def test_strangers_never_become_contacts(self) -> None:
        assert contacts(letter("eve@new.example"), contacts=True) == {}


def test_a_thread_is_named_by_its_oldest_message() -> None:
    first = letter()
    later = letter(more="References: <q1@acme.example> <x@y>\n".replace("q1", "q0"))
    answer = parse(b"From: a@b.example\nMessage-ID: <z@z>\nIn-Reply-To: <q0@acme.example>\n\n")
    assert thread_key(later) == thread_key(answer) != thread_key(first)


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("Re: Fwd: AW: Seats", "seats"),
        ("[list] RE[2]:  Seats  for\tLisbon", "seats for lisbon"),
        ("回复: Seats", "seats"),
        ("Re: Hello!", ""),
        ("", ""),
        ("Regarding: seats", "regarding: seats"),
        ("Re:" * 1000, ""),
    ],
)
def test_subjects_are_compared_without_their_marks(subject: str, base: str) -> None:
    assert base_subject(subject) == base


def headers(id: str, sender: str, references: str = "") -> Message:
    return parse_headers(
        f"From: {sender}\nTo: ana@ours.example\nMessage-ID: <{id}>\nReferences: {references}\n\n".encode()
    )


def test_threads_join_over_messages_nobody_has_seen() -> None:
    threads = Threads()
    threads.add(headers("b", "x@y.example", "<a> <missing>"))
    threads.add(headers("c", "x@y.example", "<missing>"))
    threads.add(headers("a", "x@y.example", "<c>"))
    threads.add(headers("d", "x@y.example"))
    assert threads.of("a") == threads.of("b") == threads.of("c") != threads.of("d")


def test_a_thread_belongs_to_its_first_customer() -> None:
    selection = Selection(INTEREST, ())
    messages = [
        headers("s", "friend@gmail.com", "<a>"),
        headers("b", "kim@borg.example", "<a>"),
        headers("a", "bo@acme.example"),
        headers("o", "tom@ours.example", "<a>"),
    ]
    for message in messages:
        selection.add(message)
    assert selection.verdict(messages[0]) == Verdict(whole=True, account="bo@acme.example")
    assert selection.verdict(messages[1]) == Verdict(whole=True), (
        "its own addresses say whose it is"
    )
    assert selection.verdict(messages[3]) == Verdict(), "what we write among ourselves is ours"


def test_a_provider_may_know_threads_that_headers_do_not_tell() -> None:
    selection = Selection(INTEREST, ())
    stranger, customer = headers("s", "friend@gmail.com"), headers("c", "bo@acme.example")
    selection.add(stranger, "17")
    selection.add(customer, "17")
    assert selection.verdict(stranger).account == "bo@acme.example"


def test_what_is_stored_is_told_again_only_from_the_beginning() -> None:
    def request(mark: dict[str, Any]) -> Request:
        return Request(
            mark, SINCE, NOW, lambda: INTEREST, stored=lambda _account, _begin: {"q1@acme.example"}
        )

    assert not Doubles(INTEREST, (), request({"folders": {}})).first(letter())
    again = Doubles(INTEREST, (), request({}))
    assert again.first(letter())
    assert not again.first(letter())


def test_the_engine_takes_it(workspace: Path, crm: Crm) -> None:
    from crmctl.sync.carry import import_batch
    from crmctl.workspace.workspace import Workspace

    crm("new", "Acme", "--domain", "acme.example", "--no-tasks")
    interest = Interest({"acme.example": "acme"}, {}, frozenset({"ours.example"}))
    settings = EmailSettings(contacts=True)
    for _ in range(2):
        batch = records(letter(), interest=interest, settings=settings)
        batch.add(records(letter("eve@new.example", id="q2@new.example"), interest=interest))
        import_batch(Workspace(workspace), batch)
    (line,) = (workspace / "accounts/acme/interactions/2026.jsonl").read_text().splitlines()
    assert '"with":["bo-berg"]' in line.replace(" ", "")
    assert "+49 30 901820" in (workspace / "accounts/acme/contacts/bo-berg.md").read_text()
    assert "new.example" not in line
