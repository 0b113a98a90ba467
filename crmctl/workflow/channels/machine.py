"""The channels that this machine's own settings open. The workspace chooses among them by name, and adds none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from crmctl.model.errors import ConfigError
from crmctl.sources.registry import Setting
from crmctl.workflow.channels.base import Channel

if TYPE_CHECKING:
    from crmctl.sources.network import Network
    from crmctl.workspace.machine import Machine

SMTP, SLACK, TARGET = "smtp", "alerts_slack", "target_"
KINDS = ("slack", "slack_webhook", "webhook", "file", "terminal")
SYSTEMS: dict[str, tuple[Setting, ...]] = {
    SMTP: (
        Setting("host", True, "server that takes our mail"),
        Setting("from", True, "address that mail comes from"),
        Setting("port", False, "port, 587 by default (465 with tls)"),
        Setting(
            "security", False, "starttls or tls; starttls by default (none: on this machine only)"
        ),
        Setting("user", False, "user, if the server wants a login"),
        Setting("password", False, "password of the user"),
        Setting("domains", False, "domains that mail may go to, the one of `from` by default"),
        Setting("ca_file", False, "certificate authority of the server, in PEM"),
    ),
    SLACK: (
        Setting("token", True, "bot token, xoxb-…, of the app that writes"),
        Setting("url", False, "address, https://slack.com by default"),
    ),
}
TARGET_SETTINGS = (
    Setting("kind", True, ", ".join(KINDS)),
    Setting("channel", False, "id of a Slack channel, such as C07ALERT01 (slack)"),
    Setting("hook", False, "whole address, which is a secret (slack_webhook, webhook)"),
    Setting("secret", False, "what signs each call (webhook)"),
    Setting("file", False, "path of a file on this machine (file)"),
)


def target_system(name: str) -> str:
    """Under which name the settings of a target stand."""
    return TARGET + name.replace("-", "_")


def settings(system: str) -> Sequence[Setting] | None:
    """The settings of a way out; None if it is none."""
    if system.startswith(TARGET) and system != TARGET:
        return TARGET_SETTINGS
    return SYSTEMS.get(system)


class Channels:
    """Connects each channel when it is first used. ``echo`` gets what a target of kind ``terminal`` prints."""

    def __init__(
        self,
        machine: Machine,
        network: Network,
        *,
        company: str = "",
        echo: Callable[[str], None] = print,
    ) -> None:
        self._machine, self._network = machine, network
        self._company, self._echo = company, echo
        self._known: dict[str, Channel] = {}
        network.hide(*machine.secrets())

    def person(self, way: str) -> Channel:
        """How people are reached by ``email`` or ``slack``. ConfigError if this machine cannot."""
        if way not in self._known:
            self._known[way] = self._mail() if way == "email" else self._slack("")
        return self._known[way]

    def target(self, name: str) -> Channel:
        """A target by its name. ConfigError if this machine does not know it."""
        system = target_system(name)
        if system not in self._known:
            self._known[system] = self._target(name, system)
        return self._known[system]

    def check(self, system: str) -> str:
        """Whether a way out is open, as a sentence; nothing is sent. Raises what stands in the way."""
        if system == SMTP:
            return self._mail().check()
        if system == SLACK:
            return self._slack("").check()
        channel = self._target(system.removeprefix(TARGET), system)
        return f"target {system.removeprefix(TARGET)} is a {channel.kind}; it is used with the first message"

    def close(self) -> None:
        """Let go of everything that was connected."""
        for channel in self._known.values():
            channel.close()
        self._known.clear()

    def _mail(self) -> MailChannel:
        from crmctl.workflow.channels.email import MailChannel, server

        return MailChannel(server(self._machine), self._network, self._company)

    def _slack(self, channel: str) -> SlackChannel:
        from crmctl.workflow.channels.slack import SlackChannel

        token = self._machine.need(SLACK, "token")["token"]
        return SlackChannel(token, self._machine.get(SLACK, "url"), self._network, channel)

    def _target(self, name: str, system: str) -> Channel:
        if not self._machine.has(system):
            raise ConfigError(
                f"this machine knows no target {name!r}: set it up with `crmctl auth {system}`"
            )
        kind = self._machine.need(system, "kind")["kind"]
        match kind:
            case "slack":
                return self._slack(self._machine.need(system, "channel")["channel"])
            case "file":
                from crmctl.workflow.channels.plain import FileChannel

                return FileChannel(self._machine.need(system, "file")["file"])
            case "terminal":
                from crmctl.workflow.channels.plain import TerminalChannel

                return TerminalChannel(self._echo)
            case "webhook":
                from crmctl.workflow.channels.webhook import WebhookChannel

                hook = self._machine.need(system, "hook")["hook"]
                return WebhookChannel(
                    name, hook, self._network, self._machine.get(system, "secret")
                )
            case "slack_webhook":
                from crmctl.workflow.channels.webhook import SlackWebhookChannel

                hook = self._machine.need(system, "hook")["hook"]
                return SlackWebhookChannel(name, hook, self._network)
        raise ConfigError(f"{system}: kind {kind[:40]!r}; allowed: {', '.join(KINDS)}")


if TYPE_CHECKING:
    from crmctl.workflow.channels.email import MailChannel
    from crmctl.workflow.channels.slack import SlackChannel
