"""Working days, holidays and the hours at which people may be approached."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.errors import ConfigError
from crmctl.workspace import calendar_rules
from crmctl.workspace.calendar_rules import WEEKDAYS, Calendar, public_holidays, zone
from crmctl.workspace.config import load_config

DAYS = st.dates(dt.date(2024, 1, 1), dt.date(2030, 12, 31))


def calendar(tmp_path: Path, text: str) -> Calendar:
    (tmp_path / "crmctl.yaml").write_text(f"calendar: {{{text}}}\n")
    return load_config(tmp_path).calendar


def test_unless_somebody_says_otherwise_we_work_from_monday_to_friday() -> None:
    week = [dt.date(2026, 3, 30) + dt.timedelta(days=n) for n in range(7)]
    assert [Calendar().is_working(day) for day in week] == [True] * 5 + [False] * 2


@given(DAYS, st.sets(st.sampled_from(WEEKDAYS), min_size=1), st.sets(DAYS, max_size=20))
def test_the_next_working_day_is_the_first_one(
    day: dt.date, worked: set[str], off: set[dt.date]
) -> None:
    rules = Calendar.model_validate({"working_days": sorted(worked), "holidays": sorted(off)})
    found = rules.next_working(day)
    assert rules.is_working(found)
    assert found >= day
    between = [day + dt.timedelta(days=n) for n in range((found - day).days)]
    assert not any(rules.is_working(each) for each in between)
    assert rules.next_working(found) == found


def test_a_week_from_sunday_to_thursday(tmp_path: Path) -> None:
    rules = calendar(tmp_path, "working_days: [sunday, monday, tuesday, wednesday, thursday]")
    assert rules.next_working(dt.date(2026, 4, 3)) == dt.date(2026, 4, 5)


def test_dates_of_our_own_are_no_working_days(tmp_path: Path) -> None:
    rules = calendar(tmp_path, "holidays: [2026-12-24, 2026-12-25]")
    assert rules.next_working(dt.date(2026, 12, 24)) == dt.date(2026, 12, 28)


@pytest.mark.parametrize("now", ["2026-03-29T00:30", "2026-03-29T03:30", "2026-10-25T02:30"])
def test_the_hours_hold_on_the_days_when_the_clocks_change(now: str) -> None:
    local = dt.datetime.fromisoformat(now).replace(tzinfo=zone("Europe/Berlin"))
    assert Calendar().first_day(local) == local.date()


@pytest.mark.parametrize(
    ("quiet", "hour", "today"),
    [
        ("18:00-08:00", 7, True),  # early: later today
        ("18:00-08:00", 17, True),
        ("18:00-08:00", 18, False),  # over: tomorrow
        ("00:00-09:00", 23, True),  # its end is midnight
    ],
)
def test_after_hours_it_is_tomorrow(tmp_path: Path, quiet: str, hour: int, today: bool) -> None:
    now = dt.datetime(2026, 2, 28, hour, 30, tzinfo=dt.UTC)
    found = calendar(tmp_path, f'quiet: "{quiet}"').first_day(now)
    assert found == (now.date() if today else dt.date(2026, 3, 1))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("holidays: [Germany]", "is no date and no region such as DE or DE-BY"),
        ("working_days: []", "at least 1"),
        ("working_days: [mon]", "monday"),
        ('quiet: "8pm"', "pattern"),
        ("touches_per_day: 0", "greater than or equal to 1"),
        ("weekends: true", "not a known setting"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        calendar(tmp_path, text)


def test_a_year_of_holidays_is_refused(tmp_path: Path) -> None:
    days = [f"{dt.date(2026, 1, 1) + dt.timedelta(days=n)}" for n in range(365)]
    rules = calendar(tmp_path, f"holidays: [{', '.join(days)}]")
    with pytest.raises(ConfigError, match="no working day in 60 days"):
        rules.next_working(dt.date(2026, 3, 1))


def test_the_holidays_of_a_region() -> None:
    pytest.importorskip("holidays")
    rules = Calendar.model_validate({"holidays": ["DE-BY"]})
    assert not rules.is_working(dt.date(2026, 1, 6))  # Epiphany, in Bavaria
    assert Calendar.model_validate({"holidays": ["DE"]}).is_working(dt.date(2026, 1, 6))
    assert rules.next_working(dt.date(2026, 4, 3)) == dt.date(2026, 4, 7)  # Easter
    with pytest.raises(ConfigError, match="XX is no region whose holidays are known"):
        public_holidays("XX", 2026)


def test_without_the_package_a_region_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "holidays", None)
    calendar_rules.public_holidays.cache_clear()
    with pytest.raises(ConfigError, match=r"pip install 'crmctl\[holidays\]', or list the dates"):
        public_holidays("DE", 2026)


@pytest.mark.parametrize("name", ["", "nowhere", "../../etc/passwd", "Europe", "\0"])
def test_what_is_no_time_zone_is_none(name: str) -> None:
    assert zone(name) is None
