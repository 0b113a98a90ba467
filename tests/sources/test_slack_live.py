from __future__ import annotations

import dataclasses
import datetime as dt
import random
from collections.abc import Iterator

import pytest

from crmctl.model.incoming import Waiting
from crmctl.workspace import yamldump, yamlio
from tests.servers.slack import Slack
from tests.sources.slack_reads import (
    ACME,
    ANA,
    BO,
    HOLLIS,
    INES,
    INTEREST,
    MAYA,
    NORDLICHT,
    NOW,
    Reads,
    events,
    sampled,
)


@pytest.fixture
def reads() -> Iterator[Reads]:
    with sampled() as found:
        yield found


def test_a_first_read_brings_each_channel_to_its_account(reads: Reads) -> None:
    batch = reads.read()
    assert reads.error is None
    assert not batch.partial
    assert batch.rejected == []
    assert {slug: len(found) for slug, found in reads.held.items()} == {
        "acme-tiles": 1,
        "hollis-vane-freight": 3,
        "nordlicht": 3,
    }
    assert sorted(record.id for record in batch.records if record.kind == "contact") == [
        BO,
        INES,
        MAYA,
    ]
    assert batch.owners[ANA] == ("Ana Reyes", "ana@northwind-cs.example")
    assert batch.waiting == []
    assert "Lunch" not in repr(batch), "what has no account is not even read"


def test_with_nothing_new_the_mark_stays_and_little_is_asked(reads: Reads) -> None:
    reads.read()
    mark = reads.mark
    for days in (0, 1, 20):
        reads.now = NOW + dt.timedelta(days=days)
        reads.slack.calls.clear()
        batch = reads.read()
        assert batch.partial
        assert batch.records == []
        assert reads.mark == mark
        assert dict(reads.slack.asked()) == {
            "auth.test": 1,
            "users.conversations": 1,
            "conversations.history": 3,
        }


def test_the_mark_survives_its_file(reads: Reads) -> None:
    reads.read()
    assert yamlio.load(yamldump.dump_mapping(dict(reads.mark)), path="x") == reads.mark


def test_one_new_message_costs_its_page_and_its_author(reads: Reads) -> None:
    reads.read()
    reads.slack.calls.clear()
    ts = reads.slack.post(ACME, MAYA, "And one more thing")
    (record,) = events(reads.read())
    assert record.id == f"{ACME}-{ts}"
    assert record.people[0][0].email == "maya@acmetiles.example"
    assert reads.slack.asked()["users.info"] == 1
    assert reads.slack.asked()["conversations.replies"] == 0


def test_a_late_reply_to_an_old_message_arrives(reads: Reads) -> None:
    root = reads.slack.post(NORDLICHT, BO, "Any news?")
    for _ in range(3):
        reads.slack.post(NORDLICHT, BO, "filler")
    reads.read()
    reads.slack.now += 20 * 86_400
    for number in range(2):
        reads.slack.calls.clear()
        reply = reads.slack.post(NORDLICHT, ANA, f"Here they are, {number}", thread=root)
        found = events(reads.read())
        assert f"{NORDLICHT}-{root}-{reply}" in {record.id for record in found}
        assert reads.slack.asked()["conversations.replies"] == 1
    reads.slack.calls.clear()
    assert events(reads.read()) == []
    assert reads.slack.asked()["conversations.replies"] == 0


def test_a_reply_sent_to_the_channel_too_is_one_message(reads: Reads) -> None:
    root = reads.slack.post(ACME, MAYA, "Question")
    reply = reads.slack.post(ACME, ANA, "Answer", thread=root, broadcast=True)
    reads.read()
    assert sorted(reads.held["acme-tiles"])[-2:] == [f"{ACME}-{root}", f"{ACME}-{root}-{reply}"]
    before = dict(reads.held["acme-tiles"])
    assert events(reads.read()) == []
    reads.slack.delete(ACME, reply)
    reads.read()
    assert reads.deleted() == {f"{ACME}-{root}-{reply}"}
    assert before.keys() == reads.held["acme-tiles"].keys()


