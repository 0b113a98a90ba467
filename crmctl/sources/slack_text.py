"""Text as Slack stores it, turned into what a person reads: mentions by name, links with their address."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

_TOKEN = re.compile(r"<((?:[@#!]|[a-z][a-z0-9+.-]{0,30}:)[^<>\n]*)>", re.IGNORECASE)
_ESCAPED = re.compile(r"&(amp|lt|gt);")
_CHARACTERS = {"amp": "&", "lt": "<", "gt": ">"}
_MENTION = re.compile(r"<@([UW][A-Z0-9]+)")
# Links in exports carry a token that opens the file.
_LINK_TOKEN = re.compile(r"([?&])t=xox[a-z]{0,2}-[\w%.-]*(&?)")
_SCHEMES = re.compile(r"(https?://|mailto:|tel:)", re.IGNORECASE)
_DEEPEST = 8  # levels of blocks in blocks
_ELLIPSIS = "…"


class Names(NamedTuple):
    """How people and channels are called, by their ids; "" for one that is not known."""

    user: Callable[[str], str]
    channel: Callable[[str], str]


NO_NAMES = Names(lambda _id: "", lambda _id: "")


def plain(raw: str, names: Names = NO_NAMES) -> str:
    """What a message says. Only ``&``, ``<`` and ``>`` come escaped; what is written ``<…>`` means something."""
    parts: list[str] = []
    end = 0
    for token in _TOKEN.finditer(raw):
        parts += (_unescaped(raw[end : token.start()]), _unescaped(_said(token[1], names)))
        end = token.end()
    parts.append(_unescaped(raw[end:]))
    return without_tokens("".join(parts))


def mentions(raw: str) -> set[str]:
    """The ids of the people that a text mentions."""
    return set(_MENTION.findall(raw))


def without_tokens(text: str) -> str:
    """Text with its links, but without the tokens that open what they lead to."""
    if "t=xox" not in text:
        return text
    return _LINK_TOKEN.sub(lambda found: found[1] if found[2] else "", text)


def cut(text: str, limit: int) -> str:
    """Text of at most ``limit`` characters."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + _ELLIPSIS


def words(message: Mapping[str, Any], names: Names, *, by_app: bool) -> str:
    """All that a message says, with the names of its files.

    What apps post stands in attachments and blocks; those of people are previews of their links.
    """
    text = message.get("text")
    found = [plain(text, names) if isinstance(text, str) else ""]
    if by_app or not found[0].strip():
        found += _attached(message.get("attachments"), names)
    if not any(part.strip() for part in found):
        found += [plain(part, names) for part in _in_blocks(message.get("blocks"), 0)]
    found += [f"(file: {name})" for name in _files(message)]
    return "\n".join(dict.fromkeys(part.strip() for part in found if part.strip()))


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: _CHARACTERS[found[1]], text)


def _said(token: str, names: Names) -> str:
    """What stands for a token, still escaped."""
    target, _, label = token.partition("|")
    kind, rest = target[:1], target[1:]
    if kind == "@":
        return f"@{_escaped(names.user(rest)) or label.removeprefix('@') or rest}"
    if kind == "#":
        return f"#{label or _escaped(names.channel(rest)) or rest}"
    if kind == "!":
        return _special(rest, label)
    address = re.sub(r"\A(mailto|tel):", "", target, flags=re.IGNORECASE)
    bare = _SCHEMES.sub("", target, count=1).rstrip("/")
    if not label or label in {target, address} or label.rstrip("/") == bare:
        return label or address
    return f"{label} ({address})"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _special(word: str, label: str) -> str:
    """``here``, ``date^1772528400^{date}`` and the like, with what is to stand for it where it cannot be shown."""
    name, _, rest = word.partition("^")
    if name == "subteam":
        return f"@{label.removeprefix('@') or rest}"
    if name == "date":
        return label or rest.partition("^")[2].partition("^")[0] or rest
    return label if label.startswith("@") else f"@{label or name}"


def _attached(attachments: Any, names: Names) -> Iterator[str]:
    for attachment in attachments if isinstance(attachments, list) else ():
        if not isinstance(attachment, Mapping):
            continue
        texts = [attachment.get(name) for name in ("pretext", "title", "text")]
        said = [text for text in texts if isinstance(text, str) and text.strip()]
        fallback = attachment.get("fallback")
        if not said and isinstance(fallback, str):
            said = [fallback]
        if not said:
            said = list(_in_blocks(attachment.get("blocks"), 0))
        yield from (plain(text, names) for text in said)


def _in_blocks(blocks: Any, depth: int) -> Iterator[str]:
    """The texts of blocks, wherever each kind of block keeps them; a line each."""
    for block in blocks if isinstance(blocks, list) and depth < _DEEPEST else ():
        if not isinstance(block, Mapping):
            continue
        if block.get("type") == "rich_text_section":
            yield "".join(_inline(block.get("elements")))
            continue
        text = block.get("text")
        if isinstance(text, Mapping):
            text = text.get("text")
        if isinstance(text, str):
            yield text
        for key in ("fields", "elements"):
            yield from _in_blocks(block.get(key), depth + 1)


def _inline(elements: Any) -> Iterator[str]:
    """The pieces of one line of rich text, in the form that `plain` reads."""
    for element in elements if isinstance(elements, list) else ():
        if not isinstance(element, Mapping):
            continue
        kind, text = element.get("type"), element.get("text")
        shown = _escaped(text) if isinstance(text, str) else ""
        if kind == "user":
            yield f"<@{element.get('user_id')}>"
        elif kind == "channel":
            yield f"<#{element.get('channel_id')}>"
        elif kind == "link":
            yield f"<{_escaped(str(element.get('url')))}{'|' if shown else ''}{shown}>"
        elif kind == "emoji":
            yield f":{element.get('name')}:"
        else:
            yield shown


def _files(message: Mapping[str, Any]) -> Iterator[str]:
    """The names of a message's files; an older message has only one, in a place of its own."""
    files = message.get("files")
    for file in files if isinstance(files, list) else [message.get("file")]:
        if not isinstance(file, Mapping) or file.get("mode") == "tombstone":
            continue
        name = file.get("name") or file.get("title")
        if isinstance(name, str) and name.strip():
            yield without_tokens(" ".join(name.split()))
