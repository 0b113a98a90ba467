from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from email.utils import formatdate

import pytest

from crmctl.model.errors import ConfigError
from crmctl.sources.clock import Pace
from crmctl.sources.errors import AuthError, QuotaError, SourceError, StatusError
from crmctl.sources.http import Answer, Door, retry_after
from crmctl.sources.network import Network, Walk, checked_base, resolved
from tests.servers.base import Call, Reply, Server, busy, cut, hang_up, html, status
from tests.servers.clock import FakeClock

TOKEN = "tok-3f9a-very-secret"


class Echo(Server):
    """Answers with what it was told; counts who came with which token."""

    reply = Reply(200, {"ok": True})

    def handle(self, call: Call) -> Reply:
        if call.path == "/round":
            return Reply(302, b"", {"Location": "/round"})
        if call.path.startswith("/to/"):
            return Reply(302, b"", {"Location": call.query["where"]})
        return Reply(self.reply.status, self.reply.body, dict(self.reply.headers))


@pytest.fixture
def server() -> Iterator[Echo]:
    with Echo() as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def network(clock: FakeClock) -> Iterator[Network]:
    lines: list[str] = []
    network = Network(clock, log=lines.append)
    network.hide(TOKEN)
    yield network
    network.close()
    assert TOKEN not in "".join(lines)


def door(network: Network, server: Server, **more: object) -> Door:
    headers = {"Authorization": f"Bearer {TOKEN}", "apikey": TOKEN}
    return Door(network, "Echo", server.url, headers=lambda: headers, **more)  # type: ignore[arg-type]


def test_json_comes_back_exact(network: Network, server: Echo) -> None:
    server.reply = Reply(
        200, b'{"big": 9007199254740993, "money": 12.50}', {"Content-Type": "application/json"}
    )
    found = door(network, server).get("/x", {"a": "b c", "none": None})
    assert found["big"] == 9007199254740993
    assert str(found["money"]) == "12.50"
    assert server.calls[0].query == {"a": "b c"}


@pytest.mark.parametrize("fault", [status(500), html(503), hang_up, cut, busy("1")])
def test_a_stumble_is_asked_again(network: Network, server: Echo, fault: object) -> None:
    server.fail([fault, None])  # type: ignore[list-item]
    assert door(network, server).get("/x") == {"ok": True}
    assert server.count() == 2


def test_retry_after_is_heard_in_both_forms(
    network: Network, server: Echo, clock: FakeClock
) -> None:
    server.fail([busy("17")])
    door(network, server).get("/x")
    assert clock.slept == [17.0]
    answer = Answer(429, {"retry-after": formatdate(1_000_090, usegmt=True)}, b"", "GET /")
    assert retry_after(answer, now=1_000_000) == 90
    assert retry_after(Answer(429, {"retry-after": "soon"}, b"", "GET /")) is None


def test_a_long_wait_means_come_back_later(
    network: Network, server: Echo, clock: FakeClock
) -> None:
    server.fail([busy("86400")])
    with pytest.raises(QuotaError, match="86400 seconds: run again after that"):
        door(network, server).get("/x")
    assert clock.slept == []


def test_it_gives_up_in_one_sentence(network: Network, server: Echo) -> None:
    server.fail([html(502)] * 20)
    with pytest.raises(
        SourceError, match=r"^Echo answered 502 to GET /x, however often .*: try again later$"
    ):
        door(network, server).get("/x")
    assert server.count() == 6


def test_what_must_not_be_repeated_is_sent_once(network: Network, server: Echo) -> None:
    server.fail([html(502)])
    with pytest.raises(SourceError):
        door(network, server).send("POST", "/token", form={"a": "b"}, once=True)
    assert server.count() == 1


def test_a_refusal_names_the_reason_without_the_secret(network: Network, server: Echo) -> None:
    server.reply = Reply(400, {"message": f"bad field Foo for {TOKEN}\x1b[2J"})
    with pytest.raises(StatusError, match="Echo refused GET /x: 400, bad field Foo") as caught:
        door(network, server).get("/x", {"key": TOKEN})
    assert TOKEN not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert caught.value.status == 400


