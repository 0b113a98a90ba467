"""The screens about many accounts: a book, its history and its risk. The figures are those of `crmctl.render.book`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crmctl.model.numbers import money, odds
from crmctl.render.book import at_risk
from crmctl.render.dashboard import (
    NONE,
    STYLES,
    Cell,
    Glyphs,
    Line,
    Room,
    Section,
    bar,
    foretold,
    listed,
    moved,
    percent,
    screen,
    spark,
    sums,
    whole,
    words,
    worth,
)
from crmctl.render.dashboard_json import outlook

if TYPE_CHECKING:
    from crmctl.insight.forecast import Outlook
    from crmctl.render.book_row import Row
    from crmctl.render.site.frame import Frame

_NAME = 28  # of an account
_DRIVERS = 3
_HIGH = 7  # lines of a scatter
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def portfolio(
    found: Mapping[str, Any], frame: Frame, whose: str, limit: int, place: Room
) -> Iterator[Line]:
    """An owner's book on one screen; ``limit`` rows of a list, 0 for all."""
    customers, days, marks = found["customers"], frame.churn.horizon_days, place.marks
    title = f"{whose} {marks.dot} {frame.today} {marks.dot} {_many(len(customers), 'customer')}"
    if not customers and not found["wanting"]:
        yield from screen(title, [], [Section("", [], "no customers yet")], place)
        return
    head = [
        ("ARR", sums(found["totals"])),
        (
            "At risk",
            f"{sums(found['endangered_totals'])} {marks.dot} {_many(len(found['endangered']), 'customer')}",
        ),
        (
            f"Renews in {days} d",
            f"{sums(found['near_totals'])} {marks.dot} {_many(len(found['near']), 'renewal')}",
        ),
        ("Mean health", whole(found["mean"])),
    ]
    parts = [
        Section(
            "ARR by status",
            [
                [
                    Cell(words(one["name"]), STYLES[one["tone"]]),
                    Cell(str(one["count"]), right=True),
                    Cell(bar(one["share"], marks)),
                    Cell(sums(one["totals"])),
                ]
                for one in found["statuses"]
            ],
        ),
        listed(
            "Movers",
            [
                [
                    _name(one["row"]),
                    moved(one["points"], marks),
                    Cell(f"{one['direction']} within {one['days']} days"),
                    _status(one["row"], frame),
                ]
                for one in found["movers"]
            ],
            limit,
            "nobody moved beyond the noise"
            if found["judged"]
            else "too early to tell: `crmctl score` writes scores down",
        ),
        listed(
            "Renewals ahead",
            [
                [
                    _name(row),
                    Cell(row["renewal"]),
                    Cell(f"{_days(row['renewal'], frame.today)} d", right=True),
                    Cell(worth(row), right=True),
                    _status(row, frame),
                    Cell("at risk" if at_risk(row, frame) else ""),
                ]
                for row in found["renewals"]
            ],
            limit,
            "no renewal lies ahead",
        ),
        listed(
            "At-risk revenue",
            [
                [
                    _name(row),
                    _share(row, frame),
                    Cell(worth(row), right=True),
                    _status(row, frame),
                ]
                for row in found["endangered"]
            ],
            limit,
            "nobody is at risk",
            [row["why"] for row in found["endangered"]],
        ),
        listed(
            "Coverage gaps",
            [[_name(row), Cell(_gap(row))] for row in found["gaps"]],
            limit,
            "every buying role is known and nobody has gone silent",
        ),
        listed(
            "Next steps missing",
            [
                [
                    _name(one["row"]),
                    Cell(
                        f"due {one['step']['due']}" if one["step"]["state"] == "overdue" else "none"
                    ),
                    Cell(one["what"] or "the account"),
                    Cell(one["step"]["text"]),
                ]
                for one in found["wanting"]
            ],
            limit,
            "every customer and open deal has one",
        ),
    ]
    yield from screen(title, head, parts, place)


