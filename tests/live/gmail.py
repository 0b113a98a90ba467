"""Gmail for the contract tests: a mailbox behind its API, with a refresh token."""

from __future__ import annotations

from typing import Self

from tests.live.webmail import Webmail
from tests.servers.base import Call
from tests.servers.gmail import CLIENT, REFRESH, SECRET, Gmail
from tests.servers.letters import Letter


class GmailHarness(Webmail):
    def __init__(self) -> None:
        super().__init__()
        self.double = Gmail()

    def __enter__(self) -> Self:
        self.double.__enter__()
        return self

    def __exit__(self, *_error: object) -> None:
        self.double.__exit__(None, None, None)

    @property
    def server(self) -> Gmail:
        return self.double

    def environment(self) -> dict[str, str]:
        return {
            "CRMCTL_EMAIL_DOOR": "gmail",
            "CRMCTL_EMAIL_USER": self.double.address,
            "CRMCTL_EMAIL_URL": f"{self.double.url}/gmail/v1",
            "CRMCTL_EMAIL_LOGIN_URL": f"{self.double.url}/token",
            "CRMCTL_EMAIL_CLIENT_ID": CLIENT,
            "CRMCTL_EMAIL_CLIENT_SECRET": SECRET,
            "CRMCTL_EMAIL_REFRESH_TOKEN": REFRESH,
        }

    def add(self, letter: Letter) -> None:
        self.double.add(letter)

    def expire(self) -> None:
        self.double.expire()

    def loop(self) -> None:
        self.double.looping = True

    def go_empty(self) -> None:
        self.double.empty = True

    def move_between_pages(self) -> None:
        """A message arrives when the second page of a week is asked for."""
        self.double.most = 5
        left = [1]

        def before(call: Call) -> None:
            if call.path.endswith("/messages") and "pageToken" in call.query and left[0]:
                left[0] -= 1
                self.add_one()

        self.double.before = before


HARNESS = GmailHarness
