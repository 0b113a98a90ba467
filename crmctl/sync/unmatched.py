"""What belongs to no account: its system, kind, id, date and company's domain, to be read again later."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Collection, Iterable
from dataclasses import asdict
from pathlib import Path

from crmctl.model.identity import email_domain, is_free_mail, registrable_domain
from crmctl.model.incoming import Incoming, Waiting
from crmctl.workspace import atomic
from crmctl.workspace.config import Config

FILE = "unmatched.json"


def waiting_for(record: Incoming, config: Config) -> Waiting:
    """What is kept of a record without an account. Of its people only a company's domain, never an address."""
    day = record.at.date() if isinstance(record.at, dt.datetime) else record.at
    return Waiting(
        record.system,
        record.kind,
        record.id,
        day.isoformat() if day else "",
        _domain(record, config),
        record.origin,
    )


def _domain(record: Incoming, config: Config) -> str:
    """The one company that a record seems to be of, "" if there is none or no telling."""
    stated = [registrable_domain(str(d)) for d in record.fields.get("domains") or ()]
    addresses = [str(record.fields.get("email") or ""), record.account.email]
    addresses += [link.email for link, _ in record.people]
    found = [registrable_domain(record.account.domain), *stated, *map(email_domain, addresses)]
    ours = {registrable_domain(domain) for domain in config.our_domains}
    companies = {d for d in found if d and d not in ours and not is_free_mail(d, config.free_mail)}
    return companies.pop() if len(companies) == 1 else ""


def load(state_dir: Path) -> list[Waiting]:
    """All that wait, sorted; none if the list is missing or cannot be read: the next full read makes it anew."""
    try:
        rows = json.loads((state_dir / FILE).read_bytes())
        return sorted(
            Waiting(row["system"], row["kind"], row["id"], row["date"], row.get("domain", ""))
            for row in rows
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return []


def update(
    state_dir: Path, waiting: Iterable[Waiting], placed: Collection[tuple[str, str, str]]
) -> None:
    """Add ``waiting``, take out the (system, kind, id) that found a place; no write when nothing changes."""
    waiting = list(waiting)
    if not (waiting or placed):
        return
    before = load(state_dir)
    kept = {(w.system, w.kind, w.id): w for w in (*before, *waiting)}
    after = [kept[key] for key in sorted(kept) if key not in placed]
    if after == before:
        return
    rows = [{name: value for name, value in asdict(w).items() if name != "origin"} for w in after]
    descriptor = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        atomic.replace(descriptor, FILE, (json.dumps(rows, indent=1) + "\n").encode(), mode=0o600)
    finally:
        os.close(descriptor)
