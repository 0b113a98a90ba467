"""Actions that state something in the account itself: its owner, its fit, a deal.

What crmctl works out stands in the block ``sources.crmctl`` of the profile, so a person's value always
goes before it. A deal is people's from the moment it exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crmctl.insight.icp import fit
from crmctl.insight.scoring import rounded
from crmctl.workflow.occasion import Done, NotYet, Occasion, task
from crmctl.workspace import authoring, paths, splice
from crmctl.workspace.changes import FileChange
from crmctl.workspace.measures import Measure

SYSTEM = "crmctl"
EXPANSION = "expansion"
ASKED_LASTS_DAYS = 90


def score_icp_fit(occasion: Occasion) -> Done:
    """States ``icp_fit`` and ``icp_tier`` and measures ``icp.score``; waits while too little is known."""
    profile = occasion.account.profile
    found = fit(profile, occasion.insight.weights.icp)
    if found.tier is None:
        raise NotYet(f"no fit yet: {found.reason}")
    if found.score is None:
        return Done(found.tier, profile.path, _state(occasion, {"icp_tier": found.tier}))
    value = int(rounded(found.score, "1"))
    measure = Measure(profile.id, "icp.score", occasion.today, rounded(found.score, "0.1"), SYSTEM)
    writes = _state(occasion, {"icp_fit": value, "icp_tier": found.tier})
    return Done(f"fit {value} of 100, {found.tier}", profile.path, writes, measures=(measure,))


def assign_owner(occasion: Occasion) -> Done:
    """States the owner of an account that has none: the default owner, else who has the fewest accounts.

    A team of nobody has a task to choose somebody.
    """
    profile = occasion.account.profile
    known, by = profile.stated("owner")
    if known is not None:
        said = "owner {}" if by == SYSTEM else "{} owns it already"
        return Done(said.format(occasion.owner), profile.path)
    owner = occasion.candidate
    if owner:
        return Done(f"owner {owner}", profile.path, _state(occasion, {"owner": owner}))
    asked = occasion.earlier("assign_owner", ASKED_LASTS_DAYS)
    if asked is not None:
        return Done("asked already: crmctl.yaml names no team", asked.path)
    steps = [
        f"crmctl set {occasion.account.slug} owner=…",
        "List the team under team: in crmctl.yaml, and accounts are assigned by themselves",
    ]
    work = task(occasion, f"Choose an owner for {occasion.company}", days=1, steps=steps)
    return Done("task to choose an owner: crmctl.yaml names no team", work.path, (work,))


def create_expansion(occasion: Occasion) -> Done:
    """An open deal of type expansion in the first stage, without an amount; one that is open is enough."""
    account = occasion.account
    stages = occasion.ws.config.deal_stages
    stage = stages[0] if stages else "qualification"
    path = paths.deal(account.slug, f"{EXPANSION}-{occasion.id}")
    made = occasion.made("deals")
    if made is not None:
        return Done(f"deal in stage {stage}", path, (made,))
    for deal in account.deals.values():
        if deal.text("status") in ("", "open") and EXPANSION in deal.text("type").casefold():
            return Done("an expansion is open already", deal.path)
    values = {
        "name": f"Expansion at {occasion.company}",
        "stage": stage,
        "status": "open",
        "opened": occasion.today,
        "type": EXPANSION,
        "owner": occasion.assignee or None,
        "next_step": "Talk through the expansion brief with the account team",
        "next_step_due": occasion.due(10),
        "description": f"Opened by the workflow {occasion.name}. {occasion.episode.because}",
    }
    raw = authoring.draft(occasion.ws, path, values)
    write = FileChange(path, None, raw, f"{occasion.name}: {occasion.action}")
    return Done(f"deal in stage {stage}", path, (write,))


def _state(occasion: Occasion, values: Mapping[str, Any]) -> tuple[FileChange, ...]:
    """The profile with values stated in crmctl's own block."""
    path = occasion.account.profile.path
    old = occasion.current(path)
    if old is None:
        return ()
    edits = [splice.Set(("sources", SYSTEM, name), value) for name, value in values.items()]
    new = splice.edit(old, edits, path=path)
    return (FileChange(path, old, new, f"{occasion.name}: {occasion.action}"),)
