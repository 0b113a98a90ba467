"""``cadences:`` of ``workflows.yaml``: sequences of touches with one person, over days and channels.

crmctl writes to nobody. A touch is a task for one of us, with a draft beside it.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from crmctl.model.errors import CrmError
from crmctl.model.lifecycle import ALL_STEPS
from crmctl.workflow.durations import Days
from crmctl.workflow.expression import Expression, parse
from crmctl.workflow.syntax import ExpressionError, suggestion
from crmctl.workflow.vocabulary import check
from crmctl.workflow.wording import Wording
from crmctl.workspace import files
from crmctl.workspace.source_settings import Strict

PREFIX = "cadence:"
"""In front of a cadence's name, where episodes and tasks name the workflow that they belong to."""

Channel = Literal["email", "call", "linkedin", "meeting", "post"]
Stop = Literal["reply", "meeting", "stage", "left", "opted_out"]
CadenceName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
TITLES: dict[Channel, str] = {
    "email": "Write to {contact} at {account}",
    "call": "Call {contact} at {account}",
    "linkedin": "Write to {contact} at {account} on LinkedIn",
    "meeting": "Invite {contact} at {account} to a meeting",
    "post": "Send {contact} at {account} a letter",
}


def _condition(text: str) -> str:
    if text:
        try:
            check(parse(text))
        except ExpressionError as error:
            raise ValueError(str(error)) from None
    return text


def _step(text: str) -> str:
    if text and text not in ALL_STEPS:
        raise ValueError(f"is no step of the lifecycle; there are {', '.join(ALL_STEPS)}")
    return text


class Touch(Strict):
    """One touch: a task on one day."""

    day: Annotated[int, Field(ge=0, le=365, description="days after the start")]
    channel: Annotated[Channel, Field(description="how: email, call, linkedin, meeting or post")]
    title: Annotated[Wording | Literal[""], Field(description="the task's title")] = ""
    template: Annotated[
        str,
        Field(
            pattern=r"^([a-z][a-z0-9-]{0,59})?$",
            description="a draft is rendered from templates/<template>.md.j2",
        ),
    ] = ""
    checklist: Annotated[
        list[Wording], Field(max_length=20, description="what to think of, besides the usual")
    ] = []  # noqa: RUF012  pydantic copies it
    owner: Annotated[
        str,
        Field(description="who does it: an id of the team, manager, or whoever does the others"),
    ] = ""


class Cadence(Strict):
    """One cadence."""

    description: Annotated[str, Field(max_length=2000, description="what it is for")] = ""
    enabled: Annotated[bool, Field(description="false: nobody new is started")] = True
    purpose: Annotated[
        str,
        Field(pattern=r"^[a-z][a-z0-9_]*$", description="what consent is asked for, one word"),
    ] = "outreach"
    without_consent: Annotated[
        Literal["wait", "task"],
        Field(
            description="when nothing is recorded about the purpose: wait until it is, or make tasks that say so"
        ),
    ] = "wait"
    touches: Annotated[list[Touch], Field(min_length=1, max_length=20)]
    stop_on: Annotated[
        list[Stop],
        Field(description="what ends it: reply, meeting, stage; left and opted_out always do"),
    ] = ["reply", "meeting", "stage"]  # noqa: RUF012  pydantic copies it
    stop_when: Annotated[
        str, AfterValidator(_condition), Field(description="a condition that ends it too")
    ] = ""
    patience: Annotated[
        Days, Field(description="how long it listens for an answer to the last touch")
    ] = 14
    again_after: Annotated[
        Days, Field(description="how long a person is left alone before the next for the purpose")
    ] = 90
    owner: Annotated[
        str, Field(description="who does it: an id of the team; the account's owner by default")
    ] = ""
    step: Annotated[
        str, AfterValidator(_step), Field(description="lifecycle step its tasks belong to")
    ] = ""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        days = [touch.day for touch in self.touches]
        if days != sorted(days):
            raise ValueError("touches: a touch is earlier than the one above it")
        return self

    @cached_property
    def ends_when(self) -> Expression | None:
        """``stop_when``, parsed."""
        return parse(self.stop_when) if self.stop_when else None

    def before(self, number: int) -> list[int]:
        """The numbers of the touches of the last day before touch ``number``'s, from 1."""
        days = [touch.day for touch in self.touches]
        earlier = [day for day in days if day < days[number - 1]]
        return [n for n, day in enumerate(days, 1) if earlier and day == earlier[-1]]

    def gap(self, number: int) -> int:
        """Days between touch ``number`` and those before it; for the first its own day."""
        before = self.before(number)
        return self.touches[number - 1].day - (self.touches[before[0] - 1].day if before else 0)


def load(root: Path) -> dict[str, Cadence]:
    """The workspace's cadences by name; `ConfigError` if ``workflows.yaml`` is not valid."""
    from crmctl.workflow.definition import WORKFLOWS

    return _parsed(files.read(root, WORKFLOWS) or b"")


def named(cadences: dict[str, Cadence], name: str) -> Cadence:
    """One cadence; CrmError if there is none of that name."""
    if name not in cadences:
        hint = suggestion(name, cadences) or f"; there are: {', '.join(cadences) or 'none'}"
        raise CrmError(f"workflows.yaml: there is no cadence {name}{hint}")
    return cadences[name]


@lru_cache(maxsize=4)
def _parsed(raw: bytes) -> dict[str, Cadence]:
    from crmctl.workflow.definition import WORKFLOWS, Workflows
    from crmctl.workspace.config import parse_model

    return parse_model(raw, WORKFLOWS, Workflows).cadences
