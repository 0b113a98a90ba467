"""What scoring remembers in the index: of each account's files what it needs, and the last result.

Dropping it changes nothing but time. A result holds as long as the day, the weights, the measures, the
account's files and its health file are the same; the evidence as long as the account's files are.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from crmctl import __version__
from crmctl.insight.evidence import Evidence, Talk
from crmctl.insight.fingerprint import Fingerprint
from crmctl.insight.health import Health
from crmctl.insight.said import Said
from crmctl.insight.signals import Signal
from crmctl.insight.standing import Standing
from crmctl.model.errors import Problem
from crmctl.workspace.index import Index

# Raised when evidence or results are stored in another form.
FORMAT = "6"


class Gathered(NamedTuple):
    """One account's evidence, and what was wrong with the files it came from."""

    evidence: Evidence
    problems: list[Problem]


class Entry(NamedTuple):
    """One account's row in the index."""

    account: str
    fingerprint: str
    key: str
    result: str
    json: str
    said: str
    signals: str
    content: str


class Kept(NamedTuple):
    """What is remembered of an account whose files look changed. ``content`` is that of `content_of`."""

    fingerprint: str
    key: str
    said_key: str
    content: str
    result: str
    signals: str


class Renewed(NamedTuple):
    """An account whose files have other stat keys and the same bytes: all that is remembered of it still holds."""

    account: str
    fingerprint: str
    key: str
    said_key: str


class Glance(NamedTuple):
    """One account's health in a list; ``reason`` says who set the score, what shut a gate, or why there is none."""

    account: str
    score: float | None
    status: str | None
    coverage: float
    low: float
    high: float
    reason: str
    factors: dict[str, float | None]


