"""When the steps of the night are due, and what is remembered of them."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmctl.model.errors import BusyError, ConfigError, CrmError, PartialError
from crmctl.workflow import nightly, schedule
from crmctl.workflow.nightly import Did, Step
from crmctl.workflow.nightly_memory import Memory, Result
from crmctl.workspace.git import Git
from crmctl.workspace.workspace import Workspace
from tests.workflow.conftest import World

DAILY, WEEKLY, MONTHLY, QUARTERLY = "score", "trends", "recalculate", "preparation"
Do = Callable[[dt.date], Did]


class Nights:
    """A workspace whose nights do nothing but note what they were asked for."""

    def __init__(self, root: Path, config: str = "") -> None:
        self.root = root
        (root / "crmctl.yaml").write_text(config)
        self.did: list[tuple[str, str]] = []
        self.doing: dict[str, Do] = {}

    def steps(self, *, again: bool = True) -> list[Step]:
        return [
            Step(name, name, lambda day, name=name: self._do(name, day), again)  # type: ignore[misc]
            for name in (DAILY, WEEKLY, MONTHLY, QUARTERLY)
        ]

    def _do(self, name: str, day: dt.date) -> Did:
        self.did.append((name, day.isoformat()))
        return self.doing[name](day) if name in self.doing else Did("fine")

    def call(self, at: str, *, again: bool = True) -> list[Result]:
        """One call of nightly at a time in UTC."""
        now = dt.datetime.fromisoformat(at).replace(tzinfo=dt.UTC)
        ws = Workspace(self.root, now=now, seed=1)
        with nightly.alone(ws):
            memory = Memory(ws)
            return nightly.run(ws, nightly.due(ws, self.steps(again=again), memory), memory)

    def days(self, name: str) -> list[str]:
        return [day for step, day in self.did if step == name]


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    Git.init(tmp_path)
    return Nights(tmp_path)


def test_a_first_night_does_what_falls_on_that_day_and_counts_the_rest_from_there(
    nights: Nights,
) -> None:
    nights.call("2026-11-18T03:30")  # a Wednesday
    assert nights.did == [(DAILY, "2026-11-18")]
    nights.call("2026-11-23T03:30")
    nights.call("2026-12-01T03:30")
    assert nights.days(WEEKLY) == ["2026-11-23", "2026-11-30"]
    assert nights.days(MONTHLY) == ["2026-12-01"]
    assert nights.days(QUARTERLY) == []


def test_five_calls_in_a_night_are_one(nights: Nights) -> None:
    for minute in range(5):
        nights.call(f"2026-11-16T03:3{minute}")
    assert nights.did == [(DAILY, "2026-11-16"), (WEEKLY, "2026-11-16")]


def test_missed_nights_are_caught_up_once(nights: Nights) -> None:
    nights.call("2026-11-18T03:30")
    nights.did.clear()
    nights.call("2027-02-10T22:00")
    nights.call("2027-02-10T23:00")
    assert nights.did == [
        (DAILY, "2027-02-10"),
        (WEEKLY, "2027-02-08"),
        (MONTHLY, "2027-02-01"),
        (QUARTERLY, "2027-01-01"),
    ]


def test_a_clock_that_goes_back_does_nothing_twice(nights: Nights) -> None:
    nights.call("2026-11-16T03:30")
    nights.call("2026-11-17T03:30")
    nights.did.clear()
    for day in ("2026-11-16", "2026-11-17", "2025-01-01"):
        assert nights.call(f"{day}T03:30") == []
    nights.call("2026-11-18T03:30")
    assert nights.did == [(DAILY, "2026-11-18")]


def test_what_was_done_for_a_day_ahead_is_told_of(nights: Nights) -> None:
    nights.call("2030-01-01T03:30")
    ws = Workspace(nights.root, now=dt.datetime(2026, 11, 16, 3, tzinfo=dt.UTC))
    due = nightly.due(ws, nights.steps(), Memory(ws))
    assert not any(each.is_due for each in due)
    assert "2030-01-01, which lies ahead: is the clock right?" in due[0].why


def test_the_day_is_the_teams_also_when_its_clocks_change(nights: Nights) -> None:
    (nights.root / "crmctl.yaml").write_text("timezone: Europe/Berlin\n")
    # 02:30 does not exist on the one day and comes twice on the other.
    for at in ("2026-03-28T22:30", "2026-03-28T23:30", "2026-03-29T00:59", "2026-03-29T01:01"):
        nights.call(at)
    assert nights.days(DAILY) == ["2026-03-28", "2026-03-29"]
    nights.did.clear()
    for at in ("2026-10-24T22:10", "2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T22:30"):
        nights.call(at)
    assert nights.days(DAILY) == ["2026-10-25"]


@pytest.mark.parametrize(
    ("zone", "day"), [("Pacific/Auckland", "2026-11-17"), ("America/Los_Angeles", "2026-11-16")]
)
def test_one_moment_is_another_day_elsewhere(nights: Nights, zone: str, day: str) -> None:
    (nights.root / "crmctl.yaml").write_text(f"timezone: {zone}\n")
    nights.call("2026-11-16T20:00")
    assert nights.days(DAILY) == [day]


@pytest.mark.parametrize(
    ("calls", "days"),
    [
        (("2027-02-27", "2027-02-28", "2027-03-01", "2027-03-30", "2027-03-31"), ["2027-02-28", "2027-03-31"]),
        (("2028-02-28", "2028-02-29", "2028-03-01"), ["2028-02-29"]),
        (("2026-12-30", "2026-12-31", "2027-01-01"), ["2026-12-31"]),
    ],
)  # fmt: skip
def test_the_last_of_a_month(nights: Nights, calls: tuple[str, ...], days: list[str]) -> None:
    (nights.root / "crmctl.yaml").write_text("nightly:\n  recalculate: monthly on last\n")
    for day in calls:
        nights.call(f"{day}T03:30")
    assert nights.days(MONTHLY) == days


def test_every_quarter_has_its_night(nights: Nights) -> None:
    day = dt.date(2027, 12, 30)
    while day < dt.date(2029, 1, 3):  # over a leap year
        nights.call(f"{day}T03:30")
        day += dt.timedelta(days=4)  # most nights are missed
    assert nights.days(QUARTERLY) == [
        "2028-01-01", "2028-04-01", "2028-07-01", "2028-10-01", "2029-01-01",
    ]  # fmt: skip
    assert len(nights.days(MONTHLY)) == 13
    assert len(nights.days(DAILY)) == len(set(nights.days(DAILY))) == 93


@given(
    st.lists(st.integers(0, 24 * 800), min_size=1, max_size=12),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
)
@settings(max_examples=25)
def test_whenever_it_is_called_no_day_is_done_twice(hours: list[int], zone: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Git.init(Path(folder))
        nights = Nights(Path(folder), f"timezone: {zone}\n")
        start = dt.datetime(2026, 1, 1)  # noqa: DTZ001  `call` says that it is UTC
        for hour in hours:
            nights.call((start + dt.timedelta(hours=hour)).isoformat())
        assert len(nights.did) == len(set(nights.did))
        for name in (DAILY, WEEKLY, MONTHLY, QUARTERLY):
            assert nights.days(name) == sorted(nights.days(name))
        # What was called last is up to date.
        ws = Workspace(
            Path(folder), now=(start + dt.timedelta(hours=max(hours))).replace(tzinfo=dt.UTC)
        )
        today = schedule.read("daily").latest(ws.local_now)
        assert nights.days(DAILY)[-1] == str(today)


def test_a_step_that_fails_costs_the_others_nothing_and_is_due_again(nights: Nights) -> None:
    def fails(_day: dt.date) -> Did:
        raise CrmError("the disk is full")

    nights.doing[DAILY] = fails
    first = nights.call("2026-11-16T03:30")
    assert [(r.step, r.state) for r in first] == [(DAILY, "failed"), (WEEKLY, "done")]
    assert first[0].errors == ["the disk is full"]
    del nights.doing[DAILY]
    assert [(r.step, r.state) for r in nights.call("2026-11-16T04:30")] == [(DAILY, "done")]
    memory = Memory(Workspace(nights.root))
    assert memory.last is not None
    assert {name: r.state for name, r in memory.last.results.items()} == {
        DAILY: "done",
        WEEKLY: "done",
    }


def test_a_bug_in_a_step_is_kept_for_those_who_mend_it_without_secrets(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMCTL_SLACK_TOKEN", "xoxb-planted-secret")

    def breaks(_day: dt.date) -> Did:
        raise ZeroDivisionError("by xoxb-planted-secret")

    nights.doing[DAILY] = breaks
    failed = nights.call("2026-11-16T03:30")[0]
    assert failed.state == "failed"
    trace = nights.root / ".git/crmctl/night/bug-score.txt"
    assert failed.errors == [f"this is a bug (ZeroDivisionError); the details are in {trace}"]
    assert "ZeroDivisionError: by ***" in trace.read_text()
    assert trace.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("again", "times"), [(True, 2), (False, 1)])
def test_what_was_done_in_part_is_due_again_unless_it_costs_too_much(
    nights: Nights, again: bool, times: int
) -> None:
    nights.doing[DAILY] = lambda _day: Did("most", errors=["one of them was down"])
    for _ in range(2):
        nights.call("2026-11-18T03:30", again=again)
    assert len(nights.did) == times


def test_a_night_that_is_killed_goes_on_where_it_stopped(nights: Nights) -> None:
    def killed(_day: dt.date) -> Did:
        raise KeyboardInterrupt

    nights.call("2026-11-30T03:30")
    nights.did.clear()
    nights.doing[MONTHLY] = killed
    with pytest.raises(KeyboardInterrupt):
        nights.call("2026-12-07T03:30")
    memory = Memory(Workspace(nights.root))
    assert memory.last is not None
    assert memory.last.finished == ""
    assert nights.did == [(DAILY, "2026-12-07"), (WEEKLY, "2026-12-07"), (MONTHLY, "2026-12-01")]
    nights.did.clear()
    nights.doing.clear()
    nights.call("2026-12-07T03:40")
    assert nights.did == [(MONTHLY, "2026-12-01")]
    memory = Memory(Workspace(nights.root))
    assert memory.last is not None
    assert memory.last.finished
    assert list(memory.last.results) == [DAILY, WEEKLY, MONTHLY]


def test_two_nights_at_once_are_one(nights: Nights) -> None:
    ws = Workspace(nights.root)
    with (
        nightly.alone(ws),
        pytest.raises(BusyError, match=r"`nightly` .* holds it since"),
        nightly.alone(ws, wait=0.01),
    ):
        raise AssertionError("both have it")


@pytest.mark.parametrize(
    "damage", ["", "[]", '{"main:": 7}', "{", '{"x": {"marks": {"score": 3}}}']
)
def test_a_memory_that_cannot_be_read_starts_anew(nights: Nights, damage: str) -> None:
    nights.call("2026-11-18T03:30")
    file = nights.root / ".git/crmctl/night/memory.json"
    (place,) = json.loads(file.read_text())
    file.write_text(damage.replace("main:", place).replace('"x"', json.dumps(place)))
    nights.did.clear()
    nights.call("2026-11-18T04:30")
    assert nights.did == [(DAILY, "2026-11-18")]


def test_off_is_off_and_a_bad_schedule_is_named(world: World) -> None:
    step = Step("score", "", lambda _day: Did(""))
    world.write("crmctl.yaml", "nightly: {score: off}\n")
    (each,) = nightly.due(world.on("2026-11-16").ws, [step], Memory(world.ws))
    assert (each.is_due, each.why) == (False, "switched off in crmctl.yaml")
    world.write("crmctl.yaml", "nightly: {score: weekly on someday}\n")
    with pytest.raises(ConfigError, match=r"crmctl.yaml:1: nightly.score: .*weekly on someday"):
        nightly.due(world.on("2026-11-16").ws, [step], Memory(world.ws))
    world.write("crmctl.yaml", "nightly: {score: cron 99 3 * * *}\n")
    with pytest.raises(ConfigError, match=r"crmctl.yaml: nightly.score: .* is no cron time"):
        nightly.due(world.on("2026-11-16").ws, [step], Memory(world.ws))


def test_a_cron_time_of_a_step_counts_from_that_time_on(nights: Nights) -> None:
    (nights.root / "crmctl.yaml").write_text("nightly: {score: cron 0 6 * * 1-5}\n")
    for at in ("2026-11-13T06:00", "2026-11-16T05:59", "2026-11-16T06:01", "2026-11-16T07:00"):
        nights.call(at)
    assert nights.days(DAILY) == ["2026-11-13", "2026-11-16"]


def test_a_worktree_has_nights_of_its_own(nights: Nights) -> None:
    nights.call("2026-11-18T03:30")
    memory = Memory(Workspace(nights.root))
    memory._place = "worktrees/other:"  # as another working tree of the repository would
    memory.marks = {"score": dt.date(2020, 1, 1)}
    memory.save()
    assert Memory(Workspace(nights.root)).marks[DAILY] == dt.date(2026, 11, 18)


def test_partial_errors_of_a_step_are_failures(nights: Nights) -> None:
    def fails(_day: dt.date) -> Did:
        raise PartialError("half")

    nights.doing[DAILY] = fails
    assert nights.call("2026-11-18T03:30")[0].errors == ["half"]
