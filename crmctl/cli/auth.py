"""auth: how this machine logs in to a live system."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from crmctl.cli.session import Session, session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmctl.sources.registry import Setting
    from crmctl.workspace.machine import Machine

LANGUAGE_MODEL = "language_model"


def auth(
    ctx: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            help="salesforce, slack, gong, granola, email, supabase, linkedin, language_model; to send: "
            "smtp, alerts_slack, target_NAME."
        ),
    ],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME", help="Ask for this setting, or read it from a pipe."),
    ] = None,
    forget: Annotated[
        bool, typer.Option("--forget", help="Remove what this machine knows.")
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="List the settings, test nothing.")] = False,
) -> None:
    """Set up a live system on this machine, and test it.

    Settings come from the environment (CRMCTL_SLACK_TOKEN), from a file of yours alone, or from the keyring; never
    from the workspace, and never from the command line. Without options it tests the connection and says what is
    missing.

    Example: crmctl auth slack --set token
    """
    from crmctl.model.errors import UsageError
    from crmctl.sources.registry import SYSTEMS
    from crmctl.workflow.channels.machine import settings as ways_out
    from crmctl.workspace.machine import Machine

    if source not in {*SYSTEMS, LANGUAGE_MODEL} and ways_out(source) is None:
        raise UsageError(f"{source!r} is no source; the sources are {', '.join(SYSTEMS)}")
    current, machine = session(ctx), Machine()
    if forget:
        machine.forget(source)
        current.out.say(
            f"forgot the settings of {source} in {machine.file}; the keyring is yours to clear"
        )
        return
    names = [setting.name for setting in _settings(source)]
    for name in set_ or []:
        if name not in names:
            raise UsageError(f"{source} has no setting {name!r}; it has {', '.join(names)}")
        value = _asked(source, name)
        if not value:
            raise UsageError(f"no value for {name} came in; type it, or pipe it")
        machine.save(source, name, value)
        current.out.say(f"kept {source}.{name}")
    if show or not machine.has(source):
        _list(current, source, machine)
    if not show and machine.has(source):
        _test(current, source, machine)


def _settings(source: str) -> Sequence[Setting]:
    """The settings of a source, of a way out, or of the language model."""
    from crmctl.sources import language_model, registry
    from crmctl.workflow.channels.machine import settings as ways_out

    if source == LANGUAGE_MODEL:
        return language_model.SETTINGS
    found = ways_out(source)
    if found is not None:
        return found
    return registry.SYSTEMS[source].settings


def _asked(source: str, name: str) -> str:
    """A setting from the terminal, unseen if it is a secret, or from a pipe."""
    from crmctl.workspace.machine import OPEN

    if not sys.stdin.isatty():
        return sys.stdin.read().strip()
    asked: str = typer.prompt(f"{source} {name}", hide_input=name not in OPEN, err=True)
    return asked.strip()


def _list(current: Session, source: str, machine: Machine) -> None:
    from crmctl.workspace.machine import OPEN, variable

    rows = []
    for setting in _settings(source):
        value = machine.get(source, setting.name)
        rows.append(
            {
                "setting": setting.name,
                "value": (value if setting.name in OPEN else "set") if value else "",
                "needed": "yes" if setting.needed else "",
                "variable": variable(source, setting.name),
                "what": setting.help,
            }
        )
    people = ("setting", "value", "needed", "what")
    current.out.records(tuple(rows[0]), rows, people=people, wrap=True)
    current.out.say(f"each may stand in the environment, such as {rows[0]['variable']}")
    if not machine.has(source):
        first = next((row["setting"] for row in rows if row["needed"]), rows[0]["setting"])
        current.out.say(f"nothing is set here yet: start with `crmctl auth {source} --set {first}`")


def _test(current: Session, source: str, machine: Machine) -> None:
    from crmctl.cli.sync import make_network
    from crmctl.sources import language_model, registry
    from crmctl.workflow.channels import machine as channels

    network = make_network(current, current.ws)
    try:
        if channels.settings(source) is not None:
            found = iter([channels.Channels(machine, network).check(source)])
        elif source == LANGUAGE_MODEL:
            settings = current.ws.config.language_model
            found = iter(language_model.check(machine, settings, network))
        else:
            found = registry.connect(source, machine, current.ws.config.sources, network).check()
        for sentence in found:
            current.out.line(network.clean(sentence))
    finally:
        network.close()


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    app.command("auth")(auth)
