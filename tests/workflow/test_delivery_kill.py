"""Run and deliver, killed at any operation on a file or a connection: nothing lost, nothing silently twice."""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import signal
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.servers.hook import Hook
from tests.servers.slack import TOKEN, Slack
from tests.servers.smtp import Mailroom
from tests.workflow.conftest import CONFIG, NOW, World
from tests.workflow.posting import Post

KILLS = 200
FILES = ("replace", "open", "unlink", "mkdir", "write")
SENT, RECEIVED = ("sendall",), ("recv", "recv_into")
ANA = "U07ANA0001"
NOTIFICATIONS = "notifications: {channel: email, members: {ana: slack}}\n"
WORKFLOWS = """\
customer_workflows:
  drop:
    trigger: "health_score < 60"
    urgent: true
    actions:
      - notify_account_manager
      - schedule_check_in_call
      - webhook: {target: desk}
  growth:
    trigger: "usage_growth > 50%"
    actions:
      - notify: {to: [ana, ben, kim], message: "Look at {account}"}
      - research_decision_makers
"""


class Servers:
    def __init__(self, stack: ExitStack) -> None:
        self.slack = stack.enter_context(Slack())
        self.mail = stack.enter_context(Mailroom())
        self.hook = stack.enter_context(Hook())
        self.slack.add_user(ANA, "Ana Example", "ana@ours.example")
        self.slack.now = int(NOW.timestamp())

    def environment(self) -> dict[str, str]:
        return self.mail.environment() | {
            "CRMCTL_ALERTS_SLACK_TOKEN": TOKEN,
            "CRMCTL_ALERTS_SLACK_URL": self.slack.url,
            "CRMCTL_TARGET_DESK_KIND": "webhook",
            "CRMCTL_TARGET_DESK_HOOK": f"{self.hook.url}/desk/private-4096",
        }

    def forget(self) -> None:
        """As if nothing had ever been sent."""
        self.slack.posted.clear()
        for channel in self.slack.here:
            self.slack.here[channel], self.slack.tops[channel] = {}, []
        self.mail.taken.clear()
        self.hook.posts.clear()
        self.hook.taken.clear()

    def posted(self) -> Counter[str]:
        """How often Slack got each letter."""
        return Counter(
            json.loads(one["metadata"])["event_payload"]["key"] for one in self.slack.posted
        )


@pytest.fixture
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack)


def at(root: Path, servers: Servers) -> Post:
    world = World(root)
    world.known = {
        "acme": {"stage": "customer", "health_score": 40, "usage_growth": 80},
        "birch": {"stage": "customer", "health_score": 50, "usage_growth": 0},
    }
    post = Post(world)
    world.write("crmctl.yaml", CONFIG + NOTIFICATIONS)
    post.environment = servers.environment()
    return post


def run_and_deliver(post: Post) -> None:
    post.world.ws = post.ws
    post.world.run()
    post.deliver()


def killed_at(point: int, post: Post) -> bool:
    """Run and deliver in a child that kills itself before operation number ``point``; False if it got through.

    Where it waits for an answer it dies when the answer is there: what it sent was taken.
    """
    child = os.fork()
    if child == 0:
        left = point

        def counted(operation: Callable[..., Any], *, answers: bool = False) -> Callable[..., Any]:
            def run(*args: Any, **keywords: Any) -> Any:
                nonlocal left
                left -= 1
                if left < 0:
                    if answers:
                        select.select([args[0]], [], [], 5)
                    os.kill(os.getpid(), signal.SIGKILL)
                return operation(*args, **keywords)

            return run

        for name in FILES:
            setattr(os, name, counted(getattr(os, name)))
        for name in SENT + RECEIVED:
            operation = counted(getattr(socket.socket, name), answers=name in RECEIVED)
            setattr(socket.socket, name, operation)
        try:
            run_and_deliver(post)
        finally:
            os._exit(0 if left >= 0 else 1)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def operations(start: Path, servers: Servers) -> int:
    """How many operations it takes, by bisection over kills."""

    def killed(point: int) -> bool:
        servers.forget()
        return killed_at(point, at(copy(start, f"probe{point}"), servers))

    low, high = 0, 64
    while killed(high):
        low, high = high, high * 2
    while high - low > 8:
        middle = (low + high) // 2
        low, high = (middle, high) if killed(middle) else (low, middle)
    return low * 95 // 100  # answers come in one piece or in two: never behind the last one


def copy(start: Path, name: str) -> Path:
    target = start.parent / name
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(start, target)
    return target


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_killed_anywhere_nothing_is_lost_and_nothing_comes_twice_unmarked(
    world: World, servers: Servers
) -> None:
    for slug in ("acme", "birch"):
        world.account(slug, "customer", owner="ana")
    world.write("workflows.yaml", WORKFLOWS)
    whole = at(copy(world.root, "whole"), servers)
    run_and_deliver(whole)
    files = whole.world.files()
    letters, mails, calls = servers.posted(), set(servers.mail.ids()), set(servers.hook.taken)
    assert (len(letters), len(mails), len(calls)) == (3, 2, 2)
    assert sum("/tasks/" in path for path in files) == 3
    total = operations(world.root, servers)
    assert total > KILLS
    repeats = 0

    for number, point in enumerate(random.Random(20260331).choices(range(total), k=KILLS)):
        servers.forget()
        post = at(copy(world.root, "killed"), servers)
        assert killed_at(point, post), point
        for _ in range(2):
            # Whatever was retried in the first run is done in the second one.
            post.later(hours=1)
            run_and_deliver(post)
        assert post.world.files() == files, (number, point)
        assert servers.posted() == dict.fromkeys(letters, 1), point
        received = Counter(servers.mail.ids())
        assert set(received) == mails, point
        assert set(servers.hook.taken) == calls, point
        assert all(times <= 2 for times in received.values()), point
        marked = Counter(
            str(message["Message-ID"]).strip()
            for message in servers.mail.heads
            if message["X-Crmctl-Possible-Repeat"]
        )
        assert {id for id, times in received.items() if times > 1} <= set(marked), point
        repeated = [
            call for call in servers.hook.posts if call.headers.get("x-crmctl-possible-repeat")
        ]
        assert len(servers.hook.posts) - len(calls) <= len(repeated) <= 1, point
        assert marked.total() + len(repeated) <= 1, "only what was on its way when the kill came"
        repeats += marked.total() + len(repeated)
        assert post.deliver() == []
    assert repeats, "some kills fell where nobody can be asked"
