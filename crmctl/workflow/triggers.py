"""What starts a workflow, as ``trigger:`` says it: something that appears, something that changes, or a condition."""

from __future__ import annotations

import re
from dataclasses import dataclass

from crmctl.model.schema import FIELDS
from crmctl.workflow.expression import Expression, parse
from crmctl.workflow.syntax import ExpressionError, suggestion
from crmctl.workflow.vocabulary import check

PROFILE = "account"
# Where the records lie whose appearance is an event.
APPEARANCES = {
    "account_created": PROFILE,
    "contact_created": "contacts",
    "deal_created": "deals",
    "interaction_created": "interactions",
    "task_created": "tasks",
}
# Of a deal: the field that is watched, and the value that counts, or any.
DEAL_CHANGES = {
    "deal_stage_moved": ("stage", ""),
    "deal_won": ("status", "won"),
    "deal_lost": ("status", "lost"),
}
EVENTS = (*APPEARANCES, "stage_moved", *DEAL_CHANGES)
_CHANGED = re.compile(r"changed\(\s*([a-z][a-z0-9_]*)\s*\)\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Appearance:
    """A record that appears in a folder of an account."""

    event: str
    folder: str


@dataclass(frozen=True, slots=True)
class Change:
    """A field of the profile that takes another value."""

    event: str
    field: str


@dataclass(frozen=True, slots=True)
class DealChange:
    """A field of a deal that takes another value, or the one that counts."""

    event: str
    field: str
    value: str


Event = Appearance | Change | DealChange
Trigger = Event | Expression


def read(text: str) -> Trigger:
    """The trigger that a text names; ValueError says what is wrong with it."""
    words = text.strip()
    if words in APPEARANCES:
        return Appearance(words, APPEARANCES[words])
    if words == "stage_moved":
        return Change(words, "stage")
    if words in DEAL_CHANGES:
        return DealChange(words, *DEAL_CHANGES[words])
    if found := _CHANGED.match(words):
        field = FIELDS["account"].get(found[1])
        if field is None or field.kind == "map":
            hint = suggestion(found[1], FIELDS["account"])
            raise ValueError(f"{found[1]} is no field whose change can be seen{hint}")
        return Change(words, field.name)
    try:
        condition = parse(text)
        check(condition)
    except ExpressionError as error:
        hint = suggestion(words, [*EVENTS, "changed"]) if words.replace("_", "").isalnum() else ""
        raise ValueError(f"{error}{hint}") from None
    return condition