class Cache:
    """The remembered scores of one index, as far as they hold on ``today`` under some weights.

    ``weights`` and ``rules`` are any digests of the bytes of the weights and of the rules for texts.
    """

    def __init__(self, index: Index, today: dt.date, weights: str, rules: str = "") -> None:
        self.index = index
        self.rules = rules
        self.today = today.toordinal()
        days = index.db.execute("SELECT day, digest FROM measure_file ORDER BY day").fetchall()
        basis = repr((__version__, FORMAT, self.today, weights, rules, days))
        self.basis = blake2b(basis.encode(), digest_size=16).hexdigest()

    def key(self, fingerprint: str, health: str) -> str:
        """What a result rests on, as one text."""
        return f"{self.basis} {fingerprint} {health}"

    def results(self, accounts: Iterable[str] | None = None) -> dict[str, tuple[str, str]]:
        """The key and the packed result of these accounts, by default of every remembered one."""
        query = "SELECT account, key, result FROM facts"
        if accounts is None:
            rows = self.index.db.execute(query).fetchall()
        else:
            one = f"{query} WHERE account = ?"
            rows = [row for a in accounts for row in self.index.db.execute(one, (a,))]
        return {account: (key, result) for account, key, result in rows}

    def kept(self, accounts: Collection[str]) -> dict[str, Kept]:
        """All that may still hold although files look changed, by account."""
        rows = self.index.db.execute(
            "SELECT account, fingerprint, key, said_key, content, result, signals FROM facts"
            " WHERE content != '' AND account IN (SELECT value FROM json_each(?))",
            (_json(list(accounts)),),
        )
        return {account: Kept(mark.partition(" ")[2], *more) for account, mark, *more in rows}

    def again(self, account: str, kept: Kept, mark: Fingerprint) -> Renewed | None:
        """How to remember from now on what was remembered under other stat keys; None if it was for another day,
        other weights, measures or rules.
        """
        before = f"{self.basis} {kept.fingerprint} "
        said = self._said_key(kept.fingerprint)
        if not kept.key.startswith(before) or kept.said_key != said:
            return None
        key = self.key(mark.digest, mark.health)
        return Renewed(account, mark.digest, key, self._said_key(mark.digest))

    def renew(self, renewed: Iterable[Renewed]) -> None:
        """Remember these accounts under their new stat keys."""
        rows = [(f"{FORMAT} {r.fingerprint}", r.key, r.said_key, r.account) for r in renewed]
        if rows:
            with self.index.transaction():
                self.index.db.executemany(
                    "UPDATE facts SET fingerprint = ?, key = ?, said_key = ? WHERE account = ?",
                    rows,
                )

    def latest(self, account: str, names: Sequence[str]) -> dict[str, tuple[str, str]]:
        """The newest (day, value) of these measures of one account."""
        rows = self.index.db.execute(
            "SELECT measure, day, value FROM latest"
            " WHERE measure IN (SELECT value FROM json_each(?)) AND account = ?",
            (_json(names), account),
        )
        return {measure: (day, value) for measure, day, value in rows}

    def gathered(self, account: str, fingerprint: str) -> tuple[Gathered, str] | None:
        """What was gathered of an account and the JSON it was kept in; None if its files have changed since."""
        row = self.index.db.execute(
            "SELECT json FROM facts WHERE account = ? AND fingerprint = ?",
            (account, f"{FORMAT} {fingerprint}"),
        ).fetchone()
        if row is None:
            return None
        day, evidence, problems = json.loads(row[0])
        # Gathered later than today: what was too old to be kept then is not too old now.
        if day > self.today:
            return None
        found = Gathered(Evidence.from_json(evidence), [Problem(*problem) for problem in problems])
        return found, row[0]

    def talks(self, fingerprints: Mapping[str, str]) -> dict[str, list[Talk]]:
        """The conversations of these accounts as far as they are remembered, without decoding all the rest."""
        place = f"$[1][{Evidence.__slots__.index('talks')}]"
        rows = self.index.db.execute(
            "SELECT account, fingerprint, json_extract(json, '$[0]'), json_extract(json, ?) FROM facts"
            " WHERE account IN (SELECT value FROM json_each(?))",
            (place, _json(list(fingerprints))),
        )
        return {
            account: [Talk._make(talk) for talk in json.loads(talks)]
            for account, fingerprint, day, talks in rows
            if day <= self.today and fingerprint == f"{FORMAT} {fingerprints.get(account)}"
        }

    def said(self, account: str, fingerprint: str) -> tuple[Said, str] | None:
        """What an account's texts said and the JSON it was kept in; None if they or the rules have changed since."""
        row = self.index.db.execute(
            "SELECT said FROM facts WHERE account = ? AND said_key = ?",
            (account, self._said_key(fingerprint)),
        ).fetchone()
        if row is None:
            return None
        day, said = json.loads(row[0])
        return None if day > self.today else (Said.from_json(said), row[0])

    def _said_key(self, fingerprint: str) -> str:
        return f"{__version__} {FORMAT} {self.rules} {fingerprint}"

    def pack_said(self, said: Said) -> str:
        return _json([self.today, said.as_json()])

    def signals(self, accounts: Collection[str]) -> dict[str, str]:
        """The packed signals of these accounts. They hold as long as the result does."""
        query = (
            "SELECT account, signals FROM facts WHERE account IN (SELECT value FROM json_each(?))"
        )
        rows = self.index.db.execute(query, (_json(list(accounts)),))
        return {account: packed for account, packed in rows if packed}

    def keep_signals(self, packed: Mapping[str, tuple[str, str]]) -> None:
        """Replace the packed signals, by account the old ones and the new; not where others stand there by now."""
        rows = [(new, account, old) for account, (old, new) in packed.items()]
        with self.index.transaction():
            self.index.db.executemany(
                "UPDATE facts SET signals = ? WHERE account = ? AND signals = ?", rows
            )

    def pack(self, gathered: Gathered) -> str:
        return _json([self.today, gathered.evidence.as_json(), _rows(gathered.problems)])

    def keep(self, entries: Iterable[Entry], gone: Iterable[str]) -> None:
        """Remember these accounts and forget those that are no more."""
        rows = [
            (
                e.account,
                f"{FORMAT} {e.fingerprint}",
                e.key,
                e.result,
                e.json,
                self._said_key(e.fingerprint),
                e.said,
                e.signals,
                e.content,
            )
            for e in entries
        ]
        forgotten = [(account,) for account in gone]
        if not rows and not forgotten:
            return
        with self.index.transaction():
            self.index.db.executemany("DELETE FROM facts WHERE account = ?", forgotten)
            self.index.db.executemany(
                "INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
            )


