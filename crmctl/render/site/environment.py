"""The templates of the site: crmctl's own, not a team's. Every value that is put in is cleaned as text of a page.

Nobody but us writes these templates, so they need no sandbox; what they are given is from outside, so all of it goes
through the cleaner of pages, attributes included. Markup comes from `crmctl.render.site.charts` alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.compiler import CodeGenerator
from markupsafe import Markup

from crmctl import __version__
from crmctl.model import numbers, text
from crmctl.render.site.charts import meter

HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
ASSETS = {name: HERE / "assets" / name for name in ("site.css", "site.js")}
NONE = "–"
SHORT = 60  # characters of words, dates and numbers, which come again and again


def _cleaned(value: Any) -> str:
    """A value as it stands in a page; only markup stays as it is."""
    if isinstance(value, Markup):
        return value
    shown = "" if value is None else str(value)
    return _short(shown) if len(shown) < SHORT else text.html(shown)


_short = lru_cache(maxsize=4096)(text.html)


def score(value: Any, digits: int = 0) -> str:
    """A number rounded once, a dash where nobody knows it."""
    return NONE if value is None else numbers.half_up(round(float(value), 9), digits)


def percent(value: Any) -> str:
    """A share from 0 to 1 in percent."""
    return NONE if value is None else f"{score(100 * float(value))} %"


def chance(value: Any) -> str:
    """A probability in percent."""
    return NONE if value is None else numbers.odds(float(value))


def signed(value: Any) -> str:
    """A move with its sign, the minus as typographers write it."""
    if value is None:
        return NONE
    shown = score(abs(float(value)))
    return shown if shown == "0" else f"{'+' if value > 0 else '−'}{shown}"


def day(value: Any) -> str:
    """The date of a date or a time, or of either as ISO text."""
    return NONE if value in {None, ""} else str(value)[:10]


def words(value: Any) -> str:
    """A name of the program's as people write it."""
    return NONE if value in {None, ""} else str(value).replace("_", " ")


def money(value: Any, currency: Any = "") -> str:
    """An amount with its currency, a dash where there is none."""
    return NONE if value is None else numbers.money(value, currency)


def ago(value: Any, today: dt.date) -> str:
    """How far a day lies behind or ahead."""
    if value in {None, ""}:
        return ""
    days = (dt.date.fromisoformat(str(value)[:10]) - today).days
    if days == 0:
        return "today"
    count = f"{abs(days)} day{'' if abs(days) == 1 else 's'}"
    return f"in {count}" if days > 0 else f"{count} ago"


def one_line(value: Any, limit: int = 200) -> str:
    """Text on one line, cut with an ellipsis."""
    return text.one_line("" if value is None else str(value), limit)


class _Generator(CodeGenerator):
    """What is put in goes through `_cleaned`, whatever a template says of escaping, and nothing goes through twice."""

    def _output_child_pre(self, node: Any, frame: Any, finalize: Any) -> None:  # noqa: ARG002
        self.write(finalize.src)

    def _output_child_post(self, node: Any, frame: Any, finalize: Any) -> None:  # noqa: ARG002
        self.write(")")


class _Pages(Environment):
    """Looks into a map first: nearly all that templates are given are maps, and a page asks a thousand times."""

    code_generator_class = _Generator

    def getattr(self, obj: Any, attribute: str) -> Any:
        """``obj.attribute``."""
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    env = _Pages(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_cleaned,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    for name in (score, percent, chance, signed, day, words, money, ago, one_line):
        env.filters[name.__name__] = name
    env.globals["meter"] = meter
    return env


def render(name: str, context: Mapping[str, Any]) -> bytes:
    """A page."""
    return _environment().get_template(f"{name}.html").render(context).encode()


@lru_cache(maxsize=1)
def digest() -> str:
    """Of all that decides how pages look, so that another version of crmctl makes them anew."""
    found = blake2b(__version__.encode(), digest_size=16)
    for path in sorted((*HERE.rglob("*.py"), *TEMPLATES.iterdir(), *ASSETS.values())):
        found.update(path.read_bytes())
    return found.hexdigest()
