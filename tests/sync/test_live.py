"""Taking in what live systems give: one plan, one commit, marks that are never ahead of the data."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from crmctl.model.incoming import Batch, Incoming, Link, Waiting
from crmctl.sources.errors import SourceError
from crmctl.sources.source import Chunk, Request
from crmctl.sync.gather import gather
from crmctl.sync.live import SyncReport, take_in
from crmctl.workspace import sync_state
from crmctl.workspace.git import Git
from crmctl.workspace.workspace import Workspace
from tests.conftest import Crm

AT = dt.datetime(2026, 11, 1, 9, tzinfo=dt.UTC)


@dataclass
class Scripted:
    """A source that gives these chunks; an error in their place ends the read."""

    system: str
    chunks: Sequence[Chunk | Exception] = ()
    state: str = ""
    asked: list[Request] = field(default_factory=list)
    fetched: list[Waiting] = field(default_factory=list)
    whole: Sequence[Incoming] = ()

    def __post_init__(self) -> None:
        self.state = self.state or self.system

    def read(self, request: Request) -> Iterator[Chunk]:
        self.asked.append(request)
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    def fetch(self, _request: Request, wanted: Sequence[Waiting]) -> Batch:
        self.fetched += wanted
        return Batch(self.system, list(self.whole))

    def check(self) -> Iterator[str]:
        yield "fine"

    def limits(self) -> Mapping[str, str]:
        return {"requests": "9 left"}


def account(
    id: str, name: str, domain: str, system: str = "salesforce", **more: object
) -> Incoming:
    return Incoming(system, "account", id, {"name": name, "domains": [domain], **more})


def mail(id: str, address: str, system: str = "email", **more: Any) -> Incoming:
    fields = {"type": "email", "subject": f"About {id}", **more}
    return Incoming(system, "event", id, fields, people=((Link(email=address), ""),), at=AT)


def chunk(system: str, *records: Incoming, mark: object = None, **more: object) -> Chunk:
    batch = Batch(system, list(records), partial=mark is not None and mark != "first", **more)  # type: ignore[arg-type]
    return Chunk(batch, {"seen": mark} if mark else None)


def run(ws: Workspace, *sources: Scripted, **how: object) -> SyncReport:
    taking = {k: v for k, v in how.items() if k in {"commit", "allow", "accounts", "dry_run"}}
    reading = {k: v for k, v in how.items() if k not in taking}
    return take_in(ws, gather(ws, sources, **reading), **taking)  # type: ignore[arg-type]


@pytest.fixture
def ws(workspace: Path) -> Workspace:
    return Workspace(workspace, seed=3)


def acme(mark: object = "1") -> Scripted:
    return Scripted(
        "salesforce", [chunk("salesforce", account("A1", "Acme", "acme.example"), mark=mark)]
    )


def files(ws: Workspace) -> dict[str, bytes]:
    folder = ws.root / "accounts"
    return {
        f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()
    }


def test_mail_finds_the_account_that_arrives_in_the_same_run(ws: Workspace) -> None:
    post = Scripted("email", [chunk("email", mail("m1", "kim@acme.example"), mark="7")])
    report = run(ws, post, acme(), commit=True)
    assert [outcome.ok for outcome in report.outcomes] == [True, True]
    line = json.loads(files(ws)["acme/interactions/2026.jsonl"])
    assert line["id"] == "email:m1"
    assert sync_state.load(ws.root, "email").mark == {"seen": "7"}
    assert Git(ws.root).status() == {}
    assert len(Git(ws.root).log_runs(9)) == 1, "one commit for all sources"


def test_a_source_may_wait_for_those_that_know_the_customers(ws: Workspace) -> None:
    class Waits(Scripted):
        def read(self, request: Request) -> Iterator[Chunk]:
            assert request.interest().account("kim@acme.example")
            assert not request.interest().account("kim@elsewhere.example")
            yield from super().read(request)

    report = run(ws, Waits("email", [chunk("email", mail("m1", "kim@acme.example"))]), acme())
    assert [outcome.error for outcome in report.outcomes] == ["", ""]


def test_one_that_fails_keeps_what_it_gave_and_stops_nobody(ws: Workspace) -> None:
    broken = Scripted(
        "salesforce",
        [
            chunk("salesforce", account("A1", "Acme", "acme.example"), mark="1"),
            chunk("salesforce", account("A2", "Brill", "brill.example")),
            SourceError("salesforce is down: try again later"),
        ],
    )
    report = run(
        ws,
        broken,
        Scripted("slack", [chunk("slack", mail("s1", "a@acme.example", "slack"), mark="5")]),
    )
    assert [outcome.error for outcome in report.outcomes] == [
        "salesforce is down: try again later",
        "",
    ]
    assert {"acme/profile.md", "brill/profile.md"} <= files(ws).keys()
    assert sync_state.load(ws.root, "salesforce").mark == {"seen": "1"}, "the last safe mark"
    assert sync_state.load(ws.root, "slack").mark == {"seen": "5"}


def test_odd_data_of_one_system_is_its_own_failure(ws: Workspace) -> None:
    report = run(ws, Scripted("gong", [KeyError("parties")]), acme())
    assert "cannot read (KeyError)" in report.outcomes[0].error
    assert "acme/profile.md" in files(ws)


def test_the_next_read_goes_on_from_the_mark(ws: Workspace) -> None:
    run(ws, acme("3"))
    again = acme("3")
    before = files(ws)
    report = run(ws, again)
    assert again.asked[0].mark == {"seen": "3"}
    assert files(ws) == before
    assert report.run_id == ""
    full = acme("3")
    run(ws, full, full=True)
    assert full.asked[0].mark == {}


def test_nothing_new_is_no_fault_but_nothing_at_all_is(ws: Workspace) -> None:
    run(ws, acme())
    assert run(ws, Scripted("salesforce", [chunk("salesforce", mark="1")])).outcomes[0].ok
    empty = Scripted("salesforce", [Chunk(Batch("salesforce"), {"seen": "9"})])
    report = run(ws, empty, full=True)
    assert "gave nothing at all" in report.outcomes[0].guard
    assert sync_state.load(ws.root, "salesforce").mark == {"seen": "1"}
    assert run(ws, empty, full=True, allow={"empty"}).outcomes[0].ok


def test_a_guard_stops_its_own_source_alone(ws: Workspace) -> None:
    many = [account(f"A{n}", f"Firm {n}", f"firm{n}.example", industry="old") for n in range(30)]
    run(ws, Scripted("salesforce", [chunk("salesforce", *many, mark="1")]))
    turned = [account(f"A{n}", f"Firm {n}", f"firm{n}.example", industry="new") for n in range(30)]
    report = run(
        ws,
        Scripted("salesforce", [chunk("salesforce", *turned, mark="2")]),
        Scripted("slack", [chunk("slack", mail("s1", "kim@firm3.example", "slack"), mark="5")]),
    )
    assert "would change 30 of 30 accounts" in report.outcomes[0].guard
    assert b"industry: old" in files(ws)["firm-3/profile.md"]
    assert sync_state.load(ws.root, "salesforce").mark == {"seen": "1"}
    assert "firm-3/interactions/2026.jsonl" in files(ws)


def test_a_mark_waits_for_a_file_that_a_person_is_editing(ws: Workspace) -> None:
    run(ws, acme(), commit=True)
    profile = ws.root / "accounts/acme/profile.md"
    profile.write_bytes(profile.read_bytes() + b"\nMy own note.\n")
    news = Scripted(
        "salesforce",
        [chunk("salesforce", account("A1", "Acme", "acme.example", city="Oslo"), mark="2")],
    )
    report = run(ws, news, commit=True)
    assert report.skipped == ["accounts/acme/profile.md"]
    assert sync_state.load(ws.root, "salesforce").mark == {"seen": "1"}
    assert b"Oslo" not in profile.read_bytes()
    git = Git(ws.root)
    git.commit(["accounts/acme/profile.md"], "Note")
    run(ws, news, commit=True)
    assert b"Oslo" in profile.read_bytes()
    assert git.status() == {}


def test_a_mark_waits_for_a_file_that_is_damaged(ws: Workspace) -> None:
    run(ws, acme())
    profile = ws.root / "accounts/acme/profile.md"
    good = profile.read_bytes()
    profile.write_bytes(good.replace(b"---\n", b"---\n{{{\n", 1))
    news = Scripted(
        "salesforce",
        [chunk("salesforce", account("A1", "Acme", "acme.example", city="Oslo"), mark="2")],
    )
    assert run(ws, news).plan.held == {"salesforce"}
    assert sync_state.load(ws.root, "salesforce").mark == {"seen": "1"}
    profile.write_bytes(good)
    run(ws, news)
    assert b"Oslo" in profile.read_bytes()


def test_some_accounts_only_moves_no_mark(ws: Workspace) -> None:
    both = chunk(
        "salesforce",
        account("A1", "Acme", "acme.example"),
        account("A2", "Brill", "brill.example"),
        mark="1",
    )
    run(ws, Scripted("salesforce", [both]), accounts=["brill"])
    assert files(ws).keys() == {"brill/profile.md"}


def test_a_reverted_commit_is_read_again(ws: Workspace, crm: Crm) -> None:
    run(ws, acme("1"), commit=True)
    run(
        ws,
        Scripted(
            "salesforce", [chunk("salesforce", account("A2", "Brill", "brill.example"), mark="2")]
        ),
        commit=True,
    )
    before = files(ws)
    undone = crm("undo", "--commit")
    assert undone.code == 0, undone.err
    assert sync_state.load(ws.root, "salesforce").mark == {"seen": "1"}
    assert "brill/profile.md" not in files(ws)
    again = Scripted(
        "salesforce", [chunk("salesforce", account("A2", "Brill", "brill.example"), mark="2")]
    )
    run(Workspace(ws.root, seed=4), again, commit=True)
    assert files(ws) == before


def test_what_a_person_removed_stays_away_until_it_is_restored(ws: Workspace) -> None:
    person = Incoming(
        "salesforce",
        "contact",
        "C1",
        {"name": "Kim Ek", "email": "kim@acme.example"},
        Link(id="A1"),
    )
    everything = chunk("salesforce", account("A1", "Acme", "acme.example"), person, mark="1")
    run(ws, Scripted("salesforce", [everything]), commit=True)
    file = ws.root / "accounts/acme/contacts/kim-ek.md"
    kept = file.read_bytes()
    file.unlink()
    report = run(ws, Scripted("salesforce", [everything]), full=True)
    assert not file.exists()
    assert "the files of 1 records: they stay away" in report.outcomes[0].notes[0]
    Git(ws.root).commit(["accounts/acme/contacts/kim-ek.md"], "Kim asked to be removed")
    run(ws, Scripted("salesforce", [everything]), full=True, commit=True)
    assert not file.exists()
    run(ws, Scripted("salesforce", [everything]), full=True)
    assert not file.exists(), "also when the history was read before"
    file.write_bytes(kept)
    run(ws, Scripted("salesforce", [everything]), full=True)
    assert file.read_bytes() == kept


def test_what_fits_no_account_is_fetched_once_an_account_has_its_domain(
    ws: Workspace, crm: Crm
) -> None:
    stranger = mail("m9", "lee@brill.example", text="secret plans")
    post = Scripted("email", [chunk("email", stranger, mark="9")], whole=[stranger])
    run(ws, acme(), post)
    assert crm("unmatched").rows == [["email", "event", "m9", "2026-11-01", "brill.example"]]
    assert b"secret" not in b"".join(f.read_bytes() for f in ws.root.rglob("*") if f.is_file())
    assert crm("new", "Brill", "--domain", "brill.example", "--no-tasks").code == 0
    later = Scripted("email", [chunk("email", mark="9")], whole=[stranger])
    run(ws, later)
    assert [w.id for w in later.fetched] == ["m9"]
    assert b"secret plans" in files(ws)["brill/interactions/2026.jsonl"]
    assert crm("unmatched").rows == []


def test_a_person_gives_a_record_to_an_account(ws: Workspace, crm: Crm) -> None:
    stray = Incoming("gong", "interaction", "77", {"type": "call", "subject": "Hello"}, at=AT)
    run(ws, acme(), Scripted("gong", [chunk("gong", stray, mark="7")]), commit=True)
    assert crm("claim", "gong:77", "acme", "--commit").code == 0
    later = Scripted("gong", [chunk("gong", mark="7")], whole=[stray])
    run(ws, later, commit=True)
    assert [name for name in files(ws) if "gong-77" in name] == [
        "acme/interactions/2026-11-01-call-gong-77.md"
    ]
    before = files(ws)
    run(ws, Scripted("gong", [chunk("gong", stray, mark="7")]), commit=True)
    assert files(ws) == before
    assert crm("unmatched").rows == []


def test_a_domain_is_claimed_for_an_account(ws: Workspace, crm: Crm) -> None:
    run(ws, acme())
    assert crm("claim", "acme-group.example", "acme").code == 0
    assert crm("show", "acme", "--json").out.count("acme-group.example") >= 1


def test_an_older_statement_never_brings_back_what_was_deleted(ws: Workspace) -> None:
    def version(stamp: str, **more: Any) -> Incoming:
        return account("A1", "Acme", "acme.example", modified=stamp, **more)

    gone = Incoming("salesforce", "account", "A1", {"modified": "2026-11-03"}, deleted=True)
    for record in (version("2026-11-01", city="Oslo"), gone, version("2026-11-02", city="Rome")):
        run(
            ws,
            Scripted(
                "salesforce", [chunk("salesforce", record, mark=str(record.fields["modified"]))]
            ),
        )
    text = files(ws)["acme/profile.md"]
    assert b"deleted: true" in text
    assert b"Oslo" in text
    assert b"Rome" not in text


def test_a_dry_run_shows_the_marks_too_and_writes_nothing(ws: Workspace) -> None:
    before = files(ws)
    report = run(ws, acme(), dry_run=True)
    assert report.plan.changes.paths == [
        "accounts/acme/profile.md",
        "accounts/_state/salesforce.yaml",
    ]
    assert files(ws) == before


def test_a_sync_that_ran_meanwhile_keeps_its_mark(ws: Workspace) -> None:
    run(ws, acme("1"))
    mine = gather(ws, [Scripted("salesforce", [chunk("salesforce", mark="5")])])
    run(
        ws,
        Scripted(
            "salesforce", [chunk("salesforce", account("A2", "Brill", "brill.example"), mark="6")]
        ),
    )
    take_in(ws, mine)
    assert sync_state.load(ws.root, "salesforce").mark == {"seen": "6"}


@pytest.mark.parametrize(
    "mark",
    [
        {"seen": "2026-11-01T09:00:00.000Z", "n": 3, "deep": {"C1": {"seen": "1772528399.000200"}}},
        {"folders": {"Entwürfe & mehr: x": {"uidvalidity": 1795330159, "last_uid": 7}}},
        {"ids": ["9007199254740993", "NO", "0123", "2026-11-01", "~", ""], "ok": True},
    ],
)
def test_a_mark_comes_back_as_it_was(ws: Workspace, mark: dict[str, object]) -> None:
    run(
        ws,
        Scripted(
            "salesforce",
            [Chunk(Batch("salesforce", [account("A1", "Acme", "acme.example")]), mark)],
        ),
    )
    assert sync_state.load(ws.root, "salesforce").mark == mark
    before = files(ws)
    run(
        ws,
        Scripted(
            "salesforce", [Chunk(Batch("salesforce", partial=True), dict(reversed(mark.items())))]
        ),
    )
    assert files(ws) == before
