from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from crmctl.model.errors import ConfigError
from crmctl.sources.errors import AuthError, QuotaError, SourceError
from crmctl.sources.network import Network
from crmctl.sources.slack_live import connect
from crmctl.workspace.machine import Machine
from crmctl.workspace.source_settings import SlackSettings
from tests.servers.base import html, status
from tests.servers.slack import TOKEN
from tests.sources.slack_reads import (
    ACME,
    ANA,
    HOLLIS,
    INES,
    MAYA,
    NORDLICHT,
    NOW,
    Reads,
    events,
    sampled,
    talk,
)


@pytest.fixture
def reads() -> Iterator[Reads]:
    with sampled() as found:
        yield found


def test_a_read_that_breaks_off_anywhere_goes_on_and_ends_the_same() -> None:
    with sampled() as whole:
        talk(whole, 15)
        whole.slack.most = 4
        whole.read()
        total = whole.slack.count()
    for at in range(1, total, 5):
        with sampled() as reads:
            talk(reads, 15)
            reads.slack.most = 4
            for _ in range(2):
                reads.slack.fail([None] * at + [html(503)] * 6)
                reads.read()
                reads.slack.faults.clear()
            reads.read()
            assert reads.error is None
            assert reads.mark == whole.mark, at
            assert reads.held == whole.held, at


def test_what_was_read_is_not_read_again_after_a_break(reads: Reads) -> None:
    talk(reads, 40)
    reads.slack.most = 4
    reads.slack.fail([None] * 12 + [html(503)] * 6)
    reads.read()
    assert isinstance(reads.error, SourceError)
    kept = len(reads.held["acme-tiles"])
    assert kept
    assert reads.mark["next"] == ACME
    assert reads.mark["channels"][ACME]["walk"]["down"]
    reads.slack.calls.clear()
    reads.slack.faults.clear()
    reads.read()
    first = [c.query["channel"] for c in reads.slack.calls if c.path.endswith("history")]
    assert first[0] == ACME, "it begins where it stopped"
    assert "next" not in reads.mark


def test_a_run_of_little_time_comes_round_to_every_channel(reads: Reads) -> None:
    """Slack throttled: fifteen messages a page, one page a minute. No channel starves behind another."""
    talk(reads, 60)
    reads.slack.throttled = True
    reads.budget = 400
    reads.slack.before = lambda _call: reads.clock.sleep(30)
    for _ in range(30):
        reads.read()
        if reads.error is None:
            break
        assert isinstance(reads.error, QuotaError)
    assert reads.error is None
    assert len(reads.held["acme-tiles"]) == 68
    assert len(reads.held["hollis-vane-freight"]) == 3
    assert reads.source is not None
    assert "15" in reads.source.limits()["history"]


def test_a_scope_that_is_missing_is_named(reads: Reads) -> None:
    reads.slack.scopes.discard("groups:history")
    batch = reads.read()
    assert isinstance(reads.error, AuthError)
    assert "groups:history" in str(reads.error)
    assert "channels:history" in str(reads.error), "and what is there"
    assert {record.account.slug for record in events(batch)} == {
        "acme-tiles",
        "hollis-vane-freight",
    }


def test_without_the_right_to_addresses_people_have_names(reads: Reads) -> None:
    reads.slack.scopes.discard("users:read.email")
    batch = reads.read()
    assert reads.error is None
    assert [waiting.id for waiting in batch.waiting] == [ACME]
    assert all(record.kind == "event" for record in batch.records)
    sides = {r.people[0][0].id if r.people else r.fields.get("by") for r in events(batch)}
    assert {ANA, INES} <= sides


@pytest.mark.parametrize(
    "error", ["invalid_auth", "token_revoked", "account_inactive", "token_expired"]
)
def test_a_dead_token_stops_the_read_and_keeps_what_arrived(reads: Reads, error: str) -> None:
    reads.slack.fail([None] * 9 + [status(200, {"ok": False, "error": error})] * 9)
    reads.read()
    assert isinstance(reads.error, AuthError)
    assert error in str(reads.error)
    assert "crmctl auth slack" in str(reads.error)
    assert reads.held
    assert TOKEN not in str(reads.error) + "".join(reads.log)


