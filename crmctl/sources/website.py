"""Reading a company's own public site, as a polite guest: few pages, slowly, and only what robots.txt allows.

Nothing is sent but the address and who we are: no cookie, no credential, no referrer, and no proxy is used, for it
would resolve names out of our sight. Every request, redirects included, goes to the company's own domain, to port 80
or 443, and to a public address (`crmctl.sources.website_reach`). What comes back is data.
"""

from __future__ import annotations

import codecs
import math
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin, urlsplit, urlunsplit

from crmctl.model.identity import registrable_domain
from crmctl.model.text import one_line
from crmctl.sources.errors import SourceError
from crmctl.sources.network import Network, origin
from crmctl.sources.website_html import Tag, tags
from crmctl.sources.website_reach import NotPublic, Pinned, Reach, public

if TYPE_CHECKING:
    import httpx
    from protego import Protego

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 3
_ROBOTS_CAP = 512 << 10  # bytes of robots.txt, as RFC 9309 asks for at least 500 KiB
_CONNECT, _IDLE, _PAGE_SECONDS = 10.0, 10.0, 20.0
_LONGEST_URL = 500
_PORTS = {"http": 80, "https": 443}
_TYPES = ("text/html", "application/xhtml+xml")
_CHARSET = re.compile(rb"charset\s{0,5}=\s{0,5}[\"']?([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_ENCODINGS = re.compile(
    r"(?:utf-8|utf-16(?:-le|-be)?|ascii|iso8859-\d{1,2}|cp125\d|koi8-[ru]|shift_jis|euc_jp|euc_kr|gb2312|gbk|gb18030|big5)"
)
# The pages that say most, by words in their addresses, the best first.
_WORTH = (
    "career",
    "karriere",
    "jobs",
    "stellen",
    "vacanc",
    "about",
    "ueber-uns",
    "uber-uns",
    "company",
    "technology",
    "product",
)
_REFRESH = re.compile(
    r"\d{0,5}\s{0,5}[;,]\s{0,5}url\s{0,5}=\s{0,5}['\"]?([^'\"\s]{1,500})", re.IGNORECASE
)


class Page(NamedTuple):
    """A page as it came. ``cookies`` are names alone; ``headers`` have names in lower case."""

    url: str
    headers: tuple[tuple[str, str], ...]
    cookies: tuple[str, ...]
    tags: tuple[Tag, ...]


@dataclass(slots=True)
class Visit:
    """What a visit gave: pages, and in ``notes`` what was left alone and why."""

    pages: list[Page] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Manners:
    """How a site is visited. ``delay`` is in seconds between two requests, ``size`` in bytes of one page."""

    agent: str
    pages: int
    delay: float
    size: int


