"""Scoring a workspace: what is written, what is not, and what is remembered."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from crmctl.insight import scoring
from crmctl.insight.scoring import ScorePlan, numbers, plan_scores
from crmctl.insight.weights import Weights
from crmctl.workspace import measures
from crmctl.workspace.document import parse
from crmctl.workspace.store import Reader
from crmctl.workspace.workspace import Workspace

TODAY = dt.date(2026, 11, 22)
HEALTH = "accounts/acme/health.md"
At = Callable[[Path, dt.date], Workspace]


def carried_out(ws: Workspace) -> ScorePlan:
    plan = plan_scores(ws)
    with ws.writing("score") as run:
        ws.apply(plan.changes, run)
    return plan


@pytest.fixture
def settled(root: Path, at: At, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The workspace with all scores written, long enough after its files for the cache to trust them."""
    monkeypatch.setattr(scoring, "RACY_NS", 0)
    ws = at(root, TODAY)
    carried_out(ws)
    return ws


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The accounts whose files are read from now on."""
    seen: list[str] = []
    read = Reader.account

    def noting(self: Reader, slug: str, **more: frozenset[str] | None) -> object:
        seen.append(slug)
        return read(self, slug, **more)

    monkeypatch.setattr(Reader, "account", noting)
    return seen


def test_a_score_is_written_to_its_page_and_to_the_measures(root: Path, at: At) -> None:
    plan = carried_out(at(root, TODAY))
    health = plan.results["acme"]
    assert health.score is not None
    assert (health.status, plan.problems) == ("good", [])
    page = parse((root / HEALTH).read_bytes(), HEALTH)
    assert (page.data["score"], page.data["status"]) == (76, "good")
    assert page.data["reasons"] == health.reasons
    assert "accounts/acme/interactions/2026.jsonl:1" in page.body
    assert "profile.md:10" in page.body
    rows = (root / "accounts/_measures/2026-11-22.csv").read_text(encoding="utf-8")
    assert "acme,health.score,76,crmctl\n" in rows
    assert "acme,health.usage,90,crmctl\n" in rows


def test_an_account_without_score_gets_no_page(root: Path, at: At) -> None:
    plan = carried_out(at(root, TODAY))
    assert plan.results["blank"].score is None
    assert not (root / "accounts/blank/health.md").exists()


def test_scoring_again_changes_nothing_and_reads_nothing(
    settled: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = reads(monkeypatch)
    for _ in range(3):
        plan = plan_scores(settled)
        assert not plan.changes
        assert (len(plan.results), plan.results["acme"].status) == (2, "good")
        assert [g.account for g in plan.results.glances()] == ["acme", "blank"]
    assert seen == []


def test_a_remembered_score_equals_a_fresh_one(settled: Workspace) -> None:
    plan_scores(settled)
    remembered = plan_scores(settled)
    (settled.state_dir / "index.sqlite").unlink()
    fresh = plan_scores(settled)
    assert dict(remembered.results) == dict(fresh.results)
    assert list(remembered.results.glances()) == list(fresh.results.glances())
    assert not fresh.changes


def test_a_new_day_is_computed_without_reading_files(
    settled: Workspace, at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = reads(monkeypatch)
    tomorrow = at(settled.root, TODAY + dt.timedelta(days=1))
    plan = plan_scores(tomorrow)
    assert seen == []
    assert HEALTH not in plan.changes.paths
    (settled.state_dir / "index.sqlite").unlink()
    assert plan_scores(tomorrow).results["acme"] == plan.results["acme"]


def test_an_earlier_day_is_read_anew(settled: Workspace, at: At) -> None:
    early = dt.date(2026, 10, 20)
    health = plan_scores(at(settled.root, early)).results["acme"]
    assert health.value("days_since_contact") is None
    assert health.value("active_share") == 0.44


def test_a_change_in_one_account_reads_that_account_only(
    settled: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = reads(monkeypatch)
    profile = settled.root / "accounts/acme/profile.md"
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text.replace("stage: customer", "notice_given: 2026-11-20\nstage: customer"))
    plan = plan_scores(settled)
    assert seen == ["acme"]
    assert (plan.results["acme"].score, plan.results["acme"].status) == (39, "critical")
    assert HEALTH in plan.changes.paths


def test_new_measures_count_without_reading_files(
    settled: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = reads(monkeypatch)
    rows = "account,measure,value,source\nacme,usage.active_users,5,csv\n"
    (settled.root / "accounts/_measures/2026-11-21.csv").write_text(rows, encoding="utf-8")
    plan = plan_scores(settled)
    assert plan.results["acme"].value("active_share") == 0.05
    assert seen == []


def test_a_lost_page_is_written_again_as_it_was(settled: Workspace) -> None:
    page = settled.root / HEALTH
    before = page.read_bytes()
    page.unlink()
    carried_out(settled)
    assert page.read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "rewritten"),
    [
        ("score: 76", "score: 73", False),
        ("score: 76", "score: 71", True),
        ("status: good", "status: critical", True),
        ("reasons: [", "reasons: [champion, ", True),
        ("reasons: [", "reasons: [notice_given, ", True),
        (", survey_mean]", "]", False),
        ("---\naccount", "account", True),
    ],
)
def test_a_page_is_rewritten_only_when_it_no_longer_holds(
    settled: Workspace, old: str, new: str, rewritten: bool
) -> None:
    page = settled.root / HEALTH
    text = page.read_text(encoding="utf-8")
    assert old in text
    page.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert (HEALTH in plan_scores(settled).changes.paths) is rewritten


def test_a_template_of_the_team_may_leave_the_reasons_out(root: Path, at: At) -> None:
    (root / "templates").mkdir()
    template = "---\nscore: {{ health.score | points | int }}\nstatus: {{ health.status }}\n---\n{{ name }}\n"
    (root / "templates/health.md.j2").write_text(template, encoding="utf-8")
    ws = at(root, TODAY)
    carried_out(ws)
    assert (root / HEALTH).read_text(encoding="utf-8").endswith("---\nAcme Ltd\n")
    assert not plan_scores(ws).changes


def test_other_weights_can_be_tried_out(settled: Workspace, weights: Weights) -> None:
    data = weights.model_dump()
    data["health"]["status"]["bands"]["good"] = 77
    tried = plan_scores(settled, ["acme"], weights=Weights.model_validate(data))
    assert (tried.results["acme"].status, list(tried.results)) == ("at_risk", ["acme"])
    assert plan_scores(settled).results["acme"].status == "good"


def test_a_damaged_file_is_named_each_time_and_hides_nothing(settled: Workspace) -> None:
    damaged = settled.root / "accounts/acme/contacts/bob.md"
    damaged.write_text("---\nname: [\n---\n", encoding="utf-8")
    for _ in range(3):
        plan = plan_scores(settled)
        assert [p.path for p in plan.problems] == ["accounts/acme/contacts/bob.md"]
        assert plan.results["acme"].score is not None


def test_an_account_without_readable_profile_has_no_result(settled: Workspace) -> None:
    (settled.root / "accounts/blank/profile.md").write_text("no front matter", encoding="utf-8")
    plan = plan_scores(settled)
    assert list(plan.results) == ["acme"]
    assert [p.path for p in plan.problems] == ["accounts/blank/profile.md"]


def test_a_file_changed_this_very_moment_is_read_again(
    root: Path, at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "RACY_NS", 10**15)
    ws = at(root, TODAY)
    carried_out(ws)
    seen = reads(monkeypatch)
    plan_scores(ws)
    assert seen == ["acme", "blank"]


def test_thirty_quiet_nights_leave_a_row_for_each_point_and_each_step(
    root: Path, at: At, weights: Weights
) -> None:
    written: dict[tuple[str, str], list[Decimal]] = {}
    points: dict[str, list[Decimal]] = {}
    for night in range(30):
        plan = carried_out(at(root, TODAY + dt.timedelta(days=night)))
        for slug, health in plan.results.items():
            points.setdefault(slug, []).append(numbers(health).get("health.score", Decimal(-1)))
        path = root / measures.file_of(TODAY + dt.timedelta(days=night))
        if path.exists():
            for row in measures.parse_day(path.read_bytes(), TODAY)[0]:
                written.setdefault((row.account, row.measure), []).append(row.value)
    step = Decimal(repr(weights.health.rewrite_step))
    for (slug, name), values in written.items():
        if name == "health.score":
            seen = [p for n, p in enumerate(points[slug]) if n == 0 or p != points[slug][n - 1]]
            assert values == [value for value in seen if value >= 0]
        elif name != "health.coverage":
            assert all(abs(b - a) >= step for a, b in pairwise(values)), (slug, name)
