"""One message, read from its bytes: who wrote to whom, when, in which thread, of what kind, and its text.

Whatever door it came through (IMAP, the Gmail API, Graph, a file), its bytes pass here.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from email.message import Message as Part
from email.parser import BytesParser
from email.policy import compat32
from hashlib import sha256
from typing import Literal

from crmctl.sources import mail_body
from crmctl.sources.mail_header import Address, addresses, ids, line, moment, own_id, unfolded

Kind = Literal["", "list", "bulk", "auto", "bounce", "calendar", "receipt"]
HEADERS = (
    "Message-ID In-Reply-To References From Sender To Cc Bcc Reply-To Subject Date List-Id List-Unsubscribe"
    " Precedence Auto-Submitted X-Autoreply X-Autorespond X-Failed-Recipients Content-Type"
).split()
"""What `parse_headers` looks at, for doors that can ask for single headers."""
MADE_UP = "sha256-"  # begins the id of a message that has none of its own
MOST_REFERENCES = (
    100  # ancestors kept of one message: the first, which names the thread, and the last
)

_FROM_LINE = re.compile(rb">?From [^\r\n]*\r?\n")
_NESTING = re.compile(rb"(?im)^content-type:[ \t]*(?:multipart|message)/")
_DEEPEST = 100  # parts with parts in them; the standard parser fails or takes minutes on many more
_PLAIN_ID = re.compile(r"[!-~]{1,200}")
_IMPORTED = dt.timedelta(
    days=2
)  # a mailbox that received a message so much later than its server got a copy
_ROBOTS = re.compile(
    r"(?:no-?_?reply|do-?_?not-?_?reply|mailer-daemon|postmaster|bounces?|notifications?)(?:[+._-].*)?@",
    re.IGNORECASE,
)
_DAEMONS = re.compile(r"(?:mailer-daemon|postmaster)@", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """What one message says.

    ``id`` is its Message-ID without angle brackets, or ``sha256-…`` where it has none that can be kept; `parse` gives
    the same one for the same message whatever the door, `parse_headers` too unless ``made_up`` (that one needs the
    beginning of the body as well). ``references`` are the ids of its ancestors, the oldest first. ``at`` is when it
    was received (UTC), ``date`` what its Date header says, both None if nothing says it. ``kind`` is "" for what a
    person wrote to a person. ``text`` is the whole text with quotes and signature, "" from `parse_headers`;
    ``attachments`` are names only; ``size`` is in bytes; ``list_id`` names the mailing list it came by.
    """

    id: str
    made_up: bool
    references: tuple[str, ...]
    senders: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    subject: str
    at: dt.datetime | None
    date: dt.datetime | None
    kind: Kind
    list_id: str = ""
    text: str = ""
    attachments: tuple[str, ...] = ()
    size: int = 0

    @property
    def root(self) -> str:
        """The id of the first message of its thread, as far as the message itself knows."""
        return self.references[0] if self.references else self.id

    @property
    def people(self) -> tuple[Address, ...]:
        """Everybody on it, senders first, each once."""
        return tuple({p.email: p for p in (*self.senders, *self.to, *self.cc)}.values())


def parse(raw: bytes, *, received: dt.datetime | None = None) -> Message:
    """A whole message. ``received`` is when the mailbox got it, if the door knows.

    ValueError if it is no message at all. One that is nested without end gives what its headers say.
    """
    raw = trimmed(raw)
    deep = sum(1 for _ in _NESTING.finditer(raw)) > _DEEPEST
    part = _parsed(raw, whole=not deep)
    body = mail_body.Body() if deep else mail_body.read(part)
    return _message(part, raw, received, body)


def parse_headers(raw: bytes, *, received: dt.datetime | None = None, size: int = 0) -> Message:
    """What the headers alone say; ``size`` is that of the whole message. ValueError as `parse`."""
    raw = trimmed(raw)
    top = header_part(raw)
    return _message(_parsed(top, whole=False), top, received, None, size or len(raw))


def is_plain(id: str) -> bool:
    """Whether an id is one that can be kept, and asked for, as it is."""
    return _PLAIN_ID.fullmatch(id) is not None


def trimmed(raw: bytes) -> bytes:
    """A message without what files put before it: a byte order mark, a ``From`` line of an mbox."""
    raw = raw.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    start = _FROM_LINE.match(raw, 0, 1000)
    return raw[start.end() :] if start else raw


def header_part(raw: bytes) -> bytes:
    """The headers of a message, without its body."""
    ends = [place for place in (raw.find(b"\n\n"), raw.find(b"\n\r\n")) if place >= 0]
    return raw[: min(ends) + 1] if ends else raw


def _parsed(raw: bytes, *, whole: bool) -> Part:
    try:
        part: Part = BytesParser(policy=compat32).parsebytes(raw, headersonly=not whole)
    except Exception as error:  # noqa: BLE001  hostile bytes make the standard parser raise nearly anything
        raise ValueError(f"cannot be read as a message ({type(error).__name__})") from None
    if not len(part):
        raise ValueError("cannot be read as a message (no headers)")
    return part


def _message(
    part: Part, raw: bytes, received: dt.datetime | None, body: mail_body.Body | None, size: int = 0
) -> Message:
    head = _Headers(part)
    senders = head.addresses("From") or head.addresses("Sender")
    stated = own_id(head.first("Message-ID"))
    subject = line(head.first("Subject"))
    # Only a whole message has an end of its own: where a door gave headers alone, the body is not part of the id.
    beginning = _beginning(raw) if body is not None else b""
    date = moment(head.first("Date"))
    return Message(
        id=_id(stated, head, beginning),
        made_up=not is_plain(stated),
        references=_references(head, stated),
        senders=senders,
        to=head.addresses("To") or head.addresses("Bcc"),
        cc=head.addresses("Cc"),
        subject=subject,
        at=_at(received, head, date),
        date=date,
        kind=_kind(head, senders, body),
        list_id=unfolded(head.first("List-Id")).rpartition("<")[2].rstrip("> "),
        text=body.text if body is not None else "",
        attachments=body.attachments if body is not None else (),
        size=size or len(raw),
    )


def _beginning(raw: bytes) -> bytes:
    """The first 4 KB of the body, the same however a file ends its lines."""
    place = len(header_part(raw))
    return raw[place : place + 20_000].replace(b"\r\n", b"\n").strip(b"\n")[:4096]


class _Headers:
    """The headers of a part by name, in any case, as they were sent."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self._found: dict[str, list[str]] = {}
        for name, value in part.raw_items():
            self._found.setdefault(name.lower(), []).append(str(value))

    def first(self, name: str) -> str:
        """The first header of that name, "" if there is none."""
        return next(iter(self._found.get(name.lower(), ())), "")

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._found

    def addresses(self, name: str) -> tuple[Address, ...]:
        return addresses(", ".join(map(unfolded, self._found.get(name.lower(), ()))))


