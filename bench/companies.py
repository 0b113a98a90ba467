"""Companies of our own making, told of several times: who they are, and what two systems say of them.

Around each name stand those with which it is confused: subsidiaries and divisions on its domain, the same name under
another legal form or in another country, look-alikes, namesakes, firms that were renamed, names in other scripts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

ROOTS = (
    "Alder Freight", "Hollis & Vane", "Nordlicht Möbel", "Quillon", "Umber Oil", "Brightwater", "Tern Energy",
    "Maison Lavigne", "Castellan", "Orrin Steel", "Perle Kosmetik", "Saltmarsh", "Vinter Foods", "Kestrel Air",
    "Marble Arch Media", "Ormond", "Tidewell", "Zephyr Looms", "Ferro Lindqvist", "Granite Peak",
)  # fmt: skip
TOWNS = ("Leeds", "Oslo", "Porto", "Graz", "Lyon", "Turku", "Brno", "Cork", "Gdynia", "Basel")
RENAMED = (
    "Auralis",
    "Novento",
    "Corvane",
    "Lumeo",
    "Stratiq",
    "Verdane",
    "Polarix",
    "Zentaro",
    "Miravel",
    "Kandoro",
)


class Told(NamedTuple):
    """One company as one system tells of it; ``who`` is the same for one company, whoever tells."""

    who: str
    system: str
    fields: dict[str, Any]


def companies() -> list[Told]:
    """Everything both systems say, the same each time."""
    return [
        *(told for number, root in enumerate(ROOTS) for told in _family(number, root)),
        *_other_scripts(),
    ]


def _family(number: int, root: str) -> Iterator[Told]:
    word = "".join(char for char in root.casefold() if char.isascii() and char.isalpha())
    town, elsewhere = TOWNS[number % len(TOWNS)], TOWNS[(number + 3) % len(TOWNS)]
    domain, phone = f"{word}.example", f"+44 113 496 {number:04}"
    home = {"street": f"{number + 3} Mill Lane", "city": town, "country": "United Kingdom"}
    main = {"name": f"{root} Ltd", "domains": [domain], "phone": phone, **home}
    yield Told(f"{word}", "one", main)
    yield Told(
        f"{word}",
        "two",
        {"name": f"{root.upper()} LIMITED", "website": f"https://www.{domain}/shop"},
    )
    yield Told(
        f"{word}", "two", {"name": f"The {root} Company", "phone": f"0113 496 {number:04}", **home}
    )
    yield Told(
        f"{word}",
        "two",
        {"name": f"{root}, L.t.d.", "street": f"{number + 3}, Mill Ln.", "city": town},
    )
    yield Told(
        f"{word}",
        "two",
        {"name": RENAMED[number % 10] + f" {town}", "domains": [domain], "phone": phone},
    )
    yield from _group(word, root, domain, phone, town)
    yield from _strangers(word, root, elsewhere)


def _group(word: str, root: str, domain: str, phone: str, town: str) -> Iterator[Told]:
    """Other companies that share a domain, a house or a switchboard with it."""
    abroad = {"domains": [domain], "city": "Hamburg", "country": "DE"}
    yield Told(f"{word} gmbh", "one", {"name": f"{root} GmbH", **abroad, "phone": phone})
    yield Told(f"{word} gmbh", "two", {"name": f"{root} G.m.b.H.", **abroad, "country": "Germany"})
    yield Told(f"{word} uk", "one", {"name": f"{root} UK Ltd", "country": "UK"})
    yield Told(
        f"{word} uk",
        "two",
        {"name": f"{root} UK Ltd", "domains": [domain], "country": "United Kingdom"},
    )
    yield Told(
        f"{word} logistics", "one", {"name": f"{root} Logistics", "domains": [domain], "city": town}
    )
    yield Told(
        f"{word} holding",
        "two",
        {"name": f"{root} Holding plc", "domains": [domain], "phone": phone},
    )
    yield Told(f"{word} 2", "two", {"name": f"{root} 2 Ltd", "domains": [domain], "city": town})


def _strangers(word: str, root: str, town: str) -> Iterator[Told]:
    """Companies that only look or sound like it."""
    where = {"city": town, "country": "Ireland"}
    yield Told(
        f"{word} other",
        "one",
        {"name": f"{root} Ltd", "domains": [f"{word}-{town}.example".lower()], **where},
    )
    yield Told(
        f"{word} other",
        "two",
        {"name": f"{root} ({town}) Ltd", "domains": [f"{word}-{town}.example".lower()]},
    )
    yield Told(
        f"{word} twin",
        "two",
        {"name": f"{root} Ltd", "street": "1 Quay", "city": "Cardiff", "country": "GB"},
    )
    doubled = f"{root[:3]}{root[2]}{root[3:]}"
    yield Told(
        f"{word} typo", "two", {"name": f"{doubled} Ltd", "domains": [f"{word}s.example"], **where}
    )
    likeness = root.translate(str.maketrans("aeo", "аео"))
    yield Told(
        f"{word} glyph", "two", {"name": f"{likeness} Ltd", "domains": [f"{word}-pay.example"]}
    )
    yield Told(f"{word} cooperative", "one", {"name": f"{root} Cooperative", "country": "Ireland"})


def _other_scripts() -> Iterator[Told]:
    yield Told("romashka", "one", {"name": "Romashka", "domains": ["romashka.example"]})
    yield Told("romashka", "two", {"name": "ООО «Ромашка»", "website": "http://romashka.example"})
    yield Told("romashka ao", "two", {"name": "АО Ромашка", "city": "Tver"})
    yield Told("sakura", "one", {"name": "株式会社さくら商会", "domains": ["sakura.example"]})
    yield Told("sakura", "two", {"name": "さくら商会(株)", "domains": ["sakura.example"]})
    yield Told("sakura gk", "two", {"name": "さくら商会合同会社", "domains": ["sakura.example"]})
    # Two words that sound the same, and two names that lose everything on the way to Latin letters.
    yield Told("liming", "one", {"name": "黎明有限公司", "city": "上海"})
    yield Told("liming two", "two", {"name": "利明有限公司", "city": "上海"})
    yield Told("pine", "one", {"name": "🌲", "city": "Graz"})
    yield Told("palm", "two", {"name": "🌴", "city": "Graz"})
    yield Told("elia", "one", {"name": "Ελιά Α.Ε.", "domains": ["elia.example"]})
    yield Told("elia", "two", {"name": "Elia AE", "website": "elia.example"})
