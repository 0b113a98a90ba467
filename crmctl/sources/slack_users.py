"""People in Slack: what they are called, where they can be reached, and on whose side they are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from crmctl.model.identity import normal_email
from crmctl.sources import slack_ids
from crmctl.sources.slack_api import Api, Refused
from crmctl.sources.source import Interest

SLACKBOT = "USLACKBOT"
_ONE_BY_ONE = 10  # unknown people up to which asking for each is cheaper than reading the list
_UNKNOWN = frozenset(
    "user_not_found users_not_found user_not_visible user_disabled invalid_user_id".split()
)


@dataclass(frozen=True, slots=True)
class User:
    """``shown`` is the name that the team sees in Slack, ``name`` the full one. ``guest``: not one of the team.

    ``version`` sorts with every change of the profile; "" if Slack does not say.
    """

    id: str
    shown: str
    name: str
    email: str = ""
    title: str = ""
    team: str = ""
    guest: bool = False
    bot: bool = False
    version: str = ""


Look = Callable[[str], User | None]


def user(raw: Any) -> User | None:
    """A person as the Web API or ``users.json`` of an export describes it; None if that is no person."""
    if not isinstance(raw, Mapping) or not isinstance(raw.get("id"), str) or not raw["id"]:
        return None
    profile = raw.get("profile")
    profile = profile if isinstance(profile, Mapping) else {}
    real = _text(profile, "real_name") or _text(raw, "real_name")
    shown = _text(profile, "display_name")
    handle = _text(raw, "name")
    return User(
        raw["id"],
        shown or real or handle,
        real or shown or handle,
        normal_email(_text(profile, "email")) or "",
        _text(profile, "title"),
        _text(raw, "team_id") or _text(profile, "team"),
        any(
            raw.get(f"is_{word}") is True for word in ("stranger", "restricted", "ultra_restricted")
        ),
        raw.get("is_bot") is True or raw["id"] == SLACKBOT,
        _version(raw.get("updated")),
    )


def profiled(id: str, message: Mapping[str, Any]) -> User | None:
    """The author as the message itself describes them, where Slack tells no more."""
    profile = message.get("user_profile")
    if not isinstance(profile, Mapping):
        return None
    restricted = ("is_restricted", "is_ultra_restricted")
    return user({"id": id, "profile": profile, **{name: profile.get(name) for name in restricted}})


def is_ours(person: User, team: str, interest: Interest) -> bool | None:
    """Whether somebody is on our side; None if there is no telling.

    The address decides where it says something: a customer may be a full member of our workspace, and one of us
    a guest in theirs. ``team`` is the id of our own workspace.
    """
    if person.email and interest.is_ours(person.email):
        return True
    if person.guest or (person.email and interest.account(person.email)):
        return False
    return person.team == team if person.team and team else None


class Directory:
    """The people of one workspace, each asked for once in a run."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[str, User | None] = {}
        self._listed = False

    def learn(self, ids: Collection[str]) -> None:
        """Get to know these people: many by one list of everybody, a few one by one."""
        unknown = sorted(set(ids) - self._known.keys())
        if len(unknown) > _ONE_BY_ONE and not self._listed:
            self._listed = True
            for found in map(user, self._api.rows("users.list", "members", {})):
                if found is not None:
                    self._known[found.id] = found
        for id in unknown:
            self.look(id)

    def look(self, id: str) -> User | None:
        """A person by id; None for one that Slack does not show."""
        if id not in self._known:
            self._known[id] = self._ask(id)
        return self._known[id]

    def _ask(self, id: str) -> User | None:
        try:
            return user(self._api.call("users.info", {"user": id}).get("user"))
        except Refused as error:
            if error.error not in _UNKNOWN:
                raise
            return None


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    return " ".join(value.split()) if isinstance(value, str) else ""


def _version(updated: Any) -> str:
    seconds = slack_ids.seconds(updated)
    return slack_ids.version(f"{seconds:010d}.000000") if seconds else ""
