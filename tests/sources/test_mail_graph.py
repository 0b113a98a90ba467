from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from crmctl.model.errors import ConfigError
from crmctl.model.incoming import Link, Waiting
from crmctl.sources.errors import AuthError, SourceError
from crmctl.sources.mail_graph import Graph as Source
from crmctl.sources.network import Network
from tests.live.graph import GraphHarness
from tests.servers.base import Call, Reply, Server, html, status
from tests.servers.clock import FakeClock
from tests.servers.graph import Graph, denied, too_many
from tests.servers.letters import START, customers, others
from tests.sources.mailboxes import KIM, events, letter, read, request, source_of

PARTNER = ("Pat Lee", "pat@advisers.example")
SAM = ("Sam", "sam@quarry.example")
Connect = Callable[..., Source]


@pytest.fixture
def harness() -> Iterator[GraphHarness]:
    with GraphHarness() as made:
        made.double.fresh_links = True
        yield made


@pytest.fixture
def box(harness: GraphHarness) -> Graph:
    return harness.double


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network(FakeClock(), budget=100_000)
    yield made
    made.close()


@pytest.fixture
def connect(harness: GraphHarness, network: Network, tmp_path: Path) -> Connect:
    def made(**settings: Any) -> Source:
        source = source_of(harness.environment(), tmp_path, network, **settings)
        assert isinstance(source, Source)
        return source

    return made


def whole(box: Graph) -> list[str]:
    """The ids of the messages that were asked for with their text."""
    return [unquote(c.path.split("/")[-2]) for c in box.calls if c.path.endswith("/$value")]


def links(mark: Any) -> dict[str, str]:
    found: dict[str, str] = mark["folders"]
    return found


def test_only_the_letters_of_customers_are_read_whole(box: Graph, connect: Connect) -> None:
    ours = [box.add(one) for one in customers(60)]
    for other in others():
        box.add(other)
    batch, mark = read(connect())
    assert len(whole(box)) == 61, "the automatic answer shows what it is only then"
    assert {item.id for item in ours} <= set(whole(box))
    assert links(mark).keys() == {box.standing["inbox"], box.standing["sentitems"]}
    told = events(batch)
    assert len(told) == 61
    one = told["0.0@hollisvane.example"]
    assert one.at == START
    assert one.account == Link(email="kim@hollisvane.example")
    assert one.fields["text"] == "Word 0 of ours."
    assert told["0.1@hollisvane.example"].fields["direction"] == "out"


def test_of_strangers_only_a_letter_waits_and_a_newsletter_does_not(
    box: Graph, connect: Connect
) -> None:
    for one in others():
        box.add(one)
    batch, _ = read(connect())
    (told,) = batch.records
    assert told.id == "s1@quarry.example"
    assert told.fields == {"type": "email", "direction": "in"}


def test_ids_stay_when_a_message_moves_and_may_hold_slashes(box: Graph, connect: Connect) -> None:
    item = box.add(letter("q1@hollisvane.example"))
    read(connect())
    assert "/" in item.id
    assert "+" in item.id
    assert whole(box) == [item.id]
    asked = [call for call in box.calls if call.method == "GET"]
    assert all('IdType="ImmutableId"' in call.headers["prefer"] for call in asked)
    assert {call.method for call in box.calls if "/users/" in call.path} == {"GET"}
    assert not item.read


def test_the_mark_stays_until_a_message_comes(box: Graph, connect: Connect) -> None:
    item = box.add(letter("q1@hollisvane.example"))
    other = box.add(letter("q2@hollisvane.example"))
    _, mark = read(connect())
    assert all(link.startswith("/v1.0/users/") for link in links(mark).values())
    box.read(item.id)
    box.remove(other.id)
    batch, same = read(connect(), request(mark))
    assert same == mark
    assert batch.records == []
    assert batch.partial
    box.add(letter("q3@hollisvane.example"))
    batch, moved = read(connect(), request(mark))
    assert list(events(batch)) == ["q3@hollisvane.example"]
    assert links(moved).keys() == links(mark).keys()
    assert moved != mark
    assert read(connect(), request(moved))[1] == moved


