"""One account read for a document, with the context that its documents share."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from crmctl.insight.citing import Lines
from crmctl.insight.evidence import Evidence, gather
from crmctl.insight.facts import by_measure
from crmctl.insight.judging import judged, uncarded
from crmctl.insight.picture import picture
from crmctl.insight.provenance import field_source
from crmctl.insight.text_rules import load_rules
from crmctl.insight.text_signals import Heard, told
from crmctl.insight.texts import condense
from crmctl.insight.weights import load_weights
from crmctl.model.errors import DamagedFile
from crmctl.workspace import files, measures, paths, store
from crmctl.workspace.changes import ChangeSet
from crmctl.workspace.index import opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmctl.insight.health import Health
    from crmctl.insight.inputs.fact import Facts
    from crmctl.insight.said import Said
    from crmctl.insight.text_rules import TextRules
    from crmctl.insight.weights import Weights
    from crmctl.model.record import Account
    from crmctl.render.sections import Conflict
    from crmctl.workspace.measures import Measure
    from crmctl.workspace.workspace import Workspace


@dataclass(frozen=True)
class Seen:
    """An account, its measures oldest first, the weights, the rules for texts, and where things stand (`Lines`).

    ``said`` is what its texts say, where that is remembered from an earlier reading of them.
    """

    account: Account
    measures: Sequence[Measure]
    weights: Weights
    rules: TextRules
    lines: Lines
    said: Said | None = None
    _evidence: dict[dt.date, Evidence] = field(default_factory=dict, init=False, repr=False)
    _heard: dict[dt.date, Heard] = field(default_factory=dict, init=False, repr=False)
    _judged: dict[dt.date, tuple[Facts, Health]] = field(
        default_factory=dict, init=False, repr=False
    )

    @cached_property
    def series(self) -> dict[str, list[tuple[int, float]]]:
        """The measures by name: day and value, oldest first."""
        return by_measure(self.measures)

    def picture(self, today: dt.date) -> dict[str, Any]:
        """`crmctl.insight.picture.picture` with sources as they are shown: with their line, near the account."""
        found = picture(
            self.account,
            self.measures,
            today,
            self.weights,
            root=self.lines.root,
            evidence=self.evidence(today),
            said=self.heard(today),
            series=self.series,
            judgement=self.judged(today),
        )
        # Usage has a value a day and no source.
        usage = found.pop("usage")
        seen: dict[str, Any] = self.lines.near(found)
        return seen | {"usage": usage}

    def evidence(self, today: dt.date) -> Evidence:
        """What the records say as of a day, gathered once."""
        if today not in self._evidence:
            self._evidence[today] = gather(self.account, today)
        return self._evidence[today]

    def judged(self, today: dt.date) -> tuple[Facts, Health]:
        """What was measured as of a day, and the health that it gives."""
        if today not in self._judged:
            self._judged[today] = judged(self.evidence(today), self.series, today, self.weights)
        return self._judged[today]

    def facts(self, today: dt.date) -> Facts:
        """What was measured as of a day by the weights of every account."""
        evidence = self.evidence(today)
        return uncarded(*self.judged(today), evidence, self.series, today, self.weights)

    def heard(self, today: dt.date) -> Heard:
        """What the texts say as of a day, read once."""
        if today not in self._heard:
            said = condense(self.account, self.rules, today) if self.said is None else self.said
            self._heard[today] = told(said, self.rules, today)
        return self._heard[today]

    def where(self, name: str) -> str:
        """Where a field of the profile stands, empty when nobody states it."""
        return self.near(self.lines.cite(field_source(self.account.profile, name)))

    def near(self, source: str) -> str:
        """A source without the account's own folder in front."""
        return source.removeprefix(f"{paths.ACCOUNTS}/{self.account.slug}/")


def read(ws: Workspace, slug: str) -> Seen:
    """Read one account; DamagedFile when its profile cannot be read."""
    reader = store.Reader(ws.root, ws.ranking)
    account = reader.account(slug)
    if account is None:
        raise DamagedFile(reader.problems)
    with opened(ws.root, ws.state_dir) as index:
        measures.refresh(index)
        series = measures.series(index, slug)
    lines = Lines(ws.root, slug)
    return Seen(account, series, load_weights(ws.root), load_rules(ws.root), lines)


def merged(
    ws: Workspace, path: str, rendered: str, reason: str
) -> tuple[ChangeSet, str, list[Conflict]]:
    """The plan that brings a document up to date, its text, and what a person has to settle in it."""
    from crmctl.render.sections import merge

    old = files.read(ws.root, path)
    text, conflicts = merge(path, None if old is None else _decoded(old, path), rendered)
    changes = ChangeSet()
    changes.put(path, old, text.encode(), reason)
    return changes, text, conflicts


def _decoded(raw: bytes, path: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        from crmctl.model.errors import CrmError

        raise CrmError(f"{path}: is not UTF-8 text; save it as UTF-8") from None
