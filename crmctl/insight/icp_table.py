"""The fit and the engagement of accounts: of all from the index, of one from its folder."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.insight.cache import Cache
from crmctl.insight.evidence import Evidence, gather
from crmctl.insight.fingerprint import fingerprint
from crmctl.insight.icp import Fitter, Icp, fit
from crmctl.insight.icp_deals import since
from crmctl.insight.icp_engagement import Engaged, engaged
from crmctl.insight.scoring import READ
from crmctl.model.errors import ConfigError, DamagedFile, Problem
from crmctl.workspace import store
from crmctl.workspace.index import Index, opened

if TYPE_CHECKING:
    from crmctl.insight.icp_weights import Calibration, IcpWeights
    from crmctl.workspace.workspace import Workspace

UNKNOWN = "?"
LOOKED_AT = 200  # commits of one profile that are looked at to tell the age of a value
Keep = Callable[[Mapping[str, Any], Icp], bool]


class Row(NamedTuple):
    """One account in the list; ``engaged`` is None where the weights say nothing of engagement."""

    account: str
    name: str
    stage: str
    owner: str
    icp: Icp
    engaged: Engaged | None

    @property
    def label(self) -> str:
        """Two facts side by side, tier and level such as A2; ``?`` for one that is unknown."""
        return label(self.icp, self.engaged)


def label(icp: Icp, found: Engaged | None) -> str:
    """Tier and level; ``?`` in place of one that is unknown."""
    tier = icp.tier or UNKNOWN
    if found is None:
        return tier
    return f"{tier}{' ' * (len(tier) > 1)}{found.level or UNKNOWN}"


def calibration(weights: IcpWeights) -> Calibration:
    """The part ``icp.calibration``; ConfigError in a workspace made before there was one."""
    if weights.calibration is None:
        raise ConfigError(
            "weights.yaml has no part `icp.calibration`; copy it from a fresh workspace (`crmctl init DIR`)"
        )
    return weights.calibration


def table(
    ws: Workspace, weights: IcpWeights, keep: Keep
) -> tuple[list[Row], list[str], list[Problem]]:
    """The accounts that ``keep`` lets pass, the best fit first, disqualified ones last.

    Then a sentence for each profile that could not be read, and what was wrong with conversations. ``keep`` gets the
    profile's values as the index has them. Fit needs the profiles alone; engagement comes from what scoring remembers.
    """
    fitter = Fitter(weights)
    kept: list[tuple[str, Mapping[str, Any], Icp]] = []
    unread: list[str] = []
    problems: list[Problem] = []
    with opened(ws.root, ws.state_dir) as index:
        rows = index.profiles(("name",))
        documents = index.documents()
        for slug, problem, _ in rows:
            if problem is not None:
                unread.append(problem)
                continue
            values = documents.get(slug, {})
            found = fitter.of(values.get)
            if keep(values, found):
                kept.append((slug, values, found))
        keen: dict[str, Engaged] = {}
        if weights.engagement is not None:
            slugs = [slug for slug, _, _ in kept]
            for evidence in _evidences(ws, index, slugs, problems):
                keen[evidence.slug] = engaged(evidence, ws.today, weights.engagement)
    found_rows = [
        Row(
            slug,
            str(values.get("name") or slug),
            str(values.get("stage") or ""),
            str(values.get("owner") or ""),
            icp,
            keen.get(slug),
        )
        for slug, values, icp in kept
    ]
    found_rows.sort(key=_order)
    return found_rows, unread, problems


def _order(row: Row) -> tuple[bool, bool, float, float, str]:
    score = row.icp.score
    keen = row.engaged.score if row.engaged else None
    unknown = score is None
    return (row.icp.disqualified, unknown, -(score or 0.0), -(keen or 0.0), row.account)


def _evidences(
    ws: Workspace, index: Index, slugs: Sequence[str], problems: list[Problem]
) -> Iterator[Evidence]:
    """What scoring remembers of each account; what it does not remember is read."""
    cache = Cache(index, ws.today, "")
    reader = store.Reader(ws.root, index.ranking(), fast=True)
    for slug in slugs:
        remembered = cache.gathered(slug, fingerprint(index.accounts, slug).digest)
        if remembered is not None:
            problems += remembered[0].problems
            yield remembered[0].evidence
            continue
        account = reader.account(slug, only=READ)
        if account is not None:
            yield gather(account, ws.today)
    problems += [p for p in reader.problems if p.code != "required"]


class Detail(NamedTuple):
    """One account: its fit with sources, its engagement, and since when each field has had its value."""

    row: Row
    since: dict[str, dt.date]
    problems: list[Problem]


def detail(ws: Workspace, slug: str, weights: IcpWeights) -> Detail:
    """One account from its own folder; DamagedFile without a readable profile."""
    reader = store.Reader(ws.root, ws.ranking, fast=True)
    account = reader.account(slug, only=READ)
    if account is None:
        raise DamagedFile(reader.problems)
    profile = account.profile
    keen = None
    if weights.engagement is not None:
        keen = engaged(gather(account, ws.today), ws.today, weights.engagement)
    row = Row(
        slug,
        profile.title,
        profile.text("stage"),
        profile.text("owner"),
        fit(profile, weights),
        keen,
    )
    names = {c.field for c in row.icp.criteria} | {c.field for c in row.icp.checks}
    ages = since(ws, slug, sorted(names), LOOKED_AT)
    problems = [p for p in reader.problems if p.code != "required"]
    return Detail(row, ages, problems)
