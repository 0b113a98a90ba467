"""What may go wrong around a sync: nothing is lost, nothing is committed that is ahead of its data, nothing hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from crmctl.model.errors import CrmError
from crmctl.model.incoming import Batch, Incoming, Link, Waiting
from crmctl.sources.errors import SourceError
from crmctl.sources.source import Chunk, Request, Source
from crmctl.sources.webhooks import Heard
from crmctl.sync import unmatched
from crmctl.sync.gather import gather
from crmctl.sync.inbox import Inbox
from crmctl.workspace import sync_state
from crmctl.workspace.git import Git
from crmctl.workspace.workspace import Workspace
from crmctl.workspace.yamlfast import NotPlain, load_plain
from tests.conftest import Crm
from tests.sync.test_live import AT, Scripted, account, acme, chunk, files, mail, run

STATE = "accounts/_state/salesforce.yaml"
PROFILE = "accounts/acme/profile.md"


@pytest.fixture
def ws(workspace: Path) -> Workspace:
    return Workspace(workspace, seed=3)


def quiet(mark: str = "1") -> Scripted:
    """Nothing new."""
    return Scripted("salesforce", [chunk("salesforce", mark=mark)])


def news(mark: str = "2") -> Scripted:
    return Scripted(
        "salesforce",
        [chunk("salesforce", account("A1", "Acme", "acme.example", city="Oslo"), mark=mark)],
    )


def test_a_commit_takes_along_what_an_earlier_sync_left(ws: Workspace) -> None:
    run(ws, acme())
    report = run(ws, quiet(), commit=True)
    assert report.commit
    assert Git(ws.root).show("HEAD", PROFILE) is not None, "the mark would be ahead of the data"
    assert Git(ws.root).status() == {}


def test_a_sync_of_one_system_commits_what_all_left(ws: Workspace) -> None:
    run(ws, acme(), Scripted("email", [chunk("email", mail("m1", "kim@acme.example"), mark="7")]))
    run(ws, quiet(), commit=True)
    assert Git(ws.root).status() == {}


def test_a_mark_is_not_committed_while_its_data_cannot_be(ws: Workspace) -> None:
    run(ws, acme())
    profile = ws.root / PROFILE
    profile.write_bytes(profile.read_bytes() + b"\nMy own note.\n")
    run(ws, quiet("2"), commit=True)
    git = Git(ws.root)
    assert git.show("HEAD", PROFILE) is None
    assert git.show("HEAD", STATE) is None
    assert sync_state.load(ws.root, "salesforce").mark == {"seen": "2"}
    git.commit([PROFILE], "Mine")
    run(ws, quiet("2"), commit=True)
    assert git.status() == {}


def test_a_claim_that_is_not_committed_is_not_swept_into_a_commit(ws: Workspace, crm: Crm) -> None:
    stray = Incoming("gong", "interaction", "77", {"type": "call", "subject": "Hello"}, at=AT)
    run(ws, acme(), Scripted("gong", [chunk("gong", stray, mark="7")]), commit=True)
    assert crm("claim", "gong:77", "acme").code == 0
    later = Scripted("gong", [chunk("gong", mark="8")], whole=[stray])
    report = run(ws, later, commit=True)
    assert report.commit
    assert Git(ws.root).status().keys() == {"accounts/_state/gong.yaml"}
    assert "accounts/_state/gong.yaml" in report.outcomes[0].notes[0]
    state = sync_state.load(ws.root, "gong")
    assert (state.mark, state.claims) == ({"seen": "8"}, {"interaction:77": "acme"})


def test_what_waits_is_noted_before_the_mark_moves(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(ws, acme())
    post = Scripted("email", [chunk("email", mail("m9", "lee@brill.example"), mark="9")])
    apply = Workspace.apply

    def killed(self: Workspace, *arguments: object) -> None:
        apply(self, *arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(Workspace, "apply", killed)
    with pytest.raises(KeyboardInterrupt):
        run(ws, post)
    assert sync_state.load(ws.root, "email").mark == {"seen": "9"}
    assert [w.id for w in unmatched.load(ws.state_dir)] == ["m9"]


def waiting_mail(ws: Workspace, crm: Crm) -> Incoming:
    """One mail that waits, and the account that it belongs to, made later."""
    stranger = mail("m9", "lee@brill.example")
    run(ws, acme(), Scripted("email", [chunk("email", stranger, mark="9")]), commit=True)
    assert crm("new", "Brill", "--domain", "brill.example", "--no-tasks", "--commit").code == 0
    return stranger


def test_what_was_fetched_waits_on_while_its_file_is_damaged(ws: Workspace, crm: Crm) -> None:
    stranger = waiting_mail(ws, crm)
    traffic = ws.root / "accounts/brill/interactions/2026.jsonl"
    traffic.parent.mkdir(exist_ok=True)
    traffic.write_bytes(b"{broken\n")
    run(ws, Scripted("email", [chunk("email", mark="9")], whole=[stranger]))
    traffic.unlink()
    run(ws, Scripted("email", [chunk("email", mark="9")], whole=[stranger]))
    assert b"email:m9" in traffic.read_bytes()
    assert unmatched.load(ws.state_dir) == []


def test_what_was_fetched_waits_on_while_a_person_edits_its_file(ws: Workspace, crm: Crm) -> None:
    stranger = waiting_mail(ws, crm)
    traffic = ws.root / "accounts/brill/interactions/2026.jsonl"
    traffic.parent.mkdir(exist_ok=True)
    mine = b'{"id": "note:1", "at": "2026-11-01T09:00:00Z", "type": "note", "subject": "Mine"}\n'
    traffic.write_bytes(mine)
    report = run(ws, Scripted("email", [chunk("email", mark="9")], whole=[stranger]), commit=True)
    assert report.skipped == ["accounts/brill/interactions/2026.jsonl"]
    Git(ws.root).commit(report.skipped, "Mine")
    run(ws, Scripted("email", [chunk("email", mark="9")], whole=[stranger]), commit=True)
    assert b"email:m9" in traffic.read_bytes()
    assert unmatched.load(ws.state_dir) == []


def test_a_record_that_is_only_mentioned_never_waits(ws: Workspace) -> None:
    empty = Incoming("gong", "contact", "lee@brill.example", {}, Link(id="A1"), waits=False)
    run(ws, acme(), Scripted("gong", [chunk("gong", empty, mark="7")]))
    assert unmatched.load(ws.state_dir) == []


def test_an_interrupt_does_not_wait_for_those_who_read(ws: Workspace) -> None:
    began, ended, go = threading.Event(), threading.Event(), threading.Event()

    class Endless(Scripted):
        def read(self, request: Request) -> Iterator[Chunk]:
            began.set()
            try:
                while True:
                    yield chunk("slack")
                    go.wait(0.01)
            finally:
                ended.set()

    class Interrupted(Scripted):
        def read(self, request: Request) -> Iterator[Chunk]:
            began.wait(5)
            raise KeyboardInterrupt
            yield

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        gather(ws, [Interrupted("gong"), Endless("slack")])
    assert ended.wait(5), "the others stop at their next chunk"
    assert time.monotonic() - begun < 60


def test_an_interrupt_wakes_those_who_wait_for_the_customers(ws: Workspace) -> None:
    begun, ended = threading.Event(), threading.Event()

    class Waits(Scripted):
        def read(self, request: Request) -> Iterator[Chunk]:
            begun.set()
            try:
                request.interest()
            finally:
                ended.set()
            yield chunk("email")

    class Slow(Scripted):
        def read(self, request: Request) -> Iterator[Chunk]:
            while not ended.wait(0.01):
                yield chunk("salesforce")

    class Interrupted(Scripted):
        def read(self, request: Request) -> Iterator[Chunk]:
            begun.wait(5)
            raise KeyboardInterrupt
            yield

    with pytest.raises(KeyboardInterrupt):
        gather(ws, [Interrupted("gong"), Slow("salesforce"), Waits("email")])
    assert ended.wait(5)


def test_a_system_that_knows_the_customers_does_not_wait_for_itself(ws: Workspace) -> None:
    class Asks(Scripted):
        def read(self, request: Request) -> Iterator[Chunk]:
            assert request.interest().is_ours("ana@ours.example") in {True, False}
            yield from super().read(request)

    found: list[object] = []
    source = Asks("salesforce", [chunk("salesforce", account("A1", "Acme", "acme.example"))])
    worker = threading.Thread(target=lambda: found.extend(gather(ws, [source])), daemon=True)
    worker.start()
    worker.join(5)
    assert len(found) == 1


def inbox(ws: Workspace, source: Scripted, told: list[str]) -> Inbox:
    return Inbox(lambda: Workspace(ws.root, seed=5), lambda _ws, _system: source, told.append)


def carry(box: Inbox) -> None:
    stop = threading.Event()
    stop.set()
    box.work(stop)


def test_an_odd_delivery_stops_neither_the_others_nor_the_worker(ws: Workspace) -> None:
    run(ws, acme())
    told: list[str] = []
    box = inbox(ws, Scripted("slack"), told)

    def odd(_source: Source, _request: Request) -> Batch:
        raise KeyError("parties")

    def good(_source: Source, _request: Request) -> Batch:
        return Batch("slack", [mail("s1", "kim@acme.example", "slack")])

    assert box.put("slack", Heard("1", read=odd))
    assert box.put("slack", Heard("2", read=good))
    carry(box)
    assert b"slack:s1" in files(ws)["acme/interactions/2026.jsonl"]
    assert any("KeyError" in line for line in told)


def test_a_delivery_keeps_to_what_a_person_claimed(ws: Workspace, crm: Crm) -> None:
    stray = mail("s1", "lee@brill.example", "slack")
    run(ws, acme(), Scripted("slack", [chunk("slack", stray, mark="5")]), commit=True)
    assert crm("claim", "slack:s1", "acme", "--commit").code == 0
    run(ws, Scripted("slack", [chunk("slack", mark="5")], whole=[stray]))
    assert crm("new", "Brill", "--domain", "brill.example", "--no-tasks").code == 0
    box = inbox(ws, Scripted("slack"), [])
    edited = replace(stray, fields={**stray.fields, "text": "edited"})
    box.put("slack", Heard("2", read=lambda _s, _r: Batch("slack", [edited])))
    carry(box)
    assert b"edited" in files(ws)["acme/interactions/2026.jsonl"]
    assert "brill/interactions/2026.jsonl" not in files(ws), "it would be there twice"


def test_a_removed_record_returns_on_a_branch_that_never_had_it(ws: Workspace) -> None:
    run(ws, acme(), commit=True)
    git = Git(ws.root)
    before = git.head()
    other = chunk("salesforce", account("A2", "Brill", "brill.example"), mark="2")
    run(ws, Scripted("salesforce", [other]), commit=True)
    (ws.root / "accounts/brill/profile.md").unlink()
    git.commit(["accounts/brill/profile.md"], "Brill is gone")
    run(ws, Scripted("salesforce", [other]), full=True)
    assert "brill/profile.md" not in files(ws)
    assert before is not None
    git.run("update-ref", "HEAD", before)
    run(ws, Scripted("salesforce", [other]), full=True)
    assert "brill/profile.md" in files(ws)


def test_what_is_remembered_of_removed_records_is_for_its_owner_alone(ws: Workspace) -> None:
    run(ws, acme(), commit=True)
    kept = ws.state_dir / "removed.json"
    assert kept.stat().st_mode & 0o077 == 0


def test_a_mark_of_many_channels_can_be_read_again(ws: Workspace) -> None:
    channels = {
        f"C{number:09}": {
            "account": f"account-number-{number}",
            "edit": f"17725{number:05}.000200",
            "seen": f"17725{number:05}.000200",
        }
        for number in range(5000)
    }
    mark = {"team": "T1", "channels": channels}
    run(ws, acme(), Scripted("slack", [Chunk(Batch("slack", partial=True), mark)]))
    assert sync_state.load(ws.root, "slack").mark == mark


def test_a_source_is_asked_once_for_each_that_waits(ws: Workspace, crm: Crm) -> None:
    stranger = waiting_mail(ws, crm)
    later = Scripted("email", [chunk("email", mark="9")], whole=[stranger])
    run(ws, later)
    again = Scripted("email", [chunk("email", mark="9")], whole=[stranger])
    run(ws, again)
    assert ([w.id for w in later.fetched], again.fetched) == (["m9"], [])


def test_a_failed_fetch_loses_neither_what_was_read_nor_what_waits(ws: Workspace, crm: Crm) -> None:
    waiting_mail(ws, crm)

    class Down(Scripted):
        def fetch(self, request: Request, wanted: Sequence[Waiting]) -> Batch:
            raise CrmError("email is down")

    report = run(ws, Down("email", [chunk("email", mail("m10", "a@acme.example"), mark="10")]))
    assert not report.outcomes[0].ok
    assert b"email:m10" in files(ws)["acme/interactions/2026.jsonl"]
    assert sync_state.load(ws.root, "email").mark == {"seen": "10"}
    assert [w.id for w in unmatched.load(ws.state_dir)] == ["m9"]


def test_traffic_stays_where_it_is_when_its_people_move(ws: Workspace) -> None:
    kim = Incoming(
        "salesforce",
        "contact",
        "C1",
        {"name": "Kim Ek", "email": "kim@free.example"},
        Link(id="A1"),
    )
    both = [account("A1", "Acme", "acme.example"), account("A2", "Brill", "brill.example"), kim]
    post = Scripted("email", [chunk("email", mail("m1", "kim@free.example"), mark="1")])
    run(ws, Scripted("salesforce", [chunk("salesforce", *both, mark="1")]), post)
    moved = ws.root / "accounts/brill/contacts/kim-ek.md"
    moved.parent.mkdir(exist_ok=True)
    (ws.root / "accounts/acme/contacts/kim-ek.md").rename(moved)
    run(ws, post, full=True)
    assert [name for name, raw in files(ws).items() if b"email:m1" in raw] == [
        "acme/interactions/2026.jsonl"
    ]


def test_a_claim_reaches_a_mailbox_that_has_no_state_yet(ws: Workspace, crm: Crm) -> None:
    state = "email-ana-ours-example"
    stray = mail("m9", "kim@gmail.com")
    down = Scripted("email", [chunk("email", stray), SourceError("email is down")], state=state)
    run(ws, acme(), down)
    assert crm("claim", "email:m9", "acme").code == 0
    run(ws, Scripted("email", [chunk("email", mark="1")], state=state, whole=[stray]))
    assert b"email:m9" in files(ws)["acme/interactions/2026.jsonl"]


def test_no_thread_uses_the_fast_yaml_reader(ws: Workspace) -> None:
    assert load_plain("name: Acme\n") == {"name": "Acme"}
    found: list[object] = []

    def read() -> None:
        try:
            found.append(load_plain("name: Acme\n"))
        except NotPlain as error:
            found.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert isinstance(found[0], NotPlain), "yaml-rs is not safe beside other threads"
