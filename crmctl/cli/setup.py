"""init, new: a workspace, an account."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crmctl.cli.options import Commit, DryRun
from crmctl.cli.session import session

if TYPE_CHECKING:
    from crmctl.cli.review import Planned
    from crmctl.workspace.changes import ChangeSet


def init(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where; the current folder by default.")
    ] = Path(),
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Start a workspace: a git repository with its settings.

    Lays out crmctl.yaml, weights.yaml, workflows.yaml and templates/. Files that exist are left alone, so it can
    be run again.

    Example: crmctl init customers
    """
    from crmctl.workspace.git import Git
    from crmctl.workspace.setup import plan_init
    from crmctl.workspace.workspace import Workspace

    current = session(ctx)
    root = folder.resolve()
    if dry_run:
        current.out.diff(plan_init(root))
        return
    root.mkdir(parents=True, exist_ok=True)
    Git.init(root)
    current.ws = Workspace(root)
    current.carry_out(
        "init",
        lambda: plan_init(root),
        dry_run=False,
        commit=commit,
        subject="Start a crmctl workspace",
    )
    (root / "accounts").mkdir(exist_ok=True)
    place = "" if root == Path.cwd() else f"cd {folder}, then "
    current.out.say(
        f"Next: {place}put your team into crmctl.yaml, and `crmctl new` or `crmctl import`."
    )


def new(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The company's name.")],
    domain: Annotated[str, typer.Option("--domain", "-d", help="Its main mail domain.")] = "",
    stage: Annotated[
        str, typer.Option("--stage", help="Lifecycle stage to start in.")
    ] = "prospect",
    owner: Annotated[str, typer.Option("--owner", "-o", help="Who answers for it.")] = "",
    tasks: Annotated[
        bool, typer.Option("--tasks/--no-tasks", help="Lay out the stage's tasks.")
    ] = True,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Create an account: its profile, and the tasks of its stage.

    The profile is laid out from templates/profile.md.j2, the tasks from templates/tasks.yaml;
    a customer gets its onboarding checklist as well.

    Example: crmctl new "Hollis Freight" --domain hollisfreight.example --owner ana
    """
    from crmctl.workspace.newaccount import plan_new, slug_for

    current = session(ctx)
    slug = slug_for(current.ws, name, domain)

    def plan() -> ChangeSet:
        return plan_new(
            current.ws, slug, name, domain=domain, stage=stage, owner=owner, tasks=tasks
        )

    current.carry_out("new", plan, dry_run=dry_run, commit=commit, subject=f"{slug}: new account")
    if not dry_run:
        if stage == "customer":
            from crmctl.cli.review import write_document
            from crmctl.render.documents import plan_document

            def checklist() -> Planned:
                return plan_document(current.ws, slug, "onboarding")

            write_document(current, "onboarding", slug, checklist, commit=commit, show=False)
        current.out.say(
            f"Next: `crmctl contact add {slug} ...`, `crmctl log {slug} ...`, `crmctl edit {slug}`."
        )


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    app.command("init")(init)
    app.command("new")(new)
