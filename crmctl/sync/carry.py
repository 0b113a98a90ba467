"""Carrying an import out: plan, guards, apply, commit, report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from crmctl.model.errors import DecisionNeeded
from crmctl.model.incoming import Batch
from crmctl.sync import unmatched
from crmctl.sync.known import load_for
from crmctl.sync.plan import Plan, plan
from crmctl.workspace.changes import ChangeSet
from crmctl.workspace.paths import ACCOUNTS

if TYPE_CHECKING:
    from crmctl.workspace.runs import Run
    from crmctl.workspace.workspace import Workspace

_LISTED = 100  # accounts named in a commit's message


@dataclass(slots=True)
class Report:
    """What an import did, or with ``dry_run`` would do.

    ``run_id`` is "" when nothing was written, ``commit`` when nothing was committed; ``skipped`` are files with a
    person's uncommitted edit, left out of a run that commits.
    """

    system: str
    plan: Plan
    dry_run: bool
    run_id: str = ""
    commit: str = ""
    skipped: list[str] = field(default_factory=list)

    @property
    def partial(self) -> bool:
        """Whether a change was left out because of a person's edit: the caller exits with 3."""
        return bool(self.skipped)

    def lines(self) -> Iterator[str]:
        """The report for people, line by line; as it comes, so clean it at the door where it goes out."""
        yield from self._counts()
        for guard in self.plan.guards:
            yield f"stops and asks: {guard}"
        for rejected in self.plan.rejected:
            yield f"rejected: {rejected.origin or self.system}: {rejected.reason}"
        for path in self.skipped:
            yield f"skipped: {path} has an edit that is not committed; commit it and import again"
        for suggestion in self.plan.suggested:
            yield f"perhaps the same: {suggestion}"
        kinds = Counter(waiting.kind for waiting in self.plan.unmatched)
        for kind in sorted(kinds):
            yield f"not stored: {kinds[kind]} of kind {kind} that belong to no known account"
        yield from (f"note: {note}" for note in self.plan.notes)
        if self.commit:
            yield f"committed {self.commit[:12]}"

    def _counts(self) -> Iterator[str]:
        plan = self.plan
        for kind in sorted({*plan.created, *plan.updated, *plan.unchanged}):
            counts = (
                (plan.created, "new"),
                (plan.updated, "updated"),
                (plan.unchanged, "unchanged"),
            )
            yield f"{kind}: " + ", ".join(
                f"{count[kind]} {word}" for count, word in counts if count[kind]
            )
        if not plan.changes:
            yield f"nothing new from {self.system}"

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data, for ``--json``."""
        plan = self.plan
        return {
            "system": self.system,
            "dry_run": self.dry_run,
            "run": self.run_id,
            "commit": self.commit,
            "files": plan.changes.paths,
            "created": dict(sorted(plan.created.items())),
            "updated": dict(sorted(plan.updated.items())),
            "unchanged": dict(sorted(plan.unchanged.items())),
            "suggested": [
                asdict(suggestion) | {"reasons": list(suggestion.reasons)}
                for suggestion in plan.suggested
            ],
            "unmatched": [asdict(waiting) for waiting in plan.unmatched],
            "rejected": [asdict(rejected) for rejected in plan.rejected],
            "skipped": self.skipped,
            "guards": [str(guard) for guard in plan.guards],
            "notes": plan.notes,
        }


def import_batch(
    ws: Workspace,
    batch: Batch,
    *,
    dry_run: bool = False,
    commit: bool = False,
    allow: Collection[str] = (),
    accounts: Collection[str] | None = None,
) -> Report:
    """Bring a batch into the workspace, and with ``commit`` into one commit of exactly the files it is about.

    ``allow`` names guards that a person lets pass (see `crmctl.sync.guards`), ``accounts`` limits the import to
    these folders. DecisionNeeded if a guard stops it, or git is in the middle of something.
    """
    if dry_run:
        made = plan(ws, [batch], load_for(ws.root, ws.ranking, [batch]), accounts=accounts)
        return Report(batch.system, made, dry_run)
    if commit:
        ws.git.refuse_if_busy()
    with ws.writing(f"import {batch.system}") as run:
        # Read under the lock, or another run could change what the plan stands on.
        made = plan(ws, [batch], load_for(ws.root, ws.ranking, [batch]), accounts=accounts)
        stopping = [guard for guard in made.guards if guard.allow not in allow]
        if stopping:
            raise DecisionNeeded("; ".join(map(str, stopping)))
        report = Report(batch.system, made, dry_run)
        ours: set[str] = set()
        if commit:
            ours, report.skipped = split(ws, made)
            made.changes = without(made.changes, report.skipped)
        if made.changes:
            ws.apply(made.changes, run)
            report.run_id = run.id
        unmatched.update(ws.state_dir, made.unmatched, made.settled(report.skipped))
        if commit:
            report.commit = commit_run(ws, run, f"Import from {batch.system}", made.changes, ours)
            if report.commit:
                report.run_id = run.id
    return report


def split(ws: Workspace, made: Plan) -> tuple[set[str], list[str]]:
    """The paths with earlier work of a machine, for the commit, and those with a person's edit, which it leaves."""
    ours, theirs = ws.uncommitted({*made.paths, *made.changes.paths})
    return ours, sorted(path for path in theirs if made.changes.get(path) is not None)


def without(changes: ChangeSet, skipped: Collection[str]) -> ChangeSet:
    """The changes but those of the ``skipped`` paths."""
    kept = ChangeSet()
    for change in changes:
        if change.path not in skipped:
            kept.add(change)
    return kept


def commit_run(ws: Workspace, run: Run, what: str, changes: ChangeSet, ours: set[str]) -> str:
    """One commit of what was written now, and by earlier runs that were not committed; "" if there is nothing."""
    held = {*changes.paths, *ours}
    touched = Counter(path.split("/")[1] for path in held if path.startswith(f"{ACCOUNTS}/"))
    accounts = sorted(name for name in touched if not name.startswith("_"))
    body = [f"- {name} ({touched[name]})" for name in accounts[:_LISTED]]
    if len(accounts) > _LISTED:
        body.append(f"- and {len(accounts) - _LISTED} more")
    files = f"{len(held)} file{'s' if len(held) != 1 else ''}"
    subject = f"{what}: {files} of {len(accounts)} account{'s' if len(accounts) != 1 else ''}"
    return ws.commit(held, run, subject, "\n".join(body))
