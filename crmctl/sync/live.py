"""Taking in what several systems gave, as one plan, one run and one commit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from crmctl.model.incoming import RECORD_KINDS
from crmctl.sync import unmatched
from crmctl.sync.carry import commit_run, without
from crmctl.sync.draft import Tally
from crmctl.sync.gather import Gathered, marks
from crmctl.sync.known import load_for
from crmctl.sync.plan import Plan, plan
from crmctl.sync.removed import Removed
from crmctl.workspace import gitdir, paths, runs, sync_state
from crmctl.workspace.sync_state import State

if TYPE_CHECKING:
    from crmctl.sync.guards import Guard
    from crmctl.workspace.workspace import Workspace

_STATES = f"{paths.ACCOUNTS}/_state/"


@dataclass(slots=True)
class Outcome:
    """What became of one source. ``error`` is why its read ended early, ``guard`` why nothing of it was taken in."""

    system: str
    tally: Tally = field(default_factory=Tally)
    waiting: int = 0
    rejected: int = 0
    notes: list[str] = field(default_factory=list)
    error: str = ""
    guard: str = ""
    configuration: bool = False
    limits: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not self.error and not self.guard

    def counts(self) -> str:
        """``12 new, 3 updated, 400 unchanged``, what there is none of left out."""
        parts = (
            (self.tally.created, "new"),
            (self.tally.updated, "updated"),
            (self.tally.unchanged, "unchanged"),
        )
        counted = [f"{sum(count.values())} {word}" for count, word in parts if count]
        counted += [f"{self.waiting} without an account"] if self.waiting else []
        counted += [f"{self.rejected} rejected"] if self.rejected else []
        return ", ".join(counted) or "nothing new"


@dataclass(slots=True)
class SyncReport:
    """What a sync did, or with ``dry_run`` would do."""

    outcomes: list[Outcome]
    plan: Plan
    dry_run: bool
    run_id: str = ""
    commit: str = ""
    skipped: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data, for ``--json``."""
        made = self.plan
        return {
            "dry_run": self.dry_run,
            "run": self.run_id,
            "commit": self.commit,
            "sources": [_outcome(outcome) for outcome in self.outcomes],
            "files": made.changes.paths,
            "suggested": [asdict(one) | {"reasons": list(one.reasons)} for one in made.suggested],
            "rejected": [asdict(rejected) for rejected in made.rejected],
            "skipped": self.skipped,
        }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    tally = outcome.tally
    return {
        "source": outcome.system,
        "ok": outcome.ok,
        "error": outcome.error or outcome.guard,
        "created": dict(sorted(tally.created.items())),
        "updated": dict(sorted(tally.updated.items())),
        "unchanged": dict(sorted(tally.unchanged.items())),
        "unmatched": outcome.waiting,
        "rejected": outcome.rejected,
        "notes": outcome.notes,
        "limits": dict(outcome.limits),
    }


def take_in(
    ws: Workspace,
    gathered: Sequence[Gathered],
    *,
    dry_run: bool = False,
    commit: bool = False,
    allow: Collection[str] = (),
    accounts: Collection[str] | None = None,
    keep_marks: bool = True,
) -> SyncReport:
    """Write what was read, the marks last. ``accounts`` limits it to these folders, and then no mark moves.

    A source that a guard stops is left out and named; the others are taken in.
    """
    if accounts is not None:
        keep_marks = False
    if dry_run:
        made, stopped = _plan(ws, gathered, allow, accounts)
        report = _report(gathered, made, stopped, dry_run=True)
        if keep_marks:
            _add_states(ws, gathered, made, stopped, set())
        return report
    with ws.writing(f"sync {' '.join(one.system for one in gathered)}") as run:
        made, stopped = _plan(ws, gathered, allow, accounts)
        report = _report(gathered, made, stopped, dry_run=False)
        ours: set[str] = set()
        apart: set[str] = set()
        if commit:
            ours, report.skipped, apart = _earlier(ws, made, gathered)
            made.changes = without(made.changes, report.skipped)
        if keep_marks:
            _add_states(ws, gathered, made, stopped, set(report.skipped))
        apart &= ours | set(made.changes.paths)
        # What waits is noted before a mark passes it, and what has its place is taken out behind that.
        unmatched.update(ws.state_dir, made.unmatched, ())
        if made.changes:
            ws.apply(made.changes, run)
            report.run_id = run.id
        unmatched.update(ws.state_dir, (), made.settled(report.skipped) | _opened(ws, gathered))
        if commit:
            what = f"Sync {', '.join(one.system for one in gathered)}"
            report.commit = commit_run(ws, run, what, without(made.changes, apart), ours - apart)
            report.run_id = run.id if report.commit else report.run_id
            _tell_apart(report, gathered, apart)
    return report


