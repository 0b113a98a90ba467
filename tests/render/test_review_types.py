"""The types of review, for ourselves and for customers, over the sample accounts and over one made for it."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from crmctl.model.errors import UsageError
from crmctl.render.nightly_reviews import preparation, reviews
from crmctl.render.review import plan_review
from crmctl.render.review_kinds import CUSTOMER, FOR_OURSELVES, INTERNAL, QUARTERLY
from crmctl.workflow import outbox
from crmctl.workspace.git import Git
from crmctl.workspace.workspace import Workspace

Golden = Callable[[str, str], None]
ACME = "accounts/acme"
PAIRS = [
    (kind, audience)
    for kind in QUARTERLY
    for audience in (INTERNAL, CUSTOMER)
    if audience == INTERNAL or kind not in FOR_OURSELVES
]
PROFILE = """---
name: Acme Freight
stage: customer
stage_since: 2025-01-10
owner: mira
arr: 48000
seats: 60
started: 2025-01-10
renewal: 2027-01-10
auto_renew: true
{more}goals:
  - {{name: Empty runs, unit: "%", baseline: 30, target: 15, current: 14, due: 2026-12-31}}
  - {{name: Calls a day, baseline: 40, target: 10}}
---
"""
FILES = {
    "profile.md": PROFILE.format(more=""),
    "contacts/ann.md": "---\nname: Ann Ok\nroles: [champion]\n---\n",
    "deals/renewal.md": "---\nname: Renewal\nstage: proposal\nstatus: open\ntype: renewal\n---\n",
    "interactions/2026-05-05-call-x1.md": (
        "---\ntype: call\nat: 2026-05-05T10:00:00Z\nwith: [ann]\nby: mira\n---\n\nShort.\n"
    ),
    "tasks/2026-08-01-train-x1.md": (
        "---\ntitle: Train the night shift\nowner: mira\nstatus: done\ndone: 2026-08-20\n---\n"
    ),
}
Q3 = """# Last time

<!-- crmctl:begin goals 0000000000000000 -->
| Goal | Now | Target | Due | Outcome |
| --- | --- | --- | --- | --- |
| empty runs | 20 | 16 % | 2026-09-30 | on schedule: 80 % of the way |
| Lost pallets | 9 | 0 | 2026-09-30 | behind schedule: 10 % of the way |
| Fewer depots | 4 | 4 | 2026-06-30 | reached |
<!-- crmctl:end goals -->

### Goals for 2026 Q4

| Goal | Now | Target | Due | Who measures it |
| --- | --- | --- | --- | --- |
| Night shift \\| trained | 0 | 12 | 2026-12-01 | Ann |
| | | | | |

<!-- crmctl:begin risks 0000000000000000 -->
- what crmctl said
<!-- crmctl:end risks -->

<!-- a remark
- that is not noted -->
- The new owner
  asks for three offers
- Ann may move

## Agreed actions

