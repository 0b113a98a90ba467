"""The customer lifecycle: four stages, five steps each, in the order an account takes them."""

from __future__ import annotations

STEPS: dict[str, tuple[str, ...]] = {
    "prospect": (
        "research",
        "qualification",
        "initial_outreach",
        "interest_development",
        "meeting_scheduling",
    ),
    "opportunity": ("discovery", "technical_validation", "business_case", "negotiation", "closing"),
    "customer": ("onboarding", "adoption", "success", "expansion", "advocacy"),
    "churn_risk": (
        "early_warning",
        "root_cause",
        "recovery_plan",
        "executive_escalation",
        "win_back_campaign",
    ),
}
STAGES = tuple(STEPS)
ALL_STEPS = tuple(step for steps in STEPS.values() for step in steps)


def stage_of(step: str) -> str:
    """The stage a step belongs to; ValueError if there is no such step."""
    for stage, steps in STEPS.items():
        if step in steps:
            return stage
    raise ValueError(f"found {step}; allowed: {', '.join(ALL_STEPS)}")


def next_step(stage: str, step: str | None) -> str | None:
    """The step after this one within its stage, the first for no step, None after the last."""
    steps = STEPS[stage]
    if step not in steps:
        return steps[0]
    position = steps.index(step) + 1
    return steps[position] if position < len(steps) else None
