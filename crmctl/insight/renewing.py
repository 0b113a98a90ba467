"""Accounts whose files only look changed: other stat keys, the same bytes, as after a checkout, a copy or a restore.

Their files are read and compared by digest, which costs far less than parsing them; what is remembered of them still
holds then, and is remembered under the new keys.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from crmctl.insight.fingerprint import Fingerprint, contents, fingerprint, page
from crmctl.workspace.index import RACY_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmctl.insight.cache import Cache, Renewed
    from crmctl.insight.scoring import ScorePlan, Stale


class Renewing:
    """Of the accounts of one part of a scoring."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._accounts = cache.index.accounts
        self._before: dict[str, str] = {}
        self._known: dict[str, str] = {}

    def sift(self, stale: Sequence[Stale], plan: ScorePlan) -> tuple[list[Stale], list[Renewed]]:
        """The accounts that are to be scored; of the others what holds goes into ``plan``.

        Where the files are the same but their health file, the day or the rules are others, what was gathered of
        them still holds: `digest` says under which mark it is remembered.
        """
        self._before.clear()
        self._known.clear()
        rest: list[Stale] = []
        renewed: list[Renewed] = []
        remembered = self._cache.kept([slug for slug, _ in stale])
        for slug, mark in stale:
            kept = remembered.get(slug)
            if kept is None:
                rest.append((slug, mark))
                continue
            then, _, page_then = kept.content.partition(" ")
            started = time.time_ns()
            if kept.fingerprint != mark.digest:
                if contents(self._accounts, slug, mark.names) != then:
                    rest.append((slug, mark))
                    continue
                self._before[slug] = kept.fingerprint
            self._known[slug] = then
            again = self._cache.again(slug, kept, mark)
            if again is None or page(self._accounts, slug) != page_then:
                rest.append((slug, mark))
                continue
            plan.problems += plan.results.remember(slug, kept.result)
            plan.signals[slug] = kept.signals
            # What was written at this very moment may be newer than what was read.
            if mark.newest + RACY_NS < started:
                renewed.append(again)
        return rest, renewed

    def digest(self, slug: str, mark: Fingerprint) -> str:
        """The digest of stat keys under which the account's files are remembered, if they are."""
        return self._before.get(slug, mark.digest)

    def content(self, slug: str, mark: Fingerprint) -> str:
        """What to know these files by another time; empty if they changed while they were read."""
        known = self._known.get(slug)
        if known is None:
            known = contents(self._accounts, slug, mark.names)
        shown = page(self._accounts, slug)
        same = known is not None and fingerprint(self._accounts, slug) == mark
        return f"{known} {shown}" if same else ""
