"""Credentials that got into a file: tokens of well-known shapes, private keys, and passwords next to their name.

What was found is never part of a message.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import log2

from crmctl.model.errors import Problem

_SHOWN_FROM = 6  # so many characters of a secret are worth hiding


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of credential. A text without any of ``hints`` cannot hold it, and they are quickly looked for."""

    name: str
    hints: tuple[bytes, ...]
    pattern: re.Pattern[str]


def _shape(name: str, hints: str, pattern: str) -> Shape:
    return Shape(name, tuple(hints.encode().split()), re.compile(pattern))


SHAPES = (
    _shape(
        "a private key",
        "PRIVATE",
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=\s]*",
    ),
    _shape("an AWS access key", "AKIA ASIA", r"\bA(?:KIA|SIA)[A-Z0-9]{16}\b"),
    _shape("a Slack token", "xox xapp-", r"\bx(?:ox[a-z]|app)-[A-Za-z0-9-]{10,}"),
    _shape(
        "a Slack webhook",
        "hooks.slack.com",
        r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9_/-]{20,}",
    ),
    _shape("a GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"\bgh[pousr]_[A-Za-z0-9]{30,}"),
    _shape("a GitHub token", "github_pat_", r"\bgithub_pat_[A-Za-z0-9_]{22,}"),
    _shape("a GitLab token", "glpat-", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    _shape("a Salesforce session", "00D", r"\b00D[A-Za-z0-9]{12,15}![A-Za-z0-9._]{20,}"),
    _shape(
        "a JSON web token",
        "eyJ",
        r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    ),
    _shape("a Google key", "AIza", r"\bAIza[A-Za-z0-9_-]{35}"),
    _shape("a Stripe key", "k_live_", r"\b[rs]k_live_[A-Za-z0-9]{16,}"),
    _shape("a Supabase key", "sb_secret_", r"\bsb_secret_[A-Za-z0-9_-]{20,}"),
    _shape("a login in an address", "://", r"://[^\s/?#:@]+:(?P<value>[^\s/?#@]+)@"),
)
_HINTS = tuple((hint, shape) for shape in SHAPES for hint in shape.hints)
# Each starts with plain letters and meets lower-cased bytes, which makes the search a quick one.
_NAMED = tuple(
    (word, re.compile(word + rb"[a-z_-]{0,20}[\"']?\s*[:=]\s*[\"']?([^\s\"',;}\]]{12,})"))
    for word in (b"passw", b"passphrase", b"secret", b"token", b"apikey", b"api_key", b"api-key")
)
# Places in a listing are called tokens too, and are none.
_CURSORS = (b"page", b"sync", b"next", b"delta")
_PLACEHOLDER = re.compile(r"[<${*]|\.\.\.|…|x{4}|example|changeme|placeholder", re.IGNORECASE)
# Words and dates stay below; random letters and digits of this length lie above.
_RANDOM_BITS = 3.3


def find(raw: bytes) -> list[tuple[int, str, str]]:
    """(line, what it is, the secret) of every credential in a file, by line."""
    found: dict[tuple[int, str], str] = {}
    for shape in dict.fromkeys(shape for hint, shape in _HINTS if hint in raw):
        text = raw.decode("utf-8", "replace")
        for match in shape.pattern.finditer(text):
            value = match.groupdict().get("value") or match[0]
            if not _PLACEHOLDER.match(value):
                found[text.count("\n", 0, match.start()) + 1, value] = shape.name
    lowered = raw.lower()
    for word, pattern in _NAMED:
        if word in lowered:
            for bare in pattern.finditer(lowered):
                value = raw[slice(*bare.span(1))].decode("utf-8", "replace")
                line = raw.count(b"\n", 0, bare.start()) + 1
                cursor = raw[: bare.start()][-8:].lower().rstrip(b"_-").endswith(_CURSORS)
                known = any(value in other or other in value for at, other in found if at == line)
                if not (cursor or known) and _is_random(value):
                    found[line, value] = "a password or key"
    return sorted((line, name, value) for (line, value), name in found.items())


def problems(path: str, found: list[tuple[int, str, str]]) -> Iterator[Problem]:
    """What to say about the result of `find`: one problem a line and kind."""
    for line, name in dict.fromkeys((line, name) for line, name, _ in found):
        message = (
            f"holds what looks like {name}; revoke it, then remove it here and from the history"
        )
        yield Problem(path, line, "", message, "secret")


def hide(message: str, values: Iterable[str]) -> str:
    """A message without any of the secrets, also where it quotes only the beginning of one."""
    for piece in (piece for value in values for piece in value.split()):
        for length in range(len(piece), _SHOWN_FROM - 1, -1):
            if piece[:length] in message:
                message = message.replace(piece[:length], "***")
                break
    return message


def _is_random(value: str) -> bool:
    if _PLACEHOLDER.search(value) or not (
        any(char.isdigit() for char in value) and any(char.isalpha() for char in value)
    ):
        return False
    counts = Counter(value).values()
    return -sum(n / len(value) * log2(n / len(value)) for n in counts) >= _RANDOM_BITS