def risk(
    found: Mapping[str, Any], frame: Frame, whose: str, limit: int, place: Room
) -> Iterator[Line]:
    """What may be lost, what it would cost, what drives it, and what is done about it."""
    title = f"{whose} {place.marks.dot} what may be lost within {frame.churn.horizon_days} days of {frame.today}"
    known, marks = found["known"], place.marks
    shown = known[: limit or None]
    if not known and not found["unknown"]:
        yield from screen(title, [], [Section("", [], "no customers yet")], place)
        return
    loss = " + ".join(money(round(total), currency) for currency, total in found["expected"])
    head = [("Expected loss", f"{loss or NONE}")]
    bands = [
        [
            Cell(f"{words(one['name'])} risk", STYLES[one["tone"]]),
            Cell(str(one["count"]), right=True),
            Cell(bar(one["count"] / len(known) if known else None, marks)),
            Cell(sums(one["totals"])),
        ]
        for one in found["bands"]
    ]
    letters = dict(zip((row["slug"] for row in shown), _LETTERS, strict=False))
    rows = [
        [
            Cell(letters.get(row["slug"], "")),
            _name(row),
            _share(row, frame),
            Cell(bar(row["risk"]["share"], marks, 6)),
            Cell(worth(row), right=True),
            Cell(_plan(row["mitigation"]), _urgency(row, frame)),
        ]
        for row in known
    ]
    parts = [
        Section("By band", bands),
        listed(
            "Customers, what is done, what drives it",
            rows,
            limit,
            "no risk is known",
            [_drivers(row) for row in known],
        ),
        listed(
            "What drives it",
            [
                [
                    Cell(words(one["name"])),
                    Cell(bar(one["share"], marks)),
                    Cell(str(len(one["rows"])), right=True),
                    Cell(sums(one["totals"])),
                ]
                for one in found["drivers"]
            ],
            limit,
            "no sign of a loss is seen",
        ),
        Section(
            "What is done for those at risk",
            [
                [
                    Cell("no plan" if one["state"] == "none" else one["state"]),
                    Cell(str(one["count"]), right=True),
                    Cell(sums(one["totals"])),
                ]
                for one in found["plans"]
                if one["count"]
            ],
        ),
        listed(
            "Not known",
            [[_name(row), Cell(row["risk"]["reason"])] for row in found["unknown"]],
            limit,
            "",
        ),
    ]
    yield from screen(title, head, parts, place)
    for currency in dict.fromkeys(row["currency"] for row in shown if row["arr"] is not None):
        yield from _scatter(
            [r for r in shown if r["currency"] == currency and r["arr"] is not None],
            letters,
            currency,
            place.width,
        )


