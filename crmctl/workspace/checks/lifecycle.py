"""What a record must say where it stands in its life, and what has not been touched for too long."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from crmctl.model.errors import Problem
from crmctl.model.lifecycle import STEPS
from crmctl.model.schema import INTERACTION_TYPES
from crmctl.workspace.checks.source import Context, Folder, Source

# Nobody has to keep in touch with a prospect.
KEPT_WARM = ("opportunity", "customer", "churn_risk")
# Fields that say what happened, so they cannot lie ahead.
PAST = {
    "account": ("stage_since", "first_value", "payment_overdue_since"),
    "interaction": ("at",),
    "task": ("done",),
}
_TOLERANCE = dt.timedelta(days=1)  # time zones, and clocks that are a little wrong


def problems(folder: Folder, context: Context) -> Iterator[Problem]:
    """Fields a stage requires, steps of another stage, staleness, and a past that lies in the future."""
    if folder.profile is not None and not folder.profile.record.deleted:
        yield from _required(folder.profile, context)
        yield from _step(folder.profile)
        yield from _stale(folder, folder.profile, context)
        yield from _expired(folder.profile, context)
    for deal in folder.deals.values():
        yield from _overdue(deal, context)
    yield from _future(folder, context)


def _required(profile: Source, context: Context) -> Iterator[Problem]:
    stage = profile.record.text("stage")
    for name in context.config.upkeep.required.get(stage, []):
        if profile.record.get(name) in (None, [], ""):
            message = (
                f"is missing, and required in the stage {stage} (upkeep.required in crmctl.yaml)"
            )
            yield profile.problem(name, message, "required")


def _step(profile: Source) -> Iterator[Problem]:
    stage, step = profile.record.get("stage"), profile.record.get("step")
    if stage in STEPS and step is not None and step not in STEPS[stage]:
        message = f"found {step}; allowed in the stage {stage}: {', '.join(STEPS[stage])}"
        yield profile.problem("step", message, "step")


def _stale(folder: Folder, profile: Source, context: Context) -> Iterator[Problem]:
    stage = profile.record.text("stage")
    if stage not in KEPT_WARM:
        return
    times = [source.record.time("at") for source in folder.interactions.values()]
    times += [
        e.at for e in folder.events if e.type in INTERACTION_TYPES and not e.data.get("deleted")
    ]
    talked = [time.date() for time in times if time is not None and time <= context.now]
    allowed = context.config.upkeep.stale_after_days
    since = max(talked, default=None) or profile.record.date("stage_since")
    if since is None:
        message = f"no conversation is recorded of this {stage.replace('_', ' ')}"
    elif (context.today - since).days <= allowed:
        return
    else:
        what = "last conversation" if talked else "no conversation since it entered its stage"
        message = (
            f"{what} {(context.today - since).days} days ago, on {since}; allowed: {allowed} days"
        )
    yield profile.problem("", message, "stale", severity="warning")


def _expired(profile: Source, context: Context) -> Iterator[Problem]:
    """Scores set by hand that have no effect any more, or never had one."""
    rows = profile.record.own.get("health_override")
    for row in rows if isinstance(rows, list) else ():
        begins, ends = row["at"], row["expires"]
        message = ""
        if ends <= begins:
            message = f"expires on {ends}, not after {begins}, so it never has an effect"
        elif ends <= context.today:
            message = f"expired on {ends} and has no effect: take it out, or set it anew"
        if message:
            yield profile.problem("health_override", message, "expired", severity="warning")


def _overdue(deal: Source, context: Context) -> Iterator[Problem]:
    close = deal.record.date("close")
    is_open = deal.record.get("status") in (None, "open") and not deal.record.deleted
    if is_open and close is not None and close < context.today:
        message = f"found {close}, which is past, on a deal that is still open"
        yield deal.problem("close", message, "stale", severity="warning")


def _future(folder: Folder, context: Context) -> Iterator[Problem]:
    latest = context.now + _TOLERANCE
    for source in folder.sources():
        for name in PAST.get(source.record.kind, ()):
            value = source.record.get(name)
            if value is not None and _later(value, latest):
                yield source.problem(name, _ahead(value), "future", severity="warning")
    for event in folder.events:
        if event.at is not None and event.at > latest:
            yield Problem(event.path, event.line, "at", _ahead(event.at), "future", "warning")


def _later(value: dt.date, latest: dt.datetime) -> bool:
    return value > latest if isinstance(value, dt.datetime) else value > latest.date()


def _ahead(value: dt.date) -> str:
    return f"found {value.isoformat().replace('+00:00', 'Z')}; allowed: no time in the future"
