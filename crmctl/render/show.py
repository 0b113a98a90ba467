"""What `show` prints: one account or record, every value with who states it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmctl.model.errors import CrmError, DamagedFile, UsageError
from crmctl.model.lifecycle import STEPS
from crmctl.workspace import files, paths, resolve
from crmctl.workspace.document import parse
from crmctl.workspace.store import Reader, read_file

if TYPE_CHECKING:
    from crmctl.model.record import Account, Record
    from crmctl.render.terminal import Output
    from crmctl.workspace.workspace import Workspace

RECENT = 8
READ = {
    "contacts": ("name", "title", "roles", "email", "id"),
    "deals": ("name", "stage", "amount", "currency", "close", "id"),
    "tasks": ("name", "due", "owner", "priority"),
}
KINDS = {"contact": "contacts", "deal": "deals", "task": "tasks", "interaction": "interactions"}


def find_path(ws: Workspace, slug: str, record: str) -> str:
    """The file that ``record`` means in an account, the profile's by default; it need not be valid."""
    if not record:
        return paths.profile(slug)
    base = f"{paths.ACCOUNTS}/{slug}"
    if record in paths.DOCUMENTS or record == "health":
        return f"{base}/{record}.md"
    found = []
    for folder in KINDS.values():
        directory = ws.root / base / folder
        if directory.is_dir():
            found += [
                f"{base}/{folder}/{f.name}" for f in directory.iterdir() if f.name == f"{record}.md"
            ]
    if found:
        return resolve.one(found, record, "file")
    return find(ws, slug, record).path


def find(ws: Workspace, slug: str, record: str) -> Record:
    """The record that a person means in an account: the profile, or a contact, deal, task or interaction."""
    if not record:
        return read_file(ws.root, paths.profile(slug), ws.ranking)[0]
    reader = Reader(ws.root, ws.ranking)
    account = reader.account(slug)
    if account is None:
        raise DamagedFile(reader.problems)
    everything = {
        **{r.id: r for r in account.interactions},
        **account.tasks,
        **account.deals,
        **account.contacts,
    }
    return resolve.record(everything, record, "contact, deal, task or interaction")


def values(record: Record) -> dict[str, dict[str, Any]]:
    """Each field's value, who states it, and what others say instead."""
    page: dict[str, dict[str, Any]] = {}
    for name, value in record.effective().items():
        source = record.stated(name)[1]
        others = {
            s: b[name]
            for s, b in record.systems.items()
            if s != source and b.get(name) not in (None, value)
        }
        page[name] = {"value": value, "source": source, **({"others": others} if others else {})}
    return page


def record_page(ws: Workspace, slug: str, name: str) -> dict[str, Any]:
    """A contact, deal, task or interaction."""
    record = find(ws, slug, name)
    page: dict[str, Any] = {
        "kind": record.kind,
        "account": slug,
        "id": record.id,
        "path": record.path,
    }
    page |= {"title": record.title, "fields": values(record), "text": record.body.strip()}
    return page


def account_page(ws: Workspace, slug: str) -> dict[str, Any]:
    """An account: its fields, people, deals, open tasks, latest conversations and computed health."""
    reader = Reader(ws.root, ws.ranking)
    account = reader.account(slug)
    if account is None:
        raise DamagedFile(reader.problems)
    return {
        "kind": "account",
        "account": slug,
        "path": account.profile.path,
        "title": account.profile.title,
        "fields": values(account.profile),
        "health": _health(ws, slug),
        "contacts": [
            _brief(r, "title", "roles", "email", "left") for r in account.contacts.values()
        ],
        "deals": [
            _brief(r, "stage", "status", "amount", "currency", "close")
            for r in account.deals.values()
        ],
        "tasks": [
            _brief(r, "due", "owner", "priority")
            for r in account.tasks.values()
            if r.get("status") in (None, "open")
        ],
        "interactions": _recent(account),
        "problems": [str(problem) for problem in reader.problems],
    }


def _brief(record: Record, *fields: str) -> dict[str, Any]:
    shown = {name: record.get(name) for name in fields}
    return {
        "id": record.id,
        "name": record.title,
        **{k: v for k, v in shown.items() if v is not None},
    }


def _recent(account: Account) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {"at": r.time("at"), "type": r.text("type"), "subject": r.title, "with": r.items("with")}
        for r in account.interactions
    ]
    rows += [
        {
            "at": e.at,
            "type": e.type,
            "subject": str(e.data.get("subject") or ""),
            "with": list(e.data.get("with") or ()),
        }
        for e in account.events
        if e.at is not None
    ]
    rows = [row for row in rows if row["at"] is not None]
    return sorted(rows, key=lambda row: row["at"], reverse=True)[:RECENT]


def _health(ws: Workspace, slug: str) -> dict[str, Any] | None:
    path = paths.health(slug)
    try:
        raw = files.read(ws.root, path)
        data = parse(raw, path).data if raw is not None else {}
    except CrmError:
        return None
    return {k: data.get(k) for k in ("score", "status", "coverage", "as_of")} if data else None


def print_page(out: Output, page: dict[str, Any]) -> None:
    """A page for people; tab-separated field, value and source in a pipe."""
    if out.people:
        out.line(f"{page['title']}  ({page['path']})", style="bold")
        health = page.get("health")
        if health and health.get("score") is not None:
            out.line(
                f"health {health['score']} {health['status'] or ''}  (coverage {health['coverage']} %)"
            )
        out.line()
    fields = [
        {"field": name, "value": entry["value"], "source": _source(entry)}
        for name, entry in page["fields"].items()
    ]
    out.records(("field", "value", "source"), fields, wrap=True)
    for title, columns in (
        ("contacts", ("id", "name", "title", "roles", "email")),
        ("deals", ("id", "name", "stage", "status", "amount", "currency", "close")),
        ("tasks", ("id", "name", "due", "owner", "priority")),
        ("interactions", ("at", "type", "subject", "with")),
    ):
        if out.people and page.get(title):
            out.line()
            out.line(title, style="bold")
            out.records(columns, page[title], people=READ.get(title, ()))
    if out.people and page.get("text"):
        out.line()
        out.document(page["text"])
    for problem in page.get("problems", ()):
        out.warn(problem)


def _source(entry: dict[str, Any]) -> str:
    from crmctl.render.terminal import said

    others = entry.get("others")
    if not others:
        return str(entry["source"])
    return f"{entry['source']} ({', '.join(f'{s} says {said(v)}' for s, v in others.items())})"


def print_stage(out: Output, profile: Record, *, json: bool) -> None:
    """Where an account stands in the lifecycle, and the steps around it."""
    stage, step = profile.text("stage"), profile.get("step")
    if stage not in STEPS:
        raise UsageError(
            f"{profile.path}: states no lifecycle stage; set one with `crmctl stage {profile.id} prospect`"
        )
    history = profile.items("stage_history")
    if json:
        since = profile.date("stage_since")
        out.json(
            {
                "account": profile.id,
                "stage": stage,
                "step": step,
                "since": since,
                "history": history,
            }
        )
        return
    rows = [
        {"stage": stage, "step": name, "now": "here" if name == step else ""}
        for name in STEPS[stage]
    ]
    out.records(("stage", "step", "now"), rows)
    since = profile.date("stage_since")
    if out.people and since:
        out.line(f"since {since.isoformat()}")
    for entry in history if out.people else []:
        out.line(
            f"before: {entry.get('stage')} {entry.get('step') or ''} from {entry.get('at')} {entry.get('reason') or ''}"
        )