def _earlier(
    ws: Workspace, made: Plan, gathered: Sequence[Gathered]
) -> tuple[set[str], list[str], set[str]]:
    """For a commit: what else goes with it, the files that a person is editing, and the marks that stay out of it.

    All that earlier syncs wrote and nobody committed goes with it, or their marks would be ahead of their data. Where a
    person has edited some of that since, the marks stay out, as does one in whose file a person has changed something.
    """
    here = gitdir.locate(ws.root).worktree
    left = {
        path
        for journal in runs.journals(ws.state_dir)
        if not journal.commit and journal.worktree == here and _is_sync(journal.run.command)
        for path in journal.hashes()
    }
    marks_now = {paths.state(one.source.state) for one in gathered}
    ours, theirs = ws.uncommitted({*made.paths, *made.changes.paths, *left, *marks_now})
    theirs = {path for path in theirs if (ws.root / path).exists() or path not in marks_now}
    states = marks_now | {path for path in left if path.startswith(_STATES)}
    skipped = sorted(path for path in theirs if made.changes.get(path) is not None)
    return ours, skipped, states if theirs & (left - states) else theirs & states


def _is_sync(command: str) -> bool:
    return command.partition(" ")[0] == "sync"


def _tell_apart(report: SyncReport, gathered: Sequence[Gathered], apart: Collection[str]) -> None:
    for one, outcome in zip(gathered, report.outcomes, strict=True):
        path = paths.state(one.source.state)
        if path in apart:
            outcome.notes.append(
                f"{path} is not committed, as a file has an edit of yours that is not committed either"
            )


def _opened(ws: Workspace, gathered: Sequence[Gathered]) -> set[tuple[str, str, str]]:
    """The containers, such as channels, that waited and that a whole read no longer names as waiting."""
    whole = {one.system for one in gathered if one.error is None and one.mark is not None}
    still = {(w.system, w.kind, w.id) for one in gathered for w in one.batch.waiting}
    return {
        (w.system, w.kind, w.id)
        for w in unmatched.load(ws.state_dir)
        if w.system in whole and w.kind not in RECORD_KINDS
    } - still


def _plan(
    ws: Workspace,
    gathered: Sequence[Gathered],
    allow: Collection[str],
    accounts: Collection[str] | None,
) -> tuple[Plan, dict[str, Guard]]:
    """One plan for all sources, but those that a guard stops."""
    removed = Removed(ws)
    stopped: dict[str, Guard] = {}
    while True:
        batches = [one.batch for one in gathered if one.system not in stopped]
        known = load_for(ws.root, ws.ranking, batches)
        made = plan(ws, batches, known, accounts=accounts, removed=removed)
        found = {guard.system: guard for guard in made.guards if guard.allow not in allow}
        if not found:
            return made, stopped
        stopped |= found


def _add_states(
    ws: Workspace,
    gathered: Sequence[Gathered],
    made: Plan,
    stopped: Mapping[str, Guard],
    skipped: Collection[str],
) -> None:
    """Move the marks of the sources whose every record has its place now; the others are read again."""
    held = made.waits_for(skipped)
    for one in gathered:
        mark = marks(one)
        if mark is None or one.system in stopped or one.system in held:
            continue
        path = paths.state(one.source.state)
        now = sync_state.load(ws.root, one.source.state)
        if now.mark != one.state.mark:
            continue  # another sync was here meanwhile; what it noted stays, and overlaps with ours
        state = State(mark, now.claims)
        made.changes.put(path, now.raw, sync_state.dump(state), f"how far {one.system} was read")


def _report(
    gathered: Sequence[Gathered],
    made: Plan,
    stopped: Mapping[str, Guard],
    *,
    dry_run: bool,
) -> SyncReport:
    outcomes = []
    for one in gathered:
        outcome = Outcome(one.system, made.tallies.get(one.system, Tally()))
        outcome.waiting = sum(waiting.system == one.system for waiting in made.unmatched)
        outcome.rejected = len(one.batch.rejected)
        outcome.notes = list(one.batch.notes)
        outcome.limits = one.limits
        if one.error is not None:
            outcome.error = str(one.error)
            outcome.configuration = one.error.exit_code == 4
        if one.system in stopped:
            outcome.guard = str(stopped[one.system])
        away = [record for record in made.kept_away if record.system == one.system]
        if away:
            outcome.notes.append(
                f"a person removed the files of {len(away)} records: they stay away; "
                "restore a file with git to have its record again"
            )
        outcomes.append(outcome)
    return SyncReport(outcomes, made, dry_run)
