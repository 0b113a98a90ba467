"""Actions that render a document into ``plans/``; it is the team's from then on."""

from __future__ import annotations

from crmctl.workflow.occasion import Done, Occasion, document, due, task

RESEARCH_LASTS_DAYS = 90


def research_company(occasion: Occasion) -> Done:
    """A research brief with what is known and what is not, and a task to fill it in.

    The second contact of a company needs no second brief: one of the last 90 days is taken.
    """
    recent = occasion.earlier("research_company", RESEARCH_LASTS_DAYS)
    if recent is not None:
        return Done("researched already", recent.path)
    brief = document(occasion, "research-brief", {})
    visit = f"See what their site shows: `crmctl research {occasion.account.slug}`"
    steps = [
        # A workflow visits nobody: that is for a person to ask for.
        *([visit] if occasion.ws.config.research.enabled else ()),
        f"Fill in {brief.path}",
        "Put what you learn into the profile: industry, employees, technologies, business_intelligence",
        "Name whom to reach first, and why now",
    ]
    title = f"Research {occasion.company}"
    work = task(occasion, title, days=3, steps=steps, step="research")
    return Done(f"research brief, and a {due(work)}", brief.path, (brief, work))


def create_intervention_plan(occasion: Occasion) -> Done:
    """A plan to win the account back: evidence, causes, steps with owners and dates, when it is over."""
    extra = {
        "call_due": occasion.due(2),
        "cause_due": occasion.due(5),
        "agree_due": occasion.due(10),
        "review_due": occasion.due(30),
    }
    made = document(occasion, "intervention-plan", extra)
    return Done("intervention plan", made.path, (made,))


def identify_expansion_use_cases(occasion: Occasion) -> Done:
    """A brief on where more use would pay for the customer, and whom to ask."""
    made = document(occasion, "expansion-brief", {"talk_due": occasion.due(10)})
    return Done("expansion brief", made.path, (made,))
