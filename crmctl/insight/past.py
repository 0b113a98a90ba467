"""An account as it stood: now in the files, or at a commit in git.

At a commit everything is read from git's objects: the account's folder, the measures, the weights and the order
in which systems are believed. What came later is not looked at. Of all accounts only the one is read.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.evidence import KEPT_DAYS, Evidence, gather
from crmctl.insight.facts import by_measure, measured
from crmctl.insight.fingerprint import FOLDERS
from crmctl.insight.health import Health, score
from crmctl.insight.judging import carded
from crmctl.insight.overrides import latest
from crmctl.insight.trend import Scores, Trend, confidence, held, trend, written
from crmctl.insight.weights import Weights, load_weights
from crmctl.insight.weights_file import WEIGHTS
from crmctl.model.errors import CrmError, DamagedFile, Problem, UsageError
from crmctl.model.text import one_line
from crmctl.workspace import files, gitdir, measures, paths, store
from crmctl.workspace.config import CONFIG, Config, examine, parse_model
from crmctl.workspace.index import opened
from crmctl.workspace.templates import shipped

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from crmctl.insight.health_weights import HealthWeights
    from crmctl.insight.inputs.fact import Fact, Series
    from crmctl.model.record import Ranking
    from crmctl.workspace.git import Git
    from crmctl.workspace.measures import Measure
    from crmctl.workspace.workspace import Workspace

MEASURES = f"{paths.ACCOUNTS}/_measures"


class Commit(NamedTuple):
    """A commit and when it was made, in UTC."""

    id: str
    time: dt.datetime

    @property
    def short(self) -> str:
        return self.id[:10]


@dataclass(frozen=True, slots=True)
class Standing:
    """All that one account's score on ``day`` rests on. ``commit`` is empty for the files as they are now.

    ``assumed`` are facts that stand in for those measured.
    """

    slug: str
    day: dt.date
    commit: str
    evidence: Evidence
    series: Series
    weights: Weights
    problems: tuple[Problem, ...] = ()
    assumed: Mapping[str, Fact] = field(default_factory=dict)

    def used(self) -> Weights:
        """The weights of that day, as the account's scorecard has them."""
        return carded(self.weights, self.evidence, self.day)

    def health(self, used: Weights | None = None) -> Health:
        """The health of that day, by default under the weights of that day by the account's own scorecard."""
        used = used or self.used()
        facts = measured(self.evidence, self.series, self.day, used) | dict(self.assumed)
        return score(facts, used, latest(self.evidence, self.day))


def now(ws: Workspace, slug: str) -> Standing:
    """An account as its files are now; DamagedFile without a readable profile."""
    reader = store.Reader(ws.root, ws.ranking, fast=True)
    with opened(ws.root, ws.state_dir) as index:
        problems = measures.refresh(index)
        rows = measures.series(index, slug, ws.today - dt.timedelta(days=KEPT_DAYS))
    return _standing(reader, slug, ws.today, "", rows, load_weights(ws.root), problems)


def head_on(git: Git, day: dt.date) -> Commit:
    """The commit that was checked out at the end of a day (UTC): the branch's own line, no merged side of it.

    UsageError when the history begins later.
    """
    line = ("log", "--first-parent", "--format=%H %cI")
    until = f"--until={day.isoformat()}T23:59:59+00:00"
    found = git.run(*line, "--max-count=1", until, "--end-of-options", "HEAD", check=False)
    if found:
        return _commit(found)
    every = git.run(*line, "--end-of-options", "HEAD", check=False)
    if not every:
        raise UsageError("there is no commit yet, so no past to look at: commit first")
    first = _commit(every.splitlines()[-1]).time.date()
    raise UsageError(f"the history begins on {first}: nothing is known of {day}")


def named(git: Git, text: str) -> Commit:
    """The commit that a branch, a tag or (the beginning of) an id means; UsageError if there is none."""
    spec = ("--max-count=1", "--format=%H %cI", "--end-of-options", f"{text}^{{commit}}")
    code, found, _ = git.attempt("log", *spec)
    if code or not found:
        raise UsageError(f"{one_line(text)!r} is neither a date nor a commit; `git log` lists them")
    return _commit(found)


def _commit(line: bytes) -> Commit:
    name, _, when = line.decode().strip().partition(" ")
    return Commit(name, dt.datetime.fromisoformat(when).astimezone(dt.UTC))


