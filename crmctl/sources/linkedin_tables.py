"""The tables of LinkedIn's archives and of tools around it: told apart by their columns, wherever these begin."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from crmctl.model.incoming import Rejected
from crmctl.model.text import one_line
from crmctl.sources import csv_table, values
from crmctl.workspace.source_settings import LinkedInSettings

_PREAMBLE = 60  # lines before the header that are looked through
_FUTURE = dt.timedelta(days=1)  # how wrong another clock may be
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_SPOKEN_DAY = re.compile(r"(\d{1,2})\.?[ -]([^\W\d_]{3,12})\.?[ -](\d{4})\Z")
_SHORT_DAY = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{2}|\d{4})(?:,?\s+\d{1,2}:\d{2}\s*[AP]M)?\Z", re.IGNORECASE
)
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}(?::\d{2})?)(?:\.\d+)?\s*(?:UTC|Z|\+00:00)?\Z"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of table. ``columns`` gives the spellings of each column, ``needs`` those without which it is none.

    A need such as ``text|subject`` is met by either column.
    """

    name: str
    columns: Mapping[str, tuple[str, ...]]
    needs: tuple[str, ...]

    def found(self, header: list[str]) -> dict[str, list[int]]:
        """The places of each column in a header, the most telling spelling first; {} if a needed one is missing."""
        places = {key_of(cell): place for place, cell in reversed(list(enumerate(header)))}
        found = {
            column: [places[spelling] for spelling in spellings if spelling in places]
            for column, spellings in self.columns.items()
        }
        if all(any(found[name] for name in need.split("|")) for need in self.needs):
            return found
        return {}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: where it stands, and its cells by column. A column with several places gives the first cell filled."""

    origin: str
    cells: tuple[str, ...]
    places: Mapping[str, list[int]]

    def __getitem__(self, column: str) -> str:
        return next(self.each(column), "")

    def each(self, column: str) -> Iterator[str]:
        """Every cell of a column that holds something."""
        for place in self.places.get(column, ()):
            text = values.clean(self.cells[place]).strip()
            if text:
                yield text


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table of a known shape."""

    shape: Shape
    entries: list[Entry]
    rejected: list[Rejected]
    notes: list[str]


CONNECTIONS = Shape(
    "connections",
    {
        "first": ("firstname", "vorname"),
        "last": ("lastname", "nachname"),
        "url": ("url", "profileurl"),
        "email": ("emailaddress", "email", "emailadresse"),
        "company": ("company", "unternehmen"),
        "title": ("position",),
        "on": ("connectedon", "verbundenam"),
    },
    ("first", "on"),
)
MESSAGES = Shape(
    "messages",
    {
        "conversation": ("conversationid",),
        "name": ("conversationtitle",),
        "from": ("from",),
        "sender": ("senderprofileurl",),
        "to": ("to",),
        "recipients": ("recipientprofileurls",),
        "at": ("date",),
        "subject": ("subject",),
        "content": ("content",),
        "folder": ("folder",),
        "draft": ("ismessagedraft",),
        "unsent": ("isconversationdraft",),
    },
    ("conversation", "from", "at", "content"),
)
PROFILE = Shape(
    "profile",
    {
        "first": ("firstname",),
        "last": ("lastname",),
        "headline": ("headline",),
        "maiden": ("maidenname",),
    },
    ("first", "last", "headline", "maiden"),
)
ADDRESSES = Shape(
    "addresses",
    {"email": ("emailaddress",), "primary": ("primary",), "confirmed": ("confirmed",)},
    ("email", "primary", "confirmed"),
)
LEADS = Shape(
    "leads",
    {
        "url": (
            *(
                "linkedinprofileurl",
                "defaultprofileurl",
                "linkedinurl",
                "personlinkedinurl",
                "linkedinprofile",
            ),
            *("linkedin", "publicprofileurl", "profileurl", "prospectlinkedinurl", "url"),
        ),
        "full": ("fullname", "name", "contactname"),
        "first": ("firstname", "first"),
        "last": ("lastname", "last"),
        "title": ("currentjob", "currentjobtitle", "jobtitle", "currenttitle", "title", "position"),
        "company": ("companyname", "currentcompany", "company"),
        "domain": ("companydomain", "companywebsite", "website", "domain"),
        "email": ("email", "emailaddress", "workemail", "professionalemail"),
        "status": ("emailstatus", "emailverificationstatus"),
        "stamp": ("timestamp", "extractedat"),
    },
    ("url", "full|first", "company"),
)
UPDATES = Shape(
    "updates",
    {
        "slug": ("account", "slug", "folder"),
        "domain": ("domain", "companydomain", "website"),
        "company": ("company", "companyname", "organization", "organisation", "author"),
        "at": ("date", "published", "publishedat", "datepublished", "postedat", "createdat", "day"),
        "subject": ("title", "headline", "subject"),
        "text": ("text", "contenttext", "summary", "content", "post", "commentary", "description"),
        "url": ("url", "link", "posturl", "permalink", "externalurl"),
    },
    ("at", "url", "text|subject", "slug|domain|company"),
)
SHAPES = (CONNECTIONS, MESSAGES, PROFILE, ADDRESSES, LEADS, UPDATES)


