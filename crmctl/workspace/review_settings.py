"""What reviews show and which the night prepares: the part ``reviews:`` of ``crmctl.yaml``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from crmctl.workspace.source_settings import Strict

Kind = Literal["account", "qbr", "ebr", "deal", "renewal", "handover"]
Prepared = Literal["account", "qbr", "ebr", "renewal", "handover"]
Count = Annotated[int, Field(ge=1, le=1000)]


class Reviews(Strict):
    """How long reviews are, how far they look back, and what a customer may see."""

    prepared: Annotated[
        tuple[Prepared, ...],
        Field(
            min_length=1,
            description="types that `crmctl nightly` writes: account, qbr, ebr, renewal, handover",
            strict=False,
        ),
    ] = ("account",)
    conversations: Annotated[Count, Field(description="conversations that are listed")] = 12
    tickets: Annotated[Count, Field(description="tickets that are listed")] = 12
    look_back_quarters: Annotated[
        int, Field(ge=1, le=40, description="quarters back that a risk is followed to its start")
    ] = 8
    health_quarters: Annotated[
        int, Field(ge=1, le=40, description="ends of past quarters that a renewal's trend shows")
    ] = 4
    notice_days: Annotated[
        int | None,
        Field(ge=0, le=3650, description="days before a renewal until which notice can be given"),
    ] = None
    renewal_words: Annotated[
        tuple[str, ...],
        Field(
            min_length=1,
            description="a deal whose type has one of these words renews the contract",
            strict=False,
        ),
    ] = ("renew",)
    customer_measures: Annotated[
        tuple[str, ...],
        Field(description="measures of usage that a customer version shows", strict=False),
    ] = (
        "active_users",
        "weekly_active",
        "sessions",
        "logins",
        "features_used",
        "features_available",
    )
