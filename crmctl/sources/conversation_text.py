"""A recorded conversation as Markdown: what it was about, what was agreed, who said what.

All of it was written or said by somebody else. Each piece passes `crmctl.model.text.markdown`, so that it renders as
itself: of foreign Markdown only headings, lists and paragraphs are taken over, written anew by us.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from crmctl.model.text import markdown

INTERNAL, EXTERNAL, UNKNOWN = "internal", "external", "unknown"
NOBODY = "Unknown speaker"
_LONGEST = 1_000_000  # characters of a transcript worth keeping in a file that people read
_PARAGRAPH = 800  # characters of one speaker before a new paragraph
_HEADING = 120  # characters of a heading
_DEEPEST = 6  # levels of headings that Markdown has
_ITEM = re.compile(r"([ \t]*)(?:[-*+•]|([0-9]{1,9}[.)]))[ \t]+(\S.*)")
_STRONG = re.compile(r"\*\*([^*]+)\*\*")
_LINK = re.compile(r"\[([^\[\]]+)\]\((https?://[^\s()<>]+)\)")
_BEFORE = re.compile(r"(?:[0-9]{1,9}[.)] )?(?:\[[ xX]\]\s+)?")  # an item's number and its box
_STEPS = re.compile(
    r"\b(?:action (?:item|point)|next step|to-?do|follow[- ]?up)s?\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Said:
    """What one speaker said at a stretch. ``side`` is one of the constants, ``at`` seconds from the start."""

    speaker: str
    side: str
    at: int | None
    text: str


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of foreign Markdown: ``level`` of a heading (1 to 6) or a list item (0 is outermost)."""

    kind: str
    level: int
    text: str


def document(sections: Iterable[tuple[str, str]]) -> str:
    """Sections (heading, Markdown) below each other, empty ones left out."""
    return "\n\n".join(f"## {_short(title)}\n\n{body}" for title, body in sections if body)


def paragraphs(text: str) -> str:
    """Plain text as Markdown: each of its lines a paragraph."""
    return "\n\n".join(filter(None, map(markdown, text.splitlines())))


def bullets(items: Iterable[str]) -> str:
    """A list; items without text are left out."""
    return "\n".join(f"- {line}" for line in map(markdown, items) if line)


def rewritten(foreign: str) -> str:
    """Foreign Markdown as Markdown of our own, its headings below ours.

    Emphasis and the brackets of links go, so that the words stand there without signs that were meant for a renderer.
    """
    blocks: list[str] = []
    in_list = False
    for line in _lines(foreign):
        shown = markdown(_words(line.text))
        if not shown:
            continue
        if line.kind == "heading":
            blocks.append(f"{'#' * max(line.level, 3)} {_short(_words(line.text))}")
        elif line.kind == "item" and in_list:
            blocks[-1] += f"\n{'  ' * line.level}- {shown}"
        else:
            blocks.append(f"- {shown}" if line.kind == "item" else shown)
        in_list = line.kind == "item"
    return "\n\n".join(blocks)


def spoken(transcript: Iterable[Said]) -> str:
    """A transcript, one paragraph a turn: ``**Ines Okafor** (external, 13:25): We would rather pay per vehicle.``"""
    lines: list[str] = []
    size = 0
    for turn in _turns(transcript):
        text = markdown(turn.text)
        if not text:
            continue
        about = turn.side if turn.at is None else f"{turn.side}, {_clock(turn.at)}"
        line = f"**{_short(turn.speaker) or NOBODY}** ({about}): {text}"
        size += len(line)
        if size > _LONGEST:
            lines.append("*The rest is left out here: the transcript is too long for a file.*")
            break
        lines.append(line)
    return "\n\n".join(lines)


def is_steps(title: str) -> bool:
    """Whether a heading announces what is to be done."""
    return bool(_STEPS.search(title))


def steps_in(foreign: str) -> list[str]:
    """The list items below headings such as "Next steps" in foreign Markdown, each with the items it stands under."""
    found: list[str] = []
    above: list[str] = []
    wanted = False
    lines = list(_lines(foreign))
    for place, line in enumerate(lines):
        if line.kind == "heading":
            wanted, above = is_steps(line.text), []
        elif line.kind == "item" and wanted:
            text = _BEFORE.sub("", _words(line.text), count=1)
            above = [*above[: line.level], text]
            following = lines[place + 1] if place + 1 < len(lines) else None
            if following is None or following.kind != "item" or following.level <= line.level:
                found.append(": ".join(one.rstrip(": ") for one in above))
    return found


def step_id(conversation: str, step: str) -> str:
    """The id of one next step: the same for the same words, however they are spaced and capitalised."""
    words = " ".join(unicodedata.normalize("NFKC", step).casefold().split()).strip(" .,;:!-")
    return f"{conversation}-{sha256(words.encode('utf-8', 'replace')).hexdigest()[:8]}"


def _lines(foreign: str) -> Iterator[_Line]:
    """The lines that say something. An item is at most one level deeper than the one before it."""
    deepest = -1
    for line in foreign.splitlines():
        bare = line.strip()
        if not bare:
            continue
        title = bare.lstrip("#")
        level = len(bare) - len(title)
        if 1 <= level <= _DEEPEST and title[:1].isspace():
            deepest = -1
            yield _Line("heading", level, title.strip().rstrip("#").rstrip())
            continue
        match = _ITEM.match(line)
        if match is None:
            deepest = -1
            yield _Line("text", 0, bare)
            continue
        indent = len(match[1].replace("\t", "    "))
        deepest = min(deepest + 1, indent // 2)
        yield _Line("item", deepest, f"{match[2]} {match[3]}" if match[2] else match[3])


def _words(text: str) -> str:
    def shown(link: re.Match[str]) -> str:
        return link[2] if link[1] == link[2] else f"{link[1]} ({link[2]})"

    return _LINK.sub(shown, _STRONG.sub(r"\1", text))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return markdown(line if len(line) <= _HEADING else f"{line[: _HEADING - 1].rstrip()}…")


def _turns(transcript: Iterable[Said]) -> Iterator[Said]:
    """What one speaker said in several pieces, put together as far as it makes a paragraph."""
    held: Said | None = None
    pieces: list[str] = []
    size = 0
    for said in transcript:
        if held and (held.speaker, held.side) == (said.speaker, said.side) and size < _PARAGRAPH:
            pieces.append(said.text)
            size += len(said.text)
            continue
        if held:
            yield Said(held.speaker, held.side, held.at, " ".join(pieces))
        held, pieces, size = said, [said.text], len(said.text)
    if held:
        yield Said(held.speaker, held.side, held.at, " ".join(pieces))


def _clock(at: int) -> str:
    minutes, second = divmod(at, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"