def test_a_token_of_another_workspace_is_refused(reads: Reads) -> None:
    reads.read()
    mark = reads.mark
    reads.slack.team = "T08OTHER01"
    reads.read()
    assert isinstance(reads.error, ConfigError)
    assert "T08OTHER01" in str(reads.error)
    assert "--full" in str(reads.error)
    assert reads.mark == mark
    assert reads.slack.asked()["users.conversations"] == 1, "not one channel of it was looked at"
    reads.read(full=True)
    assert reads.error is None
    assert reads.mark["team"] == "T08OTHER01"


def test_a_history_that_is_suddenly_empty_deletes_nothing(reads: Reads) -> None:
    reads.read()
    before, mark = dict(reads.held["nordlicht"]), reads.mark
    for full in (False, True):
        reads.slack.tops[NORDLICHT].clear()
        reads.slack.tops[HOLLIS].clear()
        reads.slack.tops[ACME].clear()
        reads.read(full=full)
        assert isinstance(reads.error, SourceError)
        assert "#launch-moebel" in str(reads.error)
        assert reads.mark == mark
        assert reads.held["nordlicht"] == before


def test_a_person_s_word_lets_a_channel_be_empty(reads: Reads) -> None:
    reads.read()
    for ts in list(reads.slack.tops[NORDLICHT]):
        reads.slack.delete(NORDLICHT, ts)
    reads.read()
    assert isinstance(reads.error, SourceError)
    assert "--full" in str(reads.error)
    assert reads.deleted() == set()
    reads.slack.post(HOLLIS, INES, "others are read all the same")
    reads.read()
    assert reads.texts("hollis-vane-freight")[-1].startswith("others")
    reads.read(full=True)
    assert reads.error is None
    assert len(reads.deleted()) == 3
    reads.read()
    assert reads.error is None


def test_most_of_a_channel_gone_at_once_is_a_fault(reads: Reads) -> None:
    written = [reads.slack.post(ACME, MAYA, f"word {number}") for number in range(50)]
    reads.read()
    for ts in written[5:30]:
        reads.slack.delete(ACME, ts)
    reads.read()
    assert reads.error is None
    assert len(reads.deleted()) == 25, "half of it may be"
    for ts in written[30:]:
        reads.slack.delete(ACME, ts)
    with_more = [reads.slack.post(ACME, MAYA, f"more {number}") for number in range(30)]
    reads.read()
    assert len(reads.deleted()) == 45
    for ts in with_more:
        reads.slack.delete(ACME, ts)
    reads.read()
    assert isinstance(reads.error, SourceError)
    assert "30 of 36" in str(reads.error)


def test_channels_that_are_suddenly_gone_are_a_fault(reads: Reads) -> None:
    reads.settings = SlackSettings()
    reads.slack.channels[NORDLICHT]["name"] = "ext-nordlicht"
    reads.read()
    mark = reads.mark
    reads.slack.empty = True
    reads.read()
    assert isinstance(reads.error, SourceError)
    assert reads.mark == mark


def test_a_free_workspace_hides_what_is_old_and_deletes_nothing(reads: Reads) -> None:
    reads.read()
    reads.slack.limited = True
    del reads.slack.tops[NORDLICHT][0]
    reads.read()
    assert reads.deleted() == set()


def test_a_channel_that_we_are_not_in_is_told_of_and_can_be_joined(reads: Reads) -> None:
    reads.slack.channels[HOLLIS]["is_member"] = False
    reads.settings = SlackSettings(channels={HOLLIS: "hollis-vane-freight", "unseen": "nordlicht"})
    batch = reads.read()
    assert reads.error is None
    assert any("#ext-hollis-vane-freight" in note and "join" in note for note in batch.notes)
    assert any("#unseen" in note for note in batch.notes)
    assert "hollis-vane-freight" not in reads.held
    assert reads.slack.asked()["conversations.join"] == 0, "joining is for people to decide"
    reads.settings = SlackSettings(join=True)
    reads.read()
    assert len(reads.held["hollis-vane-freight"]) == 3
    assert reads.slack.channels[HOLLIS]["is_member"]


def test_a_private_channel_is_never_joined_and_never_found(reads: Reads) -> None:
    reads.slack.channels[NORDLICHT]["is_member"] = False
    reads.settings = SlackSettings(channels={NORDLICHT: "nordlicht", "x": "gone"}, join=True)
    batch = reads.read()
    assert any(NORDLICHT in note for note in batch.notes)
    assert "nordlicht" not in reads.held