def at(ws: Workspace, slug: str, commit: Commit, day: dt.date) -> Standing:
    """An account as a commit holds it, scored as of ``day``.

    Raises UsageError when the account was not there, DamagedFile when its profile could not be read, ConfigError
    when the weights of then are none.
    """
    home = f"{paths.ACCOUNTS}/{slug}"
    folders = [f"{home}/{name}" for name in FOLDERS]
    listed = _listed(ws, commit.id, [*folders, MEASURES])
    wanted = [f"{folder}/{name}" for folder in folders for name in listed[folder]]
    held = _contents(ws.git, commit.id, [paths.profile(slug), CONFIG, WEIGHTS, *wanted])
    if paths.profile(slug) not in held:
        raise UsageError(f"{slug} was not there yet on {day} (commit {commit.short})")
    ranking, problems = _ranking(held.get(CONFIG), ws, commit)
    where = f"{WEIGHTS} at commit {commit.short}"
    weights = parse_model(_bytes(held.get(WEIGHTS)) or shipped(WEIGHTS) or b"", where, Weights)
    days = [name.removesuffix(".csv") for name in listed[MEASURES]]
    rows = list(_measured(ws, slug, commit.id, _between(days, day)))
    reader = _Reader(ws.root, ranking, held)
    return _standing(reader, slug, day, commit.id, rows, weights, problems)


def _standing(
    reader: store.Reader,
    slug: str,
    day: dt.date,
    commit: str,
    rows: Iterable[Measure],
    weights: Weights,
    problems: Sequence[Problem],
) -> Standing:
    account = reader.account(slug, only=frozenset(FOLDERS))
    if account is None:
        raise DamagedFile(reader.problems)
    # What is missing is for `check` to say; what could not be read is not in the score.
    found = (*problems, *(p for p in reader.problems if p.code != "required"))
    return Standing(slug, day, commit, gather(account, day), by_measure(rows), weights, found)


Held = dict[str, bytes | CrmError]


class _Reader(store.Reader):
    """Reads accounts from what a commit holds."""

    def __init__(self, root: Path, ranking: Ranking, held: Held) -> None:
        super().__init__(root, ranking, fast=True)
        self._reading = _Reading(root, held)
        self._held = held

    def _names(self, folder: str) -> list[str]:
        start = f"{folder}/"
        names = (path.removeprefix(start) for path in self._held if path.startswith(start))
        return sorted(name for name in names if not name.startswith("."))


class _Reading(files.Reading):
    """Files that have been read already."""

    def __init__(self, root: Path, held: Held) -> None:
        super().__init__(root)
        self._held = held

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return

    def read(self, rel: str) -> bytes | None:
        found = self._held.get(rel)
        if isinstance(found, CrmError):
            raise found
        return found


