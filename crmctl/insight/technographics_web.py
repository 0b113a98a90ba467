"""What a company's own site and DNS records show: technologies, and plain facts. Each with where it stands.

A finding is a row of the profile's block ``sources: website:``: ``field`` and ``value`` are what it claims, ``found``
is what shows it, ``url`` and ``line`` are where, ``seen`` is when. What a page says is data, cleaned and cut.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from crmctl.insight.technographics import FIELD, SEEN
from crmctl.insight.technographics_rules import Technology, TechnologyRules, fits
from crmctl.model.identity import registrable_domain
from crmctl.model.text import one_line
from crmctl.sources.website import Page
from crmctl.sources.website_dns import DnsRecord

DESCRIPTION, NEWS, COMPANY_PAGE = "description", "business_intelligence", "company_page"
_FACTS = (DESCRIPTION, NEWS, COMPANY_PAGE)
_SHOWING = {
    "meta": ("generator", "content"),
    "script": ("script", "src"),
    "link": ("link", "href"),
    "a": ("link", "href"),
    "iframe": ("frame", "src"),
    "frame": ("frame", "src"),
}
_MOST = 3000  # different things that a site may show
_PIECES = 2  # of evidence for one technology
_ADVERTS = 10
_QUOTE = 160
_CAREERS = ("career", "karriere", "jobs", "stellen", "vacanc")
_BOARDS = frozenset(
    "greenhouse.io lever.co workable.com recruitee.com personio.de personio.com myworkdayjobs.com"
    " smartrecruiters.com teamtailor.com ashbyhq.com join.com".split()
)
_LETTERS = re.compile(r"[^a-z0-9]+")
_ADVERT_WORDS = range(2, 11)
Row = dict[str, Any]


def findings(
    pages: Sequence[Page], records: Sequence[DnsRecord], rules: TechnologyRules
) -> list[Row]:
    """Everything that pages and records show, without a day, the same in whatever order rules are written."""
    found: list[Row] = []
    shown = _shown(pages)
    for technology in rules.technologies:
        own = [*_on_site(shown, technology), *_in_dns(records, technology)]
        kept: dict[str, Row] = {}
        for row in own:  # two kinds say more than the same one twice
            kept.setdefault(row["found"].partition(" ")[0], row)
        found += [*kept.values()][:_PIECES]
    found.sort(key=lambda row: (str(row["value"]).casefold(), row["found"]))
    return [*_facts(pages), *found]


class _Shown(NamedTuple):
    """One thing that a page shows; ``name`` is a header's, ``kind`` says which patterns are for it."""

    kind: str
    name: str
    value: str
    url: str
    line: int


def _shown(pages: Sequence[Page]) -> list[_Shown]:
    """What all pages show, each thing once and of no more than `_MOST` things, in the order of the pages."""
    found: dict[tuple[str, str, str], _Shown] = {}
    for page in pages:
        for each in _of_page(page):
            if each.value and len(found) < _MOST:
                found.setdefault(each[:3], each)
    return [*found.values()]


def _of_page(page: Page) -> Iterator[_Shown]:
    for name, value in page.headers:
        yield _Shown("header", name, value, page.url, 0)
    for cookie in page.cookies:
        yield _Shown("cookie", "", cookie, page.url, 0)
    for tag in page.tags:
        kind, attribute = _SHOWING.get(tag.name, ("", ""))
        value = tag.attributes.get(attribute, "")
        if tag.name == "meta":
            value = value if tag.attributes.get("name", "").lower() == "generator" else ""
        else:
            # What stands behind the question mark changes with each release of theirs.
            value = value.partition("?")[0].partition("#")[0]
        if kind:
            yield _Shown(kind, "", value, page.url, tag.line)


def _on_site(shown: Sequence[_Shown], technology: Technology) -> Iterator[Row]:
    patterns = {
        "cookie": technology.cookies,
        "generator": technology.generator,
        "script": technology.script,
        "link": technology.link,
        "frame": technology.frame,
    }
    for kind, name, value, url, line in shown:
        if kind != "header":
            if any(fits(pattern, value) for pattern in patterns[kind]):
                yield _row(FIELD, technology.name, f"{kind} {value}", url, line)
        elif (asked := technology.headers.get(name)) and fits(asked, value):
            # A header that only has to be there holds something else each time.
            said = f"header {name}" if asked == "*" else f"header {name}: {value}"
            yield _row(FIELD, technology.name, said, url)


def _in_dns(records: Sequence[DnsRecord], technology: Technology) -> Iterator[Row]:
    patterns = {"mx": technology.mx, "txt": technology.txt, "cname": technology.cname}
    for record in records:
        parts = [record.value, *record.value.split()] if record.kind == "txt" else [record.value]
        for part in parts:
            if any(fits(pattern, part) for pattern in patterns[record.kind]):
                shown = f"dns {record.kind.upper()} {part}"
                yield _row(FIELD, technology.name, shown, f"dns:{record.name}")
                break


