"""What to do first: the inputs that cost the score most, each with its evidence and an action."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from crmctl.insight.health import FactorScore, Gate
    from crmctl.insight.health_weights import Advice

# What moves an input: a sentence for people and the name of an action that workflows know.
PLAYS = {
    "active_share": ("Bring more of their users in", "create_intervention_plan"),
    "usage_growth": ("Find out what keeps their usage from growing", "schedule_check_in_call"),
    "usage_baseline": ("Find out why they use it less than they used to", "schedule_check_in_call"),
    "weekly_share": ("Find a use for every week of their work", "identify_expansion_use_cases"),
    "breadth": (
        "Show them the features they pay for and do not use",
        "identify_expansion_use_cases",
    ),
    "usage_age": ("Have their usage measured again", "notify_account_team"),
    "open_tickets": ("Get the open tickets solved", "notify_account_manager"),
    "ticket_rate": ("Find the common cause behind their tickets", "create_intervention_plan"),
    "ticket_load": ("See why so few users need so much support", "create_intervention_plan"),
    "hours_to_answer": ("Answer their tickets sooner", "notify_account_manager"),
    "severe_share": ("Take their severe tickets up with the support lead", "escalate_to_manager"),
    "days_to_close": ("Shorten the way from ticket to solution", "notify_account_manager"),
    "reopened_share": ("See why solved tickets come back", "notify_account_manager"),
    "active_contacts": ("Get to know more people there", "research_decision_makers"),
    "roles_covered": ("Fill the buying roles that nobody holds", "research_decision_makers"),
    "champion": ("Win, or win back, a champion", "schedule_check_in_call"),
    "executive": (
        "Bring an executive of theirs and one of ours together",
        "research_decision_makers",
    ),
    "days_since_contact": ("Call them", "schedule_check_in_call"),
    "balance": ("Listen: one side does most of the writing", "schedule_check_in_call"),
    "reply_hours": ("Find a way that they answer on sooner", "schedule_check_in_call"),
    "sentiment": ("Ask what troubles them", "schedule_check_in_call"),
    "goal_pace": ("Bring their goals back on schedule", "create_intervention_plan"),
    "survey_mean": ("Follow up on their survey answers", "schedule_check_in_call"),
    "days_to_value": ("Review what delayed their first value", "create_intervention_plan"),
    "renewal_outlook": ("Work on the renewal", "notify_account_team"),
    "value_ratio": ("Work out with them what they gain for the price", "schedule_check_in_call"),
    "notice_given": (
        "Notice was given: ask for the reason and what would turn it",
        "escalate_to_manager",
    ),
    "champion_left": ("Find a successor for the champion", "research_decision_makers"),
    "payment_overdue": ("Settle the overdue payment", "escalate_to_manager"),
}


class Recommendation(NamedTuple):
    """One thing to do. ``points`` of the score are at stake in ``input`` (an input or a gate)."""

    input: str
    points: float
    text: str
    reason: str
    action: str
    source: str


def recommend(
    factors: Sequence[FactorScore], gates: Sequence[Gate], mean: float, limits: Advice
) -> list[Recommendation]:
    """Gates first, then known inputs by the points they leave on the table.

    What is unknown is no weakness; it shows in the coverage and in the range instead.
    """
    shut = [
        Recommendation(g.name, max(0.0, mean - g.cap), *_play(g.name, g.reason), g.source)
        for g in sorted(gates, key=lambda g: g.cap)
    ]
    open_points = [
        Recommendation(i.name, stake, *_play(i.name, _reason(i.name, i.value, i.note)), i.source)
        for factor in factors
        for i in factor.inputs
        if i.normalised is not None
        and (stake := i.weight_effective * (100 - i.normalised)) >= limits.at_least_points
    ]
    open_points.sort(key=lambda r: (-r.points, r.input))
    return [*shut, *open_points][: limits.at_most]


def _play(name: str, reason: str) -> tuple[str, str, str]:
    text, action = PLAYS[name]
    return text, reason, action


def _reason(name: str, value: float | None, note: str) -> str:
    words = f"{name.replace('_', ' ')} {value:.2g}" if value is not None else name.replace("_", " ")
    return f"{words}: {note}" if note else words
