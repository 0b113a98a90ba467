"""What a row of a deal's ``qualification`` rests on: the citation is looked up, and its kind says how much it supports.

A row may cite a file of the account (``source``: path, with a line behind a colon) and words in it (``quote``). What is
not there, or does not say so, supports nothing. Whose words they are is read from the file, not from the row.
"""

from __future__ import annotations

import datetime as dt
import re
from bisect import bisect_left, bisect_right
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from crmctl.insight.sentences import CUSTOMER, OURS, Sentence, sentences
from crmctl.insight.sentences import NOTE as NOTE_SIDE
from crmctl.insight.texts import Text, texts
from crmctl.model.errors import CrmError
from crmctl.model.record import Account
from crmctl.model.text import one_line
from crmctl.workspace import files
from crmctl.workspace.paths import ACCOUNTS

NOTHING, GONE, STALE, NOTE, SAID, SEVERAL, DOCUMENT, SHOWN = (
    "nothing",
    "gone",
    "stale",
    "note",
    "said",
    "several",
    "document",
    "shown",
)
DOCUMENTS = "documents"  # the folder of an account for what it wrote or signed
_MEASURES = f"{ACCOUNTS}/_measures/"
_LINE = re.compile(r"(?P<path>.*?)(?::(?P<line>[0-9]{1,9}))?", re.DOTALL)
_QUOTE = 240  # characters of a quote that are shown
_UNSEEN: dict[int, str | None] = dict.fromkeys(map(ord, "\"'\\“”„«»‘’‚`´")) | {0xA0: " "}
_TURN = re.compile(r"\s*\*\*[^*]{1,200}\*\* \([^)]{1,40}\):")  # who speaks, in a transcript
_BLANKS = re.compile(r"\s+")


class Proof(NamedTuple):
    """What one row cites. ``kind`` is one of the constants; ``problem`` says why it counts for less than it claims.

    ``source`` is path and line as they are now, that of the row itself where the cited place is gone or none is cited.
    ``person`` is the id of who said it, ``day`` when.
    """

    kind: str
    level: int
    words: str
    source: str
    quote: str
    person: str
    day: dt.date | None
    problem: str

    def older(self, problem: str) -> Proof:
        """The same, counted as stale."""
        return self._replace(kind=STALE, problem=problem)


