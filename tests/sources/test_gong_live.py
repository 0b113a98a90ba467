from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from crmctl.model.incoming import Link, Waiting
from crmctl.sources.errors import AuthError, QuotaError, SourceError, StatusError
from crmctl.sources.gong_live import Gong as Source
from crmctl.sources.gong_live import connect
from crmctl.sources.network import Network
from crmctl.sources.source import Chunk
from crmctl.workspace.source_settings import GongSettings
from tests.servers.base import Call, Reply, status
from tests.servers.gong import KEY, SECRET, Gong
from tests.servers.gong_data import WORKSPACE
from tests.sources.talks import NOW, ago, machine, network, of_kind, read, request

INES = ("Ines Okafor", "ines@hollisvane.example")
STRANGER = ("Nobody", "n@unknown.example")
SAID = [(0, "Hello."), (1, "Good morning.")]
STEPS = {"highlights": [{"title": "Next steps", "items": [{"text": "Ana sends it"}]}]}


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


@pytest.fixture
def gong() -> Iterator[Gong]:
    with Gong() as server:
        server.add_user("Ana Reyes", "ana@ours.example")
        yield server


@pytest.fixture
def wire(gong: Gong) -> Iterator[Network]:
    with network(gong.clock) as found:
        yield found


@pytest.fixture
def source(gong: Gong, wire: Network, tmp_path: Path) -> Source:
    return source_of(gong, wire, tmp_path)


def source_of(gong: Gong, wire: Network, folder: Path, **settings: Any) -> Source:
    names = {"url": gong.url, "access_key": KEY, "access_key_secret": SECRET}
    found = connect(machine(folder, "gong", names), GongSettings(**settings), wire)
    assert isinstance(found, Source)
    assert gong.calls == [], "nothing is sent before it is asked"
    return found


def add(gong: Gong, started: dt.datetime, guest: tuple[str, str] = INES, **more: Any) -> str:
    given: dict[str, Any] = {"said": SAID, "title": "A call", **more}
    return gong.add_call(started, next(iter(gong.users)), [guest], **given)


def asked(gong: Gong, what: str) -> list[Any]:
    """The bodies of all requests for something."""
    return [call.json for call in gong.calls if call.path.endswith(what)]


def test_a_read_gives_calls_people_and_tasks(gong: Gong, source: Source) -> None:
    id = add(gong, ago(3), content=STEPS, minutes=20)
    batch, mark = read(source)
    record = of_kind(batch, "interaction")[id]
    assert (record.fields["type"], record.fields["minutes"]) == ("meeting", 20)
    assert "**Ines Okafor** (external, 0:04): Good morning." in record.body
    assert list(of_kind(batch, "contact")) == ["ines@hollisvane.example"]
    assert [task.fields["title"] for task in of_kind(batch, "task").values()] == ["Ana sends it"]
    assert batch.owners == {next(iter(gong.users)): ("Ana Reyes", "ana@ours.example")}
    assert not batch.partial
    assert mark["seen"] == "2026-11-13T08:00:00Z"
    assert "pending" not in mark


def test_windows_go_forward_and_end_when_the_run_began(gong: Gong, source: Source) -> None:
    add(gong, ago(50))
    read(source)
    filters = [body["filter"] for body in asked(gong, "/extensive")]
    assert filters[0]["fromDateTime"] == "2026-09-17T00:00:00Z", "whole days"
    assert filters[-1]["toDateTime"] == "2026-11-16T08:00:00Z"
    for one, other in pairwise(filters):
        assert one["toDateTime"] == other["fromDateTime"]
    lengths = [_days(one) for one in filters]
    assert max(lengths) <= 30
    assert gong.count("/v2/calls/") == len(filters) + 1, "the plain list is never asked for"


def _days(window: dict[str, str]) -> float:
    begin, end = (dt.datetime.fromisoformat(window[n]) for n in ("fromDateTime", "toDateTime"))
    return (end - begin) / dt.timedelta(days=1)


def test_pages_are_followed_by_the_cursor_in_the_body(gong: Gong, source: Source) -> None:
    gong.page = 3
    ids = {add(gong, ago(1, number)) for number in range(10)}
    batch, _ = read(source)
    assert of_kind(batch, "interaction").keys() == ids
    pages = [body for body in asked(gong, "/extensive") if "cursor" in body]
    assert len(pages) == 3
    first = asked(gong, "/extensive")[-4]
    assert all({**body, "cursor": None} == {**first, "cursor": None} for body in pages)
    assert all(not call.pairs for call in gong.calls if call.method == "POST")


