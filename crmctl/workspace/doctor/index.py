"""The index: whether the cache still says what the files say."""

from __future__ import annotations

import datetime as dt
import sqlite3
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from crmctl.model.errors import CrmError
from crmctl.workspace.doctor.finding import Finding, State
from crmctl.workspace.index import Index, opened

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace

FILE = "index.sqlite"
_SIDES = ("", "-wal", "-shm")


def index(ws: Workspace) -> Finding:
    """Compares the index with one that is made anew: dropping it must change nothing but time."""
    path = ws.state_dir / FILE
    if not path.exists():
        return Finding("index", State.OK, "not built yet; the first list builds it")
    repair = partial(_rebuild, ws)
    fault = _fault(path)
    if fault:
        detail = f"{path} is damaged ({fault}); `crmctl doctor --fix` builds it anew"
        return Finding("index", State.WRONG, detail, repair)
    try:
        with opened(ws.root, ws.state_dir) as kept:
            known, said = kept.profiles(), kept.documents()
        with tempfile.TemporaryDirectory(prefix="doctor-", dir=ws.state_dir) as folder:
            fresh = Index(ws.root, Path(folder))
            try:
                same = (known, said) == (fresh.profiles(), fresh.documents())
            finally:
                fresh.close()
    except CrmError as error:
        return Finding("index", State.ADVICE, f"was not compared with the files: {error}", repair)
    if not same:
        detail = "differs from what the files say; `crmctl doctor --fix` builds it anew"
        return Finding("index", State.WRONG, detail, repair)
    written = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
    size = sum(side.stat().st_size for s in _SIDES if (side := Path(f"{path}{s}")).exists())
    detail = f"{len(known):,} accounts, {size / 2**20:.1f} MB, written {written:%Y-%m-%dT%H:%MZ}"
    return Finding("index", State.OK, detail)


def _fault(path: Path) -> str:
    try:
        db = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
        try:
            answer = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
        finally:
            db.close()
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if answer == "ok" else answer


def _rebuild(ws: Workspace) -> None:
    for side in _SIDES:
        Path(f"{ws.state_dir / FILE}{side}").unlink(missing_ok=True)
    with opened(ws.root, ws.state_dir) as index:
        index.profiles()
