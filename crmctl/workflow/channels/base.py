"""What every channel takes and gives.

A channel gets a `Parcel` and answers with an `Outcome`. It never raises for what a server does; what is not known to
have failed is ``unsure``, so that nobody takes silence for a refusal.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from crmctl.sources.errors import SourceError

State = Literal["sent", "later", "unsure", "failed", "unset"]
Asked = Literal["there", "absent", "later", "impossible"]
REPEAT = (
    "This may have reached you before: the connection broke off when it was sent the first time."
)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a letter is for: a member of the team, or a target of this machine (``name`` alone)."""

    name: str
    email: str = ""
    slack: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a letter says, in each form. ``blocks`` are Slack's, ``entries`` the messages for programs."""

    subject: str
    text: str
    html: str
    brief: str
    blocks: Sequence[Mapping[str, Any]]
    entries: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Parcel:
    """One sending. ``made`` is a time as ISO text, the same at every attempt.

    ``since`` is when it may have gone out first, in seconds since 1970; ``repeat`` marks it as a possible repeat.
    """

    key: str
    made: str
    to: Recipient
    sheet: Sheet
    since: float = 0.0
    repeat: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt.

    ``later``: refused for now, ``after`` that many seconds if the server said so. ``unsure``: it may have arrived.
    ``failed``: refused for good. ``unset``: this machine's settings do not do; that is no attempt. ``down``: the
    same would happen to every other letter of this channel now.
    """

    state: State
    text: str = ""
    after: float | None = None
    down: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A letter as it would go out: headers and text for people, the whole ``payload`` for programs."""

    to: str
    head: Sequence[tuple[str, str]]
    text: str
    payload: Mapping[str, Any] = field(default_factory=dict)


class Channel(Protocol):
    """One way out."""

    kind: str

    def send(self, parcel: Parcel) -> Outcome:
        """Try once."""
        ...

    def ask(self, parcel: Parcel) -> tuple[Asked, str]:
        """Whether an earlier attempt arrived, and what stood in the way of knowing."""
        ...

    def shown(self, parcel: Parcel) -> Shown:
        """What `send` would send, and to whom. Touches no network."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


def spoken(blocks: Sequence[Mapping[str, Any]]) -> str:
    """What Slack's blocks say, for people to read here."""
    lines: list[str] = []
    for block in blocks:
        texts = [block["text"]] if "text" in block else block.get("elements", ())
        lines += [html.unescape(each["text"]) for each in texts] or ["---"]
        lines.append("")
    return "\n".join(lines)


def cannot_ask(kind: str) -> tuple[Asked, str]:
    """What a channel without a memory answers."""
    return "impossible", f"{kind} cannot be asked whether it arrived"


def lost(error: SourceError, words: str) -> Outcome:
    """What a request without an answer means: `unsure`, unless it surely never left."""
    import httpx

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, (httpx.ConnectError, httpx.ConnectTimeout)):
            return Outcome("later", words, down=True)
        if isinstance(cause, httpx.TransportError):
            return Outcome("unsure", words, down=True)
        cause = cause.__context__
    return Outcome("unsure", words)
