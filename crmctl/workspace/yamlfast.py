"""The fast way in: plain YAML, proved plain by one regular expression, read by yaml-rs.

The expression is a grammar of what people and crmctl write every day: maps and lists to a fixed
depth and with fixed indents, simple words, quoted text without escapes, numbers, dates, literal
blocks, comments. Inside it the two parsers agree (a differential test holds them to it); whatever
is outside it is NotPlain and belongs to the guarded loader.
"""

from __future__ import annotations

import re
import threading
from functools import cache, lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_CHARS = 30_000  # even at two values in three characters, within the guarded loader's 20,000


class NotPlain(Exception):
    """The text is outside the plain grammar, or yaml-rs is not installed."""


def load_plain(text: str) -> Any:
    """The data of a plain text; NotPlain sends the caller to the guarded loader."""
    _, loads = _tools()
    if (
        loads is None
        # Beside other threads yaml-rs 0.1 now and then brings the whole process down.
        or threading.current_thread() is not threading.main_thread()
        or not is_plain(text)
    ):
        raise NotPlain
    try:
        return loads(text)
    except Exception:  # noqa: BLE001 - the guarded loader reads it again and names what is wrong
        raise NotPlain from None


def start_of(text: str, key_path: Sequence[str | int]) -> int | None:
    """Where in a plain text the line of the key or list item at ``key_path`` is; None where there is none.

    It is the line of `crmctl.workspace.yamlio.start_of`, found without parsing; NotPlain where that cannot be done.
    In a plain text only the keys of one depth have just their indent before them: literal blocks and lists stand
    deeper, or begin with a hyphen.
    """
    start, end = 0, len(text)
    found: int | None = None
    for depth, step in enumerate(key_path):
        if found is not None:
            if (inside := _VALUE.match(text, found)) is None:
                raise NotPlain
            if inside[1]:
                # A list or a map on one line is for the parser, a word has nothing beneath it.
                if inside[1] in "[{":
                    raise NotPlain
                return None
            start = inside.end()
            after = _after(2 * (depth - 1)).search(text, start)
            end = after.start() if after else end
        if isinstance(step, int):
            if depth + 1 < len(key_path):
                raise NotPlain
            items = _ITEM.finditer(text, start, end) if depth and step >= 0 else iter(())
            return next((item.start() for item in islice(items, step, None)), None)
        found = _key(text, " " * (2 * depth) + step + ":", start, end)
        if found is None:
            return None
    return found


def _key(text: str, line: str, start: int, end: int) -> int | None:
    if text.startswith(line, start, end) and (not start or text[start - 1] == "\n"):
        return start
    at = text.find(f"\n{line}", max(start - 1, 0), end)
    return None if at < 0 else at + 1


@cache
def _after(indent: int) -> re.Pattern[str]:
    """A line that ends what stands beneath a key with this indent."""
    return re.compile(rf"^ {{0,{indent}}}[^ \n#-]", re.MULTILINE)


# Behind the key's name: the first character of its value, empty where that stands on the lines below.
_VALUE = re.compile(r" *[^\n:]*+: *([^ \n#]?)[^\n]*\n")
_ITEM = re.compile(r"^ *- ", re.MULTILINE)


@lru_cache(maxsize=64)
def is_plain(text: str) -> bool:
    """Whether the text is within the plain grammar."""
    plain, _ = _tools()
    return (
        len(text) <= MAX_CHARS and text.replace("\n", "").isprintable() and plain(text) is not None
    )


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
