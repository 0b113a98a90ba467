r"""Text out: the only way for text from outside to reach a terminal, a page, a sheet or a message.

Stored text is kept as it came. Each function here is the cleaner of one door and is applied at
that door, once. All of them show what could act unseen (control characters, direction overrides,
invisible tags, lone surrogates, line separators) as a printable escape such as ``\x1b``. All run
in time linear in their input.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

_UNSEEN_CHARS = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and line feed, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls
    "\u2028\u2029"  # line and paragraph separator
    "\u2061-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb"  # invisible operators, BOM, annotations
    "\ud800-\udfff"  # lone surrogates: no encoding can carry them
    "\U000e0000-\U000e007f"  # tags
)
_UNSEEN = re.compile(f"[{_UNSEEN_CHARS}]")
_NOT_HTML = re.compile(f"[&<>\"'{_UNSEEN_CHARS}]")
_BLANKS = re.compile(r"[ \t\n]+")
_ELLIPSIS = "…"
_BLANKED = "***"

# What spreadsheets take for the start of a formula (OWASP), behind blanks that some of them skip.
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?\Z", re.ASCII)
_FORMULA = re.compile("'*(?:[\t\n]|[\\s\u200b-\u200d\u2060]*[=+\\-@＝＋－＠])")

_MARKDOWN = re.compile(
    r"[*`\[\]<>|~]"  # emphasis, code, links, HTML, quotes, table cells, strike-through
    r"|(?<![^\W_])_|_(?![^\W_])"  # an underscore inside a word is only an underscore
    r"|&(?=#?\w{1,40};)"  # entities
    r"|\\(?=[!-/:-@\[-`{-~]|$)"  # a backslash that would escape what follows
    r"|!(?=\[|$)"  # an image, also with a link that the template puts behind the value
    r"|:(?=//)|(?<=www)\."  # bare addresses
    r"|^[-+:](?= |$)|^#(?=#{0,5}(?: |$))|^[-=:](?=[-=: ]*$)",  # lists, headings, rules, underlines
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"^([0-9]{1,9})(?=[.)](?: |$))")

_URL_LOGIN = re.compile(r"://[^\s/?#]*@")
_BASE64_MINIMUM = 6  # shorter fragments stand in ordinary words by chance


def terminal(text: str, limit: int = 10_000) -> str:
    """Text of several lines for a terminal or a log, at most ``limit`` (>= 1) characters.

    Keeps line feeds and tabs, turns CRLF into LF; applying it twice changes nothing.
    """
    return _cut(_shown(text[: 2 * limit + 2]), limit)


def one_line(text: str, limit: int = 200) -> str:
    """Text on one line: line ends, tabs and runs of spaces become one space; cut with an ellipsis."""
    if len(text) <= limit and text.isprintable() and "  " not in text and text == text.strip():
        return text  # as nearly all that is shown
    line = _BLANKS.sub(" ", terminal(text, max(limit, 10_000))).strip(" ")
    return _cut(line, limit)


def csv_cell(value: object) -> str:
    """One cell of a sheet; text that a spreadsheet would run as a formula gets a leading ``'``.

    Numbers, also those that come as text, dates and truth values are written as they are. To undo, drop one leading
    ``'`` where a formula character follows the quotes: text that already looked guarded is guarded again.
    """
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case int() | float() | Decimal():
            return str(value)
        case datetime() | date():
            return value.isoformat()
    cell = _shown(str(value))
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.match(cell) else cell


def html(text: str) -> str:
    """Text for an HTML element or a quoted attribute."""
    if not _NOT_HTML.search(text):
        return text  # as nearly all of the thousands of values of a page
    from html import escape

    return escape(_shown(text))


def slack(text: str) -> str:
    """Text for a Slack message, where only ``&``, ``<`` and ``>`` can start a mention or a link."""
    from html import escape

    return escape(_shown(text), quote=False)


def mail_header(text: str) -> str:
    """Text for one mail header: a single clean line that nobody decodes into something else."""
    return one_line(text).replace("=?", "= ?")


def markdown(text: str) -> str:
    """Data for one place in Markdown prose: a paragraph, a list item, a heading or a table cell.

    It renders as itself: no emphasis, link, image, HTML, block or cell comes out of it, and line
    ends become spaces. A bare e-mail address stays as it is.
    """
    line = _BLANKS.sub(" ", _shown(text)).strip(" ")
    return _NUMBERED.sub(r"\1\\", _MARKDOWN.sub(r"\\\g<0>", line))


def json(document: str) -> str:
    """A JSON document whose strings stand readable: what would act unseen becomes JSON's own escape.

    It parses to the same values.
    """
    return _UNSEEN.sub(_json_escape, document)


def redact(text: str, secrets: Iterable[str]) -> str:
    """Blanks each secret in the forms it travels in, and any login in a URL.

    The forms are plain, percent-encoded, JSON- and HTML-escaped, hexadecimal and base64, the last
    also where the secret is part of a longer encoded text, as in a basic-authentication header.
    """
    pattern = _secret_pattern(frozenset(secret for secret in secrets if secret.strip()))
    if pattern is not None:
        text = pattern.sub(_BLANKED, text)
    return _URL_LOGIN.sub(f"://{_BLANKED}@", text)


def _shown(text: str) -> str:
    if text.isprintable():
        return text
    return _UNSEEN.sub(_escape, text.replace("\r\n", "\n"))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _json_escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return text[: max(limit, 1) - 1].rstrip() + _ELLIPSIS


@lru_cache(maxsize=8)
def _secret_pattern(secrets: frozenset[str]) -> re.Pattern[str] | None:
    forms = {form for secret in secrets for form in _forms(secret)}
    # The longest first, so that no form leaves the tail of a longer one behind.
    ordered = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile("|".join(map(re.escape, ordered))) if ordered else None


def _forms(secret: str) -> set[str]:
    import json
    from html import escape
    from urllib.parse import quote, quote_plus

    data = secret.encode("utf-8", "surrogatepass")
    percent = {quote(data, safe=""), quote(data), quote_plus(data)}
    percent |= {re.sub("%..", lambda match: match[0].lower(), form) for form in percent}
    escaped = {escape(secret), escape(secret, quote=False)}
    escaped |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {secret, data.hex(), data.hex().upper()} | percent | escaped | _base64_forms(data)


def _base64_forms(data: bytes) -> set[str]:
    """The characters that ``data`` alone decides, for each place it can have in groups of three."""
    import base64

    forms = set()
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).decode().rstrip("=")
        first = -(-before * 8 // 6)
        last = (before + len(data)) * 8 // 6
        fragment = encoded[first:last]
        if len(fragment) >= _BASE64_MINIMUM:
            forms |= {fragment, fragment.replace("+", "-").replace("/", "_")}
    return forms