def _listed(ws: Workspace, commit: str, folders: Sequence[str]) -> dict[str, list[str]]:
    """The names of the regular files in each folder of a commit, none where there is no such folder."""
    prefix = gitdir.locate(ws.root).prefix
    specs = "".join(f"{commit}:{prefix}{folder}\n" for folder in folders)
    output = ws.git.run("cat-file", "--batch", input=os.fsencode(specs))
    found: dict[str, list[str]] = {}
    position = 0
    for folder in folders:
        end = output.index(b"\n", position)
        words = output[position:end].split(b" ")
        position = end + 1
        found[folder] = []
        if words[-1] == b"missing":
            continue
        size = int(words[-1])
        if words[-2] == b"tree":
            tree = output[position : position + size]
            found[folder] = sorted(_entries(tree, len(words[0]) // 2))
        position += size + 1
    return found


def _entries(tree: bytes, digest: int) -> Iterator[str]:
    """The regular files of a tree object, whose entries end with ids of ``digest`` bytes."""
    position = 0
    while position < len(tree):
        end = tree.index(b"\0", position)
        mode, _, name = tree[position:end].partition(b" ")
        position = end + 1 + digest
        if mode.startswith(b"100"):
            yield os.fsdecode(name)


def _contents(git: Git, commit: str, wanted: Sequence[str]) -> Held:
    """Those of the files that the commit holds; an error for one that may not be read."""
    held: Held = {}
    good: list[str] = []
    for path in wanted:
        try:
            good.append(files.check_path(path))
        except CrmError as error:
            held[path] = error
    blobs = git.blobs([(commit, path) for path in good])
    for path, raw in zip(good, blobs, strict=True):
        if raw is not None and len(raw) > files.MAX_BYTES:
            held[path] = CrmError(f"{path} is larger than {files.MAX_BYTES // 1024**2} MiB")
        elif raw is not None:
            held[path] = raw
    return held


def _bytes(found: bytes | CrmError | None) -> bytes | None:
    return found if isinstance(found, bytes) else None


def _ranking(
    raw: bytes | CrmError | None, ws: Workspace, commit: Commit
) -> tuple[Ranking, list[Problem]]:
    """Whom to believe. A configuration that no longer counts as one leaves today's order, and is reported."""
    config, problems = examine(_bytes(raw) or b"", f"{CONFIG} at commit {commit.short}", Config)
    return (ws.ranking if config is None else config.rank()), problems


def _between(days: Iterable[str], last: dt.date) -> list[str]:
    """The days of measures that a score of ``last`` may rest on."""
    first = (last - dt.timedelta(days=KEPT_DAYS)).isoformat()
    return [day for day in days if first <= day <= last.isoformat()]


def _measured(ws: Workspace, slug: str, commit: str, days: Sequence[str]) -> Iterator[Measure]:
    """The account's measures as the commit holds them.

    A day's file has all accounts in it: those that are the same today are in the index, the others are read.
    """
    if not days:
        return
    options = ("-z", "--name-only", "--no-renames", "--relative")
    output = ws.git.run("diff-index", *options, commit, "--", MEASURES)
    differing = {os.fsdecode(name) for name in output.split(b"\0")}
    paths_of = {measures.file_of(day): dt.date.fromisoformat(day) for day in days}
    stale = sorted(differing & paths_of.keys())
    with opened(ws.root, ws.state_dir) as index:
        measures.refresh(index)
        same = {day for path, day in paths_of.items() if path not in differing}
        yield from (
            row for row in measures.series(index, slug, min(paths_of.values())) if row.day in same
        )
    for path, raw in zip(stale, ws.git.blobs([(commit, path) for path in stale]), strict=True):
        rows = measures.parse_day(raw or b"", paths_of[path])[0]
        yield from (row for row in rows if row.account == slug)


class Recorded(NamedTuple):
    """What was written down of a health on one day, in whole points; None for what was not known.

    ``trend`` and ``confidence`` are as of that day.
    """

    day: dt.date
    score: float | None
    change: float | None
    coverage: float | None
    factors: dict[str, float | None]
    trend: Trend | None = None
    confidence: str = ""


def history(ws: Workspace, slug: str) -> list[Recorded]:
    """The scores that were written down, oldest first: a day on which nothing moved has no row.

    A factor that has no row of its own on a day has the last one's number, as only moves are written down.
    """
    with opened(ws.root, ws.state_dir) as index:
        measures.refresh(index)
        rows = measures.series(index, slug)
    health = load_weights(ws.root).health
    known: dict[str, float] = {}
    found: list[Recorded] = []
    days: dict[dt.date, dict[str, float]] = {}
    series: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        kind, _, name = row.measure.partition(".")
        if kind == "health" and row.day <= ws.today:
            days.setdefault(row.day, {})[name] = float(row.value)
            series.setdefault(name, []).append((row.day.toordinal(), float(row.value)))
    scores = written(series.get("score", ()), series.get("coverage", ()), health.coverage_floor)
    for day in sorted(days):
        known |= days[day]
        coverage = known.get("coverage")
        total = held(scores, day.toordinal())
        last = found[-1].score if found else None
        change = None if total is None or last is None else total - last
        factors = {name: known.get(name) for name in health.factors}
        recorded = Recorded(day, total, change, coverage, factors)
        found.append(_judged(recorded, scores, health))
    return found


def _judged(row: Recorded, scores: Scores, health: HealthWeights) -> Recorded:
    """The row with its trend, and how sure it is: what was not known then could have moved it either way."""
    rules = health.trend
    if rules is None or row.score is None:
        return row
    sure = ""
    if row.coverage is not None:
        sure = confidence(row.coverage, 100 * (1 - row.coverage), rules.confidence)
    return row._replace(trend=trend(scores, row.day, rules), confidence=sure)
