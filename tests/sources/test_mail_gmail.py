from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crmctl.model.errors import ConfigError
from crmctl.model.incoming import Link, Waiting
from crmctl.sources.errors import AuthError, QuotaError, SourceError
from crmctl.sources.mail_gmail import Gmail as Source
from crmctl.sources.network import Network
from tests.live.gmail import GmailHarness
from tests.servers.base import Call, status
from tests.servers.clock import FakeClock
from tests.servers.gmail import Gmail, forbidden, rate_limited, spent_for_today
from tests.servers.letters import START, customers, others
from tests.sources.mailboxes import KIM, events, letter, read, request, source_of

PARTNER = ("Pat Lee", "pat@advisers.example")
Connect = Callable[..., Source]


@pytest.fixture
def harness() -> Iterator[GmailHarness]:
    with GmailHarness() as made:
        yield made


@pytest.fixture
def box(harness: GmailHarness) -> Gmail:
    return harness.double


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network(FakeClock(), budget=100_000)
    yield made
    made.close()


@pytest.fixture
def connect(harness: GmailHarness, network: Network, tmp_path: Path) -> Connect:
    def made(**settings: Any) -> Source:
        source = source_of(harness.environment(), tmp_path, network, **settings)
        assert isinstance(source, Source)
        return source

    return made


def whole(box: Gmail) -> list[str]:
    """The ids of the messages that were asked for with their text."""
    return [call.path.rpartition("/")[2] for call in box.calls if call.query.get("format") == "raw"]


def test_only_the_letters_of_customers_are_read_whole(box: Gmail, connect: Connect) -> None:
    ours = [box.add(one) for one in customers(12)]
    for other in others():
        box.add(other)
    batch, mark = read(connect())
    assert sorted(whole(box)) == sorted(mail.id for mail in ours)
    assert mark == {"history": str(box._history)}
    told = events(batch)
    assert len(told) == 13
    one = told["0.0@hollisvane.example"]
    assert one.at == START
    assert one.account == Link(email="kim@hollisvane.example")
    assert one.fields["text"] == "Word 0 of ours."
    assert one.fields["direction"] == "in"
    assert told["0.1@hollisvane.example"].fields["by"] == "ana@ours.example"


def test_a_stranger_waits_without_subject_or_text(box: Gmail, connect: Connect) -> None:
    for one in others():
        box.add(one)
    batch, _ = read(connect())
    (told,) = batch.records
    assert told.id == "s1@quarry.example"
    assert not told.account
    assert told.fields == {"type": "email", "direction": "in"}
    assert whole(box) == []


def test_nothing_in_the_mailbox_changes(box: Gmail, connect: Connect) -> None:
    box.add(letter("q1@hollisvane.example"))
    read(connect())
    assert {call.method for call in box.calls if call.path != "/token"} == {"GET"}
    assert "UNREAD" in next(iter(box.mails.values())).labels


def test_the_mark_stays_until_a_message_is_added(box: Gmail, connect: Connect) -> None:
    mail = box.add(letter("q1@hollisvane.example"))
    _, mark = read(connect())
    box.unlabel(mail.id, "UNREAD")
    box.remove(mail.id)
    batch, same = read(connect(), request(mark))
    assert same == mark != {"history": str(box._history)}
    assert batch.records == []
    box.add(letter("q2@hollisvane.example"))
    batch, moved = read(connect(), request(mark))
    assert list(events(batch)) == ["q2@hollisvane.example"]
    assert moved == {"history": str(box._history)}
    assert box.count("/messages") == box.count("/messages/") + 15, "the list is for a full read"


def test_what_arrives_while_all_is_read_is_read_next_time(box: Gmail, connect: Connect) -> None:
    box.add(letter("q1@hollisvane.example"))
    late = deque([letter("q2@hollisvane.example", days=1)])

    def before(call: Call) -> None:
        if call.query.get("format") == "metadata" and late:
            box.add(late.popleft())

    box.before = before
    _, mark = read(connect())
    batch, _ = read(connect(), request(mark))
    assert list(events(batch)) == ["q2@hollisvane.example"]


