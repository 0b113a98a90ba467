"""The one way to talk HTTP: paced, retried, bounded, pinned to its host, and told of in one sentence when it fails."""

from __future__ import annotations

import json as jsonlib
import threading
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from crmctl.sources.clock import Pace
from crmctl.sources.errors import AuthError, QuotaError, SourceError, StatusError, TooLarge
from crmctl.sources.network import Network, checked_base, origin, resolved

TRANSIENT = frozenset({408, 420, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 544})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 3
_TRIES = 6
_LONGEST_WAIT = 900.0  # seconds that a system may ask us to wait; longer means come back later
_DEADLINE = 180.0  # seconds for one answer, however slowly it drips
_CAP = 64 << 20  # bytes of one answer
_EXPLAINED = 64 << 10  # bytes of a refusal worth looking into
T = TypeVar("T")
U = TypeVar("U")
Params = Mapping[str, Any] | Sequence[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``request`` names the request as messages do, without its query."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    request: str

    def data(self) -> Any:
        """The body as JSON; numbers with a fraction as Decimal. ValueError if it is not whole JSON."""
        try:
            return jsonlib.loads(self.body, parse_float=Decimal, parse_constant=_no_constant)
        except RecursionError:
            raise ValueError("is nested too deeply") from None

    def maybe(self) -> Any:
        """The body as JSON, None if it is none."""
        try:
            return self.data()
        except ValueError:
            return None

    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Again:
    """The verdict that a request is to be sent again, ``after`` that many seconds if the system said so."""

    after: float | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Renew:
    """The verdict that the credentials have run out: get new ones, then send the request once more."""


Verdict = Again | Renew | None
Judge = Callable[[Answer], Verdict]


class _TryAgain(Exception):
    def __init__(self, why: str, after: float | None = None) -> None:
        self.why, self.after = why, after
        super().__init__(why)


class Door:
    """The way to one system at one address. ``requests`` counts what was sent.

    ``headers`` gives the headers with the credentials, asked anew for each request; ``renew`` gets new credentials
    (called once for each request at most). ``judge`` may add to `verdict`; ``explain`` turns a refusal into words.
    ``paces`` are token buckets by the ``pace`` of a request; "" is for all others.
    """

    def __init__(
        self,
        network: Network,
        system: str,
        base: str,
        *,
        headers: Callable[[], Mapping[str, str]] = dict,
        renew: Callable[[], None] | None = None,
        judge: Judge | None = None,
        explain: Callable[[Answer], str] | None = None,
        paces: Mapping[str, Pace] | None = None,
        allowed: Iterable[str] = (),
    ) -> None:
        self.network, self.system = network, system
        self.base = checked_base(system, base)
        self._headers, self._renew = headers, renew
        self._judge, self._explain = judge or verdict, explain or explained
        self._paces = paces or {}
        self._allowed = [origin(url) for url in allowed]
        self._lock = threading.Lock()
        self.requests = 0

    def get(self, url: str, params: Params | None = None, **how: Any) -> Any:
        """The JSON at an address; see `send` for ``how``."""
        return self.send("GET", url, params=params, whole=True, **how).data()

    def post(self, url: str, json: Any = None, **how: Any) -> Any:
        """The JSON that a POST of JSON, or of a ``form``, gives; see `send` for ``how``."""
        return self.send("POST", url, json=json, whole=True, **how).data()

    def send(
        self,
        method: str,
        url: str,
        *,
        params: Params | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Collection[int] = (),
        pace: str = "",
        whole: bool = False,
        once: bool = False,
        cap: int = _CAP,
    ) -> Answer:
        """Send a request until it is answered for good.

        A refusal raises: `AuthError` (401), `StatusError` (other 4xx, unless the status is in ``expect``),
        `SourceError` when the system stays down, `QuotaError` when it asks for a longer wait than we have.
        ``whole``: an answer that is not whole JSON counts as down. ``once``: never sent twice, for what is not to
        be repeated. ``cap`` is in bytes.
        """
        import tenacity

        target = resolved(self.system, self.base, url, self._allowed)
        named = f"{method} {urlsplit(target).path}"
        renewed = False

        def attempt() -> Answer:
            nonlocal renewed
            self._wait(self._paces.get(pace), named)
            answer = self._exchange(method, target, named, cap, params, json, form, headers)
            if answer.status in expect:
                return answer
            ruling = self._judge(answer)
            if isinstance(ruling, Renew):
                if self._renew is None or renewed:
                    raise AuthError(
                        f"{self.system} does not accept our credentials ({self._words(answer)}): "
                        f"renew them with `crmctl auth {self.system.lower()}`"
                    )
                renewed = True
                self._renew()
                raise _TryAgain("our token had run out", 0.0)
            if isinstance(ruling, Again):
                raise _TryAgain(ruling.why or f"answered {answer.status}", ruling.after)
            if answer.status >= 300:
                raise StatusError(
                    f"{self.system} refused {named}: {self._words(answer)}",
                    answer.status,
                    answer.body[:_EXPLAINED],
                )
            if whole:
                try:
                    answer.data()
                except ValueError:
                    raise _TryAgain("answered with something that is no whole JSON") from None
            return answer

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(1 if once else _TRIES),
            wait=self._pause,
            retry=tenacity.retry_if_exception_type(_TryAgain),
            sleep=self.network.clock.sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except _TryAgain as error:
            raise SourceError(
                f"{self.system} {self.network.clean(error.why)} to {named}, however often it was asked: try again later"
            ) from None

    def map(self, work: Callable[[T], U], items: Iterable[T], width: int = 4) -> Iterator[U]:
        """``work`` on each item, up to ``width`` at once, results in the order of the items."""
        from collections import deque
        from concurrent.futures import Future, ThreadPoolExecutor

        waiting: deque[Future[U]] = deque()
        with ThreadPoolExecutor(width, thread_name_prefix=self.system) as pool:
            try:
                for item in items:
                    waiting.append(pool.submit(work, item))
                    if len(waiting) >= 2 * width:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _wait(self, pace: Pace | None, named: str) -> None:
        pace = pace or self._paces.get("")
        delay = pace.delay(self.network.clock) if pace else 0.0
        if self.network.left <= delay:
            raise QuotaError(
                f"{self.system}: the time for this run is used up before {named}; the next run goes on from here"
            )
        if delay:
            self.network.clock.sleep(delay)

    def _pause(self, state: Any) -> float:
        """Seconds before the next try: what the system asked for, else doubling from one with some jitter."""
        import random

        error = state.outcome.exception()
        after = getattr(error, "after", None)
        if after is None:
            after = min(60.0, 2.0 ** (state.attempt_number - 1)) * random.uniform(0.75, 1.25)
        if after > min(_LONGEST_WAIT, self.network.left):
            raise QuotaError(
                f"{self.system} {error} and asks to wait {after:.0f} seconds: run again after that"
            )
        return float(after)

    def _exchange(
        self,
        method: str,
        target: str,
        named: str,
        cap: int,
        params: Params | None,
        json: Any,
        form: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        """One request and its whole answer, redirects on the same host included."""
        import httpx

        network = self.network
        for _ in range(_MOST_REDIRECTS + 1):
            with self._lock:
                self.requests += 1
            started = network.clock.monotonic()
            mine = {**self._headers(), **(headers or {})}
            try:
                request = network.client.build_request(
                    method,
                    target,
                    params=_listed(params),
                    json=json,
                    data=dict(form) if form is not None else None,
                    headers=mine,
                )
                with network.within(_DEADLINE):
                    response = network.client.send(request, stream=True)
                    try:
                        body = self._body(response, started, cap, named)
                    finally:
                        response.close()
            except httpx.InvalidURL:
                raise SourceError(
                    f"{self.system} names an address that cannot be asked: refused"
                ) from None
            except (UnicodeEncodeError, httpx.LocalProtocolError) as error:
                if isinstance(error, UnicodeEncodeError) or "Illegal header" in str(error):
                    raise AuthError(
                        f"{self.system}: a token has a line end or an odd character in it: set it anew with "
                        f"`crmctl auth {self.system.lower()}`"
                    ) from None
                raise _TryAgain(f"did not answer ({type(error).__name__})") from None
            except (httpx.TransportError, zlib.error) as error:
                network.tell(f"{self.system} {named}: {type(error).__name__}")
                raise _TryAgain(f"did not answer ({type(error).__name__})") from None
            took = network.clock.monotonic() - started
            query = f"?{request.url.query.decode('ascii', 'replace')}" if request.url.query else ""
            network.tell(
                f"{self.system} {named}{query}: {response.status_code}, {len(body)} bytes, {took:.2f} s"
            )
            where = response.headers.get("location")
            if response.status_code not in _REDIRECTS or not where:
                return Answer(response.status_code, response.headers, body, named)
            if method != "GET":
                raise SourceError(
                    f"{self.system} redirects {named}: refused, it may only redirect reading"
                )
            target, params = resolved(self.system, self.base, where, self._allowed), None
        raise SourceError(f"{self.system} redirects {named} again and again: refused")

    def _body(self, response: Any, started: float, cap: int, named: str) -> bytes:
        """The decoded body; one step of gzip at most, and never more than ``cap`` bytes of memory."""
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"", "identity", "gzip"}:
            raise SourceError(
                f"{self.system} answered {named} in an encoding that nobody asked for: refused"
            )
        unzip = _Unzip() if encoding == "gzip" else None
        held: list[bytes] = []
        size = 0
        for raw in response.iter_raw():
            piece = unzip.piece(raw, cap - size + 1) if unzip else raw
            size += len(piece)
            if size > cap:
                raise TooLarge(
                    f"{self.system} answered {named} with more than {cap >> 20} MB: refused"
                )
            if self.network.clock.monotonic() - started > _DEADLINE:
                raise _TryAgain(f"took longer than {_DEADLINE:.0f} seconds")
            held.append(piece)
        if unzip is not None and not unzip.whole:
            raise _TryAgain("broke off in the middle of an answer")
        return b"".join(held)

    def _words(self, answer: Answer) -> str:
        return self.network.clean(f"{answer.status}, {self._explain(answer)}".rstrip(", "))


class _Unzip:
    """A gzip body, which may be several streams one behind the other."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)
        self.whole = True

    def piece(self, raw: bytes, most: int) -> bytes:
        """What ``raw`` holds, no more than ``most`` bytes of it."""
        found: list[bytes] = []
        while raw and most > 0:
            if self._stream.eof:
                if raw[:1] != b"\x1f":
                    break  # padding
                self._stream = zlib.decompressobj(wbits=31)
            found.append(self._stream.decompress(raw, most))
            most -= len(found[-1])
            raw = self._stream.unused_data
            self.whole = self._stream.eof
        return b"".join(found)


def verdict(answer: Answer) -> Verdict:
    """The usual reading of a status: what passes, what is to be tried again, when a token has run out."""
    if answer.status == 401:
        return Renew()
    if answer.status in TRANSIENT:
        return Again(retry_after(answer))
    return None


def retry_after(answer: Answer, now: float | None = None) -> float | None:
    """Seconds that ``Retry-After`` asks for, in either of its forms; None if it does not."""
    import time

    stated = answer.headers.get("retry-after", "").strip()
    if not stated:
        return None
    if stated.isascii() and stated.replace(".", "", 1).isdigit():
        return float(stated)
    try:
        then = parsedate_to_datetime(stated).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, then - (time.time() if now is None else now))


def explained(answer: Answer) -> str:
    """What a refusal says, in whichever of the usual places it says it; "" if it says nothing readable."""
    found = answer.maybe()
    if isinstance(found, list) and found:
        found = found[0]
    if not isinstance(found, Mapping):
        return ""
    for name in ("message", "error_description", "detail", "errors", "error", "code", "msg"):
        value = found.get(name)
        if isinstance(value, Mapping):
            value = value.get("message")
        if isinstance(value, list):
            value = "; ".join(str(v.get("message") if isinstance(v, Mapping) else v) for v in value)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


def _listed(params: Params | None) -> Any:
    if params is None:
        return None
    pairs = params.items() if isinstance(params, Mapping) else params
    return [(name, value) for name, value in pairs if value is not None] or None


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number")
