"""The fit held against won and lost deals: published examples, and books whose truth is known."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.insight.icp_calibrate import (
    NOT_SHOWN,
    POINTS_OFF,
    REVERSED,
    SEPARATES,
    Calibrated,
    calibrate,
)
from crmctl.insight.icp_chance import by_chance
from crmctl.insight.icp_deals import CLOSE, OLDEST, OPENING, TODAY, Decided, Open, read_book, since
from crmctl.insight.icp_frequencies import Frequencies, on_later
from crmctl.insight.icp_funnel import funnel
from crmctl.insight.icp_table import calibration
from crmctl.insight.icp_weights import Calibration, IcpWeights
from crmctl.insight.weights import Weights
from crmctl.model.errors import ConfigError
from crmctl.model.numbers import half_up
from crmctl.workspace.workspace import Workspace

Ended = tuple[dict[str, Sequence[str]], bool]


@pytest.fixture
def how(weights: Weights) -> Calibration:
    assert weights.icp.calibration is not None
    return weights.icp.calibration


# --- frequencies: the numbers of Odoo's own tests


def team() -> Iterator[Ended]:
    """42 won and 105 lost; tag 1 on 33 and 65 of them, tag 2 on 23 and 75."""
    for won, both, first, second in ((True, 14, 19, 9), (False, 35, 30, 40)):
        for tags, number in (("12", both), ("1", first), ("2", second)):
            for _ in range(number):
                yield {"tag": tuple(tags)}, won


def learnt(rows: Iterator[Ended]) -> Frequencies:
    found = Frequencies(0.1)
    for labels, won in rows:
        found.learn(labels, won=won)
    return found


@pytest.mark.parametrize(("tags", "published"), [("1", "33.69"), ("12", "28.05")])
def test_odoos_frequencies(tags: str, published: str) -> None:
    """Tag 1: 33.1 won and 65.1 lost; tag 2: 23.1 and 75.1; the team 42.1 and 105.1."""
    assert half_up(100 * learnt(team()).probability({"tag": tuple(tags)}), 2) == published


def test_a_deal_that_is_opened_again_is_taken_out() -> None:
    """Published: 91.67 % while it still counts as won (1.1 of 1.2), and 50 % once it does not (0.1 and 0.1)."""
    counted = Frequencies(0.1)
    counted.learn({}, won=True)
    assert half_up(100 * counted.probability({}), 2) == "91.67"
    counted.learn({}, won=True, times=-1)
    assert counted.probability({}) == 0.5


def test_what_nobody_knows_and_what_never_happened_says_nothing() -> None:
    counted = learnt(team())
    base = counted.probability({})
    assert base == pytest.approx(42.1 / 147.2)
    assert counted.probability({"tag": ("9",)}) == base
    assert counted.probability({"city": ("Bergen",), "tag": ()}) == base


labelled = st.tuples(
    st.dictionaries(st.sampled_from("fg"), st.lists(st.sampled_from("xyz"), max_size=2, unique=True)),
    st.booleans(),
    st.sampled_from(["a", "b", "c", "d"]),
)  # fmt: skip


@given(st.lists(labelled, min_size=1, max_size=12))
def test_the_latest_deals_are_tried_on_what_was_learnt_before(
    rows: list[tuple[dict[str, list[str]], bool, str]],
) -> None:
    labels, won, groups = (list(column) for column in zip(*rows, strict=True))
    days = [f"2026-01-{n:02}" for n in range(len(rows))]
    tried = on_later(labels, won, groups, days, share=0.5, smoothing=0.1)
    assert tried.places == list(range(len(rows) - round(len(rows) / 2), len(rows)))
    earlier = Frequencies(0.1)
    for place, (each, outcome, group) in enumerate(rows):
        if place not in tried.places and group not in {groups[n] for n in tried.places}:
            earlier.learn(each, won=outcome)
    assert tried.chances == [earlier.probability(labels[n]) for n in tried.places]
    assert tried.base == earlier.probability({})


# --- from stage to stage


def lost(stage: str, number: int) -> list[dict[str, Any]]:
    return [{"status": "lost", "stage": "closed", "stage_history": [{"stage": stage}]}] * number


def test_published_conversions() -> None:
    """120, 50, 33, 24 and 14: published as 42, 65, 72 and 58 %, and 12 % overall. 33 of 50 are 66 %, not 65."""
    stages = ["lead", "qualified", "proposal", "negotiation"]
    deals = [{"status": "won", "stage": "closed"}] * 14
    for stage, number in zip(stages, (70, 17, 9, 10), strict=True):
        deals += lost(stage, number)
    found = funnel(deals, stages)
    counts = [(c.went_on.events, c.went_on.number) for c in found.conversions]
    assert counts == [(50, 120), (33, 50), (24, 33), (14, 24)]
    rates = [100 * (c.went_on.rate or 0) for c in found.conversions]
    assert [half_up(rate, 1) for rate in rates] == ["41.7", "66.0", "72.7", "58.3"]
    assert half_up(100 * (found.overall.rate or 0), 1) == "11.7"
    assert found.unplaced == 0


def test_open_deals_have_not_decided_where_they_stand() -> None:
    deals = [
        {"stage": "B"},
        {"stage": "a", "status": "open"},
        *lost("a", 1),
        {"status": "lost", "stage": "nowhere"},
        {"status": "won"},
    ]
    found = funnel(deals, ["A", "B"])
    first, second = found.conversions
    assert (first.went_on.events, first.went_on.number, first.waiting) == (2, 3, 1)
    assert (second.went_on.events, second.went_on.number, second.waiting) == (1, 1, 1)
    assert (found.overall.events, found.overall.number, found.unplaced) == (1, 2, 1)
    assert funnel(deals, []).conversions == ()


# --- whole books


def book(number: int, chance: dict[str, float], seed: int = 1) -> list[Decided]:
    """Deals of accounts in evenly spread industries, each won by the chance of its industry; size says nothing."""
    rng = random.Random(seed)
    found = []
    for n in range(number):
        industry = list(chance)[n % len(chance)]
        size = rng.choice([30, 150, 900])
        values = {"industry": industry, "employees": size, "annual_revenue": 60_000_000}
        won, day = rng.random() < chance[industry], f"2026-01-01 {n:04}"
        found.append(Decided(f"a{n}", f"d{n}", f"p{n}", won, day, OPENING, values.get))
    return found


def known(**values: Any) -> Callable[[str], Any]:
    return values.get


def calibrated(
    deals: list[Decided], weights: IcpWeights, how: Calibration, waiting: Sequence[Open] = ()
) -> Calibrated:
    return calibrate(deals, waiting, {}, funnel([], []), weights, how)


def test_a_criterion_that_separates_is_told_from_one_that_does_not(
    weights: Weights, how: Calibration
) -> None:
    chance = {"software": 0.8, "retail": 0.3, "mining": 0.1}
    found = calibrated(book(240, chance), weights.icp, how)
    assert found.reason == ""
    by_name = {trial.name: trial for trial in found.criteria}
    assert by_name["industry"].area.verdict == SEPARATES
    assert by_name["size"].area.verdict == NOT_SHOWN
    assert by_name["technology"].area.auc is None  # nobody's is known
    assert by_name["revenue"].area.auc == 0.5  # everybody's is the same
    rates = {rate.name: rate for rate in by_name["industry"].buckets}
    assert list(rates) == ["software", "retail", "other"]
    assert {rate.won.number for rate in rates.values()} == {80}
    assert (rates["software"].lift or 0) > 1.5
    assert (rates["other"].lift or 9) < 0.5
    assert found.fit is not None
    assert found.fit.verdict == SEPARATES
    assert found.foretelling is not None
    assert (found.foretelling.brier or 1) < (found.foretelling.base or 0)
    assert sum(rate.won.number for rate in found.tiers) == found.deals


def test_points_that_run_against_the_deals_are_put_right(
    weights: Weights, how: Calibration
) -> None:
    """Retail wins and software does not: the other way round than the points."""
    found = calibrated(book(200, {"software": 0.15, "retail": 0.7}), weights.icp, how)
    industry = found.criteria[0]
    assert industry.area.verdict == REVERSED
    points = {s.key: s for s in found.suggested}
    assert set(points) == {"software", "retail"}
    assert (points["retail"].now, points["retail"].points) == (60, 100)
    assert points["software"].points < 50
    assert points["software"].points % how.round_to == 0
    assert {s.criterion for s in found.suggested} == {"industry"}


def test_nothing_is_suggested_where_nothing_differs(weights: Weights, how: Calibration) -> None:
    found = calibrated(book(200, {"software": 0.4, "retail": 0.4}), weights.icp, how)
    assert found.suggested == ()
    assert not any(trial.differs for trial in found.criteria)
    assert found.foretelling is not None
    assert found.foretelling.area.verdict == NOT_SHOWN


def test_values_may_differ_where_points_do_not_show_it(weights: Weights, how: Calibration) -> None:
    """The middle wins, the ends do not: no order of points by size of them tells won from lost."""
    chance = {"software": 0.2, "manufacturing": 0.8, "retail": 0.2}
    trial = calibrated(book(240, chance), weights.icp, how).criteria[0]
    assert trial.area.verdict == NOT_SHOWN
    assert (trial.differs, trial.verdict) == (True, POINTS_OFF)


def test_how_often_chance_does_as_much() -> None:
    half = [("a",)] * 20 + [("b",)] * 20
    assert (by_chance(half, [True] * 20 + [False] * 20, rounds=200) or 1) < 0.01
    assert by_chance(half, [True, False] * 20, rounds=200) == 1
    assert by_chance([("a",), (), ("a",)], [True, False, False], rounds=200) is None
    assert by_chance(half, [True] * 40, rounds=200) is None
    two = [("a", "b")] * 20 + [("b",)] * 20
    assert (by_chance(two, [True] * 20 + [False] * 20, rounds=200) or 1) < 0.01


@given(st.integers(0, 10_000))
def test_shuffled_outcomes_are_found_to_be_chance(seed: int) -> None:
    """In the long run 5 of 100; here only that a share is a share and the same seed the same."""
    rng = random.Random(seed)
    values = [(rng.choice("abc"),) for _ in range(30)]
    won = [rng.random() < 0.5 for _ in values]
    found = by_chance(values, won, rounds=20)
    assert found == by_chance(values, won, rounds=20)
    assert found is None or 0 < found <= 1


def test_few_deals_of_a_value_leave_its_points(weights: Weights, how: Calibration) -> None:
    deals = book(200, {"software": 0.8, "mining": 0.1})
    one = [Decided("x", "x", "x", True, "", OPENING, known(industry="retail"))]
    found = calibrated(deals + one, weights.icp, how)
    assert "retail" not in {s.key for s in found.suggested}


def test_too_few_deals_conclude_nothing(weights: Weights, how: Calibration) -> None:
    deals = book(19, {"software": 1.0})
    found = calibrated(deals, weights.icp, how)
    assert "19 won and 0 lost" in found.reason
    assert "1 more won and 20 more lost to go" in found.reason
    assert (found.fit, found.tiers, found.criteria, found.suggested) == (None, (), (), ())
    assert found.foretelling is None
    assert calibrated([], weights.icp, how).won.rate is None


def test_open_deals_have_a_chance(weights: Weights, how: Calibration) -> None:
    deals = book(200, {"software": 0.8, "mining": 0.1})
    waiting = [Open(n, n, n, known(industry=n)) for n in ("mining", "software")]
    waiting.append(Open("blank", "blank", "blank", known()))
    found = calibrated(deals, weights.icp, how, waiting).foretelling
    assert found is not None
    assert [chance.account for chance in found.open] == ["software", "blank", "mining"]
    overall = sum(deal.won for deal in deals) / len(deals)
    blank = found.open[1]
    assert blank.probability == pytest.approx(overall, abs=0.01)
    assert blank.known == ()


def test_a_workspace_without_the_part_is_told(weights: Weights) -> None:
    old = weights.icp.model_copy(update={"calibration": None})
    with pytest.raises(ConfigError, match=r"icp\.calibration"):
        calibration(old)


# --- what git knew


@pytest.fixture
def commit(root: Path) -> Callable[..., None]:
    """Write files and commit them as of a day; None removes one."""

    def made(day: str, **files: str | None) -> None:
        for name, text in files.items():
            slug, _, deal = name.partition("__")
            path = root / "accounts" / slug / (f"deals/{deal}.md" if deal else "profile.md")
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text)
        stamp = f"{day}T12:00:00+00:00"
        who = ["-c", "user.name=Ana", "-c", "user.email=ana@ours.example"]
        for call in (["add", "-A"], [*who, "commit", "-q", "-m", day]):
            subprocess.run(
                ["git", *call],
                cwd=root,
                check=True,
                env={"PATH": "/usr/bin:/bin", "GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp},
            )  # fmt: skip

    return made


def profile(industry: str) -> str:
    return f"---\nname: X\nstage: customer\nindustry: {industry}\n---\n"


def deal(status: str, opened: str, close: str, kind: str = "New business", more: str = "") -> str:
    head = f"name: D\nstage: proposal\nstatus: {status}\ntype: {kind}\n"
    days = f"opened: {opened}\n" * bool(opened) + f"close: {close}\n" * bool(close)
    return f"---\n{head}{days}{more}---\n"


def test_each_deal_takes_the_earliest_state_that_git_holds(
    root: Path, commit: Callable[..., None], at: Any, today: Any, how: Calibration
) -> None:
    commit("2026-03-01", early=profile("Retail"), middle=profile("Retail"))
    commit("2026-05-01", early=profile("Mining"), late=profile("Retail"))
    commit("2026-07-01", early=profile("Software"), late=profile("Mining"), middle=None)
    later = profile("Mining")
    commit(
        "2026-09-01",
        early__a=deal("won", "2026-04-01", "2026-06-01"),
        early__b=deal("lost", "2026-06-01", "2026-06-15"),
        early__c=deal("lost", "2024-01-01", "2024-02-01"),
        early__d=deal(
            "won", "", "2026-05-02", more="stage_history: [{stage: x, at: 2026-03-05}]\n"
        ),
        late__a=deal("won", "2026-04-01", "2026-06-01"),
        last=later,
        last__a=deal("won", "2026-04-01", "2026-06-01"),
        last__b=deal("open", "2026-04-01", "2027-06-01"),
        last__c=deal("won", "2026-04-01", "2026-06-01", "Renewal"),
        last__d=deal("won", "2026-04-01", "2026-06-01", "''"),
        last__e=deal("won", "2026-04-01", "2026-06-01", more="sources: {csv: {deleted: true}}\n"),
    )
    found = read_book(at(root, today), how)
    seen = {f"{d.account}/{d.id}": (d.won, d.basis, d.get("industry")) for d in found.decided}
    assert seen == {
        "early/a": (True, OPENING, "Retail"),
        "early/b": (False, OPENING, "Mining"),
        "early/c": (False, OLDEST, "Retail"),
        "early/d": (True, OPENING, "Retail"),
        "late/a": (True, CLOSE, "Retail"),
        "last/a": (True, TODAY, "Mining"),
    }
    assert [(d.account, d.id, d.get("industry")) for d in found.open] == [("last", "b", "Mining")]
    assert found.left_out == {"another type": 2, "no type": 1, "deleted": 1}
    untyped = read_book(at(root, today), how.model_copy(update={"untyped": True}))
    assert len(untyped.decided) == len(found.decided) + 1


def test_a_workspace_without_commits_has_only_today(
    root: Path, at: Any, today: Any, how: Calibration
) -> None:
    path = root / "accounts/acme/deals/first.md"
    path.write_text(deal("won", "2026-01-01", "2026-02-01"))
    found = read_book(at(root, today), how)
    assert [(d.basis, d.get("industry")) for d in found.decided] == [(TODAY, "Software")]


def test_the_age_of_a_value_is_that_of_its_latest_change(
    root: Path, commit: Callable[..., None], at: Any, today: Any
) -> None:
    commit("2026-03-01", one=profile("Retail"))
    commit("2026-05-01", one=profile("Mining"))
    commit("2026-06-01", one=profile("Mining") + "A line.\n")
    ws: Workspace = at(root, today)
    found = since(ws, "one", ["industry", "name", "city"], 10)
    assert {name: day.isoformat() for name, day in found.items()} == {
        "industry": "2026-05-01",
        "name": "2026-03-01",
    }
    (root / "accounts/one/profile.md").write_text(profile("Retail"))
    assert "industry" not in since(ws, "one", ["industry"], 10)
