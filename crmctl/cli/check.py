"""check, schema: what is wrong with the files, and what editors need to know to prevent it."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crmctl.cli.options import Commit, DryRun
from crmctl.cli.session import session

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace


class Format(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def check(
    ctx: typer.Context,
    places: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Accounts, folders or files; all by default."),
    ] = None,
    format: Annotated[
        Format, typer.Option("--format", help="github prints annotations for a pull request.")
    ] = Format.TEXT,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings fail as well.")] = False,
) -> None:
    """Check every record and setting, as a pull request should.

    Fields and their values, what a stage requires, references, duplicate ids, e-mail addresses and domains, stale
    records, files in the wrong place, personal data outside contacts/, credentials. Named files are checked with
    the rest of their account; duplicates are looked for among the accounts that are read.

    Example: crmctl check --format github
    """
    from crmctl.render import findings
    from crmctl.workflow import checks
    from crmctl.workspace import gitdir

    current = session(ctx)
    ws, out = current.ws, current.out
    problems = checks.check(ws, [_place(ws, text) for text in places] if places else None)
    if format is Format.JSON:
        out.json([findings.as_object(problem) for problem in problems])
    elif format is Format.GITHUB:
        prefix = gitdir.locate(ws.root).prefix
        for problem in problems:
            out.line(findings.annotation(problem, prefix))
    else:
        for problem in problems:
            out.line(findings.line(problem))
    out.say(findings.summary(problems))
    if any(strict or problem.severity == "error" for problem in problems):
        raise typer.Exit(1)


def _place(ws: Workspace, text: str) -> str:
    """The path in the workspace that an argument means: one that exists, or an account."""
    from crmctl.workspace import paths, resolve

    for base in (Path.cwd(), ws.root):
        found = Path(os.path.abspath(base / text))
        if os.path.lexists(found) and found.is_relative_to(ws.root) and found != ws.root:
            return found.relative_to(ws.root).as_posix()
    return f"{paths.ACCOUNTS}/{resolve.account(ws, text)}"


def schema(
    ctx: typer.Context,
    folder: Annotated[
        str, typer.Option("--dir", metavar="DIR", help="Where, within the workspace.")
    ] = "schemas",
    check_only: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if they are out of date.")
    ] = False,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Write the JSON Schemas by which editors check files.

    An editor with the YAML language server takes the schema that a file names on its first line, here for
    crmctl.yaml and for the front matter of a profile:

        # yaml-language-server: $schema=schemas/crmctl.schema.json

        # yaml-language-server: $schema=../../schemas/account.schema.json

    Example: crmctl schema --check
    """
    from crmctl.render import schemas

    current = session(ctx)
    root = current.ws.root
    if check_only:
        stale = schemas.plan(root, folder).paths
        for path in stale:
            current.out.line(f"{path}: is out of date; write it with `crmctl schema`")
        if stale:
            raise typer.Exit(1)
        return
    current.carry_out(
        "schema",
        lambda: schemas.plan(root, folder),
        dry_run=dry_run,
        commit=commit,
        subject="Write the JSON schemas",
    )


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    app.command("check")(check)
    app.command("schema")(schema)
