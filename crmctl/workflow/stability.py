"""When an episode may begin and when it is over: what keeps a swinging value from firing night after night."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from crmctl.workflow.durations import Days
from crmctl.workspace.source_settings import Strict

DWELL_DAYS = 7
COOLDOWN_DAYS = 7
CLEAR_DAYS = 1
MARGIN = 5.0

Margin = Annotated[float, Field(ge=0, le=100)]


class Defaults(Strict):
    """What holds for every workflow that says nothing else."""

    dwell: Annotated[Days, Field(description="an episode lasts at least so long")] = DWELL_DAYS
    cooldown: Annotated[Days, Field(description="after an episode the next one waits so long")] = (
        COOLDOWN_DAYS
    )
    clear_for: Annotated[
        Days, Field(description="an episode ends once its condition has been over for so long")
    ] = CLEAR_DAYS
    margin: Annotated[
        Margin,
        Field(
            description="points of a score or percentage points of a ratio beyond the threshold until it is over"
        ),
    ] = MARGIN


@dataclass(frozen=True, slots=True)
class Stability:
    """The rules of one workflow, in days; ``margin`` in points."""

    holds_for: int
    dwell: int
    cooldown: int
    clear_for: int
    margin: float
