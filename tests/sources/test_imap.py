"""IMAP against a real Dovecot: nothing lost, nothing read that concerns nobody, nothing changed in the mailbox."""

from __future__ import annotations

import datetime as dt

import pytest

from crmctl.model.incoming import Batch, Waiting
from crmctl.sources.errors import SourceError
from crmctl.sources.source import Interest
from crmctl.workspace.source_settings import EmailSettings
from tests.servers.dovecot import Mailbox
from tests.sources.mailing import SINCE, Reader, box, day, events, known, mail, reader

__all__ = ["box", "reader"]


def test_a_customers_mail_becomes_an_event(reader: Reader, box: Mailbox) -> None:
    box.add(mail(1), at=day(2))
    (event,) = events(reader.read())
    assert event.id == "m1@acme.example"
    assert event.at == day(2), "when it was received, not what Date says"
    assert event.fields["direction"] == "in"
    assert event.fields["text"] == "We renew."
    assert event.fields["by"] == "ana@ours.example"
    assert [link.email for link, _ in event.people] == ["bo@acme.example"]


def test_the_second_read_has_nothing_new_and_an_equal_mark(reader: Reader, box: Mailbox) -> None:
    box.add(mail(1))
    reader.read()
    before = reader.mark
    batch = reader.read()
    assert not batch.records
    assert reader.mark == before
    assert list(before["folders"]) == ["INBOX", "Sent"], "no junk, no trash, no drafts"


def test_flags_that_change_change_neither_mark_nor_records(reader: Reader, box: Mailbox) -> None:
    box.add(mail(1))
    box.add(mail(2), flags="(\\Deleted)")
    reader.read()
    before = reader.mark
    box.flag(1, "\\Flagged")
    assert not reader.read().records
    assert reader.mark == before


def test_nothing_in_the_mailbox_changes_by_being_read(reader: Reader, box: Mailbox) -> None:
    for number in range(3):
        box.add(mail(number))
    before = box.each("FLAGS MODSEQ")
    reader.read()
    reader.source().fetch(reader.request(), [Waiting("email", "event", "m1@acme.example")])
    after = box.each("FLAGS MODSEQ")
    assert after == before
    assert not any("Seen" in line for line in after)


def test_new_mail_arrives_alone(reader: Reader, box: Mailbox) -> None:
    box.add(mail(1))
    reader.read()
    box.add(mail(2))
    assert known(reader.read()) == ["m2@acme.example"]


def test_the_newest_message_does_not_come_again_and_again(reader: Reader, box: Mailbox) -> None:
    """A search from a number up always finds the newest message, below that number too."""
    box.add(mail(1))
    reader.read()
    folders = {name: dict(state) for name, state in reader.mark["folders"].items()}
    folders["INBOX"] |= {"last_uid": 40, "modseq": 1}
    reader.mark = {"folders": folders}
    assert not reader.read().records


def test_only_headers_are_read_of_what_concerns_nobody(reader: Reader, box: Mailbox) -> None:
    box.add(mail(1, "stranger@else.example", body="SECRET"))
    box.add(mail(2, "friend@gmail.com", body="SECRET"))
    box.add(mail(3, "tom@ours.example", body="SECRET"))
    source = reader.source()
    batch = Batch("email")
    for chunk in source.read(reader.request()):
        batch.add(chunk.batch)
    (event,) = events(batch)
    assert event.id == "m1@acme.example"
    assert event.fields == {"type": "email", "direction": "in"}, "no subject, no text"
    assert source.limits() == {"messages looked at": "3", "messages read whole": "0"}


@pytest.mark.parametrize(
    "extra",
    [
        "Auto-Submitted: auto-replied\r\n",
        "Precedence: bulk\r\n",
        "List-Unsubscribe: <https://acme.example/u>\r\n",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n",
        "Content-Type: text/calendar\r\n",
    ],
)
def test_what_no_person_wrote_is_left_out(reader: Reader, box: Mailbox, extra: str) -> None:
    box.add(mail(1, extra=extra))
    assert not reader.read().records


def test_a_whole_thread_is_read_if_a_customer_is_in_it(reader: Reader, box: Mailbox) -> None:
    box.add(mail(1))
    box.add(mail(2, "Bo at home <bo@gmail.com>", extra="References: <m1@acme.example>\r\n"))
    batch = reader.read()
    assert known(batch) == ["m1@acme.example", "m2@acme.example"]
    first, second = events(batch)
    assert second.account.email == "bo@acme.example"
    assert second.fields["thread"] == first.fields["thread"]


