"""Actions that tell somebody in the workflow's own words; where messages may go, this machine's settings say."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from crmctl.workflow.actions_messages import notice_lines, subject_line
from crmctl.workflow.actions_records import person
from crmctl.workflow.occasion import Done, Occasion, message
from crmctl.workflow.owners import ROLES
from crmctl.workflow.wording import Wording, worded
from crmctl.workspace.source_settings import Strict

TargetName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class Notify(Strict):
    """Of ``notify``: people of the team, a target by its name, or both."""

    to: Annotated[
        list[str],
        Field(
            default_factory=list,
            max_length=20,
            description=f"ids of the team, or {', '.join(ROLES)}",
        ),
    ]
    target: Annotated[str, Field(pattern=r"^([a-z][a-z0-9_-]{0,39})?$")] = ""
    subject: Wording = "{account}: {why}"
    message: Annotated[str, Field(max_length=2000)] = ""
    urgent: bool = False

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.to and not self.target:
            raise ValueError("needs to or target")
        return self


def notify(occasion: Occasion) -> Done:
    """A message in the workflow's words, with what happened and what was laid out below."""
    told: Notify = occasion.parameters
    people = [person(occasion, wanted) for wanted in told.to]
    own = [worded(line, occasion) for line in told.message.splitlines()]
    lines = [*own, "", *notice_lines(occasion)] if own else notice_lines(occasion)
    note = message(
        occasion,
        people,
        worded(told.subject, occasion),
        lines,
        target=told.target,
        urgent=told.urgent,
    )
    named = ", ".join([*note.to, *([told.target] if told.target else [])])
    return Done(f"message to {named or 'nobody: the account has no owner'}", messages=(note,))


class Webhook(Strict):
    """Of ``webhook``."""

    target: TargetName
    text: Wording = "{account}: {why}"


def webhook(occasion: Occasion) -> Done:
    """A call of a webhook of this machine's settings, with what happened."""
    told: Webhook = occasion.parameters
    lines = [worded(line, occasion) for line in told.text.splitlines()]
    note = message(occasion, [], subject_line(occasion), lines, target=told.target)
    return Done(f"call of {told.target}", messages=(note,))