def test_a_token_is_renewed_once_for_a_request(network: Network, server: Echo) -> None:
    renewed: list[int] = []
    server.fail([status(401), None])
    assert door(network, server, renew=lambda: renewed.append(1)).get("/x") == {"ok": True}
    assert renewed == [1]
    server.fail([status(401)] * 9)
    with pytest.raises(AuthError, match="crmctl auth echo"):
        door(network, server, renew=lambda: renewed.append(1)).get("/x")
    assert renewed == [1, 1]


def test_no_credential_leaves_for_another_host(network: Network, server: Echo) -> None:
    with Echo() as evil:
        gate = door(network, server)
        elsewhere = (
            evil.url,
            f"{evil.url}/x",
            evil.url.replace("http:", ""),
            f"http://good@{evil.url[7:]}/",
            f"https://{server.url[7:]}/",
        )
        for url in elsewhere:
            with pytest.raises(SourceError, match="refused"):
                gate.get(url)
            with pytest.raises(SourceError, match="refused"):
                gate.get("/to/there", {"where": url})
        gate.get(evil.url.replace("//", "\\\\"))
        assert evil.calls == []
    assert gate.get("/to/there", {"where": "/here"}) == {"ok": True}


def test_a_redirect_in_circles_ends(network: Network, server: Echo) -> None:
    with pytest.raises(SourceError, match="again and again"):
        door(network, server).get("/round")
    assert server.count() < 10


def test_a_bomb_is_refused_before_it_fills_the_memory(network: Network, server: Echo) -> None:
    bomb = gzip.compress(bytes(200 << 20), 9)
    server.reply = Reply(200, bomb, {"Content-Encoding": "gzip"})
    with pytest.raises(SourceError, match="more than 64 MB"):
        door(network, server).get("/x")
    server.reply = Reply(200, gzip.compress(bomb), {"Content-Encoding": "gzip, gzip"})
    with pytest.raises(SourceError, match="nobody asked for"):
        door(network, server).get("/x")


def test_the_budget_of_a_run_ends_it(server: Echo, clock: FakeClock) -> None:
    network = Network(clock, budget=100.0)
    gate = door(network, server, paces={"": Pace(0.1)})
    with pytest.raises(QuotaError, match="the next run goes on from here"):
        [gate.get("/x") for _ in range(50)]
    assert 8 <= server.count() <= 11
    network.close()


def test_a_pace_is_kept(server: Echo, clock: FakeClock, network: Network) -> None:
    gate = door(network, server, paces={"": Pace(3.0, burst=3), "slow": Pace(0.5)})
    for _ in range(9):
        gate.get("/x")
    assert sum(clock.slept) == pytest.approx(2.0)
    before = clock.now
    gate.get("/x", pace="slow")
    gate.get("/x", pace="slow")
    assert clock.now - before == pytest.approx(2.0)


def test_results_come_in_order_from_several_threads(network: Network, server: Echo) -> None:
    at_once: list[int] = []
    running = [0]
    lock = threading.Lock()

    def work(number: int) -> int:
        with lock:
            running[0] += 1
            at_once.append(running[0])
        with lock:
            running[0] -= 1
        return number

    assert list(door(network, server).map(work, range(50), width=4)) == list(range(50))
    assert max(at_once) <= 4


@pytest.mark.parametrize(
    "url", ["http://crm.example", "ftp://crm.example", "crm.example", "https://a:b@crm.example"]
)
def test_an_address_that_would_give_secrets_away_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        checked_base("Echo", url)


def test_addresses_are_joined_below_their_base() -> None:
    base = "https://ref.example/rest/v1"
    assert resolved("E", base, "rows") == "https://ref.example/rest/v1/rows"
    assert resolved("E", base, "/services/q-2000") == "https://ref.example/services/q-2000"
    assert resolved("E", base, "https://REF.example:443/x") == "https://REF.example:443/x"


def test_a_page_mark_that_comes_twice_ends_the_walk() -> None:
    walk = Walk("Echo", "rows")
    walk.step("a")
    walk.step("b")
    with pytest.raises(SourceError, match="Echo gave the same page mark twice for rows"):
        walk.step("a")
