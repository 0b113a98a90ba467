"""Contacts under other names, in whatever text they stand: for readers who are not to know who somebody is.

Who becomes which letter depends on nothing but the order of an account's contact files. So the same person has the same
pseudonym in every text of one state of the files, also where a colleague allows the real name meanwhile.

Names are found as they are written in the contact's file, by a person or a system: whole and in parts, in any case,
with or without accents. A nickname, or the name of somebody who has no contact file, cannot be known and stays; so does
what identifies without a name. All mail addresses but those of our own domains go, whoever they belong to.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Collection, Iterator
from functools import lru_cache
from itertools import count, product
from string import ascii_uppercase
from typing import TYPE_CHECKING

from crmctl.privacy.consent import may

if TYPE_CHECKING:
    from crmctl.model.record import Account, Record

PURPOSES = ("ai", "language_model")
"""Either purpose in a contact's ``consent`` allows the real name in what a language model reads."""
MAIL = "(mail address)"
PHONE = "(phone number)"
_PARTICLES = frozenset(
    "von van vom zu der den de del della da di do dos du la le las los el al bin ibn of the".split()
)
_PART = re.compile(r"[^\W\d_]{2,}")
_ADDRESS = re.compile(r"[\w.+%'-]{1,64}@([\w-]+(?:\.[\w-]+)+)")
_NUMBER = re.compile(r"\(?\+?\d[\d\s().\-/\u2010-\u2015]{4,24}\d")
_CUT = re.compile(r"([^\W_]+|\d[\d\s().\-/]*)…")
_TELLING = 6  # digits of a phone number that tell whose it is
_INTERNATIONAL = re.compile(r"\+\D{0,2}\d(?:\D{0,2}\d){7,14}\Z")
_SCRIPTS = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR")
"""Scripts that set no blank between words."""


class Pseudonyms:
    """The pseudonyms of one account. ``hidden`` are the contacts that appear under one, by id."""

    def __init__(
        self, account: Account, hidden: Collection[str], our_domains: Collection[str] = ()
    ) -> None:
        self.hidden = frozenset(hidden)
        self._ours = frozenset(domain.casefold() for domain in our_domains)
        contacts = [account.contacts[id] for id in sorted(self.hidden)]
        # A name that several people share stands for none of them, and goes as well.
        self._who: dict[str, set[str]] = {}
        for record in contacts:
            for term in _terms(record):
                self._who.setdefault(fold(term), set()).add(record.id)
        # Neither word nor letters of a pseudonym may be somebody's name.
        self._word = next(word for word in _calls() if fold(word) not in self._who)
        letters = (found for found in _letters() if fold(found) not in self._who)
        self._letters = dict(zip(sorted(account.contacts), letters, strict=False))
        self._names = {self.of(id): account.contacts[id].title for id in account.contacts}
        self._mine = re.compile(rf"\b{self._word} ([A-Z]+)\b")
        terms = sorted(self._who, key=lambda term: (-len(term), term))
        self._starts = {word for term in terms for word in _PART.findall(term)}
        self._pattern = re.compile("|".join(map(_bounded, terms))) if terms else None
        self._phones = {digits[-_TELLING:] for record in contacts for digits in _phones(record)}

    def of(self, id: str) -> str:
        """A contact's pseudonym: ``Person A``."""
        return f"{self._word} {self._letters[id]}"

    def text(self, text: str) -> str:
        """A text without the names, addresses and phone numbers of the hidden, and without anybody's address."""
        # What merely looks like one of our pseudonyms is none, and must not become a name later.
        clean = self._mine.sub(lambda found: found[0].lower(), _visible(text))
        clean = _ADDRESS.sub(self._address, clean)
        clean = _NUMBER.sub(self._number, clean)
        return self._named(_CUT.sub(self._beginning, clean))

    def back(self, text: str) -> str:
        """A text with the real names again, as it came back from a reader who knew only pseudonyms."""
        return self._mine.sub(lambda found: self._names.get(found[0], found[0]), text)

    def _named(self, text: str) -> str:
        if self._pattern is None:
            return text
        parts, last = [], 0
        for found in self._pattern.finditer(fold(text)):
            start, end = found.span()
            who = self._who[found[0]]
            name = " or ".join(self.of(id) for id in sorted(who))
            around = text[max(0, start - 1) : start] + text[end : end + 1]
            if "-" in around or "/" in around:  # part of a file's name
                name = name.lower().replace(" ", "-")
            parts += [text[last:start], name]
            last = end
        return "".join([*parts, text[last:]])

    def _beginning(self, found: re.Match[str]) -> str:
        """A word that an ellipsis cut short goes if it may be the beginning of a name or a number."""
        start = fold(found[1])
        named = any(term.startswith(start) for term in self._starts)
        return "…" if named or start[-1].isdigit() else found[0]

    def _address(self, found: re.Match[str]) -> str:
        return found[0] if found[1].casefold() in self._ours else MAIL

    def _number(self, found: re.Match[str]) -> str:
        digits = _digits(found[0])
        known = any(tail in digits for tail in self._phones)
        return PHONE if known or _INTERNATIONAL.match(found[0].lstrip("(")) else found[0]


