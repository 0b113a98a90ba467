"""Answers to surveys of all accounts at once: remembered from scoring where the files have not changed since."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from crmctl.insight.cache import FORMAT
from crmctl.insight.evidence import Answer, Evidence, gather
from crmctl.insight.fingerprint import fingerprint
from crmctl.workspace import store

if TYPE_CHECKING:
    import datetime as dt

    from crmctl.workspace.index import Index

_READ = frozenset({"interactions"})


def all_answers(index: Index, slugs: Sequence[str], today: dt.date) -> dict[str, list[Answer]]:
    """By account, every answer on record."""
    place = f"$[1][{Evidence.__slots__.index('answers')}]"
    known = {
        account: (mark, answers)
        for account, mark, day, answers in index.db.execute(
            "SELECT account, fingerprint, json_extract(json, '$[0]'), json_extract(json, ?) FROM facts",
            (place,),
        )
        if day <= today.toordinal()
    }
    found: dict[str, list[Answer]] = {}
    reader = store.Reader(index.root, index.ranking(), fast=True)
    for slug in slugs:
        mark, answers = known.get(slug, ("", ""))
        if known and mark == f"{FORMAT} {fingerprint(index.accounts, slug).digest}":
            found[slug] = [Answer(*row) for row in json.loads(answers)]
            continue
        account = reader.account(slug, only=_READ)
        found[slug] = gather(account, today).answers if account is not None else []
    return found


def within(answers: Iterable[Answer], opening: int, closing: int) -> list[Answer]:
    """Those after ``opening`` up to ``closing``: of each person the latest."""
    latest: dict[str, Answer] = {}
    for answer in sorted(answers, key=lambda a: (a.day, a.source)):
        if opening < answer.day <= closing:
            latest[answer.person] = answer
    return list(latest.values())