def test_no_calls_is_an_answer_and_other_404s_are_not(gong: Gong, source: Source) -> None:
    batch, mark = read(source)
    assert (batch.records, mark) == ([], {})
    gong.fail([status(404, b'{"requestId":"x7","errors":["The resource does not exist"]}')])
    with pytest.raises(StatusError, match=r"404, The resource does not exist \(request x7\)"):
        read(source)


def test_nothing_new_costs_one_request_and_the_same_mark(gong: Gong, source: Source) -> None:
    for number in range(5):
        add(gong, ago(number * 9 + 1))
    _, mark = read(source)
    gong.calls.clear()
    again, later = read(source, mark, now=NOW + dt.timedelta(hours=2))
    assert (later, again.records, again.waiting, again.partial) == (mark, [], [], True)
    assert [call.path for call in gong.calls] == ["/v2/calls/extensive"]


def test_a_late_call_a_late_brief_and_a_new_customer_are_seen(gong: Gong, source: Source) -> None:
    add(gong, ago(1))
    old = add(gong, ago(9), title="Old")
    other = add(gong, ago(5), STRANGER)
    quiet = add(gong, ago(7))
    batch, mark = read(source)
    assert other not in of_kind(batch, "interaction")
    late = add(gong, ago(6), title="Came late")
    gong.talks[old]["content"]["brief"] = "Now it is known what it was about."
    found, later = read(source, mark)
    assert of_kind(found, "interaction").keys() == {old, late}
    assert "Now it is known" in of_kind(found, "interaction")[old].body
    assert "Good morning" in of_kind(found, "interaction")[old].body, "the prose is whole"
    assert later != mark
    gong.talks[other]["parties"][1]["emailAddress"] = "n@nordlicht.example"
    found, _ = read(source, later)
    assert of_kind(found, "interaction").keys() == {other}
    assert quiet not in of_kind(found, "interaction")


def test_a_transcript_that_was_not_ready_comes_later(gong: Gong, source: Source) -> None:
    add(gong, ago(2))
    id = add(gong, ago(2, 1), ready=False, content={"brief": "Short."})
    batch, mark = read(source)
    assert mark["pending"] == [id]
    assert of_kind(batch, "interaction")[id].body == "## Summary\n\nShort."
    gong.calls.clear()
    batch, again = read(source, mark)
    assert (batch.records, again) == ([], mark), "it is not there yet: nothing new"
    assert [body["filter"]["callIds"] for body in asked(gong, "/transcript")] == [[id]]
    gong.not_ready.clear()
    batch, done = read(source, mark)
    assert list(of_kind(batch, "interaction")) == [id]
    assert "Good morning" in of_kind(batch, "interaction")[id].body
    assert "pending" not in done
    assert done["days"] == mark["days"]


def test_too_many_that_are_not_ready_are_not_noted_one_by_one(gong: Gong, source: Source) -> None:
    ids = [add(gong, ago(2, number / 60), ready=False) for number in range(310)]
    _, mark = read(source)
    assert "pending" not in mark
    gong.not_ready.clear()
    batch, _ = read(source, mark)
    assert of_kind(batch, "interaction").keys() == set(ids)


def test_what_was_not_ready_long_ago_is_not_waited_for(gong: Gong, source: Source) -> None:
    add(gong, ago(1))
    add(gong, ago(40), ready=False)
    late = add(gong, ago(4), ready=False)
    _, mark = read(source)
    assert mark["pending"] == [late]
    assert [day[:10] for day in mark["days"]] == ["2026-11-12", "2026-11-15"]
    assert read(source, mark)[1] == mark
    add(gong, ago(0, 1))
    gong.remove(late)
    assert "pending" not in read(source, mark)[1]


def test_transcripts_are_asked_for_by_ids_alone_a_hundred_at_once(
    gong: Gong, source: Source
) -> None:
    wanted = [add(gong, ago(3, number / 100)) for number in range(130)]
    add(gong, ago(3), STRANGER)
    read(source)
    bodies = asked(gong, "/transcript")
    assert [body.keys() for body in bodies] == [{"filter"}, {"filter"}]
    assert [list(body["filter"]) for body in bodies] == [["callIds"]] * 2
    ids = [id for body in bodies for id in body["filter"]["callIds"]]
    assert sorted(ids) == sorted(wanted)
    assert max(len(body["filter"]["callIds"]) for body in bodies) <= 100


