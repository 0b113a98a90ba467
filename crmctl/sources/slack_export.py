"""Slack's own export, a ZIP with one folder for each channel and one file in it for each day."""

from __future__ import annotations

import datetime as dt
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from crmctl.model.errors import CrmError
from crmctl.model.incoming import Batch, Rejected, Waiting
from crmctl.model.text import one_line
from crmctl.sources import slack_channels, slack_ids, slack_users
from crmctl.sources.archives import UNREADABLE
from crmctl.sources.slack_channels import Channel, Home, Homes
from crmctl.sources.slack_messages import SYSTEM, Teller
from crmctl.sources.slack_text import Names
from crmctl.sources.slack_users import User
from crmctl.sources.source import Interest
from crmctl.workspace.source_settings import SlackSettings

_INDEXES = {
    "channels": {},
    "groups": {"is_private": True},
    "dms": {"is_im": True},
    "mpims": {"is_mpim": True},
}
_USERS = ("users", "org_users")
_DAY = re.compile(r"\d{4}-\d\d-\d\d\.json\Z", re.ASCII)
_LARGEST = 64 << 20  # bytes of one file in the archive
_ALL = 4 << 30  # bytes of all files that are read
_MOST = 1_000_000  # files in the archive


def read(
    path: Path,
    settings: SlackSettings,
    now: dt.datetime,
    interest: Interest,
    claims: Mapping[str, str] | None = None,
) -> Batch:
    """All messages of an export's channels that have an account; channels that have none wait.

    CrmError if the file is no export. What is wrong with a part of it stands in ``rejected``.
    """
    try:
        opened = zipfile.ZipFile(path)
    except UNREADABLE as error:
        raise CrmError(f"{one_line(str(path))} cannot be read as a ZIP file: {error}") from None
    with opened as archive:
        return _Export(archive, settings, now, interest, claims or {}).read()


class _Export:
    def __init__(
        self,
        archive: zipfile.ZipFile,
        settings: SlackSettings,
        now: dt.datetime,
        interest: Interest,
        claims: Mapping[str, str],
    ) -> None:
        self._archive, self._settings, self._interest = archive, settings, interest
        self._latest = slack_ids.at(now + dt.timedelta(days=1))
        self._homes = Homes(settings, claims, interest)
        self._batch = Batch(SYSTEM, partial=True)
        self._left = _ALL
        names = archive.namelist()
        if len(names) > _MOST:
            raise CrmError(
                f"{archive.filename} holds more than {_MOST} files: no export of Slack does"
            )
        # Somebody may have packed the folder again, so that everything lies one level deeper.
        self._top = next((n[: -len("users.json")] for n in names if _is_index(n)), None)
        self._days = _by_folder(names, self._top or "")

    def read(self) -> Batch:
        if self._top is None:
            raise CrmError("the archive has no users.json: name the ZIP file that Slack made")
        people = self._people()
        team = _own_team(people.values())
        channels = list(self._channels())
        called = {channel.id: channel.name for channel, _, _ in channels}
        names = Names(
            lambda user: people[user].shown if user in people else "",
            lambda channel: called.get(channel, ""),
        )
        teller = Teller(self._settings, self._interest, team, people.get, names)
        for channel, folder, members in channels:
            domain = self._guests_domain([people[m] for m in members if m in people], team)
            home = self._home(channel, domain)
            if home:
                self._read_channel(channel, home, folder, teller)
            elif not channel.general and not channel.direct and folder in self._days:
                origin = f"slack channel #{channel.name}"
                waiting = Waiting(SYSTEM, "channel", channel.id, channel.created, domain, origin)
                self._batch.waiting.append(waiting)
        for slug in sorted(self._homes.unknown):
            note = f"sources.slack.channels names the account {slug}, which does not exist"
            self._batch.notes.append(note)
        return self._batch

    def _people(self) -> dict[str, User]:
        found: dict[str, User] = {}
        for name in _USERS:
            for raw in self._rows(f"{name}.json"):
                person = slack_users.user(raw)
                if person is not None:
                    found[person.id] = person
        return found

    def _channels(self) -> Iterator[tuple[Channel, str, list[str]]]:
        """Each channel with the name of its folder and the ids of its members."""
        for name, flags in _INDEXES.items():
            for raw in self._rows(f"{name}.json"):
                if not isinstance(raw, Mapping):
                    continue
                channel = slack_channels.channel({**flags, **raw})
                members = raw.get("members")
                if channel is not None:
                    ids = (
                        [m for m in members if isinstance(m, str)]
                        if isinstance(members, list)
                        else []
                    )
                    yield channel, channel.name or channel.id, ids

    def _home(self, channel: Channel, domain: str) -> Home:
        told = self._homes.told(channel)
        if told is not None:
            return told
        named = self._homes.by_name(channel)
        if named or channel.direct or not self._settings.shared_domains:
            return named
        return self._homes.by_domain(domain)

    def _guests_domain(self, members: list[User], team: str) -> str:
        """The company that a channel is shared with. An export does not say which are: those with guests in them."""
        if not any(person.guest or person.team != team for person in members):
            return ""
        return slack_channels.guests_domain(members, team, self._interest)

    def _read_channel(self, channel: Channel, home: Home, folder: str, teller: Teller) -> None:
        for file in self._days.get(folder, ()):
            for message in self._rows(file):
                if not isinstance(message, Mapping):
                    self._reject(file, "holds something that is no message")
                elif slack_ids.stamp(message.get("ts")) > self._latest:
                    self._reject(
                        file, f"has a message of {message.get('ts')}, which is in the future"
                    )
                else:
                    teller.tell(channel, home, message, self._batch)

    def _rows(self, name: str) -> list[Any]:
        """The list in a file of the archive; nothing if there is no such file or it holds no list."""
        try:
            about = self._archive.getinfo(f"{self._top}{name}")
        except KeyError:
            return []
        if about.file_size > _LARGEST or about.file_size > self._left:
            self._reject(
                name, f"is larger than {_LARGEST >> 20} MB, or all files together are: not read"
            )
            return []
        try:
            with self._archive.open(about) as file:
                raw = file.read(_LARGEST + 1)  # whatever size the archive states
            self._left -= len(raw)
            found = json.loads(raw) if len(raw) <= _LARGEST else None
        except UNREADABLE as error:
            self._reject(name, f"cannot be read: {one_line(str(error), 100)}")
            return []
        if not isinstance(found, list):
            self._reject(name, "holds no list")
            return []
        return found

    def _reject(self, name: str, reason: str) -> None:
        self._batch.rejected.append(Rejected(one_line(name, 100), reason))


def _is_index(name: str) -> bool:
    return name == "users.json" or (name.endswith("/users.json") and name.count("/") == 1)


def _by_folder(names: list[str], top: str) -> dict[str, list[str]]:
    """The files of each folder below ``top``, in the order of their days.

    Nothing is ever unpacked, so a name that climbs out of the archive leads nowhere.
    """
    found: dict[str, list[str]] = {}
    for name in sorted(set(names)):
        folder, slash, day = name.removeprefix(top).partition("/")
        if name.startswith(top) and slash and _DAY.match(day):
            found.setdefault(folder, []).append(f"{folder}/{day}")
    return found


def _own_team(people: Any) -> str:
    """The workspace that most people belong to."""
    teams = Counter(person.team for person in people if person.team and not person.guest)
    return min(teams, key=lambda team: (-teams[team], team), default="")
