"""What people create and change: new records from templates, and edits of single fields. Plans only, no writing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmctl.model.errors import CrmError, DamagedFile, UsageError
from crmctl.model.fields import Field
from crmctl.model.lifecycle import STEPS
from crmctl.model.schema import FIELDS
from crmctl.workspace import files, paths, splice, templates
from crmctl.workspace.document import parse
from crmctl.workspace.records import read_record

if TYPE_CHECKING:
    from crmctl.model.record import Record
    from crmctl.workspace.changes import ChangeSet
    from crmctl.workspace.workspace import Workspace

TEMPLATES = {
    "account": "profile",
    "contact": "contact",
    "deal": "deal",
    "interaction": "interaction-log",
}
TASKS = "templates/tasks.yaml"
# The kind of field that a value is; the narrower type of two first.
_OWN: tuple[tuple[type, str], ...] = (
    (bool, "bool"),
    (int, "int"),
    (float, "decimal"),
    (Decimal, "decimal"),
    (dt.datetime, "datetime"),
    (dt.date, "date"),
    (dict, "map"),
)


def draft(ws: Workspace, path: str, values: Mapping[str, Any], *, body: str = "") -> bytes:
    """The bytes of a new record at ``path``: its kind's template filled with ``values``, then ``body`` if given.

    Every value is stated in the file, whatever the template shows. CrmError lists what is wrong with them.
    """
    place = paths.kind_of(path)
    if place is None:
        raise CrmError(f"{path}: no record belongs in this place")
    kind = place[0]
    stated = {name: value for name, value in values.items() if value is not None and value != []}
    if kind in TEMPLATES and not body:
        raw = _from_template(ws, kind, stated, path)
    else:
        raw = splice.new_document(stated, f"\n{body.strip()}\n" if body.strip() else "")
    _, problems = read_record(raw, path, ws.ranking)
    if problems:
        raise CrmError("; ".join(f"{p.field}: {p.message}" for p in problems))
    return raw


def _from_template(ws: Workspace, kind: str, stated: dict[str, Any], path: str) -> bytes:
    domains = stated.get("domains") or [None]
    context: dict[str, Any] = dict.fromkeys(FIELDS[kind])
    context |= {"domain": domains[0], "today": ws.today} | stated
    raw = templates.render(ws.root, TEMPLATES[kind], context).encode()
    try:
        data = parse(raw, path).data
    except DamagedFile as error:
        raise CrmError(
            f"{templates.FOLDER}/{TEMPLATES[kind]}.md.j2 makes no valid file: {error}"
        ) from None
    missing = [
        splice.Set((name,), value) for name, value in stated.items() if data.get(name) != value
    ]
    return splice.edit(raw, missing, path=path) if missing else raw


def create(
    ws: Workspace, changes: ChangeSet, path: str, values: Mapping[str, Any], *, body: str = ""
) -> None:
    """Plan a new record; CrmError if the file exists already."""
    if files.read(ws.root, path) is not None or changes.get(path) is not None:
        raise CrmError(f"{path}: exists already")
    changes.put(path, None, draft(ws, path, values, body=body), "created")


def edit(
    ws: Workspace, changes: ChangeSet, path: str, edits: Sequence[splice.Change], reason: str = ""
) -> None:
    """Plan edits of people's values in a record, and prove that the file is still valid with them."""
    stored = files.read(ws.root, path)
    raw = changes.current(path, stored)
    if raw is None:
        raise CrmError(f"{path}: there is no such file")
    before = {str(p) for p in _problems(ws, raw, path)}
    new = splice.edit(raw, edits, path=path)
    fresh = [p for p in _problems(ws, new, path) if str(p) not in before and p.code != "required"]
    if fresh:
        raise CrmError("; ".join(map(str, fresh)))
    changes.put(path, raw, new, reason)


def _problems(ws: Workspace, raw: bytes, path: str) -> list[Any]:
    return read_record(raw, path, ws.ranking)[1]