def test_a_thread_is_recognised_by_what_an_earlier_read_met(reader: Reader, box: Mailbox) -> None:
    box.add(mail(1), "Sent")
    reader.read()
    box.add(mail(2, "bo@gmail.com", extra="In-Reply-To: <m1@acme.example>\r\n"))
    box.add(mail(3, "cousin@gmail.com", extra="In-Reply-To: <other@acme.example>\r\n"))
    assert known(reader.read()) == ["m2@acme.example"]


def test_no_reference_is_too_odd_to_be_looked_for(reader: Reader, box: Mailbox) -> None:
    reader.read()
    odd = 'References: <größe@x> <a"b\\c@x> <\x07@x> <' + "y" * 300 + "> <{5}> <*>\r\n"
    box.add(mail(1, "bo@gmail.com", extra=odd))
    box.add(mail(2))
    assert known(reader.read()) == ["m2@acme.example"]


def test_a_copy_in_another_folder_counts_once(reader: Reader, box: Mailbox) -> None:
    box.add(mail(1))
    box.add(mail(1), "Clients")
    assert known(reader.read()) == ["m1@acme.example"]


def test_a_moved_message_is_no_news(reader: Reader, box: Mailbox) -> None:
    box.add(mail(1))
    reader.read()
    reader.stored = {"acme": {"m1@acme.example"}}
    box.move(1, "INBOX", "Archive")
    assert not reader.read().records


def test_a_known_message_id_lets_nobody_change_what_was_said(reader: Reader, box: Mailbox) -> None:
    box.add(mail(1))
    reader.read()
    reader.stored = {"acme": {"m1@acme.example"}}
    box.add(mail(1, body="We never renew."))
    assert not reader.read().records


def test_new_numbers_in_a_folder_make_it_be_read_again(reader: Reader, box: Mailbox) -> None:
    box.add(mail(1), "Clients")
    reader.read()
    reader.stored = {"acme": {"m1@acme.example"}}
    before = reader.mark["folders"]["Clients"]["uidvalidity"]
    box.make_anew("Clients")
    box.add(mail(1), "Clients")
    box.add(mail(2), "Clients")
    assert known(reader.read()) == ["m2@acme.example"]
    assert reader.mark["folders"]["Clients"]["uidvalidity"] != before


def test_the_first_read_goes_back_as_far_as_it_is_told(reader: Reader, box: Mailbox) -> None:
    box.add(mail(1), at=SINCE - dt.timedelta(hours=1))
    box.add(mail(2), at=SINCE + dt.timedelta(hours=1))
    assert known(reader.read()) == ["m2@acme.example"]
    assert reader.mark["folders"]["INBOX"]["last_uid"] == 2
    box.add(mail(3), at=SINCE - dt.timedelta(days=3))
    assert known(reader.read()) == ["m3@acme.example"], "what arrives later is news, however old"


def test_folders_with_any_name_are_read(reader: Reader, box: Mailbox) -> None:
    for number, name in enumerate(["Entw&APw-rfe", "Kunden &- Partner", 'a \\"b\\" c', "&U,BTFw-"]):
        box.add(mail(number), name)
    assert len(known(reader.read())) == 4
    assert {"Entwürfe", "Kunden & Partner", 'a "b" c', "台北"} <= set(reader.mark["folders"])
    assert not reader.read().records


def test_only_the_named_folders_are_read(reader: Reader, box: Mailbox) -> None:
    box.add(mail(1))
    box.add(mail(2), "Kunden &- Partner")
    reader.settings = EmailSettings(folders=["kunden & partner", "Gone"])
    batch = reader.read()
    assert known(batch) == ["m2@acme.example"]
    assert batch.notes == [
        "email: there is no folder 'Gone'; correct sources.email.folders in crmctl.yaml"
    ]


def test_drafts_are_not_mail_wherever_they_lie(reader: Reader, box: Mailbox) -> None:
    box.add(mail(1), flags="(\\Draft)")
    assert not reader.read().records
    assert reader.mark["folders"]["INBOX"]["last_uid"] == 1


