"""Running tests of workflows: each in a workspace of its own that is gone afterwards, by the code of a real run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmctl.model.errors import ConfigError, CrmError, UsageError
from crmctl.model.text import one_line
from crmctl.workflow import engine
from crmctl.workflow.definition import WORKFLOWS
from crmctl.workflow.replay_scratch import Scratch, scratch
from crmctl.workflow.syntax import suggestion
from crmctl.workflow.testing import Account, Day, Expected, Given, Test, WorkflowTests
from crmctl.workflow.values import Insight
from crmctl.workspace import files, measures, paths, splice, store, yamlio
from crmctl.workspace.config import CONFIG, examine
from crmctl.workspace.records import read_record

if TYPE_CHECKING:
    from crmctl.workflow.definition import Workflow
    from crmctl.workflow.outbox import Message
    from crmctl.workflow.planner import RunPlan, Step
    from crmctl.workflow.replay_files import Rules
    from crmctl.workspace.workspace import Workspace

MOST_BYTES = 1024 * 1024
ONE_DAY = dt.timedelta(days=1)
# What must be expected if it happens; the rest only if somebody asks for it.
_COUNTS = frozenset({"did", "failed", "held"})
_KINDS = {"contacts": "name", "deals": "name", "tasks": "title", "interactions": ""}


@dataclass(frozen=True, slots=True)
class Got:
    """One thing that a workflow did on a day, with the message and the task that it made."""

    day: dt.date
    step: Step
    message: Message | None
    task: Mapping[str, Any]

    def __str__(self) -> str:
        step, note = self.step, self.message
        parts = [step.account, step.workflow, step.action, f"{step.state}: {step.text}"]
        if note is not None:
            parts.append(f"to {', '.join([*note.to, *filter(None, [note.target])])}")
        if self.task:
            task = self.task
            parts.append(
                f"task {task.get('title')!r}, {task.get('owner') or 'nobody'}, due {task.get('due')}"
            )
        return one_line(" ".join(filter(None, parts)), 400)


@dataclass(frozen=True, slots=True)
class Miss:
    """A day on which something else was done than a test expects: what was missing, and what was too much."""

    days: str
    missing: Sequence[str]
    extra: Sequence[str]
    line: int = 0

    def lines(self) -> Iterator[str]:
        """The day, and below it what differs."""
        yield f"on {self.days} (line {self.line})" if self.line else f"on {self.days}"
        yield from (f"- expected: {text}" for text in self.missing)
        yield from (f"+ got:      {text}" for text in self.extra)


@dataclass(slots=True)
class Outcome:
    """What became of one test; ``error`` says why it could not be run."""

    file: str
    line: int
    name: str
    misses: list[Miss] = field(default_factory=list)
    error: str = ""

    @property
    def passed(self) -> bool:
        return not self.misses and not self.error

    def lines(self) -> Iterator[str]:
        """All that is wrong, a line each."""
        if self.error:
            yield self.error
        for miss in self.misses:
            yield from miss.lines()


def run_file(ws: Workspace, where: str, raw: bytes, rules: Rules) -> list[Outcome]:
    """Run the tests of one file; each thing that is wrong with the file itself stands for a test that failed."""
    if len(raw) > MOST_BYTES:
        return [Outcome(where, 0, "the file", error=f"is larger than {MOST_BYTES // 1024} KiB")]
    suite, problems = examine(raw, where, WorkflowTests)
    if suite is None:
        return [Outcome(where, p.line, p.field or "the file", error=p.message) for p in problems]
    lines = yamlio.Lines(raw.decode("utf-8-sig"))
    outcomes = []
    for number, test in enumerate(suite.tests):
        outcome = Outcome(where, lines.of(("tests", number)), test.name)
        places = [lines.of(("tests", number, "days", day)) for day in range(len(test.days))]
        _run(ws, suite, test, outcome, rules, places or [0])
        outcomes.append(outcome)
    return outcomes


def _run(
    ws: Workspace,
    suite: WorkflowTests,
    test: Test,
    outcome: Outcome,
    rules: Rules,
    places: Sequence[int],
) -> None:
    try:
        workflows = engine.choose(rules.loaded, test.workflow or None)
        for name in {e.workflow for day in test.timeline for e in day.expect or ()}:
            if name not in workflows:
                hint = suggestion(name, workflows)
                raise UsageError(f"expects something of {name}, which does not run here{hint}")
        with scratch() as place:
            place.borrow(ws.root, settings=True)
            place.write(WORKFLOWS, rules.raw)
            _Running(place, suite.given.on_top(test.given), workflows).go(
                test.timeline, outcome, places
            )
    except CrmError as error:
        outcome.error = str(error)


class _Running:
    """One test under way."""

    def __init__(self, place: Scratch, given: Given, workflows: Mapping[str, Workflow]) -> None:
        self.place = place
        self.workflows = workflows
        self.overlaid: dict[str, dict[str, Any]] = {}
        config: Any = yamlio.load(
            (files.read(place.root, CONFIG) or b"").decode("utf-8-sig"), path=CONFIG
        )
        place.write(CONFIG, yamlio.dump_mapping({**(config or {}), **given.config}).encode())
        self._change(given.accounts, new=True)

    def go(self, days: Sequence[Day], outcome: Outcome, places: Sequence[int]) -> None:
        """Live the days through; ``places`` are their lines."""
        first = days[0]
        if first.add or first.set:
            # What is given was there before the first day, so that its changes can be seen as such.
            self._night(first.on - ONE_DAY, stock=True)
        for day, line in zip(days, places, strict=True):
            self._change(day.add, new=True)
            self._change(day.set, new=False)
            got: list[Got] = []
            night, last = day.on, day.until or day.on
            while night <= last:
                got += self._night(night)
                night += ONE_DAY
            if day.expect is not None:
                missing, extra = compared(day.expect, got)
                if missing or extra:
                    spelt = str(day.on) if last == day.on else f"{day.on} to {last}"
                    outcome.misses.append(Miss(spelt, missing, extra, line))

    def _change(self, accounts: Mapping[str, Account], *, new: bool) -> None:
        for slug, account in accounts.items():
            there = (self.place.root / paths.profile(slug)).is_file()
            if account.profile or not there:
                self._record(
                    paths.profile(slug), {"name": slug.title()}, account.profile, new=not there
                )
            for folder, records in account.records.items():
                for name, values in records.items():
                    path = f"{paths.ACCOUNTS}/{slug}/{folder}/{name}.md"
                    key = _KINDS[folder]
                    usual = {key: name.replace("-", " ").title()} if key else {}
                    if new and (self.place.root / path).is_file():
                        raise UsageError(f"{path}: is there already; change it under `set`")
                    self._record(path, usual, values, new=not (self.place.root / path).is_file())
            self._traffic(slug, account.traffic)
            for day, numbers in account.measures.items():
                self._measure(slug, day, numbers)
            self.overlaid.setdefault(slug, {}).update(account.values)

    def _record(
        self, path: str, usual: Mapping[str, Any], values: Mapping[str, Any], *, new: bool
    ) -> None:
        if new:
            raw = splice.new_document(
                {k: v for k, v in {**usual, **values}.items() if v is not None}, ""
            )
        else:
            edits: list[splice.Change] = [
                splice.Unset((name,)) if value is None else splice.Set((name,), value)
                for name, value in values.items()
            ]
            raw = splice.edit(files.read(self.place.root, path) or b"", edits, path=path)
        if paths.kind_of(path) is None:
            raise UsageError(
                f"{path}: cannot lie there; tasks and interactions have names such as 2026-03-31-call-1"
            )
        ranking = self.place.on(dt.date.min + ONE_DAY).ranking
        problems = read_record(raw, path, ranking)[1]
        if problems:
            raise ConfigError("; ".join(f"{p.path}: {p.field}: {p.message}" for p in problems))
        self.place.write(path, raw)

    def _traffic(self, slug: str, events: Sequence[Mapping[str, Any]]) -> None:
        by_path: dict[str, list[str]] = {}
        for number, event in enumerate(events):
            at = event.get("at")
            path = paths.traffic(slug, at.year if isinstance(at, dt.date) else "undated")
            line = store.event_line({"id": f"given:{number}", **event})
            by_path.setdefault(path, []).append(line)
        for path, lines in by_path.items():
            raw = (files.read(self.place.root, path) or b"") + "".join(
                f"{x}\n" for x in lines
            ).encode()
            problems = store.parse_events(raw, path)[1]
            if problems:
                raise ConfigError("; ".join(map(str, problems)))
            self.place.write(path, raw)

    def _measure(self, slug: str, day: dt.date, numbers: Mapping[str, Any]) -> None:
        path = paths.measures(day)
        rows = [
            measures.Measure(slug, name, day, Decimal(str(number)), "given")
            for name, number in numbers.items()
        ]
        self.place.write(path, measures.merge_day(files.read(self.place.root, path), rows, day))

    def _night(self, day: dt.date, *, stock: bool = False) -> list[Got]:
        """Run the workflows on a day, or with ``stock`` only let those that wait for events see what there is."""
        ws = self.place.on(day)
        chosen = {n: w for n, w in self.workflows.items() if w.looks_back or not stock}
        insight = Insight(ws, store.slugs(ws.root))

        def values(slug: str) -> Mapping[str, object]:
            return _Given(insight.values(slug), self.overlaid.get(slug, {}))

        planner = engine.plan_with(ws, chosen, insight, values)
        planner.note_baselines(alone=False)
        plan = planner.plan
        if plan.problems:
            raise ConfigError("; ".join(map(str, plan.problems)))
        got = [_got(day, step, plan, ws) for step in plan.steps]
        self.place.apply(plan.changes)
        return got


class _Given(Mapping[str, object]):
    """The values of an account, some of them as a test has them."""

    def __init__(self, beneath: Mapping[str, object], given: Mapping[str, object]) -> None:
        self._beneath = beneath
        self._given = given

    def __getitem__(self, name: str) -> object:
        return self._given[name] if name in self._given else self._beneath.get(name)

    def get(self, name: str, _default: object = None) -> object:
        """As ``[]``: what nobody knows is None."""
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**dict.fromkeys(self._beneath), **self._given})

    def __len__(self) -> int:
        return len(list(iter(self)))


def _got(day: dt.date, step: Step, plan: RunPlan, ws: Workspace) -> Got:
    place = (step.account, step.workflow, step.episode, step.action)
    note = next(
        (m for m in plan.messages if (m.account, m.workflow, m.episode, m.action) == place), None
    )
    change = plan.changes.get(step.path) if step.path else None
    kind = paths.kind_of(step.path) if step.path else None
    task: Mapping[str, Any] = {}
    if change is not None and change.new is not None and kind is not None and kind[0] == "task":
        task = read_record(change.new, step.path, ws.ranking)[0].effective()
    return Got(day, step, note, task)


def compared(expected: Sequence[Expected], got: Sequence[Got]) -> tuple[list[str], list[str]]:
    """What is missing and what is too much, as lines. Each thing that was done answers one expectation at most."""
    left = list(got)
    missing = []
    for each in expected:
        fitting = [g for g in left if _fits(each, g)]
        if not fitting:
            missing.append(_said(each))
        for one in fitting if not each.action and each.state == "did" else fitting[:1]:
            left.remove(one)
    return missing, [str(g) for g in left if g.step.state in _COUNTS]


def _fits(expected: Expected, got: Got) -> bool:
    step, note, task = got.step, got.message, expected.task
    told = {*note.to, *filter(None, [note.target])} if note else set()
    return (
        expected.workflow == step.workflow
        and expected.account in ("", step.account)
        and expected.action in ("", step.action)
        and expected.state == step.state
        and expected.text in step.text
        and expected.because in step.because
        and (not expected.people or expected.people == told)
        and (
            not expected.message
            or (note is not None and expected.message in f"{note.subject}\n{note.body}")
        )
        and (
            task is None
            or (
                bool(got.task)
                and task.title in str(got.task.get("title"))
                and task.owner in ("", got.task.get("owner"))
                and task.due in (None, got.task.get("due"))
                and task.priority in ("", got.task.get("priority"))
            )
        )
    )


def _said(expected: Expected) -> str:
    parts = [expected.account, expected.workflow, expected.action, expected.state]
    if expected.text:
        parts.append(f"saying {expected.text!r}")
    if expected.because:
        parts.append(f"because {expected.because!r}")
    if expected.people:
        parts.append(f"to {', '.join(sorted(expected.people))}")
    if expected.message:
        parts.append(f"telling {expected.message!r}")
    if expected.task is not None:
        wanted = expected.task.model_dump(exclude_defaults=True)
        parts.append("a task with " + ", ".join(f"{k} {v}" for k, v in wanted.items()))
    return one_line(" ".join(filter(None, parts)), 400)
