"""A real SMTP server in this process, with the faults of real ones and a ledger of what it took."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections import deque
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

USER, PASSWORD = "crm", "pw-2048-mail-4096"
TAKEN = "taken, then hang up"
CUT = "hang up before it is taken"


class Mailroom:
    """``taken`` are the messages in the order they came; ``faults`` meet the next ones, one each.

    A fault is a reply such as ``451 later``, `TAKEN` or `CUT`; "" lets a message pass. ``refused`` are replies to a
    recipient, by address. ``tls`` is a folder to lay a certificate into; ``at_once``: without STARTTLS.
    """

    def __init__(
        self, tls: Path | None = None, *, login: bool = False, at_once: bool = False
    ) -> None:
        self.taken: list[bytes] = []
        self.faults: deque[str] = deque()
        self.refused: dict[str, str] = {}
        self.connections = 0
        self.login_reply = ""
        self.greeting = ""
        self._login, self._at_once = login, at_once
        self._context: ssl.SSLContext | None = None
        self.ca_file = ""
        if tls is not None:
            from tests.servers.dovecot import certificate

            certificate(tls)
            self.ca_file = str(tls / "cert.pem")
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(self.ca_file, str(tls / "key.pem"))
        self.port = 0

    @property
    def messages(self) -> list[EmailMessage]:
        found = []
        for raw in self.taken:
            message = message_from_bytes(raw, policy=policy.default)
            assert isinstance(message, EmailMessage)
            found.append(message)
        return found

    @property
    def heads(self) -> list[Message]:
        """The messages without their bodies: many are looked at for a header alone."""
        return [BytesHeaderParser().parsebytes(raw) for raw in self.taken]

    def ids(self) -> list[str]:
        """The Message-ID of each message that was taken."""
        return [str(head["Message-ID"]).strip() for head in self.heads]

    def environment(self) -> dict[str, str]:
        """The CRMCTL_ variables that lead here."""
        found = {
            "CRMCTL_SMTP_HOST": "localhost" if self._context else "127.0.0.1",
            "CRMCTL_SMTP_PORT": str(self.port),
            "CRMCTL_SMTP_FROM": "crm@ours.example",
            "CRMCTL_SMTP_SECURITY": ("tls" if self._at_once else "starttls")
            if self._context
            else "none",
        }
        found |= {"CRMCTL_SMTP_CA_FILE": self.ca_file} if self.ca_file else {}
        if self._login:
            found |= {"CRMCTL_SMTP_USER": USER, "CRMCTL_SMTP_PASSWORD": PASSWORD}
        return found

    # --- what aiosmtpd calls

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Any, envelope: Any) -> str:  # noqa: N802
        fault = self.faults.popleft() if self.faults else ""
        if fault not in {"", TAKEN}:
            if fault == CUT:
                _hang_up(server)
            return fault if fault != CUT else "250 OK"
        content = envelope.content
        self.taken.append(content if isinstance(content, bytes) else content.encode())
        if fault == TAKEN:
            _hang_up(server)
        return "250 OK, queued"

    def _authenticate(
        self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any
    ) -> AuthResult:
        if self.login_reply:
            return AuthResult(success=False, handled=False, message=self.login_reply)
        good = isinstance(given, LoginPassword) and given.login == USER.encode()
        return AuthResult(success=good and given.password == PASSWORD.encode(), handled=False)

    def _protocol(self) -> SMTP:
        self.connections += 1
        return SMTP(
            self,
            hostname="mail.ours.example",
            tls_context=None if self._at_once else self._context,
            require_starttls=self._context is not None and not self._at_once,
            authenticator=self._authenticate if self._login else None,
            auth_required=self._login,
            auth_require_tls=self._context is not None,
            loop=self._loop,
        )

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(
            self._loop.create_server(
                self._protocol, "127.0.0.1", 0, ssl=self._context if self._at_once else None
            )
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        async def stop() -> None:
            self._server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _hang_up(server: SMTP) -> None:
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()


class Dripping:
    """A server that says its greeting byte by byte and never comes to an end."""

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._drip, daemon=True)
        self._thread.start()
        return self

    def _drip(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            while not self._over.wait(0.01):
                try:
                    connection.send(b"2")
                except OSError:
                    return

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._listening.close()
        self._thread.join()
