"""Names and places: what a record's file is called and where in the workspace it lies.

Every path here is POSIX and relative to the workspace. A name holds only ``a-z``, ``0-9`` and
``-``, so no name can leave its folder, meet another on a file system that ignores case, or be
taken for an option. This module alone decides where contact files live.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from datetime import date
from typing import TYPE_CHECKING, Final, Literal

from crmctl.model.errors import CrmError
from crmctl.model.text import one_line

if TYPE_CHECKING:
    import random

ACCOUNTS: Final = "accounts"
DOCUMENTS: Final = ("onboarding", "relationship-map")

Kind = Literal[
    "account",
    "contact",
    "deal",
    "interaction",
    "traffic",
    "task",
    "health",
    "review",
    "plan",
    "document",
    "episodes",
    "measures",
    "state",
]

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_NAME_LIMIT = 120  # with a date, a channel and a temporary suffix still under 255 bytes
_RESERVED = frozenset(
    [
        "con",
        "prn",
        "aux",
        "nul",
        *(f"{port}{n}" for port in ("com", "lpt") for n in range(10)),
    ]
)
_SHORT_ID_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_TRANSLITERATED = 1_000  # characters of a name that can matter for sixty of a slug

_RECORD = re.compile(r"accounts/([^/]+)/(?:([^/]+)/)?([^/.]+)\.(md|jsonl|csv|yaml)")
_FOLDERS: dict[str, Kind] = {
    "contacts": "contact",
    "deals": "deal",
    "interactions": "interaction",
    "tasks": "task",
    "plans": "plan",
    "reviews": "review",
    "documents": "document",
}
_FILES: dict[str, Kind] = {"profile": "account", "health": "health"}


def slug(text: str, *, fallback: str = "record", limit: int = 60) -> str:
    """A file name for ``text``: transliterated, never empty, at most ``limit`` characters.

    A name that loses everything becomes ``fallback`` and six hex digits of its SHA-256; one that
    Windows reserves gets ``fallback`` in front. Different texts may share a slug: see `unique`.
    """
    from slugify import slugify

    text = unicodedata.normalize("NFKC", text)
    # The backend is named: the default one differs between machines.
    name = slugify(
        text[:_TRANSLITERATED],
        entities=False,
        decimal=False,
        hexadecimal=False,
        max_length=limit,
        backend="text-unidecode",
    )
    if not name:
        return f"{fallback}-{_digest(text)[:6]}"
    return f"{fallback}-{name}" if name in _RESERVED else name


def unique(base: str, taken: Container[str], key: str) -> str:
    """``base`` if it is free, else ``base`` and as many hex digits of ``key``'s hash as it takes.

    ``taken`` holds the case-folded names in use (slugs are). The outcome depends on the set of
    names, not on its order; a caller that names several records takes them in order of their key.
    """
    base = base.casefold()
    if base not in taken:
        return base
    digest = _digest(key)
    for digits in range(4, len(digest) + 1):
        name = f"{base}-{digest[:digits]}"
        if name not in taken:
            return name
    raise CrmError(f"every name for {one_line(key)} under {base} is taken: give it another name")


def id_slug(external_id: str) -> str:
    """A file name for a system's identifier: itself if it is a name already, else slug and hash.

    Two identifiers never share one, also where they differ only in case or punctuation.
    """
    if is_slug(external_id) and len(external_id) <= 60:
        return external_id
    return f"{slug(external_id, fallback='id', limit=40)}-{_digest(external_id)[:10]}"


def short_id(rng: random.Random) -> str:
    """Four random letters or digits without look-alikes, for the names of what people create."""
    return "".join(rng.choices(_SHORT_ID_LETTERS, k=4))


def is_slug(name: str) -> bool:
    """Whether ``name`` can be the name of a file or folder of ours."""
    return len(name) <= _NAME_LIMIT and _NAME.fullmatch(name) is not None and name not in _RESERVED


def check_slug(name: str) -> str:
    """``name`` itself; CrmError if it cannot be the name of a file or folder of ours."""
    if is_slug(name):
        return name
    raise CrmError(
        f'"{one_line(name, 80)}" cannot be a file name here: use a-z, 0-9 and inner hyphens, at '
        f"most {_NAME_LIMIT} characters and no name that Windows reserves"
    )


def profile(account: str) -> str:
    """The company's file."""
    return f"{_account(account)}/profile.md"


