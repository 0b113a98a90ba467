"""The types of review, for whom each is made, and the names of their files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from crmctl.model.errors import UsageError
from crmctl.workspace.review_settings import Kind, Prepared

if TYPE_CHECKING:
    from crmctl.render.quarter import Quarter

KINDS: Final[tuple[str, ...]] = get_args(Kind)
QUARTERLY: Final[tuple[str, ...]] = get_args(Prepared)
"""All but the deal's, which is made once a deal: ``reviews/<quarter>-<name>.md``."""
INTERNAL, CUSTOMER = "internal", "customer"
AUDIENCES: Final = (INTERNAL, CUSTOMER)
FOR_OURSELVES: Final = {
    "deal": "how a deal is qualified and won is nothing that a customer reads",
    "handover": "it tells a colleague about the customer's people",
}
"""Types without a customer version, and why."""
_NAMES = {"account": "account-review"}


def check(kind: str, audience: str) -> None:
    """UsageError for a type or an audience that there is not, or that do not go together."""
    if kind not in KINDS:
        raise UsageError(f"--type: found {kind!r}; allowed: {', '.join(KINDS)}")
    if audience not in AUDIENCES:
        raise UsageError(f"--audience: found {audience!r}; allowed: {', '.join(AUDIENCES)}")
    if audience == CUSTOMER and kind in FOR_OURSELVES:
        raise UsageError(
            f"a {kind} review has no customer version: {FOR_OURSELVES[kind]}; those that have one: "
            + ", ".join(each for each in KINDS if each not in FOR_OURSELVES)
        )


def document_name(kind: str, audience: str, quarter: Quarter) -> str:
    """The name of a quarter's review without its ending, such as ``2026-q4-qbr-customer``."""
    ending = f"-{CUSTOMER}" if audience == CUSTOMER else ""
    return f"{quarter.slug}-{_NAMES.get(kind, kind)}{ending}"


def template_name(kind: str, audience: str) -> str:
    """The template that a type is rendered from."""
    ending = f"-{CUSTOMER}" if audience == CUSTOMER else ""
    return ("review" if kind == "account" else kind) + ending