def test_an_account_that_does_not_exist_is_told_of(reads: Reads) -> None:
    reads.settings = SlackSettings(channels={NORDLICHT: "nordlich"})
    batch = reads.read()
    assert any("nordlich," in note for note in batch.notes)
    assert [waiting.id for waiting in batch.waiting] == [NORDLICHT]


def test_a_channel_refused_in_the_middle_keeps_its_mark_and_stops_no_other(reads: Reads) -> None:
    reads.read()
    before = reads.mark["channels"][HOLLIS]
    refused = status(200, {"ok": False, "error": "channel_is_limited_access"})
    reads.slack.fail([None, None, None, refused])
    reads.slack.post(NORDLICHT, ANA, "for the others")
    batch = reads.read()
    assert reads.error is None
    assert any("channel_is_limited_access" in note for note in batch.notes)
    assert reads.mark["channels"][HOLLIS] == before
    assert len(events(batch)) == 1


def test_our_own_mistakes_are_loud(reads: Reads) -> None:
    reads.slack.fail(
        [None, None, None, None, None, status(200, {"ok": False, "error": "invalid_arguments"})]
    )
    reads.read()
    assert isinstance(reads.error, SourceError)
    assert "invalid_arguments" in str(reads.error)


def test_an_archived_channel_is_read_once_more_and_then_left(reads: Reads) -> None:
    reads.read()
    reads.slack.post(HOLLIS, INES, "last words")
    reads.slack.channels[HOLLIS]["is_archived"] = True
    reads.read()
    assert reads.texts("hollis-vane-freight")[-1] == "last words"
    reads.slack.calls.clear()
    mark = reads.mark
    reads.read()
    assert reads.mark == mark
    assert reads.slack.asked()["conversations.history"] == 2
    reads.slack.channels[HOLLIS]["is_archived"] = False
    reads.slack.post(HOLLIS, INES, "back again")
    reads.read()
    assert reads.texts("hollis-vane-freight")[-1] == "back again"


@pytest.mark.parametrize(
    "state",
    [
        "odd",
        {"account": "acme-tiles", "seen": 1772528399.5, "edit": True, "walk": "odd"},
        {"account": "acme-tiles", "walk": {"down": "1792483740.000900"}},
        {"account": "acme-tiles", "walk": {"floor": "1792483740.000900", "down": None}},
    ],
)
def test_a_mark_that_somebody_spoiled_is_read_anew(reads: Reads, state: object) -> None:
    reads.mark = {"team": "T07CRM0001", "channels": {ACME: state}, "next": 7}
    reads.read()
    assert reads.error is None
    assert len(reads.held["acme-tiles"]) == 1
    assert reads.mark["channels"][ACME]["seen"]


def test_a_message_without_a_time_is_rejected_and_the_others_stay(reads: Reads) -> None:
    odd = {
        "ok": True,
        "messages": [{"type": "message", "ts": 1794000000.5, "text": "x"}, "odd", None],
    }
    reads.slack.fail([None] * 6 + [status(200, odd)])
    batch = reads.read()
    assert reads.error is None
    assert len(batch.rejected) == 1
    assert "1794000000.5" in batch.rejected[0].reason


def test_a_clock_that_is_behind_loses_nothing(reads: Reads) -> None:
    ts = reads.slack.post(ACME, MAYA, "from the future", ts=f"{int(NOW.timestamp()) + 90}.000100")
    reads.read()
    assert all(ts not in id for id in reads.held["acme-tiles"])
    reads.now += dt.timedelta(minutes=5)
    reads.read()
    assert reads.texts("acme-tiles")[-1] == "from the future"


def test_the_check_says_who_we_are_and_what_is_missing(reads: Reads) -> None:
    reads.slack.scopes -= {"users:read.email", "groups:history"}
    source = reads.connected()
    said = list(source.check())
    assert "Northwind CS" in said[0]
    assert "groups:history, users:read.email" in said[1]
    assert "4 channels" in said[2]


@pytest.mark.parametrize(
    ("environment", "word"),
    [
        ({}, "CRMCTL_SLACK_TOKEN"),
        ({"CRMCTL_SLACK_TOKEN": "xoxc-1"}, "browser"),
        ({"CRMCTL_SLACK_TOKEN": "xoxb-1", "CRMCTL_SLACK_URL": "http://slack.example"}, "https"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_sent(
    environment: dict[str, str], word: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=word):
        connect(Machine(environment, tmp_path / "none.yaml"), SlackSettings(), Network())
