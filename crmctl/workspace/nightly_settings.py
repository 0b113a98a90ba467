"""When `crmctl nightly` does what: the part ``nightly:`` of ``crmctl.yaml``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from crmctl.workspace.source_settings import Strict

OFF = "off"
_DAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_FORM = rf"^(off|daily|weekly( on ({_DAYS}))?|(monthly|quarterly|yearly)( on ([1-9]|[12]\d|3[01]|last))?|cron .+)$"
When = Annotated[str, Field(pattern=_FORM)]
_HOW = "daily, weekly on friday, monthly on 15, quarterly, cron 0 7 * * 1-5, or off"


class Nightly(Strict):
    """Each step with the days on which it is due."""

    sync: Annotated[When, Field(description=f"read the live systems: {_HOW}")] = "daily"
    recalculate: Annotated[
        When, Field(description="forget what is remembered of the files and score all anew")
    ] = "monthly on 1"
    score: Annotated[When, Field(description="score all accounts")] = "daily"
    trends: Annotated[When, Field(description="tell each owner what moved in the week before")] = (
        "weekly on monday"
    )
    reviews: Annotated[
        When, Field(description="bring the quarter's account reviews up to date")
    ] = "monthly on 1"
    preparation: Annotated[
        When, Field(description="write the reviews of the quarter that ended, and tell the owners")
    ] = "quarterly"
    workflows: Annotated[When, Field(description="run the workflows")] = "daily"
    digests: Annotated[When, Field(description="deliver the messages that wait")] = "daily"
    stages: Annotated[
        tuple[str, ...],
        Field(description="lifecycle stages whose accounts are reviewed", strict=False),
    ] = ("customer", "churn_risk")
    usage_fall: Annotated[
        float,
        Field(gt=0, le=1, description="trends name a usage that fell by at least this share"),
    ] = 0.2
