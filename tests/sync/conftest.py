"""A workspace in a repository of its own, and batches of plainly fictional records."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crmctl.model.incoming import Batch, Incoming, Link
from crmctl.workspace.workspace import Workspace

NOW = dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)
CONFIG = """\
company: Northwind Tools
our_domains: [northwind.example]
team:
  - {id: ana, name: Ana Silva, email: ana.silva@northwind.example, ids: {salesforce: 005ANA}}
"""
TEMPLATE = """\
---
name:{% if name %} {{ name }}{% endif +%}
domains:

# Where we stand
stage:{% if stage %} {{ stage }}{% endif +%}
step:{% if step %} {{ step }}{% endif +%}
owner:
next_step:
---

# {{ name }}
"""

Make = Callable[..., Workspace]


def git(root: Path, *args: str) -> str:
    """What plain git prints."""
    done = subprocess.run(["git", *args], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout


def snapshot(root: Path) -> dict[str, bytes]:
    """Every file under accounts/ by its path."""
    files = (root / "accounts").rglob("*")
    return {f.relative_to(root).as_posix(): f.read_bytes() for f in files if f.is_file()}


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one commit, to be copied: git is slow to start."""
    root = tmp_path_factory.mktemp("fresh") / "w"
    (root / "templates").mkdir(parents=True)
    (root / "crmctl.yaml").write_text(CONFIG, encoding="utf-8")
    (root / "templates" / "profile.md.j2").write_text(TEMPLATE, encoding="utf-8")
    git(root, "init", "--quiet", "--initial-branch=main", "--template=")
    git(root, "config", "user.name", "Test")
    git(root, "config", "user.email", "test@northwind.example")
    git(root, "add", "-A")
    git(root, "commit", "--quiet", "-m", "start")
    return root


@pytest.fixture
def make(tmp_path: Path, fresh: Path) -> Make:
    """Makes a workspace with one commit; each name is a folder of its own."""

    def made(name: str = "w") -> Workspace:
        shutil.copytree(fresh, tmp_path / name)
        return Workspace(tmp_path / name, now=NOW, seed=1)

    return made


@pytest.fixture
def ws(make: Make) -> Workspace:
    return make()


def account(id: str, name: str, **fields: Any) -> Incoming:
    return Incoming("salesforce", "account", id, {"name": name, **fields}, origin=f"Account {id}")


def contact(id: str, name: str, of: str = "", email: str = "", **fields: Any) -> Incoming:
    stated = {"name": name, **({"email": email} if email else {}), **fields}
    link = Link(id=of) if of else Link()
    return Incoming("salesforce", "contact", id, stated, account=link, origin=f"Contact {id}")


def deal(id: str, name: str, of: str, people: tuple[str, ...] = (), **fields: Any) -> Incoming:
    roles = tuple((Link(id=person), "Evaluator") for person in people)
    stated = {"name": name, "stage": "proposal", **fields}
    return Incoming("salesforce", "deal", id, stated, account=Link(id=of), people=roles)


def call(id: str, of: str, body: str = "", people: tuple[str, ...] = ()) -> Incoming:
    at = dt.datetime(2026, 2, 3, 10, 30, tzinfo=dt.UTC)
    about = tuple((Link(id=person), "") for person in people)
    fields = {"type": "call", "subject": f"Call {id}"}
    return Incoming(
        "salesforce", "interaction", id, fields, account=Link(id=of), at=at, people=about, body=body
    )


def task(id: str, of: str, title: str, due: str = "2026-04-01", **links: Link) -> Incoming:
    fields = {"title": title, "status": "open", "due": due}
    return Incoming("salesforce", "task", id, fields, account=Link(id=of), links=links)


def ticket(id: str, of: str, subject: str, people: tuple[str, ...] = (), **fields: Any) -> Incoming:
    at = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
    about = tuple((Link(id=person), "") for person in people)
    stated = {"type": "ticket", "subject": subject, "status": "New", "open": True, **fields}
    return Incoming("salesforce", "event", id, stated, account=Link(id=of), at=at, people=about)


def batch(*records: Incoming, system: str = "salesforce") -> Batch:
    owners = {"005ANA": ("A. Silva", ""), "005BO": ("Bo Ek", "bo.ek@northwind.example")}
    return Batch(system, list(records), owners=owners)


def org() -> list[Incoming]:
    """Three accounts with all that belongs to them."""
    return [
        account(
            "A1",
            "Alder Freight Ltd",
            domains=["alder.example"],
            owner="005ANA",
            phone="+44 20 7946 0001",
        ),
        account(
            "A2",
            "Birch & Sons",
            domains=["birch.example"],
            employees=40,
            owner="005BO",
            city="Leeds",
        ),
        account("A3", "Birch & Sons", city="Oslo", phone="+47 22 00 00 03", parent=None),
        contact("C1", "Ines Okafor", "A1", "ines@alder.example", title="CFO"),
        contact("C2", "Tom Reyes", "A1", "tom@alder.example"),
        contact("C3", "Ines Okafor", "A2", "ines@birch.example"),
        deal("D1", "Fleet licence", "A1", ("C1", "C2"), amount=Decimal(120000), status="won"),
        deal(
            "D2",
            "Pilot",
            "A2",
            ("C3",),
            amount=Decimal("900.50"),
            status="open",
            close="2026-05-01",
        ),
        deal("D3", "Pilot", "A2", (), amount=Decimal(70), close="2027-05-01"),
        call("I1", "A1", "They liked the demo.", ("C1",)),
        task("T1", "A1", "Send the offer", deal=Link(id="D1")),
        ticket("S1", "A1", "Printer on fire", ("C2",)),
        ticket("S2", "A2", "Cannot log in"),
    ]


def under_other_ids(records: list[Incoming]) -> list[Incoming]:
    """The same org, loaded a second time: every id is another."""

    def other(link: Link) -> Link:
        return replace(link, id=f"{link.id}copy" if link.id else "")

    return [
        replace(
            r,
            id=f"{r.id}copy",
            account=other(r.account),
            people=tuple((other(link), role) for link, role in r.people),
            links={name: other(link) for name, link in r.links.items()},
        )
        for r in records
    ]