class Site:
    """One company's site. ``domains`` are its own registrable domains; the network's budget bounds the whole visit."""

    def __init__(
        self, network: Network, domains: Iterable[str], manners: Manners, reach: Reach = public
    ) -> None:
        self._network, self._domains, self._manners = network, frozenset(domains), manners
        self._robots: dict[str, Protego | None] = {}
        self._asked = False
        self._delay = manners.delay
        self._ends = (
            math.inf
        )  # when the request that is under way must be done, on the network's clock
        self._client = _client(manners.agent, reach, self._left_here)

    def visit(self, starts: Sequence[str]) -> Visit:
        """The first of the addresses that answers, and the pages it leads to that are worth reading.

        SourceError if none answers.
        """
        visit = Visit()
        try:
            first = self._first(starts, visit)
            waiting = _links(first, self._is_own)
            seen = {_key(first.url), *map(_key, starts)}
            while waiting and len(visit.pages) < self._manners.pages:
                url = waiting.pop(0)
                if _key(url) in seen:
                    continue
                seen.add(_key(url))
                try:
                    page = self._page(url)
                except _Stop as stop:
                    visit.notes.append(f"{_shown(url)}: {stop}")
                    break
                except SourceError as error:
                    visit.notes.append(f"{_shown(url)}: {error}")
                    continue
                if _key(page.url) not in {_key(p.url) for p in visit.pages}:
                    visit.pages.append(page)
                    seen.add(_key(page.url))
                    waiting = [*_refreshed(page, self._is_own), *waiting]
        finally:
            self._client.close()
        return visit

    def _first(self, starts: Sequence[str], visit: Visit) -> Page:
        """The first page; the next address is tried only where nobody answers at the one before."""
        for start in starts:
            url = _bare(start)
            try:
                visit.pages.append(self._page(url))
            except _Unreachable as error:
                visit.notes.append(f"{_shown(url)}: {error}")
            except SourceError as error:
                raise SourceError(f"{_shown(url)}: {error}") from None
            else:
                return visit.pages[0]
        raise SourceError(visit.notes[-1] if visit.notes else "there is no address to start from")

    def _page(self, url: str) -> Page:
        response, raw, at = self._follow(url, self._manners.size)
        status = response.status_code
        if status in {429, 503}:
            raise _Stop(f"the site is busy ({status}); the rest is left for another day")
        if status >= 400:
            raise SourceError(f"answered {status}")
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        looks = raw.lstrip()[:1] == b"<"
        if kind not in _TYPES and (kind or not looks):
            raise SourceError(f"is no page but {one_line(kind, 60) or 'something without a type'}")
        text = raw.decode(_encoding(response.headers.get("content-type", ""), raw), "replace")
        headers = tuple(
            (name.lower(), value[:2000]) for name, value in response.headers.multi_items()[:100]
        )
        cookies = tuple(
            value.partition("=")[0].strip()[:200] for name, value in headers if name == "set-cookie"
        )
        plain = tuple(header for header in headers if header[0] != "set-cookie")
        return Page(at, plain, cookies, tuple(tags(text)))

    def _follow(
        self, url: str, cap: int, *, robots: bool = True
    ) -> tuple[httpx.Response, bytes, str]:
        """What an address gives, redirects on the company's own domain followed: answer, body, last address."""
        for _ in range(_MOST_REDIRECTS + 1):
            self._check(url)
            if robots and not self._may(url):
                raise SourceError("robots.txt asks not to read it")
            response, raw = self._send(url, cap)
            where = response.headers.get("location")
            if response.status_code not in _REDIRECTS or not where:
                return response, raw, url
            try:
                url = _bare(urljoin(url, where))
            except ValueError:
                raise SourceError("redirects to something that is no address") from None
        raise SourceError("redirects again and again")

    def _check(self, url: str) -> None:
        try:
            scheme, host, port = origin(url)
        except ValueError:
            raise SourceError("is no address of a web site") from None
        if not self._is_own(url) or port != _PORTS[scheme] or len(url) > _LONGEST_URL:
            raise SourceError(
                f"leads to {one_line(host, 60)}, which is not the company's own site: not followed"
            )

    def _is_own(self, url: str) -> bool:
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            return False
        return registrable_domain(host) in self._domains

    def _may(self, url: str) -> bool:
        where = "/".join(url.split("/", 3)[:3])
        if where not in self._robots:
            self._robots[where] = self._rules(f"{where}/robots.txt")
        rules = self._robots[where]
        return rules is None or rules.can_fetch(url, self._manners.agent)

    def _rules(self, url: str) -> Protego | None:
        """None where there are no rules; SourceError where there may be some that cannot be read: then nothing may."""
        from protego import Protego

        try:
            response, raw, _ = self._follow(url, _ROBOTS_CAP, robots=False)
        except _Unreachable:
            raise
        except SourceError as error:
            raise SourceError(f"robots.txt {error}, so nothing is read") from None
        if response.status_code >= 500 or response.status_code == 429:
            raise SourceError(f"robots.txt answered {response.status_code}, so nothing is read")
        if response.status_code >= 400:
            return None
        rules = Protego.parse(raw.decode("utf-8", "replace").replace("\x00", ""))
        asked = rules.crawl_delay(self._manners.agent)
        rate = rules.request_rate(self._manners.agent)
        if rate is not None:
            asked = max(asked or 0.0, rate.seconds / rate.requests)
        self._delay = max(self._delay, asked or 0.0)
        return rules

    def _left_here(self) -> float:
        return self._ends - self._network.clock.monotonic()

    def _send(self, url: str, cap: int) -> tuple[httpx.Response, bytes]:
        """One request; of a longer body the first ``cap`` bytes."""
        import httpcore
        import httpx

        network = self._network
        if self._asked:
            if network.left <= self._delay:
                asks = self._delay > self._manners.delay
                why = (
                    f"robots.txt asks for {self._delay:g} seconds between requests, and "
                    if asks
                    else ""
                )
                raise _Stop(f"{why}the time for this visit is used up")
            network.clock.sleep(self._delay)
        if network.left <= 0:
            raise _Stop("the time for this visit is used up")
        self._asked = True
        try:
            self._ends = network.clock.monotonic() + min(_PAGE_SECONDS, network.left)
            response = self._client.send(self._client.build_request("GET", url), stream=True)
            try:
                raw = _body(response, cap)
            finally:
                response.close()
        except (httpx.InvalidURL, UnicodeError):
            raise SourceError("is no address that can be asked") from None
        except (httpx.TransportError, httpcore.ConnectError, zlib.error) as error:
            said = error.__cause__ or error.__context__ or error
            if isinstance(error, NotPublic) or isinstance(said, NotPublic):
                raise SourceError(f"{said}: refused") from None
            network.tell(f"website {url}: {type(error).__name__}")
            raise _Unreachable(f"did not answer ({type(error).__name__})") from None
        network.tell(f"website {url}: {response.status_code}, {len(raw)} bytes")
        return response, raw


