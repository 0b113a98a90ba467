from __future__ import annotations

import base64
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from crmctl.model.errors import ConfigError, CrmError
from crmctl.sources.errors import AuthError, QuotaError, SourceError
from tests.servers.base import Server, cut, hang_up, html, status
from tests.servers.salesforce import REFRESH, SECRET, Salesforce
from tests.servers.salesforce_client import NOW, Client


@pytest.fixture
def server() -> Iterator[Salesforce]:
    with Salesforce() as server:
        yield server


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(
        serialization.Encoding.PEM, form, serialization.NoEncryption()
    ).decode()


def refused(server: Salesforce, folder: Path, **here: str) -> str:
    with Client(server, folder, here=here) as client, pytest.raises(CrmError) as caught:
        client.login().renew()
    return str(caught.value)


def test_client_credentials_give_a_token_and_the_address_it_counts_at(
    server: Salesforce, tmp_path: Path
) -> None:
    with Client(server, tmp_path) as client:
        login = client.login()
        assert server.calls == [], "nothing is sent before it is needed"
        assert login.base == server.url
        assert login.headers()["Authorization"].removeprefix("Bearer ") in server.tokens
    (call,) = server.calls
    assert call.form["grant_type"] == "client_credentials"


def test_client_credentials_go_to_the_my_domain_whatever_the_login_url_is(
    server: Salesforce, tmp_path: Path
) -> None:
    with Client(server, tmp_path, here={"login_url": "https://login.salesforce.com"}) as client:
        assert client.login().base == server.url


def test_a_login_host_as_url_is_told_what_to_be_instead(server: Salesforce, tmp_path: Path) -> None:
    server.login_alias = True
    assert "set url to your My Domain" in refused(server, tmp_path)


@pytest.mark.parametrize(
    ("refusal", "advice"),
    [
        (("invalid_grant", "request not supported on this domain"), "My Domain"),
        (("invalid_grant", "no client credentials user enabled"), "user to run as"),
        (("invalid_grant", "expired access/refresh token"), "crmctl auth salesforce"),
        (("invalid_client", "invalid client credentials"), "crmctl auth salesforce"),
        (("invalid_app_access", None), "crmctl auth salesforce"),
    ],
)
def test_a_refused_login_says_what_to_do(
    server: Salesforce, tmp_path: Path, refusal: tuple[str, str | None], advice: str
) -> None:
    error, text = refusal
    server.refusal = {"error": error} | ({"error_description": text} if text else {})
    with Client(server, tmp_path) as client, pytest.raises(AuthError, match=advice) as caught:
        client.login().renew()
    assert error in str(caught.value)
    assert server.count() == 1, "a wrong password is not tried again"


def test_too_many_logins_are_no_wrong_password(server: Salesforce, tmp_path: Path) -> None:
    server.refusal = {"error": "invalid_grant", "error_description": "login rate exceeded"}
    with Client(server, tmp_path) as client, pytest.raises(QuotaError):
        client.login().renew()


def test_a_stumbling_login_is_asked_again(server: Salesforce, tmp_path: Path) -> None:
    again = status(400, {"error": "unknown_error", "error_description": "retry your request"})
    server.fail([html(503), cut, hang_up, again])
    with Client(server, tmp_path) as client:
        assert client.login().base == server.url
    assert server.count() == 5


def test_a_wrong_path_is_no_wrong_password(server: Salesforce, tmp_path: Path) -> None:
    server.fail([html(404)])
    with Client(server, tmp_path) as client, pytest.raises(SourceError, match=r"404.*My Domain"):
        client.login().renew()


@pytest.mark.parametrize(
    "body", [{}, {"access_token": "x"}, [], {"access_token": 1, "instance_url": 2}]
)
def test_an_answer_without_a_token_is_none(server: Salesforce, tmp_path: Path, body: Any) -> None:
    server.fail([status(200, body)])
    with Client(server, tmp_path) as client, pytest.raises(SourceError):
        client.login().renew()


def test_a_machine_that_lacks_settings_is_told_which(server: Salesforce, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="client_secret missing"):
        Client(server, tmp_path, here={"client_secret": ""}).login()
    with pytest.raises(ConfigError, match="username missing"):
        Client(server, tmp_path, here={"private_key": "-----BEGIN"}).login()
    with pytest.raises(ConfigError, match="unencrypted"):
        Client(server, tmp_path, here={"url": "http://acme.my.salesforce.com"}).login()


def test_a_signed_assertion_is_worth_a_token(
    server: Salesforce, tmp_path: Path, key: rsa.RSAPrivateKey
) -> None:
    server.public_key = key.public_key()
    file = tmp_path / "key.pem"
    file.write_text(pem(key))
    for setting in (pem(key), pem(key).replace("\n", "\\n"), str(file)):
        here = {"private_key": setting, "username": server.username, "client_secret": ""}
        with Client(server, tmp_path, here=here) as client:
            server.now = client.clock.time
            login = client.login()
            assert login.base == server.url
            login.renew()
    assert all("client_secret" not in call.form for call in server.calls)


