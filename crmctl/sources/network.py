"""What all systems share in one run: connections, the clock, the time budget, the log, the secrets to blank."""

from __future__ import annotations

import ipaddress
import math
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from crmctl.model.errors import ConfigError
from crmctl.model.text import one_line, redact
from crmctl.sources.clock import Clock, RealClock
from crmctl.sources.errors import SourceError

if TYPE_CHECKING:
    import httpx

AGENT = "crmctl"
_CONNECT, _IDLE = 10.0, 30.0  # seconds to connect, and between two bytes
_LOOKED_AT = 64 << 10  # characters of a text from outside, of which a sentence takes a few hundred
_PORTS = {"https": 443, "http": 80}


@cache
def _trusted() -> ssl.SSLContext:
    """Whom we trust; made once, for it takes longer than many a request."""
    import httpx

    return httpx.create_ssl_context()


def no_log(_line: str) -> None:
    """Where requests are told of when nobody asked."""


@dataclass(slots=True)
class Network:
    """``budget`` is in seconds and counts from the making; ``log`` gets one clean line for each request.

    ``idle`` is how many seconds may pass between two bytes.
    """

    clock: Clock = field(default_factory=lambda: RealClock())  # noqa: PLW0108  a test may put another there
    budget: float = 3600.0
    log: Callable[[str], None] = no_log
    secrets: set[str] = field(default_factory=set)
    idle: float = _IDLE
    _client: httpx.Client | None = None
    _started: float = -1.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ends: threading.local = field(default_factory=threading.local)
    _closed: bool = False

    def __post_init__(self) -> None:
        self._started = self.clock.monotonic()

    @property
    def left(self) -> float:
        """Seconds left of the budget; below 0 when it is spent."""
        return self.budget - (self.clock.monotonic() - self._started)

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """What this thread sends and receives meanwhile must be done in that time."""
        self._ends.at = self.clock.monotonic() + seconds
        try:
            yield
        finally:
            self._ends.at = math.inf

    def _left_here(self) -> float:
        return float(getattr(self._ends, "at", math.inf)) - self.clock.monotonic()

    @property
    def client(self) -> httpx.Client:
        """The connection pool. It follows no redirect, reads no proxy password, and decodes no body by itself."""
        with self._lock:
            if self._closed:
                raise SourceError("the run was stopped")
            if self._client is None:
                import logging

                import httpx

                from crmctl.sources import deadline

                for name in ("httpx", "httpcore"):  # they log whole addresses
                    logging.getLogger(name).setLevel(logging.WARNING)
                self._client = httpx.Client(
                    timeout=httpx.Timeout(self.idle, connect=_CONNECT),
                    headers={"User-Agent": AGENT, "Accept-Encoding": "gzip"},
                    follow_redirects=False,
                    verify=_trusted(),
                )
                deadline.bind(self._client, self._left_here)
            return self._client

    def close(self) -> None:
        """Let go of the connections; whoever still waits or reads ends now."""
        stop = getattr(self.clock, "stop", None)  # a clock of a test has nothing to end
        if stop is not None:
            stop()
        with self._lock:
            self._closed = True
            if self._client is not None:
                self._client.close()
                self._client = None

    def hide(self, *secrets: str) -> None:
        """Blank these wherever a sentence or a log line goes out."""
        with self._lock:
            # A new set: another thread may be looking through the old one.
            self.secrets = self.secrets | {secret for secret in secrets if secret}

    def clean(self, text: str, limit: int = 300) -> str:
        """Text from outside as part of a sentence: one line, no secret."""
        # Before the cut, which could leave half of one, and behind it, as one line may show what several hid.
        return redact(one_line(redact(text[:_LOOKED_AT], self.secrets), limit), self.secrets)

    def tell(self, line: str) -> None:
        """One line for the log."""
        self.log(self.clean(line, 1000))


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an absolute address; ValueError if it is none that a credential may go to."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("is no address of a web server; write https://host.example")
    if parts.username is not None or parts.password is not None or "\\" in parts.netloc:
        raise ValueError("has a login in it")
    return parts.scheme, parts.hostname.lower(), parts.port or _PORTS[parts.scheme]


def checked_base(system: str, url: str) -> str:
    """An address from this machine's own settings: https, or plain http on this machine alone."""
    try:
        scheme, host, _ = origin(url)
    except ValueError as error:
        raise ConfigError(f"{system}: url {one_line(url, 100)!r} {error}") from None
    if scheme != "https" and not is_loopback(host):
        raise ConfigError(
            f"{system}: url {one_line(url, 100)!r} would send credentials unencrypted; use https"
        )
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def resolved(system: str, base: str, url: str, allowed: Iterable[tuple[str, str, int]] = ()) -> str:
    """``url`` as an absolute address of the origin of ``base``; SourceError if it leads anywhere else.

    An absolute path starts at the host, a relative one below ``base``. Every address that a credential goes to,
    redirects and page links included, passes here.
    """
    absolute = "://" in url[:12] or url.startswith(("/", "\\"))
    target = urljoin(base, url) if absolute else f"{base}/{url}"
    try:
        where = origin(target)
    except ValueError as error:
        raise SourceError(f"{system} names an address that {error}: refused") from None
    if where != origin(base) and where not in set(allowed):
        raise SourceError(f"{system} leads to another host, {one_line(where[1], 100)}: refused")
    return target


class Walk:
    """One walk through pages. A page mark that comes twice would be a walk without end."""

    def __init__(self, system: str, what: str, most: int = 1_000_000) -> None:
        self._system, self._what, self._most = system, what, most
        self._seen: set[str] = set()

    def step(self, mark: str) -> str:
        """The mark again, if it is a new one; SourceError if this walk was there before."""
        if mark in self._seen or len(self._seen) >= self._most:
            raise SourceError(
                f"{self._system} gave the same page mark twice for {self._what}: stopped before going in circles"
            )
        self._seen.add(mark)
        return mark
