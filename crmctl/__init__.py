"""crmctl: a team's customer knowledge as Markdown and YAML files in git."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crmctl.insight.aggregate import aggregate_customer_data as aggregate_customer_data

__version__ = "0.1.0"
__all__ = ["__version__", "aggregate_customer_data"]


def __getattr__(name: str) -> Any:
    """The Python entry, loaded when first asked for: every command imports this module."""
    if name == "aggregate_customer_data":
        from crmctl.insight.aggregate import aggregate_customer_data

        return aggregate_customer_data
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
