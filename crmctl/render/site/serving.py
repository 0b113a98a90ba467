"""Showing the site on this machine, and building it again when the files change.

Only this machine can ask, and only under its own name: a page elsewhere whose name points here (DNS rebinding) is
refused by the Host header. Nothing is listed, and nothing but our own pages is given out.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from crmctl.insight.fingerprint import fingerprint
from crmctl.model.errors import CrmError
from crmctl.render.site.output import PAGE
from crmctl.workspace.index import account_folders, stat_key

if TYPE_CHECKING:
    import datetime as dt

HOST = "127.0.0.1"
TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
SECONDS = 1.0  # between two looks at the files
SHARE = 10  # looking takes at most one part in so many of the time
_FILES = ("crmctl.yaml", "weights.yaml", "signals.yaml", "models/churn.json")


class _Server(ThreadingHTTPServer):
    """The server of one folder."""

    daemon_threads = True
    folder: Path


class _Handler(BaseHTTPRequestHandler):
    """One request for one page."""

    server_version = "crmctl"
    sys_version = ""
    timeout = 30

    server: _Server

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        host = self.headers.get("Host", "")
        if host not in {f"{name}:{self.server.server_address[1]}" for name in (HOST, "localhost")}:
            self._send(
                HTTPStatus.MISDIRECTED_REQUEST, b"not under this name\n", "text/plain", body=body
            )
            return
        path = unquote(urlsplit(self.path).path).removeprefix("/") or "index.html"
        found = self._page(path)
        if found is None:
            self._send(HTTPStatus.NOT_FOUND, b"there is no such page\n", "text/plain", body=body)
        else:
            self._send(HTTPStatus.OK, found, TYPES[path.rpartition(".")[2]], body=body)

    def _page(self, path: str) -> bytes | None:
        if not PAGE.fullmatch(path):
            return None
        try:
            handle = os.open(self.server.folder / path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return None
        with os.fdopen(handle, "rb") as file:
            return file.read()

    def _send(self, status: HTTPStatus, data: bytes, kind: str, *, body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what people look at is nobody's business."""


@contextmanager
def serving(folder: Path, port: int) -> Iterator[int]:
    """Serve a folder's pages on loopback while the block runs; gives the port, a free one for 0. CrmError if taken."""
    try:
        server = _Server((HOST, port), _Handler)
    except OSError as error:
        raise CrmError(
            f"cannot listen on {HOST}:{port}: {error.strerror}; choose another with --port"
        ) from None
    server.folder = folder
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True
    )
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def state(root: Path, day: dt.date) -> str:
    """A digest of all that the site is made from, by the files' stat keys: another one, and it must be built again."""
    accounts = f"{root}/accounts"
    found = blake2b(repr(day).encode(), digest_size=16)
    for name in _FILES:
        found.update(repr(stat_key(f"{root}/{name}")).encode())
    for slug in account_folders(accounts):
        mark = fingerprint(accounts, slug)
        tasks = _listed(f"{accounts}/{slug}/tasks")
        found.update(f"{slug} {mark.digest} {tasks}\n".encode())
    found.update(_listed(f"{accounts}/_measures").encode())
    return found.hexdigest()


def _listed(folder: str) -> str:
    try:
        with os.scandir(folder) as entries:
            return repr(sorted((entry.name, stat_key(entry.path)) for entry in entries))
    except OSError:
        return ""


def changes(look: Callable[[], str], sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
    """Yields each time ``look`` sees something else than the time before, once it has come to rest."""
    before = look()
    while True:
        start = time.monotonic()
        now = look()
        sleep(max(SECONDS, SHARE * (time.monotonic() - start)))
        if now != before and look() == now:
            before = now
            yield