def _facts(pages: Sequence[Page]) -> Iterator[Row]:
    if not pages:
        return
    home = pages[0]
    for tag in home.tags:
        name = (tag.attributes.get("name") or tag.attributes.get("property") or "").lower()
        if tag.name == "meta" and name in {"description", "og:description"}:
            text = one_line(tag.attributes.get("content", ""), 300)
            if text:
                yield _row(DESCRIPTION, text, f"meta {name}", home.url, tag.line)
                break
    for tag in home.tags:
        link = _link(home, tag.attributes.get("href", "")) if tag.name == "a" else ""
        if registrable_domain(link) == "linkedin.com" and "/company/" in link:
            yield _row(COMPANY_PAGE, one_line(link, 200), "link", home.url, tag.line)
            break
    seen: set[str] = set()
    for page in pages:
        here = urlsplit(page.url).path.lower()
        if not any(word in here for word in _CAREERS):
            continue
        for tag in page.tags:
            title = one_line(tag.text, 100)
            if tag.name == "a" and _advert(page, tag.attributes.get("href", ""), title):
                if title.casefold() not in seen and len(seen) < _ADVERTS:
                    yield _row(NEWS, f"Job advert: {title}", "link", page.url, tag.line)
                seen.add(title.casefold())


def _advert(page: Page, href: str, title: str) -> bool:
    """Whether a link of a careers page leads to one advert: one place deeper, or to a job board."""
    if len(title.split()) not in _ADVERT_WORDS:
        return False
    link = _link(page, href)
    path, here = (
        urlsplit(link).path.rstrip("/").lower(),
        urlsplit(page.url).path.rstrip("/").lower(),
    )
    deeper = path.startswith(f"{here}/") or (
        any(f"/{word}" in path for word in _CAREERS) and path.count("/") > here.count("/")
    )
    return deeper or (registrable_domain(link) in _BOARDS and path.count("/") > 1)


def _link(page: Page, href: str) -> str:
    try:
        parts = urlsplit(urljoin(page.url, href.strip())) if href.strip() else None
    except ValueError:
        return ""
    if parts is None or parts.scheme not in {"http", "https"}:
        return ""
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _row(field: str, value: str, found: str, url: str, line: int = 0) -> Row:
    row: Row = {"field": field, "value": value, "found": one_line(found, _QUOTE), "url": url}
    return row | ({"line": line} if line else {})


def merged(
    old: Sequence[Row], new: Sequence[Row], read: Collection[str], today: dt.date, refresh_days: int
) -> list[Row]:
    """The evidence to keep: what was found now, and what was found where nobody could look this time.

    ``read`` are the addresses that were read. What is found again keeps its line and its day until that is more than
    ``refresh_days`` old, so that a page that says the same changes no file.
    """
    before = {_same(row): row for row in old}
    kept: list[Row] = []
    for row in new:
        known = before.pop(_same(row), None)
        seen = known.get("seen") if known else None
        fresh = isinstance(seen, dt.date) and 0 <= (today - seen).days <= refresh_days
        kept.append(known if known is not None and fresh else row | {"seen": today})
    told = {_claim(row) for row in kept}
    kept += [
        row
        for row in before.values()
        if row.get("url") not in read
        and isinstance(row.get("seen"), dt.date)
        and _claim(row) not in told  # else it has moved, as from http to https
    ]
    order = {field: place for place, field in enumerate((*_FACTS, FIELD))}
    return sorted(
        kept,
        key=lambda r: (
            order.get(str(r.get("field")), len(order)),
            str(r.get("value")).casefold(),
            str(r.get("found")),
            str(r.get("url")),
        ),
    )


def block(rows: Sequence[Row]) -> Mapping[str, Any]:
    """The block ``sources: website:`` that the evidence bears out, one line each; a field without any is None."""
    values: dict[str, list[str]] = {}
    for row in rows:
        if row.get("field") in {*_FACTS, FIELD}:
            values.setdefault(str(row["field"]), []).append(str(row.get("value") or ""))
    one = {name: next(iter(values.get(name, ())), None) for name in (DESCRIPTION, COMPANY_PAGE)}
    many = {name: list(dict.fromkeys(values.get(name, ()))) or None for name in (NEWS, FIELD)}
    found: dict[str, Any] = {**one, **many}
    for row in rows:
        name = _LETTERS.sub("_", str(row.get("value")).casefold()).strip("_")[:40].rstrip("_")
        field = "" if row.get("field") == FIELD else f"{row.get('field')}_"
        key = f"{SEEN}{field}{name}" if field != f"{DESCRIPTION}_" else f"{SEEN}{DESCRIPTION}"
        number = 1
        while (unused := key if number == 1 else f"{key}_{number}") in found:
            number += 1
        found[unused] = dict(row)
    return found


def _claim(row: Row) -> tuple[str, str]:
    """What two rows say alike: a technology or an advert by its name, of anything else there is only one."""
    field = str(row.get("field"))
    return field, str(row.get("value")) if field in {FIELD, NEWS} else ""


def _same(row: Row) -> tuple[str, ...]:
    return tuple(str(row.get(name)) for name in ("field", "value", "found", "url"))
