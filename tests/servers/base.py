"""A local HTTP server that a test scripts: it answers as the real system does, faults included, and keeps a ledger."""

from __future__ import annotations

import gzip
import json
import random
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Call:
    """One request as it came."""

    method: str
    path: str
    pairs: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        return dict(self.pairs)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"null")


@dataclass
class Reply:
    """One answer. ``body`` is bytes, text, or anything JSON can hold."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)

    def raw(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        self.headers.setdefault("Content-Type", "application/json; charset=utf-8")
        return json.dumps(self.body, ensure_ascii=False).encode()


Fault = Callable[[Call, Reply], Reply | None]
"""Changes an answer on its way out, or None to hang up without one."""


def status(code: int, body: Any = b"", **headers: str) -> Fault:
    """Answer with this status instead."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _call, _reply: Reply(code, body, fields)


def html(code: int) -> Fault:
    """The page of a proxy that lost its server."""
    return status(
        code, "<html><title>Bad gateway</title><p>try later</p></html>", Content_Type="text/html"
    )


def busy(after: str = "3") -> Fault:
    """Too many requests, come back later; ``after`` is seconds or a date."""
    return status(429, {"error": "ratelimited", "ok": False}, Retry_After=after)


def cut(_call: Call, reply: Reply) -> Reply:
    """Half of the body, with a length that fits: the JSON breaks off."""
    raw = reply.raw()
    return Reply(reply.status, raw[: max(1, len(raw) // 2)], dict(reply.headers))


def hang_up(_call: Call, _reply: Reply) -> None:
    """No answer at all."""


class _Quiet(ThreadingHTTPServer):
    """A client that goes away in the middle is nothing to print about."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None: ...


class Server:
    """Override `handle`. ``faults`` are used up one a request, in order; ``share`` of all requests fail by chance.

    ``calls`` holds every request that came. Start it as a context manager.
    """

    transient: tuple[Fault, ...] = (status(500), html(503), busy("1"), cut, hang_up)

    def __init__(self, seed: int = 1) -> None:
        self.calls: list[Call] = []
        self.faults: deque[Fault | None] = deque()
        self.share = 0.0
        self.before: Callable[[Call], None] = lambda _call: None
        self._rng = random.Random(seed)
        self._lock = threading.RLock()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    def handle(self, call: Call) -> Reply:
        raise NotImplementedError

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def count(self, part: str = "") -> int:
        """How many requests had this in their path."""
        return sum(part in call.path for call in self.calls)

    def fail(self, faults: Iterable[Fault | None]) -> None:
        """Let the next requests meet these, one each; None lets one pass."""
        self.faults.extend(faults)

    def __enter__(self) -> Self:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *arguments: object) -> None: ...

            def _serve(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                call = Call(
                    self.command,
                    parts.path,
                    tuple(parse_qsl(parts.query, keep_blank_values=True)),
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(length),
                )
                reply = owner._answer(call)
                if reply is None:
                    self.close_connection = True
                    return
                raw = reply.raw()
                headers = dict(reply.headers)
                wanted = "gzip" in call.headers.get("accept-encoding", "")
                if wanted and len(raw) > 10_000 and "Content-Encoding" not in headers:
                    raw = gzip.compress(raw, 1)
                    headers["Content-Encoding"] = "gzip"
                self.send_response(reply.status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(raw)

            do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = do_HEAD = _serve  # noqa: N815

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, call: Call) -> Reply | None:
        with self._lock:
            self.calls.append(call)
            self.before(call)
            fault = self.faults.popleft() if self.faults else None
            if fault is None and self.share and self._rng.random() < self.share:
                fault = self._rng.choice(self.transient)
            try:
                reply = self.handle(call)
            except Exception as error:  # noqa: BLE001  a bug of the double must be seen in the test
                return Reply(599, f"the test server broke: {error!r}")
            return reply if fault is None else fault(call, reply)
