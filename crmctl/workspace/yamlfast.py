"""The fast way in: plain YAML, proved plain by one regular expression, read by yaml-rs.

The expression is a grammar of what people and crmctl write every day: maps and lists to a fixed
depth and with fixed indents, simple words, quoted text without escapes, numbers, dates, literal
blocks, comments. Inside it the two parsers agree (a differential test holds them to it); whatever
is outside it is NotPlain and belongs to the guarded loader.
"""

from __future__ import annotations

import re
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_CHARS = 30_000  # even at two values in three characters, within the guarded loader's 20,000


class NotPlain(Exception):
    """The text is outside the plain grammar, or yaml-rs is not installed."""


def load_plain(text: str) -> Any:
    """The data of a plain text; NotPlain sends the caller to the guarded loader."""
    plain, loads = _tools()
    if (
        loads is None
        # Beside other threads yaml-rs 0.1 now and then brings the whole process down.
        or threading.current_thread() is not threading.main_thread()
        or len(text) > MAX_CHARS
        or not text.replace("\n", "").isprintable()
        or not plain(text)
    ):
        raise NotPlain
    try:
        return loads(text)
    except Exception:  # noqa: BLE001 - the guarded loader reads it again and names what is wrong
        raise NotPlain from None


@cache
def _tools() -> tuple[Callable[[str], object], Callable[[str], Any] | None]:
    """The matcher of the plain grammar, and yaml-rs where it is installed."""
    matches = re.compile(_grammar()).fullmatch
    try:
        from yaml_rs import loads
    except ImportError:
        return matches, None
    return matches, loads


def _many(pattern: str) -> str:
    return f"(?>(?:{pattern})*)"


def _some(pattern: str) -> str:
    return f"(?>(?:{pattern})+)"


def _maybe(pattern: str) -> str:
    return f"(?>(?:{pattern})?)"


def _grammar() -> str:
    """The plain grammar, over printable text and line feeds.

    Nothing repeated ever gives back what it took, so matching takes linear time: single characters by
    ``*+``, groups by ``(?>...)``, because possessive groups are broken before Python 3.11.5.
    """
    char = r"[^\n]"
    word = r"[^\n:#]"
    number = r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?"
    day = r"(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31"
    clock = "T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]{1,6})?Z"
    date = f"(?:19|20)[0-9][0-9]-(?:{day})(?:{clock})?"
    # yaml-rs takes quoted text for a date or a time when it looks like one.
    timeless = "(?! *[-+]?[0-9]+[-:])"
    double = rf'"{timeless}[^"\\\n]*+"'
    single = rf"'{timeless}[^'\n]*+'"
    bare = rf"[^\W\d_]{word}*+" + _many(f":(?=[A-Za-z0-9/]){word}*+")
    key = "(?![tTfFnN](?:rue|RUE|alse|ALSE|ull|ULL):)[A-Za-z_][A-Za-z0-9_-]*+:"

    inner = rf"(?:[^\W\d_][^\n:#,\[\]{{}}\"`|>%!*?]*+|{double}|{single}|{date}|{number})"
    in_list = _many(inner + r"(?:, (?!\])|(?=\]))")
    in_map = _many(key + " " + inner + r"(?:, (?!\})|(?=\}))")
    flow_list, flow_map = rf"\[{in_list}\]", rf"\{{{in_map}\}}"
    value = f"(?:{bare}|{double}|{date}|{number}|{flow_list}|{flow_map}|{single})"
    end = " *+" + _maybe(f"(?<= )#{char}*+") + "\n"
    gap = _many(" *+" + _maybe(f"#{char}*+") + "\n")

    def items(indent: int) -> str:
        return _some(f"{' ' * indent}- {value}{end}{gap}")

    def literal(indent: int) -> str:
        line = f"{' ' * indent} *+[^ \n]{char}*+\n"
        lines = line + _many(line + r"|\n")
        return rf" \|-?\n{timeless}(?! {{{indent + 1}}}){lines}(?! ++#)"

    def pairs(indent: int, deepest: int) -> str:
        below = [items(indent + 2)]
        if not indent:
            below.append(items(0))
        if indent < deepest:
            below.append(pairs(indent + 2, deepest))
        nested = _maybe(gap + f"(?:{'|'.join(below)})")
        entry = f"(?: ++{value}{end}|{literal(indent + 2)}|{end}{nested})"
        return _some(f"{' ' * indent}{key}{entry}{gap}")

    return gap + _maybe(pairs(0, 4))
