"""Where a public web site may be reached: only at public addresses, and only at the address that was looked at.

A name is resolved here and the connection goes to what was found, so that no second answer of a name server, no
redirect and no literal address leads into a private network or to a cloud's metadata.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpcore

Reach = Callable[[str, int], Sequence[tuple[str, int]]]
"""The addresses and ports to connect to for a host and port; `NotPublic` if there must be no connection."""
_PORTS = (80, 443)
_TRIED = 3  # addresses of one host
_SPECIAL = (
    ipaddress.ip_network("100.64.0.0/10"),  # a provider's, behind which customers' networks lie
    ipaddress.ip_network("192.0.0.0/24"),  # of protocols; Python's versions differ about it
)
_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
_COMPATIBLE = ipaddress.ip_network("::/96")


class NotPublic(httpcore.ConnectError):
    """A host that is not on the public internet, or a port that is none of the web's."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, in whatever form IPv6 wraps an IPv4 one."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped or found.sixtofour or found.teredo:
            return False  # nobody serves a web site there: only a way around this check
        if any(found in net for net in (*_TRANSLATED, _COMPATIBLE)) or found.is_site_local:
            return False
    elif any(found in net for net in _SPECIAL):
        return False
    return found.is_global and not (
        found.is_multicast
        or found.is_reserved
        or found.is_private
        or found.is_loopback
        or found.is_link_local
        or found.is_unspecified
    )


def public(
    host: str, port: int, lookup: Callable[..., list[Any]] = socket.getaddrinfo
) -> list[tuple[str, int]]:
    """The public addresses of a host. `NotPublic` if even one of them is not: then somebody plays with names."""
    if port not in _PORTS:
        raise NotPublic(f"port {port} is none of the web's")
    try:
        rows = lookup(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise httpcore.ConnectError("has no address") from None
    addresses = list(dict.fromkeys(str(row[4][0]) for row in rows))
    if not addresses:
        raise httpcore.ConnectError("has no address")
    if not all(map(is_public, addresses)):
        raise NotPublic("is not on the public internet")
    return [(address, port) for address in addresses[:_TRIED]]


class Pinned(httpcore.NetworkBackend):
    """Connects to no name, only to the addresses that ``reach`` gives for it."""

    def __init__(self, inner: httpcore.NetworkBackend, reach: Reach) -> None:
        self._inner, self._reach = inner, reach

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failed: Exception = httpcore.ConnectError("has no address")
        for address, at in self._reach(host, port):
            try:
                return self._inner.connect_tcp(address, at, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)