def contact(account: str, person: str) -> str:
    """One person's file."""
    return f"{_account(account)}/contacts/{check_slug(person)}.md"


def deal(account: str, deal: str) -> str:
    """One opportunity's file."""
    return f"{_account(account)}/deals/{check_slug(deal)}.md"


def interaction(account: str, when: date, channel: str, id: str) -> str:
    """The file of one call, meeting or note."""
    name = f"{_day(when)}-{check_slug(channel)}-{check_slug(id)}"
    return f"{_account(account)}/interactions/{check_slug(name)}.md"


def traffic(account: str, year: int | Literal["undated"]) -> str:
    """The file of a year's synced mail and chat."""
    name = year if isinstance(year, str) else f"{year:04d}"
    return f"{_account(account)}/interactions/{check_slug(name)}.jsonl"


def task(account: str, due: date, slug: str, id: str) -> str:
    """The file of one task."""
    name = f"{_day(due)}-{check_slug(slug)}-{check_slug(id)}"
    return f"{_account(account)}/tasks/{check_slug(name)}.md"


def health(account: str) -> str:
    """The computed health of an account."""
    return f"{_account(account)}/health.md"


def review(account: str, name: str) -> str:
    """A rendered review."""
    return f"{_account(account)}/reviews/{check_slug(name)}.md"


def plan(account: str, name: str) -> str:
    """A rendered plan."""
    return f"{_account(account)}/plans/{check_slug(name)}.md"


def document(account: str, name: str) -> str:
    """A rendered document that an account has one of; ``name`` is one of `DOCUMENTS`."""
    if name not in DOCUMENTS:
        raise CrmError(f'"{one_line(name, 80)}" is no document: use {" or ".join(DOCUMENTS)}')
    return f"{_account(account)}/{name}.md"


def episodes(account: str) -> str:
    """On which occasions workflows fired for an account, and what they did."""
    return f"{_account(account)}/episodes.jsonl"


def measures(day: date) -> str:
    """What was measured on one day, all accounts."""
    return f"{ACCOUNTS}/_measures/{_day(day)}.csv"


def state(source: str) -> str:
    """How far one source has been read."""
    return f"{ACCOUNTS}/_state/{check_slug(source)}.yaml"


def kind_of(path: str) -> tuple[Kind, str, str] | None:
    """The kind, account and id that a path stands for; None for a file in the wrong place.

    The id is the file's name without its ending, for a profile (kind ``account``), a health and
    an episodes file the folder's.
    Measures and states have no account: theirs is "".
    """
    match = _RECORD.fullmatch(path)
    if match is None:
        return None
    account, folder, name, ending = match.groups()
    if account.startswith("_"):
        return _kind_of_shared(account, folder, name, ending)
    if not (is_slug(account) and is_slug(name)):
        return None
    if ending == "jsonl":
        if folder is None and name == "episodes":
            return "episodes", account, account
        is_traffic = folder == "interactions" and (name == "undated" or _is_year(name))
        return ("traffic", account, name) if is_traffic else None
    if ending != "md":
        return None
    if folder is None:
        if name in DOCUMENTS:
            return "document", account, name
        return (_FILES[name], account, account) if name in _FILES else None
    if folder in ("interactions", "tasks") and not _is_dated(name):
        return None
    return (_FOLDERS[folder], account, name) if folder in _FOLDERS else None


def _kind_of_shared(
    place: str, folder: str | None, name: str, ending: str
) -> tuple[Kind, str, str] | None:
    if folder is None and place == "_measures" and ending == "csv" and _is_day(name):
        return "measures", "", name
    if folder is None and place == "_state" and ending == "yaml" and is_slug(name):
        return "state", "", name
    return None


def _account(account: str) -> str:
    return f"{ACCOUNTS}/{check_slug(account)}"


def _day(when: date) -> str:
    # A datetime is a date too, but its ISO form has a time in it.
    return date(when.year, when.month, when.day).isoformat()


def _is_year(text: str) -> bool:
    return len(text) == 4 and text.isascii() and text.isdigit()


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_dated(name: str) -> bool:
    return _is_day(name[:10]) and name[10:11] == "-" and "-" in name[11:]


def _digest(text: str) -> str:
    from hashlib import sha256

    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
