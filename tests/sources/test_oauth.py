from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crmctl.model.errors import ConfigError, CrmError
from crmctl.sources.errors import AuthError, SourceError
from crmctl.sources.http import Door
from crmctl.sources.network import Network
from crmctl.sources.oauth import GOOGLE, MICROSOFT, Login
from crmctl.workspace.machine import Machine
from tests.servers import gmail, graph
from tests.servers.base import hang_up, html, status
from tests.servers.clock import FakeClock

PROFILE = "/gmail/v1/users/me/profile"


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network(FakeClock())
    yield made
    made.close()


@pytest.fixture
def google() -> Iterator[gmail.Gmail]:
    with gmail.Gmail() as server:
        yield server


@pytest.fixture
def microsoft() -> Iterator[graph.Graph]:
    with graph.Graph() as server:
        yield server


def at_google(server: gmail.Gmail, network: Network, folder: Path, **more: str) -> Login:
    settings = {
        "login_url": f"{server.url}/token",
        "client_id": gmail.CLIENT,
        "client_secret": gmail.SECRET,
        "refresh_token": gmail.REFRESH,
        **more,
    }
    return Login(machine(folder, settings), network, GOOGLE)


def at_microsoft(
    server: graph.Graph, network: Network, machine: Machine, application: str = ""
) -> Login:
    return Login(
        machine,
        network,
        MICROSOFT,
        delegated="https://graph.microsoft.com/Mail.Read offline_access",
        application=application or "https://graph.microsoft.com/.default",
    )


def machine(folder: Path, settings: dict[str, str]) -> Machine:
    environment = {f"CRMCTL_EMAIL_{name.upper()}": value for name, value in settings.items()}
    return Machine(environment, folder / "credentials.yaml")


def personal(server: graph.Graph, **more: str) -> dict[str, str]:
    return {
        "login_url": f"{server.url}/{graph.TENANT}/oauth2/v2.0/token",
        "client_id": graph.CLIENT,
        "client_secret": graph.SECRET,
        "refresh_token": graph.REFRESH,
        **more,
    }


def test_a_token_is_got_once_and_again_shortly_before_its_end(
    google: gmail.Gmail, network: Network, tmp_path: Path
) -> None:
    login = at_google(google, network, tmp_path)
    first = login.token()
    network.clock.sleep(3500)
    assert login.token() == first
    network.clock.sleep(60)
    assert login.token() != first
    assert google.count("/token") == 2


def test_several_requests_that_are_refused_at_once_renew_the_token_once(
    google: gmail.Gmail, network: Network, tmp_path: Path
) -> None:
    login = at_google(google, network, tmp_path)
    door = Door(network, "email", google.url, headers=login.headers, renew=login.renew)
    door.get(PROFILE)
    google.expire()
    answers = list(door.map(lambda _: door.get(PROFILE)["emailAddress"], range(12), 4))
    assert answers == [google.address] * 12
    assert google.count("/token") == 2


def test_a_new_refresh_token_is_kept_before_the_access_token_is_used(
    microsoft: graph.Graph, network: Network, tmp_path: Path
) -> None:
    here = machine(tmp_path, personal(microsoft))
    login = at_microsoft(microsoft, network, here)
    login.token()
    assert here.get("email", "refresh_token") == microsoft.refresh != graph.REFRESH
    again = machine(tmp_path, personal(microsoft))
    assert again.get("email", "refresh_token") == microsoft.refresh, "and found by the next run"
    assert at_microsoft(microsoft, network, again).token()


def test_a_new_refresh_token_that_cannot_be_kept_stops_the_run(
    microsoft: graph.Graph, network: Network, tmp_path: Path
) -> None:
    class Full(Machine):
        def save(self, system: str, name: str, value: str) -> None:
            raise CrmError("the disk is full")

    environment = {f"CRMCTL_EMAIL_{k.upper()}": v for k, v in personal(microsoft).items()}
    login = at_microsoft(microsoft, network, Full(environment, tmp_path / "credentials.yaml"))
    door = Door(network, "email", microsoft.url, headers=login.headers, renew=login.renew)
    with pytest.raises(CrmError, match="full"):
        door.get("/v1.0/users/ana@ours.example/mailFolders")
    assert [call.method for call in microsoft.calls] == ["POST"], "and nothing is read with it"


def test_an_app_gets_a_token_in_its_own_name(
    microsoft: graph.Graph, network: Network, tmp_path: Path
) -> None:
    settings = personal(microsoft, refresh_token="", tenant=graph.TENANT)
    login = at_microsoft(microsoft, network, machine(tmp_path, settings))
    assert login.token() in microsoft.tokens
    assert microsoft.calls[-1].form["scope"] == "https://graph.microsoft.com/.default"
    assert not login.personal


