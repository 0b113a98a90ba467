from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from crmctl.model.errors import CrmError, DamagedFile, UsageError
from crmctl.render.review import plan_review
from crmctl.workspace.workspace import Workspace

Write = Callable[[str, str], None]
Golden = Callable[[str, str], None]


def apply(ws: Workspace, slug: str, quarter: str | None = None) -> str:
    changes, text, _ = plan_review(ws, slug, quarter=quarter)
    with ws.writing("review") as run:
        ws.apply(changes, run)
    return text


@pytest.mark.parametrize(
    "slug", ["harbour-lane-logistics", "tamarack-rail", "glasswing-hotels", "nordkap-fisk"]
)
def test_the_review_of_a_sample_account(samples: Workspace, golden: Golden, slug: str) -> None:
    changes, text, conflicts = plan_review(samples, slug)
    assert changes.paths == [f"accounts/{slug}/reviews/2026-q4-account-review.md"]
    assert conflicts == []
    golden(f"review-{slug}.md", text)


def test_a_review_made_again_changes_nothing(ws: Workspace) -> None:
    apply(ws, "vega-solar")
    changes, _, conflicts = plan_review(ws, "vega-solar")
    assert not changes
    assert conflicts == []


def test_what_a_person_wrote_stays_and_the_rest_is_renewed(ws: Workspace, write: Write) -> None:
    path = "accounts/sabi-energy/reviews/2026-q4-account-review.md"
    text = apply(ws, "sabi-energy")
    write(path, text.replace("## In short\n", "## In short\nOtieno decides on the 20th.\n"))
    profile = ws.root / "accounts/sabi-energy/profile.md"
    write(
        "accounts/sabi-energy/profile.md",
        profile.read_text().replace("owner: tomas", "owner: mira"),
    )
    _, again, conflicts = plan_review(ws, "sabi-energy")
    assert conflicts == []
    assert "Otieno decides on the 20th." in again
    assert "| Ours | mira |" in again


def test_an_edited_section_is_kept_and_named(ws: Workspace, write: Write) -> None:
    path = "accounts/sabi-energy/reviews/2026-q4-account-review.md"
    text = apply(ws, "sabi-energy")
    write(path, text.replace("| Ours | tomas |", "| Ours | tomas and mira |"))
    profile = ws.root / "accounts/sabi-energy/profile.md"
    write(
        "accounts/sabi-energy/profile.md",
        profile.read_text().replace("owner: tomas", "owner: mira"),
    )
    _, again, conflicts = plan_review(ws, "sabi-energy")
    assert "| Ours | tomas and mira |" in again
    assert [conflict.section for conflict in conflicts] == ["snapshot"]


def test_every_number_names_its_source(samples: Workspace) -> None:
    _, text, _ = plan_review(samples, "harbour-lane-logistics")
    for line in text.splitlines():
        if re.match(r"\| (Seats|Revenue|active users|Planner hours|Usage|Renewal 2027)", line):
            assert re.search(r"[a-z0-9-]+\.(md|csv|jsonl)(:\d+)? \|$", line), line


def test_a_past_quarter_is_seen_as_its_last_day_saw_it(samples: Workspace) -> None:
    changes, text, _ = plan_review(samples, "harbour-lane-logistics", quarter="2026-q3")
    assert changes.paths == ["accounts/harbour-lane-logistics/reviews/2026-q3-account-review.md"]
    assert "Quarterly review in Leeds" in text
    said = text[text.index("## What was said") : text.index("## Plan for 2026 Q4")]
    assert "2026-10" not in said
    assert "2026-11" not in said
    adoption = text[text.index("## Adoption") : text.index("## Relationships")]
    assert "| 148 | 2026-09-28 |" in adoption


def test_a_quarter_that_has_not_begun_is_refused(samples: Workspace) -> None:
    with pytest.raises(UsageError, match="2027 Q1 begins on 2027-01-01"):
        plan_review(samples, "vega-solar", quarter="2027-q1")


def test_data_cannot_put_a_marker_or_markup_into_a_review(ws: Workspace, write: Write) -> None:
    hostile = "<!-- crmctl:end health --> | [x](https://evil.example) # \\n <script>"
    write("accounts/zz-co/profile.md", f'---\nname: "{hostile}"\nstage: prospect\n---\n')
    text = apply(ws, "zz-co")
    assert text.count("\n<!-- crmctl:end health -->") == 1
    assert "<script>" not in text
    assert "](https:" not in text
    changes, _, conflicts = plan_review(ws, "zz-co")
    assert not changes
    assert conflicts == []


def test_a_broken_document_is_named_and_left_alone(ws: Workspace, write: Write) -> None:
    path = "accounts/vega-solar/reviews/2026-q4-account-review.md"
    write(path, "# Mine\n<!-- crmctl:begin health -->\n")
    with pytest.raises(CrmError, match=f"{path}:2: crmctl:begin health has no end"):
        plan_review(ws, "vega-solar")


def test_an_account_without_a_readable_profile_is_named(ws: Workspace, write: Write) -> None:
    write("accounts/broken/profile.md", "no front matter")
    with pytest.raises(DamagedFile, match=r"accounts/broken/profile\.md:1"):
        plan_review(ws, "broken")
