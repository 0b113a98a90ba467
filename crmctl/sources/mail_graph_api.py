"""Microsoft Graph's requests about one mailbox, and what its refusals mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from crmctl.sources.clock import Pace
from crmctl.sources.errors import AuthError, StatusError, TooLarge
from crmctl.sources.http import Answer, Door, Verdict, explained
from crmctl.sources.http import verdict as usual_verdict
from crmctl.sources.mail_web import Raw, listed, mapped
from crmctl.sources.network import Network, Walk, resolved
from crmctl.sources.oauth import SYSTEM, Login

NEXT, DELTA = "@odata.nextLink", "@odata.deltaLink"
API = "https://graph.microsoft.com/v1.0"
_RATE, _BURST = 15.0, 60.0  # requests a second; 10,000 in ten minutes are allowed for one mailbox
_PAGE = 100
# Without it the id of a message changes when somebody moves it.
_IDS = 'IdType="ImmutableId"'
_SELECT = (
    "id,internetMessageId,conversationId,subject,from,toRecipients,ccRecipients"
    ",receivedDateTime,sentDateTime,isDraft"
)
_EXPIRED = frozenset({"syncstatenotfound", "syncstateinvalid", "resyncrequired"})
_NO_MAILBOX = frozenset({"mailboxnotenabledforrestapi", "mailboxnotsupportedforrestapi"})


class Api:
    """Requests about the mailbox of ``user``."""

    def __init__(self, network: Network, url: str, login: Login, user: str) -> None:
        self._network, self._user, self.personal = network, user, login.personal
        self._home = f"users/{quote(user, safe='')}"
        self.door = Door(
            network,
            SYSTEM,
            url,
            headers=lambda: {**login.headers(), "Prefer": _IDS},
            renew=login.renew,
            judge=self._judged,
            paces={"": Pace(_RATE, _BURST)},
        )

    def folder(self, name: str) -> Raw | None:
        """A folder by its id, or by the name that Graph gives to folders that each mailbox has."""
        return self._one(f"{self._home}/mailFolders/{quote(name, safe='')}")

    def folders(self, parent: str = "") -> Iterator[Raw]:
        """The folders at the top of the mailbox, or right below another one."""
        below = f"/{quote(parent, safe='')}/childFolders" if parent else ""
        params = {"$top": _PAGE, "$select": "id,displayName,childFolderCount,totalItemCount"}
        return self._pages(f"{self._home}/mailFolders{below}", params, "the folders")

    def changes(self, folder: str, since: str) -> str:
        """The address of a folder's first page of changes: all that was received since."""
        params = f"$select={_SELECT}&$filter=receivedDateTime+ge+{since}"
        return f"{self._home}/mailFolders/{quote(folder, safe='')}/messages/delta?{params}"

    def delta(self, url: str) -> Raw | None:
        """A page of changes, None if Graph does not remember what the link stands for.

        The links in it, `NEXT` and `DELTA`, come without their host; one to another host than ours is refused.
        """
        prefer = {"Prefer": f"odata.maxpagesize={_PAGE}, {_IDS}"}
        try:
            page = mapped(self.door.get(url, headers=prefer))
        except StatusError as error:
            if error.status == 410 or _code(error.body) in _EXPIRED:
                return None
            raise
        links = {name: self._local(str(page.get(name) or "")) for name in (NEXT, DELTA)}
        return {**page, **links}

    def headers(self, id: str) -> list[Raw]:
        """All headers of a received message with ``name`` and ``value``; none of one that we sent, or that is gone."""
        found = self._one(self._message(id), {"$select": "internetMessageHeaders"})
        return listed(found, "internetMessageHeaders")

    def mime(self, id: str, cap: int) -> bytes | None:
        """A message as it was sent, None if it is gone, b"" if it is larger than ``cap`` bytes."""
        try:
            answer = self.door.send("GET", f"{self._message(id)}/$value", expect={404}, cap=cap)
        except TooLarge:
            return b""
        return None if answer.status == 404 else answer.body

    def messages(self, condition: str) -> Iterator[Raw]:
        """The messages of all folders that a condition holds for."""
        params = {"$filter": condition, "$select": _SELECT, "$top": _PAGE}
        return self._pages(f"{self._home}/messages", params, "messages")

    def _message(self, id: str) -> str:
        # An id may hold slashes.
        return f"{self._home}/messages/{quote(id, safe='')}"

    def _one(self, path: str, params: Mapping[str, Any] | None = None) -> Raw | None:
        answer = self.door.send("GET", path, params=params, whole=True, expect={404})
        if answer.status == 404:
            self._refuse_without_mailbox(answer)
            return None
        return mapped(answer.data())

    def _pages(self, path: str, params: Mapping[str, Any], what: str) -> Iterator[Raw]:
        walk = Walk(SYSTEM, what)
        page = mapped(self.door.get(path, params))
        while True:
            yield from listed(page, "value")
            link = self._local(str(page.get(NEXT) or ""))
            if not link:
                return
            page = mapped(self.door.get(walk.step(link)))

    def _local(self, link: str) -> str:
        """A link without its host; SourceError if it leads to another host than ours."""
        if not link:
            return ""
        parts = urlsplit(resolved(SYSTEM, self.door.base, link))
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def _judged(self, answer: Answer) -> Verdict:
        if answer.status == 403:
            right = (
                "delegated Mail.Read"
                if self.personal
                else "application Mail.Read, and a policy that covers it"
            )
            raise AuthError(
                f"email: Microsoft does not let us read the mailbox {self._user} ({self._words(answer)}): "
                f"grant the app {right}"
            )
        self._refuse_without_mailbox(answer)
        return usual_verdict(answer)

    def _refuse_without_mailbox(self, answer: Answer) -> None:
        if answer.status == 404 and _code(answer.body) in _NO_MAILBOX:
            raise AuthError(
                f"email: {self._user} has no mailbox that Graph can read ({self._words(answer)}): correct `user`, or "
                "use the door imap for a mailbox on a server of your own"
            )

    def _words(self, answer: Answer) -> str:
        return self._network.clean(f"{_code(answer.body)}: {explained(answer)}".strip(": "))


def _code(body: bytes) -> str:
    """The code of a refusal in lower case: Graph itself is not of one mind about its spelling."""
    try:
        return str(mapped(mapped(json.loads(body)).get("error")).get("code") or "").lower()
    except (ValueError, RecursionError):
        return ""
