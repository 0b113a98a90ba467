"""What people deleted: files that git has in its history and that are gone now."""

from __future__ import annotations

from collections.abc import Sequence

from crmctl.model.errors import CrmError
from crmctl.workspace import gitformat
from crmctl.workspace.git import Git
from crmctl.workspace.gitformat import Removal


def deleted(git: Git, since: str | None = None) -> list[Removal]:
    """The files that people deleted in HEAD's history behind ``since``, newest first.

    Left out is what crmctl deleted in a run, what a commit deleted together with the state of a source, and what a
    revert deleted: those return to an earlier state of the whole. CrmError if ``since`` is no longer in the history.
    """
    if git.head() is None:
        return []
    if since and git.run(
        "log", "--max-count=1", "--format=%H", "--end-of-options", f"HEAD..{since}"
    ):
        raise CrmError(f"{since} is not in the history of what is checked out")
    output = git.run(
        "log", "-z", "--raw", "--no-renames", "--no-abbrev", "--relative", "-m", "--first-parent",
        f"--format={gitformat.REMOVAL_FORMAT}", "--end-of-options", f"{since}..HEAD" if since else "HEAD",
    )  # fmt: skip
    return list(gitformat.removals(output))


def missing(git: Git) -> list[Removal]:
    """The files that HEAD has and the working tree does not."""
    if git.head() is None:
        return []
    output = git.run(
        "diff-index", "--raw", "-z", "--no-renames", "--no-abbrev", "--relative", "--diff-filter=D", "HEAD",
    )  # fmt: skip
    return list(gitformat.deleted(output))


def contents(git: Git, removed: Sequence[Removal]) -> list[bytes | None]:
    """What the files held, None for one that is not in this clone."""
    blobs = "".join(f"{removal.blob}\n" for removal in removed)
    return list(gitformat.batch(git.run("cat-file", "--batch", input=blobs.encode())))
