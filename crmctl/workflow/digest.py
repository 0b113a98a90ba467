"""What a letter says: messages by account, the most pressing first, as text, as HTML and as blocks for Slack.

Everything that comes from files or systems passes the cleaner of its form here. Slack gets plain text only, escaped
all the same; mail gets HTML without a link or an image.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crmctl.model import text
from crmctl.workflow.channels.base import Sheet
from crmctl.workflow.digest_html import page

if TYPE_CHECKING:
    from crmctl.workflow.outbox import Message

WIDTH = 76
_ITEMS = 60  # messages told in full in a mail; the others by their subject, and from here on by their number
_SHORT = 300
_SLACK_BLOCKS = 46  # Slack takes 50
_SLACK_CHARACTERS = 9_000  # Slack refuses messages from about 13,000 on
_HEADER, _SECTION = 140, 2_500  # Slack takes 150 and 3,000
_NO_DAY = "9999-12-31"


@dataclass(frozen=True, slots=True)
class About:
    """What is known of an account when a letter is written; ``renewal`` is ISO text."""

    name: str
    stage: str = ""
    renewal: str = ""
    facts: str = ""

    @property
    def rank(self) -> tuple[bool, str]:
        """Who comes first: customers about to leave, then the nearest renewal."""
        return self.stage != "churn_risk", self.renewal or _NO_DAY


@dataclass(frozen=True, slots=True)
class Item:
    """One message of a group, without what stands above it already."""

    title: str
    lines: tuple[str, ...]
    urgent: bool


@dataclass(frozen=True, slots=True)
class Group:
    """All that there is to say of one account."""

    account: str
    name: str
    facts: str
    items: tuple[Item, ...]


def sheet(
    messages: Sequence[Message], accounts: Mapping[str, About], *, day: str = "", who: str = ""
) -> Sheet:
    """A letter of these messages. ``day`` makes it a digest of that day, for ``who``."""
    groups = grouped(messages, accounts)
    count = len(messages)
    if day:
        others = f" and {len(groups) - 1} more" if len(groups) > 1 else ""
        subject = f"{_count(count, 'message')}: {groups[0].name}{others} ({day})"
        if count == 1:
            subject = f"{messages[0].subject} ({day})"
        first_name = text.one_line(who, 80).partition(" ")[0]
        greeting = f"Hello {first_name}," if first_name else ""
    else:
        first = messages[0]
        subject, greeting = (f"Urgent: {first.subject}" if first.urgent else first.subject), ""
    subject = text.mail_header(subject)
    told, rest = _cut(groups, _ITEMS)
    lead = f"{_count(count, 'message')} on {_count(len(groups), 'account')}." if day else ""
    return Sheet(
        subject=subject,
        text=_plain(told, rest, greeting, lead),
        html=page(subject, told, rest, greeting, lead),
        brief=subject,
        blocks=_blocks(groups, subject),
        entries=[_entry(message) for message in messages],
    )


def grouped(messages: Sequence[Message], accounts: Mapping[str, About]) -> list[Group]:
    """By account: urgent ones first, then who is about to leave, then the nearest renewal, then the oldest."""
    found: dict[str, list[Message]] = {}
    for message in sorted(messages, key=lambda m: (not m.urgent, m.created, m.key)):
        found.setdefault(message.account, []).append(message)
    known = {slug: accounts.get(slug) or About(slug) for slug in found}
    order = sorted(
        found,
        key=lambda slug: (
            not any(message.urgent for message in found[slug]),
            *known[slug].rank,
            min(message.created for message in found[slug]),
            slug,
        ),
    )
    return [_group(slug, known[slug], found[slug]) for slug in order]


def _group(slug: str, about: About, messages: Sequence[Message]) -> Group:
    items = []
    for message in messages:
        title = text.one_line(message.subject, 160)
        for name in (about.name, slug):
            title = title.replace(f"{name}: ", "", 1)
        items.append(Item(title, _lines(message, title), message.urgent))
    name, facts = text.one_line(about.name, 120), text.one_line(about.facts, 200)
    return Group(text.one_line(slug, 120), name, facts, tuple(items))


def _lines(message: Message, title: str) -> tuple[str, ...]:
    """The body without the account's own lines, which stand above, and without the reason if it is the title."""
    lines = text.terminal(message.body, 4000).split("\n")
    for place, line in enumerate(lines):
        if f"(accounts/{message.account}/profile.md)" in line:
            del lines[place : place + 2]
            break
    kept = [
        line.rstrip()
        for line in lines
        if not line.startswith("Look: ")
        and not (line.startswith("Why: ") and line.removeprefix("Why: ") in title)
    ]
    found: list[str] = []
    for line in kept:
        if line or (found and found[-1]):
            found.append(line)
    while found and not found[-1]:
        found.pop()
    return tuple(found)