def _id(stated: str, head: _Headers, beginning: bytes) -> str:
    if is_plain(stated):
        return stated
    if stated:
        return f"{MADE_UP}{sha256(stated.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}"
    told = "|".join(unfolded(head.first(name)) for name in ("From", "To", "Date", "Subject"))
    return f"{MADE_UP}{sha256(told.encode('utf-8', 'replace') + b'|' + beginning).hexdigest()[:32]}"


def _references(head: _Headers, own: str) -> tuple[str, ...]:
    found = ids(head.first("References")) or ids(head.first("In-Reply-To"))[:1]
    found = tuple(id for id in found if id != own)
    return found if len(found) <= MOST_REFERENCES else (found[0], *found[1 - MOST_REFERENCES :])


def _at(
    received: dt.datetime | None, head: _Headers, date: dt.datetime | None
) -> dt.datetime | None:
    """When it was received. A mailbox that was moved says when that was, so an earlier server's word counts more."""
    stamp = head.first("Received").rpartition(";")[2]
    told = (moment(stamp) if stamp else None) or date
    if received is None:
        return told
    received = received.astimezone(dt.UTC).replace(microsecond=0)
    return told if told is not None and received - told > _IMPORTED else received


def _kind(head: _Headers, senders: tuple[Address, ...], body: mail_body.Body | None) -> Kind:
    report = mail_body.parameter(head.part, "report-type").lower()
    if head.part.get_content_type() == "multipart/report" and report == "disposition-notification":
        return "receipt"
    daemon = any(_DAEMONS.match(sender.email) for sender in senders)
    if (
        head.part.get_content_type() == "multipart/report"
        or "X-Failed-Recipients" in head
        or daemon
    ):
        return "bounce"
    if head.part.get_content_type() == "text/calendar" or (body is not None and body.calendar):
        return "calendar"
    submitted = unfolded(head.first("Auto-Submitted")).lower().partition(";")[0].strip()
    precedence = unfolded(head.first("Precedence")).lower()
    if (
        submitted not in {"", "no"}
        or "X-Autoreply" in head
        or "X-Autorespond" in head
        or precedence == "auto_reply"
    ):
        return "auto"
    if any(_ROBOTS.match(sender.email) for sender in senders):
        return "auto"
    if "List-Id" in head:
        return "list"
    if precedence in {"bulk", "junk", "list"} or "List-Unsubscribe" in head:
        return "bulk"
    return ""
