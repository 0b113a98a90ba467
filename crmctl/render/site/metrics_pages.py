"""The two pages that rest on the customers' past, metrics and cohorts, made from one reading of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from crmctl.render.site import environment
from crmctl.render.site.cohort_page import cohort_page
from crmctl.render.site.metrics_data import told
from crmctl.render.site.metrics_page import metrics_page

if TYPE_CHECKING:
    from crmctl.render.book_row import Row
    from crmctl.render.site.frame import Frame
    from crmctl.workspace.workspace import Workspace

PAGES = ("metrics.html", "cohorts.html")


def mark(ws: Workspace, keys: Mapping[str, str]) -> str:
    """What the two pages are made from, as one word: the accounts by what each is made from, and what git holds.

    Of days on which nobody measured revenue, git says what the profiles stated.
    """
    return blake2b(repr((sorted(keys.items()), ws.git.head())).encode(), digest_size=16).hexdigest()


def pages(
    ws: Workspace, rows: Sequence[Row], frame: Frame, given: Mapping[str, Any]
) -> dict[str, Callable[[], bytes]]:
    """`PAGES` of the accounts with these rows, each by what makes it; ``given`` is what all pages are given."""
    found = told(ws, rows, frame)

    def metrics() -> bytes:
        page = {**given, "here": "metrics", **metrics_page(found, frame)}
        return environment.render("metrics", page)

    def cohorts() -> bytes:
        return environment.render(
            "cohorts", {**given, "here": "cohorts", **cohort_page(found, frame)}
        )

    return dict(zip(PAGES, (metrics, cohorts), strict=True))