def key_of(name: str) -> str:
    """A column's or file's name for comparing: its letters and digits in lower case."""
    return re.sub(r"[\W_]+", "", name.casefold())


def shape_of(raw: bytes) -> Shape | None:
    """What table begins here, judged by the first row that names its columns; None if it is none of ours."""
    found = _header(_utf8(raw))
    return found[0] if found else None


def read(raw: bytes, name: str) -> Sheet | None:
    """The table in a file, None if it is none of ours. CrmError if it is damaged beyond sense."""
    text = _utf8(raw)
    found = _header(text)
    if found is None:
        return None
    shape, line, places = found
    # Blank lines in place of what stands before the header, so that each row keeps its number.
    lines = text.split(b"\n", line)
    table = csv_table.parse(b"\n" * line + lines[line], name)
    entries = [Entry(table.origin(row.line), row.cells, places) for row in table.rows]
    return Sheet(shape, entries, table.rejected, table.notes)


def columns(raw: bytes) -> str:
    """The cells of the first row that has several, for an error that says what was found."""
    rows = (cells for _, cells in _rows(_utf8(raw)))
    return one_line(", ".join(next((row for row in rows if len(row) > 1), [])), 300)


def day(text: str) -> dt.date | None:
    """A day as the archives write it, whatever the language of the machine: ``08 Feb 2026``; None if it is none."""
    match = _SPOKEN_DAY.match(text)
    try:
        if match:
            return dt.date(int(match[3]), _MONTHS.index(_english(match[2])) + 1, int(match[1]))
        match = _SHORT_DAY.match(text)
        if match:
            year = int(match[3])
            return dt.date(year + 2000 if year < 100 else year, int(match[1]), int(match[2]))
        return dt.date.fromisoformat(text[:10])
    except ValueError:
        return None


def moment(text: str) -> dt.datetime | dt.date:
    """A time in UTC, with or without saying so, or a day; ValueError says what is allowed."""
    match = _TIME.match(text)
    return values.moment(f"{match[1]}T{match[2]}Z" if match else text)


def in_the_future(at: dt.datetime | dt.date, now: dt.datetime) -> bool:
    """Whether something is dated later than any clock may say now."""
    return values.day(at) > (now + _FUTURE).date()


def kept(text: str, settings: LinkedInSettings) -> str | None:
    """As much of a text as the team keeps, None for nothing."""
    if settings.text == "none" or not text:
        return None
    if settings.text == "new" and len(text) > settings.text_limit:
        return f"{text[: settings.text_limit - 1].rstrip()}…"
    return text


def _english(month: str) -> str:
    short = month.casefold()[:3]
    return {"mär": "mar", "mrz": "mar", "mai": "may", "okt": "oct", "dez": "dec"}.get(short, short)


def _utf8(raw: bytes) -> bytes:
    """UTF-8 without a byte order mark. What is not, but has more of it than of anything else, is so from here on."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace").encode("utf-8", "replace")
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    try:
        raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("utf-8", "replace")
        damaged = text.count("\ufffd")
        whole = sum(not char.isascii() for char in text) - damaged
        return text.encode() if whole and whole >= damaged else raw
    return raw


def _header(raw: bytes) -> tuple[Shape, int, dict[str, list[int]]] | None:
    """The shape, the number of lines before the header, and the places of its columns."""
    for line, cells in _rows(raw):
        for shape in SHAPES:
            places = shape.found(cells)
            if places:
                return shape, line, places
    return None


def _rows(raw: bytes) -> Iterator[tuple[int, list[str]]]:
    """The first lines, each read as a row of its own by the delimiter that it has most of."""
    for line, part in enumerate(raw.split(b"\n", _PREAMBLE)[:_PREAMBLE]):
        text = part[: csv_table.MAX_FIELD // 8].decode("utf-8", "replace").strip("\r\0 ")
        if not text:
            continue
        delimiter = max(csv_table.DELIMITERS, key=text.count)
        try:
            yield line, next(csv.reader([text], delimiter=delimiter), [])
        except csv.Error:
            continue
