"""The health of an installation, and of what a workspace keeps beside its files; `crmctl doctor` shows it.

The records themselves are the business of `crmctl check`.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from crmctl import __version__
from crmctl.model.errors import CrmError, Problem
from crmctl.workspace import authoring, paths, templates
from crmctl.workspace.checks import settings
from crmctl.workspace.checks.source import Context, FileCheck
from crmctl.workspace.doctor.finding import Finding, State
from crmctl.workspace.doctor.index import index
from crmctl.workspace.doctor.state import leftovers, permissions, unfinished, writer
from crmctl.workspace.doctor.tree import repository, survey
from crmctl.workspace.lock import lock

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace

__all__ = ["Finding", "State", "installation", "mend", "workspace"]

OLDEST_PYTHON = (3, 11)


def installation() -> Iterator[Finding]:
    """What this machine has: Python, crmctl, the YAML parsers, git."""
    found = ".".join(map(str, sys.version_info[:3]))
    enough = sys.version_info >= OLDEST_PYTHON
    detail = f"{found} in {sys.prefix}" if enough else f"{found}; install 3.11 or newer"
    yield Finding("python", State.OK if enough else State.WRONG, detail)
    yield Finding("crmctl", State.OK, __version__)
    for name, module, without in (
        ("libyaml", "yaml._yaml", "reading is many times slower; install PyYAML from a wheel"),
        ("yaml-rs", "yaml_rs", "reading many files is several times slower; install yaml-rs"),
    ):
        there = find_spec(module) is not None
        detail = "present" if there else f"missing: {without}"
        yield Finding(name, State.OK if there else State.ADVICE, detail)
    if shutil.which("git") is None:
        yield Finding("git", State.WRONG, "missing: install it or put it on the PATH")


def workspace(ws: Workspace, others: Mapping[str, FileCheck]) -> Iterator[Finding]:
    """What belongs to one workspace. ``others`` are the checks of settings that higher rooms read."""
    yield from _settings(ws, others)
    try:
        state_dir = ws.state_dir
    except CrmError as error:
        yield Finding("repository", State.WRONG, str(error))
        return
    number, temporary = survey(ws.root)
    yield from repository(ws, number)
    yield permissions(state_dir)
    busy = writer(state_dir)
    yield busy
    yield from unfinished(ws)
    if busy.state is State.OK:
        yield leftovers(ws.root, state_dir, temporary)
    yield index(ws)


def mend(ws: Workspace, findings: Iterable[Finding]) -> list[Finding]:
    """Carry out every repair that there is, under the lock; those that were carried out."""
    repairable = [finding for finding in findings if finding.repair is not None]
    if repairable:
        with lock(ws.state_dir, command="doctor"):
            for finding in repairable:
                if finding.repair is not None:
                    finding.repair()
    return repairable


def _settings(ws: Workspace, others: Mapping[str, FileCheck]) -> Iterator[Finding]:
    config, problems = settings.load(ws.root)
    context = Context(ws.root, config, config.rank(), ws.now, others)
    problems += settings.problems(context)
    folder = f"{templates.FOLDER}/"
    yield _judged("settings", [p for p in problems if not p.path.startswith(folder)])
    wrong = [p for p in problems if p.path.startswith(folder)]
    yield _judged("templates", wrong or list(_rendering(ws)))


def _judged(name: str, problems: list[Problem]) -> Finding:
    if not problems:
        return Finding(name, State.OK, "can be read")
    first = min(problems, key=lambda p: p.severity != "error")
    more = f" (and {len(problems) - 1} more, see `crmctl check`)" if len(problems) > 1 else ""
    wrong = first.severity == "error"
    return Finding(name, State.WRONG if wrong else State.ADVICE, f"{first}{more}")


def _rendering(ws: Workspace) -> Iterator[Problem]:
    """What is wrong with the templates of new records, found by making one of each."""
    samples: dict[str, dict[str, Any]] = {
        paths.profile("sample"): {"name": "Sample", "stage": "prospect"},
        paths.contact("sample", "sample"): {"name": "Sample"},
        paths.deal("sample", "sample"): {"name": "Sample", "stage": "discovery"},
        paths.interaction("sample", ws.today, "call", "sample"): {"type": "call", "at": ws.now},
    }
    for path, values in samples.items():
        try:
            authoring.draft(ws, path, values)
        except CrmError as error:
            yield Problem(templates.FOLDER, 0, "", str(error), "template")
