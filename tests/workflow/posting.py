"""Delivery in a test: a world, messages in its outbox, and one delivery after the other at any time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from crmctl.sources.network import Network
from crmctl.workflow import delivery, delivery_plan, outbox
from crmctl.workflow.channels.machine import Channels
from crmctl.workflow.delivery_record import Letter
from crmctl.workspace.machine import Machine
from crmctl.workspace.workspace import Workspace
from tests.servers.clock import FakeClock
from tests.workflow.conftest import CONFIG, NOW, World

START = NOW.timestamp()


class Post:
    """``environment`` holds the settings of this machine; ``log`` what was told with --debug."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.environment: dict[str, str] = {}
        self.clock = FakeClock(START)
        self.now = NOW
        self.log: list[str] = []
        self.printed: list[str] = []
        self.waits: list[delivery_plan.Wait] = []
        self.write_config()

    def write_config(self, notifications: str = "{channel: email}") -> None:
        self.world.write("crmctl.yaml", CONFIG + f"notifications: {notifications}\n")

    @property
    def ws(self) -> Workspace:
        return Workspace(self.world.root, now=self.now, seed=1)

    def put(self, number: int = 1, **more: Any) -> outbox.Message:
        """A message for ana into the outbox."""
        given: dict[str, Any] = {
            "to": ("ana",),
            "subject": f"Acme: reason {number}",
            "body": f"Acme (accounts/acme/profile.md)\ncustomer\n\nWhy: reason {number}\n",
            "account": "acme",
            "workflow": "health_degradation",
            "episode": str(number),
            "action": "notify_account_manager",
            "created": self.now.isoformat(),
            "urgent": True,
        } | more
        key = outbox.key(given["account"], given["workflow"], str(number), str(given["to"]))
        message = outbox.Message(key=key, **given)
        with self.ws.writing("run"):
            outbox.write(self.ws.state_dir, [message])
        return message

    def later(self, **time: float) -> Post:
        self.now += dt.timedelta(**time)
        self.clock.now += dt.timedelta(**time).total_seconds()
        return self

    def channels(self) -> tuple[Channels, Network]:
        network = Network(clock=self.clock, log=self.log.append)
        machine = Machine(self.environment, Path(self.world.root.parent) / "credentials.yaml")
        return Channels(machine, network, company="Ours", echo=self.printed.append), network

    def plan(self, **how: bool) -> delivery_plan.Plan:
        channels, _ = self.channels()
        return delivery_plan.plan(self.ws, channels, **how)

    def deliver(self, **how: bool) -> list[Letter]:
        """One run of `crmctl deliver`."""
        channels, network = self.channels()
        ws = self.ws
        try:
            with delivery.alone(ws):
                found = delivery_plan.plan(ws, channels, **how)
                done = delivery.carry_out(ws, found, self.clock.time)
                delivery.tidy(ws, found)
        finally:
            channels.close()
            network.close()
        self.waits = found.waits
        return done

    def states(self) -> list[str]:
        return [letter.standing for letter in self.deliver()]

    def reasons(self) -> set[str]:
        return {wait.reason for wait in self.waits}

    def whys(self) -> set[str]:
        return {wait.why for wait in self.waits}

    def everything_written(self) -> str:
        """All of crmctl's state on disk, and all that was told."""
        found: Iterable[Path] = (self.ws.state_dir).rglob("*")
        return "".join(
            path.read_text(errors="replace") for path in found if path.is_file()
        ) + "\n".join([*self.log, *self.printed, *self.reasons()])
