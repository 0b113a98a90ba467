"""Access tokens of Salesforce without a browser: client credentials, JWT bearer, refresh token."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from crmctl.model.errors import ConfigError
from crmctl.model.text import one_line
from crmctl.sources.errors import AuthError, QuotaError, SourceError, StatusError
from crmctl.sources.http import Again, Answer, Door, Verdict, explained, retry_after
from crmctl.sources.http import verdict as usual_verdict
from crmctl.sources.network import Network, checked_base, origin
from crmctl.workspace.machine import Machine

SYSTEM = "Salesforce"
_OURS = "salesforce"  # our settings' name for it
_TOKEN = "/services/oauth2/token"  # noqa: S105  a path
_PRODUCTION, _SANDBOX = "https://login.salesforce.com", "https://test.salesforce.com"
_HOSTS = (".salesforce.com", ".force.com")
_LIFETIME = 180  # seconds that an assertion counts
_ADVICE = {
    "request not supported on this domain": "set url to your My Domain, https://NAME.my.salesforce.com",
    "no client credentials user enabled": "choose the user to run as in the policies of the app",
    "user hasn't approved this consumer": "let an administrator approve the app for this user",
    "audience is invalid": "set login_url to https://test.salesforce.com for a sandbox",
}
_RENEW = "check the app's key, secret and policies, then run `crmctl auth salesforce`"


class Login:
    """The access token and the address that it counts at, got when first asked for.

    Which way it is got depends on what this machine has: a private key, else a refresh token, else a client secret.
    """

    def __init__(self, machine: Machine, network: Network) -> None:
        self._machine, self._network = machine, network
        needed = ["url", "client_id"]
        self._key = machine.get(_OURS, "private_key")
        self._refreshing = not self._key and bool(machine.get(_OURS, "refresh_token"))
        if self._key:
            needed.append("username")
        elif not self._refreshing:
            needed.append("client_secret")
        self._settings = machine.need(_OURS, *needed)
        self.url = checked_base(_OURS, self._settings["url"])
        login = machine.get(_OURS, "login_url")
        self._login = checked_base(_OURS, login) if login else ""
        self._secret = machine.get(_OURS, "client_secret")
        network.hide(self._secret, self._key)
        # Client credentials are for the My Domain alone; login hosts refuse them.
        usual = self._login if self._key or self._refreshing else ""
        self._door = Door(network, SYSTEM, usual or self.url, judge=_judge, explain=_explain)
        self._token = ""
        self._base = ""
        self.user = ""

    @property
    def base(self) -> str:
        """The address of the organisation's data."""
        if not self._base:
            self.renew()
        return self._base

    def headers(self) -> dict[str, str]:
        """The headers of a request."""
        if not self._token:
            self.renew()
        return {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}

    def renew(self) -> None:
        """Get a new token. AuthError says what a person must do if there is none to be had."""
        given = self._exchange(self._form())
        token, instance = given.get("access_token"), given.get("instance_url")
        if not isinstance(token, str) or not isinstance(instance, str) or not token:
            raise SourceError(
                f"{SYSTEM} gave no access token where it said it would: try again later"
            )
        self._network.hide(token)
        fresh = given.get("refresh_token")
        if self._refreshing and isinstance(fresh, str) and fresh:
            # The old one is dead from now on: whatever comes next, the new one must not be lost.
            self._network.hide(fresh)
            if fresh != self._machine.get(_OURS, "refresh_token"):
                self._machine.save(_OURS, "refresh_token", fresh)
        base = self._checked(instance)
        if self._base and base != self._base:
            raise SourceError(f"{SYSTEM} moved to {one_line(base, 100)} meanwhile: run again")
        self._base, self._token = base, token
        self.user = str(given.get("id") or "").rpartition("/")[2]

    def _form(self) -> dict[str, str]:
        client = {"client_id": self._settings["client_id"]}
        secret = {"client_secret": self._secret} if self._secret else {}
        if self._key:
            assertion = self._assertion()
            self._network.hide(assertion)
            grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
            return {"grant_type": grant, "assertion": assertion}
        if self._refreshing:
            token = self._machine.get(_OURS, "refresh_token")
            self._network.hide(token)
            return {"grant_type": "refresh_token", "refresh_token": token, **client, **secret}
        return {"grant_type": "client_credentials", **client, **secret}

    def _exchange(self, form: Mapping[str, str]) -> dict[str, Any]:
        try:
            given = self._door.post(_TOKEN, form=form, headers={"Accept": "application/json"})
        except StatusError as error:
            raise _refusal(error) from None
        if not isinstance(given, dict):
            raise SourceError(f"{SYSTEM} answered POST {_TOKEN} with no object: try again later")
        return given

    def _checked(self, instance: str) -> str:
        """The origin of an address that the token may go to: our own, or one of Salesforce's hosts."""
        try:
            scheme, host, port = origin(instance)
        except ValueError as error:
            raise SourceError(
                f"{SYSTEM} names an address of its data that {error}: refused"
            ) from None
        theirs = scheme == "https" and port == 443 and host.endswith(_HOSTS)
        if (scheme, host, port) != origin(self.url) and not theirs:
            raise SourceError(
                f"{SYSTEM} names {one_line(host, 100)} as the address of its data, "
                "which is neither the configured url nor a host of Salesforce: refused"
            )
        return f"{scheme}://{urlsplit(instance).netloc}"

    def _assertion(self) -> str:
        """A signed statement of who we are, for one request."""
        login = self._login if self._login in {_PRODUCTION, _SANDBOX} else ""
        claims = {
            "iss": self._settings["client_id"],
            "sub": self._settings["username"],
            "aud": login or (_SANDBOX if ".sandbox." in self.url else _PRODUCTION),
            "exp": int(self._network.clock.time()) + _LIFETIME,
        }
        parts = [_coded(json.dumps(part).encode()) for part in ({"alg": "RS256"}, claims)]
        signed = _signature(_pem(self._key), ".".join(parts).encode())
        return ".".join([*parts, _coded(signed)])