def unused(ws: Workspace, changes: ChangeSet, base: str, make: Any) -> str:
    """The first free path of ``make(base)``, ``make(base-xxxx)`` with random ends, as people's files get."""
    name = base
    for _ in range(50):
        path: str = make(name)
        if not (ws.root / path).exists() and changes.get(path) is None:
            return path
        name = f"{base[:54]}-{paths.short_id(ws.rng)}"
    raise CrmError(f"{base}: every name like this is taken")


def field_of(kind: str, name: str, record: Record | None = None) -> Field:
    """The schema's field, or for a key of the team's own that the record has, one of the kind it holds."""
    known = FIELDS[kind]
    if name in known:
        return known[name]
    if record is not None and name in record.own:
        held = record.own[name]
        one = held[0] if isinstance(held, list) and held else held
        kind = next((kind for type_, kind in _OWN if isinstance(one, type_)), "text")
        return Field(name, kind, "the team's own field", many=isinstance(held, list))
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else "; docs/fields.md lists them all"
    raise UsageError(f"{name}: there is no such field of kind {kind}{hint}")


def assignments(kind: str, texts: Sequence[str], record: Record | None = None) -> dict[str, Any]:
    """``field=value`` arguments as checked values; UsageError names the one that is wrong."""
    values: dict[str, Any] = {}
    for item in texts:
        name, mark, value = item.partition("=")
        if not mark:
            raise UsageError(f"{item!r}: write field=value, such as owner=ana")
        field = field_of(kind, name.strip(), record)
        try:
            values[field.name] = field.parse(value)
        except ValueError as error:
            raise UsageError(f"{field.name}: {error}") from None
    return values


def stage_move(
    record: Record, stage: str, step: str | None, day: dt.date, reason: str = ""
) -> list[splice.Change]:
    """The edits that move an account to a stage and step, the old place kept in its history."""
    if stage not in STEPS:
        raise UsageError(f"{stage!r} is no stage; there are: {', '.join(STEPS)}")
    if step is not None and step not in STEPS[stage]:
        raise UsageError(f"{step!r} is no step of {stage}; there are: {', '.join(STEPS[stage])}")
    old_stage, old_step = record.text("stage"), record.get("step")
    step = step or STEPS[stage][0]
    if (stage, step) == (old_stage, old_step):
        return []
    edits: list[splice.Change] = [splice.Set(("stage",), stage), splice.Set(("step",), step)]
    left = {
        "stage": old_stage,
        "step": old_step,
        "at": record.date("stage_since") or day,
        "reason": reason or None,
    }
    history = {key: value for key, value in left.items() if value}
    known = record.own.get("stage_history")
    new_history = (
        splice.Append(("stage_history",), history)
        if known
        else splice.Set(("stage_history",), [history])
    )
    return [*edits, splice.Set(("stage_since",), day), new_history]


def lay_out_tasks(
    ws: Workspace, changes: ChangeSet, account: str, stage: str, owner: str | None
) -> None:
    """Plan the tasks that ``templates/tasks.yaml`` has for a stage, due counted from today."""
    for item in stage_tasks(ws, stage):
        due = ws.today + dt.timedelta(days=item["days"])
        slug = paths.slug(item["title"], fallback="task", limit=40)
        path = paths.task(account, due, slug, paths.short_id(ws.rng))
        values = {
            "title": item["title"],
            "owner": owner,
            "due": due,
            "status": "open",
            "step": item.get("step"),
        }
        create(ws, changes, path, values, body=item.get("notes", ""))


def stage_tasks(ws: Workspace, stage: str) -> list[dict[str, Any]]:
    """The task list of one stage: title, days, and perhaps step and notes; ConfigError if the file is wrong."""
    from crmctl.workspace import yamlio

    raw = files.read(ws.root, TASKS) or templates.shipped(TASKS) or b""
    found = yamlio.load(raw.decode("utf-8-sig"), path=TASKS)
    listed = found.get(stage, []) if isinstance(found, dict) else None
    if not isinstance(listed, list) or not all(
        isinstance(i, dict) and isinstance(i.get("title"), str) and type(i.get("days")) is int
        for i in listed
    ):
        from crmctl.model.errors import ConfigError

        raise ConfigError(f"{TASKS}: {stage}: each task needs a title and days, a whole number")
    return listed