def test_a_history_that_google_forgot_is_made_up_for_by_a_full_read(
    box: Gmail, connect: Connect
) -> None:
    for one in customers(8):
        box.add(one)
    box.forgotten = box._history + 1
    batch, mark = read(connect(), request({"history": "987001"}))
    assert len(events(batch)) == 8
    assert mark == {"history": str(box._history)}


def test_drafts_spam_trash_and_chats_are_not_read(box: Gmail, connect: Connect) -> None:
    _, mark = read(connect())
    for number, label in enumerate(["DRAFT", "SPAM", "TRASH", "CHAT", "INBOX"]):
        box.add(letter(f"{label}{number}@hollisvane.example"), [label])
    for asked in (request(), request(mark)):
        batch, _ = read(connect(), asked)
        assert list(events(batch)) == ["INBOX4@hollisvane.example"]


def test_what_is_taken_out_of_spam_is_read(box: Gmail, connect: Connect) -> None:
    mail = box.add(letter("q1@hollisvane.example"), ["SPAM"])
    _, mark = read(connect())
    box.unlabel(mail.id, "SPAM")
    batch, _ = read(connect(), request(mark))
    assert list(events(batch)) == ["q1@hollisvane.example"]


def test_a_message_that_goes_meanwhile_is_left_out(box: Gmail, connect: Connect) -> None:
    first, second, third = (
        box.add(letter(f"q{number}@hollisvane.example", days=number)) for number in range(3)
    )

    def before(call: Call) -> None:
        if call.path.endswith(first.id) and first.id in box.mails:
            box.remove(first.id)
        if call.query.get("format") == "raw" and second.id in box.mails:
            box.remove(second.id)

    box.before = before
    batch, _ = read(connect())
    assert list(events(batch)) == [third.headers[0][1].strip("<>")]


def test_a_full_read_that_broke_off_goes_on_at_its_week(box: Gmail, connect: Connect) -> None:
    for one in customers(40):
        box.add(one)
    everything, final = read(connect())
    weeks = box.count("/messages") - box.count("/messages/")
    box.calls.clear()
    source = connect()
    mark: Any = {}
    broken = dict[str, Any]()

    def until_it_breaks() -> None:
        nonlocal mark, broken
        for chunk in source.read(request()):
            broken |= events(chunk.batch)
            mark = mark if chunk.mark is None else chunk.mark
            if len(broken) > 20:
                box.fail([status(500)] * 6)

    with pytest.raises(SourceError):
        until_it_breaks()
    assert mark["history"] == final["history"]
    assert START.date().isoformat() < mark["read"]
    box.faults.clear()
    box.calls.clear()
    box.add(letter("early@hollisvane.example", days=0))
    rest, end = read(connect(), request(mark))
    assert box.count("/messages") - box.count("/messages/") < weeks
    assert broken | events(rest) == events(everything) | events(read(connect())[0])
    assert end == {"history": str(box._history)}


def test_no_minute_takes_more_than_the_units_of_a_minute(
    box: Gmail, connect: Connect, network: Network
) -> None:
    mail = box.add(letter("q1@hollisvane.example"))
    api = connect()._api
    taken: list[tuple[float, int]] = []
    for number in range(700):
        before = box.spent
        api.headers(mail.id) if number % 3 else api.messages("-in:chats")
        taken.append((network.clock.monotonic(), box.spent - before))
    for end, _ in taken:
        assert sum(units for at, units in taken if end - 60 < at <= end) <= 6000
    assert taken[-1][0] - taken[0][0] > 60
    assert api.spent == box.spent


