"""What every command shares: the workspace, the output, and the one way to carry a plan out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

    from crmctl.model.record import Record
    from crmctl.render.terminal import Output
    from crmctl.workspace import splice
    from crmctl.workspace.changes import ChangeSet
    from crmctl.workspace.workspace import Workspace


class Session:
    """One call of crmctl: its global options, and what they lead to, made when first used."""

    def __init__(
        self, folder: Path | None = None, *, quiet: bool = False, color: str = "auto"
    ) -> None:
        self.folder = folder
        self.quiet = quiet
        self.color = color
        self.verbose = False
        self.debug = False

    @cached_property
    def ws(self) -> Workspace:
        from crmctl.workspace.workspace import Workspace

        return Workspace.find(self.folder)

    @cached_property
    def out(self) -> Output:
        from crmctl.render.terminal import Output

        return Output(quiet=self.quiet, verbose=self.verbose, color=self.color)

    def edit_record(
        self,
        command: str,
        record: Record,
        edits: Callable[[Record], Sequence[splice.Change]],
        named: str,
        *,
        dry_run: bool,
        commit: bool,
        besides: Callable[[ChangeSet], None] | None = None,
    ) -> None:
        """Edit one record, and plan what goes ``besides``. ``named`` says what was done, in reports and commits.

        ``edits`` is asked under the lock, of the record as it is then, so that two at once lose nothing.
        """
        from crmctl.workspace import authoring
        from crmctl.workspace.changes import ChangeSet
        from crmctl.workspace.store import read_file

        def plan() -> ChangeSet:
            changes = ChangeSet()
            wanted = edits(read_file(self.ws.root, record.path, self.ws.ranking)[0])
            if wanted:
                authoring.edit(self.ws, changes, record.path, wanted, named)
            if besides is not None:
                besides(changes)
            return changes

        where = record.account if record.kind == "account" else f"{record.account}: {record.id}"
        self.carry_out(command, plan, dry_run=dry_run, commit=commit, subject=f"{where}: {named}")

    def left_out(self, paths: Collection[str]) -> None:
        """PartialError that names files which were written but not committed, as they hold a person's edit too."""
        from crmctl.model.errors import PartialError

        for path in sorted(paths):
            self.out.warn(
                f"not committed: {path} has an edit of yours; look at it and commit it yourself"
            )
        if paths:
            raise PartialError(f"{len(paths)} files were written and left uncommitted")

    def carry_out(
        self,
        command: str,
        plan: Callable[[], ChangeSet],
        *,
        dry_run: bool,
        commit: bool = False,
        subject: str = "",
        machine: bool = False,
        json: bool = False,
    ) -> ChangeSet:
        """Make a plan and write it under the lock, or print it with ``dry_run``. Says which files were touched.

        ``machine``: no person asked for just these files, so one with a person's edit is left out of the commit.
        ``json``: the result is to be JSON and nothing else, so a dry run prints no diff.
        """
        if dry_run:
            changes = plan()
            if not json:
                self.out.diff(changes)
            self.out.say(_counted(changes, "would be "))
            return changes
        if commit:
            self.ws.git.refuse_if_busy()
        theirs: set[str] = set()
        with self.ws.writing(command) as run:
            changes = plan()
            if commit and machine:
                theirs = self.ws.uncommitted(changes.paths)[1]
            self.ws.apply(changes, run)
            if commit and changes:
                self.ws.commit({*changes.paths} - theirs, run, subject or command)
        self.out.changed(changes)
        if not changes:
            self.out.say("nothing to do")
        self.left_out(theirs)
        return changes


def _counted(changes: ChangeSet, would: str = "") -> str:
    counts = [f"{number} {would}{word}" for word, number in changes.summary().items() if number]
    return ", ".join(counts) if counts else "nothing to do"


def session(ctx: typer.Context) -> Session:
    """The session of the command that is running."""
    found = ctx.find_object(Session)
    return found if found is not None else Session()
