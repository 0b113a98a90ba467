"""doctor: the health of the installation."""

from __future__ import annotations

from typing import Annotated

import typer

from crmctl.cli.options import Json
from crmctl.cli.session import session


def doctor(
    ctx: typer.Context,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Remove left-over files, rebuild the index, close finished journals."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Look after the installation, the index and the journal.

    Python, git, parsers, settings, templates, lock, interrupted runs, index. It never touches a record;
    `crmctl check` is for those. Exit code 1 if something is wrong.

    Example: crmctl doctor --fix
    """
    from crmctl.model.errors import CrmError
    from crmctl.workflow.checks import FILES
    from crmctl.workspace import doctor as health

    current = session(ctx)
    findings = list(health.installation())
    try:
        ws = current.ws
    except CrmError as error:
        findings.append(health.Finding("workspace", health.State.WRONG, str(error)))
    else:
        findings += health.workspace(ws, FILES)
        if fix:
            for mended in health.mend(ws, findings):
                current.out.say(f"mended {mended.check}: {mended.detail}")
            findings = [*health.installation(), *health.workspace(ws, FILES)]
    rows = [{"check": f.check, "state": str(f.state), "detail": f.detail} for f in findings]
    current.out.records(("check", "state", "detail"), rows, style="json" if json else "")
    if any(finding.state is health.State.WRONG for finding in findings):
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    app.command("doctor")(doctor)
