"""What the triggers look at in one account, each looked up once however many workflows ask for it."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from crmctl.workflow.triggers import PROFILE
from crmctl.workspace import paths

if TYPE_CHECKING:
    from crmctl.workflow.values import Insight
    from crmctl.workspace.workspace import Workspace

# Names between strokes, each surely one of ours: not too long, and with a hyphen no reserved word.
_ORDINARY = re.compile(r"(?:(?![^/]{101})[a-z0-9]+(?:-[a-z0-9]+)+(?:/|\Z))*")
DEAL_FIELDS = ("stage", "status")


class Sight:
    """Of one account: ``values`` by name; ``now`` is local time."""

    def __init__(
        self, insight: Insight, slug: str, values: Mapping[str, object], now: dt.datetime
    ) -> None:
        self.values = values
        self.today = insight.ws.today
        self.now = now
        self._insight = insight
        self._slug = slug
        self._records: dict[str, list[str]] = {}

    def records(self, folder: str) -> Sequence[str]:
        """The ids in one of the account's folders, sorted."""
        if folder not in self._records:
            listed = self._insight.part(self._slug).names(self._slug, folder)
            self._records[folder] = (
                names(self._insight.ws, self._slug, folder) if listed is None else ids(listed)
            )
        return self._records[folder]

    def deals(self, field: str) -> Mapping[str, str]:
        """One of `DEAL_FIELDS` of each deal that can be read and was not deleted, by id."""
        standing = self._insight.account(self._slug).standing
        place = DEAL_FIELDS.index(field)
        return {} if standing is None else {id: both[place] for id, both in standing.deals.items()}


def names(ws: Workspace, slug: str, folder: str) -> list[str]:
    """The ids of the records in one folder of an account, sorted, without reading them."""
    if folder == PROFILE:
        return ["profile"]
    try:
        found = os.listdir(f"{ws.root}/{paths.ACCOUNTS}/{slug}/{folder}")
    except (FileNotFoundError, NotADirectoryError):
        return []
    return ids(found)


def ids(found: Iterable[str]) -> list[str]:
    """The ids of the records among the files of a folder, sorted."""
    each = sorted(name[:-3] for name in found if name.endswith(".md"))
    # Nearly always all of them are: one look at all together shows it.
    if _ORDINARY.fullmatch("/".join(each)):
        return each
    return [name for name in each if paths.is_slug(name)]
