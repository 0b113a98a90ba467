"""Which account a channel belongs to: told by people, by its name, or by the guests in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crmctl.model.identity import email_domain, is_free_mail
from crmctl.model.incoming import NOWHERE, Link
from crmctl.sources import slack_ids
from crmctl.sources.slack_users import User, is_ours
from crmctl.sources.source import Interest
from crmctl.workspace.source_settings import SlackSettings

_ACCOUNT = "{account}"


@dataclass(frozen=True, slots=True)
class Channel:
    """``shared``: with another company. ``teams`` are the workspaces that share it, ``created`` an ISO date or ""."""

    id: str
    name: str
    private: bool = False
    archived: bool = False
    general: bool = False
    direct: bool = False
    shared: bool = False
    member: bool = True
    teams: tuple[str, ...] = ()
    created: str = ""


@dataclass(frozen=True, slots=True)
class Home:
    """The account of a channel: ``key`` is its folder, or its domain as long as it has no folder; "" for none."""

    key: str = ""
    link: Link = NOWHERE

    def __bool__(self) -> bool:
        return bool(self.key)


def channel(raw: Any, *, member: bool = True) -> Channel | None:
    """A channel as the Web API or the index of an export describes it; None if that is no channel.

    ``member`` counts where it does not say whether we are in it.
    """
    if not isinstance(raw, Mapping) or not isinstance(raw.get("id"), str):
        return None
    if not slack_ids.is_channel(raw["id"]):
        return None
    name, teams = raw.get("name"), raw.get("shared_team_ids")
    stated = raw.get("is_member")
    return Channel(
        raw["id"],
        " ".join(name.split()) if isinstance(name, str) else "",
        raw.get("is_private") is True or raw.get("is_group") is True,
        raw.get("is_archived") is True,
        raw.get("is_general") is True,
        raw.get("is_im") is True or raw.get("is_mpim") is True,
        raw.get("is_ext_shared") is True,
        stated if isinstance(stated, bool) else member,
        tuple(sorted(str(team) for team in teams)) if isinstance(teams, list) else (),
        _day(raw.get("created")),
    )


class Homes:
    """Finds the accounts of channels. ``claims`` are what people said by hand, `channel:C…` to folder."""

    def __init__(
        self, settings: SlackSettings, claims: Mapping[str, str], interest: Interest
    ) -> None:
        self._interest = interest
        self._settings = settings
        self._claims = claims
        self._told = {name.removeprefix("#"): slug for name, slug in settings.channels.items()}
        self._patterns = [_pattern(text) for text in settings.patterns if _ACCOUNT in text]
        self.named = frozenset(name for name in self._told if not slack_ids.is_channel(name))
        """The names by which people spoke of channels."""
        self.ids = frozenset(
            {name for name in self._told if slack_ids.is_channel(name)}
            | {
                id
                for key, id in (claim.split(":", 1) for claim in claims if ":" in claim)
                if key == "channel"
            }
        )
        """The ids by which they did."""
        self.unknown: set[str] = set()
        """Accounts that people gave to channels and that do not exist."""

    def told(self, found: Channel) -> Home | None:
        """What people said: the settings, then the claims. None if they said nothing."""
        slug = self._told.get(found.id) or self._told.get(found.name)
        slug = slug or self._claims.get(f"channel:{found.id}", "")
        if slug and slug not in self._interest.accounts:
            self.unknown.add(slug)
            return Home()
        return self._home(slug) if slug else None

    def held(self, key: str) -> Home:
        """The account that a channel was read for before: a channel's name may change, its account stays."""
        account = self._home(key)
        return Home(key, account.link) if account else account

    def by_name(self, found: Channel) -> Home:
        """The account that the channel's name contains."""
        for pattern in self._patterns:
            match = pattern.match(found.name)
            for slug in (match[1], match[1].replace("_", "-")) if match else ():
                if slug in self._interest.accounts:
                    return self._home(slug)
        return Home()

    def by_domain(self, domain: str) -> Home:
        """The account that has a domain."""
        return self._home(self._interest.account_of_domain(domain) if domain else "")

    def fits(self, found: Channel) -> bool:
        """Whether a channel's name looks like that of an account's channel."""
        return any(pattern.match(found.name) for pattern in self._patterns)

    def _home(self, account: str) -> Home:
        """``account`` is a folder, or the domain of an account that has none yet."""
        if account in self._interest.accounts:
            return Home(account, Link(slug=account))
        known = self._interest.account_of_domain(account) if "." in account else ""
        if known in self._interest.accounts:
            return Home(known, Link(slug=known))
        return Home(known, Link(domain=known)) if known else Home()


def guests_domain(people: Iterable[User], team: str, interest: Interest) -> str:
    """The domain of the one company that the guests of a channel are from, "" if there is no telling.

    Of several companies, the one that is a customer.
    """
    domains = set()
    for person in people:
        if person.bot or is_ours(person, team, interest):
            continue
        domain = email_domain(person.email)
        if domain and not is_free_mail(domain) and domain not in interest.ours:
            domains.add(domain)
    known = {domain: interest.account_of_domain(domain) for domain in domains}
    customers = set(filter(None, known.values()))
    if len(customers) == 1:
        return min(domain for domain, account in known.items() if account)
    return domains.pop() if len(domains) == 1 else ""


def _pattern(text: str) -> re.Pattern[str]:
    before, _, after = text.partition(_ACCOUNT)
    return re.compile(f"{re.escape(before)}([a-z0-9_-]{{1,80}}){re.escape(after)}\\Z")


def _day(created: Any) -> str:
    seconds = slack_ids.seconds(created)
    return slack_ids.moment(f"{seconds:010d}.000000").date().isoformat() if seconds else ""
