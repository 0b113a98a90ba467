"""The entry point: run one command, and turn whatever goes wrong into one sentence and an exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from pathlib import Path


def main(argv: Sequence[str] | None = None) -> int:
    """Run crmctl with these arguments, by default the process's; the exit code."""
    arguments = _hoisted(list(sys.argv[1:] if argv is None else argv))
    # Next to nothing of what a command makes is garbage before its end.
    gc.set_threshold(100_000)
    from crmctl.model.errors import EXIT_BUG, EXIT_INTERRUPTED, CrmError

    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except CrmError as error:
        if "--debug" in arguments:
            _trace()
        _say(f"crmctl: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        _say("crmctl: interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader went away, as `head` does: nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001  whatever else it is, it is a bug
        if "--debug" in arguments:
            _trace()
        _say(
            f"crmctl: this is a bug ({type(error).__name__}); the details are in {_report(arguments)}"
        )
        return EXIT_BUG


COMPLETION = "_CRMCTL_COMPLETE"
# Options of crmctl itself, and whether a value follows: they may stand after the command as well.
GLOBAL = {
    "--debug": 0,
    "--quiet": 0,
    "-q": 0,
    "--verbose": 0,
    "-v": 0,
    "--color": 1,
    "--workspace": 1,
}


def _hoisted(arguments: list[str]) -> list[str]:
    """The arguments with crmctl's own options in front, where Typer looks for them."""
    front: list[str] = []
    rest: list[str] = []
    place = 0
    while place < len(arguments) and arguments[place] != "--":
        argument = arguments[place]
        taken = 1 + GLOBAL.get(argument, 0)
        known = argument in GLOBAL or argument.partition("=")[0] in ("--color", "--workspace")
        (front if known else rest).extend(arguments[place : place + taken])
        place += taken
    return [*front, *rest, *arguments[place:]]


def _run(arguments: list[str]) -> int:
    if arguments == ["list"]:
        # The command that is run most, in half the time: importing Typer takes the other half.
        from crmctl.cli.account_list import run_list
        from crmctl.cli.session import Session

        run_list(Session(), [])
        return 0
    from crmctl.cli.app import build

    # A shell that asks for completions gives its words in other ways than as arguments.
    app = build(None if COMPLETION in os.environ else arguments)
    import typer
    from typer.main import get_command

    try:
        result = get_command(app).main(args=arguments, prog_name="crmctl", standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except Exception as error:
        # Typer's own usage errors know how to show themselves.
        show = getattr(error, "show", None)
        if show is None or not hasattr(error, "format_message"):
            raise
        _show(show)
        return int(getattr(error, "exit_code", 2))
    return result if isinstance(result, int) else 0


def _show(show: Callable[[TextIO], None]) -> None:
    """What Typer says of a wrong call; it quotes the arguments, and they may come from anywhere."""
    from io import StringIO

    from crmctl.model import text

    said = StringIO()
    show(said)
    sys.stderr.write(text.terminal(said.getvalue()))


def _say(message: str) -> None:
    from crmctl.model import text

    sys.stderr.write(text.one_line(message, 2000) + "\n")


def _report(arguments: list[str]) -> Path:
    """Write what is known about a bug to a private file, and say where."""
    import tempfile
    import traceback
    from pathlib import Path

    from crmctl import __version__

    descriptor, name = tempfile.mkstemp(prefix="crmctl-bug-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as report:
        report.write(f"crmctl {__version__}, Python {sys.version}\ncommand: {arguments[:2]}\n\n")
        report.write(_blanked(traceback.format_exc()))
    return Path(name)


def _trace() -> None:
    """Where the error came from, on stderr."""
    import traceback

    sys.stderr.write(_blanked(traceback.format_exc()))


def _blanked(text: str) -> str:
    """Text without the secrets of this machine."""
    from crmctl.model.errors import CrmError
    from crmctl.model.text import redact
    from crmctl.workspace.machine import Machine

    try:
        return redact(text, Machine().secrets())
    except CrmError:
        return redact(text, ())


if __name__ == "__main__":
    sys.exit(main())
