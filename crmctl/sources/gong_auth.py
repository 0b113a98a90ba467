"""How we log in at Gong: an access key, or OAuth with a refresh token that is good for one use."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Protocol

from crmctl.sources.conversation_json import part
from crmctl.sources.errors import AuthError, SourceError, StatusError
from crmctl.sources.http import Door
from crmctl.sources.network import Network, checked_base, origin
from crmctl.workspace.machine import Machine

SYSTEM = "gong"
_API = "https://api.gong.io"
_LOGIN = "https://app.gong.io"
_OWN = ".api.gong.io"  # each customer of Gong has a host below this
_OTHER_FORM = frozenset({400, 406, 415, 422})


class Login(Protocol):
    """Who we are there. ``base`` is where the API is, known once `renew` was called where that `can_renew`."""

    can_renew: bool

    @property
    def base(self) -> str: ...

    def headers(self) -> Mapping[str, str]: ...

    def renew(self) -> None: ...


def login(machine: Machine, network: Network) -> Login:
    """The login that this machine has settings for; a key comes first, since it does not run out."""
    keys = ("access_key", "access_key_secret")
    grant = ("client_id", "client_secret", "refresh_token")
    base = checked_base(SYSTEM, machine.get(SYSTEM, "url") or _API)
    if not any(machine.get(SYSTEM, name) for name in keys) and machine.get(SYSTEM, "refresh_token"):
        machine.need(SYSTEM, *grant)
        return _Grant(machine, network, base)
    found = machine.need(SYSTEM, *keys)
    network.hide(found["access_key_secret"])
    return _Key(base, found["access_key"], found["access_key_secret"])


class _Key:
    can_renew = False

    def __init__(self, base: str, key: str, secret: str) -> None:
        self.base = base
        self._headers = _basic(key, secret)

    def headers(self) -> Mapping[str, str]:
        return self._headers

    def renew(self) -> None:
        """A key is good until somebody takes it back."""


class _Grant:
    """A customer's consent. The tokens are good at the customer's own host alone, which comes with them."""

    can_renew = True

    def __init__(self, machine: Machine, network: Network, configured: str) -> None:
        self._machine, self._network = machine, network
        self._configured = self.base = configured
        self._token = ""
        client = machine.need(SYSTEM, "client_id", "client_secret")
        network.hide(client["client_secret"])
        self._door = Door(
            network,
            SYSTEM,
            machine.get(SYSTEM, "login_url") or _LOGIN,
            headers=lambda: _basic(client["client_id"], client["client_secret"]),
        )

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def renew(self) -> None:
        """A new access token. The new refresh token is kept before anything else is done: the old one is used up."""
        spent = self._machine.need(SYSTEM, "refresh_token")["refresh_token"]
        self._network.hide(spent)
        given = self._exchange({"grant_type": "refresh_token", "refresh_token": spent})
        token, successor = given.get("access_token"), given.get("refresh_token")
        if not isinstance(token, str) or not token:
            raise SourceError("gong gave no access token for our refresh token: try again later")
        self._network.hide(token)
        if isinstance(successor, str) and successor and successor != spent:
            self._network.hide(successor)
            self._machine.save(SYSTEM, "refresh_token", successor)
        self._token = token
        base = given.get("api_base_url_for_customer")
        if isinstance(base, str) and base:
            self.base = customer_base(base, self._configured)

    def _exchange(self, parameters: Mapping[str, str]) -> Mapping[str, object]:
        """What the token endpoint gives. Whether it wants a form or JSON is not settled: the other one comes second."""
        path = "/oauth2/generate-customer-token"
        try:
            return part(self._door.post(path, form=parameters))
        except StatusError as error:
            first = error
        if first.status in _OTHER_FORM:
            try:
                return part(self._door.post(path, json=dict(parameters)))
            except StatusError:
                pass  # the first refusal says more
        raise AuthError(f"{first}; log in again with `crmctl auth gong`")


def customer_base(given: str, configured: str) -> str:
    """The address that came with a token, if the token may go there; SourceError if not."""
    try:
        scheme, host, port = origin(given)
        known = (scheme, host, port) == origin(configured)
    except ValueError:
        known, scheme, host, port = False, "", "", 0
    if known or (scheme == "https" and host.endswith(_OWN) and port == 443):
        return given.rstrip("/")
    raise SourceError("gong names an address for our token that is not one of its own: refused")


def _basic(user: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}
