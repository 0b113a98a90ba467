"""Where a company or a person is, part by part, and how well two such places agree. Pure functions, for suggestions."""

from __future__ import annotations

from typing import NamedTuple

from crmctl.model.record import Record
from crmctl.sync.identity import closeness, similar
from crmctl.workspace.names import name_key

# What a part weighs: streets tell most, states least.
_WEIGHTS = {"street": 3.0, "city": 2.0, "postcode": 2.0, "number": 1.0, "state": 0.5}
_WORDS = frozenset({"street", "city"})  # these are compared whatever the order of their words
_SHORT = {
    "ave": "avenue", "blvd": "boulevard", "cres": "crescent", "ct": "court", "dr": "drive", "hwy": "highway",
    "ln": "lane", "pl": "place", "rd": "road", "sq": "square", "st": "street", "str": "strasse",
}  # fmt: skip


class Place(NamedTuple):
    """The parts of an address in a form that can be compared, "" for what nobody states."""

    street: str = ""
    number: str = ""
    city: str = ""
    postcode: str = ""
    state: str = ""


NO_PLACE = Place()


class Agreement(NamedTuple):
    """How well two places agree, 0 to 1, over the parts that both have; ``weight`` is that of these parts.

    ``street`` is how alike the streets are, 0 where one has none.
    """

    score: float
    weight: float
    street: float


def place_of(record: Record) -> Place:
    """The place that a record states, of fields that an account has and a contact may have."""
    words = name_key(record.text("street")).split() if record.text("street") else []
    number = next((word for word in words if word[0].isdigit()), "")
    if number:
        words.remove(number)
    return Place(
        " ".join(map(_whole, words)),
        number,
        _key(record.text("city")),
        record.text("postcode").replace(" ", "").casefold(),
        _key(record.text("state")),
    )


def agreement(one: Place, other: Place) -> Agreement | None:
    """How well two places agree; None where they have no part in common."""
    weight = score = street = 0.0
    for part, worth in _WEIGHTS.items():
        a, b = getattr(one, part), getattr(other, part)
        if not a or not b:
            continue
        alike = similar(a, b) if part in _WORDS else closeness(a, b)
        if part == "street":
            street = alike
        weight += worth
        score += worth * alike
    return Agreement(score / weight, weight, street) if weight else None


def _key(text: str) -> str:
    return name_key(text) if text else ""


def _whole(word: str) -> str:
    """A word of a street without abbreviation: ``Hauptstr`` is Hauptstrasse."""
    if word.endswith("str") and len(word) > len("str") + 1:
        return f"{word}asse"
    return _SHORT.get(word, word)