class _Stop(SourceError):
    """No more requests in this visit."""


class _Unreachable(SourceError):
    """The host does not answer at all."""


def _client(agent: str, reach: Reach, left: Callable[[], float]) -> httpx.Client:
    import logging

    import httpx

    from crmctl.sources import deadline

    for name in ("httpx", "httpcore"):  # they log whole addresses
        logging.getLogger(name).setLevel(logging.WARNING)
    client = httpx.Client(
        timeout=httpx.Timeout(_IDLE, connect=_CONNECT),
        headers={
            "User-Agent": agent,
            "Accept": "text/html, application/xhtml+xml;q=0.9",
            "Accept-Encoding": "gzip",
        },
        follow_redirects=False,
        trust_env=False,
    )
    client.cookies.jar.set_policy(
        DefaultCookiePolicy(allowed_domains=[])
    )  # takes none, so sends none
    pool = client._transport._pool  # type: ignore[attr-defined]  # noqa: SLF001  httpx has no other door to it
    pool._network_backend = Pinned(pool._network_backend, reach)  # noqa: SLF001
    deadline.bind(client, left)
    return client


def _body(response: httpx.Response, cap: int) -> bytes:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity", "gzip"}:
        raise SourceError("is in an encoding that nobody asked for")
    held: list[bytes] = []
    size = 0
    for piece in response.iter_raw():
        held.append(piece)
        size += len(piece)
        if size >= cap:
            break
    raw = b"".join(held)[:cap]
    return zlib.decompressobj(wbits=31).decompress(raw, cap) if encoding == "gzip" else raw


def _encoding(content_type: str, raw: bytes) -> str:
    """The page's encoding if it is a common one, else UTF-8; Python has codecs that take minutes for a page."""
    stated = _CHARSET.search(content_type.encode("ascii", "replace")) or _CHARSET.search(raw[:2048])
    try:
        name = codecs.lookup(stated[1].decode("ascii")).name if stated else "utf-8"
    except LookupError:
        name = "utf-8"
    return name if _ENCODINGS.fullmatch(name) else "utf-8"


def host_of(url: str) -> str:
    """The host of an address that was visited."""
    return urlsplit(url).hostname or ""


def _links(page: Page, own: Callable[[str], bool]) -> list[str]:
    """Addresses worth a look, where the page says that it is elsewhere first, then by what they promise."""
    found: dict[str, int] = {}
    for tag in page.tags:
        url = _absolute(page.url, tag.attributes.get("href", "")) if tag.name == "a" else ""
        if url and own(url):
            path = urlsplit(url).path.lower()
            worth = next((n for n, word in enumerate(_WORTH) if word in path), None)
            if worth is not None:
                found.setdefault(url, worth)
    return [*_refreshed(page, own), *sorted(found, key=lambda u: (found[u], len(u), u))]


def _refreshed(page: Page, own: Callable[[str], bool]) -> list[str]:
    """Where a page sends its reader by itself."""
    for tag in page.tags:
        if tag.name == "meta" and tag.attributes.get("http-equiv", "").lower() == "refresh":
            match = _REFRESH.match(tag.attributes.get("content", ""))
            url = _absolute(page.url, match[1]) if match else ""
            return [url] if url and own(url) else []
    return []


def _absolute(base: str, href: str) -> str:
    """An address a page names, without its fragment; "" if it is none of the web's."""
    try:
        url = _bare(urljoin(base, href.strip())) if href.strip() else ""
        return url if urlsplit(url).scheme in _PORTS and len(url) <= _LONGEST_URL else ""
    except ValueError:
        return ""


def _bare(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", parts.query, ""))


def _key(url: str) -> str:
    """What two addresses of one page share."""
    parts: Any = urlsplit(url)
    return f"{(parts.hostname or '').removeprefix('www.')}{parts.path.rstrip('/')}?{parts.query}"


def _shown(url: str) -> str:
    return one_line(url, 120)