def test_too_fast_is_waited_out_and_not_taken_for_a_missing_right(
    box: Gmail, connect: Connect, network: Network
) -> None:
    box.add(letter("q1@hollisvane.example"))
    box.fail([None, None, rate_limited, rate_limited])
    batch, _ = read(connect())
    assert len(batch.records) == 1
    assert isinstance(network.clock, FakeClock)
    assert network.clock.slept.count(15.0) == 2


def test_a_missing_right_and_a_spent_day_are_told_apart(box: Gmail, connect: Connect) -> None:
    box.fail([None, forbidden])
    with pytest.raises(AuthError, match=r"insufficient authentication scopes.*gmail\.readonly"):
        read(connect())
    box.fail([None, spent_for_today])
    with pytest.raises(QuotaError, match="tomorrow"):
        read(connect())


@pytest.mark.parametrize("length", range(5))
def test_bytes_without_padding_are_whole(box: Gmail, connect: Connect, length: int) -> None:
    box.add(letter("q1@hollisvane.example", text=f"Grüße ?>~ÿ{'y' * length}"))
    batch, _ = read(connect())
    assert events(batch)["q1@hollisvane.example"].fields["text"] == f"Grüße ?>~ÿ{'y' * length}"


def test_what_cannot_be_read_is_told_and_the_rest_is_read(box: Gmail, connect: Connect) -> None:
    bad = box.add(letter("q1@hollisvane.example"))
    bad.headers = []
    worse = box.add(letter("q2@hollisvane.example"))
    box.add(letter("q3@hollisvane.example"))

    def before(call: Call) -> None:
        if call.path.endswith(worse.id) and call.query["format"] == "raw":
            worse.raw = b""

    box.before = before
    batch, mark = read(connect())
    assert list(events(batch)) == ["q3@hollisvane.example"]
    assert {one.origin for one in batch.rejected} == {
        f"email message {bad.id}",
        f"email message {worse.id}",
    }
    assert mark


def test_a_huge_message_has_no_text(box: Gmail, connect: Connect) -> None:
    box.add(letter("q1@hollisvane.example", attachment=b"x" * 2_000_000))
    batch, _ = read(connect(size_limit=1))
    told = events(batch)["q1@hollisvane.example"]
    assert "text" not in told.fields
    assert told.fields["subject"] == "Order"
    assert whole(box) == []


@pytest.mark.parametrize("at_once", [True, False])
def test_an_adviser_s_answer_in_a_customer_s_thread_is_the_customer_s(
    box: Gmail, connect: Connect, *, at_once: bool
) -> None:
    first = letter("q1@hollisvane.example")
    answer = letter("a1@advisers.example", PARTNER, references=("q1@hollisvane.example",), days=12)
    box.add(first)
    _, mark = read(connect()) if not at_once else ({}, {})
    box.add(answer)
    batch, _ = read(connect(), request(mark))
    assert events(batch)["a1@advisers.example"].account == Link(email=KIM[1])
    assert events(batch)["a1@advisers.example"].fields["text"] == "Word."


def test_what_a_person_gave_to_an_account_is_read_whole(box: Gmail, connect: Connect) -> None:
    box.add(letter("s1@quarry.example", ("Sam", "sam@quarry.example")))
    claims = {"event:s1@quarry.example": "acme-tiles"}
    batch, _ = read(connect(), request(claims=claims))
    assert events(batch)["s1@quarry.example"].account == Link(slug="acme-tiles")
    assert events(batch)["s1@quarry.example"].fields["text"] == "Word."


def test_what_the_files_hold_is_not_read_again(box: Gmail, connect: Connect) -> None:
    box.add(letter("q1@hollisvane.example"))
    stored = {"hollis-vane-freight": {"q1@hollisvane.example"}}
    box.forgotten = 10**9
    asked = request({"history": "1"}, stored=lambda account, _: stored.get(account, ()))
    batch, mark = read(connect(), asked)
    assert batch.records == []
    assert batch.partial, "so that nothing new is no fault"
    assert whole(box) == []
    assert mark == {"history": str(box._history)}


