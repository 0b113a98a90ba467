"""How the double of Salesforce hands out access tokens."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

from tests.servers.base import Call, Reply, Server

CLIENT = "3MVG9consumer.key"
SECRET = "consumer-secret-7f3a91"
REFRESH = "5Aep861-first-refresh-token"
_LOGIN_AUDIENCES = frozenset({"https://login.salesforce.com", "https://test.salesforce.com"})
_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class LoginDesk(Server):
    """The three grants of a headless job."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__(seed)
        self.tokens: set[str] = set()
        self.refresh_tokens = {REFRESH}
        self.rotating = False
        self.login_alias = False  # whether this is login.salesforce.com rather than a My Domain
        self.instance_url = ""  # something else than our own address
        self.refusal: dict[str, str] | None = None  # what logins are answered with
        self.public_key: Any = None
        self.username = "robot@vendor.example"
        self.user = ""
        self.now: Callable[[], float] = time.time
        self._issued = 0

    def expire(self) -> None:
        """Every access token is worth nothing from now on."""
        self.tokens.clear()

    def login(self, call: Call) -> Reply:
        if self.refusal is not None:
            return answer(self.refusal, 400)
        form, grant = call.form, call.form.get("grant_type")
        secret = form.get("client_secret")
        if call.headers.get("authorization", "").startswith("Basic "):
            pair = base64.b64decode(call.headers["authorization"][6:]).decode().partition(":")
            form, secret = form | {"client_id": pair[0]}, pair[2]
        if grant == _JWT:
            return self._login_by_assertion(form.get("assertion", ""))
        if grant not in {"client_credentials", "refresh_token"}:
            return _refused("unsupported_grant_type", "grant type not supported")
        if form.get("client_id") != CLIENT:
            return _refused("invalid_client_id", "client identifier invalid")
        if secret != SECRET:
            return _refused("invalid_client", "invalid client credentials")
        if grant == "refresh_token":
            return self._login_by_refresh(form.get("refresh_token", ""))
        if self.login_alias:
            return _refused("invalid_grant", "request not supported on this domain")
        return answer(self._grant())

    def _login_by_refresh(self, token: str) -> Reply:
        if token not in self.refresh_tokens:
            return _refused("invalid_grant", "expired access/refresh token")
        given = self._grant()
        if self.rotating:
            self.refresh_tokens.discard(token)
            given["refresh_token"] = f"5Aep861-refresh-token-{self._issued}"
            self.refresh_tokens.add(given["refresh_token"])
        return answer(given)

    def _login_by_assertion(self, assertion: str) -> Reply:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        try:
            head, claims, signature = (_decoded(part) for part in assertion.split("."))
            signed = assertion.rpartition(".")[0].encode()
            self.public_key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
            said = json.loads(claims)
        except (ValueError, InvalidSignature):
            return _refused("invalid_grant", "invalid assertion")
        left = said["exp"] - self.now()
        if json.loads(head) != {"alg": "RS256"} or not 0 < left <= 300 or said["iss"] != CLIENT:
            return _refused("invalid_grant", "invalid assertion")
        if said["aud"] not in _LOGIN_AUDIENCES:
            return _refused("invalid_grant", "audience is invalid")
        if said["sub"] != self.username:
            return _refused("invalid_grant", "user hasn't approved this consumer")
        return answer(self._grant())

    def _grant(self) -> dict[str, str]:
        self._issued += 1
        token = f"00D8d0000!access-token-{self._issued:04}"
        self.tokens.add(token)
        return {
            "access_token": token,
            "scope": "api",
            "instance_url": self.instance_url or self.url,
            "id": f"https://login.salesforce.com/id/00D8d000000AbCdEAK/{self.user}",
            "token_type": "Bearer",
            "issued_at": "1772445600123",
        }


def answer(body: Any, status: int = 200) -> Reply:
    # All of it ASCII, so that half a character of a hostile text is one here too.
    return Reply(status, json.dumps(body), {"Content-Type": "application/json;charset=UTF-8"})


def _refused(error: str, description: str) -> Reply:
    return answer({"error": error, "error_description": description}, 400)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
