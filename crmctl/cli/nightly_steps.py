"""The steps of the night, in their order, and what each of them calls."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import TYPE_CHECKING

from crmctl.cli.session import Session
from crmctl.workflow.nightly import Did, Step

if TYPE_CHECKING:
    from crmctl.workspace.changes import ChangeSet
    from crmctl.workspace.runs import Run


def steps(current: Session, *, commit: bool) -> list[Step]:
    """What can be done at night. Later ones work on what earlier ones brought."""
    calls = [
        ("sync", "read the live systems", _sync, True),
        ("recalculate", "forget what is remembered, score all anew", _recalculate, False),
        ("score", "score all accounts", _score, False),
        ("trends", "tell each owner what moved", _trends, False),
        ("reviews", "bring the quarter's reviews up to date", _reviews, False),
        ("preparation", "write the reviews of the quarter that ended", _preparation, False),
        ("workflows", "run the workflows", _workflows, True),
        ("digests", "deliver the messages that wait", _digests, True),
    ]
    return [
        Step(name, what, partial(do, current, commit=commit), again)
        for name, what, do, again in calls
    ]


def _sync(current: Session, _day: dt.date, *, commit: bool) -> Did:
    from crmctl.cli.sync import connected, make_network
    from crmctl.sources import registry
    from crmctl.sync import last_runs
    from crmctl.sync.gather import gather
    from crmctl.sync.live import take_in
    from crmctl.workspace.machine import Machine

    ws, machine = current.ws, Machine()
    if not registry.named((), machine):
        return Did("no source is set up on this machine", skipped=True)
    network = make_network(current, ws)
    try:
        found, missing = connected((), machine, ws, network)
        gathered = gather(ws, found)
    finally:
        network.close()
    report = take_in(ws, gathered, commit=commit)
    errors = [network.clean(sentence, 500) for sentence in missing]
    for outcome in report.outcomes:
        outcome.error = network.clean(outcome.error, 500)
        if not outcome.ok:
            errors.append(f"{outcome.system}: {outcome.error or outcome.guard}")
    errors += [f"skipped: {path} has an edit of yours; commit it" for path in report.skipped]
    last_runs.save(ws.state_dir, report.outcomes, ws.now.isoformat())
    counts = {
        word: number
        for word, number in (
            ("new", sum(sum(o.tally.created.values()) for o in report.outcomes)),
            ("updated", sum(sum(o.tally.updated.values()) for o in report.outcomes)),
            ("unmatched", sum(o.waiting for o in report.outcomes)),
            ("rejected", sum(o.rejected for o in report.outcomes)),
        )
        if number
    }
    said = "; ".join(f"{o.system}: {o.counts()}" for o in report.outcomes if not o.error)
    return Did(said, counts, errors, report.commit)


def _recalculate(current: Session, day: dt.date, *, commit: bool) -> Did:
    from crmctl.workspace import index

    index.drop(current.ws.state_dir / index.NAME)
    return _scored(current, "recalculate", "Score all accounts anew", day, commit=commit)


def _score(current: Session, day: dt.date, *, commit: bool) -> Did:
    return _scored(current, "score", "Score all accounts", day, commit=commit)


def _scored(current: Session, name: str, subject: str, _day: dt.date, *, commit: bool) -> Did:
    from crmctl.insight.scoring import ScorePlan, plan_scores
    from crmctl.workflow.nightly_writing import write

    done: list[ScorePlan] = []

    def plan() -> ChangeSet:
        done[:] = [plan_scores(current.ws)]
        return done[0].changes

    did = write(current.ws, name, plan, subject, commit=commit)
    did.text = f"{len(done[0].results)} accounts: {did.text}"
    did.errors += map(str, done[0].problems)
    return did


def _trends(current: Session, day: dt.date, *, commit: bool) -> Did:  # noqa: ARG001  it writes no file
    from crmctl.workflow.nightly_trends import tell_week

    return tell_week(current.ws, day)


def _reviews(current: Session, day: dt.date, *, commit: bool) -> Did:
    from crmctl.render.nightly_reviews import reviews

    return reviews(current.ws, day, commit=commit)


def _preparation(current: Session, day: dt.date, *, commit: bool) -> Did:
    from crmctl.render.nightly_reviews import preparation

    return preparation(current.ws, day, commit=commit)


def _workflows(current: Session, _day: dt.date, *, commit: bool) -> Did:
    from crmctl.workflow import engine
    from crmctl.workflow.nightly_writing import write
    from crmctl.workflow.planner import RunPlan

    made: list[RunPlan] = []

    def plan() -> ChangeSet:
        made[:] = [engine.plan(current.ws)]
        return made[0].changes

    def apply(_changes: ChangeSet, run: Run) -> None:
        engine.carry_out(current.ws, made[0], run)

    did = write(current.ws, "workflows", plan, "Run workflows", commit=commit, apply=apply)
    due = made[0]
    counts = {
        "actions": sum(step.state == "did" for step in due.steps),
        "messages": len(due.messages),
        "failed": len(due.failures),
    }
    did.counts |= {word: number for word, number in counts.items() if number}
    did.errors += [f"{s.account}: {s.workflow}: {s.action}: {s.text}" for s in due.failures]
    did.errors += map(str, due.problems)
    said = [f"{number} {word}" for word, number in counts.items() if number]
    did.text = (
        f"{', '.join(said) or 'nothing is due'}; files: {did.text}" if said else "nothing is due"
    )
    return did


def _digests(current: Session, _day: dt.date, *, commit: bool) -> Did:  # noqa: ARG001  it writes no file
    from crmctl.cli.deliver import BUDGET
    from crmctl.sources.network import Network
    from crmctl.workflow import delivery, delivery_plan
    from crmctl.workflow.channels.machine import Channels
    from crmctl.workspace.machine import Machine

    ws = current.ws
    network = Network(budget=BUDGET)
    channels = Channels(Machine(), network, company=ws.config.company, echo=current.out.say)
    try:
        with delivery.alone(ws):
            found = delivery_plan.plan(ws, channels)
            letters = delivery.carry_out(ws, found, network.clock.time)
            delivery.tidy(ws, found)
    finally:
        channels.close()
        network.close()
    sent = sum(letter.state == "sent" for letter in letters)
    waiting = {wait.message for wait in found.waits}
    counts = {"sent": sent, "failed": len(letters) - sent, "waiting": len(waiting)}
    reasons = sorted({wait.reason for wait in found.waits})
    said = ", ".join(f"{number} {word}" for word, number in counts.items() if number)
    did = Did(said or "nothing waits", {w: n for w, n in counts.items() if n})
    did.errors += [
        f"{letter.to or letter.target}: {letter.said[-1] if letter.said else 'was not sent'}"
        for letter in letters
        if letter.state != "sent"
    ]
    did.errors += map(str, found.problems)
    if not letters and waiting:
        # Where nothing is set up, or it is not the hour yet, nothing has gone wrong.
        did.skipped = not did.errors
        more = f"; and {len(reasons) - 1} other reasons" if len(reasons) > 1 else ""
        did.text = f"{said}: {reasons[0]}{more}"
    elif any(wait.why == "unset" for wait in found.waits):
        did.errors += sorted({wait.reason for wait in found.waits if wait.why == "unset"})
    return did
