"""Where a workspace's repository is: found by reading ``.git`` ourselves, never by git.

Git's own search stops at anything that looks like a bare repository, which a pull request can put
into an account's folder together with a configuration that runs commands.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from crmctl.model.errors import ConfigError


class GitDir(NamedTuple):
    """The places of a repository, all absolute and free of links.

    ``git_dir`` belongs to one working tree, ``common_dir`` to all of them (they differ in a
    linked worktree). ``root`` is the workspace, ``top`` the working tree it lies in, and
    ``prefix`` the way from ``top`` to ``root``: ``""`` or ``"a/b/"``.
    """

    root: Path
    top: Path
    git_dir: Path
    common_dir: Path

    @property
    def prefix(self) -> str:
        """The workspace's place in the working tree, with a final slash unless it is the top."""
        relative = self.root.relative_to(self.top).as_posix()
        return "" if relative == "." else f"{relative}/"

    @property
    def worktree(self) -> str:
        """What tells this working tree and workspace from others of the same repository."""
        return f"{self.git_dir.relative_to(self.common_dir).as_posix()}:{self.prefix}"

    @property
    def state_dir(self) -> Path:
        """Our own folder beside the repository's files; made here if it is not there."""
        folder = self.common_dir / "crmctl"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"cannot make {folder}: {error.strerror}; crmctl keeps its lock and journal there"
            ) from error
        return folder


def locate(root: Path) -> GitDir:
    """The repository that the workspace ``root`` lies in; ConfigError if there is none."""
    root = root.resolve()
    for top in (root, *root.parents):
        entry = top / ".git"
        if entry.is_dir():
            git_dir = entry.resolve()
        elif entry.is_file():
            git_dir = _linked(entry)
        else:
            continue
        if not (git_dir / "HEAD").is_file():
            raise ConfigError(f"{entry} is no repository: run `git status` there and mend it")
        return GitDir(root, top, git_dir, _common(git_dir))
    raise ConfigError(f"{root} is in no git repository: run `git init` or `crmctl init` there")


def _linked(entry: Path) -> Path:
    """The directory that a ``.git`` file (of a worktree or a submodule) points to."""
    keyword, _, target = entry.read_text(encoding="utf-8", errors="surrogateescape").partition(":")
    if keyword != "gitdir":
        raise ConfigError(f"{entry} does not name a git directory: run `git worktree repair`")
    return (entry.parent / target.strip()).resolve()


def _common(git_dir: Path) -> Path:
    pointer = git_dir / "commondir"
    if not pointer.is_file():
        return git_dir
    target = pointer.read_text(encoding="utf-8", errors="surrogateescape").strip()
    return (git_dir / target).resolve()
