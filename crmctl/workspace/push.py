"""Sending commits to where the team shares them."""

from __future__ import annotations

from crmctl.model.errors import PartialError
from crmctl.model.text import one_line
from crmctl.workspace.git import Git


def push(git: Git) -> str:
    """Send the branch to ``origin``; what happened, as a sentence. Never forces.

    PartialError if the remote does not take it: the commits stay here.
    """
    branch = git.run("symbolic-ref", "--quiet", "--short", "HEAD").decode().strip()
    code, out, err = git.attempt(
        "push", "--porcelain", "--no-verify", "origin", f"HEAD:refs/heads/{branch}"
    )
    if code:
        lines = err.decode("utf-8", "replace").splitlines()
        why = one_line(next((line for line in lines if line.strip()), "git push failed"))
        if any(line.startswith(b"!\t") for line in out.splitlines()):
            why = "the remote has commits that are not here: `git pull --rebase`, then `git push`"
        raise PartialError(f"the commit was made but not pushed: {why}")
    return f"pushed {branch} to origin"
