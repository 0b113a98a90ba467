"""Who gives access tokens to mailboxes, and tells a mail server which of them count."""

from __future__ import annotations

from tests.servers.base import Call, Reply, Server


class Tokens(Server):
    """Says which access tokens count, and gives new ones for a refresh token that counts once."""

    def __init__(self) -> None:
        super().__init__()
        self.users: dict[str, str] = {}
        self.refresh: dict[str, str] = {}
        self.down = False
        self._made = 0

    def handle(self, call: Call) -> Reply:
        if call.path == "/token":
            return self._token(call.form)
        if self.down:
            return Reply(401)
        token = call.query.get("token", "")
        known = token in self.users
        return Reply(
            body={"active": str(known).lower(), "username": self.users.get(token, "nobody")}
        )

    def give(self, user: str) -> str:
        """An access token of this user."""
        self._made += 1
        token = f"access-token-{self._made:04}"
        self.users[token] = user
        return token

    def give_refresh(self, user: str) -> str:
        """A refresh token of this user, good for one use."""
        self._made += 1
        token = f"refresh-token-{self._made:04}"
        self.refresh[token] = user
        return token

    def _token(self, form: dict[str, str]) -> Reply:
        user = self.refresh.pop(form.get("refresh_token", ""), None)
        if user is None or form.get("grant_type") != "refresh_token":
            said = "Token has been expired or revoked."
            return Reply(400, {"error": "invalid_grant", "error_description": said})
        given = {"access_token": self.give(user), "refresh_token": self.give_refresh(user)}
        return Reply(body={**given, "expires_in": 3599, "token_type": "Bearer"})