def test_links_are_followed_to_the_letter(box: Graph, connect: Connect) -> None:
    for one in customers(60):
        box.add(one)
    box.page = 7
    batch, mark = read(connect())
    assert len(events(batch)) == 60
    box.add(letter("q3@hollisvane.example"))
    box.calls.clear()
    read(connect(), request(mark))
    followed = [call.query["$deltatoken"] for call in box.calls if "$deltatoken" in call.query]
    assert sorted(followed) == sorted(
        unquote(link.partition("$deltatoken=")[2]) for link in links(mark).values()
    )


@pytest.mark.parametrize(
    ("code", "name"), [(410, ""), (400, "syncStateNotFound"), (404, "ResyncRequired")]
)
def test_a_link_that_expired_means_that_its_folder_is_read_anew(
    box: Graph, connect: Connect, code: int, name: str
) -> None:
    for one in customers(8):
        box.add(one)
    _, mark = read(connect())
    box.expired_status, box.expired_code = code, name
    box.forget()
    box.add(letter("q9@hollisvane.example"))
    batch, new = read(connect(), request(mark))
    assert len(events(batch)) == 9
    assert links(new).keys() == links(mark).keys()
    assert read(connect(), request(new))[1] == new


def test_links_that_always_expire_end(box: Graph, connect: Connect) -> None:
    box.add(letter("q1@hollisvane.example"))
    gone = status(410, {"error": {"code": "SyncStateNotFound", "message": "x"}})
    box.before = lambda call: box.faults.append(gone if call.path.endswith("/delta") else None)
    with pytest.raises(SourceError, match="Posteingang: run again"):
        read(connect())


def test_another_refusal_of_a_link_is_one(box: Graph, connect: Connect) -> None:
    box.add(letter("q1@hollisvane.example"))
    _, mark = read(connect())
    box.before = lambda call: box.faults.append(html(400) if call.path.endswith("/delta") else None)
    with pytest.raises(SourceError, match="400"):
        read(connect(), request(mark))


def test_a_link_to_another_host_is_refused(box: Graph, connect: Connect) -> None:
    class Elsewhere(Server):
        def handle(self, call: Call) -> Reply:
            return Reply(200, {"value": []})

    for one in customers(60):
        box.add(one)
    with Elsewhere() as other:
        box.elsewhere = other.url
        with pytest.raises(SourceError, match="another host"):
            read(connect())
        assert other.calls == []


def test_a_link_in_the_mark_leads_nowhere_else(box: Graph, connect: Connect) -> None:
    box.add(letter("q1@hollisvane.example"))
    inbox = box.standing["inbox"]
    for link in ("https://evil.example/v1.0/x", "//evil.example/x", "http://127.0.0.1:1/x"):
        with pytest.raises(SourceError, match="another host"):
            read(connect(), request({"folders": {inbox: link}}))


def test_junk_trash_and_drafts_and_what_lies_in_them_is_not_read(
    box: Graph, connect: Connect
) -> None:
    below = box.folder("Projekte", box.standing["inbox"])
    deep = box.folder("Kacheln", below.id)
    bin = box.folder("Alt", box.standing["deleteditems"])
    for number, folder in enumerate((below, deep, bin)):
        box.add(letter(f"q{number}@hollisvane.example"), folder.id)
    for name in ("junkemail", "deleteditems", "drafts"):
        box.add(letter(f"{name}@hollisvane.example"), box.standing[name])
    box.add(letter("d@hollisvane.example"), box.standing["inbox"], draft=True)
    batch, mark = read(connect())
    assert sorted(events(batch)) == ["q0@hollisvane.example", "q1@hollisvane.example"]
    assert links(mark).keys() == {box.standing["inbox"], below.id, deep.id}


def test_only_the_folders_that_are_named_are_read(box: Graph, connect: Connect) -> None:
    below = box.folder("Kacheln", box.standing["archive"])
    box.add(letter("q1@hollisvane.example"), below.id)
    box.add(letter("q2@hollisvane.example"))
    box.add(letter("q3@hollisvane.example"), box.standing["sentitems"])
    batch, mark = read(connect(folders=["archiv/kacheln", "Inbox", "Posteingang"]))
    assert sorted(events(batch)) == ["q1@hollisvane.example", "q2@hollisvane.example"]
    assert links(mark).keys() == {below.id, box.standing["inbox"]}
    with pytest.raises(ConfigError, match="no folder 'Nowhere'"):
        read(connect(folders=["Nowhere"]))