def _pem(setting: str) -> bytes:
    """The key itself, or that of the file which the setting names."""
    if "-----BEGIN" in setting:
        return setting.replace("\\n", "\n").encode()  # a variable may spell line ends out
    try:
        return Path(setting).expanduser().read_bytes()
    except (OSError, ValueError):
        raise ConfigError(
            "salesforce: private_key is neither a key in PEM nor a file that can be read"
        ) from None


def _signature(pem: bytes, text: bytes) -> bytes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigError("salesforce: private_key must be an RSA key in PEM without a passphrase")
    return key.sign(text, padding.PKCS1v15(), hashes.SHA256())


def _coded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _judge(answer: Answer) -> Verdict:
    """Here 401 means wrong credentials, which no renewal mends."""
    if answer.status == 401:
        return None
    if answer.status == 400 and _said(answer.body)[0] == "unknown_error":
        return Again(retry_after(answer), "asked to try again")
    return usual_verdict(answer)


def _said(body: bytes) -> tuple[str, str]:
    """``error`` and ``error_description`` of a refusal; either may be missing."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(found, dict):
        return "", ""
    return str(found.get("error") or ""), str(found.get("error_description") or "")


def _explain(answer: Answer) -> str:
    return ": ".join(filter(None, _said(answer.body))) or explained(answer)


def _refusal(error: StatusError) -> Exception:
    """What a person is to do about a refused login."""
    code, text = _said(error.body)
    text = text.casefold()
    if "login rate exceeded" in text:
        return QuotaError(f"{SYSTEM} saw too many logins of this user: run again in an hour")
    if not code:  # no word of the login: a wrong host, a proxy
        advice = "check that url is your My Domain, https://NAME.my.salesforce.com"
        return StatusError(f"{error}; {advice}", error.status, error.body)
    advice = next((do for said, do in _ADVICE.items() if said in text), _RENEW)
    return AuthError(f"{error}; {advice}")
