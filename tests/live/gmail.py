"""Gmail for the contract tests: a mailbox behind its API, with a refresh token."""

from __future__ import annotations

from tests.live.webmail import Webmail
from tests.servers.base import Call
from tests.servers.gmail import CLIENT, REFRESH, SECRET, Gmail


class GmailHarness(Webmail[Gmail]):
    def __init__(self) -> None:
        super().__init__(Gmail())

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
