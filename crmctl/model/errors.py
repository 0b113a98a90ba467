"""The error tree, arranged by what the caller should do, and problems as values.

    CrmError            1   an expected error: read the sentence, mend the cause
    ├── UsageError      2   the command was called wrongly
    ├── PartialError    3   part of the work failed; the rest is saved
    ├── ConfigError     4   credentials or configuration are missing or wrong
    ├── DecisionNeeded  5   a person must decide before anything more happens
    └── BusyError      75   another process holds the workspace: try again

Anything else that escapes a command is a bug (exit code 70). Ctrl-C is 130.
"""

from __future__ import annotations

from typing import NamedTuple

EXIT_BUG = 70
EXIT_INTERRUPTED = 130


class CrmError(Exception):
    """The request could not be carried out."""

    exit_code = 1


class UsageError(CrmError):
    """The command was called wrongly."""

    exit_code = 2


class PartialError(CrmError):
    """Part of the work failed; the rest is saved."""

    exit_code = 3


class ConfigError(CrmError):
    """Credentials or configuration are missing or wrong."""

    exit_code = 4


class DecisionNeeded(CrmError):
    """A person must decide before this can go on."""

    exit_code = 5


class BusyError(CrmError):
    """Another process holds the workspace; try again later."""

    exit_code = 75


class Problem(NamedTuple):
    """One thing wrong with one file: a value, so that one bad file never hides the rest.

    ``path`` is POSIX and relative to the workspace; ``line`` counts from 1, 0 when unknown.
    ``code`` is a stable word for filters (``yaml``, ``type``, ``choice``, ``reference`` ...);
    ``severity`` is ``error`` or ``warning``.
    """

    path: str
    line: int
    field: str
    message: str
    code: str = "invalid"
    severity: str = "error"

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        field = f"{self.field}: " if self.field else ""
        return f"{where}: {field}{self.message}"


class DamagedFile(CrmError):
    """A file that could not be read; carries every problem that was found in it."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(map(str, problems)))


class EditRefused(CrmError):
    """An edit whose result could not be proved to be the old data plus the change."""


class ChangedOnDisk(CrmError):
    """A file changed between reading it and writing it; nothing was written over it."""

    exit_code = 75
