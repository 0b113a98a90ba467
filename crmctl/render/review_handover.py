"""The handover of an account: who is who, what was promised, what is open, and the first 30 days."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from crmctl.insight.citing import BODY
from crmctl.insight.insight_weights import insight_weights
from crmctl.insight.insights_draft import Material, sentence
from crmctl.insight.insights_told import promises
from crmctl.model.text import one_line
from crmctl.render.map_view import view_of
from crmctl.render.review_ground import told
from crmctl.workspace import paths

if TYPE_CHECKING:
    from crmctl.render.account import Seen
    from crmctl.render.review_ground import Ground
    from crmctl.workspace.workspace import Workspace


def handover_context(ws: Workspace, found: Ground) -> dict[str, Any]:
    """What ``templates/handover.md.j2`` is given beside what all reviews are."""
    seen = found.seen
    return {
        "known_by": _known_by(ws, found),
        "promised": list(_promised(found)),
        "moves": list(_moves(seen)),
        "sellers": _sellers(ws, seen),
        "notes": list(_notes(seen)),
        "latest": [
            told(talk, found.shared["people_names"])
            for talk in found.view["conversations"]
            if talk["at"].date() <= found.today
        ][: ws.config.reviews.conversations],
    }


def _known_by(ws: Workspace, found: Ground) -> dict[str, list[str]]:
    """Who of us knows each of them, by the id of theirs, the best known first."""
    view = view_of(found.seen, found.today, ws.config.team)
    known: dict[str, list[str]] = {}
    for pair in sorted(view.map.pairs, key=lambda one: (-(one.strength or 0), one.ours)):
        known.setdefault(pair.theirs, []).append(view.ours.get(pair.ours) or pair.ours)
    return known


def _promised(found: Ground) -> Iterator[dict[str, Any]]:
    """What was promised on either side and nobody has marked as done, what is due first at the top."""
    seen, own = found.seen, insight_weights(found.seen.weights.insights)
    home = f"{paths.ACCOUNTS}/{seen.account.slug}/"
    drafts = list(promises(Material(seen.account, found.view, {}, own, found.today)))
    drafts.sort(
        key=lambda draft: (draft.due is None, draft.due or draft.day or found.today, draft.key)
    )
    named: set[str] = set()
    for draft in drafts:
        if draft.key in named:
            continue
        named.add(draft.key)
        source = draft.cites[0].source
        source = source if source.startswith(home) else home + source
        yield {
            "text": sentence(found.spell(draft.text)),
            "source": seen.near(seen.lines.cite(source)),
        }


def _moves(seen: Seen) -> Iterator[dict[str, Any]]:
    """Stages passed, with why."""
    profile = seen.account.profile
    _, by = profile.stated("stage_history")
    field = "stage_history" if by == "person" else f"sources.{by}.stage_history"
    for place, row in enumerate(profile.items("stage_history")):
        source = seen.lines.cite(f"{profile.path}#{field}.{place}")
        yield {
            "at": row.get("at"),
            "stage": " ".join(filter(None, (row.get("stage"), row.get("step")))).replace("_", " "),
            "reason": row.get("reason"),
            "source": seen.near(source),
        }


def _sellers(ws: Workspace, seen: Seen) -> list[str]:
    """Who of us won their deals, by name."""
    won = [deal for deal in seen.account.deals.values() if deal.text("status") == "won"]
    ids = dict.fromkeys(deal.text("owner") for deal in won if deal.text("owner"))
    members = [(id, ws.config.member(id)) for id in ids]
    return [(member.name if member else "") or id for id, member in members]


def _notes(seen: Seen) -> Iterator[dict[str, str]]:
    """The headings of the profile's prose, which is to be read before anything else; without any its first line."""
    profile = seen.account.profile
    lines = list(enumerate(profile.body.splitlines(), 1))
    headed = [(number, line) for number, line in lines if line.startswith("## ")]
    prose = [(number, line) for number, line in lines if line.strip() and not line.startswith("#")]
    for number, line in headed or prose[:1]:
        source = seen.lines.cite(f"{profile.path}#{BODY}{number}")
        yield {"heading": one_line(line.lstrip("# ")), "source": seen.near(source)}