class Sources:
    """What the deals of one account may cite: its texts, and files beneath ``root``, the workspace, if given."""

    def __init__(self, account: Account, root: Path | None) -> None:
        self.account = account
        self._root = root

    def proof(self, row: dict[str, Any], place: str) -> Proof:
        """What a row rests on; ``place`` is where the row itself stands."""
        cited, words = str(row.get("source") or "").strip(), str(row.get("evidence") or "")
        at, person = row.get("at"), str(row.get("person") or "")
        day = at if isinstance(at, dt.date) else None
        quote = one_line(str(row.get("quote") or ""), _QUOTE)
        stated = Proof(NOTE, int(row["level"]), words, place, quote, person, day, "")
        if not cited:
            bare = not (words or quote)
            return stated._replace(kind=NOTHING, problem="names no evidence") if bare else stated
        if "://" in cited:
            text = f"an address cannot be looked up: put the text into {DOCUMENTS}/ and cite that"
            return stated._replace(problem=text)
        path, line = self.place(cited)
        if not path:
            return _gone(stated, cited, "is no file of this account")
        try:
            return self._cited(stated, path, line, str(row.get("quote") or ""))
        except (CrmError, UnicodeDecodeError):
            return _gone(stated, cited, "cannot be read")

    def place(self, cited: str) -> tuple[str, int]:
        """Path in the workspace and line (0: none) of a citation; an empty path if it is outside of the account."""
        match = _LINE.fullmatch(cited.strip())
        path, line = (match["path"], int(match["line"] or 0)) if match else ("", 0)
        path = path.removeprefix("./")
        if path.startswith("_measures/"):
            path = f"{ACCOUNTS}/{path}"
        own = f"{ACCOUNTS}/{self.account.slug}/"
        if not path.startswith(f"{ACCOUNTS}/"):
            path = own + path
        inside = path.startswith((own, _MEASURES)) and ".." not in path.split("/")
        return (path, line) if inside else ("", 0)

    def _read(self, path: str) -> bytes | None:
        return None if self._root is None else files.read(self._root, path)

    @cached_property
    def _texts(self) -> dict[str, list[Text]]:
        found: dict[str, list[Text]] = {}
        for text in texts(self.account):
            found.setdefault(text.path, []).append(text)
        return found

    @cached_property
    def _ids(self) -> dict[str, str]:
        """Contacts by full name and by the parts of it that only one has."""
        found: dict[str, set[str]] = {}
        for contact in self.account.contacts.values():
            for name in {contact.title, *contact.title.split()}:
                found.setdefault(name.casefold(), set()).add(contact.id)
        return {name: ids.pop() for name, ids in found.items() if len(ids) == 1}

    @cached_property
    def _ours(self) -> dict[str, str]:
        return {r.path: r.text("by").casefold() for r in self.account.interactions}

    def _cited(self, stated: Proof, path: str, line: int, quote: str) -> Proof:
        if path.startswith(_MEASURES):
            return self._measure(stated, path, line, quote)
        if path in self._texts:
            return self._spoken(stated, path, line, quote)
        raw = self._read(path)
        if raw is None:
            return _gone(stated, path, "is not there")
        lines = raw.decode().splitlines()
        found = _line_of(lines, line, quote)
        if found is None:
            return _gone(stated, path, _lacking(quote))
        kind = DOCUMENT if path.split("/")[2] == DOCUMENTS else NOTE
        shown = one_line(quote or lines[found - 1], _QUOTE)
        problem = "" if kind == DOCUMENT else "stands in a file of our own writing"
        return stated._replace(kind=kind, source=f"{path}:{found}", quote=shown, problem=problem)

    def _measure(self, stated: Proof, path: str, line: int, quote: str) -> Proof:
        rows = (self._read(path) or b"").decode().splitlines()
        own = f"{self.account.slug},"
        kept = [row if row.startswith(own) else "" for row in rows]
        found = _line_of(kept, line, quote) if line or quote else None
        if found is None or not kept[found - 1]:
            return _gone(stated, path, "has no such measure of this account")
        day = dt.date.fromisoformat(path.removeprefix(_MEASURES).removesuffix(".csv"))
        return stated._replace(
            kind=SHOWN, source=f"{path}:{found}", quote=one_line(rows[found - 1], _QUOTE), day=day
        )

    def _spoken(self, stated: Proof, path: str, line: int, quote: str) -> Proof:
        """A citation of a conversation: its kind rests on who speaks there."""
        raw = self._read(path) if path.endswith(".md") else None
        if not quote and not line:
            return stated._replace(source=path, problem="name the line or the words that show it")
        best: tuple[int, Text, list[Sentence], int] | None = None
        for text in self._texts[path]:
            first = text.line or _above(text, raw)
            within = 0 if text.line is not None else line - first
            held = _held(text, line == text.line, within, quote)
            if not held:
                continue
            here = text.line or first + held[0].line
            # Of the same words in two places those nearest to the cited line are meant.
            if best is None or abs(here - line) < best[0]:
                best = (abs(here - line), text, held, here)
        if best is None:
            lines = raw.decode().splitlines() if raw else []
            found = _line_of(lines, line, quote)
            if found is None:
                return _gone(stated, path, _lacking(quote))
            shown = one_line(quote or lines[found - 1], _QUOTE)
            problem = "is not in the customer's own words"
            return stated._replace(source=f"{path}:{found}", quote=shown, problem=problem)
        _, text, held, here = best
        return self._whose(stated, text, held, f"{path}:{here}", quote)

    def _whose(
        self, stated: Proof, text: Text, held: list[Sentence], source: str, quote: str
    ) -> Proof:
        shown = one_line(quote or " ".join(s.text for s in held), _QUOTE)
        proof = stated._replace(source=source, quote=shown, day=text.day or stated.day)
        ours = self._ours.get(text.path, "")
        sides = {OURS if s.person and s.person.casefold() == ours else s.side for s in held}
        if sides != {CUSTOMER}:
            whose = (
                "our side's words" if OURS in sides else "our own note, not the customer's words"
            )
            return proof._replace(kind=NOTE, problem=f"is {whose}")
        names = {s.person for s in held if s.person}
        who = {self._ids.get(name.casefold(), "") for name in names}
        if not names:
            claimed = stated.person if stated.person in text.people else ""
            who = {text.people[0] if len(text.people) == 1 else claimed}
        speaker = who.pop() if len(who) == 1 else ""
        wrong = stated.person and speaker != stated.person
        problem = (
            f"was said by {speaker or 'somebody else'}, not by {stated.person}" if wrong else ""
        )
        return proof._replace(kind=SAID, person=speaker, problem=problem)


