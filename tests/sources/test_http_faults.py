"""What a hostile or broken server may do: drip, bomb, circle, quote our secrets back; and what two threads may."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from crmctl.sources.errors import AuthError, QuotaError, SourceError, StatusError
from crmctl.sources.http import Answer, Door, retry_after
from crmctl.sources.network import Network
from tests.servers.base import Call, Reply, Server, busy
from tests.servers.clock import FakeClock

SECRET = "tok-3f9a-very-secret"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def network(clock: FakeClock) -> Iterator[Network]:
    network = Network(clock)
    yield network
    network.close()


class Fixed(Server):
    reply = Reply(200, {"ok": True})

    def handle(self, call: Call) -> Reply:
        return Reply(self.reply.status, self.reply.body, dict(self.reply.headers))


@pytest.fixture
def server() -> Iterator[Fixed]:
    with Fixed() as running:
        yield running


@contextmanager
def dripping(head: bytes, drop: bytes, tick: Callable[[], None]) -> Iterator[str]:
    """A server that never ends its answer; ``tick`` is called before each drop."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(65536)
                    connection.sendall(head)
                    while not over.is_set():
                        tick()
                        connection.sendall(drop)
                        over.wait(0.001)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n", b"a"),
    ],
    ids=["headers", "early-hints", "chunk-extension", "body"],
)
def test_an_answer_that_drips_has_an_end(clock: FakeClock, head: bytes, drop: bytes) -> None:
    def tick() -> None:
        clock.now += 20

    network = Network(clock, budget=1e9)
    with dripping(head, drop, tick) as url:
        try:
            begun = clock.now
            with pytest.raises(SourceError):
                Door(network, "Echo", url).send("GET", "/x", once=True)
            assert clock.now - begun < 600
        finally:
            network.close()


def test_a_secret_that_a_server_quotes_is_blanked_even_where_the_sentence_ends(
    network: Network, server: Fixed
) -> None:
    network.hide(SECRET)
    for filler in range(280, 300):
        text = "x" * filler + SECRET
        server.reply = Reply(400, {"message": text})
        with pytest.raises(StatusError) as caught:
            Door(network, "Echo", server.url).get("/x")
        assert SECRET[:6] not in str(caught.value)


def test_a_secret_of_several_lines_is_blanked(network: Network) -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\n-----END KEY-----\n"
    network.hide(key)
    assert "MIIEvQIBADANBgkq" not in network.clean(f"bad key: {key}", 300)


def test_secrets_may_come_while_another_thread_looks_through_them(network: Network) -> None:
    network.hide("first-secret", "second-secret")
    looking = iter(network.secrets)
    found = {next(looking)}
    network.hide("third-secret")
    assert found | set(looking) == {"first-secret", "second-secret"}


def test_gzip_in_several_parts_is_whole(network: Network, server: Fixed) -> None:
    parts = gzip.compress(b"Id,Name\n") + gzip.compress(b"1,Acme\n")
    server.reply = Reply(200, parts, {"Content-Encoding": "gzip"})
    answer = Door(network, "Echo", server.url).send("GET", "/x")
    assert answer.body == b"Id,Name\n1,Acme\n"


def test_gzip_that_breaks_off_before_its_first_byte_is_no_empty_answer(
    network: Network, server: Fixed
) -> None:
    server.reply = Reply(200, gzip.compress(b"Id,Name\n")[:10], {"Content-Encoding": "gzip"})
    with pytest.raises(SourceError):
        Door(network, "Echo", server.url).send("GET", "/x")


def test_a_bomb_in_several_parts_is_refused(network: Network, server: Fixed) -> None:
    part = gzip.compress(bytes(1 << 20))
    server.reply = Reply(200, part * 8, {"Content-Encoding": "gzip"})
    with pytest.raises(SourceError, match="more than 2 MB"):
        Door(network, "Echo", server.url).send("GET", "/x", cap=2 << 20)


@pytest.mark.parametrize("stated", ["²", "٣", "1.2.3", "-1", "1e3", "inf", "nan", "", "soon"])
def test_an_odd_retry_after_says_nothing(stated: str) -> None:
    assert retry_after(Answer(429, {"retry-after": stated}, b"", "GET /x")) is None


def test_an_address_that_is_too_long_is_a_sentence(network: Network, server: Fixed) -> None:
    with pytest.raises(SourceError, match="refused"):
        Door(network, "Echo", server.url).get("/" + "x" * 70_000)


def test_a_header_that_cannot_be_sent_is_not_tried_again_and_not_quoted(
    network: Network, server: Fixed, clock: FakeClock
) -> None:
    for token in (f"{SECRET}\nX-Other: 1", f"{SECRET}é"):
        door = Door(network, "Echo", server.url, headers=lambda t=token: {"Authorization": t})  # type: ignore[misc]
        with pytest.raises(AuthError, match="crmctl auth echo") as caught:
            door.get("/x")
        assert clock.slept == []
        assert SECRET not in str(caught.value)


def test_closing_ends_every_wait(server: Fixed) -> None:
    network = Network()
    server.fail([busy("600")] * 3)
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            Door(network, "Echo", server.url).get("/x")
        except SourceError as error:
            failed.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    end = time.monotonic() + 5
    while not server.calls and time.monotonic() < end:
        pass
    network.close()
    thread.join(5)
    assert len(failed) == 1
    assert not thread.is_alive()


def test_tries_and_waits_stay_within_the_budget(server: Fixed, clock: FakeClock) -> None:
    network = Network(clock, budget=100.0)
    server.fail([busy("40")] * 6)
    with pytest.raises(QuotaError):
        Door(network, "Echo", server.url).get("/x")
    assert sum(clock.slept) <= 100.0
    network.close()
