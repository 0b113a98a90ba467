"""What a domain's public DNS records say: who takes its mail (MX), what it proves to others (TXT), where www points."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

Ask = Callable[[str, str], list[str]]
"""The records of a name and a type (``MX``, ``TXT``, ``CNAME``) as text; OSError if nobody could be asked."""
_SECONDS = 5.0
_MOST = 50  # records of one kind
_LONGEST = 2000


class DnsRecord(NamedTuple):
    """One record. ``kind`` is mx, txt or cname; ``name`` is what was asked for."""

    kind: str
    name: str
    value: str


def ask(name: str, kind: str) -> list[str]:
    """Asks the resolver this machine is set up with; no records are an empty list."""
    import dns.exception
    import dns.resolver

    try:
        resolver = dns.resolver.Resolver()
        answer = resolver.resolve(name, kind, lifetime=_SECONDS, search=False)
        if kind == "TXT":
            return [b"".join(row.strings).decode("utf-8", "replace") for row in answer]
        if kind == "MX":
            return [row.exchange.to_text(omit_final_dot=True) for row in answer]
        return [row.target.to_text(omit_final_dot=True) for row in answer]
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError) as error:
        raise OSError(type(error).__name__) from None


def records(domain: str, host: str, asking: Ask = ask) -> tuple[list[DnsRecord], set[str]]:
    """The records of a domain and of its web host, sorted, and the kinds that could be read."""
    found: list[DnsRecord] = []
    read: set[str] = set()
    for kind, name in (("mx", domain), ("txt", domain), ("cname", host)):
        try:
            values = asking(name, kind.upper())
        except OSError:
            continue
        read.add(kind)
        found += [DnsRecord(kind, name, value[:_LONGEST]) for value in sorted(values)[:_MOST]]
    return found, read
