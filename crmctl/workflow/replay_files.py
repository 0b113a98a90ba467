"""Which workflows to replay: the workspace's own, those of another file, or those of another branch or commit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from crmctl.model.errors import ConfigError, UsageError
from crmctl.model.text import one_line
from crmctl.workflow.definition import WORKFLOWS, Workflows
from crmctl.workspace import files
from crmctl.workspace.config import parse_model

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace

CURRENT = "current"


class Rules(NamedTuple):
    """The bytes of a ``workflows.yaml``, and what they say."""

    raw: bytes
    loaded: Workflows


def read(ws: Workspace, named: str = CURRENT) -> Rules:
    """What ``current``, the path of a file, or a branch, tag or commit stands for.

    ConfigError lists all that is wrong with the file; UsageError when there is none.
    """
    if named in ("", CURRENT):
        return _rules(files.read(ws.root, WORKFLOWS) or b"", WORKFLOWS)
    if Path(named).is_file():
        return _rules(_bytes(Path(named)), named)
    code, found, _ = ws.git.attempt(
        "rev-parse", "--verify", "--quiet", "--end-of-options", f"{named}^{{commit}}"
    )
    if code:
        raise UsageError(
            f"{one_line(named, 80)!r} is no file and no commit; write {CURRENT}, a file, or a branch such as main"
        )
    raw = ws.git.show(found.decode("ascii").strip(), WORKFLOWS)
    if raw is None:
        raise UsageError(f"{one_line(named, 80)} has no {WORKFLOWS}")
    return _rules(raw, f"{WORKFLOWS} at {one_line(named, 80)}")


def _rules(raw: bytes, where: str) -> Rules:
    return Rules(raw, parse_model(raw, where, Workflows))


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > files.MAX_BYTES:
            raise ConfigError(f"{path}: is larger than {files.MAX_BYTES // 1024**2} MiB")
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
