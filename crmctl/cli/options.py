"""Arguments and options that several commands share, so that they read alike everywhere."""

from __future__ import annotations

from typing import Annotated

import typer


def complete_account(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Account folders for the shell, from the index alone."""
    from crmctl.cli.session import Session
    from crmctl.workspace.index import opened

    try:
        ws = (ctx.find_object(Session) or Session()).ws
        with opened(ws.root, ws.state_dir) as index:
            rows = index.profiles(("name",))
    except Exception:  # noqa: BLE001  a shell must not be disturbed by what `crmctl check` will say better
        return []
    return [
        (slug, (name or "").replace("\n", " "))
        for slug, _, name in rows
        if slug.startswith(incomplete)
    ]


Account = Annotated[
    str,
    typer.Argument(
        metavar="ACCOUNT",
        help="Folder, name, domain or unique beginning; `.` is the folder you are in.",
        autocompletion=complete_account,
    ),
]
MaybeAccount = Annotated[
    str | None,
    typer.Argument(
        metavar="[ACCOUNT]",
        help="Folder, name, domain or unique beginning.",
        autocompletion=complete_account,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV with a header.")]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Show the diff, write nothing.")]
Commit = Annotated[
    bool, typer.Option("--commit", help="Commit exactly the files that were written.")
]
Html = Annotated[
    str, typer.Option("--html", metavar="FILE", help="Make a page of it in this file; - prints it.")
]
Pdf = Annotated[
    str, typer.Option("--pdf", metavar="FILE", help="Make a PDF of it in this file (extra pdf).")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


GUARDS = ("empty", "changes")


def guards(allow: list[str] | None) -> list[str]:
    """The guards that a person lets pass. UsageError if one of them is none."""
    from crmctl.model.errors import UsageError

    for name in allow or ():
        if name not in GUARDS:
            raise UsageError(f"--allow: found {name!r}; allowed: {', '.join(GUARDS)}")
    return allow or []


def style(json: bool, csv: bool) -> str:
    """The output style that two flags ask for."""
    return "json" if json else "csv" if csv else ""
