"""A visit to a company's own site: polite, bounded, and never into a private network."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpcore
import pytest

from crmctl.sources.errors import SourceError
from crmctl.sources.network import Network
from crmctl.sources.website import Manners, Site, Visit
from crmctl.sources.website_dns import records
from crmctl.sources.website_html import tags
from crmctl.sources.website_reach import NotPublic, Pinned, is_public, public
from tests.servers.base import Reply, hang_up
from tests.servers.clock import FakeClock
from tests.servers.website import HOST, Website, bomb, page
from tests.sources.test_http_faults import dripping

START = f"http://{HOST}/"
MANNERS = Manners(agent="crmctl/1 (+https://ours.example)", pages=4, delay=2.0, size=64 << 10)


@pytest.fixture
def site() -> Iterator[Website]:
    with Website() as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def visit(site: Website, clock: FakeClock, *starts: str, budget: float = 60.0) -> Visit:
    network = Network(clock=clock, budget=budget)
    return Site(network, {"acme.example"}, MANNERS, site.reach).visit(starts or (START,))


def test_the_home_page_and_those_that_say_most_are_read(site: Website, clock: FakeClock) -> None:
    found = visit(site, clock)
    assert [p.url for p in found.pages] == [START, f"{START}careers", f"{START}about/"]
    assert site.paths == ["/robots.txt", "/", "/careers", "/about/"]
    assert clock.slept == [2.0, 2.0, 2.0]
    home = found.pages[0]
    assert home.cookies == ("hubspotutk",)
    assert ("server", "cloudflare") in home.headers
    assert any("/private" in note and "robots.txt" in note for note in found.notes)


def test_nothing_is_sent_but_who_we_are(site: Website, clock: FakeClock, monkeypatch: Any) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    visit(site, clock)
    for call in site.calls:
        assert call.headers["user-agent"] == MANNERS.agent
        assert not {"cookie", "authorization", "referer"} & call.headers.keys()


def test_the_delay_that_robots_txt_asks_for_is_kept(site: Website, clock: FakeClock) -> None:
    site.pages["/robots.txt"] = Reply(200, "User-agent: *\nCrawl-delay: 7\nDisallow: /about\n")
    visit(site, clock)
    assert set(clock.slept) == {7.0}
    assert "/about/" not in site.paths


def test_a_delay_longer_than_the_visit_ends_it(site: Website, clock: FakeClock) -> None:
    site.pages["/robots.txt"] = Reply(200, "User-agent: *\nCrawl-delay: 3600\n")
    with pytest.raises(SourceError, match="3600 seconds between requests"):
        visit(site, clock)
    assert site.paths == ["/robots.txt"]


def test_rules_for_our_own_name_are_ours(site: Website, clock: FakeClock) -> None:
    site.pages["/robots.txt"] = Reply(
        200, "User-agent: crmctl\nDisallow: /\n\nUser-agent: *\nAllow: /\n"
    )
    with pytest.raises(SourceError, match=r"robots\.txt asks not to read it"):
        visit(site, clock)
    assert site.paths == ["/robots.txt"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_rules_that_cannot_be_read_forbid_everything(
    site: Website, clock: FakeClock, status: int
) -> None:
    site.pages["/robots.txt"] = Reply(status)
    with pytest.raises(SourceError, match="so nothing is read"):
        visit(site, clock)
    assert site.paths == ["/robots.txt"]


def test_no_rules_allow_everything(site: Website, clock: FakeClock) -> None:
    del site.pages["/robots.txt"]
    visit(site, clock)
    assert "/private/careers" in site.paths


def test_rules_full_of_stars_take_no_time(site: Website, clock: FakeClock) -> None:
    line = "Disallow: /" + "*a" * 2000 + "\n"
    site.pages["/robots.txt"] = Reply(200, "User-agent: *\n" + line * 100)
    assert len(visit(site, clock).pages) == 3


@pytest.mark.parametrize(
    "where",
    [
        "http://127.0.0.1/",
        "http://localhost/admin",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://elsewhere.example/",
        "https://acme.example.evil.example/",
        f"http://{HOST}:8080/",
        f"http://user:secret@{HOST}/",
        "file:///etc/passwd",
        "ftp://www.acme.example/",
        "http://internal.acme.example/",
        "http://metadata.acme.example/",
        "//\\evil",
        "http://[",
    ],
)
def test_no_redirect_leads_away_from_the_site(site: Website, clock: FakeClock, where: str) -> None:
    site.pages["/"] = Reply(302, "", {"Location": where})
    with pytest.raises(SourceError, match=r"not followed|refused|no address|not on the public"):
        visit(site, clock)
    assert set(site.paths) <= {"/robots.txt", "/"}


def test_a_name_of_the_company_may_lead_into_no_private_network(
    site: Website, clock: FakeClock
) -> None:
    with pytest.raises(SourceError, match="not on the public internet"):
        visit(site, clock, "http://internal.acme.example/")
    assert site.calls == []


def test_a_redirect_within_the_site_is_followed_with_its_own_rules(
    site: Website, clock: FakeClock
) -> None:
    site.pages[f"{HOST}/"] = Reply(301, "", {"Location": "http://acme.example/"})
    site.pages["acme.example/robots.txt"] = Reply(200, "User-agent: *\nDisallow: /careers\n")
    found = visit(site, clock)
    assert found.pages[0].url == "http://acme.example/"
    assert "/careers" not in site.paths


def test_redirects_in_a_circle_end(site: Website, clock: FakeClock) -> None:
    site.pages["/"] = Reply(302, "", {"Location": "/"})
    with pytest.raises(SourceError, match="again and again"):
        visit(site, clock)
    assert site.count("/") <= 6


def test_a_page_that_sends_on_by_itself_is_followed_on_its_own_site_only(
    site: Website, clock: FakeClock
) -> None:
    site.pages["/"] = page('<meta http-equiv="Refresh" content="0; url=/en/">')
    site.pages["/en/"] = page(
        '<meta http-equiv="refresh" content="0;url=http://10.0.0.1/"><p>Hello'
    )
    found = visit(site, clock)
    assert [p.url for p in found.pages] == [START, f"{START}en/"]


def test_of_a_huge_page_only_the_beginning_is_read(site: Website, clock: FakeClock) -> None:
    site.pages["/"] = page("<title>Big</title>" + "<p>x</p>" * 400_000)
    assert visit(site, clock).pages[0].tags[0].text == "Big"


def test_a_gzip_that_grows_is_cut(site: Website, clock: FakeClock) -> None:
    site.pages["/"] = bomb(200)
    assert visit(site, clock).pages[0].tags == ()


@pytest.mark.parametrize(
    ("kind", "body", "title"),
    [
        ("text/html; charset=iso-8859-1", "<title>Café</title>".encode("latin-1"), "Café"),
        ("text/html", '<meta charset="windows-1252"><title>Café</title>'.encode("cp1252"), "Café"),
        ("text/html; charset=punycode", b"<title>Plain</title>", "Plain"),
        ("text/html; charset=zlib", b"<title>Plain</title>", "Plain"),
        ("text/html; charset=no-such", "<title>Café</title>".encode(), "Café"),
        ("text/html; charset=utf-8", b"<title>\xff\xfe</title>", "\ufffd\ufffd"),
        ("", b"  <title>Untyped</title>", "Untyped"),
    ],
)
def test_odd_encodings_are_read_as_far_as_they_can_be(
    site: Website, clock: FakeClock, kind: str, body: bytes, title: str
) -> None:
    site.pages["/"] = Reply(200, body, {"Content-Type": kind} if kind else {})
    found = [tag.text for tag in visit(site, clock).pages[0].tags if tag.name == "title"]
    assert found == [title]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"%PDF-1.7", {"Content-Type": "application/pdf"}),
        Reply(200, b"\x00\x01", {}),
        Reply(404, "gone"),
        Reply(200, b"x", {"Content-Type": "text/html", "Content-Encoding": "br"}),
        Reply(200, b"no gzip", {"Content-Type": "text/html", "Content-Encoding": "gzip"}),
    ],
)
def test_what_is_no_page_is_left_alone(site: Website, clock: FakeClock, reply: Reply) -> None:
    site.pages["/careers"] = reply
    found = visit(site, clock)
    assert f"{START}careers" not in [p.url for p in found.pages]
    assert any("/careers" in note for note in found.notes)


def test_a_busy_site_is_left_for_another_day(site: Website, clock: FakeClock) -> None:
    site.pages["/careers"] = Reply(429)
    found = visit(site, clock)
    assert len(found.pages) == 1
    assert site.paths == ["/robots.txt", "/", "/careers"]
    assert "another day" in found.notes[-1]


def test_a_site_that_hangs_up_is_said_to_be_down(site: Website, clock: FakeClock) -> None:
    site.fail([hang_up] * 10)
    with pytest.raises(SourceError, match="did not answer"):
        visit(site, clock)


def test_the_next_address_is_tried_where_one_does_not_answer(
    site: Website, clock: FakeClock
) -> None:
    found = visit(site, clock, "https://www.acme.example/", START)
    assert found.pages[0].url == START


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", b"x"),
    ],
    ids=["headers", "body"],
)
def test_a_page_that_drips_ends_with_its_time(clock: FakeClock, head: bytes, drop: bytes) -> None:
    def tick() -> None:
        clock.now += 1.0

    with dripping(head, drop, tick) as url:
        port = int(url.rsplit(":", 1)[1])
        network = Network(clock=clock, budget=30.0)
        slow = Site(network, {"acme.example"}, MANNERS, lambda *_: [("127.0.0.1", port)])
        with pytest.raises(SourceError, match="did not answer"):
            slow.visit((START,))


@pytest.mark.parametrize(
    "address",
    """127.0.0.1 127.8.9.1 0.0.0.0 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 192.0.2.1 198.18.0.1
    203.0.113.9 224.0.0.1 240.0.0.1 255.255.255.255 :: ::1 fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 ff02::1
    ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::8.8.8.8 64:ff9b::a00:1 64:ff9b:1::1 2002:a00:1:: 2001:0:4136:e378::1 2001:db8::1
    fec0::1 192.0.0.8 nonsense 8.8.8.8.8""".split(),
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "192.88.98.1"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


def answering(*addresses: str) -> Callable[..., list[Any]]:
    return lambda _host, port, **_: [(socket.AF_INET, 1, 6, "", (a, port)) for a in addresses]


def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    assert public("x.example", 443, answering("8.8.8.8")) == [("8.8.8.8", 443)]
    with pytest.raises(NotPublic):
        public("x.example", 443, answering("8.8.8.8", "10.0.0.1"))
    with pytest.raises(NotPublic):
        public("x.example", 22, answering("8.8.8.8"))
    with pytest.raises(httpcore.ConnectError):
        public("x.example", 443, answering())


def test_the_connection_goes_to_the_address_that_was_looked_at() -> None:
    went: list[str] = []

    class Inner(httpcore.NetworkBackend):
        def connect_tcp(self, host: str, *_: Any, **__: Any) -> httpcore.NetworkStream:
            went.append(host)
            raise httpcore.ConnectError("closed")

    answers = iter([answering("8.8.8.8", "9.9.9.9"), answering("10.0.0.1")])
    backend = Pinned(Inner(), lambda host, port: public(host, port, next(answers)))
    with pytest.raises(httpcore.ConnectError, match="closed"):
        backend.connect_tcp("rebind.example", 443)
    with pytest.raises(NotPublic):
        backend.connect_tcp("rebind.example", 443)
    assert went == ["8.8.8.8", "9.9.9.9"]


def test_tags_have_lines_and_scripts_hide_what_they_hold() -> None:
    text = '<p>\n<script>"<a href=/no>"</script>\n<!-- <a href="/no"> -->\n'
    text += "<a title=\"a > b\" href='/yes'>A <b>b</b>\n c</a><a href=/bare>"
    found = [(t.name, t.attributes.get("href"), t.text, t.line) for t in tags(text)]
    assert found == [("script", None, "", 2), ("a", "/yes", "A b c", 4), ("a", "/bare", "", 5)]


@pytest.mark.parametrize(
    "piece", ["<", "<a", "<a href='", "<!--", "<script>", '<a x="', "<meta ", "</"]
)
def test_broken_pages_end(piece: str) -> None:
    assert len(list(tags(piece * 50_000))) <= 3000


def test_dns_that_cannot_be_read_is_said_to_be_unread() -> None:
    def asking(name: str, kind: str) -> list[str]:
        if kind == "TXT":
            raise OSError("timeout")
        return {"MX": ["b.mx.example", "a.mx.example"]}.get(kind, [])

    found, read = records("acme.example", HOST, asking)
    assert [r.value for r in found] == ["a.mx.example", "b.mx.example"]
    assert read == {"mx", "cname"}
