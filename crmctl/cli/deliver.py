"""deliver and outbox: what workflows had to say, on its way to people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Json
from crmctl.cli.session import Session, session

if TYPE_CHECKING:
    from crmctl.sources.network import Network
    from crmctl.workflow.channels.machine import Channels
    from crmctl.workflow.delivery_plan import Due, Plan
    from crmctl.workflow.delivery_record import Letter

BUDGET = 600.0  # seconds that one delivery may take
STATES = ("waiting", "unsure", "sent", "failed")
COLUMNS = ("state", "recipient", "channel", "account", "subject", "created", "note")
PEOPLE = ("state", "recipient", "account", "subject", "note")


def deliver(
    ctx: typer.Context,
    urgent_only: Annotated[
        bool, typer.Option("--urgent-only", help="Only what does not wait for the digest.")
    ] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Try again what had failed for good.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Print each message as it would be sent.")
    ] = False,
    json: Json = False,
) -> None:
    """Send what waits in the outbox, urgent or as a digest of the day.

    Who is reached how stands in crmctl.yaml under `notifications`; servers, tokens and targets are settings of this
    machine (`crmctl auth smtp`). What cannot be sent stays in the outbox, with the reason.

    Example: crmctl deliver --dry-run
    """
    from crmctl.workflow import delivery, delivery_plan

    current = session(ctx)
    ws = current.ws
    with _channels(current, quiet=json) as (channels, network):
        if dry_run:
            found = delivery_plan.plan(ws, channels, urgent_only=urgent_only, retry=retry)
            _preview(current, found, json=json)
            return
        with delivery.alone(ws):
            found = delivery_plan.plan(ws, channels, urgent_only=urgent_only, retry=retry)
            done = delivery.carry_out(
                ws,
                found,
                network.clock.time,
                told=lambda letter: None if json else _tell(current, found, letter),
            )
            delivery.tidy(ws, found)
    if json:
        letters = [_row(found, letter) for letter in done]
        current.out.json({"letters": letters, "waiting": _waiting(found)})
    _verdict(current, found, done)


def outbox(
    ctx: typer.Context,
    state: Annotated[
        str, typer.Option("--state", metavar="STATE", help="Only these: waiting, sent or failed.")
    ] = "",
    account: Annotated[str, typer.Option("--account", "-a", help="Only this account.")] = "",
    json: Json = False,
) -> None:
    """List the outbox: what waits and why, what was sent, what failed.

    Example: crmctl outbox --state waiting
    """
    from crmctl.model.errors import UsageError
    from crmctl.workflow import delivery_plan
    from crmctl.workspace import resolve

    if state and state not in STATES:
        raise UsageError(f"--state: found {state!r}; allowed: {', '.join(STATES)}")
    current = session(ctx)
    ws = current.ws
    slug = resolve.account(ws, account) if account else ""
    with _channels(current, quiet=True) as (channels, _):
        found = delivery_plan.plan(ws, channels)
    rows = [
        row
        for row in _listed(found)
        if (not state or row["state"] == state) and (not slug or row["account"] == slug)
    ]
    current.out.records(COLUMNS, rows, style="json" if json else "", people=PEOPLE, wrap=True)
    for problem in found.problems:
        current.out.warn(str(problem))
    if not rows and not json:
        current.out.say("nothing is in the outbox" if not state else f"nothing is {state}")


@contextmanager
def _channels(current: Session, *, quiet: bool) -> Iterator[tuple[Channels, Network]]:
    """The channels of this machine. What a target of kind terminal prints is no part of JSON."""
    from crmctl.sources.network import Network, no_log
    from crmctl.workflow.channels.machine import Channels
    from crmctl.workspace.machine import Machine

    network = Network(budget=BUDGET, log=current.out.warn if current.debug else no_log)
    channels = Channels(
        Machine(),
        network,
        company=current.ws.config.company,
        echo=current.out.say if quiet else current.out.line,
    )
    try:
        yield channels, network
    finally:
        channels.close()
        network.close()


def _preview(current: Session, found: Plan, *, json: bool) -> None:
    """Each letter as it would go out."""
    from crmctl.workflow import delivery

    out = current.out
    rows = []
    for due in found.due:
        shown = due.channel.shown(delivery.parcel(current.ws, found, due))
        if json:
            rows.append(_row(found, due.letter) | {"to": shown.to, "payload": dict(shown.payload)})
            continue
        out.line(f"to {shown.to}, by {due.channel.kind}{_marked(due)}", style="bold")
        for name, value in shown.head:
            out.line(f"{name}: {value}")
        out.line()
        for line in shown.text.splitlines():
            out.line(line)
        out.line()
    if json:
        out.json({"letters": rows, "waiting": _waiting(found)})
    else:
        out.say(f"{_count(len(found.due), 'letter')} would be sent")
        _reasons(current, found)


def _marked(due: Due) -> str:
    return ", asked first whether it arrived before" if due.letter.since else ""


def _tell(current: Session, found: Plan, letter: Letter) -> None:
    from crmctl.workflow.delivery_record import minute

    row = _row(found, letter)
    repeat = " (a possible repeat)" if letter.repeat and letter.state == "sent" else ""
    what = row["subject"] if len(letter.messages) == 1 else f"{len(letter.messages)} messages"
    words = {
        "sent": f"sent to {row['recipient']} by {letter.way}: {what}{repeat}",
        "failed": f"failed: {row['recipient']} by {letter.way}: {row['note']}",
    }
    later = f"not sent to {row['recipient']} by {letter.way}: {row['note']}; tried again from {minute(letter.next)}"
    if letter.state == "sent":
        current.out.say(words["sent"])
    else:
        current.out.warn(words.get(letter.state, later))


def _verdict(current: Session, found: Plan, done: list[Letter]) -> None:
    """Say what stays and why; raise for what a person should look at."""
    from crmctl.model.errors import ConfigError, PartialError

    for problem in found.problems:
        current.out.warn(str(problem))
    _reasons(current, found)
    if not done and not found.waits:
        current.out.say("nothing waits in the outbox")
    missed = [letter for letter in done if letter.state != "sent"]
    if missed:
        raise PartialError(
            f"{_count(len(missed), 'letter')} could not be sent; nothing is lost: crmctl outbox"
        )
    if any(wait.why == "unset" for wait in found.waits):
        raise ConfigError("some messages wait for settings of this machine, as said above")
    if found.problems:
        raise PartialError("parts of the outbox cannot be read, for what is said above")


def _reasons(current: Session, found: Plan) -> None:
    """Each reason once, with how many messages it holds back."""
    counts: dict[tuple[str, str], int] = {}
    for wait in found.waits:
        counts[wait.why, wait.reason] = counts.get((wait.why, wait.reason), 0) + 1
    for (why, reason), number in counts.items():
        verb = "failed" if why == "failed" else "waits" if number == 1 else "wait"
        line = f"{_count(number, 'message')} {verb}: {reason}"
        if why in {"time", "off"}:
            current.out.say(line)
        else:
            current.out.warn(line)


def _listed(found: Plan) -> list[dict[str, Any]]:
    """One row for each message and recipient, the newest last."""
    reasons = {(w.message, w.to, w.target): w.reason for w in found.waits}
    due = {(key, d.letter.to, d.letter.target) for d in found.due for key in d.letter.messages}
    rows = []
    letters = {
        (key, letter.to, letter.target): letter
        for letter in found.letters.known.values()
        for key in letter.messages
    }
    for place in dict.fromkeys([*letters, *due, *reasons]):
        key, to, target = place
        message, letter = found.messages.get(key), letters.get(place)
        note = reasons.get(place, "goes with the next `crmctl deliver`" if place in due else "")
        if letter and letter.state in {"sent", "failed"}:
            note = letter.said[-1] if letter.said else ""
        rows.append(
            {
                "state": letter.standing if letter else "waiting",
                "recipient": to or target,
                "channel": letter.way if letter else "",
                "account": message.account if message else "",
                "subject": message.subject if message else "",
                "created": message.created if message else "",
                "note": note,
                "message": key,
                "letter": letter.key if letter else "",
                "attempts": letter.attempts if letter else 0,
                "possible_repeat": bool(letter and letter.repeat),
            }
        )
    return sorted(rows, key=lambda row: (str(row["created"]), str(row["message"])))


def _row(found: Plan, letter: Letter) -> dict[str, Any]:
    first = found.messages.get(letter.messages[0]) if letter.messages else None
    return {
        "letter": letter.key,
        "recipient": letter.to or letter.target,
        "channel": letter.way,
        "state": letter.standing,
        "digest": letter.day,
        "subject": first.subject if first else "",
        "messages": letter.messages,
        "note": letter.said[-1].partition(" ")[2] if letter.said else "",
        "next": letter.next,
        "possible_repeat": letter.repeat,
    }


def _waiting(found: Plan) -> list[Mapping[str, Any]]:
    return [
        {"message": w.message, "recipient": w.to or w.target, "kind": w.why, "reason": w.reason}
        for w in _ordered(found.waits, found)
    ]


def _ordered(waits: Iterable[Any], found: Plan) -> list[Any]:
    known = found.messages
    return sorted(
        waits, key=lambda w: (known[w.message].created if w.message in known else "", w.message)
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    app.command("deliver")(deliver)
    app.command("outbox")(outbox)