def test_an_edit_changes_its_message_alone(reads: Reads) -> None:
    ts = reads.slack.post(ACME, MAYA, "tomorow")
    reads.read()
    reads.slack.edit(ACME, ts, "tomorrow")
    (record,) = events(reads.read())
    assert (record.id, record.fields["text"]) == (f"{ACME}-{ts}", "tomorrow")
    mark = reads.mark
    again = events(reads.read())
    assert again in ([], [record])
    assert reads.mark == mark


def test_an_edit_within_the_same_second_as_the_last_one_seen_arrives(reads: Reads) -> None:
    ts = reads.slack.post(ACME, MAYA, "one")
    reads.slack.edit(ACME, ts, "two")
    reads.read()
    reads.slack.said[ACME, ts]["text"] = "three"
    reads.read()
    assert reads.texts("acme-tiles")[-1] == "three"


def test_what_is_deleted_is_marked_and_stays(reads: Reads) -> None:
    plain = reads.slack.post(HOLLIS, INES, "oops")
    root = reads.slack.post(HOLLIS, INES, "a question")
    first = reads.slack.post(HOLLIS, ANA, "an answer", thread=root)
    second = reads.slack.post(HOLLIS, ANA, "another", thread=root)
    reads.read()
    reads.slack.delete(HOLLIS, plain)
    reads.slack.delete(HOLLIS, first)
    reads.read()
    assert reads.deleted() == {f"{HOLLIS}-{plain}", f"{HOLLIS}-{root}-{first}"}
    reads.slack.delete(HOLLIS, root)
    reads.read()
    assert f"{HOLLIS}-{root}" in reads.deleted(), "a stone stands for it"
    assert f"{HOLLIS}-{root}-{second}" not in reads.deleted(), "the thread lives on"
    reads.slack.delete(HOLLIS, second)
    reads.read()
    assert f"{HOLLIS}-{root}-{second}" in reads.deleted(), "the stone is gone as well"
    reads.slack.calls.clear()
    assert events(reads.read()) == []
    assert reads.slack.asked()["conversations.replies"] == 0


def test_what_lies_behind_the_lookback_is_looked_at_by_a_full_read_only(reads: Reads) -> None:
    with sampled(lookback_days=1) as found:
        ts = found.slack.post(ACME, MAYA, "old")
        for _ in range(3):
            found.slack.post(ACME, MAYA, "more")
        found.slack.now += 5 * 86_400
        found.slack.post(ACME, MAYA, "new")
        found.read()
        found.slack.edit(ACME, ts, "changed")
        assert events(found.read()) == []
        assert len(events(found.read(full=True))) == len(found.slack.said) - 2
        assert found.texts("acme-tiles")[1] == "changed"


def test_a_reply_that_is_edited_arrives_with_the_next_news_of_its_thread(reads: Reads) -> None:
    root = reads.slack.post(ACME, MAYA, "Question")
    reply = reads.slack.post(ACME, ANA, "Anwser", thread=root)
    reads.read()
    reads.slack.edit(ACME, reply, "Answer")
    assert events(reads.read()) == [], "Slack shows it to nobody who asks for the history"
    reads.slack.post(ACME, MAYA, "Thanks", thread=root)
    reads.read()
    assert reads.texts("acme-tiles")[-2:] == ["Answer", "Thanks"]


def test_an_edit_made_while_pages_are_read_is_not_lost(reads: Reads) -> None:
    slack = reads.slack
    written = [slack.post(ACME, MAYA, f"word {number}") for number in range(9)]
    slack.most = 3
    edited: list[object] = []

    def before(call: object) -> None:
        if slack.asked()["conversations.history"] == 2 and not edited:
            slack.now = int(NOW.timestamp())
            slack.edit(ACME, written[-1], "too late for its page")
            slack.edit(ACME, written[0], "just in time")
            edited.append(call)

    slack.before = before
    reads.read()
    reads.now += dt.timedelta(hours=1)
    reads.read()
    texts = reads.texts("acme-tiles")
    assert (texts[1], texts[-1]) == ("just in time", "too late for its page")


