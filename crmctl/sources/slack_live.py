"""Slack, live: the channels that belong to an account, each read from where the last read ended.

What it costs: one request for who we are, one for each 200 channels that we are in, and for each channel of an
account one for each 999 messages of the last ``lookback_days``, whether there is news or not, for Slack offers no
list of changes across channels. Threads and people cost a request each only when something of them is new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crmctl.model.errors import ConfigError
from crmctl.model.incoming import Batch, Waiting
from crmctl.model.text import one_line
from crmctl.sources import slack_ids
from crmctl.sources.errors import SourceError
from crmctl.sources.network import Network
from crmctl.sources.slack_api import NAME, Api, Refused
from crmctl.sources.slack_channels import Channel, Home
from crmctl.sources.slack_history import ChannelReader, Emptied
from crmctl.sources.slack_messages import SYSTEM
from crmctl.sources.slack_team import CLOSED, State, Team
from crmctl.sources.source import Chunk, Request
from crmctl.workspace.machine import Machine
from crmctl.workspace.source_settings import SlackSettings

URL = "https://slack.com"
_NEEDED = """channels:read groups:read channels:history groups:history users:read users:read.email""".split()
_NAMED = 10  # channels named in one note


def connect(machine: Machine, settings: SlackSettings, network: Network) -> Slack:
    """Slack as this machine knows it. ConfigError if there is no token, or one of a browser."""
    token = machine.need(SYSTEM, "token")["token"]
    if token.startswith(("xoxc-", "xoxd-")):
        raise ConfigError(
            f"{SYSTEM}: the token is that of a browser; use the bot token of an app, xoxb-…"
        )
    return Slack(Api(network, machine.get(SYSTEM, "url") or URL, token), settings)


class Slack:
    """One Slack workspace as a source."""

    system = SYSTEM
    state = SYSTEM

    def __init__(self, api: Api, settings: SlackSettings) -> None:
        self._api, self._settings = api, settings
        self._team: Team | None = None
        self._read: set[str] = set()
        self._served = 0

    def team(self, request: Request) -> Team:
        """The workspace as messages are told from it, the same one as long as the request is."""
        if self._team is None or self._team.request is not request:
            self._team = Team(self._api, self._settings, request, _states(request))
        return self._team

    def read(self, request: Request) -> Iterator[Chunk]:
        team = self.team(request)
        channels = self._reachable(team)
        about = Batch(SYSTEM, partial=not request.first)
        read: list[tuple[Channel, Home]] = []
        closed: list[Channel] = []
        for channel in channels:
            home = team.home(channel)
            if not home:
                about.waiting += team.waiting(channel)
            elif self._opens(team, channel):
                read.append((channel, home))
            else:
                closed.append(channel)
        about.notes += _notes(team, closed)
        yield Chunk(about)
        order = _rotated(read, request.mark)
        emptied: list[tuple[Channel, Home]] = []
        faults: list[str] = []
        for place, (channel, home) in enumerate(order):
            following = order[place + 1][0].id if place + 1 < len(order) else ""
            try:
                yield from self._chunks(team, channel, home, following)
            except Emptied as error:
                emptied.append((channel, home))
                faults.append(str(error))
        if request.full and self._served:
            # Where others are full, an empty one may be believed, if a person asks for all of it again.
            for channel, home in emptied:
                yield from self._chunks(team, channel, home, "", trusted=True)
            faults = []
        if not (faults and request.full):
            yield Chunk(Batch(SYSTEM, partial=not request.first), _mark(team))
        if faults:
            raise SourceError("; ".join(faults))

    def fetch(self, request: Request, wanted: Sequence[Waiting]) -> Batch:
        """Channels that this run has not read yet, and single messages."""
        team = self.team(request)
        found = Batch(SYSTEM, partial=True)
        for one in wanted:
            place = slack_ids.parsed(one.id)
            id = place.channel if place else one.id
            again = place is None and id in self._read
            channel = team.channel(id) if slack_ids.is_channel(id) and not again else None
            if channel is None:
                continue
            claim = request.claims.get(f"{one.kind}:{one.id}", "")
            home = team.homes.held(claim) or team.home(channel)
            if not home or not self._opens(team, channel):
                continue
            if place is not None:
                found.add(ChannelReader(team, channel, home, {}).one(place))
                continue
            for chunk in self._chunks(team, channel, home, ""):
                found.add(chunk.batch)
        return found

    def check(self) -> Iterator[str]:
        """Who we are in Slack, and what the app may not do yet."""
        me = self._api.post("auth.test", {})
        who = "the app's bot" if me.get("bot_id") else "a person"
        yield one_line(
            f"{NAME}: connected to {me.get('team')} ({me.get('url')}) as {me.get('user')}, {who}"
        )
        needed = [*_NEEDED, "channels:join"] if self._settings.join else _NEEDED
        missing = [scope for scope in needed if scope not in self._api.scopes]
        if self._api.scopes and missing:
            yield f"{NAME}: the app lacks {', '.join(missing)}; add it to the app and install the app again"
        params = {"types": "public_channel,private_channel", "exclude_archived": True}
        count = len(self._api.rows("users.conversations", "channels", params))
        yield f"{NAME}: a member of {count} channel{'' if count == 1 else 's'}"

    def limits(self) -> Mapping[str, str]:
        found = {}
        if self._api.waits:
            found["waits"] = f"asked {self._api.waits} times to wait"
        if self._api.throttled:
            found["history"] = "pages of 15 messages, one a minute: the app is not an internal one"
        return found

    def _reachable(self, team: Team) -> list[Channel]:
        """The channels; SourceError if none of those that were read before is among them."""
        team.id  # noqa: B018  before anything is read of a workspace that is another one
        channels = team.listed()
        before = {id for id, state in team.states.items() if state.get("account")}
        if before and not before & {channel.id for channel in channels}:
            raise SourceError(
                f"{NAME} shows none of the {len(before)} channels that were read before: look whether the app is still "
                "in them and may see them; if they are gone for good, run `crmctl sync slack --full`"
            )
        return channels

    def _opens(self, team: Team, channel: Channel) -> bool:
        """Whether a channel can be read; joins it if the settings say so."""
        if channel.member or channel.archived or not team.is_bot:
            return True
        if not self._settings.join or channel.private:
            return False
        try:
            self._api.post("conversations.join", {"channel": channel.id})
        except Refused:
            return False
        return True

    def _chunks(
        self,
        team: Team,
        channel: Channel,
        home: Home,
        following: str,
        *,
        trusted: bool = False,
    ) -> Iterator[Chunk]:
        """What one channel gives. ``following`` is what to begin with next time, should the run end behind it."""
        request, states = team.request, team.states
        state = states.get(channel.id, {})
        if channel.archived and state.get("archived") and state.get("account") == home.key:
            return
        reader = ChannelReader(team, channel, home, state, trusted=trusted)
        try:
            for batch, reached in reader.read():
                if reached is None:
                    yield Chunk(batch)
                    continue
                states[channel.id] = reached
                begin = channel.id if "walk" in reached else following
                # As long as a full read finds nothing at all, what was known before must stand.
                safe = self._served or reader.served or not request.full
                yield Chunk(batch, _mark(team, begin) if safe else None)
        except Refused as error:
            if error.error not in CLOSED:
                raise
            note = f"#{one_line(channel.name, 80)} was not read: {error.error}"
            yield Chunk(Batch(SYSTEM, notes=[note], partial=not request.first))
            return
        self._served += reader.served
        self._read.add(channel.id)


def _states(request: Request) -> dict[str, State]:
    """What the mark holds of each channel."""
    found = request.mark.get("channels")
    found = found if isinstance(found, Mapping) else {}
    return {str(id): dict(state) for id, state in found.items() if isinstance(state, Mapping)}


def _mark(team: Team, begin: str = "") -> dict[str, Any]:
    mark: dict[str, Any] = {"team": team.id, "channels": dict(sorted(team.states.items()))}
    return mark | ({"next": begin} if begin else {})


def _rotated(
    channels: Sequence[tuple[Channel, Home]], mark: Mapping[str, Any]
) -> list[tuple[Channel, Home]]:
    """The channels from the one on at which the last run broke off, so that none is left out for ever."""
    begin = str(mark.get("next") or "")
    return [one for one in channels if one[0].id >= begin] + [
        one for one in channels if one[0].id < begin
    ]


def _notes(team: Team, closed: Sequence[Channel]) -> Iterator[str]:
    """What keeps channels from being read that people may expect to be read."""
    if closed:
        names = ", ".join(f"#{one_line(channel.name, 80)}" for channel in closed[:_NAMED])
        more = f" and {len(closed) - _NAMED} more" if len(closed) > _NAMED else ""
        yield f"the app is not in {names}{more}: invite it there, or set sources.slack.join"
    unseen = sorted(id for id in team.homes.ids if team.channel(id) is None)
    unseen += sorted(f"#{name}" for name in team.homes.named - {c.name for c in team.known()})
    if unseen:
        yield f"the app does not see {', '.join(unseen[:_NAMED])}: invite it there, or mend sources.slack.channels"
    for slug in sorted(team.homes.unknown):
        yield f"sources.slack.channels names the account {slug}, which does not exist"