def _gone(stated: Proof, cited: str, why: str) -> Proof:
    return stated._replace(kind=GONE, problem=f"{cited} {why}")


def _lacking(quote: str) -> str:
    return f'does not say "{one_line(quote, _QUOTE)}"' if quote else "has no text on that line"


def _bare(text: str) -> str:
    """Text to compare by: blanks, line breaks, case, quotation marks and escapes make no difference."""
    return _BLANKS.sub(" ", text.translate(_UNSEEN)).strip().casefold()


def _joined(parts: list[str]) -> tuple[list[int], str]:
    """Where each part begins in the text that they make together, with a blank between, and that text."""
    return [0, *accumulate(len(part) + 1 for part in parts)][: len(parts)], " ".join(parts)


def _held(text: Text, cited: bool, line: int, quote: str) -> list[Sentence]:
    """The sentences of a text that a citation means: those of the quote, or those on a line.

    ``cited``: the citation names this line of traffic; ``line`` is that within a text of several, 0 without one.
    """
    said = list(sentences(text.text, text.side))
    if not quote:
        there = said if cited else _on_line(text.text, said, line)
        # What a line quotes of the customer is what somebody means who cites it.
        return [s for s in there if s.side == CUSTOMER] or there
    wanted = _bare(_TURN.sub("", quote).lstrip("-*+> "))
    if not any(sign.isalnum() for sign in wanted):
        return []
    starts, whole = _joined([_bare(s.text) for s in said])
    found = [
        said[bisect_right(starts, m.start()) - 1 : bisect_left(starts, m.end())]
        for m in re.finditer(re.escape(wanted), whole)
    ]
    if line > 0 and found:
        found = [min(found, key=lambda held: abs(held[0].line - line))]
    # Without a line, the same words in several mouths prove what the weakest of them does.
    held = [s for each in found for s in each]
    # `Ann:` only says who speaks.
    return [s for s in held if s.side != NOTE_SIDE or not s.text.endswith(":")] or held


def _on_line(text: str, said: list[Sentence], line: int) -> list[Sentence]:
    """The sentences that begin on a line; where none does, the one that runs over it."""
    lines = text.split("\n")
    if not 0 < line <= len(lines) or not lines[line - 1].strip():
        return []
    return [s for s in said if s.line == line] or [s for s in said if s.line < line][-1:]


def _above(text: Text, raw: bytes | None) -> int:
    """How many lines of its file stand above a text."""
    return 0 if raw is None else raw.count(b"\n") - text.text.count("\n")


def _line_of(lines: list[str], line: int, quote: str) -> int | None:
    """The line (from 1) that is meant: where the quote begins, nearest to the cited one; None if there is none."""
    if not quote:
        return line if 0 < line <= len(lines) and lines[line - 1].strip() else None
    wanted = _bare(quote)
    if not any(sign.isalnum() for sign in wanted):
        return None
    kept = [(number, bare) for number, text in enumerate(lines, 1) if (bare := _bare(text))]
    numbers = [number for number, _ in kept]
    starts, whole = _joined([bare for _, bare in kept])
    found = [m.start() for m in re.finditer(re.escape(wanted), whole)]
    begun = [numbers[bisect_right(starts, place) - 1] for place in found]
    return min(begun, key=lambda number: abs(number - line), default=None)
