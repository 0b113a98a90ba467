"""A company's public site on this machine: pages by path, and every bad manner a real site may have."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Sequence
from typing import Any

from crmctl.sources.website_reach import public
from tests.servers.base import Call, Reply, Server

HOST = "www.acme.example"
HOME = """<!doctype html>
<html><head>
<title>Acme &amp; Sons</title>
<meta name="generator" content="WordPress 6.4">
<meta name="description" content="Ships parcels between islands">
<script src="https://www.googletagmanager.com/gtm.js?id=GTM-1"></script>
<script>var a = "<script src='https://js.stripe.com/v3'>";</script>
</head><body>
<a href="/careers">Careers</a> <a href="/about/">About us</a> <a href="/private/careers">Board</a>
<a href="https://www.linkedin.com/company/acme?trk=x">LinkedIn</a>
<a href="https://elsewhere.example/careers">Elsewhere</a>
</body></html>
"""
CAREERS = """<h1>Careers</h1>
<a href="/careers/platform-engineer">Platform <b>engineer</b></a>
<a href="/careers/resource-controller">Resource controller</a>
<a href="/careers/apply">Apply</a>
<iframe src="https://boards.greenhouse.io/embed"></iframe>
"""


def page(text: str, **headers: str) -> Reply:
    """A page of HTML."""
    fields = {"Content-Type": "text/html; charset=utf-8"}
    return Reply(200, text, fields | {k.replace("_", "-"): v for k, v in headers.items()})


class Website(Server):
    """``pages`` are answers by path, or by host and path; what is not there answers 404."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[str, Reply] = {
            "/robots.txt": Reply(200, "User-agent: *\nDisallow: /private\n"),
            "/": page(HOME, Server="cloudflare", Set_Cookie="hubspotutk=1; Path=/"),
            "/careers": page(CAREERS),
            "/about/": page("<p>About</p>"),
        }

    def handle(self, call: Call) -> Reply:
        host = call.headers["host"]
        return self.pages.get(host + call.path, self.pages.get(call.path, Reply(404, "none")))

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [call.path for call in self.calls]

    def reach(self, host: str, port: int) -> Sequence[tuple[str, int]]:
        """This server for the company's hosts on port 80; for all others the real rule with a double of DNS."""
        assert self._server is not None
        if host in {HOST, "acme.example"} and port == 80:
            return [("127.0.0.1", self._server.server_address[1])]
        return public(host, port, lookup)


def lookup(host: str, port: int, **_: Any) -> list[Any]:
    """A name server that sends some of the company's own names into private networks."""
    addresses = {"internal.acme.example": "10.0.0.8", "metadata.acme.example": "169.254.169.254"}
    if host in addresses:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (addresses[host], port))]
    raise socket.gaierror("no such name")


def bomb(megabytes: int) -> Reply:
    """A small gzip that grows."""
    packed = gzip.compress(b"<p>" + b" " * (megabytes << 20), 9)
    return Reply(200, packed, {"Content-Type": "text/html", "Content-Encoding": "gzip"})
