"""One Slack workspace during one read: who we are there, its channels and their accounts, its people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from functools import cached_property
from typing import Any

from crmctl.model.errors import ConfigError
from crmctl.model.incoming import Waiting
from crmctl.sources import slack_channels
from crmctl.sources.slack_api import NAME, Api, Refused
from crmctl.sources.slack_channels import Channel, Home, Homes
from crmctl.sources.slack_messages import SYSTEM, Teller
from crmctl.sources.slack_text import Names
from crmctl.sources.slack_users import Directory
from crmctl.sources.source import Request
from crmctl.workspace.source_settings import SlackSettings

State = dict[str, Any]
# What a channel may be refused with while the workspace as a whole can be read.
CLOSED = frozenset(
    """channel_not_found not_in_channel is_archived channel_is_limited_access
method_not_supported_for_channel_type fetch_members_failed""".split()
)
_LISTED = {"types": "public_channel,private_channel", "exclude_archived": False}
_PUBLIC = {"types": "public_channel", "exclude_archived": True}


class Team:
    """``states`` is what the mark holds of each channel; what is learned of guests is added to it."""

    def __init__(
        self,
        api: Api,
        settings: SlackSettings,
        request: Request,
        states: MutableMapping[str, State],
    ) -> None:
        self.api = api
        self.settings, self.request, self.states = settings, request, states
        self.directory = Directory(api)
        self._channels: dict[str, Channel | None] = {}

    @cached_property
    def me(self) -> Mapping[str, Any]:
        """What Slack says of us. ConfigError if the mark is of another workspace."""
        found = self.api.post("auth.test", {})
        before = self.request.mark.get("team")
        if before and found.get("team_id") != before:
            raise ConfigError(
                f"{NAME}: the token is of the workspace {found.get('team_id')}, but {before} was read so far; "
                "set the right token, or read the new one from the beginning with `crmctl sync slack --full`"
            )
        return found

    @property
    def id(self) -> str:
        return str(self.me.get("team_id") or "")

    @property
    def is_bot(self) -> bool:
        """Whether we are an app's bot, which is asked into channels, rather than a person."""
        return bool(self.me.get("bot_id"))

    @cached_property
    def homes(self) -> Homes:
        return Homes(self.settings, self.request.claims, self.request.interest())

    @cached_property
    def teller(self) -> Teller:
        return Teller(
            self.settings,
            self.request.interest(),
            self.id,
            self.directory.look,
            Names(self._shown, self._called),
            str(self.me.get("bot_id") or ""),
        )

    def listed(self) -> list[Channel]:
        """The channels that may be read: those we are in, those people spoke of, and those we may join."""
        for raw in self.api.rows("users.conversations", "channels", _LISTED):
            self._add(raw, member=True)
        names = {channel.name for channel in self._channels.values() if channel}
        if self.settings.join or self.homes.named - names:
            for raw in self.api.rows("conversations.list", "channels", _PUBLIC):
                self._add(raw, member=False)
        for id in sorted(self.homes.ids):
            self.channel(id)
        return self.known()

    def known(self) -> list[Channel]:
        """The channels that Slack has shown us so far, by their ids."""
        return [found for _, found in sorted(self._channels.items()) if found is not None]

    def channel(self, id: str) -> Channel | None:
        """A channel by its id; None if Slack does not show it."""
        if id not in self._channels:
            try:
                found = self.api.call("conversations.info", {"channel": id}).get("channel")
            except Refused as error:
                if error.error not in CLOSED:
                    raise
                found = None
            self._channels[id] = slack_channels.channel(found, member=False)
        return self._channels[id]

    def home(self, channel: Channel) -> Home:
        """The account that a channel belongs to."""
        told = self.homes.told(channel)
        if told is not None:
            return told
        state = self.states.get(channel.id, {})
        return (
            self.homes.held(str(state.get("account") or ""))
            or self.homes.by_name(channel)
            or self.homes.by_domain(self._domain(channel))
        )

    def waiting(self, channel: Channel) -> Iterator[Waiting]:
        """A channel without an account, if it seems to be a customer's: apps are asked in, people are in many."""
        if channel.general or channel.direct or not (channel.member or channel.shared):
            return
        if self.is_bot or channel.shared or self.homes.fits(channel):
            domain = str(self.states.get(channel.id, {}).get("domain") or "")
            origin = f"slack channel #{channel.name}"
            yield Waiting(SYSTEM, "channel", channel.id, channel.created, domain, origin)

    def _domain(self, channel: Channel) -> str:
        """The domain of the guests of a shared channel, asked for once as long as the same companies share it."""
        if not (self.settings.shared_domains and channel.shared and channel.member):
            return ""
        teams = " ".join(channel.teams)
        state = self.states.get(channel.id, {})
        if "domain" not in state or state.get("teams") != teams:
            state = {"domain": self._guests_domain(channel), "teams": teams}
            self.states[channel.id] = state
        return str(state["domain"])

    def _guests_domain(self, channel: Channel) -> str:
        try:
            found = self.api.rows("conversations.members", "members", {"channel": channel.id})
        except Refused as error:
            if error.error not in CLOSED:
                raise
            return ""
        members = {str(id) for id in found}
        self.directory.learn(members)
        people = filter(None, map(self.directory.look, sorted(members)))
        return slack_channels.guests_domain(people, self.id, self.request.interest())

    def _add(self, raw: Any, *, member: bool) -> None:
        found = slack_channels.channel(raw, member=member)
        if found is not None:
            self._channels.setdefault(found.id, found)

    def _shown(self, id: str) -> str:
        person = self.directory.look(id)
        return person.shown if person else ""

    def _called(self, id: str) -> str:
        found = self.channel(id)
        return found.name if found else ""