def test_whatever_happens_in_between_the_files_follow(reads: Reads) -> None:
    """Random days in a channel: after each read the files say what the channel says."""
    slack, rng = reads.slack, random.Random(11)
    for day in range(18):
        slack.most = rng.choice([2, 3, 7, 1000])
        for _ in range(rng.randrange(6)):
            tops = [ts for ts in slack.tops[ACME] if slack.here[ACME][ts].get("subtype") is None]
            doing = rng.choice(["post", "post", "reply", "edit", "delete", "delete reply"])
            if doing == "post" or not tops:
                slack.post(ACME, rng.choice([ANA, MAYA]), f"day {day} {rng.random()}")
            elif doing == "reply":
                slack.post(
                    ACME,
                    ANA,
                    f"re {rng.random()}",
                    thread=rng.choice(tops),
                    broadcast=rng.random() < 0.3,
                )
            elif doing == "edit":
                slack.edit(ACME, rng.choice(tops), f"edited {rng.random()}")
            elif doing == "delete":
                slack.delete(ACME, rng.choice(tops))
            else:
                replies = [
                    ts
                    for (channel, _), found in slack.threads.items()
                    for ts in found
                    if channel == ACME
                ]
                if replies:
                    slack.delete(ACME, rng.choice(replies))
        reads.read()
        assert reads.error is None
        said = {
            ts: m
            for ts, m in slack.here[ACME].items()
            if m.get("subtype") in {None, "thread_broadcast"}
        }
        texts = [m["text"] for ts, m in sorted(said.items()) if "files" not in m]
        assert sorted(
            t for t in reads.texts("acme-tiles") if not t.startswith("Renewal")
        ) == sorted(texts)
    mark = reads.mark
    reads.read()
    assert reads.mark == mark


def test_a_channel_keeps_its_account_when_it_is_renamed(reads: Reads) -> None:
    reads.read()
    for name in ("renamed", "ext-acme-tiles"):
        reads.slack.channels[HOLLIS]["name"] = name
        reads.slack.post(HOLLIS, INES, f"still here, #{name}")
        (record,) = events(reads.read())
        assert record.account.slug == "hollis-vane-freight"
        assert record.fields["subject"] == f"#{name}"


def test_a_channel_that_people_give_to_another_account_is_read_anew(reads: Reads) -> None:
    reads.read()
    reads.settings = reads.settings.model_copy(update={"channels": {NORDLICHT: "acme-tiles"}})
    assert {record.account.slug for record in events(reads.read())} == {"acme-tiles"}
    assert len(reads.held["acme-tiles"]) == 4


def test_a_channel_without_an_account_waits_until_somebody_claims_it(reads: Reads) -> None:
    reads.slack.add_channel("C07NEWBIE1", "pilot", [ANA])
    reads.slack.post("C07NEWBIE1", ANA, "hello")
    batch = reads.read()
    assert batch.waiting == [Waiting("slack", "channel", "C07NEWBIE1", "2026-10-19")]
    assert "hello" not in repr(batch)
    reads.claims = {"channel:C07NEWBIE1": "acme-tiles"}
    batch = reads.read()
    assert [record.fields["text"] for record in events(batch)] == ["hello"]
    assert batch.waiting == []
    assert reads.source is not None
    wanted = [Waiting("slack", "channel", "C07NEWBIE1")]
    assert events(reads.source.fetch(reads.request(), wanted)) == [], "this run has read it"