def test_what_waited_is_found_by_its_id_or_its_day(box: Gmail, connect: Connect) -> None:
    sam = ("Sam", "sam@quarry.example")
    named = letter("s1@quarry.example", sam)
    nameless = letter("", sam, subject="No id", days=5)
    box.add(named)
    box.add(nameless)
    found = events(read(connect())[0]).values()
    waiting = [Waiting("email", "event", one.id, str(one.at)[:10]) for one in found]
    assert sorted(one.id[:7] for one in waiting) == ["s1@quar", "sha256-"]
    gone = Waiting("email", "event", "gone@quarry.example", "2026-09-04")
    claims = {f"event:{one.id}": "acme-tiles" for one in waiting}
    batch = connect().fetch(request(claims=claims), [*waiting, gone])
    assert {one.fields["subject"] for one in events(batch).values()} == {"Order", "No id"}
    assert {one.account for one in batch.records} == {Link(slug="acme-tiles")}
    assert batch.partial


def test_only_the_labels_that_are_named_are_read(box: Gmail, connect: Connect) -> None:
    _, mark = read(connect())
    box.add(letter("q1@hollisvane.example"), ["INBOX", "Label_7"])
    box.add(letter("q2@hollisvane.example"), ["INBOX"])
    for asked in (request(), request(mark)):
        batch, _ = read(connect(folders=["clients/tiles"]), asked)
        assert list(events(batch)) == ["q1@hollisvane.example"]
    with pytest.raises(ConfigError, match="no label 'Nowhere'"):
        read(connect(folders=["Nowhere"]))


def test_an_empty_mailbox_has_no_lists_at_all(box: Gmail, connect: Connect) -> None:
    batch, mark = read(connect())
    assert batch.records == []
    assert not batch.partial, "an empty answer to a first read may be a fault"
    batch, same = read(connect(), request(mark))
    assert (batch.records, batch.partial, same) == ([], True, mark)


def test_a_history_of_several_pages_is_read_to_its_end(box: Gmail, connect: Connect) -> None:
    _, mark = read(connect())
    for one in customers(20):
        box.add(one)
    box.most = 6
    batch, _ = read(connect(), request(mark))
    assert len(events(batch)) == 20
    assert box.count("/history") == 4


def test_pages_in_circles_end(box: Gmail, connect: Connect) -> None:
    _, mark = read(connect())
    box.add(letter("q1@hollisvane.example"))
    box.looping = True
    for asked in (request(), request(mark)):
        with pytest.raises(SourceError, match="circles"):
            read(connect(), asked)


def test_messages_are_told_in_the_order_of_their_arrival(box: Gmail, connect: Connect) -> None:
    copy = letter("q1@hollisvane.example", text="The first one.", days=1)
    forged = letter("q1@hollisvane.example", text="Somebody else's words.", days=2)
    box.add(forged)
    box.add(copy)
    batch, _ = read(connect())
    (told,) = batch.records
    assert told.fields["text"] == "The first one.", "a later one cannot take its place"


def test_an_old_message_that_was_just_put_in_is_read(box: Gmail, connect: Connect) -> None:
    _, mark = read(connect())
    box.add(
        letter("old@hollisvane.example", days=-600),
        received=dt.datetime(2026, 11, 15, tzinfo=dt.UTC),
    )
    batch, _ = read(connect(), request(mark))
    assert list(events(batch)) == ["old@hollisvane.example"]


def test_the_check_says_whose_mailbox_it_is(box: Gmail, connect: Connect) -> None:
    said = list(connect().check())
    assert said[0] == "email: Google lets us read the mailbox of ana@ours.example"
    assert len(said) == 2
    source = connect()
    assert source.state == "email-ana-ours-example"
    assert source.limits() == {}
    box.address = "tom@ours.example"
    assert any("right mailbox" in sentence for sentence in source.check())
    assert source.limits() == {"quota units this run": "1"}
