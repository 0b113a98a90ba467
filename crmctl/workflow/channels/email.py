"""Mail by SMTP: plain text and HTML in one message, over TLS, to members of the team and to nobody else.

`smtplib` of the standard library does the talking. It has a timeout between two bytes only, so a watch ends the
connection when a letter takes too long.
"""

from __future__ import annotations

import datetime as dt
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING

from crmctl.model.errors import ConfigError
from crmctl.model.text import mail_header
from crmctl.sources.network import is_loopback
from crmctl.workflow.channels.base import (
    REPEAT,
    Asked,
    Outcome,
    Parcel,
    Recipient,
    Shown,
    cannot_ask,
)

if TYPE_CHECKING:
    from crmctl.sources.network import Network
    from crmctl.workspace.machine import Machine

SYSTEM = "smtp"
PORTS = {"starttls": 587, "tls": 465, "none": 25}
DEADLINE = 90.0  # seconds for connecting, and for one letter
_TIMEOUT = 30.0  # seconds between two bytes
_FAREWELL = 5.0  # seconds for saying good-bye
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\Z")
_AUTH_FOR_NOW = 454


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in, and who we are there. ``domains`` are those that mail may go to."""

    host: str
    port: int
    security: str
    sender: str
    domains: frozenset[str]
    user: str = ""
    password: str = ""
    ca_file: str = ""


def server(machine: Machine) -> Server:
    """The server of this machine's settings. ConfigError says what is missing or not safe."""
    host, sender = machine.need(SYSTEM, "host", "from").values()
    security = machine.get(SYSTEM, "security") or "starttls"
    if security not in PORTS:
        raise ConfigError(f"smtp: security {security!r}; allowed: starttls, tls, none")
    if security == "none" and not is_loopback(host):
        raise ConfigError(
            "smtp: security none would send mail and password unencrypted; use starttls or tls"
        )
    port = machine.get(SYSTEM, "port") or str(PORTS[security])
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ConfigError(f"smtp: port {port!r} is none")
    if not _ADDRESS.match(sender):
        raise ConfigError("smtp: from is no mail address; write one such as crm@ours.example")
    stated = machine.get(SYSTEM, "domains").replace(",", " ").lower().split()
    own = sender.rpartition("@")[2].lower()
    return Server(
        host,
        int(port),
        security,
        sender,
        frozenset(stated or [own]),
        machine.get(SYSTEM, "user"),
        machine.get(SYSTEM, "password"),
        machine.get(SYSTEM, "ca_file"),
    )


