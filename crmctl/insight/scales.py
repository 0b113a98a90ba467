"""What the parts of ``weights.yaml`` have in common: kinds of numbers, curves, and named bands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import BeforeValidator, Field

from crmctl.insight.curves import Band, Boundary
from crmctl.insight.evidence import KEPT_DAYS
from crmctl.model.schema import FIELDS
from crmctl.workspace.source_settings import Strict

Weight = Annotated[float, Field(ge=0, le=1_000_000)]
Share = Annotated[float, Field(ge=0, le=1)]
Score = Annotated[float, Field(ge=0, le=100)]
Days = Annotated[int, Field(ge=1, le=KEPT_DAYS)]


def _pairs(value: object) -> object:
    """YAML knows lists only."""
    if not isinstance(value, list):
        return value
    return tuple(tuple(item) if isinstance(item, list) else item for item in value)


Curve = Annotated[tuple[tuple[float, float], ...], BeforeValidator(_pairs)]


class Scale(Strict):
    """Named bands and whether a score that equals a band's start belongs to it."""

    boundary: Boundary
    bands: Annotated[dict[str, Score], Field(min_length=1)]

    @property
    def steps(self) -> list[Band]:
        return [Band(name, start) for name, start in self.bands.items()]


def lint_scale(field: str, scale: Scale) -> Iterator[tuple[str, str]]:
    """Field and finding for bands that do not part the scores from 0 to 100."""
    starts = sorted(scale.bands.values())
    if starts[0] > 0:
        yield f"{field}.bands", "no band starts at 0"
    if len(set(starts)) < len(starts):
        yield f"{field}.bands", "two bands start at the same score, so one is never reached"
    if scale.boundary == "exclusive" and starts[-1] == 100:
        yield f"{field}.bands", "no score is above 100, so the highest band is never reached"


def account_field(name: str) -> None:
    """ValueError unless this is a field of an account."""
    if name not in FIELDS["account"]:
        raise ValueError(f"{name} is no field of an account")
