from __future__ import annotations

from typing import Any

import pytest

from crmctl.sources.slack_channels import Channel, Homes, channel, guests_domain
from crmctl.sources.slack_users import User, is_ours, profiled, user
from crmctl.sources.source import Interest
from crmctl.workspace.source_settings import SlackSettings
from tests.sources.slack_reads import INTEREST

OURS = "T07CRM0001"


def homes(claims: dict[str, str] | None = None, **settings: Any) -> Homes:
    return Homes(SlackSettings(**settings), claims or {}, INTEREST)


def person(email: str, *, guest: bool = True, bot: bool = False) -> User:
    return User("U1", "Kim", "Kim", email, team="T9" if guest else OURS, guest=guest, bot=bot)


def test_settings_name_a_channel_by_id_or_by_name() -> None:
    found = homes(
        channels={"C07ACME001": "acme-tiles", "#launch": "nordlicht", "quiet": "nordlicht"}
    )
    for one in (Channel("C07ACME001", "x"), Channel("C2", "launch"), Channel("C3", "quiet")):
        home = found.told(one)
        assert home is not None
        assert home.key == home.link.slug != ""
    assert found.told(Channel("C4", "other")) is None
    assert found.named == {"launch", "quiet"}
    assert found.ids == {"C07ACME001"}


def test_what_a_person_claimed_counts_behind_the_settings() -> None:
    claims = {"channel:C1A": "nordlicht", "event:C1A-1": "acme-tiles"}
    home = homes(claims).told(Channel("C1A", "x"))
    assert home is not None
    assert home.key == "nordlicht"
    home = homes(claims, channels={"C1A": "acme-tiles"}).told(Channel("C1A", "x"))
    assert home is not None
    assert home.key == "acme-tiles"
    assert homes(claims).ids == {"C1A"}


def test_an_account_that_does_not_exist_is_told_of_and_no_name_is_tried() -> None:
    found = homes(channels={"ext-nordlicht": "nordlich"})
    home = found.told(Channel("C1", "ext-nordlicht"))
    assert home is not None
    assert not home
    assert found.unknown == {"nordlich"}


@pytest.mark.parametrize(
    ("name", "account"),
    [
        ("ext-nordlicht", "nordlicht"),
        ("cust-hollis_vane_freight", "hollis-vane-freight"),
        ("customer-acme-tiles", "acme-tiles"),
        ("ext-nordlicht-old", ""),
        ("next-nordlicht", ""),
        ("nordlicht", ""),
        ("ext-", ""),
        ("ext-acme tiles", ""),
    ],
)
def test_a_name_with_the_account_in_it_finds_the_account(name: str, account: str) -> None:
    assert homes().by_name(Channel("C1", name)).key == account


def test_patterns_are_the_team_s_own_and_no_expressions() -> None:
    found = homes(patterns=["{account}-team", "a.c-{account}", "everything"])
    assert found.by_name(Channel("C1", "nordlicht-team")).key == "nordlicht"
    assert found.by_name(Channel("C1", "a.c-nordlicht")).key == "nordlicht"
    assert not found.by_name(Channel("C1", "abc-nordlicht"))
    assert not found.by_name(Channel("C1", "everything"))
    assert found.fits(Channel("C1", "unheard-of-team"))


def test_an_account_that_gets_its_folder_later_stays_the_same_home() -> None:
    new = Interest({"new.example": "new.example"}, {}, frozenset(), frozenset())
    home = Homes(SlackSettings(), {}, new).by_domain("new.example")
    assert (home.key, home.link.domain, home.link.slug) == ("new.example", "new.example", "")
    known = Interest({"new.example": "new-inc"}, {}, frozenset(), frozenset({"new-inc"}))
    held = Homes(SlackSettings(), {}, known).held("new.example")
    assert (held.key, held.link.slug) == ("new.example", "new-inc")
    assert not Homes(SlackSettings(), {}, known).held("gone")


def test_guests_of_one_company_say_whose_channel_it_is() -> None:
    def domain(*people: User) -> str:
        return guests_domain(people, OURS, INTEREST)

    ours = person("ana@northwind-cs.example", guest=False)
    assert domain(ours, person("bo@nordlicht.example")) == "nordlicht.example"
    assert (
        domain(ours, person("bo@nordlicht.example"), person("x@agency.example"))
        == "nordlicht.example"
    )
    assert domain(person("bo@nordlicht.example"), person("m@acmetiles.example")) == ""
    assert domain(person("x@agency.example")) == "agency.example"
    assert domain(person("x@agency.example"), person("y@other.example")) == ""
    assert domain(ours, person("kim@gmail.com"), person("")) == ""
    assert domain(person("b@nordlicht.example", bot=True)) == ""


@pytest.mark.parametrize(
    ("email", "guest", "team", "side"),
    [
        ("ana@northwind-cs.example", True, "T9", True),
        ("bo@nordlicht.example", False, OURS, False),
        ("kim@gmail.com", False, OURS, False),
        ("x@elsewhere.example", False, OURS, True),
        ("x@elsewhere.example", True, OURS, False),
        ("", True, "T9", False),
        ("", False, "T9", False),
        ("", False, OURS, True),
        ("", False, "", None),
    ],
)
def test_the_address_says_whose_side_somebody_is_on_then_the_workspace(
    email: str, guest: bool, team: str, side: bool | None
) -> None:
    assert is_ours(User("U1", "x", "x", email, team=team, guest=guest), OURS, INTEREST) is side


def test_a_person_has_the_best_name_there_is() -> None:
    profile = {
        "display_name": "",
        "real_name": "Bo Berg",
        "email": "Bo@Nordlicht.example",
        "title": " CTO ",
    }
    found = user(
        {"id": "U1", "name": "bo", "profile": profile, "updated": 1771990000, "is_restricted": True}
    )
    assert found == User(
        "U1", "Bo Berg", "Bo Berg", "bo@nordlicht.example", "CTO", guest=True, version="2026-02-25T03:26:40.000000Z"
    )  # fmt: skip
    bare = user({"id": "W2", "name": "kim", "profile": None, "updated": "x", "deleted": True})
    assert bare == User("W2", "kim", "kim")
    assert user({"id": ""}) is None
    assert user("odd") is None
    slackbot = user({"id": "USLACKBOT"})
    assert slackbot is not None
    assert slackbot.bot


def test_a_message_may_describe_its_author_itself() -> None:
    profile = {"real_name": "Eva Old", "display_name": "eva", "team": "T9", "is_restricted": False}
    assert profiled("U3", {"user_profile": profile}) == User("U3", "eva", "Eva Old", team="T9")
    assert profiled("U3", {}) is None


@pytest.mark.parametrize("odd", [None, "C1", {}, {"id": 3}, {"id": "general"}, {"id": "../C1"}])
def test_what_is_no_channel_is_none(odd: object) -> None:
    assert channel(odd) is None


def test_a_channel_may_lack_almost_everything() -> None:
    assert channel({"id": "D07ANA0001", "is_im": True, "created": "1452837318"}) == Channel(
        "D07ANA0001", "", direct=True, created="2016-01-15"
    )
    found = channel(
        {"id": "G1A", "name": "a\n b", "is_group": True, "is_member": False}, member=True
    )
    assert found == Channel("G1A", "a b", private=True, member=False)
