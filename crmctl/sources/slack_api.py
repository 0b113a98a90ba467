"""Slack's Web API: each method at its own pace, refusals that come as a 200, and pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crmctl.model.text import one_line
from crmctl.sources.clock import Pace
from crmctl.sources.errors import AuthError, SourceError
from crmctl.sources.http import TRANSIENT, Again, Answer, Door, Renew, Verdict, retry_after, verdict
from crmctl.sources.network import Network, Walk

NAME = "Slack"
HISTORY_PAGE = 999  # messages; the most that Slack takes
_LIST_PAGE = 200
_THROTTLED_PAGE = 15  # what an app gets that is sold but not in Slack's directory
_SMALL = 64 << 10  # bytes; no refusal is longer
_RESTARTS = 3
# Requests a minute that Slack grants each method at least, and as many at once after a pause.
_TIERS = {
    20: ("conversations.list", "users.list"),
    50: (
        "conversations.history",
        "conversations.replies",
        "conversations.info",
        "conversations.join",
        "users.conversations",
    ),
    100: ("auth.test", "conversations.members", "users.info"),
}
_BUSY = frozenset(
    """ratelimited rate_limited fatal_error internal_error service_unavailable request_timeout
team_added_to_org""".split()
)
_DEAD = frozenset("invalid_auth not_authed account_inactive token_revoked token_expired".split())
_FORBIDDEN = frozenset(
    """missing_scope no_permission not_allowed_token_type ekm_access_denied org_login_required
access_denied accesslimited enterprise_is_restricted two_factor_setup_required""".split()
)
GONE = frozenset({"thread_not_found", "message_not_found"})
"""What Slack says of a message that is not there any more."""


class Refused(SourceError):
    """Slack said no to one call. ``error`` is its own word for it, such as ``channel_not_found``."""

    def __init__(self, message: str, error: str) -> None:
        self.error = error
        super().__init__(message)


class Api:
    """The methods of one workspace, called with one token."""

    def __init__(self, network: Network, url: str, token: str) -> None:
        network.hide(token)
        self._network = network
        self._door = Door(
            network,
            NAME,
            f"{url.rstrip('/')}/api",
            headers=lambda: {"Authorization": f"Bearer {token}"},
            judge=self._judge,
            paces={name: Pace(n / 60, n) for n, names in _TIERS.items() for name in names},
        )
        self.waits = 0
        self.throttled = False
        self.scopes: frozenset[str] = frozenset()
        """What the app may do, as the last answer said; nothing if none did."""

    def call(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """One answer that is ``ok``; `Refused` if it is not."""
        return self._ok(self._door.send("GET", method, params=params, pace=method, whole=True))

    def post(self, method: str, form: Mapping[str, str]) -> dict[str, Any]:
        """As `call`, for the methods that want a form."""
        return self._ok(self._door.send("POST", method, form=form, pace=method, whole=True))

    def _ok(self, answer: Answer) -> dict[str, Any]:
        granted = answer.headers.get("x-oauth-scopes")
        if granted:
            self.scopes = frozenset(scope.strip() for scope in granted.split(","))
        data = answer.data()
        if isinstance(data, dict) and data.get("ok") is True:
            return data
        error = _error(data)
        message = f"{NAME} refused {answer.request}: {error or 'it does not say why'}"
        raise Refused(self._network.clean(message), error)

    def page(
        self, method: str, params: Mapping[str, Any], cursor: str
    ) -> tuple[dict[str, Any], str]:
        """One page and the cursor of the next, "" behind the last."""
        data = self.call(method, {**params, "cursor": cursor} if cursor else params)
        about = data.get("response_metadata")
        following = about.get("next_cursor") if isinstance(about, Mapping) else None
        following = following if isinstance(following, str) else ""
        if data.get("has_more") is True and not following:
            raise SourceError(f"{NAME} says that {method} has more, but not where: try again later")
        return data, following

    def rows(self, method: str, key: str, params: Mapping[str, Any]) -> list[Any]:
        """All rows of a list. A cursor lives shortly: if one dies, the list is read again from its start."""
        for _ in range(_RESTARTS):
            try:
                return list(self._rows(method, key, params))
            except Refused as error:
                if error.error != "invalid_cursor":
                    raise
        raise SourceError(f"{NAME} lets no list of {method} be read to its end: try again later")

    def _rows(self, method: str, key: str, params: Mapping[str, Any]) -> Iterator[Any]:
        walk, cursor = Walk(NAME, method), ""
        while True:
            data, cursor = self.page(method, {"limit": _LIST_PAGE, **params}, cursor)
            found = data.get(key)
            if not isinstance(found, list):
                raise SourceError(f"{NAME} answered {method} without its {key}: try again later")
            yield from found
            if not cursor:
                return
            walk.step(cursor)

    def history(
        self, channel: str, oldest: str, latest: str, cursor: str
    ) -> tuple[dict[str, Any], str]:
        """A page of a channel between two times, both left out, the newest message first."""
        params = {"channel": channel, "oldest": oldest, "latest": latest, "limit": HISTORY_PAGE}
        data, following = self.page("conversations.history", params, cursor)
        found = data.get("messages")
        if not isinstance(found, list):
            raise SourceError(
                f"{NAME} gave the history of {channel} without messages: try again later"
            )
        self.throttled |= bool(following) and 0 < len(found) <= _THROTTLED_PAGE
        return data, following

    def replies(self, channel: str, root: str) -> list[Any]:
        """A whole thread, its first message first; nothing if it is gone."""
        params = {"channel": channel, "ts": root, "limit": HISTORY_PAGE}
        try:
            found = self.rows("conversations.replies", "messages", params)
        except Refused as error:
            if error.error not in GONE:
                raise
            return []
        if not found:
            raise SourceError(
                f"{NAME} gave a thread of {channel} without its first message: try again later"
            )
        return found

    def _judge(self, answer: Answer) -> Verdict:
        if answer.status in TRANSIENT:
            self.waits += answer.status == 429
            return verdict(answer)
        if answer.status >= 300 or len(answer.body) > _SMALL:
            return verdict(answer)
        data = answer.maybe()
        if not isinstance(data, dict) or data.get("ok") is True:
            return None
        error = _error(data)
        if error in _BUSY:
            return Again(retry_after(answer), f"answered {error}")
        if error in _DEAD:
            return Renew()
        if error in _FORBIDDEN:
            raise AuthError(self._network.clean(_forbidden(answer.request, error, data), 600))
        return None


def _error(data: Any) -> str:
    error = data.get("error") if isinstance(data, dict) else None
    return one_line(error, 100) if isinstance(error, str) else ""


def _forbidden(request: str, error: str, data: Mapping[str, Any]) -> str:
    needed, provided = data.get("needed"), data.get("provided")
    if error == "missing_scope" and needed:
        return (
            f"{NAME} refused {request}: the app needs the scope {needed} and has {provided or 'none'}; "
            "add it to the app, install the app again and run again"
        )
    return f"{NAME} refused {request}: {error}; ask an admin of the Slack workspace to allow the app this"
