"""The command tree."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup, TyperOption

from crmctl import __version__
from crmctl.cli.session import Session

COMPLETION = ("install_completion", "show_completion")
HELP = "A team's customers as Markdown and YAML files in git."


# What most people need, each with its sentence; all else is named below, by what it is for.
OFTEN = {
    "Every day": ("today", "alerts", "list", "show", "insights", "log", "task"),
    "Customers": ("new", "set", "contact", "deal", "map", "qualify", "review"),
    "Judgement": ("score", "health", "signals", "churn"),
    "Machine": ("init", "auth", "sync", "run", "nightly", "check"),
}
SELDOM = {
    "look": (
        "brief",
        "dashboard",
        "report",
        "search",
        "timeline",
        "engagement",
        "icp",
        "context",
        "research",
        "metrics",
        "backtest",
    ),
    "write": ("unset", "edit", "stage", "plan", "onboarding", "cadence"),
    "data": (
        "import",
        "sources",
        "unmatched",
        "claim",
        "listen",
        "conflicts",
        "dupes",
        "merge",
        "undo",
    ),
    "workflows": ("workflow", "deliver", "outbox", "schedule"),
    "workspace": ("export", "query", "schema", "doctor"),
}


class Root(TyperGroup):
    """crmctl itself. Its help fits one screen: the options of shell completion are left to the documentation."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  click calls it so
        """Sections of what is used most, then the names of the rest."""
        width = max(len(name) for names in OFTEN.values() for name in names)
        for title, names in OFTEN.items():
            rows = [
                (name.ljust(width), self.commands[name].get_short_help_str(limit=66))
                for name in names
                if name in self.commands
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
        named = {name for names in (*OFTEN.values(), *SELDOM.values()) for name in names}
        rest = SELDOM | {"other": tuple(name for name in self.commands if name not in named)}
        rows = [
            (what.ljust(width), ", ".join(name for name in names if name in self.commands))
            for what, names in rest.items()
            if any(name in self.commands for name in names)
        ]
        with formatter.section("More"):
            formatter.write_dl(rows)

    def get_params(self, ctx: Any) -> Any:
        found = super().get_params(ctx)
        for parameter in found:
            if isinstance(parameter, TyperOption) and parameter.name in COMPLETION:
                parameter.hidden = True
        return found


def group(help_text: str, kind: type[TyperGroup] = TyperGroup) -> typer.Typer:
    """A noun with verbs."""
    return typer.Typer(
        cls=kind,
        help=help_text,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _version(value: bool) -> None:
    if value:
        typer.echo(f"crmctl {__version__}")
        raise typer.Exit


def root(
    ctx: typer.Context,
    workspace: Annotated[
        Path | None,
        typer.Option(
            "--workspace",
            "-C",
            metavar="DIR",
            help="Work in this workspace instead of the current folder.",
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing but results and errors.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", hidden=True, help="Say why each file changed.")
    ] = False,
    color: Annotated[
        str, typer.Option("--color", metavar="WHEN", hidden=True, help="auto, always or never.")
    ] = "auto",
    debug: Annotated[
        bool, typer.Option("--debug", hidden=True, help="Show the traceback of an error.")
    ] = False,
    version: Annotated[  # noqa: ARG001  its callback does the work
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Version.")
    ] = False,
) -> None:
    """Options before the command."""
    current = Session(workspace, quiet=quiet, color=color)
    current.verbose, current.debug = verbose, debug
    ctx.obj = current


def build(words: Collection[str] | None = None) -> typer.Typer:
    """The app with every command registered.

    With ``words``, the arguments of a call, only the commands that they name get their options: to make
    those of all takes longer than most commands take to run.
    """
    from crmctl.cli import (
        accounts,
        alerts,
        auth,
        cadence,
        check,
        churn,
        contacts,
        dashboard,
        deals,
        deliver,
        doctor,
        documents,
        export,
        health,
        icp,
        imports,
        insights,
        interactions,
        listen,
        map,
        metrics,
        nightly,
        qualify,
        report,
        research,
        review,
        schedule,
        score,
        setup,
        signals,
        sync,
        tasks,
        today,
        unmatched,
        upkeep,
        workflow,
        workflows,
    )

    app = group(HELP, Root)
    app.callback()(root)
    for module in (
        setup,
        accounts,
        interactions,
        contacts,
        deals,
        tasks,
        today,
        imports,
        sync,
        auth,
        unmatched,
        listen,
        upkeep,
        score,
        signals,
        health,
        icp,
        churn,
        insights,
        research,
        workflows,
        deliver,
        workflow,
        alerts,
        nightly,
        schedule,
        cadence,
        review,
        documents,
        map,
        qualify,
        metrics,
        dashboard,
        report,
        check,
        doctor,
        export,
    ):
        module.register(app)
    if words is not None:
        _trim(app, words)
    return app


def _trim(tree: typer.Typer, words: Collection[str]) -> None:
    for command in tree.registered_commands:
        if command.name not in words:
            command.callback = _summary(command.callback)
    for branch in tree.registered_groups:
        if branch.typer_instance is not None:
            # A group may have a command that needs not be named.
            named = {*words, getattr(branch.typer_instance.info.cls, "default", "")}
            _trim(branch.typer_instance, named if branch.name in words else ())


def _summary(callback: Any) -> Callable[[], None]:
    """A command of which only the first line of the help is wanted."""

    def nothing() -> None:
        return

    nothing.__doc__ = callback.__doc__
    return nothing