def test_a_user_whom_nobody_approved_is_told_so(
    server: Salesforce, tmp_path: Path, key: rsa.RSAPrivateKey
) -> None:
    server.public_key, server.now = key.public_key(), NOW.timestamp
    here = {"private_key": pem(key), "username": "somebody@else.example"}
    assert "approve the app" in refused(server, tmp_path, **here)


@pytest.mark.parametrize(
    ("here", "audience"),
    [
        ({"url": "https://acme.my.salesforce.com"}, "https://login.salesforce.com"),
        ({"url": "https://acme--dev.sandbox.my.salesforce.com"}, "https://test.salesforce.com"),
        ({"login_url": "https://test.salesforce.com"}, "https://test.salesforce.com"),
        ({"login_url": "https://acme.my.salesforce.com"}, "https://login.salesforce.com"),
    ],
)
def test_the_audience_is_a_login_host_and_never_the_my_domain(
    server: Salesforce,
    tmp_path: Path,
    key: rsa.RSAPrivateKey,
    here: dict[str, str],
    audience: str,
) -> None:
    given = {"private_key": pem(key), "username": "a@b.example", **here}
    with Client(server, tmp_path, here=given) as client:
        claims = client.login()._form()["assertion"].split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["aud"] == audience


def test_a_key_that_cannot_sign_is_named(server: Salesforce, tmp_path: Path) -> None:
    curve = pem(ec.generate_private_key(ec.SECP256R1()))
    for setting in (curve, "-----BEGIN NOTHING-----", "/no/such/key.pem", "\0"):
        text = refused(server, tmp_path, private_key=setting, username="a@b.example")
        assert "private_key" in text
        assert "Error" not in text
    assert server.calls == []


def test_a_refresh_token_is_worth_a_token(server: Salesforce, tmp_path: Path) -> None:
    with Client(server, tmp_path, here={"refresh_token": REFRESH}) as client:
        login = client.login()
        login.renew()
        login.renew()
    assert {call.form["refresh_token"] for call in server.calls} == {REFRESH}


def test_a_rotated_refresh_token_is_kept_before_anything_else_is_done(
    server: Salesforce, tmp_path: Path
) -> None:
    server.rotating = True
    server.instance_url = "https://elsewhere.example"
    with Client(server, tmp_path, here={"refresh_token": REFRESH}) as client:
        with pytest.raises(SourceError):
            client.login().renew()
        (fresh,) = server.refresh_tokens
        assert client.machine.get("salesforce", "refresh_token") == fresh != REFRESH
        assert stat.S_IMODE(client.machine.file.stat().st_mode) == 0o600
        server.instance_url = ""
        assert client.login().base == server.url
    assert server.calls[-1].form["refresh_token"] == fresh


def test_a_rotated_refresh_token_that_cannot_be_kept_ends_the_run(
    server: Salesforce, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.rotating = True
    with Client(server, tmp_path, here={"refresh_token": REFRESH}) as client:

        def full(*_arguments: str) -> None:
            raise CrmError("no room")

        monkeypatch.setattr(client.machine, "save", full)
        with pytest.raises(CrmError, match="no room"):
            client.api().get("limits")
    assert server.count("limits") == 0


@pytest.mark.parametrize(
    "instance",
    [
        "https://evil.example",
        "https://my.salesforce.com.evil.example",
        "https://notsalesforce.com",
        "http://acme.my.salesforce.com",
        "https://acme.my.salesforce.com:8443",
        "https://acme.my.salesforce.com@evil.example",
        "https://evil.example\\@acme.my.salesforce.com",
        "//evil.example",
        "ftp://acme.my.salesforce.com",
        "",
    ],
)
def test_a_token_never_goes_to_a_strangers_host(
    server: Salesforce, tmp_path: Path, instance: str
) -> None:
    server.instance_url = instance or "nowhere"
    with Client(server, tmp_path) as client, pytest.raises(SourceError, match="refused"):
        client.api().get("limits")
    assert server.count() == 1


def test_another_host_of_salesforce_may_have_the_data(server: Salesforce, tmp_path: Path) -> None:
    server.instance_url = "https://acme.my.salesforce.com/services"
    with Client(server, tmp_path) as client:
        assert client.login().base == "https://acme.my.salesforce.com"


def test_another_server_of_this_machine_may_not(server: Salesforce, tmp_path: Path) -> None:
    with Server() as other:
        server.instance_url = other.url
        with Client(server, tmp_path) as client, pytest.raises(SourceError, match="refused"):
            client.api().get("limits")
        assert other.calls == []


def test_no_secret_is_told(server: Salesforce, tmp_path: Path) -> None:
    with Client(server, tmp_path) as client:
        client.api().get("limits")
        (token,) = server.tokens
        assert client.log
        assert client.network.clean(f"{token} {SECRET}") == "*** ***"
        assert not any(secret in line for line in client.log for secret in (token, SECRET))
