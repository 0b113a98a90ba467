"""Whether a health file still says what holds."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from crmctl.insight.curves import NOISE
from crmctl.insight.health import OVERRULES, Health
from crmctl.model.errors import DamagedFile
from crmctl.workspace import paths

if TYPE_CHECKING:
    from crmctl.insight.claims import Claim


class Told(NamedTuple):
    """The claims of an account, and the marks of all that still bears one out."""

    claims: list[Claim]
    standing: set[str]


def outdated(raw: bytes, path: str, health: Health, step: float, told: Told) -> bool:
    """Whether a health file no longer says what holds: status, reasons, claims, card, or the score by ``step``."""
    from crmctl.insight.claims import outdated as other_claims
    from crmctl.workspace.document import parse

    try:
        stated = parse(raw, path, fast=True).data
    except DamagedFile:
        return True
    written = stated.get("score")
    if stated.get("status") != health.status or _other_reasons(stated, health):
        return True
    # A template of the team's own may state neither.
    says = {"card": health.card or "base", "override": health.override_text}
    if any(name in stated and stated[name] != text for name, text in says.items()):
        return True
    if other_claims(stated.get("claims"), told.claims, told.standing):
        return True
    if not isinstance(written, (int, float)) or health.score is None:
        return (written is None) != (health.score is None)
    return abs(health.score - written) >= step - NOISE


def cites_all(root: Path, slug: str, raw: bytes) -> bool:
    """Whether all files of the account that a page names as sources are there."""
    named = {found.decode() for found in _cited(slug).findall(raw)}
    return all(os.path.lexists(f"{root}/{source}") for source in named)


def _cited(slug: str) -> re.Pattern[bytes]:
    """Matches the files of an account that a page names as sources."""
    return re.compile(rf"{paths.ACCOUNTS}/{re.escape(slug)}/[\w/.-]+\.(?:md|jsonl)\b".encode())


def _other_reasons(stated: dict[str, object], health: Health) -> bool:
    """Whether other gates are shut, or what weighed most is no reason any more, or a new reason weighs most.

    Lesser reasons come and go with every small move. A template of the team's own may state no reasons;
    then they cannot have changed.
    """
    written = stated.get("reasons")
    if not isinstance(written, list):
        return False
    if OVERRULES.intersection(health.reasons) != OVERRULES.intersection(map(str, written)):
        return True
    before = [str(name) for name in written if name not in OVERRULES]
    now = [name for name in health.reasons if name not in OVERRULES]
    return before[:1] != now[:1] and not (before and now and before[0] in now and now[0] in before)