| What | Ours | Theirs | By | Done when |
| --- | --- | --- | --- | --- |
| Train the night shift | Mira | Ann | 2026-08-31 | all have passed |
| Send the price list | Mira | | 2026-09-15 | |
"""


def put(ws: Workspace, path: str, text: str) -> None:
    target = ws.root / ACME / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def section(text: str, name: str) -> str:
    return text[text.index(f"crmctl:begin {name} ") : text.index(f"crmctl:end {name} ")]


def at(words: str) -> str:
    """Where words stand in the review of the third quarter."""
    number = next(n for n, line in enumerate(Q3.splitlines(), 1) if words in line)
    return f"(reviews/2026-q3-qbr.md:{number})"


@pytest.fixture
def acme(tmp_path: Path) -> Workspace:
    """A workspace with one customer, on 16 November 2026."""
    ws = Workspace(tmp_path, now=dt.datetime(2026, 11, 16, 8, tzinfo=dt.UTC), seed=7)
    for path, text in FILES.items():
        put(ws, path, text)
    Git.init(tmp_path)
    return ws


@pytest.mark.parametrize(
    ("slug", "kind", "audience"),
    [
        *(("harbour-lane-logistics", *pair) for pair in PAIRS if pair != ("account", INTERNAL)),
        *(("tamarack-rail", kind, INTERNAL) for kind in ("qbr", "ebr", "renewal", "handover")),
        ("glasswing-hotels", "qbr", CUSTOMER),
        ("glasswing-hotels", "renewal", INTERNAL),
        ("marula-markets", "handover", INTERNAL),
    ],
)
def test_a_review_of_a_sample_account(
    samples: Workspace, golden: Golden, slug: str, kind: str, audience: str
) -> None:
    changes, text, conflicts = plan_review(samples, slug, kind=kind, audience=audience)
    assert len(changes.paths) == 1
    assert conflicts == []
    ending = "-customer" if audience == CUSTOMER else ""
    golden(f"review-{kind}{ending}-{slug}.md", text)


@pytest.mark.parametrize(("kind", "audience"), PAIRS)
def test_what_a_person_wrote_is_kept_in_every_type(
    acme: Workspace, kind: str, audience: str
) -> None:
    changes, text, _ = plan_review(acme, "acme", kind=kind, audience=audience)
    path = changes.paths[0].removeprefix(f"{ACME}/")
    ending = "-customer" if audience == CUSTOMER else ""
    name = "account-review" if kind == "account" else kind
    assert path == f"reviews/2026-q4-{name}{ending}.md"
    put(acme, path, text)
    changes, again, conflicts = plan_review(acme, "acme", kind=kind, audience=audience)
    assert (changes.paths, again, conflicts) == ([], text, [])
    mine = text.replace("\n# Acme Freight", "\nOn paper since Monday.\n\n# Acme Freight")
    mine = mine.replace("| Empty runs |", "| Empty runs, as Ann counts them |")
    put(acme, path, mine)
    changed = "plan: Business\nvalue_realised: 90000\nfirst_value: 2025-03-01\n"
    put(acme, "profile.md", PROFILE.format(more=changed).replace("current: 14", "current: 16"))
    _, now, conflicts = plan_review(acme, "acme", kind=kind, audience=audience)
    assert "On paper since Monday." in now
    assert "| Empty runs, as Ann counts them |" in now
    assert [conflict.section for conflict in conflicts] == ["goals"]
    if not (kind == "qbr" and audience == CUSTOMER):  # it has nothing of the contract
        assert re.search("Business|90,000", now)


def test_goals_of_last_time_and_what_became_of_them(acme: Workspace) -> None:
    put(acme, "reviews/2026-q3-qbr.md", Q3)
    put(acme, "reviews/2026-q3-account-review.md", "| Goal | Target |\n| --- | --- |\n| No | 1 |\n")
    rows = section(plan_review(acme, "acme", kind="qbr")[1], "goals").splitlines()
    assert any(
        row.startswith(f"| Empty runs | 16 % by 2026-09-30 {at('empty runs')} | 30 | 14 |")
        and "| reached |" in row
        for row in rows
    )
    assert any(
        row.startswith("| Calls a day | new |") and "| not measured |" in row for row in rows
    )
    gone = next(row for row in rows if row.startswith("| Lost pallets |"))
    assert "| dropped: no longer among the goals |" in gone
    trained = next(row for row in rows if row.startswith("| Night shift \\| trained |"))
    assert f"12 by 2026-12-01 {at('Night shift')}" in trained
    assert "| not measured: it was agreed, but not taken among the goals |" in trained
    # What was reached and then struck from the profile is done with.
    assert not any("Fewer depots" in row or "| No |" in row for row in rows)


def test_without_a_review_of_the_type_the_newest_of_another_counts(acme: Workspace) -> None:
    put(acme, "reviews/2026-q1-qbr.md", "| What |\n| --- |\n| Old deed |\n")
    put(acme, "reviews/2026-q2-account-review.md", "| What |\n| --- |\n| Newer deed |\n")
    assert "Old deed" in plan_review(acme, "acme", kind="qbr")[1]
    assert "Newer deed" in plan_review(acme, "acme", kind="ebr")[1]
    first = plan_review(acme, "acme", kind="ebr", quarter="2026-q1")[1]
    assert "No earlier review is in `reviews/`." in first


def test_agreed_actions_come_with_the_task_that_tells_of_them(acme: Workspace) -> None:
    put(acme, "reviews/2026-q3-qbr.md", Q3)
    found = section(plan_review(acme, "acme", kind="qbr")[1], "agreed")
    assert (
        "| Train the night shift | Mira | Ann | 2026-08-31 | all have passed | done on 2026-08-20 "
        f"(tasks/2026-08-01-train-x1.md) | {at('Train')[1:-1]} |"
    ) in found
    assert "| Send the price list | Mira |  | 2026-09-15 |  | no task says |" in found


def test_risks_are_carried_over_gone_or_noted(acme: Workspace) -> None:
    put(acme, "reviews/2026-q3-qbr.md", Q3)
    late = "payment_overdue_since: 2026-10-02\n"
    put(acme, "profile.md", PROFILE.format(more=late))
    lines = section(plan_review(acme, "acme", kind="qbr")[1], "risks").splitlines()
    assert (
        "- **Carried over since 2026-q3:** no word from them for 195 days (2026-05-05;"
        in "\n".join(lines)
    )
    assert f"- The new owner asks for three offers {at('The new owner')}" in lines
    assert f"- Ann may move {at('Ann may')}" in lines
    assert not any("not noted" in line or "what crmctl said" in line for line in lines)
    call = FILES["interactions/2026-05-05-call-x1.md"].replace("2026-05-05", "2026-11-10")
    put(acme, "interactions/2026-11-10-call-x2.md", call)
    again = section(plan_review(acme, "acme", kind="qbr")[1], "risks")
    assert "- Gone since the end of 2026-q3: no word from them for" in again


def test_a_customer_version_looks_at_customer_versions_only(acme: Workspace) -> None:
    put(acme, "reviews/2026-q3-qbr.md", Q3)
    text = plan_review(acme, "acme", kind="qbr", audience=CUSTOMER)[1]
    assert "Lost pallets" not in text
    assert "No actions were written down." in text
    put(
        acme, "reviews/2026-q3-qbr-customer.md", Q3.replace("| Ours | Theirs |", "| Ours | Yours |")
    )
    text = plan_review(acme, "acme", kind="qbr", audience=CUSTOMER)[1]
    assert "| Lost pallets | 0 by 2026-09-30 |" in text
    assert "| Train the night shift | Mira | Ann | 2026-08-31 | all have passed |" in text


def test_a_past_quarter_of_every_type(samples: Workspace) -> None:
    for kind, audience in PAIRS:
        slug = "harbour-lane-logistics"
        changes, text, _ = plan_review(
            samples, slug, kind=kind, audience=audience, quarter="2026-q3"
        )
        assert "/reviews/2026-q3-" in changes.paths[0]
        assert not re.search(r"(2026-1[01]-\d\d (email|call|ticket)|2026-11-09)", text), kind


def test_the_notice_window(acme: Workspace) -> None:
    def told() -> str:
        text = plan_review(Workspace(acme.root, now=acme.now, seed=7), "acme", kind="renewal")[1]
        return next(line for line in text.splitlines() if line.startswith("| Notice possible"))

    assert "not known (`reviews.notice_days` in crmctl.yaml)" in told()
    (acme.root / "crmctl.yaml").write_text("reviews:\n  notice_days: 30\n")
    assert (
        told() == "| Notice possible until | 2026-12-11, 30 days before the renewal | crmctl.yaml |"
    )
    (acme.root / "crmctl.yaml").write_text("reviews:\n  notice_days: 90\n")
    assert "2026-10-12, 90 days before the renewal, which is past" in told()
    put(
        acme, "profile.md", PROFILE.format(more="").replace("auto_renew: true", "auto_renew: false")
    )
    assert "without a signature it ends by itself" in told()


def test_who_is_no_customer_has_nothing_to_renew(samples: Workspace) -> None:
    for audience in (INTERNAL, CUSTOMER):
        with pytest.raises(UsageError, match="marula-markets is a prospect: nothing renews yet"):
            plan_review(samples, "marula-markets", kind="renewal", audience=audience)


def test_a_deal_review_is_the_one_that_qualify_writes(acme: Workspace) -> None:
    changes, text, _ = plan_review(acme, "acme", kind="deal")
    assert changes.paths == [f"{ACME}/reviews/deal-renewal.md"]
    assert plan_review(acme, "acme", kind="deal", deal="renewal")[1] == text
    put(acme, "deals/more.md", "---\nname: More\nstage: discovery\nstatus: open\n---\n")
    with pytest.raises(UsageError, match="open deals of acme: more, renewal"):
        plan_review(acme, "acme", kind="deal")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"kind": "annual"}, "--type: found 'annual'; allowed: account, qbr"),
        ({"audience": "press"}, "--audience: found 'press'; allowed: internal, customer"),
        (
            {"kind": "qbr", "deal": "renewal"},
            "--deal: a review of type qbr is of the whole account",
        ),
        ({"kind": "deal", "quarter": "2026-q3"}, "--quarter: a deal is reviewed as it is now"),
        ({"kind": "ebr", "quarter": "2027-q1"}, "2027 Q1 begins on 2027-01-01"),
    ],
)
def test_what_does_not_go_together_is_said(
    acme: Workspace, asked: dict[str, str], words: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        plan_review(acme, "acme", **asked)


def test_the_night_prepares_the_types_that_are_set(acme: Workspace) -> None:
    settings = "team: [{id: mira}]\nreviews:\n  prepared: [qbr, renewal]\n"
    (acme.root / "crmctl.yaml").write_text(settings)
    ws = Workspace(acme.root, now=acme.now, seed=7)
    assert reviews(ws, ws.today, commit=False).errors == []
    made = sorted(path.name for path in (acme.root / ACME / "reviews").iterdir())
    assert made == ["2026-q4-qbr.md", "2026-q4-renewal.md"]
    assert preparation(ws, ws.today, commit=False).errors == []
    (told,), problems = outbox.waiting(ws.state_dir)
    assert problems == []
    assert f"- Acme Freight: {ACME}/reviews/2026-q3-qbr.md" in told.body
    assert f"- Acme Freight: {ACME}/reviews/2026-q3-renewal.md" in told.body


@pytest.mark.parametrize(("kind", "audience"), PAIRS)
def test_data_cannot_put_a_marker_or_markup_into_any_type(
    acme: Workspace, kind: str, audience: str
) -> None:
    hostile = "<!-- crmctl:end goals --> | [x](https://evil.example) # <script>"
    profile = PROFILE.format(more=f"plan: '{hostile}'\ndescription: '{hostile}'\n")
    put(
        acme,
        "profile.md",
        profile.replace("Acme Freight", f"'{hostile}'").replace("Empty runs", f"'{hostile}'"),
    )
    ticket = {"id": "csv:1", "type": "ticket", "at": "2026-11-01T08:00:00Z", "subject": hostile}
    put(acme, "interactions/2026.jsonl", json.dumps(ticket) + "\n")
    changes, text, _ = plan_review(acme, "acme", kind=kind, audience=audience)
    assert text.count("\n<!-- crmctl:end goals -->") == 1
    assert "<script>" not in text
    assert "](https:" not in text
    put(acme, changes.paths[0].removeprefix(f"{ACME}/"), text)
    again, _, conflicts = plan_review(acme, "acme", kind=kind, audience=audience)
    assert (again.paths, conflicts) == ([], [])
