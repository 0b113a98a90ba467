from __future__ import annotations

from collections.abc import Iterator

import pytest

from crmctl.sources.errors import SourceError
from tests.servers.base import Reply, status
from tests.sources.slack_reads import ACME, ANA, MAYA, Reads, sampled, talk


@pytest.fixture
def reads() -> Iterator[Reads]:
    with sampled() as found:
        yield found


def test_only_the_method_that_is_busy_is_waited_for(reads: Reads) -> None:
    reads.slack.block("conversations.history", "30", "7")
    reads.read()
    assert reads.error is None
    assert reads.clock.slept == [30.0, 7.0]
    assert sum(map(len, reads.held.values())) == 7
    assert reads.source is not None
    assert reads.source.limits()["waits"] == "asked 2 times to wait"


def test_each_method_keeps_its_own_pace(reads: Reads) -> None:
    for number in range(130):
        ts = reads.slack.post(ACME, MAYA, f"word {number}")
        reads.slack.post(ACME, ANA, "yes", thread=ts)
    reads.read()
    assert reads.error is None
    assert 80 * 60 / 50 - 2 <= sum(reads.clock.slept) <= 82 * 60 / 50 + 2
    assert len(reads.held["acme-tiles"]) == 261


@pytest.mark.parametrize(
    "error", ["fatal_error", "internal_error", "service_unavailable", "ratelimited"]
)
def test_a_fault_that_comes_as_a_200_is_tried_again(reads: Reads, error: str) -> None:
    reads.slack.fail([status(200, {"ok": False, "error": error}), None, None])
    reads.read()
    assert reads.error is None
    assert sum(map(len, reads.held.values())) == 7


@pytest.mark.parametrize(
    "answer",
    [Reply(200, "<html>sign in</html>"), Reply(200, b"[]"), Reply(200, b'"ok"'), Reply(200, b"{}")],
)
def test_an_answer_that_is_no_answer_ends_in_a_sentence(reads: Reads, answer: Reply) -> None:
    reads.slack.fail([lambda _call, _reply: answer] * 50)
    reads.read()
    assert isinstance(reads.error, SourceError)
    assert "Slack" in str(reads.error)
    assert reads.mark == {}


def test_a_list_without_its_rows_is_a_fault_and_no_empty_list(reads: Reads) -> None:
    reads.read()
    mark = reads.mark
    for lost in (1, 2):
        reads.slack.fail([None] * lost + [status(200, {"ok": True})])
        reads.read()
        assert isinstance(reads.error, SourceError)
        assert reads.mark == mark


def test_cursors_die_and_the_read_goes_on(reads: Reads) -> None:
    talk(reads, 20)
    reads.slack.most = 4
    died: list[object] = []

    def before(call: object) -> None:
        if len(died) < 5 and reads.slack.count("history") % 3 == 2:
            reads.slack.kill_cursors()
            died.append(call)

    reads.slack.before = before
    reads.read()
    assert reads.error is None
    assert died
    assert len(reads.held["acme-tiles"]) == 23


def test_a_cursor_that_always_dies_ends_the_read(reads: Reads) -> None:
    reads.slack.most = 1
    reads.slack.before = lambda _call: reads.slack.kill_cursors()
    reads.read()
    assert isinstance(reads.error, SourceError)
    assert reads.slack.count() < 40


def test_an_empty_page_is_not_the_end(reads: Reads) -> None:
    talk(reads, 20)
    reads.slack.blank_first = True
    reads.slack.most = 4
    reads.read()
    assert len(reads.held["acme-tiles"]) == 23
    reads.read()
    assert reads.deleted() == set()


def test_more_without_a_cursor_is_a_fault(reads: Reads) -> None:
    answer = {"ok": True, "messages": [], "has_more": True}
    reads.slack.fail([None] * 6 + [status(200, answer)])
    reads.read()
    assert isinstance(reads.error, SourceError)
