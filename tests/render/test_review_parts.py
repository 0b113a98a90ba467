"""What reviews are made of: outcomes of goals, the support record, risks over quarters, earlier tables."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from crmctl.render.quarter import Quarter
from crmctl.render.review_earlier import Earlier, same_name
from crmctl.render.review_goals import outcome
from crmctl.render.review_risks import carried, gone
from crmctl.render.review_support import gathered, satisfaction, support

TODAY = dt.date(2026, 11, 16)
Q4 = Quarter(2026, 4)


@pytest.mark.parametrize(
    ("numbers", "due", "pace", "words"),
    [
        ((10, 20, 20), None, None, "reached"),
        ((20, 10, 9), None, None, "reached"),
        ((10, 20, 15), None, 1.2, "on schedule: 50 % of the way"),
        ((10, 20, 12), None, 0.9, "behind schedule: 20 % of the way"),
        ((10, 20, 8), None, 0.0, "behind schedule: 0 % of the way"),
        ((10, 20, 12), None, None, "under way: 20 % of the way"),
        ((10, 20, 12), TODAY, 0.2, "missed: 20 % of the way"),
        ((10, 20, 20), TODAY, 1.0, "reached"),
        ((10, None, 12), None, None, "not measured"),
        ((10, 20, None), TODAY, None, "not measured"),
        ((None, 20, 12), None, None, "not judged: where it began is not known"),
        ((None, 20, 20), None, None, "reached"),
        ((20, 20, 20), None, None, "reached"),
        ((20, 20, 12), None, None, "not judged: the target is where it began"),
    ],
)
def test_what_became_of_a_goal(
    numbers: tuple[int | None, ...], due: dt.date | None, pace: float | None, words: str
) -> None:
    baseline, target, current = numbers
    goal = {"baseline": baseline, "target": target, "current": current, "due": due, "pace": pace}
    assert outcome(goal, TODAY) == words


def ticket(opened: str, answered: str = "", closed: str = "", **more: Any) -> dict[str, Any]:
    def time(text: str) -> dt.datetime | None:
        return dt.datetime.fromisoformat(f"{text}:00+00:00") if text else None

    found = {"at": time(opened), "first_response_at": time(answered), "closed_at": time(closed)}
    return found | {"open": not closed, "source": f"interactions/2026.jsonl:{opened[5:10]}"} | more


def test_the_support_record_of_a_quarter() -> None:
    tickets = [
        ticket("2026-11-01T10:00", "2026-11-01T11:00"),
        ticket("2026-10-05T10:00", "2026-10-05T14:00", "2026-10-07T10:00"),
        ticket("2026-09-20T10:00", "2026-09-22T10:00", "2026-10-10T10:00"),
        ticket("2026-07-01T10:00", open=None),
        ticket("2026-12-01T10:00"),
    ]
    found = support(tickets, Q4, TODAY, 2)
    numbers = {name: found["now"][name] for name in ("opened", "closed", "open", "answered")}
    assert numbers == {"opened": 2, "closed": 2, "open": 1, "answered": 2}
    assert (found["now"]["answer"], found["now"]["resolution"]) == ("2.5", "11.0")
    assert found["now"]["sources"] == [
        "interactions/2026.jsonl:10-05",
        "interactions/2026.jsonl:11-01",
    ]
    # At its end the quarter before still had the one open that was closed in October.
    before = found["before"]
    assert (before["opened"], before["open"], before["answer"]) == (2, 1, "48.0")
    assert before["resolution"] is None
    assert [t["state"] for t in found["tickets"]] == ["open", "closed"]
    assert (found["more"], found["ever"]) == (1, True)
    nothing = support([], Q4, TODAY, 2)
    assert (nothing["now"]["opened"], nothing["now"]["answer"], nothing["ever"]) == (0, None, False)


def test_surveys_of_a_quarter() -> None:
    def answer(day: str, score: int | None) -> dict[str, Any]:
        return {"at": dt.datetime.fromisoformat(f"{day}T09:00:00+00:00"), "score": score}

    answers = [
        answer("2026-11-17", 1),
        answer("2026-11-02", 9),
        answer("2026-10-01", 8),
        answer("2026-10-02", None),
        answer("2026-09-30", 3),
    ]
    found = satisfaction(answers, Q4, TODAY)
    assert (found["mean"], found["count"], found["before"]) == ("8.5", 2, "3.0")
    assert satisfaction([], Q4, TODAY)["mean"] is None


def test_sources_on_one_line() -> None:
    lines = [f"interactions/2026.jsonl:{number}" for number in range(1, 8)]
    assert gathered(lines) == "interactions/2026.jsonl:1, 2, 3, 4, 5 and 2 more"
    assert gathered(["a.md", "b.md:2", "b.md:3"]) == "a.md, b.md:2, 3"
    assert gathered([]) == ""


class _Past:
    """Pictures of past quarters that hold these risks."""

    def __init__(self, risks: dict[str, list[dict[str, Any]]]) -> None:
        self.risks = risks
        self.asked: list[Quarter] = []

    def at(self, quarter: Quarter) -> dict[str, Any]:
        self.asked.append(quarter)
        return {"risks": self.risks.get(quarter.slug, [])}


def risk(name: str, source: str = "profile.md:3", as_of: dt.date | None = None) -> dict[str, Any]:
    return {"name": name, "text": f"{name} now", "source": source, "as_of": as_of}


def test_since_when_a_risk_is_carried() -> None:
    old, new = risk("silent"), risk("usage_falls")
    past: Any = _Past(
        {
            "2026-q3": [risk("silent"), risk("few_threads")],
            "2026-q2": [risk("silent")],
            "2025-q4": [risk("silent")],
        }
    )
    found = carried([old, new], past, Q4, 8)
    assert [row["since"] for row in found] == ["2026-q2", ""]
    assert past.asked[-1] == Quarter(2026, 1)  # it did not hold then, so nobody looks further
    assert [row["name"] for row in gone([old, new], past, Q4)] == ["few_threads"]
    assert carried([old], past, Q4, 1)[0]["since"] == "2026-q3"


def test_of_people_each_is_a_risk_of_its_own() -> None:
    ann, bob = (risk("champion_silent", f"contacts/{name}.md:2") for name in ("ann", "bob"))
    past: Any = _Past({"2026-q3": [ann]})
    assert [row["since"] for row in carried([ann, bob], past, Q4, 8)] == ["2026-q3", ""]
    assert gone([bob], past, Q4) == [ann]


def test_a_gate_holds_since_its_day() -> None:
    past: Any = _Past({})
    late = risk("payment_overdue", as_of=dt.date(2026, 2, 3))
    fresh = risk("notice_given", as_of=dt.date(2026, 10, 20))
    assert [row["since"] for row in carried([late, fresh], past, Q4, 8)] == ["2026-q1", ""]


def test_tables_of_an_earlier_review() -> None:
    text = """| Goal | Target |
|---|:-:|
| A \\| B | 3 |
| | 4 |
Text
| What | By |
| --- | --- |
| Call | Monday | too much |
| Goal | Target |"""
    found = Earlier(Q4, "reviews/x.md", text.splitlines())
    assert [(row.cells, row.line) for row in found.rows("goal")] == [
        ({"goal": "A \\| B", "target": "3"}, 3)
    ]
    assert [row.get("what") for row in found.rows("What")] == ["Call", "Goal"]
    assert list(found.noted_after("risks")) == []


def test_names_are_the_same_as_typed_and_as_written_by_crmctl() -> None:
    assert same_name("Cost *per* run", "cost \\*per\\* run")
    assert same_name("Cost *per* run", "Cost *per* run")
    assert not same_name("Cost", "Costs")
