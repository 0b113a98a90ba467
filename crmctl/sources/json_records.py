"""The records of a JSON file, each with the line it begins on.

Reads a list of records, an object with ``records``, and that object as ``result`` of a command.
A record that is not well formed in itself is reported; the others are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from crmctl.model.errors import CrmError
from crmctl.model.incoming import Rejected
from crmctl.model.text import one_line

_BLANK = re.compile(r"[ \t\r\n]*")
_DEEPEST = 20  # objects around the records


class _Duplicate(ValueError):
    pass


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _Duplicate(f'has the key "{twice[:60]}" twice; which one holds?')
    return result


# NaN and Infinity become decimals that no field accepts, so that only their own field is refused.
_STRICT = json.JSONDecoder(
    parse_float=Decimal, parse_constant=Decimal, object_pairs_hook=_distinct, strict=False
)
_LENIENT = json.JSONDecoder(parse_float=Decimal, parse_constant=Decimal, strict=False)


@dataclass(slots=True)
class Records:
    """What a JSON file holds: (line, record) pairs, and whether it says that more pages follow."""

    found: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    partial: bool = False


def parse(raw: bytes, name: str) -> Records:
    """The records in ``raw``; CrmError if the file is no JSON, or JSON without records."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CrmError(f"{one_line(name)} is not UTF-8 text: export it again as JSON") from None
    scanner = _Scanner(text, name)
    try:
        scanner.scan()
    except RecursionError:
        raise CrmError(f"{one_line(name)} is nested too deeply to be an export") from None
    except json.JSONDecodeError as error:
        sentence = f"{one_line(name)}:{error.lineno} is not JSON ({error.msg}): export it again"
        raise CrmError(sentence) from None
    except ValueError as error:
        raise CrmError(f"{one_line(name)} is not JSON ({one_line(str(error))})") from None
    if not scanner.has_list:
        raise CrmError(f"{one_line(name)} holds no list of records: is it an export?")
    return scanner.records


class _Scanner:
    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.records = Records()
        self.has_list = False
        self._line = 1
        self._counted = 0

    def scan(self) -> None:
        end = self._outer(self._skip(0), 0)
        end = self._skip(end)
        if end != len(self.text):
            raise json.JSONDecodeError("Extra data", self.text, end)

    def _outer(self, start: int, depth: int) -> int:
        opening = self.text[start : start + 1]
        if opening == "[":
            return self._list(start)
        if opening != "{" or depth == _DEEPEST:
            return self._value(start)[1]
        position = self._skip(start + 1)
        if self.text[position : position + 1] == "}":
            return position + 1
        while True:
            key, position = self._value(position)
            position = self._skip(position)
            if not isinstance(key, str) or self.text[position : position + 1] != ":":
                raise json.JSONDecodeError("Expecting a name and ':'", self.text, position)
            position = self._skip(position + 1)
            if key in {"records", "result"} and self.text[position : position + 1] in {"[", "{"}:
                position = self._outer(position, depth + 1)
            else:
                value, position = self._value(position)
                self.records.partial |= key == "done" and value is False
            position, last = self._next(position, "}")
            if last:
                return position

    def _list(self, start: int) -> int:
        self.has_list = True
        position = self._skip(start + 1)
        if self.text[position : position + 1] == "]":
            return position + 1
        while True:
            position, last = self._next(self._record(position), "]")
            if last:
                return position

    def _record(self, start: int) -> int:
        line = self._line_of(start)
        try:
            value, end = self._value(start, _STRICT)
        except _Duplicate as error:
            self.records.rejected.append(Rejected(f"{self.name}:{line}", str(error)))
            return self._value(start)[1]
        if isinstance(value, dict):
            self.records.found.append((line, value))
        else:
            self.records.rejected.append(Rejected(f"{self.name}:{line}", "is no record"))
        return end

    def _value(self, start: int, decoder: json.JSONDecoder = _LENIENT) -> tuple[Any, int]:
        return decoder.raw_decode(self.text, start)

    def _next(self, position: int, closing: str) -> tuple[int, bool]:
        """Behind the comma or the closing bracket, and whether it was the bracket."""
        position = self._skip(position)
        mark = self.text[position : position + 1]
        if mark not in {",", closing}:
            raise json.JSONDecodeError(f"Expecting ',' or '{closing}'", self.text, position)
        return self._skip(position + 1) if mark == "," else position + 1, mark == closing

    def _skip(self, position: int) -> int:
        match = _BLANK.match(self.text, position)
        return match.end() if match else position

    def _line_of(self, position: int) -> int:
        self._line += self.text.count("\n", self._counted, position)
        self._counted = position
        return self._line


def strings(value: Any) -> Iterator[str]:
    """The texts in a list, whatever else stands there."""
    return (
        (item for item in value if isinstance(item, str)) if isinstance(value, list) else iter(())
    )
