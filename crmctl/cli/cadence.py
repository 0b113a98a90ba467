"""cadence: list, show, start, stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Account, Commit, Csv, DryRun, Json, MaybeAccount, style
from crmctl.cli.session import session

if TYPE_CHECKING:
    from crmctl.cli.session import Session
    from crmctl.workspace.changes import ChangeSet

RUNNING = ("account", "contact", "cadence", "since", "touch", "of", "next", "over", "because")
READ = ("account", "contact", "cadence", "since", "touch", "of", "next")
KNOWN = ("cadence", "touches", "days", "purpose", "enabled", "description")
TOUCHES = ("touch", "day", "due", "channel", "owner", "template", "title")
Contact = Annotated[
    str, typer.Argument(metavar="CONTACT", help="The contact's file, name or a part of it.")
]
Name = Annotated[str, typer.Argument(metavar="CADENCE", help="Its name in workflows.yaml.")]


def list_running(
    ctx: typer.Context,
    account: MaybeAccount = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that are over too.")] = False,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """List the cadences that run, with whom, and where they are.

    Example: crmctl cadence list --all
    """
    from dataclasses import asdict

    from crmctl.workflow import cadence_run
    from crmctl.workspace import resolve

    current = session(ctx)
    slug = resolve.account(current.ws, account) if account else None
    rows = [
        asdict(found)
        for found in cadence_run.running(current.ws, slug)
        if everything or found.over is None
    ]
    people = (*READ, "over", "because") if everything else READ
    current.out.records(RUNNING, rows, style=style(json, csv), people=people)
    if not rows and not (json or csv):
        current.out.say("no cadences run")


def show(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="[CADENCE]", help="Its name; without it, all of them.")
    ] = "",
    json: Json = False,
    csv: Csv = False,
) -> None:
    """List the cadences, or the touches of one with their days.

    Example: crmctl cadence show first_contact
    """
    from crmctl.workflow import cadence as cadences

    current = session(ctx)
    known = cadences.load(current.ws.root)
    if name:
        rows = _touches(current, cadences.named(known, name))
        current.out.records(TOUCHES, rows, style=style(json, csv))
        return
    listed: list[dict[str, Any]] = [
        {
            "cadence": each,
            "touches": len(found.touches),
            "days": found.touches[-1].day,
            "purpose": found.purpose,
            "enabled": found.enabled,
            "description": found.description,
        }
        for each, found in known.items()
    ]
    current.out.records(KNOWN, listed, style=style(json, csv))


def _touches(current: Session, cadence: Any) -> list[dict[str, Any]]:
    import datetime as dt

    from crmctl.workflow.cadence import TITLES

    calendar, rows = current.ws.config.calendar, []
    for number, touch in enumerate(cadence.touches, 1):
        day = current.ws.today + dt.timedelta(days=touch.day)
        rows.append(
            {
                "touch": number,
                "day": touch.day,
                "due": calendar.next_working(day),
                "channel": touch.channel,
                "owner": touch.owner or cadence.owner,
                "template": touch.template,
                "title": touch.title or TITLES[touch.channel],
            }
        )
    return rows


def start(
    ctx: typer.Context,
    account: Account,
    contact: Contact,
    name: Name,
    json: Json = False,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Start a cadence with a contact; its touches become tasks.

    Example: crmctl cadence start acme ines champion_building
    """
    from crmctl.cli.listing import find_record
    from crmctl.workflow import cadence_run

    current = session(ctx)
    person = find_record(current, account, contact, "contact")
    steps: list[dict[str, Any]] = []

    def plan() -> ChangeSet:
        from crmctl.model.errors import DamagedFile

        made = cadence_run.start(current.ws, person.account, person.id, name)
        if made.problems:
            raise DamagedFile(made.problems)
        steps[:] = [
            {"touch": step.action, "state": step.state, "what": step.text, "path": step.path}
            for step in made.steps
        ]
        return made.changes

    subject = f"{person.account}: cadence {name} with {person.id}"
    current.carry_out(
        "cadence start", plan, dry_run=dry_run, commit=commit, subject=subject, json=json
    )
    if json:
        current.out.json({"account": person.account, "contact": person.id, "steps": steps})


def stop(
    ctx: typer.Context,
    account: Account,
    contact: Annotated[
        str, typer.Argument(metavar="[CONTACT]", help="With whom; with everybody by default.")
    ] = "",
    name: Annotated[
        str, typer.Option("--cadence", "-c", metavar="CADENCE", help="Only this one.")
    ] = "",
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why.")] = "stopped by hand",
    json: Json = False,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Stop what runs of cadences in an account.

    Example: crmctl cadence stop acme ines --reason "called me back"
    """
    from crmctl.cli.listing import find_record
    from crmctl.model.text import one_line
    from crmctl.workflow import cadence_run
    from crmctl.workspace import resolve

    current = session(ctx)
    slug = resolve.account(current.ws, account)
    person = find_record(current, account, contact, "contact").id if contact else None
    over: list[dict[str, Any]] = []

    def plan() -> ChangeSet:
        changes, found = cadence_run.stop(current.ws, slug, person, name, one_line(reason, 200))
        over[:] = [
            {"contact": e.subject[1], "cadence": e.workflow.partition(":")[2], "since": e.opened}
            for e in found
        ]
        return changes

    current.carry_out(
        "cadence stop",
        plan,
        dry_run=dry_run,
        commit=commit,
        subject=f"{slug}: stop cadences",
        json=json,
    )
    if json:
        current.out.json({"account": slug, "stopped": over})


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    from crmctl.cli.app import group

    cadence = group("Sequences of touches with one person: list, show, start, stop.")
    cadence.command("list")(list_running)
    cadence.command("show")(show)
    cadence.command("start")(start)
    cadence.command("stop")(stop)
    app.add_typer(cadence, name="cadence")
