"""One IMAP connection that only ever looks: paced, told of, connected again when it breaks off.

Folders are opened with EXAMINE and bodies asked for with BODY.PEEK, so nothing in the mailbox changes, not even what
counts as read. `imaplib` of the standard library does the talking: the libraries on top of it mark mail as read
unless told not to, and hide the answers that this needs (UIDVALIDITY, HIGHESTMODSEQ, why a login failed).
"""

from __future__ import annotations

import base64
import imaplib
import re
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from crmctl.model.errors import ConfigError
from crmctl.sources import mail_imap_wire as wire
from crmctl.sources.errors import AuthError, QuotaError, SourceError
from crmctl.sources.network import Network, is_loopback

Security = Literal["tls", "starttls", "none"]
_TIMEOUT = 30.0  # seconds between two bytes
_DEADLINE = 180.0  # seconds for one literal, however slowly it drips
_TRIES = 4
_PIECE = 64 << 10
_CAP = 128 << 20  # bytes of one literal

_REFUSED = re.compile(
    r"AUTHENTICATIONFAILED|AUTHORIZATIONFAILED|EXPIRED|PRIVACYREQUIRED|CONTACTADMIN|credentials|password|LOGIN failed"
    r"|authentication failed",
    re.IGNORECASE,
)
_LATER = re.compile(
    r"\[(?:UNAVAILABLE|INUSE|SERVERBUG|LIMIT)\]|too many simultaneous|temporar|try again",
    re.IGNORECASE,
)
_BAD = re.compile(
    r"\w+ command error: BAD \[b['\"](.*)['\"]\]\Z", re.DOTALL
)  # how `imaplib` words it
_SPENT = re.compile(r"OVERQUOTA|bandwidth limit|command limit", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Server:
    """Where the mailbox is; ``ca_file`` is a file of further certificates to trust, "" for none."""

    host: str
    port: int
    security: Security
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are there. ``renew`` gets a new token when one is refused, if that is possible; it may raise AuthError."""

    user: str
    password: str = ""
    token: Callable[[], str] | None = None
    renew: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A folder as it was when it was opened. ``modseq`` is 0 where the server counts no changes."""

    exists: int
    uidvalidity: int
    uidnext: int
    modseq: int


class Refused(SourceError):
    """The server said no to one command; others may well go on."""


class Session:
    """Connects with the first command. Use as a context manager, or `close` it."""

    def __init__(self, server: Server, login: Login, network: Network) -> None:
        if server.security == "none" and not is_loopback(server.host):
            raise ConfigError(
                "email: security `none` would send the password unencrypted; use tls or starttls"
            )
        self.server, self._login, self._network = server, login, network
        network.hide(login.password)
        self._imap: imaplib.IMAP4 | None = None
        self._open: tuple[str, int] | None = None
        self.capabilities: frozenset[str] = frozenset()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Say good-bye if that is still possible, and let go of the connection."""
        imap, self._imap, self._open = self._imap, None, None
        if imap is not None:
            try:
                imap.logout()
            except (imaplib.IMAP4.error, OSError):
                _shut(imap)

    def folders(self) -> list[wire.Folder]:
        """All folders that can hold mail, by name, the inbox first."""
        found = wire.folders(self._run("LIST", lambda imap: imap.list('""', "*")))
        able = [f for f in found if not f.flags & {"\\noselect", "\\nonexistent"}]
        return sorted(able, key=lambda folder: (folder.name.upper() != "INBOX", folder.name))

    def status(self, folder: wire.Folder) -> dict[str, int]:
        """UIDNEXT, UIDVALIDITY, and HIGHESTMODSEQ where the server has it. `Refused` if it may not be looked into."""
        wanted = "UIDNEXT UIDVALIDITY" + (
            " HIGHESTMODSEQ" if "CONDSTORE" in self.capabilities else ""
        )
        name = wire.quoted(folder.raw)
        return wire.stated(
            self._run(f"STATUS {folder.name}", lambda imap: imap.status(name, f"({wanted})"))
        )

    def examine(self, folder: wire.Folder) -> Opened:
        """Open a folder to look into it. `Refused` if that may not be."""
        self._open = None
        opened: Opened = self._run(
            f"EXAMINE {folder.name}", lambda imap: self._examined(imap, folder.raw)
        )[0]
        self._open = (folder.raw, opened.uidvalidity)
        return opened

    def search(self, criteria: str) -> list[int]:
        """UIDs in the open folder, ascending. One answer must stay below a million bytes: ask in parts."""
        return wire.numbers(self._run("UID SEARCH", lambda imap: imap.uid("SEARCH", criteria)))

    def fetch(self, uids: Sequence[int], items: str) -> dict[int, wire.Fetched]:
        """What ``items`` say of messages of the open folder, by UID; one that is gone is left out."""
        chosen = wire.uid_set(uids)
        data = self._run(f"UID FETCH of {len(uids)}", lambda imap: imap.uid("FETCH", chosen, items))
        wanted = set(uids)
        return {uid: found for uid, found in wire.fetched(data).items() if uid in wanted}

    def _run(self, named: str, command: Callable[[imaplib.IMAP4], tuple[str, Any]]) -> list[Any]:
        """The data of a command's answer; a broken connection is made anew, three times."""
        clock = self._network.clock
        why = ""
        for attempt in range(_TRIES):
            if self._network.left <= 0:
                raise QuotaError(
                    f"email: the time for this run is used up before {named}; the next run goes on from here"
                )
            if attempt:
                clock.sleep(min(2.0 ** (attempt - 1), max(0.0, self._network.left)))
            started = clock.monotonic()
            try:
                kind, data = command(self._connected())
            except (imaplib.IMAP4.abort, OSError) as error:
                self._drop()
                if isinstance(error, ssl.SSLCertVerificationError):
                    raise _untrusted(self.server) from None
                why = self._network.clean(_words(error)) or type(error).__name__
                self._network.tell(f"email {named}: {why}")
                continue
            except imaplib.IMAP4.error as error:
                raise self._refusal(named, _words(error)) from None
            self._network.tell(f"email {named}: {kind}, {clock.monotonic() - started:.2f} s")
            if kind != "OK":
                raise self._refusal(named, _spoken(data))
            return list(data)
        raise SourceError(
            f"email: {self.server.host} did not answer {named} ({why}): run again later; what was read is kept"
        )

    def _connected(self) -> imaplib.IMAP4:
        if self._imap is None:
            imap = self._dial()
            try:
                self._log_in(imap)
                self.capabilities = frozenset(_spoken(imap.capability()[1]).upper().split())
                if "ID" in self.capabilities and "X-GM-EXT-1" in self.capabilities:
                    imap.xatom("ID", '("name" "crmctl")')  # Google asks for it
                self._open_again(imap)
            except BaseException:
                _shut(imap)
                raise
            self._imap = imap
        return self._imap

    def _open_again(self, imap: imaplib.IMAP4) -> None:
        if self._open is not None:
            name, before = self._open
            if self._examined(imap, name)[1][0].uidvalidity != before:
                raise SourceError("email: a folder was made anew while it was read: run again")

    def _dial(self) -> imaplib.IMAP4:
        server = self.server
        try:
            context = ssl.create_default_context(cafile=server.ca_file or None)
        except (OSError, ssl.SSLError):
            raise ConfigError(
                f"email: ca_file {server.ca_file!r} holds no certificates that can be read"
            ) from None
        if server.security == "tls":
            return _SafeTLS(server.host, server.port, ssl_context=context, timeout=_TIMEOUT)
        imap = _Safe(server.host, server.port, timeout=_TIMEOUT)
        if server.security == "starttls":
            try:
                self._encrypt(imap, context)
            except BaseException:
                _shut(imap)
                raise
        return imap

    def _encrypt(self, imap: imaplib.IMAP4, context: ssl.SSLContext) -> None:
        if "STARTTLS" not in imap.capabilities:
            raise ConfigError(
                f"email: {self.server.host} port {self.server.port} offers no STARTTLS; set security tls and its port"
            )
        imap.starttls(context)

    def _log_in(self, imap: imaplib.IMAP4) -> None:
        login = self._login
        try:
            self._authenticate(imap)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            refusal = self._refusal("the login", _words(error))
            if not isinstance(refusal, AuthError) or login.token is None or login.renew is None:
                raise refusal from None
            login.renew()
            try:
                self._authenticate(imap)
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error as again:
                raise self._refusal("the login", _words(again)) from None

    def _authenticate(self, imap: imaplib.IMAP4) -> None:
        """With a token XOAUTH2, where the server tells of a refusal in a challenge that wants an empty answer."""
        login = self._login
        if login.token is not None:
            token = login.token()
            first = f"user={login.user}\x01auth=Bearer {token}\x01\x01".encode()
            self._network.hide(token, base64.b64encode(first).decode())
            answers = iter([first])
            imap.authenticate("XOAUTH2", lambda _challenge: next(answers, b""))
        elif "AUTH=PLAIN" in imap.capabilities:
            plain = f"\0{login.user}\0{login.password}".encode()
            imap.authenticate("PLAIN", lambda _challenge: plain)
        elif not (login.user + login.password).isascii():
            raise ConfigError(
                f"email: {self.server.host} takes only plain letters in user and password"
            )
        else:
            imap.login(wire.quoted(login.user), login.password)

    def _examined(self, imap: imaplib.IMAP4, raw: str) -> tuple[str, Any]:
        kind, data = imap.select(wire.quoted(raw), readonly=True)
        if kind != "OK":
            return kind, data

        def told(name: str) -> int:
            found = imap.response(name)[1]
            return max(wire.numbers([found[-1] if found else b""]), default=0)

        count = max(wire.numbers(data), default=0)
        return kind, [Opened(count, told("UIDVALIDITY"), told("UIDNEXT"), told("HIGHESTMODSEQ"))]

    def _refusal(self, named: str, said: str) -> SourceError | AuthError:
        """What a NO or BAD means, by its text: there is nothing else to go by."""
        words = self._network.clean(said)
        host = self.server.host
        if _SPENT.search(said):
            return QuotaError(
                f"email: {host} gives no more today ({words}): run again in some hours"
            )
        if "authenticated but not connected" in said:
            return AuthError(
                f"email: {host} accepts the token but not for the mailbox {self._login.user} ({words}): "
                "check `user`, and the application's right to this mailbox"
            )
        if _LATER.search(said):
            return SourceError(f"email: {host} cannot take {named} now ({words}): run again later")
        if named == "the login" or _REFUSED.search(said):
            return AuthError(
                f"email: {host} refused the login as {self._login.user} ({words}): "
                "renew it with `crmctl auth email`; many providers want an app password here"
            )
        return Refused(f"email: {host} refused {named} ({words})")

    def _drop(self) -> None:
        if self._imap is not None:
            _shut(self._imap)
            self._imap = None


class _Bounded:
    """Reads literals in pieces, so that neither a huge nor an endless one can hold us."""

    def read(self, size: int) -> bytes:
        import time

        if size > _CAP:
            raise imaplib.IMAP4.abort(f"a literal of {size >> 20} MB")
        pieces: list[bytes] = []
        missing, until = size, time.monotonic() + _DEADLINE
        while missing > 0:
            piece = super().read(min(missing, _PIECE))  # type: ignore[misc]  # of the class it is mixed into
            if not piece:
                break
            if time.monotonic() > until:
                raise imaplib.IMAP4.abort("a literal that takes minutes")
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)


class _Safe(_Bounded, imaplib.IMAP4):
    pass


class _SafeTLS(_Bounded, imaplib.IMAP4_SSL):
    pass


def _shut(imap: imaplib.IMAP4) -> None:
    try:
        imap.shutdown()
    except OSError:
        return


def _spoken(data: Any) -> str:
    found = [part for part in data or () if isinstance(part, bytes)]
    return b" ".join(found).decode("utf-8", "replace")


def _words(error: Exception) -> str:
    """What an error says; `imaplib` often puts the server's own bytes into it."""
    found = error.args[0] if error.args else ""
    text = found.decode("utf-8", "replace") if isinstance(found, bytes) else str(error)
    return _BAD.sub(r"\1", text)


def _untrusted(server: Server) -> ConfigError:
    return ConfigError(
        f"email: the certificate of {server.host} is not trusted here; set ca_file to that of the authority behind it"
    )