def test_a_mailbox_without_folders_is_a_fault(reader: Reader) -> None:
    reader.settings = EmailSettings(folders=["Gone"])
    with pytest.raises(SourceError, match="none of the folders"):
        reader.read()


def test_a_message_without_an_id_is_one_message_each_time(reader: Reader, box: Mailbox) -> None:
    box.add(mail(1, id=""), at=day(1))
    box.add(mail(2, id="", body="Something else."), at=day(1))
    box.add(mail(3, "stranger@else.example", id=""), at=day(1))
    batch = reader.read()
    ids = [event.id for event in events(batch)]
    assert len(set(ids)) == 3
    assert all(id.startswith("sha256-") for id in ids)
    reader.mark = {}
    assert [event.id for event in events(reader.read())] == ids


def test_what_waited_is_found_again(reader: Reader, box: Mailbox) -> None:
    box.add(mail(1, "eve@new.example"), at=day(1))
    box.add(mail(2, "eve@new.example", id=""), "Clients", at=day(2))
    box.add(mail(3, "eve@new.example"), at=day(3))
    batch = reader.read()
    wanted = [
        Waiting("email", "event", e.id, str(e.at)[:10], "new.example")
        for e in events(batch)
        if e.id != "m3@acme.example"
    ]
    wanted.append(Waiting("email", "event", "gone@new.example", "2026-03-01", "new.example"))
    reader.interest = Interest({"new.example": "new"}, {}, frozenset({"ours.example"}))
    found = reader.source().fetch(reader.request(), wanted)
    assert {event.id for event in events(found)} == {w.id for w in wanted[:2]}
    assert all(event.fields["text"] == "We renew." for event in events(found))


def test_what_a_person_gave_to_an_account_is_its_own(reader: Reader, box: Mailbox) -> None:
    box.add(mail(1, "consultant@gmail.com"))
    claims = {"event:m1@acme.example": "borg"}
    (event,) = events(reader.read(claims=claims))
    assert event.account.slug == "borg"
    wanted = [Waiting("email", "event", "m1@acme.example")]
    (event,) = events(reader.source().fetch(reader.request(claims=claims), wanted))
    assert event.account.slug == "borg"


def test_a_message_that_cannot_be_read_stops_nothing(reader: Reader, box: Mailbox) -> None:
    box.add(b"\r\n\r\nno headers at all\r\n")
    box.add(mail(1, extra="Content-Type: multipart/mixed; boundary=\r\n"))
    box.add(mail(2))
    assert "m2@acme.example" in known(reader.read())


def test_huge_mail_is_known_by_its_headers_alone(reader: Reader, box: Mailbox) -> None:
    reader.settings = EmailSettings(size_limit=1)
    box.add(mail(1, body="x" * 70 + "\r\n" + ("y" * 76 + "\r\n") * 15_000))
    (event,) = events(reader.read())
    assert event.fields["subject"] == "Renewal"
    assert "text" not in event.fields


def test_a_first_read_that_broke_off_goes_on_as_it_began(reader: Reader, box: Mailbox) -> None:
    """Old mail and strangers are judged as if it had never broken off."""
    box.add_all([(mail(n), day(0)) for n in range(210)])
    box.add(mail(500), at=SINCE - dt.timedelta(days=9))
    box.add(mail(600, "bo@gmail.com", extra="References: <m500@acme.example>\r\n"), at=day(1))
    box.add(mail(601, "bo@gmail.com", extra="References: <m3@acme.example>\r\n"), at=day(1))
    first = next(iter(reader.source().read(reader.request())))
    whole = [*events(first.batch), *events(reader.read())[200:]]
    complete = reader.mark
    reader.mark = first.mark or {}
    assert reader.mark["folders"]["INBOX"]["since"] == SINCE.isoformat()
    assert [*events(first.batch), *events(reader.read())] == whole
    assert whole[-1].id == "m601@acme.example"
    assert reader.mark == complete


def test_many_messages_come_in_steps_that_can_be_kept(reader: Reader, box: Mailbox) -> None:
    box.add_all([(mail(n, subject=f"Number {n}"), day(0)) for n in range(430)])
    chunks = list(reader.source().read(reader.request()))
    assert [len(events(chunk.batch)) for chunk in chunks] == [200, 200, 30, 0]
    reader.mark = chunks[0].mark or {}
    rest = known(reader.read())
    assert len(rest) == 230
    assert reader.mark == chunks[-1].mark
