"""The part ``qualification:`` of ``weights.yaml``: how a deal's qualification is judged."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from crmctl.workspace.source_settings import Strict


class QualificationWeights(Strict):
    """How a deal's qualification is judged; levels run from 0 to 3."""

    components: Annotated[list[str], Field(min_length=1)]
    without_evidence: Annotated[int, Field(ge=0, le=3)]
    verdict: dict[str, Annotated[int, Field(ge=0)]]