def test_a_message_that_was_moved_is_told_once(box: Graph, connect: Connect) -> None:
    item = box.add(letter("q1@hollisvane.example"))
    _, mark = read(connect())
    box.move(item.id, box.standing["archive"])
    stored = {"hollis-vane-freight": {"q1@hollisvane.example"}}
    asked = request(mark, stored=lambda account, _: stored.get(account, ()))
    batch, moved = read(connect(), asked)
    assert batch.records == []
    assert box.standing["archive"] in links(moved)


def test_a_folder_that_is_gone_leaves_the_mark_and_none_at_all_is_a_fault(
    box: Graph, connect: Connect
) -> None:
    extra = box.folder("Kacheln")
    item = box.add(letter("q1@hollisvane.example"), extra.id)
    box.add(letter("q2@hollisvane.example"))
    _, mark = read(connect())
    box.remove(item.id)
    del box.folders[extra.id]
    _, left = read(connect(), request(mark))
    assert links(left).keys() == {box.standing["inbox"]}
    box.folders.clear()
    with pytest.raises(SourceError, match="no folder"):
        read(connect(), request(mark))


def test_a_read_that_broke_off_goes_on_at_its_page(box: Graph, connect: Connect) -> None:
    for one in customers(60):
        box.add(one)
    box.page = 6
    everything, _ = read(connect())
    source = connect()
    broken: dict[str, Any] = {}
    mark: Any = {}

    def until_it_breaks() -> None:
        nonlocal mark, broken
        for chunk in source.read(request()):
            broken |= events(chunk.batch)
            mark = chunk.mark
            if len(broken) > 20:
                box.fail([html(503)] * 6)

    with pytest.raises(SourceError):
        until_it_breaks()
    assert any("$skiptoken" in link for link in links(mark).values())
    box.faults.clear()
    rest, end = read(connect(), request(mark))
    assert broken | events(rest) == events(everything)
    assert len(events(rest)) < 60
    assert all("$deltatoken" in link for link in links(end).values())


def test_too_many_at_once_is_waited_out(box: Graph, connect: Connect, network: Network) -> None:
    box.add(letter("q1@hollisvane.example"))
    box.fail([None, too_many("10"), None, too_many("10")])
    batch, _ = read(connect())
    assert len(batch.records) == 1
    assert isinstance(network.clock, FakeClock)
    assert network.clock.slept.count(10.0) == 2


def test_no_more_than_four_requests_go_out_at_once(box: Graph, connect: Connect) -> None:
    import threading

    for one in customers(30):
        box.add(one)
    source = connect()
    client = source.door.network.client
    send, lock, open_now, most = client.send, threading.Lock(), [0], [0]

    def counted(*arguments: Any, **keywords: Any) -> Any:
        with lock:
            open_now[0] += 1
            most[0] = max(most[0], open_now[0])
        try:
            return send(*arguments, **keywords)
        finally:
            with lock:
                open_now[0] -= 1

    client.send = counted  # type: ignore[method-assign]
    read(source)
    assert 1 <= most[0] <= 4


def test_a_missing_right_and_a_missing_mailbox_are_told_apart(box: Graph, connect: Connect) -> None:
    box.fail([None, denied])
    with pytest.raises(AuthError, match=r"erroraccessdenied.*application Mail\.Read"):
        read(connect())
    source = connect()
    box.address = "tom@ours.example"
    with pytest.raises(AuthError, match=r"ana@ours\.example has no mailbox"):
        read(source)


def test_a_message_that_goes_meanwhile_is_left_out(box: Graph, connect: Connect) -> None:
    items = [box.add(letter(f"q{number}@hollisvane.example")) for number in range(3)]
    stranger = box.add(letter("s1@quarry.example", SAM))

    def before(call: Call) -> None:
        if "/messages/" in call.path and not call.path.endswith("/delta"):
            for item in (items[0], stranger):
                if item.id in box.items:
                    box.remove(item.id)

    box.before = before
    batch, _ = read(connect())
    assert sorted(events(batch))[:2] == ["q1@hollisvane.example", "q2@hollisvane.example"]
    assert "q0@hollisvane.example" not in events(batch)


