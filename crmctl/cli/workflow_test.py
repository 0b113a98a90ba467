"""workflow test: whether workflows do what their tests expect."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crmctl.cli.options import Json
from crmctl.cli.session import session

if TYPE_CHECKING:
    from crmctl.render.terminal import Output
    from crmctl.workflow.testing_run import Outcome
    from crmctl.workspace.workspace import Workspace


def check(
    ctx: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILES]...", help="Test files; workflow-tests/*.yaml by default."),
    ] = None,
    file: Annotated[
        str, typer.Option("--file", "-f", metavar="FILE", help="Workflows of this file instead.")
    ] = "",
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Write the outcome as JUnit XML, for CI."),
    ] = None,
    json: Json = False,
) -> None:
    """Run the tests of workflows: exit code 1 if one fails.

    A test says what is given, what changes from day to day, and what workflows must do then. It runs in a workspace
    of its own, which is gone afterwards; nothing is sent.

    Example: crmctl workflow test workflow-tests/alerts.yaml
    """
    from crmctl.workflow import replay_files, testing_report
    from crmctl.workflow.testing_run import run_file

    current = session(ctx)
    ws, out = current.ws, current.out
    rules = replay_files.read(ws, file)
    outcomes: list[Outcome] = []
    for where, raw in _files(ws, paths or []):
        outcomes += run_file(ws, where, raw, rules)
    if junit is not None:
        _write(junit, testing_report.junit(outcomes))
    if json:
        out.json(testing_report.as_json(outcomes))
    else:
        _print(out, outcomes)
    if not all(outcome.passed for outcome in outcomes):
        raise typer.Exit(1)


def _files(ws: Workspace, named: list[Path]) -> list[tuple[str, bytes]]:
    from crmctl.model.errors import UsageError
    from crmctl.workflow.testing import FOLDER

    found = named or sorted((ws.root / FOLDER).glob("*.yaml"))
    if not found:
        raise UsageError(f"there is no {FOLDER}/*.yaml; docs/workflows.md shows how to write one")
    read = []
    for path in found:
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from None
        inside = path.is_relative_to(ws.root) and not named
        read.append((path.relative_to(ws.root).as_posix() if inside else str(path), raw))
    return read


def _write(path: Path, content: bytes) -> None:
    from crmctl.model.errors import UsageError

    try:
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None


def _print(out: Output, outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.passed:
            if out.verbose:
                out.line(f"ok   {outcome.file}:{outcome.line}: {outcome.name}")
            continue
        out.line(f"FAIL {outcome.file}:{outcome.line}: {outcome.name}", style="bold")
        for line in outcome.lines():
            out.line(f"  {line}", style={"-": "red", "+": "green"}.get(line[:1], ""))
    failed = sum(not outcome.passed for outcome in outcomes)
    files = len({outcome.file for outcome in outcomes})
    out.say(
        f"{len(outcomes) - failed} passed, {failed} failed, in {files} file{'s' * (files != 1)}"
    )


def register_verbs(verbs: typer.Typer) -> None:
    """Put these commands into the noun `workflow`."""
    verbs.command("test")(check)
