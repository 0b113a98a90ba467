"""Writing down what was learned about a component of a deal, with what shows it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from crmctl.insight.qualification_evidence import GONE, Proof, Sources
from crmctl.insight.qualification_weights import HIGHEST, QualificationWeights
from crmctl.model.errors import UsageError
from crmctl.model.record import Record
from crmctl.workspace import splice
from crmctl.workspace.paths import ACCOUNTS

_FIELD = ("qualification",)
_CUT = "…"  # ends a quote that was cut to be shown


class Answer(NamedTuple):
    """``levels`` by component; what shows them: ``source`` (a place in a file), ``quote``, ``words`` of our own.

    ``person`` is the id of who said it, ``at`` the day, where the source does not tell.
    """

    levels: Mapping[str, int]
    source: str
    quote: str
    words: str
    person: str
    at: dt.date | None


def levels(settings: Sequence[str], weights: QualificationWeights) -> dict[str, int]:
    """``NAME=LEVEL`` as levels by component; UsageError says what is none."""
    known = {name for frame in weights.frameworks.values() for name in frame.components}
    found: dict[str, int] = {}
    for text in settings:
        name, _, level = text.partition("=")
        name = name.strip().casefold().replace(" ", "_").replace("-", "_")
        if name not in known:
            raise UsageError(
                f"--set {text}: {name!r} is no component; there are: {', '.join(sorted(known))}"
            )
        if not (level.strip().isdecimal() and level.strip().isascii() and int(level) <= HIGHEST):
            raise UsageError(f"--set {text}: found {level!r}; allowed: a level from 0 to {HIGHEST}")
        found[name] = int(level)
    return found


def rows(answer: Answer, sources: Sources, today: dt.date) -> list[dict[str, Any]]:
    """The rows that an answer makes, one a component. UsageError when its source is not there or does not say so."""
    shown: dict[str, Any] = {"evidence": answer.words}
    if answer.source:
        asked = {"level": HIGHEST, "source": answer.source, "quote": answer.quote}
        proof = sources.proof(asked | {"person": answer.person}, "")
        if proof.kind == GONE:
            raise UsageError(
                f"--evidence: {proof.problem}; it is a file of the account and its line, such as "
                "interactions/2026-11-02-call-ab12.md:18, and your own words go into --note"
            )
        if answer.person and proof.person and proof.person != answer.person:
            raise UsageError(f"--person: it was said by {proof.person}, not by {answer.person}")
        shown |= _cited(answer, sources, proof)
    shown |= {"person": shown.get("person") or answer.person}
    if answer.at or not answer.source:
        shown["at"] = answer.at or today
    stated = {name: value for name, value in shown.items() if value}
    return [{"component": name, "level": level, **stated} for name, level in answer.levels.items()]


def _cited(answer: Answer, sources: Sources, proof: Proof) -> dict[str, Any]:
    """The citation as it is kept: with the words of the line, so that it holds when lines move."""
    place = proof.source.removeprefix(f"{ACCOUNTS}/{sources.account.slug}/")
    kept = {"source": place, "quote": answer.quote, "person": proof.person}
    if not answer.quote and proof.quote:
        quote = proof.quote.removesuffix(_CUT).rstrip()
        again = sources.proof({"level": HIGHEST, "source": place, "quote": quote}, "")
        if again.source == proof.source:
            kept["quote"] = quote
    return kept


def changes(deal: Record, made: Sequence[dict[str, Any]]) -> list[splice.Change]:
    """The edits that put rows into a deal's file.

    A row takes the place of one that says the same source, or of one of the component without any source; else it is
    added, as a further piece of evidence.
    """
    own = deal.own.get("qualification")
    if not own:
        return [splice.Set(_FIELD, [*deal.items("qualification"), *made])]
    edits: list[splice.Change] = []
    for row in made:
        place = _place(own, row)
        if place is None:
            edits.append(splice.Append(_FIELD, row))
            continue
        edits += [
            splice.Set((*_FIELD, place, name), value)
            for name, value in row.items()
            if own[place].get(name) != value and name != "component"
        ]
    return edits


def _place(own: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> int | None:
    """Which of the rows of a file a new one replaces."""
    same = [
        place
        for place, old in enumerate(own)
        if str(old.get("component", "")).casefold() == row["component"]
    ]
    file = _file(row)
    for place in same:
        if file and (_file(own[place]), own[place].get("quote")) == (file, row.get("quote")):
            return place
    bare = [place for place in same if not _file(own[place])]
    return bare[-1] if bare else None


def _file(row: Mapping[str, Any]) -> str:
    return str(row.get("source") or "").rpartition(":")[0] or str(row.get("source") or "")


def with_rows(deal: Record, made: Sequence[dict[str, Any]]) -> Record:
    """The deal as it will be, to see what its rows count as."""
    held = [dict(row) for row in deal.items("qualification")]
    for row in made:
        place = _place(held, row)
        if place is None:
            held.append(row)
        else:
            held[place] |= row
    return replace(deal, own=deal.own | {"qualification": held})