def test_a_refresh_token_that_may_be_used_up_is_not_sent_twice(
    microsoft: graph.Graph, network: Network, tmp_path: Path
) -> None:
    microsoft.fail([hang_up])
    with pytest.raises(SourceError):
        at_microsoft(microsoft, network, machine(tmp_path, personal(microsoft))).token()
    assert len(microsoft.calls) == 1


def test_one_that_stays_is_sent_again_when_the_answer_is_lost(
    google: gmail.Gmail, network: Network, tmp_path: Path
) -> None:
    passing = status(400, {"error": "temporarily_unavailable"})
    google.fail([hang_up, html(503), passing])
    assert at_google(google, network, tmp_path).token() in google.tokens


def test_a_dead_grant_names_the_seven_days_of_testing(
    google: gmail.Gmail, network: Network, tmp_path: Path
) -> None:
    google.refreshing.clear()
    with pytest.raises(AuthError) as caught:
        at_google(google, network, tmp_path).token()
    said = str(caught.value)
    assert "7 days" in said
    assert "Testing" in said
    assert "expired or revoked" in said
    assert "--set refresh_token" in said
    assert gmail.REFRESH not in said
    assert len(google.calls) == 1


def test_a_dead_grant_at_microsoft_names_the_ninety_days(
    microsoft: graph.Graph, network: Network, tmp_path: Path
) -> None:
    settings = personal(microsoft, refresh_token="0.another")
    with pytest.raises(AuthError, match=r"AADSTS700082.*90 days"):
        at_microsoft(microsoft, network, machine(tmp_path, settings)).token()


def test_a_wrong_secret_is_named(google: gmail.Gmail, network: Network, tmp_path: Path) -> None:
    login = at_google(google, network, tmp_path, client_secret="GOCSPX-wrong")
    with pytest.raises(AuthError, match="client_secret") as caught:
        login.token()
    assert "GOCSPX-wrong" not in str(caught.value)


def test_another_refusal_is_told_in_the_issuer_s_words(
    microsoft: graph.Graph, network: Network, tmp_path: Path
) -> None:
    settings = personal(microsoft, refresh_token="", tenant=graph.TENANT)
    login = at_microsoft(microsoft, network, machine(tmp_path, settings), "https://else.example/x")
    with pytest.raises(AuthError, match="AADSTS1002012"):
        login.token()


def test_a_refusal_that_is_no_word_of_the_login_is_no_matter_of_credentials(
    google: gmail.Gmail, network: Network, tmp_path: Path
) -> None:
    google.fail([html(404)])
    with pytest.raises(SourceError, match="404"):
        at_google(google, network, tmp_path).token()


def test_an_answer_without_a_token_is_no_token(
    google: gmail.Gmail, network: Network, tmp_path: Path
) -> None:
    google.fail([status(200, ["?"])])
    with pytest.raises(SourceError, match="no access token"):
        at_google(google, network, tmp_path).token()


def test_an_access_token_alone_is_used_until_it_is_refused(
    google: gmail.Gmail, network: Network, tmp_path: Path
) -> None:
    google.tokens = {"ya29.given"}
    settings = {"client_id": "", "client_secret": "", "refresh_token": ""}
    login = at_google(google, network, tmp_path, access_token="ya29.given", **settings)
    door = Door(network, "email", google.url, headers=login.headers, renew=login.renew)
    assert door.get(PROFILE)["emailAddress"] == google.address
    google.expire()
    with pytest.raises(AuthError, match="refresh_token"):
        door.get(PROFILE)


def test_no_secret_is_told(google: gmail.Gmail, network: Network, tmp_path: Path) -> None:
    token = at_google(google, network, tmp_path).token()
    assert {token, gmail.SECRET, gmail.REFRESH} <= network.secrets


def test_what_is_missing_is_named_before_anything_is_sent(network: Network, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CRMCTL_EMAIL_CLIENT_ID and CRMCTL_EMAIL_REFRESH_TOKEN"):
        Login(machine(tmp_path, {}), network, GOOGLE)
    with pytest.raises(ConfigError, match="TENANT"):
        Login(machine(tmp_path, {"client_secret": "x", "client_id": "y"}), network, MICROSOFT)
    client = {"client_secret": "x", "client_id": "y"}
    with pytest.raises(ConfigError, match="tenant must be"):
        Login(machine(tmp_path, {**client, "tenant": "a/../b?"}), network, MICROSOFT)
    elsewhere = {**client, "refresh_token": "z", "login_url": "http://login.example/t"}
    with pytest.raises(ConfigError, match="unencrypted"):
        Login(machine(tmp_path, elsewhere), network, GOOGLE)
