"""The text of a message, chosen among its parts, and what else is in it by name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message as Part
from email.utils import collapse_rfc2231_value

from crmctl.sources.mail_charset import decoded
from crmctl.sources.mail_header import line
from crmctl.sources.mail_html import html_to_text

_STUB = 200  # characters of a plain text that may only say that there is HTML
_LONGEST = 1 << 20  # bytes of one text part worth reading
_SEPARATORS = re.compile(r"[/\\]")


@dataclass(frozen=True, slots=True)
class Body:
    """``text`` with quotes and signature, the names of the ``attachments``, and whether it is a ``calendar`` entry."""

    text: str = ""
    attachments: tuple[str, ...] = ()
    calendar: bool = False


def read(part: Part) -> Body:
    """The body of a parsed message. ValueError if its parts cannot be read."""
    found = _Reading()
    try:
        text = found.text(part)
    except ValueError:
        raise
    except Exception as error:  # noqa: BLE001  hostile parts make the standard library raise nearly anything
        raise ValueError(f"cannot be read as a message ({type(error).__name__})") from None
    return Body(text.strip("\n"), tuple(found.attachments), found.calendar)


def parameter(part: Part, name: str) -> str:
    """A parameter of the content type, "" if there is none or it cannot be read."""
    try:
        return collapse_rfc2231_value(part.get_param(name) or "").strip()
    except (ValueError, TypeError, LookupError):
        return ""


class _Reading:
    def __init__(self) -> None:
        self.attachments: list[str] = []
        self.calendar = False

    def text(self, part: Part, *, choice: bool = False) -> str:
        """The text of a part; ``choice``: it is one of several forms of the same."""
        kind = part.get_content_type()
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart":
            # Without a boundary it has no parts, and what it holds is nothing to read.
            children = payload if isinstance(payload, list) else []
            return self._multipart(kind, [child for child in children if isinstance(child, Part)])
        if kind == "text/calendar" and choice:
            self.calendar = True
            return ""
        if _attached(part) or kind not in {"text/plain", "text/html"}:
            self.attachments.append(_name(part))
            return ""
        raw = part.get_payload(decode=True)
        data = raw[:_LONGEST] if isinstance(raw, bytes) else b""
        text = decoded(data, parameter(part, "charset")).replace("\r\n", "\n").replace("\r", "\n")
        if kind == "text/html":
            return html_to_text(text)
        if parameter(part, "format").lower() == "flowed":
            return unwrapped(text, joined=parameter(part, "delsp").lower() == "yes")
        return text

    def _multipart(self, kind: str, children: list[Part]) -> str:
        if kind == "multipart/encrypted":
            return ""
        if kind == "multipart/alternative":
            return self._alternative(children)
        if kind in {"multipart/related", "multipart/report", "multipart/signed"}:
            texts = [self.text(child) for child in children[:1]]
            self.attachments += [_name(child) for child in children[1:] if _attached(child)]
        else:
            texts = [self.text(child) for child in children]
        return "\n\n".join(text.strip("\n") for text in texts if text.strip())

    def _alternative(self, children: list[Part]) -> str:
        """Plain text, unless it is only a stub of what stands in the HTML."""
        plain = rich = ""
        for child in children:
            text = self.text(child, choice=True)
            if child.get_content_type() == "text/plain":
                plain = plain or text
            else:
                rich = rich or text
        size = len(plain.strip())
        return rich if not size or (size < _STUB and size * 10 < len(rich.strip())) else plain


def _attached(part: Part) -> bool:
    shown = str(part.get("Content-Disposition") or "").strip().lower()
    return shown.startswith("attachment") or bool(_filename(part))


def _filename(part: Part) -> str:
    try:
        return part.get_filename() or ""
    except (ValueError, TypeError, LookupError):
        return ""


def _name(part: Part) -> str:
    """The name of an attachment without any folder, or what it is."""
    name = _SEPARATORS.split(line(_filename(part)))[-1]
    return name[:200] or part.get_content_type()


def unwrapped(text: str, *, joined: bool = False) -> str:
    """Text of ``format=flowed`` with its paragraphs on one line each; ``joined``: the blank at a break is no blank."""
    paragraphs: list[str] = []
    depth_before, flowing = 0, False
    for row in text.split("\n"):
        bare = row.lstrip(">")
        depth = len(row) - len(bare)
        bare = bare.removeprefix(" ")
        flows = bare.endswith(" ") and bare != "-- "
        piece = bare[:-1] if flows and joined else bare
        if flowing and depth == depth_before and bare != "-- ":
            paragraphs[-1] += piece
        else:
            paragraphs.append(f"{'>' * depth}{' ' if depth else ''}{piece}")
        depth_before, flowing = depth, flows
    return "\n".join(paragraphs)
