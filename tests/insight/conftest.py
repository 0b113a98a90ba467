"""What the tests of this room share: the shipped weights, records without files, a small workspace."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crmctl.insight.weights import Weights, load_weights
from crmctl.model.record import Account, Event, Ranking, Record
from crmctl.workspace.measures import Measure
from crmctl.workspace.workspace import Workspace

TODAY = dt.date(2026, 11, 22)
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def today() -> dt.date:
    return TODAY


@pytest.fixture(scope="session")
def weights() -> Weights:
    return load_weights(REPOSITORY)


def _record(kind: str, id: str, own: dict[str, Any]) -> Record:
    folder = "profile" if kind == "account" else f"{kind}s/{id}"
    account = id if kind == "account" else "acme"
    return Record(kind, account, id, f"accounts/acme/{folder}.md", own, {}, "", Ranking())


@pytest.fixture
def record() -> Callable[[str, str, dict[str, Any]], Record]:
    return _record


@pytest.fixture
def make_account() -> Callable[..., Account]:
    """An account of plain values: profile fields, contacts and deals by id, interactions, events."""

    def make(
        profile: dict[str, Any] | None = None,
        contacts: dict[str, dict[str, Any]] | None = None,
        deals: dict[str, dict[str, Any]] | None = None,
        talks: list[dict[str, Any]] | None = None,
        events: list[dict[str, Any]] | None = None,
    ) -> Account:
        return Account(
            _record("account", "acme", {"name": "Acme", "stage": "customer"} | (profile or {})),
            {id: _record("contact", id, own) for id, own in (contacts or {}).items()},
            {id: _record("deal", id, own) for id, own in (deals or {}).items()},
            [_record("interaction", f"talk-{n}", own) for n, own in enumerate(talks or [])],
            [
                Event("accounts/acme/interactions/2026.jsonl", n, {"id": f"test:{n}"} | data)
                for n, data in enumerate(events or [], 1)
            ],
        )

    return make


@pytest.fixture
def ago() -> Callable[[int], dt.datetime]:
    """Noon so many days before today, UTC."""
    return lambda days: dt.datetime.combine(TODAY, dt.time(12), dt.UTC) - dt.timedelta(days=days)


@pytest.fixture
def measured_on() -> Callable[..., list[Measure]]:
    """Rows of one measure by days ago."""

    def rows(values: dict[int, float], measure: str = "usage.active_users") -> list[Measure]:
        return [
            Measure("acme", measure, TODAY - dt.timedelta(days=days), Decimal(str(value)), "csv")
            for days, value in values.items()
        ]

    return rows


PROFILE = """\
---
name: Acme Ltd
stage: customer
domains: [acme.example]
started: 2025-06-01
renewal: 2026-12-20
industry: Software
employees: 300
competitors: [Northbase]
goals:
  - {name: Faster close, baseline: 10, target: 4, current: 6, due: 2026-12-31}

sources:

  salesforce:
    id: "001A"
    seats: 100
---
"""
FILES = {
    "crmctl.yaml": "{}\n",
    "accounts/acme/profile.md": PROFILE,
    "accounts/acme/contacts/ann.md": "---\nname: Ann Ok\nroles: [champion]\n---\n",
    "accounts/acme/contacts/bob.md": "---\nname: Bob Ok\nroles: [decision_maker]\n---\n",
    "accounts/acme/deals/renewal.md": (
        "---\nname: Renewal\nstage: proposal\ntype: Renewal\nprobability: 60\nclose: 2026-12-15\n---\n"
    ),
    "accounts/acme/interactions/2026-11-01-call-x1.md": (
        "---\ntype: call\nat: 2026-11-01T10:00:00Z\nwith: [ann]\nsentiment: positive\n---\n"
    ),
    "accounts/acme/interactions/2026.jsonl": (
        '{"id": "desk:1", "at": "2026-10-01T10:00:00Z", "type": "ticket", "priority": "high",'
        ' "open": false, "closed_at": "2026-10-05T10:00:00Z"}\n'
        '{"id": "nps:1", "at": "2026-10-02T10:00:00Z", "type": "survey", "score": 8, "with": ["bob"]}\n'
    ),
    "accounts/blank/profile.md": "---\nname: Blank Ltd\nstage: prospect\n---\n",
    "accounts/_measures/2026-10-10.csv": (
        "account,measure,value,source\nacme,usage.active_users,44,csv\n"
    ),
    "accounts/_measures/2026-11-10.csv": (
        "account,measure,value,source\nacme,usage.active_users,70,csv\n"
    ),
}


@pytest.fixture
def at() -> Callable[[Path, dt.date], Workspace]:
    """A workspace as of noon of a day."""
    return lambda root, day: Workspace(
        root, now=dt.datetime.combine(day, dt.time(12), dt.UTC), seed=1
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with one rich account and one that says next to nothing."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for path, text in FILES.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path
