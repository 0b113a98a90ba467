"""The one wrapper around git: fixed verbs, a clean environment, exactly our own paths.

A commit of ours is built in a temporary index that starts at HEAD and takes the given paths as
they are on disk, so what a person has staged stays staged and uncommitted. Git is told where the
repository is and never looks for one (see `gitdir`).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from crmctl.model.errors import BusyError, ConfigError, CrmError, DecisionNeeded, PartialError
from crmctl.model.text import one_line
from crmctl.workspace import gitdir, gitformat
from crmctl.workspace.files import check_path

_TIMEOUT = 600.0  # seconds; a full commit of 200,000 files takes about ten
_LOCK_WAIT = 10.0  # seconds to wait for another git to let go of the index
_LEFT_OVER = 24 * 3600.0  # seconds after which a temporary index has surely lost its process
_MANY_PATHS = 20  # from here on, git is faster without pathspecs than with them

_VERBS = frozenset(
    [
        *("cat-file", "commit-tree", "diff-index", "diff-tree", "log", "ls-files", "maintenance"),
        *("merge-file", "push", "rev-parse", "status", "symbolic-ref", "update-index"),
        *("update-ref", "var", "version", "write-tree"),
    ]
)
_UPDATE = ("-z", "--add", "--remove", "--ignore-skip-worktree-entries", "--stdin")
_SETTINGS = (
    "safe.bareRepository=explicit",
    "core.fsync=all",
    "core.fsyncMethod=batch",
    "core.quotePath=false",
    f"core.hooksPath={os.devnull}",
    "color.ui=false",
    "log.showSignature=false",
    "i18n.commitEncoding=utf-8",
    "trailer.separators=:",
    "user.useConfigOnly=true",
)
_ENVIRONMENT = (
    *("HOME", "PATH", "TMPDIR", "USER", "LOGNAME", "XDG_CONFIG_HOME", "SYSTEMROOT"),
    *("SSH_AUTH_SOCK", "SSH_AGENT_PID"),  # for pushing
)

# What a working tree in the middle of something has in its git directory; the first match counts.
_OPERATIONS = {
    "rebase-merge": ("a rebase", "git rebase --continue", "git rebase --abort"),
    "rebase-apply/applying": ("a patch series", "git am --continue", "git am --abort"),
    "rebase-apply": ("a rebase", "git rebase --continue", "git rebase --abort"),
    "MERGE_HEAD": ("a merge", "git commit", "git merge --abort"),
    "CHERRY_PICK_HEAD": ("a cherry-pick", "git cherry-pick --continue", "git cherry-pick --abort"),
    "REVERT_HEAD": ("a revert", "git revert --continue", "git revert --abort"),
    "sequencer": ("a series of picks", "git cherry-pick --continue", "git cherry-pick --quit"),
    "BISECT_LOG": ("a bisection", "git bisect good` or `git bisect bad", "git bisect reset"),
}
_REVISION = re.compile(r"[0-9A-Za-z][0-9A-Za-z_./@{}^~-]*")


class Git:
    """The repository that the workspace ``root`` lies in. All paths are relative to ``root``."""

    def __init__(self, root: Path) -> None:
        self._place = gitdir.locate(root)
        self._trusted = False

    @classmethod
    def init(cls, root: Path) -> Git:
        """Make ``root`` a repository with the branch ``main``, unless it is one already."""
        if not (root / ".git").exists():
            done = _execute(["git", "-C", str(root), "init", "--quiet", "--initial-branch=main"])
            if done.returncode:
                raise CrmError(f"cannot make {root} a repository: {_first_line(done.stderr)}")
        return cls(root)

    @property
    def git_dir(self) -> Path:
        """The git directory of this working tree."""
        return self._place.git_dir

    @property
    def common_dir(self) -> Path:
        """The git directory that all working trees of the repository share."""
        return self._place.common_dir

    @property
    def state_dir(self) -> Path:
        """``crmctl/`` in the common directory: index, lock, journals; made on demand."""
        return self._place.state_dir

    def run(
        self,
        verb: str,
        *args: str,
        input: bytes | None = None,
        env: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> bytes:
        """Standard output of ``git VERB ARGS``; with ``check``, CrmError if git reports failure."""
        done = self._run(verb, args, input=input, env=env)
        if check and done.returncode:
            raise CrmError(
                f"git {verb} failed: {_first_line(done.stderr)}; run `git status` in "
                f"{self._place.top} and mend what it shows"
            )
        return done.stdout

    def attempt(self, verb: str, *args: str) -> tuple[int, bytes, bytes]:
        """Exit code, standard output and standard error of ``git VERB ARGS``, for what may well fail."""
        done = self._run(verb, args)
        return done.returncode, done.stdout, done.stderr

    def head(self) -> str | None:
        """The commit that is checked out; None on a branch without commits."""
        name = self.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", check=False)
        return name.decode().strip() or None

    def refuse_if_busy(self) -> None:
        """DecisionNeeded if a commit here would disturb what a person is in the middle of."""
        for entry, (name, proceed, abort) in _OPERATIONS.items():
            if (self.git_dir / entry).exists():
                raise DecisionNeeded(
                    f"{self._place.top} is in the middle of {name}: finish it with `{proceed}` or "
                    f"give it up with `{abort}`, then run again"
                )
        if self.run("ls-files", "--unmerged", "-z"):
            raise DecisionNeeded(
                f"{self._place.top} has unmerged files: resolve them, `git add` them, run again"
            )
        if not self.run("symbolic-ref", "--quiet", "HEAD", check=False):
            raise DecisionNeeded(
                f"{self._place.top} is on no branch (detached HEAD): `git switch` to one, run again"
            )

    def status(self) -> dict[str, str]:
        """What differs from HEAD: path to git's two letters (``" M"``, ``"A "``, ``"??"`` ...)."""
        return self._status()

    def dirty(self, paths: Iterable[str]) -> set[str]:
        """Those of ``paths`` that differ from HEAD on disk or in the index, ignored ones too."""
        wanted = {check_path(path) for path in paths}
        if not wanted:
            return set()
        few = ["--", *sorted(wanted)] if len(wanted) <= _MANY_PATHS else []
        return wanted & self._status("--ignored=traditional", *few).keys()

    def commit(
        self,
        paths: Iterable[str],
        subject: str,
        body: str = "",
        trailers: Mapping[str, str] | None = None,
    ) -> str:
        """Commit exactly ``paths`` as they are on disk (absent ones as deleted); the commit's id.

        Returns "" if HEAD holds all that already. Text is cleaned, so that no part of it can pass
        for a trailer. The caller holds the workspace lock. Raises DecisionNeeded as
        `refuse_if_busy` does, ConfigError without an identity, BusyError if another git has the
        index or moves the branch.
        """
        self.refuse_if_busy()
        names = b"".join(os.fsencode(check_path(path)) + b"\0" for path in sorted(set(paths)))
        if not names:
            return ""
        self._require_identity()
        self._wait_for_index()
        head = self.head()
        tree = self._tree(head, names)
        if head and tree == self.run("rev-parse", f"{head}^{{tree}}").decode().strip():
            return ""
        message = gitformat.message(subject, body, trailers or {})
        parents = ["-p", head] if head else []
        commit = self.run("commit-tree", *parents, "-F", "-", tree, input=message).decode().strip()
        reason = f"crmctl: {one_line(subject)}"
        if self._run("update-ref", ("-m", reason, "HEAD", commit, head or "")).returncode:
            raise BusyError("the branch moved while the commit was made, none was added: run again")
        self._learn(names, commit)
        # As `git commit` does: else a machine that only runs crmctl would never pack its objects.
        self.run("maintenance", "run", "--auto", "--quiet", check=False)
        return commit

    def show(self, rev: str, path: str) -> bytes | None:
        """A file as the revision holds it; None if the revision or the file does not exist."""
        return self.blobs([(rev, path)])[0]

    def blobs(self, wanted: Sequence[tuple[str, str]]) -> list[bytes | None]:
        """`show` for many (revision, path) at once."""
        for rev, _ in wanted:
            if not _REVISION.fullmatch(rev):
                raise CrmError(f'"{one_line(rev)}" is no revision: give a branch, tag or commit')
        specs = [f"{rev}:{self._place.prefix}{check_path(path)}\n" for rev, path in wanted]
        output = self.run("cat-file", "--batch", input=os.fsencode("".join(specs)))
        return list(gitformat.batch(output))

    def log_runs(self, limit: int, run_id: str | None = None) -> list[gitformat.RunCommit]:
        """The newest commits in HEAD's history that hold one run each, or those of one run."""
        if self.head() is None:
            return []
        pattern = f"^{gitformat.RUN_TRAILER}: {re.escape(run_id) if run_id else ''}"
        output = self.run(
            "log", "-z", "--extended-regexp", f"--grep={pattern}", f"--max-count={limit}",
            f"--format={gitformat.RUN_FORMAT}", "--end-of-options", "HEAD",
        )  # fmt: skip
        return [run for run in gitformat.runs(output) if run_id in (None, run.run_id)]

    def changed_paths(self, commit: str) -> list[str]:
        """The files that a commit with at most one parent changed, those in the workspace."""
        output = self.run(
            "diff-tree", "-r", "-z", "--root", "--no-commit-id", "--name-only", "--no-renames",
            "--relative", "--end-of-options", commit,
        )  # fmt: skip
        return [os.fsdecode(name) for name in output.split(b"\0")[:-1]]

    def merge_file(self, base: bytes, ours: bytes, theirs: bytes) -> tuple[bytes, bool]:
        """Three-way merge of one file, and whether it has conflicts (then with their marks)."""
        with tempfile.TemporaryDirectory(prefix="merge-", dir=self.state_dir) as folder:
            names = []
            for name, data in (("ours", ours), ("base", base), ("theirs", theirs)):
                names.append(str(Path(folder, name)))
                Path(names[-1]).write_bytes(data)
            done = self._run(
                "merge-file", ("-p", "-L", "now", "-L", "then", "-L", "before", *names)
            )
        # Beyond 127 it is no count of conflicts but an error: binary content, most often.
        return (done.stdout, bool(done.returncode)) if done.returncode < 128 else (ours, True)

    def _status(self, *args: str) -> dict[str, str]:
        output = self.run(
            "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames",
            "--ignore-submodules=all", *args,
        )  # fmt: skip
        return gitformat.status(output, self._place.prefix)

    def _tree(self, head: str | None, names: bytes) -> str:
        """The tree of ``head`` with the named paths (NUL-ended) as they are on disk."""
        with self._temporary_index(copy=head is not None) as index:
            env = {"GIT_INDEX_FILE": str(index)}
            if head:
                staged = self.run(
                    "diff-index", "--cached", "--raw", "-z", "--no-renames", head, env=env
                )
                if staged:
                    info = gitformat.undo_staging(staged)
                    self.run("update-index", "-z", "--index-info", input=info, env=env)
            self.run("update-index", *_UPDATE, input=names, env=env)
            return self.run("write-tree", env=env).decode().strip()

    @contextmanager
    def _temporary_index(self, *, copy: bool) -> Iterator[Path]:
        """An index of our own; a copy keeps what git knows of each file's state on disk."""
        for left_over in self.state_dir.glob("commit-*"):  # by a killed run
            if left_over.stat().st_mtime < time.time() - _LEFT_OVER:
                shutil.rmtree(left_over, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="commit-", dir=self.state_dir) as folder:
            index = Path(folder, "index")
            real = self.git_dir / "index"
            if copy and real.exists():
                # With its times: git compares them with those of the files.
                shutil.copy2(real, index)
            yield index

    def _learn(self, names: bytes, commit: str) -> None:
        """Record the committed paths in the real index, leaving everything else in it."""
        deadline = time.monotonic() + _LOCK_WAIT
        while (done := self._run("update-index", _UPDATE, input=names)).returncode:
            if time.monotonic() > deadline:
                raise PartialError(
                    f"commit {commit[:12]} was made, but the index did not learn of it "
                    f"({_first_line(done.stderr)}): once that is mended run `git reset --mixed`"
                )
            time.sleep(0.1)

    def _wait_for_index(self) -> None:
        lock = self.git_dir / "index.lock"
        deadline = time.monotonic() + _LOCK_WAIT
        while lock.exists():
            if time.monotonic() > deadline:
                raise BusyError(
                    f"another git holds {lock}: wait for it, or remove that file if no git is "
                    "running here"
                )
            time.sleep(0.1)

    def author(self) -> str:
        """The name under which a commit would be made here; ConfigError when git knows none."""
        return self._ident().rpartition(" <")[0].strip()

    def email(self) -> str:
        """The address that goes with `author`."""
        return self._ident().rpartition(" <")[2].partition(">")[0].strip()

    def _ident(self) -> str:
        self._require_identity()
        return self.run("var", "GIT_AUTHOR_IDENT").decode("utf-8", "replace")

    def _require_identity(self) -> None:
        if self._run("var", ("GIT_COMMITTER_IDENT",)).returncode:
            raise ConfigError(
                "git does not know who commits: run `git config user.name NAME` and "
                f"`git config user.email ADDRESS` in {self._place.top}"
            )

    def _run(
        self,
        verb: str,
        args: Sequence[str],
        *,
        input: bytes | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        if verb not in _VERBS:
            raise ValueError(f"git {verb} is not among the fixed verbs")
        place = self._place
        self._require_trust()
        command = ["git", "-C", str(place.root), f"--git-dir={place.git_dir}"]
        command += [f"--work-tree={place.top}", "--no-pager", "--literal-pathspecs"]
        for setting in _SETTINGS:
            command += ["-c", setting]
        return _execute([*command, verb, *args], input=input, env=env)

    def _require_trust(self) -> None:
        """ConfigError for a foreign repository that the user has not declared safe.

        Git trusts any directory that it is given; only its own search asks for the owner.
        """
        place = self._place
        if not self._trusted and any(
            path.stat().st_uid != os.geteuid() for path in (place.top, place.git_dir)
        ):
            done = _execute(["git", "-C", str(place.top), "rev-parse", "--git-dir"])
            if done.returncode:
                raise ConfigError(
                    f"{place.top} belongs to another user: if you trust it, run `git config "
                    f"--global --add safe.directory {place.top}`"
                )
        self._trusted = True


def _execute(
    command: Sequence[str],
    *,
    input: bytes | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        return subprocess.run(
            command,
            input=input if input is not None else b"",
            env=environment | dict(env or {}),
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except FileNotFoundError:
        raise ConfigError("git was not found: install it or put it on the PATH") from None
    except subprocess.TimeoutExpired:
        raise BusyError(f"git did not finish within {_TIMEOUT:.0f} s: try again later") from None


def _first_line(stderr: bytes) -> str:
    return one_line(stderr.decode("utf-8", "replace").strip().partition("\n")[0]) or "no message"