def pack_result(health: Health, standing: Standing, problems: list[Problem]) -> str:
    """A result, and the problems met on the way to it: four lines of JSON.

    The first is enough for a list, the second for workflows.
    """
    glance = _glance("", health)[1:]
    return "\n".join(map(_json, (glance, standing, health.as_json(), _rows(problems))))


def pack_signals(found: Iterable[Signal], *, cited: bool = False) -> str:
    """Signals as one line of JSON, and whether their sources name lines."""
    rows = [[*s[:3], None if s.as_of is None else s.as_of.toordinal(), *s[4:]] for s in found]
    return _json([cited, rows])


def unpack_signals(packed: str) -> tuple[bool, list[Signal]]:
    """`pack_signals`, taken back."""
    cited, rows = json.loads(packed)
    for row in rows:
        row[3] = None if row[3] is None else dt.date.fromordinal(row[3])
    return cited, [Signal._make(row) for row in rows]


def _glance(account: str, health: Health) -> Glance:
    factors = {factor.name: factor.score for factor in health.factors}
    reason = "; ".join(gate.reason for gate in health.gates) or health.reason
    reason = "; ".join(filter(None, (health.override_note, reason)))
    return Glance(
        account,
        health.score,
        health.status,
        health.coverage,
        health.low,
        health.high,
        reason,
        factors,
    )


class Results(Mapping[str, Health]):
    """The health of each account by folder. A remembered one is decoded when it is asked for."""

    def __init__(self) -> None:
        self._found: dict[str, Health | str] = {}
        self._standing: dict[str, Standing] = {}

    def add(self, account: str, health: Health, standing: Standing) -> None:
        self._found[account] = health
        self._standing[account] = standing

    def take(self, other: Results) -> None:
        """Add the results of other accounts."""
        self._found |= other._found
        self._standing |= other._standing

    def remember(self, account: str, packed: str) -> list[Problem]:
        """Add a result as `pack_result` left it; the problems met on the way to it."""
        self._found[account] = packed
        tail = packed[packed.rindex("\n") + 1 :]
        return [] if tail == "[]" else [Problem(*row) for row in json.loads(tail)]

    def __getitem__(self, account: str) -> Health:
        found = self._found[account]
        if isinstance(found, str):
            self._standing[account] = _standing(found)
            found = Health.from_json(json.loads(found.split("\n")[2]))
            self._found[account] = found
        return found

    def standing(self, account: str) -> Standing | None:
        """How an account stands, without decoding the rest; None without a result."""
        found = self._found.get(account)
        return _standing(found) if isinstance(found, str) else self._standing.get(account)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._found))

    def __len__(self) -> int:
        return len(self._found)

    def glances(self) -> Iterator[Glance]:
        """What a list of all accounts shows, by folder, without decoding the rest."""
        for account in self:
            found = self._found[account]
            if isinstance(found, str):
                yield Glance(account, *json.loads(found[: found.index("\n")]))
            else:
                yield _glance(account, found)


def _standing(packed: str) -> Standing:
    return Standing._make(json.loads(packed.split("\n", 2)[1]))


def _rows(problems: list[Problem]) -> list[list[object]]:
    return [[p.path, p.line, p.field, p.message, p.code, p.severity] for p in problems]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
