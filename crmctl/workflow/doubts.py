"""What a workflow says that is allowed but surely was not meant: each as the key it stands under and a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from crmctl.model.errors import CrmError
from crmctl.workflow import steps
from crmctl.workflow.actions_notices import Notify, Webhook
from crmctl.workflow.actions_records import CreateTask, Render
from crmctl.workflow.expression import Expression
from crmctl.workflow.owners import ROLES, OwnerRule
from crmctl.workflow.syntax import Call, Compare, Constant, Inverse, Junction, Name, Node, Past
from crmctl.workflow.vocabulary import COUNTS, check, kind_of
from crmctl.workspace import templates

if TYPE_CHECKING:
    from crmctl.workflow.definition import Workflow
    from crmctl.workspace.config import Config

Doubt = tuple[str, str]
Bounds = tuple[Decimal | None, Decimal | None]

# Between what a value of a kind always lies, and those of a few names that have bounds of their own.
_ZERO, _ONE = Decimal(0), Decimal(1)
_KINDS: dict[str, Bounds] = {
    "score": (_ZERO, Decimal(100)),
    "ratio": (-_ONE, None),
}
_NAMES: dict[str, Bounds] = {
    **{term.name: (_ZERO, None) for term in COUNTS},
    **dict.fromkeys(("champion", "executive", "buying_said", "expansion_said", "risk_said"), (_ZERO, _ONE)),
    **dict.fromkeys(("health_coverage", "weekly_share", "severe_share", "reopened_share"), (_ZERO, _ONE)),
    **dict.fromkeys(("contact_rhythm", "usual_gap", "competitors_named"), (_ZERO, None)),
    **dict.fromkeys(("days_since_contact", "days_since_competitor", "usage_age"), (_ZERO, None)),
    "sentiment": (-_ONE, _ONE),
    "survey_mean": (_ZERO, Decimal(10)),
}  # fmt: skip
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def doubts(workflow: Workflow, config: Config, root: Path) -> list[Doubt]:
    """All of one workflow's."""
    return [
        *_of_conditions(workflow),
        *_of_start(workflow),
        *_of_people(workflow, config),
        *_of_templates(workflow, root),
    ]


def targets(workflow: Workflow) -> list[str]:
    """The targets that its steps name."""
    named = [
        step.parameters.target
        for step in steps.every(workflow.course)
        if isinstance(step, steps.Do) and isinstance(step.parameters, (Notify, Webhook))
    ]
    return [name for name in dict.fromkeys(named) if name]


def _conditions(workflow: Workflow) -> Iterator[tuple[str, Expression]]:
    yield from workflow.conditions.items()
    for step in steps.every(workflow.course):
        if isinstance(step, steps.Branch):
            yield "actions", step.condition
        elif isinstance(step, steps.Wait) and step.until is not None:
            yield "actions", step.until


def _of_conditions(workflow: Workflow) -> Iterator[Doubt]:
    for key, condition in _conditions(workflow):
        yield from ((key, warning) for warning in check(condition))
        yield from ((key, text) for text in _bounded(condition.root))


def _of_start(workflow: Workflow) -> Iterator[Doubt]:
    said = {key: " ".join(condition.text.split()) for key, condition in workflow.conditions.items()}
    trigger, when, unless = said.get("trigger"), said.get("when"), said.get("unless")
    if unless and unless in (trigger, when):
        same = "trigger" if unless == trigger else "when"
        yield "unless", f"says the same as {same}, so the workflow never starts"
    if when and when == trigger:
        yield "when", "says the same as the trigger; leave it out"
    if workflow.schedule and not said:
        text = "is due in every account; say in which ones with a trigger, when or unless"
        yield "schedule", text


def _of_people(workflow: Workflow, config: Config) -> Iterator[Doubt]:
    rules = workflow.owner if isinstance(workflow.owner, list) else [OwnerRule(to=workflow.owner)]
    named = [("owner", rule.to) for rule in rules]
    for step in steps.every(workflow.course):
        if isinstance(step, steps.Do) and isinstance(step.parameters, Notify):
            named += [("actions", person) for person in step.parameters.to]
        elif isinstance(step, steps.Do) and isinstance(step.parameters, CreateTask):
            named.append(("actions", step.parameters.owner))
    for key, person in named:
        if person and person not in ROLES and config.member(person) is None:
            yield key, f"{person} is nobody in the team of crmctl.yaml"


def _of_templates(workflow: Workflow, root: Path) -> Iterator[Doubt]:
    for step in steps.every(workflow.course):
        if isinstance(step, steps.Do) and isinstance(step.parameters, Render):
            try:
                templates.load(root, step.parameters.template)
            except CrmError as error:
                yield "actions", f"render: {error}"


def _bounded(node: Node) -> Iterator[str]:
    match node:
        case Junction():
            for part in node.parts:
                yield from _bounded(part)
        case Inverse():
            yield from _bounded(node.inner)
        case Compare():
            yield from _compared(node)


def _compared(node: Compare) -> Iterator[str]:
    """A comparison with a number that the value never reaches, or never leaves."""
    left, sign, right = node.left, node.operator, node.right
    if isinstance(left, Constant):
        left, sign, right = right, _TURNED.get(sign, sign), left
    if not isinstance(left, (Name, Past, Call)) or not isinstance(right, Constant):
        return
    if not isinstance(right.value, Decimal) or isinstance(left, Call):
        return
    low, high = _NAMES.get(left.name, _KINDS.get(kind_of(left), (None, None)))
    outcome = _always(sign, right.value, low, high)
    if outcome is not None:
        between = (
            f"from {_number(low)} to {_number(high)}"
            if high is not None
            else f"at least {_number(low)}"
        )
        means = "always true where it is known" if outcome else "never true"
        yield f"{left.name} {node.operator} {right.text} is {means}: {left.name} is {between}"


def _always(sign: str, value: Decimal, low: Decimal | None, high: Decimal | None) -> bool | None:
    """Whether a comparison comes out the same for every value between the bounds; None if it does not."""
    below: Mapping[str, bool] = {
        "<": False,
        "<=": False,
        "==": False,
        ">": True,
        ">=": True,
        "!=": True,
    }
    above: Mapping[str, bool] = {
        "<": True,
        "<=": True,
        "==": False,
        ">": False,
        ">=": False,
        "!=": True,
    }
    if low is not None and (value < low or (value == low and sign in ("<", ">="))):
        return below.get(sign)
    if high is not None and (value > high or (value == high and sign in (">", "<="))):
        return above.get(sign)
    return None


def _number(value: Decimal | None) -> str:
    return "" if value is None else f"{value:g}" if value else "0"