class _Refused(Exception):
    """The server said no before it had the message. ``outcome`` is what that means."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(outcome.text)


class MailChannel:
    """One SMTP server. The connection is made with the first letter and used for all."""

    kind = "email"

    def __init__(self, server: Server, network: Network, company: str = "") -> None:
        network.hide(server.password)
        self._server, self._network = server, network
        self._company = company
        self._smtp: smtplib.SMTP | None = None
        self._ready = False  # greeted, encrypted and logged in, as far as the settings want it
        self._watch: socket.socket | None = None  # the same connection, also while TLS begins

    def close(self) -> None:
        smtp, self._smtp, self._ready = self._smtp, None, False
        try:
            if smtp is not None:
                with suppress(smtplib.SMTPException, OSError), self._watched(_FAREWELL):
                    smtp.quit()
        finally:
            if smtp is not None:
                smtp.close()
            if self._watch is not None:
                self._watch.close()
                self._watch = None

    def ask(self, parcel: Parcel) -> tuple[Asked, str]:  # noqa: ARG002  a mail server tells nobody
        return cannot_ask("a mail server")

    def check(self) -> str:
        """Connect and log in, as a sentence. `ConfigError` with what the server said if it refuses."""
        try:
            with self._watched():
                self._connected()
        except _Refused as error:
            raise ConfigError(error.outcome.text) from None
        except (OSError, smtplib.SMTPException) as error:
            raise ConfigError(self._words("did not answer", error)) from None
        finally:
            self.close()
        return f"connected to {self._server.host}; mail goes to {', '.join(sorted(self._server.domains))}"

    def shown(self, parcel: Parcel) -> Shown:
        message = self._composed(parcel)
        body = message.get_body(("plain",))
        page = message.get_body(("html",))
        head = [(name, str(value)) for name, value in message.items()]
        text = body.get_content() if body is not None else ""
        payload = {
            "headers": dict(head),
            "text": text,
            "html": page.get_content() if page is not None else "",
        }
        return Shown(parcel.to.email or parcel.to.name, head, text, payload)

    def send(self, parcel: Parcel) -> Outcome:
        to = parcel.to.email
        domain = to.rpartition("@")[2].lower()
        if not _ADDRESS.match(to):
            return Outcome("failed", f"{parcel.to.name} has no address in crmctl.yaml that is one")
        if domain not in self._server.domains:
            return Outcome(
                "unset",
                f"mail to {domain} is not allowed here: allow it with `crmctl auth smtp --set domains`",
            )
        handed_over = False
        try:
            raw = self._composed(parcel).as_bytes(policy=SMTP)
            with self._watched():
                smtp = self._connected()
                self._expect(*smtp.mail(self._server.sender), "MAIL FROM")
                self._expect(*smtp.rcpt(to), "RCPT TO")
                self._expect(*smtp.docmd("DATA"), "DATA", 354)
                handed_over = True
                smtp.send(re.sub(rb"(?m)^\.", b"..", raw) + b".\r\n")
                code, said = smtp.getreply()
                handed_over = False
                self._expect(code, said, "the message")
        except _Refused as error:
            self._reset()
            return error.outcome
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            if handed_over:
                what = "broke off before it said whether it took the message"
                return Outcome("unsure", self._words(what, error), down=True)
            if isinstance(error, ssl.SSLCertVerificationError):
                return Outcome("unset", self._words("is not trusted", error), down=True)
            return Outcome("later", self._words("did not answer", error), down=True)
        except (MessageError, ValueError, IndexError) as error:
            # The standard library's own limits: one odd name must not stop the others.
            return Outcome("failed", self._network.clean(f"cannot be made a mail: {error}"))
        return Outcome(
            "sent", self._network.clean(f"{to}: {code} {said.decode('ascii', 'replace')}")
        )

    # --- the connection

    def _connected(self) -> smtplib.SMTP:
        if self._smtp is not None and self._ready:
            return self._smtp
        where = self._server
        # Without a name of its own, the library would ask the name server for ours.
        smtp = smtplib.SMTP(local_hostname=where.sender.rpartition("@")[2], timeout=_TIMEOUT)
        smtp.sock = socket.create_connection((where.host, where.port), _TIMEOUT)
        self._smtp, self._watch = smtp, smtp.sock.dup()
        if where.security == "tls":
            smtp.sock = self._trusted().wrap_socket(smtp.sock, server_hostname=where.host)
        self._expect(*smtp.getreply(), "the connection")
        smtp.ehlo_or_helo_if_needed()
        if where.security == "starttls":
            if not smtp.has_extn("starttls"):
                raise _Refused(self._unset("offers no STARTTLS: nothing is sent in the clear"))
            self._expect(*smtp.docmd("STARTTLS"), "STARTTLS")
            smtp.sock = self._trusted().wrap_socket(smtp.sock, server_hostname=where.host)
            # What was said in the clear counts for nothing, what lies in the buffer included.
            smtp.file, smtp.ehlo_resp, smtp.helo_resp = None, None, None
            smtp.esmtp_features, smtp.does_esmtp = {}, False
            smtp.ehlo_or_helo_if_needed()
        if where.user:
            self._log_in(smtp)
        self._ready = True
        return smtp

    def _log_in(self, smtp: smtplib.SMTP) -> None:
        try:
            smtp.login(self._server.user, self._server.password)
        except smtplib.SMTPAuthenticationError as error:
            said = self._said(error.smtp_code, error.smtp_error, "the login")
            if error.smtp_code == _AUTH_FOR_NOW or 400 <= error.smtp_code < 500:
                raise _Refused(Outcome("later", said, down=True)) from None
            raise _Refused(Outcome("unset", said, down=True)) from None
        except smtplib.SMTPNotSupportedError:
            raise _Refused(self._unset("offers no login that we know")) from None

    def _trusted(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._server.ca_file:
            try:
                context.load_verify_locations(self._server.ca_file)
            except OSError as error:
                raise _Refused(self._unset(f"ca_file cannot be read ({error.strerror})")) from None
        return context

    @contextmanager
    def _watched(self, seconds: float = 0.0) -> Iterator[None]:
        """End the connection when the time is up, whatever the server drips meanwhile."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(seconds or DEADLINE):
                held = self._watch
                if held is not None:
                    with suppress(OSError):
                        held.shutdown(socket.SHUT_RDWR)

        thread = threading.Thread(target=watch, name="smtp deadline", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _reset(self) -> None:
        """Ready for the next letter, or without a connection."""
        if self._smtp is None or not self._ready:
            self.close()
            return
        try:
            with self._watched():
                good = self._smtp.rset()[0] == 250
            if not good:
                self.close()
        except (OSError, smtplib.SMTPException):
            self.close()

    def _expect(self, code: int, said: bytes, what: str, wanted: int = 0) -> None:
        if code == wanted or (not wanted and 200 <= code < 300):
            return
        words = self._said(code, said, what)
        if 400 <= code < 500:
            raise _Refused(Outcome("later", words, down=code == 421 or what == "the connection"))
        if what in {"the connection", "STARTTLS", "MAIL FROM"}:
            # The server refuses us, not this message: a person must look at the settings.
            raise _Refused(Outcome("unset", words, down=True))
        raise _Refused(Outcome("failed", words))

    def _unset(self, what: str) -> Outcome:
        return Outcome("unset", f"smtp: {self._server.host} {what}", down=True)

    def _said(self, code: int, said: bytes | str, what: str) -> str:
        words = said if isinstance(said, str) else said.decode("utf-8", "replace")
        return self._network.clean(f"{self._server.host} refused {what}: {code} {words}")

    def _words(self, what: str, error: Exception) -> str:
        why = type(error).__name__
        if isinstance(error, ssl.SSLCertVerificationError):
            why = f"its certificate: {error.verify_message}"
        return self._network.clean(f"{self._server.host} {what} ({why})")

    # --- the message

    def _composed(self, parcel: Parcel) -> EmailMessage:
        """The same message for the same letter: its id and its date come from the letter, not from the clock."""
        domain = self._server.sender.rpartition("@")[2]
        company = mail_header(self._company)
        message = EmailMessage(policy=SMTP)
        message["From"] = _address("crmctl", self._server.sender)
        message["To"] = _named(parcel.to)
        message["Subject"] = mail_header(parcel.sheet.subject)
        message["Date"] = format_datetime(dt.datetime.fromisoformat(parcel.made))
        message["Message-ID"] = f"<{parcel.key}.crmctl@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"
        message["List-Id"] = f"{_phrase(company)}<notifications.crmctl.{domain}>"
        text, page = parcel.sheet.text, parcel.sheet.html
        if parcel.repeat:
            message["X-Crmctl-Possible-Repeat"] = "yes"
            text = f"{REPEAT}\n\n{text}"
            page = page.replace("<body>", f"<body>\n<p>{REPEAT}</p>", 1)
        message.set_content(text, cte="quoted-printable")
        message.add_alternative(page, subtype="html", cte="quoted-printable")
        return message


def _named(to: Recipient) -> str | Address:
    return _address(to.name, to.email) if _ADDRESS.match(to.email) else mail_header(to.name)


def _address(name: str, address: str) -> Address:
    return Address(display_name=mail_header(name), addr_spec=address)


def _phrase(company: str) -> str:
    plain = "".join(c for c in company if c.isascii() and (c.isalnum() or c in " -"))
    return f"crmctl of {plain.strip()} ".replace("of  ", "")
