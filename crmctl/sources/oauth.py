"""Access tokens for mailboxes at Google and Microsoft, without a browser: refresh token, or client credentials."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crmctl.model.errors import ConfigError
from crmctl.sources.errors import AuthError, SourceError, StatusError
from crmctl.sources.http import Again, Answer, Door, Verdict, retry_after
from crmctl.sources.http import verdict as usual_verdict
from crmctl.sources.network import Network
from crmctl.workspace.machine import Machine

SYSTEM = "email"
_MARGIN = 60.0  # seconds before its end at which a token counts as run out
_LIFETIME = 3600.0  # seconds that a token counts when nobody says how long
_TENANT = re.compile(r"[\w.-]{1,100}", re.ASCII)
_PASSING = frozenset({"temporarily_unavailable", "server_error", "internal_failure"})
_WRONG_CLIENT = frozenset({"invalid_client", "unauthorized_client"})


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who gives tokens, and at which address where ``login_url`` names no other.

    ``rotates``: a refresh token comes with its successor; ``dies`` is why one stops counting.
    """

    name: str
    url: str
    rotates: bool
    dies: str


GOOGLE = Issuer(
    "Google",
    "https://oauth2.googleapis.com/token",
    rotates=False,
    dies="while the app's consent screen is External and in Testing its refresh tokens die after 7 days, so publish "
    "it or make it Internal",
)
MICROSOFT = Issuer(
    "Microsoft",
    "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
    rotates=True,
    dies="a refresh token dies after 90 days without use, when its user's password changes, and after a day if it "
    "was made for a single-page app",
)


class Login:
    """The access token, got when first asked for and kept in memory alone; may be shared between threads.

    Which way it is got depends on what this machine has: a refresh token, else for Microsoft a client secret, else an
    access token that nobody can renew. ``delegated`` and ``application`` are the scopes to ask Microsoft for, with a
    person's consent and in the app's own name.
    """

    def __init__(
        self,
        machine: Machine,
        network: Network,
        issuer: Issuer,
        *,
        delegated: str = "",
        application: str = "",
    ) -> None:
        self._machine, self._network, self._issuer = machine, network, issuer
        self._scopes = (delegated, application)
        self._token, self._ends = machine.get(SYSTEM, "access_token"), float("inf")
        self._secret = machine.get(SYSTEM, "client_secret")
        self._refreshing = bool(machine.get(SYSTEM, "refresh_token"))
        self._fixed = not self._refreshing and bool(self._token)
        if issuer is MICROSOFT and self._secret and not self._refreshing:
            self._fixed = False
            machine.need(SYSTEM, "tenant", "client_id")
        elif self._refreshing:
            machine.need(SYSTEM, "client_id")
        elif not self._fixed:
            machine.need(SYSTEM, "client_id", "refresh_token")
        if not self._fixed:
            self._token = ""
        network.hide(self._token, self._secret, machine.get(SYSTEM, "refresh_token"))
        self._url = machine.get(SYSTEM, "login_url") or _usual(issuer, machine)
        self._door = Door(network, SYSTEM, self._url, judge=_judge)
        self._lock = threading.Lock()
        self._mine = threading.local()

    @property
    def personal(self) -> bool:
        """Whether the token is a person's, rather than the app's own."""
        return self._refreshing or self._fixed

    def token(self) -> str:
        """A token that counts, as far as we know. AuthError says what a person must do if there is none to be had."""
        with self._lock:
            if not self._token or self._network.clock.monotonic() >= self._ends:
                self._get()
            self._mine.used = self._token
            return self._token

    def headers(self) -> dict[str, str]:
        """The headers of a request."""
        return {"Authorization": f"Bearer {self.token()}"}

    def renew(self) -> None:
        """Replace the token that this thread used last, unless another thread did so already."""
        with self._lock:
            if getattr(self._mine, "used", "") == self._token:
                self._get()

    def _get(self) -> None:
        if self._fixed:
            raise AuthError(
                f"{self._issuer.name} does not accept our access token any more, and there is no refresh token to get "
                "another one with: set client_id and refresh_token with `crmctl auth email`"
            )
        given = self._exchange()
        token, successor = given.get("access_token"), given.get("refresh_token")
        if self._refreshing and isinstance(successor, str) and successor:
            # The old one may be dead from now on: whatever comes next, the new one must not be lost.
            self._network.hide(successor)
            if successor != self._machine.get(SYSTEM, "refresh_token"):
                self._machine.save(SYSTEM, "refresh_token", successor)
        if not isinstance(token, str) or not token:
            raise SourceError(
                f"{self._issuer.name} gave no access token where it said it would: try again later"
            )
        self._network.hide(token)
        lifetime = _seconds(given.get("expires_in"))
        self._token = token
        self._ends = self._network.clock.monotonic() + max(_MARGIN, lifetime - _MARGIN)

    def _exchange(self) -> Mapping[str, Any]:
        # A refresh token that is replaced may count once: an unclear answer is not asked for again.
        once = self._refreshing and self._issuer.rotates
        try:
            given = self._door.post(self._url, form=self._form(), once=once)
        except StatusError as error:
            raise self._refusal(error) from None
        return given if isinstance(given, Mapping) else {}

    def _form(self) -> dict[str, str]:
        delegated, application = self._scopes
        form = {"client_id": self._machine.get(SYSTEM, "client_id")}
        if self._secret:
            form["client_secret"] = self._secret
        if self._refreshing:
            form |= {
                "grant_type": "refresh_token",
                "refresh_token": self._machine.get(SYSTEM, "refresh_token"),
            }
            return form | ({"scope": delegated} if delegated else {})
        return form | {"grant_type": "client_credentials", "scope": application}

    def _refusal(self, error: StatusError) -> Exception:
        """What a person is to do about a refused login."""
        code = _code(error.body)
        if code == "invalid_grant" and self._refreshing:
            return AuthError(
                f"{self._issuer.name} no longer accepts our refresh token ({error}): {self._issuer.dies}; then set "
                "a new one with `crmctl auth email --set refresh_token`"
            )
        if code in _WRONG_CLIENT or error.status == 401:
            return AuthError(
                f"{self._issuer.name} does not accept our app ({error}): check client_id and client_secret, which "
                "has an end at Microsoft, and set them with `crmctl auth email`"
            )
        if not code:
            return error  # no word of the login: a wrong path, a proxy
        return AuthError(
            f"{self._issuer.name} gives us no token ({error}): check the app's settings there, then run "
            "`crmctl auth email`"
        )


def _usual(issuer: Issuer, machine: Machine) -> str:
    """The issuer's address; where no directory is named, that of all organisations."""
    tenant = machine.get(SYSTEM, "tenant") or "organizations"
    if not _TENANT.fullmatch(tenant):
        raise ConfigError("email: tenant must be the id or the domain of a directory at Microsoft")
    return issuer.url.replace("{tenant}", tenant)


def _judge(answer: Answer) -> Verdict:
    """Here 401 means a wrong client, which no renewal mends."""
    if answer.status == 401:
        return None
    if answer.status == 400 and _code(answer.body) in _PASSING:
        return Again(retry_after(answer), "asked to try again")
    return usual_verdict(answer)


def _code(body: bytes) -> str:
    """The OAuth error code of a refusal, "" if it has none."""
    import json

    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    code = found.get("error") if isinstance(found, dict) else None
    return code if isinstance(code, str) else ""


def _seconds(stated: object) -> float:
    try:
        return min(float(str(stated)), 24 * 3600.0)
    except ValueError:
        return _LIFETIME