def _cut(groups: Sequence[Group], most: int) -> tuple[list[Group], list[tuple[str, str]]]:
    """The groups up to ``most`` items, and account and title of the items behind, the last of them counted."""
    told: list[Group] = []
    rest: list[tuple[str, str]] = []
    for group in groups:
        room = most - sum(len(one.items) for one in told)
        if room > 0:
            told.append(Group(group.account, group.name, group.facts, group.items[:room]))
        rest += [(group.name, item.title) for item in group.items[max(room, 0) :]]
    if len(rest) > _SHORT:
        rest = [*rest[:_SHORT], (f"and {len(rest) - _SHORT} more", "crmctl outbox")]
    return told, rest


# --- as text


def _plain(
    groups: Sequence[Group], rest: Sequence[tuple[str, str]], greeting: str, lead: str
) -> str:
    lines: list[str] = []
    if greeting:
        lines += [greeting, ""]
    if lead:
        lines += [lead, ""]
    for group in groups:
        lines += [group.name, "=" * min(len(group.name), WIDTH)]
        lines += [*_wrapped(group.facts), ""] if group.facts else [""]
        for item in group.items:
            lines += _wrapped(f"{'URGENT: ' if item.urgent else ''}{item.title}", "* ", "  ")
            lines += [each for line in item.lines for each in _wrapped(line, "  ", "  ")]
            lines.append("")
        lines += [f"Look: crmctl show {group.account}", ""]
    if rest:
        lines += ["And, in short:", ""]
        lines += [each for name, title in rest for each in _wrapped(f"{name}: {title}", "* ", "  ")]
        lines.append("")
    lines += ["-- ", "Sent by crmctl. What is sent, and when: crmctl outbox"]
    return "\n".join(lines) + "\n"


def _wrapped(line: str, first: str = "", following: str = "") -> list[str]:
    if not line:
        return [""]
    if line.startswith("- "):
        first, following, line = f"{first}- ", f"{following}  ", line[2:]
    return textwrap.wrap(
        line,
        WIDTH,
        initial_indent=first,
        subsequent_indent=following,
        break_on_hyphens=False,
        break_long_words=False,
    )


# --- as blocks


def _blocks(groups: Sequence[Group], subject: str) -> list[dict[str, Any]]:
    """Slack's blocks, as many as it takes; what is left is counted at the end."""
    blocks: list[dict[str, Any]] = [_head(subject)]
    used, told = len(subject), 0
    every = sum(len(group.items) for group in groups)
    for group in groups:
        opening = [{"type": "divider"}, _head(group.name)]
        opening += [_small(group.facts)] if group.facts else []
        for item in group.items:
            title = f"{'Urgent: ' if item.urgent else ''}{item.title}"
            section = _section("\n".join([title, *item.lines]))
            room = len(blocks) + len(opening) + 2 <= _SLACK_BLOCKS
            if not room or used + len(section["text"]["text"]) > _SLACK_CHARACTERS:
                left = f"and {every - told} more: crmctl outbox"
                return [*blocks, {"type": "divider"}, _small(left)]
            blocks += [*opening, section]
            used += len(section["text"]["text"]) + sum(map(_length, opening))
            told += 1
            opening = []
        blocks.append(_small(f"crmctl show {group.account}"))
    return blocks


def _length(block: Mapping[str, Any]) -> int:
    return len(str(block))


def _text(words: str, limit: int) -> dict[str, Any]:
    """Plain text for Slack. The limit holds for the escaped form."""
    clean = text.slack(text.terminal(words, limit))
    while len(clean) > limit:
        words = text.terminal(words, len(words) - (len(clean) - limit) // 5 - 1)
        clean = text.slack(words)
    return {"type": "plain_text", "text": clean or " ", "emoji": False}


def _head(words: str) -> dict[str, Any]:
    return {"type": "header", "text": _text(words, _HEADER)}


def _section(words: str) -> dict[str, Any]:
    return {"type": "section", "text": _text(words, _SECTION)}


def _small(words: str) -> dict[str, Any]:
    return {"type": "context", "elements": [_text(words, _SECTION)]}


# --- for programs


def _entry(message: Message) -> dict[str, Any]:
    return {
        "key": message.key,
        "account": message.account,
        "workflow": message.workflow,
        "episode": message.episode,
        "action": message.action,
        "subject": message.subject,
        "text": message.body,
        "created": message.created,
        "urgent": message.urgent,
    }


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
