"""A mailbox as a source, through whichever door this machine has to it: IMAP, the Gmail API, or Microsoft Graph."""

from __future__ import annotations

from typing import cast, get_args

from crmctl.model.errors import ConfigError
from crmctl.model.text import one_line
from crmctl.sources import oauth
from crmctl.sources.mail_imap_session import Login, Security, Server, Session
from crmctl.sources.network import Network
from crmctl.sources.source import Source
from crmctl.workspace.machine import Machine
from crmctl.workspace.source_settings import EmailSettings

SYSTEM = "email"
_PORTS: dict[Security, int] = {"tls": 993, "starttls": 143, "none": 143}
_ISSUERS = {"imap.gmail.com": oauth.GOOGLE, "outlook.office365.com": oauth.MICROSOFT}
_DELEGATED = "https://outlook.office.com/IMAP.AccessAsUser.All offline_access"
_APPLICATION = "https://outlook.office365.com/.default"


def connect(machine: Machine, settings: EmailSettings, network: Network) -> Source:
    """The mailbox of this machine's settings; nothing is sent yet. ConfigError if they are not complete.

    ``door`` is ``imap`` where it is not set. IMAP needs ``host`` and ``user``, and ``password`` or a way to a token.
    """
    door = machine.get(SYSTEM, "door") or "imap"
    if door == "gmail":
        from crmctl.sources.mail_gmail import connect as gmail

        return gmail(machine, settings, network)
    if door == "graph":
        from crmctl.sources.mail_graph import connect as graph

        return graph(machine, settings, network)
    if door != "imap":
        raise ConfigError(f"email: door {one_line(door, 40)!r} is none; write imap, gmail or graph")
    return _imap(machine, settings, network)


def _imap(machine: Machine, settings: EmailSettings, network: Network) -> Source:
    from crmctl.sources.mail_imap import Imap

    where = machine.need(SYSTEM, "host", "user")
    host, user = where["host"].strip().lower(), where["user"].strip()
    if any(ord(letter) < 33 for letter in host + user):
        raise ConfigError(
            "email: host and user hold no blanks; correct them with `crmctl auth email`"
        )
    server = Server(host, *_security(machine), machine.get(SYSTEM, "ca_file"))
    return Imap(Session(server, _login(machine, network, host, user), network), settings, user)


def _security(machine: Machine) -> tuple[int, Security]:
    """Port and security; each follows from the other where only one is set."""
    port = machine.get(SYSTEM, "port").strip()
    if port and not (port.isdecimal() and 0 < int(port) < 65_536):
        raise ConfigError(f"email: port {one_line(port, 20)!r} is none; write a number such as 993")
    security = machine.get(SYSTEM, "security").strip().lower() or (
        "starttls" if port == "143" else "tls"
    )
    if security not in get_args(Security):
        raise ConfigError(
            f"email: security {one_line(security, 20)!r} is none; write tls, starttls, or none for this machine alone"
        )
    kind = cast("Security", security)
    return int(port) if port else _PORTS[kind], kind


def _login(machine: Machine, network: Network, host: str, user: str) -> Login:
    """With a password if there is one, else with a token: one that can be renewed, or the one we were given."""
    password = machine.get(SYSTEM, "password")
    if password:
        return Login(user, password=password)
    issuer = _ISSUERS.get(host)
    if issuer is None and machine.get(SYSTEM, "refresh_token"):
        url = machine.need(SYSTEM, "login_url")["login_url"]
        issuer = oauth.Issuer(host, url, rotates=True, dies="log in again there")
    if issuer is not None and (
        issuer is oauth.MICROSOFT or _has_any(machine, "refresh_token", "access_token")
    ):
        scopes = (_DELEGATED, _APPLICATION) if issuer is oauth.MICROSOFT else ("", "")
        login = oauth.Login(machine, network, issuer, delegated=scopes[0], application=scopes[1])
        return Login(user, token=login.token, renew=login.renew)
    token = machine.get(SYSTEM, "access_token")
    if not token:
        machine.need(SYSTEM, "password")
    return Login(user, token=lambda: token)


def _has_any(machine: Machine, *names: str) -> bool:
    return any(machine.get(SYSTEM, name) for name in names)