def for_model(account: Account, today: dt.date, our_domains: Collection[str]) -> Pseudonyms:
    """Pseudonyms of those contacts who have not allowed a language model to read of them."""
    hidden = [
        id
        for id, record in account.contacts.items()
        if not any(may(record, purpose, today).allowed for purpose in PURPOSES)
    ]
    return Pseudonyms(account, hidden, our_domains)


def fold(text: str) -> str:
    """Text for comparing names: small letters without accents, one for each character, so that places stay."""
    return "".join(map(_fold, text))


@lru_cache(maxsize=4096)
def _fold(character: str) -> str:
    base, *marks = list(unicodedata.normalize("NFKD", character))
    if any(unicodedata.category(mark) != "Mn" for mark in marks):
        base = character  # its parts are more than a letter and accents
    small = base.lower()
    return small if len(small) == 1 else base


def _bounded(term: str) -> str:
    """A pattern for a whole word, or for any place where the script has no words."""
    if any(unicodedata.name(c, "").startswith(_SCRIPTS) for c in term):
        return re.escape(term)
    return rf"(?<![^\W_]){re.escape(term)}(?![^\W_])"


def _visible(text: str) -> str:
    """Text with its accents in one character each, and without characters that nobody sees."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(c for c in composed if unicodedata.category(c) != "Cf")


def _terms(record: Record) -> Iterator[str]:
    """What means this contact: the id, each stated name and its parts, addresses, the profile elsewhere."""
    yield record.id
    for block in (record.own, *record.systems.values()):
        name = _visible(str(block.get("name") or "")).strip()
        if name:
            yield name
        yield from (part for part in _PART.findall(name) if part.casefold() not in _PARTICLES)
        for address in (block.get("email"), *(block.get("emails") or ())):
            if address:
                yield str(address)
        profile = str(block.get("linkedin") or "").rstrip("/").rpartition("/")[2]
        if profile:
            yield profile


def _phones(record: Record) -> Iterator[str]:
    """The digits of each number, where they are enough to tell one from another."""
    for block in (record.own, *record.systems.values()):
        for name in ("phone", "mobile"):
            for part in re.split(r"[/;,|]|ext", str(block.get(name) or "")):
                digits = _digits(part)
                if len(digits) >= _TELLING:
                    yield digits


def _digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(c)) for c in text if c.isdecimal())


def _calls() -> Iterator[str]:
    yield from ("Person", "Contact", "Individual")
    yield from (f"Person{number}" for number in count())


def _letters() -> Iterator[str]:
    """A, B … Z, AA, AB …"""
    for length in count(1):
        yield from map("".join, product(ascii_uppercase, repeat=length))
