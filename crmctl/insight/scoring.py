"""Scoring accounts: read what changed, remember it, and plan what must be written down.

A ``health.md`` is written when the status, the reasons or the score by a step are no longer those it states, when a
claim is new or its evidence gone, or a file that it cites; the day's measures get the numbers that moved. Nothing is
written because a day passed.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING

from crmctl.insight.cache import Cache, Entry, Gathered, Renewed, Results, pack_result, pack_signals
from crmctl.insight.evidence import KEPT_DAYS, gather
from crmctl.insight.fingerprint import FOLDERS, Fingerprint, Names, fingerprints
from crmctl.insight.health import Health
from crmctl.insight.renewing import Renewing
from crmctl.insight.rules_file import rules_digest
from crmctl.insight.scoring_pages import Told, cites_all, outdated
from crmctl.insight.signals import signals
from crmctl.insight.standing import standing
from crmctl.model.errors import Problem
from crmctl.workspace import files, measures, paths, processes, store
from crmctl.workspace.changes import ChangeSet
from crmctl.workspace.index import RACY_NS, Index, opened
from crmctl.workspace.measures import Measure

if TYPE_CHECKING:
    from crmctl.insight.citing import Rows
    from crmctl.insight.said import Said
    from crmctl.insight.signals import Signal
    from crmctl.insight.text_rules import TextRules
    from crmctl.insight.text_signals import Heard
    from crmctl.insight.weights import Weights
    from crmctl.model.record import Account, Ranking
    from crmctl.workspace.workspace import Workspace

SOURCE = "crmctl"
READ = frozenset(FOLDERS)
MANY = 100  # from so many accounts on, one pass over all their measures is faster
VERY_MANY = 1_000  # accounts from which on further processes are worth their start
PART = 200  # accounts that are scored before what was found is put aside


Stale = tuple[str, Fingerprint]


@dataclass(slots=True)
class ScorePlan:
    """What scoring found: files to write, the health of each account by folder, and damaged files."""

    changes: ChangeSet
    results: Results = field(default_factory=Results)
    problems: list[Problem] = field(default_factory=list)
    # By folder, packed (`crmctl.insight.cache.unpack_signals`); only of accounts scored anew unless asked for.
    signals: dict[str, str] = field(default_factory=dict)
    # By folder, the digest of its files, by which what was gathered of them is remembered.
    marks: dict[str, str] = field(default_factory=dict)
    # By folder, the names of its files; only when no pages are planned.
    names: dict[str, Names] = field(default_factory=dict)

    def add(self, other: ScorePlan) -> None:
        """Take in what was found of other accounts."""
        for change in other.changes:
            self.changes.add(change)
        self.results.take(other.results)
        self.problems += other.problems
        self.signals |= other.signals


# What was found, what to remember, the numbers that moved, and what is remembered under new stat keys.
Part = tuple[ScorePlan, list[Entry], list[Measure], list[Renewed]]


def plan_scores(
    ws: Workspace,
    slugs: Iterable[str] | None = None,
    *,
    weights: Weights | None = None,
    signals: bool = False,
    pages: bool = True,
) -> ScorePlan:
    """Score these accounts, by default all, as of the workspace's day.

    ``weights`` stand in for the workspace's own, for trying others out; ``signals`` asks for those of every
    account; without ``pages`` nothing is planned to be written down. An account without a readable profile has
    no result, only problems.
    """
    plan = ScorePlan(ChangeSet())
    every = slugs is None
    chosen = store.slugs(ws.root) if slugs is None else sorted(set(slugs))
    with opened(ws.root, ws.state_dir) as index:
        ranking = index.ranking()
        plan.problems += measures.refresh(index)
        scoring = _Scoring(ws, index, ranking, weights, pages=pages)
        known = scoring.cache.results(None if every else chosen)
        rows: list[Measure] = []
        stale: list[tuple[str, Fingerprint]] = []
        for slug, mark in fingerprints(index.accounts, chosen).items():
            plan.marks[slug] = mark.digest
            if not pages:
                plan.names[slug] = mark.names
            kept = known.get(slug)
            if kept is not None and kept[0] == scoring.cache.key(mark.digest, mark.health):
                plan.problems += plan.results.remember(slug, kept[1])
            else:
                stale.append((slug, mark))
        gone = known.keys() - set(chosen) if every else set()
        if signals:
            plan.signals |= scoring.cache.signals(plan.results)
        del known
        for part, entries, moved, renewed in _anew(scoring, stale):
            plan.add(part)
            rows += moved
            scoring.cache.keep(entries, ())
            scoring.cache.renew(renewed)
        scoring.cache.keep((), gone)
    plan.problems.sort(key=lambda p: (p.path, p.line))
    if rows and pages:
        path = paths.measures(ws.today)
        old = files.read(ws.root, path)
        plan.changes.put(path, old, measures.merge_day(old, rows, ws.today), "scores that moved")
    return plan


def _anew(scoring: _Scoring, stale: Sequence[Stale]) -> Iterator[Part]:
    """These accounts scored, part by part; on all processors when they are very many."""
    parts, home = processes.parts(stale, PART), os.getpid()

    @contextmanager
    def work() -> Iterator[Callable[[Sequence[Stale]], Part]]:
        # Only this process writes to the index; each other one reads from it by a connection of its own.
        yield (scoring if os.getpid() == home else scoring.again()).part

    return processes.spread(work, parts, apart=len(stale) >= VERY_MANY)


# These have a row for every change, however small.
EXACT = frozenset({"health.score", "health.coverage"})


class _Scoring:
    """One run's inputs."""

    def __init__(
        self,
        ws: Workspace,
        index: Index,
        ranking: Ranking,
        weights: Weights | None,
        *,
        pages: bool,
    ) -> None:
        self.ws = ws
        self.pages = pages
        self.index = index
        self.ranking = ranking
        self._weights = weights
        if weights is None:
            from crmctl.insight.weights_file import read_bytes

            digest = sha256(read_bytes(ws.root)).hexdigest()
        else:
            digest = sha256(weights.model_dump_json().encode()).hexdigest()
        self.cache = Cache(index, ws.today, digest, rules_digest(ws.root))
        self.rows: Rows = {}
        self.renewing = Renewing(self.cache)

    @property
    def weights(self) -> Weights:
        if self._weights is None:
            from crmctl.insight.weights import load_weights

            self._weights = load_weights(self.ws.root)
        return self._weights

    @cached_property
    def rules(self) -> TextRules:
        from crmctl.insight.text_rules import load_rules

        return load_rules(self.ws.root)

    def again(self) -> _Scoring:
        """The same with a connection of its own, for another process; it lasts as long as that."""
        index = Index(self.ws.root, self.ws.state_dir)
        return _Scoring(self.ws, index, self.ranking, self._weights, pages=self.pages)

    def part(self, stale: Sequence[Stale]) -> Part:
        """Score some accounts anew, but for those whose files only look changed."""
        plan, rows = ScorePlan(ChangeSet()), list[Measure]()
        stale, renewed = self.renewing.sift(stale, plan)
        series = self.series([slug for slug, _ in stale])
        found = [
            self.account(slug, mark, measured, plan, rows)
            for (slug, mark), measured in zip(stale, series, strict=True)
        ]
        return plan, [entry for entry in found if entry is not None], rows, renewed

    def series(self, slugs: Sequence[str]) -> Iterator[list[Measure]]:
        """The measures of each account that a score may rest on. ``slugs`` are in order."""
        since = self.ws.today - dt.timedelta(days=KEPT_DAYS)
        if len(slugs) < MANY:
            yield from (measures.series(self.index, slug, since) for slug in slugs)
            return
        every = measures.all_series(self.index, since, (slugs[0], slugs[-1]))
        yield from (every.get(slug, []) for slug in slugs)

    def account(
        self,
        slug: str,
        mark: Fingerprint,
        series: list[Measure],
        plan: ScorePlan,
        rows: list[Measure],
    ) -> Entry | None:
        """Score one account, and say what to remember of it: nothing if it was just being written,
        or if something must be written first.
        """
        from crmctl.insight.facts import by_measure
        from crmctl.insight.judging import judged

        now, today = time.time_ns(), self.ws.today
        known = self._known(slug, mark, plan)
        if known is None:
            return None
        gathered, said, packed, packed_said = known
        plan.problems += gathered.problems
        facts, health = judged(gathered.evidence, by_measure(series), today, self.weights)
        stands = standing(gathered.evidence, health)
        plan.results.add(slug, health, stands)
        found = signals(gathered.evidence, facts, health, today, self.weights)
        content = self.renewing.content(slug, mark)
        read = Entry(slug, mark.digest, "", "", packed, packed_said, "", content)
        if not self.pages:
            plan.signals[slug] = pack_signals([*found, *self._heard(said).signals])
            return None if mark.newest + RACY_NS >= now else read
        told = self._told(gathered, said, found)
        plan.signals[slug] = shown = pack_signals(found)
        moved = list(self._moved(slug, health))
        rows += moved
        wrote = self._write(slug, gathered, health, told, plan.changes)
        if mark.newest + RACY_NS >= now:
            return None
        if moved or wrote:
            return read
        key = self.cache.key(mark.digest, mark.health)
        result = pack_result(health, stands, gathered.problems)
        return Entry(slug, mark.digest, key, result, packed, packed_said, shown, content)

    def _known(
        self, slug: str, mark: Fingerprint, plan: ScorePlan
    ) -> tuple[Gathered, Said, str, str] | None:
        """What the account's files say, remembered or read, each with the JSON to remember it by."""
        digest = self.renewing.digest(slug, mark)
        remembered = self.cache.gathered(slug, digest)
        said = self.cache.said(slug, digest)
        if remembered is not None and said is not None:
            return remembered[0], said[0], remembered[1], said[1]
        account, problems = self._read(slug)
        if account is None:
            plan.problems += problems
            return None
        from crmctl.insight.texts import condense

        gathered = Gathered(gather(account, self.ws.today), problems)
        fresh = condense(account, self.rules, self.ws.today)
        return gathered, fresh, self.cache.pack(gathered), self.cache.pack_said(fresh)

    def _read(self, slug: str) -> tuple[Account | None, list[Problem]]:
        reader = store.Reader(self.ws.root, self.ranking, fast=True)
        account = reader.account(slug, only=READ)
        # What is missing is for `check` to say; what could not be read is not in the score.
        return account, [p for p in reader.problems if p.code != "required"]

    def _told(self, gathered: Gathered, said: Said, found: list[Signal]) -> Told:
        """The claims of a page. What the texts say is added to the signals ``found`` in the records."""
        from crmctl.insight import claims

        today = self.ws.today
        heard = self._heard(said)
        listed = claims.claims(gathered.evidence, said, heard, found, today)
        found += heard.signals
        return Told(listed, claims.standing(gathered.evidence, said, listed, today))

    def _heard(self, said: Said) -> Heard:
        """What the texts say as of today."""
        from crmctl.insight.text_signals import NOTHING, told

        return told(said, self.rules, self.ws.today) if said.mentions or said.moods else NOTHING

    def _moved(self, slug: str, health: Health) -> Iterator[Measure]:
        """The numbers that are not those of the latest row; a factor only once it has moved by a step.

        Factors drift a little with every day that passes, and each row stays in the history for ever.
        """
        today, values = self.ws.today, numbers(health)
        latest = self.cache.latest(slug, list(values))
        for name, value in values.items():
            day, written = latest.get(name, ("", ""))
            known = bool(day) and day <= today.isoformat()
            if known and Decimal(written) == value:
                continue
            if known and name not in EXACT and abs(Decimal(written) - value) < self._step:
                continue
            yield Measure(slug, name, today, value, SOURCE)

    @cached_property
    def _step(self) -> Decimal:
        return Decimal(repr(self.weights.health.rewrite_step))

    def _write(
        self, slug: str, gathered: Gathered, health: Health, told: Told, changes: ChangeSet
    ) -> bool:
        path = paths.health(slug)
        old = files.read(self.ws.root, path)
        if old is None and health.score is None and not health.gates:
            return False
        step = self.weights.health.rewrite_step
        held = old is not None and not outdated(old, path, health, step, told)
        if held and cites_all(self.ws.root, slug, old or b""):
            return False
        if not self.pages:
            return True
        from crmctl.insight.citing import Lines
        from crmctl.insight.claims import plain_claims
        from crmctl.insight.picture import health_page
        from crmctl.workspace.templates import render

        said = plain_claims(told.claims, self.ws.today)
        page = health_page(slug, gathered.evidence.name, health, self.ws.today, said)
        page = Lines(self.ws.root, slug, self.rows).cited(page)
        changes.put(path, old, render(self.ws.root, "health", page).encode(), _reason(old, health))
        return True


def numbers(health: Health) -> dict[str, Decimal]:
    """What `_measures` keeps of a health, in whole points: finer, every row of every night would differ.

    An unknown number has no row.
    """
    found = {"health.coverage": rounded(health.coverage, "0.01")}
    if health.score is not None:
        found["health.score"] = rounded(health.score, "1")
    for factor in health.factors:
        if factor.score is not None:
            found[f"health.{factor.name}"] = rounded(factor.score, "1")
    return found


def rounded(value: float, step: str) -> Decimal:
    """Half up, with the noise of floating-point sums taken off first."""
    return Decimal(repr(round(value, 9))).quantize(Decimal(step), ROUND_HALF_UP)


def _reason(old: bytes | None, health: Health) -> str:
    what = "no score" if health.score is None else f"health {rounded(health.score, '1')}"
    return f"{what}, {health.status}" + ("" if old is None else ": it changed")
