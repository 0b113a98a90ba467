"""One call for everything that is due at night: which steps there are, which are due, and how the last ones went.

What a step was done for is remembered beside the repository, a step at a time: a night that was killed goes on where
it stopped, and nights that were missed are caught up once. A step that fails keeps none of the others from being done.
"""

from __future__ import annotations

import datetime as dt
import os
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from crmctl.model.errors import BusyError, ConfigError, CrmError
from crmctl.model.text import one_line, redact
from crmctl.workflow import schedule
from crmctl.workflow.nightly_memory import (
    BUSY,
    DONE,
    FAILED,
    PARTLY,
    SKIPPED,
    Memory,
    Night,
    Result,
)
from crmctl.workspace.config import CONFIG
from crmctl.workspace.lock import lock
from crmctl.workspace.machine import Machine
from crmctl.workspace.nightly_settings import OFF
from crmctl.workspace.workspace import clock

if TYPE_CHECKING:
    from pathlib import Path

    from crmctl.workspace.workspace import Workspace

_LONGEST = 500  # characters of an error
_ERRORS = 20  # errors of one step that are kept


@dataclass(slots=True)
class Did:
    """What a step did: a sentence, numbers, the commit, and what went wrong with parts of it.

    ``skipped`` says that there was nothing it could do here.
    """

    text: str
    counts: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    commit: str = ""
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done at night, on the days of its schedule in ``nightly:`` of crmctl.yaml.

    ``do`` is given the day it is done for. With ``again`` it is due at the next call when a part of it failed;
    without, what it costs to do it all again is worth more than the part.
    """

    name: str
    what: str
    do: Callable[[dt.date], Did]
    again: bool = True


@dataclass(frozen=True, slots=True)
class Due:
    """Whether a step is due, and why; ``day`` is the last day on which it was, ``last`` the one it was done for."""

    step: Step
    when: str
    is_due: bool
    why: str
    day: dt.date | None = None
    last: dt.date | None = None


@contextmanager
def alone(ws: Workspace, wait: float = 10.0) -> Iterator[None]:
    """Hold the night against another `crmctl nightly`; BusyError says who has it."""
    with lock(ws.state_dir / "night", command="nightly", wait=wait):
        yield


def due(ws: Workspace, steps: Sequence[Step], memory: Memory) -> list[Due]:
    """Each step with whether it is due at the workspace's local time. ConfigError for a schedule that is none."""
    return [_due(step, getattr(ws.config.nightly, step.name), ws, memory) for step in steps]


def _due(step: Step, when: str, ws: Workspace, memory: Memory) -> Due:
    if when == OFF:
        return Due(step, when, is_due=False, why="switched off in crmctl.yaml")
    try:
        chosen = schedule.read(when)
    except ValueError as error:
        raise ConfigError(f"{CONFIG}: nightly.{step.name}: {when!r} {error}") from None
    now, last = ws.local_now, memory.marks.get(step.name)
    day = chosen.latest(now)
    if day is None:
        return Due(step, when, is_due=False, why="that day never comes", last=last)
    if last is None:
        if day == now.date():
            return Due(step, when, is_due=True, why="due today, for the first time", day=day)
        # As with workflows, what was due before anybody asked for it is not made up for.
        why = f"was last due on {day}, before the first night here"
        return Due(step, when, is_due=False, why=why, day=day)
    if last > now.date():
        why = f"done for {last}, which lies ahead: is the clock right?"
        return Due(step, when, is_due=False, why=why, day=day, last=last)
    if day <= last:
        return Due(step, when, is_due=False, why=f"not due again since {last}", day=day, last=last)
    why = "due today" if day == now.date() else f"due since {day}"
    return Due(
        step, when, is_due=True, why=f"{why}; the time before was {last}", day=day, last=last
    )


def asked_for(due_steps: Sequence[Due]) -> list[Due]:
    """The same steps as if all were due, since a person asks for them. One that was not is done for today."""
    return [
        each if each.is_due else replace(each, is_due=True, why="asked for", day=None, last=None)
        for each in due_steps
    ]


def take_stock(due_steps: Sequence[Due], memory: Memory) -> None:
    """Notes of each step that is not due and was never done from when on it counts."""
    for each in due_steps:
        if not each.is_due and each.last is None and each.day is not None:
            memory.marks[each.step.name] = each.day


def run(
    ws: Workspace,
    due_steps: Sequence[Due],
    memory: Memory,
    *,
    told: Callable[[Result], None] = lambda _result: None,
) -> list[Result]:
    """Do what is due, one step after the other, and remember each before the next begins.

    The caller holds the night (`alone`). Of those that are done although they are not due nothing moves but their
    results: they are due on the same days as before.
    """
    chosen = [each for each in due_steps if each.is_due]
    if not chosen:
        take_stock(due_steps, memory)
        memory.save()
        return []
    today, results = ws.local_now.date(), []
    if memory.last is None or memory.last.day != today.isoformat():
        memory.last = Night(today.isoformat(), _stamp(ws.now))
    memory.last.finished = ""
    take_stock(due_steps, memory)
    memory.save()
    for each in chosen:
        result = _do(each.step, each.day or today, memory.folder)
        if each.day is not None and (
            result.state in (DONE, SKIPPED) or (result.state == PARTLY and not each.step.again)
        ):
            memory.marks[each.step.name] = max(each.day, each.last or each.day)
        memory.last.results[each.step.name] = result
        memory.save()
        results.append(result)
        told(result)
    memory.last.finished = _stamp(clock())
    memory.save()
    return results


def _do(step: Step, day: dt.date, folder: Path) -> Result:
    begin = time.monotonic()
    try:
        did = step.do(day)
    except CrmError as error:
        state = BUSY if isinstance(error, BusyError) else FAILED
        result = Result(step.name, state, "", 0, "", errors=[one_line(str(error), _LONGEST)])
    except Exception as error:  # noqa: BLE001  a bug of one step must not cost the others
        where = _trace(folder, step.name)
        text = f"this is a bug ({type(error).__name__}); the details are in {where}"
        result = Result(step.name, FAILED, "", 0, "", errors=[text])
    else:
        state = SKIPPED if did.skipped else PARTLY if did.errors else DONE
        errors = [one_line(error, _LONGEST) for error in did.errors]
        if len(errors) > _ERRORS:
            errors[_ERRORS:] = [f"and {len(errors) - _ERRORS} more"]
        text = one_line(did.text, _LONGEST)
        result = Result(step.name, state, "", 0, text, did.counts, errors, did.commit)
    result.day, result.seconds = day.isoformat(), round(time.monotonic() - begin, 1)
    return result


def _trace(folder: Path, name: str) -> Path:
    """Where the traceback of the error that is being handled was put, without this machine's secrets."""
    path = folder / f"bug-{name}.txt"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(redact(traceback.format_exc(), Machine().secrets()))
    return path


def _stamp(moment: dt.datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
