from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crmctl.model.errors import ConfigError
from crmctl.sources.errors import AuthError, SourceError
from crmctl.sources.gong_auth import customer_base
from crmctl.sources.gong_live import connect
from crmctl.sources.network import Network
from crmctl.workspace.machine import Machine
from crmctl.workspace.source_settings import GongSettings
from tests.servers.base import Call
from tests.servers.gong import CLIENT, CLIENT_SECRET, Gong
from tests.sources.talks import ago, machine, network, read

FIRST = "fixture-refresh-0"


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


@pytest.fixture
def gong() -> Iterator[Gong]:
    with Gong(oauth=True) as server:
        user = server.add_user("Ana Reyes", "ana@ours.example")
        server.add_call(ago(3), user, [("Ines", "ines@hollisvane.example")])
        server.add_call(ago(40), user, [("Ines", "ines@hollisvane.example")])
        yield server


@pytest.fixture
def wire() -> Iterator[Network]:
    with network() as found:
        yield found


@pytest.fixture
def ours(gong: Gong, tmp_path: Path) -> Machine:
    return machine(
        tmp_path,
        "gong",
        {
            "url": gong.url,
            "login_url": gong.url,
            "client_id": CLIENT,
            "client_secret": CLIENT_SECRET,
            "refresh_token": FIRST,
        },
    )


def calls_read(ours: Machine, wire: Network) -> int:
    batch, _ = read(connect(ours, GongSettings(), wire))
    return sum(record.kind == "interaction" for record in batch.records)


def test_the_new_refresh_token_is_kept_before_anything_is_asked(
    gong: Gong, ours: Machine, wire: Network
) -> None:
    kept: list[str] = []
    gong.before = lambda _call: kept.append(ours.get("gong", "refresh_token"))
    assert calls_read(ours, wire) == 2
    assert kept[:2] == [FIRST, "fixture-refresh-1"]
    assert gong.calls[1].path.startswith("/customer/company-17/v2/")
    assert {"fixture-token-1", "fixture-refresh-1", FIRST, CLIENT_SECRET} <= wire.secrets


def test_the_next_run_uses_the_token_that_was_kept(
    gong: Gong, ours: Machine, wire: Network
) -> None:
    assert calls_read(ours, wire) == 2
    assert calls_read(ours, wire) == 2
    assert gong.refresh_token == "fixture-refresh-2"


def test_a_token_that_runs_out_is_renewed_once(gong: Gong, ours: Machine, wire: Network) -> None:
    spent = False

    def before(call: Call) -> None:
        nonlocal spent
        if call.path.endswith("/extensive") and not spent:
            spent, gong.token = True, "another"

    gong.before = before
    assert calls_read(ours, wire) == 2
    assert gong.refresh_token == "fixture-refresh-2"
    gong.before = lambda _call: setattr(gong, "token", "another")
    with pytest.raises(AuthError, match="crmctl auth gong"):
        calls_read(ours, wire)


def test_parameters_go_as_json_where_a_form_is_refused(
    gong: Gong, ours: Machine, wire: Network
) -> None:
    gong.json_login = True
    assert calls_read(ours, wire) == 2


def test_a_refresh_token_that_is_spent_is_a_persons_business(
    gong: Gong, ours: Machine, wire: Network
) -> None:
    gong.refresh_token = "somebody used it"
    with pytest.raises(AuthError, match=r"400, invalid_grant.*crmctl auth gong"):
        calls_read(ours, wire)


@pytest.mark.parametrize(
    "base",
    [
        "https://evil.example",
        "https://api.gong.io.evil.example",
        "https://evilapi.gong.io",
        "http://company-17.api.gong.io",
        "https://company-17.api.gong.io:8443",
        "https://user@company-17.api.gong.io",
        "https://good.api.gong.io\\@evil.example",
        "//evil.example",
        "company-17.api.gong.io",
    ],
)
def test_a_token_goes_to_no_address_but_gongs_own(
    gong: Gong, ours: Machine, wire: Network, base: str
) -> None:
    gong.base = base
    with pytest.raises(SourceError, match="not one of its own: refused"):
        calls_read(ours, wire)
    assert len(gong.calls) == 1
    assert ours.get("gong", "refresh_token") == "fixture-refresh-1", "it was used up all the same"


def test_the_addresses_of_customers_are_gongs_own() -> None:
    api = "https://api.gong.io"
    assert customer_base("https://company-17.api.gong.io/", api) == "https://company-17.api.gong.io"
    assert customer_base("https://us-1.api.gong.io", api) == "https://us-1.api.gong.io"
    assert customer_base(api, api) == api
    local = "http://127.0.0.1:81"
    assert customer_base(f"{local}/customer/a", local) == f"{local}/customer/a"


def test_without_any_login_both_parts_of_a_key_are_asked_for(tmp_path: Path, wire: Network) -> None:
    with pytest.raises(ConfigError, match=r"access_key and access_key_secret missing"):
        connect(machine(tmp_path, "gong", {}), GongSettings(), wire)
    half = machine(tmp_path, "gong", {"refresh_token": "r", "client_id": "c"})
    with pytest.raises(ConfigError, match="client_secret missing"):
        connect(half, GongSettings(), wire)
    plain = {"url": "http://gong.example", "access_key": "k", "access_key_secret": "s"}
    with pytest.raises(ConfigError, match="unencrypted"):
        connect(machine(tmp_path, "gong", plain), GongSettings(), wire)
