"""Who gets a workflow's work: one of the team, or who stands to the account in a certain way."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from crmctl.workflow.expression import Expression, parse
from crmctl.workflow.syntax import ExpressionError
from crmctl.workflow.vocabulary import check
from crmctl.workspace.source_settings import Strict

ACCOUNT_OWNER, MANAGER, LEAST_LOADED = "account_owner", "manager", "least_loaded"
ROLES = (ACCOUNT_OWNER, MANAGER, LEAST_LOADED)


class OwnerRule(Strict):
    """The first rule whose condition holds decides; one without a condition always holds."""

    to: Annotated[str, Field(min_length=0, description=f"an id of the team, or {', '.join(ROLES)}")]
    condition: Annotated[str, Field(alias="if", description="for which accounts")] = ""

    @field_validator("condition")
    @classmethod
    def _readable(cls, value: str) -> str:
        if value:
            try:
                check(parse(value))
            except ExpressionError as error:
                raise ValueError(str(error)) from None
        return value

    @property
    def is_role(self) -> bool:
        """Whether it names no person but how somebody stands to the account."""
        return self.to in ROLES

    @property
    def holds(self) -> Expression | None:
        """The condition, parsed."""
        return parse(self.condition) if self.condition else None
