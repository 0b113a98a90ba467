"""Deliveries: proved over the raw bytes, answered at once, taken in once, by the same engine."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from crmctl.cli.listen import _Connections, application
from crmctl.cli.session import Session
from crmctl.sync.inbox import Inbox
from crmctl.workspace.machine import Machine
from crmctl.workspace.workspace import Workspace
from tests.live.conftest import Live, Open

SIGNING = "8f742231b10e8888abcd99yyyzzz85a5"


class Ear:
    """The application behind a real server, with its worker run when the test says so."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.said: list[str] = []
        session, machine = Session(live.root), Machine()
        self.connections = _Connections(session, machine)
        self.inbox = Inbox(lambda: Workspace(live.root), self.connections.source, self.said.append)
        app = application(session, machine, self.inbox)
        self.server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.server.run, args=([self.socket],))
        self.thread.start()
        port = self.socket.getsockname()[1]
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)

    def close(self) -> None:
        self.client.close()
        self.server.should_exit = True
        self.thread.join()
        self.socket.close()

    def slack(
        self,
        payload: dict[str, Any],
        *,
        secret: str = SIGNING,
        age: int = 0,
        headers: dict[str, str] | None = None,
    ) -> Any:
        body = json.dumps(payload).encode()
        stamp = str(int(time.time()) - age)
        signature = (
            "v0="
            + hmac.new(
                secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256
            ).hexdigest()
        )
        signed = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature}
        return self.client.post("/slack", content=body, headers=signed | (headers or {}))

    def settle(self) -> None:
        """Carry everything that waits."""
        stop = threading.Event()
        stop.set()
        self.inbox.work(stop)
        self.connections.close()


@pytest.fixture
def ear(open_live: Open, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ear]:
    live = open_live("slack")
    monkeypatch.setenv("CRMCTL_SLACK_SIGNING_SECRET", SIGNING)
    monkeypatch.setenv("CRMCTL_SUPABASE_WEBHOOK_SECRET", "hook-secret-value")
    live.harness.fill(12)
    live.sync()
    listening = Ear(live)
    yield listening
    listening.close()


def event(live: Live, id: str = "Ev1") -> dict[str, Any]:
    """The delivery of a message that was just written in Slack."""
    live.harness.add_one()
    (channel, ts), message = list(live.harness.slack.said.items())[-1]  # type: ignore[attr-defined]
    inner = {
        **message,
        "type": "message",
        "channel": channel,
        "event_ts": ts,
        "ts": ts,
        "channel_type": "channel",
    }
    return {
        "type": "event_callback",
        "team_id": "T1",
        "api_app_id": "A1",
        "event_id": id,
        "event": inner,
    }


def test_slack_proves_that_the_address_is_ours(ear: Ear) -> None:
    answer = ear.slack({"type": "url_verification", "challenge": "3eZbrw1aBm2r"})
    assert (answer.status_code, answer.text) == (200, "3eZbrw1aBm2r")


def test_a_message_arrives_once_however_often_it_is_delivered(ear: Ear) -> None:
    payload = event(ear.live)
    for _ in range(3):
        assert ear.slack(payload, headers={"X-Slack-Retry-Num": "1"}).status_code == 200
    ear.settle()
    assert ear.live.harness.found(ear.live.root) == ear.live.harness.expected()
    before = ear.live.data()
    ear.live.sync()
    assert ear.live.data() == before, "the sync states the very same record"


def test_what_is_not_proved_is_turned_away(ear: Ear) -> None:
    payload = event(ear.live)
    before = ear.live.files()
    assert ear.slack(payload, secret="another").status_code == 401
    assert ear.slack(payload, age=600).status_code == 401
    assert ear.client.post("/slack", content=json.dumps(payload)).status_code == 401
    assert (
        ear.client.post(
            "/supabase", content=b"{}", headers={"x-crmctl-secret": "wrong"}
        ).status_code
        == 401
    )
    assert ear.client.post("/gong", content=b"{}").status_code == 404, "no key is set for it here"
    assert ear.client.get("/slack").status_code == 405
    ear.settle()
    assert ear.live.files() == before


def test_a_flood_of_bytes_is_cut_off(ear: Ear) -> None:
    assert ear.client.post("/slack", content=b"x" * (2 << 20)).status_code == 413


def test_nonsense_that_is_proved_does_no_harm(ear: Ear) -> None:
    before = ear.live.files()
    for payload in (
        {},
        {"type": "event_callback"},
        {"type": "event_callback", "event": [1]},
        {"event": {"type": "message"}},
    ):
        assert ear.slack(payload).status_code == 200
    headers = {"x-crmctl-secret": "hook-secret-value"}
    for body in (b"", b"[1, 2", b'{"table": 7}', b"[" * 100_000):
        assert ear.client.post("/supabase", content=body, headers=headers).status_code == 200
    ear.settle()
    assert ear.live.files() == before


def test_when_the_workspace_is_busy_it_is_tried_again(
    ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crmctl.model.errors import BusyError
    from crmctl.sync import inbox, live

    take_in, left = live.take_in, [2]

    def busy(*arguments: Any, **keywords: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise BusyError("the workspace is busy: try again later")
        return take_in(*arguments, **keywords)

    monkeypatch.setattr(inbox, "take_in", busy)
    ear.slack(event(ear.live))
    ear.settle()
    assert ear.live.harness.found(ear.live.root) == ear.live.harness.expected()
    assert ear.said[0] == "the workspace is busy: try again later, trying again"


def test_listening_needs_something_to_prove(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRMCTL_SLACK_SIGNING_SECRET")
    monkeypatch.delenv("CRMCTL_SUPABASE_WEBHOOK_SECRET")
    result = ear.live.crm("listen", "--port", "0")
    assert result.code == 4
    assert "crmctl auth" in result.err
    assert Path(ear.live.root).is_dir()
