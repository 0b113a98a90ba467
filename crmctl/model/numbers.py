"""Numbers as people read them: rounded once, half up, at the very end."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

_CERTAIN = 99  # percent


def half_up(value: float | Decimal | str, digits: int = 0) -> str:
    """``value`` with ``digits`` decimals; half away from zero is rounded up, as people expect of 59.5."""
    step = Decimal(1).scaleb(-digits)
    rounded = Decimal(str(value)).quantize(step, ROUND_HALF_UP)
    return str(abs(rounded) if rounded.is_zero() else rounded)


def money(value: Any, currency: Any = "") -> str:
    """48,000 GBP: grouped, without decimals when there are none. What is no number comes back as text."""
    try:
        amount = Decimal(str(value))
    except ArithmeticError:
        return str(value)
    if not amount.is_finite():
        return str(value)
    whole = amount == amount.to_integral_value()
    shown = f"{amount:,.0f}" if whole else f"{amount:,.2f}"
    return f"{shown} {currency or ''}".strip()


def odds(share: float, digits: int = 0) -> str:
    """A probability from 0 to 1 in percent; nothing that has not happened is certain."""
    return f"over {_CERTAIN} %" if 100 * share > _CERTAIN else f"{half_up(100 * share, digits)} %"