def test_what_concerns_nobody_waits_and_is_fetched_whole(gong: Gong, source: Source) -> None:
    id = add(gong, ago(3), STRANGER, content=STEPS)
    gong.add_call(ago(3), next(iter(gong.users)), title="Among ourselves")
    batch, _ = read(source)
    expected = Waiting("gong", "interaction", id, "2026-11-13", "unknown.example")
    assert (batch.records, batch.waiting) == ([], [expected])
    assert asked(gong, "/transcript") == []
    gone = Waiting("gong", "interaction", "17391840226115904000")
    claims = {f"interaction:{id}": "acme-tiles"}
    found = source.fetch(
        request(claims=claims), [*batch.waiting, gone, Waiting("gong", "task", "1")]
    )
    assert {record.kind for record in found.records} == {"interaction", "contact", "task"}
    record = of_kind(found, "interaction")[id]
    assert record.account == Link(slug="acme-tiles")
    assert "Good morning" in record.body
    assert all(r.account == Link(slug="acme-tiles") for r in of_kind(found, "task").values())


def test_a_call_that_a_person_gave_to_an_account_is_read_like_any_other(
    gong: Gong, source: Source
) -> None:
    id = add(gong, ago(3), STRANGER)
    batch, _ = read(source, claims={f"interaction:{id}": "acme-tiles"})
    assert of_kind(batch, "interaction")[id].account == Link(slug="acme-tiles")
    assert batch.waiting == []


def test_private_calls_stay_where_they_are(gong: Gong, wire: Network, tmp_path: Path) -> None:
    id = add(gong, ago(3), isPrivate=True)
    batch, mark = read(source_of(gong, wire, tmp_path))
    assert (batch.records, batch.waiting) == ([], [])
    assert mark["seen"] == "2026-11-13T08:00:00Z", "it was seen all the same"
    gong.calls.clear()
    batch, _ = read(source_of(gong, wire, tmp_path, private=True))
    assert list(of_kind(batch, "interaction")) == [id]


def test_settings_say_what_is_kept(gong: Gong, wire: Network, tmp_path: Path) -> None:
    add(gong, ago(3), content=STEPS)
    add(gong, ago(3), workspaceId="1")
    source = source_of(
        gong, wire, tmp_path, transcripts=False, tasks=False, contacts=False, workspace=WORKSPACE
    )
    batch, mark = read(source)
    assert [record.kind for record in batch.records] == ["interaction", "contact"]
    assert "Transcript" not in batch.records[0].body
    assert not batch.records[1].creates
    assert gong.count("/transcript") == 0
    assert "pending" not in mark


def test_cursors_that_run_out_are_gone_over_once_more(gong: Gong, source: Source) -> None:
    gong.page = 2
    ids = {add(gong, ago(1, number)) for number in range(5)}
    killed = 0

    def before(call: Call) -> None:
        nonlocal killed
        if b'"cursor"' in call.body and killed < most:
            killed += 1
            gong.kill_cursors()

    gong.before = before
    most = 1
    batch, _ = read(source)
    assert of_kind(batch, "interaction").keys() == ids
    assert len(of_kind(batch, "interaction")) == len(
        [r for r in batch.records if r.kind == "interaction"]
    )
    killed, most = 0, 9
    with pytest.raises(SourceError, match="run out before the next page"):
        read(source)


def test_a_page_that_names_itself_ends_even_if_its_cursor_is_ever_new(
    gong: Gong, source: Source
) -> None:
    add(gong, ago(1))
    gong.looping = True
    with pytest.raises(SourceError, match="circles"):
        read(source)
    assert gong.count() < 12


def test_an_empty_answer_where_something_was_is_a_fault(gong: Gong, source: Source) -> None:
    add(gong, ago(3))
    _, mark = read(source)
    gong.empty = True
    with pytest.raises(SourceError, match=r"no call at all since 2026-10-30.*--full"):
        read(source, mark)


def test_a_call_that_starts_tomorrow_hides_nothing(gong: Gong, source: Source) -> None:
    add(gong, ago(3))
    add(gong, ago(-2))
    batch, mark = read(source)
    assert len(of_kind(batch, "interaction")) == 1
    assert mark["seen"] == "2026-11-13T08:00:00Z"


def test_a_day_is_never_split_by_the_end_of_a_window(gong: Gong, source: Source) -> None:
    for hour in range(-30, 30, 5):
        add(gong, dt.datetime(2026, 10, 3, tzinfo=dt.UTC) + dt.timedelta(hours=hour))
    batch, mark = read(source)
    assert len(of_kind(batch, "interaction")) == 12
    assert len(batch.records) == 24, "each once, with its guest"
    assert read(source, mark)[1] == mark


