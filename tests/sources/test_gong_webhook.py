from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from crmctl.sources.gong_webhook import call_ids, verify

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
BARE = "".join(PEM.splitlines()[1:-1])
URL = "https://hooks.ours.example/gong?key=1"
NOW = 1_794_816_000.0
BODY = b'{"callData": {"metaData": {"id": "7391840226115904417"}}, "isTest": false}'


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def token(alg: str = "RS256", key: rsa.RSAPrivateKey = KEY, **claims: Any) -> str:
    stated = {
        "body_sha256": hashlib.sha256(BODY).hexdigest(),
        "webhook_url": URL,
        "exp": NOW + 60,
        **claims,
    }
    signed = f"{part({'alg': alg, 'typ': 'JWT'})}.{part(stated)}"
    signature = key.sign(signed.encode(), PKCS1v15(), SHA256())
    return f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def good(stated: str, *, url: str = URL, body: bytes = BODY, key: str = PEM) -> bool:
    return verify(key, {"Authorization": stated}, body, url, NOW)


@pytest.mark.parametrize(
    "key", [PEM, BARE, f"  {BARE[:64]}\n{BARE[64:]}\n", PEM.replace("\n", "\r\n")]
)
def test_a_key_may_be_pem_or_what_gong_shows(key: str) -> None:
    assert good(f"Bearer {token()}", key=key)


def test_the_header_is_found_in_any_case_with_or_without_bearer() -> None:
    for headers in (
        {"authorization": token()},
        {"AUTHORIZATION": f"bearer  {token()}"},
        {"Host": "x", "Authorization": f" Bearer {token()} "},
    ):
        assert verify(PEM, headers, BODY, URL, NOW)


def test_it_is_bound_to_the_body_the_address_and_the_time() -> None:
    assert not good(token(), body=BODY + b" ")
    assert not good(token(), url="https://hooks.ours.example/other?key=1")
    assert not good(token(), url="https://evil.example/gong?key=1")
    assert not good(token(exp=NOW - 61))
    assert good(token(exp=NOW - 30)), "clocks differ"
    assert not good(token(nbf=NOW + 3600))
    assert not good(token(body_sha256=None))
    assert not good(token(body_sha256="\ud800"))
    assert not good(token(exp="soon"))
    assert not good(token(exp=True))


@pytest.mark.parametrize(
    ("claimed", "url"),
    [
        ("https://HOOKS.ours.example:443/gong/?key=1", URL),
        (URL, "/gong?key=1"),
        (None, URL),
        (URL, ""),
    ],
)
def test_an_address_may_be_spelled_in_another_way(claimed: str | None, url: str) -> None:
    assert good(token(webhook_url=claimed), url=url)


@pytest.mark.parametrize("claimed", ["https://hooks.ours.example:bad/gong", "https://[/gong", "x"])
def test_an_address_that_is_none_is_another_one(claimed: str) -> None:
    assert not good(token(webhook_url=claimed))


def test_only_the_key_itself_signs() -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert not good(token(key=other))
    assert not good(token(alg="none"))
    assert not good(token(alg="HS256"))
    unsigned = token().rpartition(".")[0]
    assert not good(f"{unsigned}.")
    assert not good(unsigned)
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = curve.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert not good(token(), key=pem)
    assert not good(token(), key="no key")
    assert not good(token(), key="")


@pytest.mark.parametrize(
    "stated",
    [
        "",
        "Bearer ",
        "a.b.c",
        "....",
        f"{part([])}.{part({})}.x",
        f"{part({'alg': 'RS256'})}.{part([])}.AAAA",
        "ü.ü.ü",
        "x" * 100_000,
    ],
)
def test_what_is_no_token_is_refused(stated: str) -> None:
    assert not good(stated)
    assert not verify(PEM, {}, BODY, URL, NOW)


@given(st.text(max_size=80))
def test_no_header_makes_it_fall_over(stated: str) -> None:
    assert not good(stated)


def test_the_calls_it_is_about() -> None:
    assert call_ids(json.loads(BODY)) == ["7391840226115904417"]
    two = [{"metaData": {"id": "1"}}, {"metaData": {"id": 2}}, {"metaData": {}}]
    assert call_ids({"callData": two}) == ["1", "2"]
    odd: list[Any] = [None, [], "x", {"callData": None}, {"callData": {"metaData": {"id": "../1"}}}]
    assert [call_ids(one) for one in odd] == [[]] * 5
