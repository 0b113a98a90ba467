"""Microsoft Graph for the contract tests: a mailbox with its folders, read in the app's own name."""

from __future__ import annotations

from typing import Self

from tests.live.webmail import Webmail
from tests.servers.base import Call
from tests.servers.graph import CLIENT, SECRET, TENANT, Graph
from tests.servers.letters import Letter


class GraphHarness(Webmail):
    """Links that stand for the same are the same here, so that a mark can be told by its bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.double = Graph()
        self.double.fresh_links = False
        self.double.page = 25

    def __enter__(self) -> Self:
        self.double.__enter__()
        return self

    def __exit__(self, *_error: object) -> None:
        self.double.__exit__(None, None, None)

    @property
    def server(self) -> Graph:
        return self.double

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

    def add(self, letter: Letter) -> None:
        self.double.add(letter)

    def expire(self) -> None:
        self.double.expire()

    def loop(self) -> None:
        self.double.looping = True

    def go_empty(self) -> None:
        self.double.empty = True

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