def test_a_huge_message_has_no_text(box: Graph, connect: Connect) -> None:
    box.add(letter("q1@hollisvane.example", attachment=b"x" * 1_500_000))
    box.add(letter("q2@hollisvane.example"))
    batch, _ = read(connect(size_limit=1))
    told = events(batch)
    assert "text" not in told["q1@hollisvane.example"].fields
    assert told["q1@hollisvane.example"].fields["subject"] == "Order"
    assert told["q2@hollisvane.example"].fields["text"] == "Word."


@pytest.mark.parametrize("at_once", [True, False])
def test_an_adviser_s_answer_in_a_customer_s_thread_is_the_customer_s(
    box: Graph, connect: Connect, *, at_once: bool
) -> None:
    box.add(letter("q1@hollisvane.example"))
    _, mark = read(connect()) if not at_once else ({}, {})
    box.add(letter("a1@advisers.example", PARTNER, references=("q1@hollisvane.example",), days=12))
    batch, _ = read(connect(), request(mark))
    assert events(batch)["a1@advisers.example"].account == Link(email=KIM[1])
    assert events(batch)["a1@advisers.example"].fields["text"] == "Word."


def test_what_waited_is_found_by_its_id_or_its_day(box: Graph, connect: Connect) -> None:
    box.add(letter("o'hara@quarry.example", SAM))
    box.add(letter("", SAM, subject="No id", days=5))
    found = events(read(connect())[0]).values()
    waiting = [Waiting("email", "event", one.id, str(one.at)[:10]) for one in found]
    assert sorted(one.id[:7] for one in waiting) == ["o'hara@", "sha256-"]
    gone = Waiting("email", "event", "gone@quarry.example", "2026-09-04")
    claims = {f"event:{one.id}": "acme-tiles" for one in waiting}
    batch = connect().fetch(request(claims=claims), [*waiting, gone])
    assert {one.fields["subject"] for one in events(batch).values()} == {"Order", "No id"}
    assert {one.account for one in batch.records} == {Link(slug="acme-tiles")}


def test_what_came_too_early_is_left_out(box: Graph, connect: Connect) -> None:
    item = box.add(letter("q1@hollisvane.example"))
    _, mark = read(connect())
    old = box.add(letter("old@hollisvane.example", days=-400))
    assert old.received < item.received
    batch, _ = read(connect(), request(mark))
    assert batch.records == []


def test_pages_in_circles_end(box: Graph, connect: Connect) -> None:
    box.add(letter("q1@hollisvane.example"))
    box.looping = True
    with pytest.raises(SourceError, match="circles"):
        read(connect())


def test_a_page_that_leads_nowhere_is_a_fault(box: Graph, connect: Connect) -> None:
    box.add(letter("q1@hollisvane.example"))
    last = status(200, {"value": []})
    box.before = lambda call: box.faults.append(last if call.path.endswith("/delta") else None)
    with pytest.raises(SourceError, match="no way on"):
        read(connect())


def test_the_check_says_what_is_read_and_what_the_app_may(box: Graph, connect: Connect) -> None:
    said = list(connect().check())
    assert said[0] == "email: Microsoft lets us read the mailbox of ana@ours.example"
    assert "Posteingang" in said[1]
    assert "Entwürfe" not in said[1]
    assert "policy" in said[2]
    source = connect()
    assert source.state == "email-ana-ours-example"
    assert source.limits() == {}
    read(source)
    assert "requests this run" in source.limits()


def test_what_is_missing_is_named_before_anything_is_sent(tmp_path: Path) -> None:
    network = Network(FakeClock())
    settings = {"DOOR": "graph", "USER": "ana@ours.example", "CLIENT_SECRET": "s"}
    environment = {f"CRMCTL_EMAIL_{name}": value for name, value in settings.items()}
    with pytest.raises(ConfigError, match="TENANT and CRMCTL_EMAIL_CLIENT_ID"):
        source_of(environment, tmp_path, network)
    with pytest.raises(ConfigError, match="unencrypted"):
        source_of({**environment, "CRMCTL_EMAIL_URL": "http://graph.example"}, tmp_path, network)
