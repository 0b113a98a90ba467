"""Microsoft Graph for the contract tests: a mailbox with its folders, read in the app's own name."""

from __future__ import annotations

from tests.live.webmail import Webmail
from tests.servers.base import Call
from tests.servers.graph import CLIENT, SECRET, TENANT, Graph


class GraphHarness(Webmail[Graph]):
    """Links that stand for the same are the same here, so that a mark can be told by its bytes."""

    def __init__(self) -> None:
        super().__init__(Graph())
        self.double.fresh_links = False
        self.double.page = 25

    def environment(self) -> dict[str, str]:
        return {
            "CRMCTL_EMAIL_DOOR": "graph",
            "CRMCTL_EMAIL_USER": self.double.address,
            "CRMCTL_EMAIL_URL": f"{self.double.url}/v1.0",
            "CRMCTL_EMAIL_LOGIN_URL": f"{self.double.url}/{TENANT}/oauth2/v2.0/token",
            "CRMCTL_EMAIL_TENANT": TENANT,
            "CRMCTL_EMAIL_CLIENT_ID": CLIENT,
            "CRMCTL_EMAIL_CLIENT_SECRET": SECRET,
        }

    def move_between_pages(self) -> None:
        """A message is put into another folder, and one arrives, when the second page of the inbox is asked for."""
        left = [1]

        def before(call: Call) -> None:
            if "$skiptoken" in call.query and left[0]:
                left[0] -= 1
                inbox = self.double.folders[self.double.standing["inbox"]]
                self.double.move(next(iter(inbox.held)), self.double.standing["archive"])
                self.add_one()

        self.double.before = before


HARNESS = GraphHarness
