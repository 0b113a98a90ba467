from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from crmctl.model.errors import UsageError
from crmctl.render.documents import plan_document
from crmctl.workspace.workspace import Workspace

Golden = Callable[[str, str], None]


@pytest.mark.parametrize(
    ("slug", "kind", "deal", "path"),
    [
        ("tamarack-rail", "relationship-map", "", "relationship-map.md"),
        ("lindenhof-kliniken", "onboarding", "", "onboarding.md"),
        (
            "pinewood-schools",
            "deal-review",
            "absence-and-dispatch",
            "reviews/deal-absence-and-dispatch.md",
        ),
        ("glasswing-hotels", "relationship-map", "", "relationship-map.md"),
    ],
)
def test_the_documents_of_sample_accounts(
    samples: Workspace, golden: Golden, slug: str, kind: str, deal: str, path: str
) -> None:
    changes, text, conflicts = plan_document(samples, slug, kind, deal=deal)
    assert changes.paths == [f"accounts/{slug}/{path}"]
    assert conflicts == []
    golden(f"{kind}-{slug}.md", text)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("relationship-map", "relationship-map.md"),
        ("onboarding", "onboarding.md"),
        ("deal-review", "reviews/deal-renewal-2027.md"),
    ],
)
def test_a_document_made_again_keeps_what_was_written(
    ws: Workspace, write: Callable[[str, str], None], kind: str, path: str
) -> None:
    _, text, _ = plan_document(ws, "vega-solar", kind, deal="renewal-2027")
    mine = text.replace("- [ ]", "- [x]", 1) + "\nCarlos prefers voice messages.\n"
    if kind != "onboarding":
        mine = text + "\nCarlos prefers voice messages.\n"
    write(f"accounts/vega-solar/{path}", mine)
    changes, again, conflicts = plan_document(ws, "vega-solar", kind, deal="renewal-2027")
    assert not changes
    assert again == mine
    assert conflicts == []


def test_the_weeks_of_an_onboarding_count_from_the_start(samples: Workspace) -> None:
    _, text, _ = plan_document(samples, "lindenhof-kliniken", "onboarding")
    start = dt.date(2026, 10, 1)
    for days in (7, 14, 28, 56, 84):
        assert f"(by {start + dt.timedelta(days=days)})" in text


def test_a_deal_review_asks_for_what_is_not_proven(samples: Workspace) -> None:
    _, text, _ = plan_document(samples, "vega-solar", "deal-review", deal="renewal-2027")
    asked = text[text.index("## What we have to ask") : text.index("## How it moved")]
    assert "- [ ] Economic buyer: Who can say yes when everybody else has said no" in asked
    assert "Ask Carlos Ibáñez (economic buyer)" in asked
    risks = text[text.index("## What could stop it") :]
    assert "Carlos Ibáñez is against us" in risks
    assert "Shiftwell is in the running" in risks


@pytest.mark.parametrize(
    ("kind", "deal", "says"),
    [
        ("poem", "", "'poem' is no document; there are: relationship-map, onboarding, deal-review"),
        ("deal-review", "x", "'x' is no deal of vega-solar; there are: renewal-2027"),
    ],
)
def test_an_unknown_kind_or_deal_is_answered_with_the_known(
    samples: Workspace, kind: str, deal: str, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        plan_document(samples, "vega-solar", kind, deal=deal)