def test_a_call_that_lacks_the_main_thing_is_told_and_the_others_come(
    gong: Gong, source: Source
) -> None:
    bad, good = add(gong, ago(3)), add(gong, ago(4))
    shown = gong.handle

    def handle(call: Call) -> Reply:
        reply = shown(call)
        raw = reply.raw().replace(f'"id": "{bad}"'.encode(), b'"id": null')
        return Reply(reply.status, raw, reply.headers)

    gong.handle = handle  # type: ignore[method-assign]
    batch, _ = read(source)
    assert list(of_kind(batch, "interaction")) == [good]
    assert [(r.origin, r.reason) for r in batch.rejected] == [("gong call", "has no id")]


def test_who_of_us_it_was_is_looked_up_where_the_call_does_not_say(
    gong: Gong, source: Source
) -> None:
    tom = gong.add_user("Tom Adeyemi", "tom@ours.example")
    gong.page = 1
    id = add(gong, ago(3), primaryUserId=tom)
    batch, _ = read(source)
    assert of_kind(batch, "interaction")[id].fields["by"] == tom
    assert batch.owners == {tom: ("Tom Adeyemi", "tom@ours.example")}
    assert [call.query.get("cursor") is None for call in gong.calls if "users" in call.path] == [
        True,
        False,
    ]


def test_without_the_right_to_see_users_the_id_has_to_do(gong: Gong, source: Source) -> None:
    gong.scopes.remove("api:users:read")
    id = add(gong, ago(3), primaryUserId="77")
    batch, _ = read(source)
    assert of_kind(batch, "interaction")[id].fields["by"] == "77"
    assert batch.owners == {}


def test_wrong_keys_and_missing_rights_are_told(gong: Gong, source: Source, wire: Network) -> None:
    add(gong, ago(3))
    gong.scopes.remove("api:calls:read:transcript")
    with pytest.raises(StatusError, match=r"transcript: 403, Missing scope .* a scope is missing"):
        read(source)
    gong.trusted = False
    with pytest.raises(StatusError, match="does not trust this machine's address"):
        read(source)
    gong.trusted = True
    gong.fail([status(401, b'{"requestId":"q","errors":["Access key or secret is invalid"]}')])
    with pytest.raises(AuthError, match=r"does not accept our credentials.*crmctl auth gong"):
        read(source)
    assert SECRET in wire.secrets


def test_the_pace_keeps_within_what_gong_allows(gong: Gong, source: Source) -> None:
    gong.limited, gong.page = True, 4
    for number in range(1, 61):
        add(gong, ago(number))
    batch, _ = read(source)
    assert len(of_kind(batch, "interaction")) == 60
    assert gong.clock.slept
    assert max(gong.clock.slept) < 1, "no 429 was met"
    assert gong.count() <= 60 / 4 + 5 + 15, "listing and transcripts, a page or a hundred at once"


def test_when_the_days_requests_are_spent_the_run_ends_and_keeps_what_it_has(
    gong: Gong, source: Source
) -> None:
    for number in range(1, 50):
        add(gong, ago(number))
    gong.limited, gong.daily = True, 5
    seen: list[Chunk] = []
    with pytest.raises(QuotaError, match="36000 seconds"):
        seen.extend(source.read(request()))
    last = seen[-1].mark
    assert last is not None
    gong.limited = False
    rest, _ = read(source, last)
    first = {id for chunk in seen for id in of_kind(chunk.batch, "interaction")}
    assert first | of_kind(rest, "interaction").keys() == gong.talks.keys()


def test_check_tells_what_the_key_is_good_for(gong: Gong, source: Source) -> None:
    gong.scopes.remove("api:users:read")
    told = list(source.check())
    assert told[:4] == [
        f"gong accepts our credentials at {gong.url}",
        "workspaces: Main",
        "may read calls",
        "may read transcripts",
    ]
    assert told[4].startswith("may not read users: ")
    assert source.limits() == {"requests this run": "4 of 10000 a day for the whole company"}


def test_limits_are_silent_where_nothing_was_asked(source: Source) -> None:
    assert source.limits() == {}


def test_thousands_of_calls_are_read_in_reasonable_time(gong: Gong, source: Source) -> None:
    for number in range(2000):
        add(gong, ago(1 + number / 40))
    begun = time.process_time()
    batch, _ = read(source)
    assert len(of_kind(batch, "interaction")) == 2000
    assert time.process_time() - begun < 10
