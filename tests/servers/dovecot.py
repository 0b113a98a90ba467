"""A real Dovecot 2.3 of our own: unprivileged, on this machine alone, each mailbox fresh. Skips where it is missing."""

from __future__ import annotations

import atexit
import datetime as dt
import getpass
import grp
import imaplib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tests.servers.tokens import Tokens

BINARY = "/usr/sbin/dovecot"
PASSWORD = "s3cret words"
MOST_USERS = 2000

CONFIG = """base_dir = {home}/run
state_dir = {home}/state
instance_name = crmctl-test
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{home}/cert.pem
ssl_key = <{home}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2 oauthbearer
auth_failure_delay = 0
log_path = {home}/dovecot.log
mail_fsync = never
mail_location = maildir:{home}/mail/%u/Maildir
mail_max_userip_connections = 50
first_valid_uid = 1
first_valid_gid = 1
mail_privileged_group =
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {home}/users
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {home}/oauth2.conf.ext
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={home}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    special_use = \\Sent
    auto = subscribe
  }}
  mailbox Drafts {{
    special_use = \\Drafts
    auto = create
  }}
  mailbox Trash {{
    special_use = \\Trash
    auto = create
  }}
  mailbox Spam {{
    special_use = \\Junk
    auto = create
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {plain}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {tls}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""
OAUTH = """introspection_mode = get
introspection_url = {url}/introspect?token=
username_attribute = username
username_format = %u
active_attribute = active
active_value = true
"""


class Dovecot:
    """Start it as a context manager; each `mailbox` is a user of its own. ``ca_file`` is what its certificate needs."""

    def __init__(self) -> None:
        reason = missing()
        if reason:
            pytest.skip(reason)
        # Short: the names of sockets have a limit of about a hundred bytes.
        self.home = Path(tempfile.mkdtemp(prefix="dc-", dir="/tmp"))
        self.tokens = Tokens()
        self.port, self.tls_port = _free_ports(2)
        self.ca_file = str(self.home / "cert.pem")
        self._count = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.tokens.__enter__()
        try:
            self._start()
            self._wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _start(self) -> None:
        # As root it would need users of its own on the machine; as anybody else it runs as that one.
        name = "nobody" if os.geteuid() == 0 else getpass.getuser()
        user, group = pwd.getpwnam(name).pw_uid, pwd.getpwnam(name).pw_gid
        for folder in ("run", "state", "mail"):
            (self.home / folder).mkdir()
        certificate(self.home)
        # All of them now: Dovecot may look at this file once a second only.
        users = (f"{_user(n + 1)}:{{PLAIN}}{PASSWORD}::::::\n" for n in range(MOST_USERS))
        (self.home / "users").write_text("".join(users))
        settings = {"home": self.home, "user": name, "group": grp.getgrgid(group).gr_name}
        config = CONFIG.format(**settings, plain=self.port, tls=self.tls_port)
        (self.home / "dovecot.conf").write_text(config)
        (self.home / "oauth2.conf.ext").write_text(OAUTH.format(url=self.tokens.url))
        command = [BINARY, "-F", "-c", str(self.home / "dovecot.conf")]
        quiet: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        if os.geteuid() == 0:
            for path in (self.home, *self.home.rglob("*")):
                os.chown(path, user, group)
            quiet |= {"user": user, "group": group, "extra_groups": []}
        self._process = subprocess.Popen(command, start_new_session=True, **quiet)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self.tokens.__exit__(None, None, None)
        shutil.rmtree(self.home, ignore_errors=True)

    def mailbox(self) -> Mailbox:
        """A new user with an empty mailbox."""
        self._count += 1
        return Mailbox(self, _user(self._count))

    def log(self) -> str:
        """What Dovecot itself says."""
        return (self.home / "dovecot.log").read_text(errors="replace")

    def _wait(self) -> None:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                    if connection.recv(20):
                        return
            except OSError:
                time.sleep(0.02)
        pytest.fail(f"Dovecot does not start: {self.log()}")


class Mailbox:
    """One user's mail, changed behind the back of whoever is tested."""

    def __init__(self, server: Dovecot, user: str) -> None:
        self.server, self.user = server, user

    @contextmanager
    def session(self) -> Iterator[imaplib.IMAP4]:
        imap = imaplib.IMAP4("127.0.0.1", self.server.port)
        try:
            imap.login(self.user, PASSWORD)
            yield imap
        finally:
            imap.logout()

    def add(
        self,
        raw: bytes,
        folder: str = "INBOX",
        *,
        at: dt.datetime | None = None,
        flags: str = "",
    ) -> None:
        """Put one message into a folder (its name as the wire has it), received at that time."""
        self.add_all([(raw, at)], folder, flags=flags)

    def add_all(
        self,
        messages: list[tuple[bytes, dt.datetime | None]],
        folder: str = "INBOX",
        *,
        flags: str = "",
    ) -> None:
        with self.session() as imap:
            if folder != "INBOX":
                imap.create(f'"{folder}"')
            for raw, at in messages:
                stamp = imaplib.Time2Internaldate(at) if at is not None else None
                kind, data = imap.append(f'"{folder}"', flags, stamp, _crlf(raw))
                assert kind == "OK", data

    def each(self, what: str = "FLAGS", folder: str = "INBOX") -> list[str]:
        """What FETCH says of each message, without any side effect."""
        with self.session() as imap:
            imap.select(f'"{folder}"', readonly=True)
            return [str(item) for item in imap.uid("FETCH", "1:*", f"({what})")[1]]

    def flag(self, uid: int, flag: str, folder: str = "INBOX") -> None:
        with self.session() as imap:
            imap.select(f'"{folder}"')
            imap.uid("STORE", str(uid), "+FLAGS", f"({flag})")
            imap.expunge()

    def move(self, uid: int, source: str, target: str) -> None:
        with self.session() as imap:
            imap.create(f'"{target}"')
            imap.select(f'"{source}"')
            imap.uid("MOVE", str(uid), f'"{target}"')

    def clear(self) -> None:
        """Nothing is left in any folder."""
        with self.session() as imap:
            for line in imap.list()[1]:
                name = line.rpartition(b" ")[2].decode() if isinstance(line, bytes) else ""
                imap.select(name if name.startswith('"') else f'"{name}"')
                imap.uid("STORE", "1:*", "+FLAGS", "(\\Deleted)")
                imap.expunge()

    def make_anew(self, folder: str) -> None:
        """Delete a folder and make it again: its UIDs mean something else from now on."""
        with self.session() as imap:
            imap.delete(f'"{folder}"')
            imap.create(f'"{folder}"')


def missing() -> str:
    """Why there is no Dovecot to test with, "" if there is one."""
    if not os.access(BINARY, os.X_OK):
        return "Dovecot is not installed (apt-get install dovecot-imapd)"
    said = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"(\d+)\.(\d+)", said)
    if version is None or (int(version[1]), int(version[2])) >= (2, 4):
        return f"Dovecot {said.split()[0] if said else '?'} has another language for its configuration than 2.3"
    return ""


@lru_cache(maxsize=1)
def shared() -> Dovecot:
    """One Dovecot for this process, until its end. Skips the test that asks where there can be none."""
    server = Dovecot().__enter__()
    atexit.register(server.__exit__, None, None, None)
    return server


def _user(number: int) -> str:
    return f"ana{number}@ours.example"


def _crlf(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _free_ports(count: int) -> list[int]:
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in taken]
    for listener in taken:
        listener.close()
    return ports


def certificate(home: Path) -> None:
    """cert.pem and key.pem of a server on this machine that nobody else trusts."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    (home / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (home / "key.pem").write_bytes(private)