def test_guests_say_whose_channel_it_is_once_their_company_is_known(reads: Reads) -> None:
    slack = reads.slack
    slack.add_user("U09PIA0001", "Pia Holm", "pia@newcomer.example", guest=True)
    slack.add_channel("C07NEWBIE1", "pilot", [ANA, "U09PIA0001"])
    slack.post("C07NEWBIE1", "U09PIA0001", "hello")
    assert [waiting.domain for waiting in reads.read().waiting] == ["newcomer.example"]
    slack.calls.clear()
    mark = reads.mark
    reads.read()
    assert reads.mark == mark
    assert slack.asked()["conversations.members"] == 0, "it is known by now who is in there"
    domains = {**INTEREST.domains, "newcomer.example": "newcomer"}
    accounts = INTEREST.accounts | {"newcomer"}
    reads.interest = dataclasses.replace(INTEREST, domains=domains, accounts=accounts)
    reads.read()
    assert reads.texts("newcomer") == ["hello"]


def test_guests_say_nothing_where_the_team_does_not_want_it() -> None:
    with sampled(shared_domains=False) as reads:
        batch = reads.read()
        assert [waiting.id for waiting in batch.waiting] == [ACME]
        assert reads.slack.asked()["conversations.members"] == 0


def test_a_person_s_token_leaves_the_person_s_own_channels_alone(reads: Reads) -> None:
    reads.slack.bot = False
    reads.slack.add_channel("C07LUNCH01", "lunch", [ANA])
    reads.slack.add_channel("C07EXTNEW1", "ext-newcomer", [ANA])
    assert [waiting.id for waiting in reads.read().waiting] == ["C07EXTNEW1"]


def test_a_direct_message_is_read_if_a_person_names_it() -> None:
    with sampled(channels={"D07INES001": "hollis-vane-freight"}) as reads:
        reads.slack.add_channel("D07INES001", "", [ANA, INES], is_im=True, is_private=True)
        reads.slack.post("D07INES001", INES, "between us")
        batch = reads.read()
        assert [r.fields["subject"] for r in events(batch) if r.id.startswith("D")] == [
            "direct message"
        ]


def test_single_messages_are_fetched_if_they_are_still_there(reads: Reads) -> None:
    root = reads.slack.post(ACME, MAYA, "Question")
    replies = [reads.slack.post(ACME, ANA, f"Answer {number}", thread=root) for number in range(3)]
    gone = reads.slack.post(ACME, MAYA, "gone")
    reads.slack.delete(ACME, gone)
    source = reads.connected()
    ids = (
        f"{ACME}-{root}",
        f"{ACME}-{root}-{replies[1]}",
        f"{ACME}-{gone}",
        f"{ACME}-{gone}-{gone}",
        "odd",
        "C07NOWHERE",
    )
    batch = source.fetch(reads.request(), [Waiting("slack", "event", id) for id in ids])
    assert [record.fields["text"] for record in events(batch)] == ["Question", "Answer 1"]
    claimed = dataclasses.replace(reads.request(), claims={f"event:{ids[0]}": "nordlicht"})
    (record,) = events(source.fetch(claimed, [Waiting("slack", "event", ids[0])]))
    assert record.account.slug == "nordlicht"
    waiting = [Waiting("slack", "channel", HOLLIS), Waiting("slack", "channel", "C07GENERAL")]
    assert len(events(source.fetch(reads.request(), waiting))) == 3


def test_many_people_are_learned_at_once(reads: Reads) -> None:
    for number in range(15):
        reads.slack.add_user(
            f"U09MANY{number:03}", f"Kim {number}", f"k{number}@acmetiles.example", guest=True
        )
        reads.slack.post(ACME, f"U09MANY{number:03}", f"I am {number}")
    batch = reads.read()
    assert reads.slack.asked()["users.list"] == 1
    assert sum(record.kind == "contact" for record in batch.records) == 18


def test_a_big_workspace_comes_in_pages() -> None:
    with Slack.sample() as slack:
        slack.most = 2
        found = Reads(slack)
        found.read()
        found.pool.close()
        assert found.error is None
        assert sum(map(len, found.held.values())) == 7