def trend(
    found: Mapping[str, Any], frame: Frame, whose: str, limit: int, place: Room
) -> Iterator[Line]:
    """The health of a book over time, where it is likely to go, and who rises and falls."""
    title = f"{whose} {place.marks.dot} health over time {place.marks.dot} {frame.today}"
    history, marks = found["history"], place.marks
    if not found["customers"]:
        yield from screen(title, [], [Section("", [], "no customers yet")], place)
        return
    wide = max(12, min(40, place.width // 4))
    lines = {"Mean": ([p["mean"] for p in history], "mean")}
    for currency in found["currencies"]:
        weighted = [point["weighted"][currency] for point in history]
        lines[f"By ARR, {currency}"] = weighted, f"weighted {currency}"
    told = _foretold(found["outlooks"])
    scores = [
        [
            Cell(name),
            Cell(whole(values[-1]) if values else NONE, right=True),
            Cell(spark(values, marks, wide)),
        ]
        for name, (values, _) in lines.items()
    ]
    first, last = history[0], history[-1]
    counts = [
        [
            Cell(words(name), STYLES[tone]),
            Cell(str(last["counts"][name]), right=True),
            Cell(spark([float(p["counts"][name]) for p in history], marks, wide)),
            Cell(f"{first['counts'][name]} on {first['day']}" if len(history) > 1 else ""),
        ]
        for name, tone in frame.status_tones.items()
    ]
    used = [
        [
            Cell(words(one["measure"].removeprefix("usage."))),
            Cell(whole(one["points"][-1][1]), right=True),
            Cell(spark([value for _, value in one["points"]], marks, wide)),
        ]
        for one in found["usage"]
    ]
    counted = [
        f"{one['accounts']}, without {one['later']} measured later" for one in found["usage"]
    ]
    parts = [
        Section(
            f"Health, since {first['day']}", scores, "", [told[key] for _, key in lines.values()]
        ),
        Section("Customers by status", counts),
        Section(
            f"Usage of {'; '.join(counted)}" if counted else "Usage",
            used,
            "nothing is measured",
            [told[f"usage {one['measure']}"] for one in found["usage"]],
        ),
        _moving("Falling", found["falling"], frame, limit, marks),
        _moving("Rising", found["rising"], frame, limit, marks),
    ]
    head = [("Customers", f"{found['customers']}, {last['known']} with a score")]
    yield from screen(title, head, parts, place)


def _foretold(outlooks: Mapping[str, Outlook]) -> dict[str, str]:
    """Each forecast in words; a reason for having none is given once."""
    found: dict[str, str] = {}
    for name, seen in outlooks.items():
        text = foretold(outlook(seen))
        found[name] = "" if seen.forecast is None and text in found.values() else text
    return found


def _moving(title: str, rows: Sequence[Row], frame: Frame, limit: int, marks: Glyphs) -> Section:
    cells = [
        [
            _name(row),
            moved(row["trend"][1], marks),
            Cell(spark([value for _, value in row["scores"]], marks)),
            _status(row, frame),
        ]
        for row in rows
    ]
    return listed(title, cells, limit, "nobody beyond the noise")


def _scatter(
    rows: Sequence[Row], letters: Mapping[str, str], currency: str, width: int
) -> Iterator[Line]:
    """Risk upwards against ARR to the right, a letter for each customer of the table; `*` where several meet."""
    if len(rows) < 2:
        return
    wide = min(width - 10, 60)
    top, most = max(row["risk"]["share"] for row in rows), max(float(row["arr"]) for row in rows)
    grid = [[" "] * wide for _ in range(_HIGH)]
    for row in rows:
        x = round(float(row["arr"]) / most * (wide - 1)) if most else 0
        y = round(row["risk"]["share"] / top * (_HIGH - 1)) if top else 0
        there = grid[_HIGH - 1 - y]
        there[x] = letters.get(row["slug"], "*") if there[x] == " " else "*"
    yield []
    yield [(f"Risk upwards, ARR to the right, in {currency}", "bold")]
    for place, line in enumerate(grid):
        side = percent(top) if place == 0 else "0 %" if place == _HIGH - 1 else ""
        yield [(f"  {side:>5} |", "bright_black"), ("".join(line), "bold")]
    right = money(round(most), currency)
    yield [(f"        +{'-' * wide}", "bright_black")]
    yield [(f"         0{right:>{wide - 1}}", "bright_black")]


def _plan(found: Mapping[str, Any]) -> str:
    """What is done about a loss: its state, who, by when."""
    state = "no plan" if found["state"] == "none" else found["state"]
    by = f"by {found['due']}" if found["due"] else ""
    return ", ".join(filter(None, (state, " ".join(filter(None, (found["who"], by))))))


def _urgency(row: Row, frame: Frame) -> str:
    if not at_risk(row, frame):
        return ""
    return {"none": "red", "overdue": "yellow"}.get(row["mitigation"]["state"], "")


def _drivers(row: Row) -> str:
    return "; ".join(
        f"{words(sign['name'])} ({sign['source'].removeprefix('accounts/')})"
        for sign in row["risk"]["drivers"][:_DRIVERS]
    )


def _gap(row: Row) -> str:
    more = len(row["gaps"]) - 1
    return f"{row['gaps'][0]} (+{more})" if more else str(row["gaps"][0])


def _name(row: Row) -> Cell:
    name = str(row["name"])
    return Cell(name if len(name) <= _NAME else f"{name[: _NAME - 1]}~")


def _status(row: Row, frame: Frame) -> Cell:
    known = f"{words(row['status'])} {whole(row['score'])}" if row["status"] else "no score"
    return Cell(known, STYLES[frame.status_tone(row["status"])])


def _share(row: Row, frame: Frame) -> Cell:
    if row["risk"] is None or row["risk"]["share"] is None:
        return Cell(NONE, right=True)
    tone = frame.risk_tone(row["risk"]["band"])
    return Cell(f"{odds(row['risk']['share'])} {words(row['risk']['band'])}", STYLES[tone])


def _days(day: str, today: dt.date) -> int:
    return (dt.date.fromisoformat(day) - today).days


def _many(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
