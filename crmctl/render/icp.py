"""Fit with the ideal customer as rows for tables, and a calibration as rows and as a piece of weights.yaml."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crmctl.insight.icp_calibrate import SEPARATES
from crmctl.model.numbers import half_up

if TYPE_CHECKING:
    from crmctl.insight.icp_calibrate import Area, Calibrated, Chance, Rate
    from crmctl.insight.icp_suggest import Suggestion
    from crmctl.insight.icp_table import Detail, Row
    from crmctl.insight.icp_weights import IcpWeights
    from crmctl.insight.metrics_binary import Share

LIST = ("account", "label", "fit", "tier", "known", "range", "level", "engagement", "note")
READ_LIST = ("account", "label", "fit", "known", "range", "engagement", "note")
LINE = (
    *("kind", "name", "value", "normalised", "weight", "effective", "points"),
    *("since", "age", "source", "note"),
)
READ_LINE = ("kind", "name", "value", "normalised", "effective", "points", "note", "age", "source")
RATES = ("name", "deals", "won", "rate", "interval", "lift")
CRITERIA = ("criterion", "auc", "interval", "deals", "by_chance", "verdict")
VALUES = ("criterion", "value", "deals", "won", "rate", "interval", "lift")
STAGES = ("stage", "to", "left", "went_on", "rate", "interval", "waiting")
CHANCES = ("account", "deal", "probability", "tier", "known")


def shown(value: float | None, digits: int = 0) -> str:
    """A number rounded for showing; empty when there is none."""
    return "" if value is None else half_up(round(value, 9), digits)


def percent(share: float | None, digits: int = 1) -> str:
    """A share from 0 to 1 as a percentage; empty when there is none."""
    return "" if share is None else f"{shown(share * 100, digits)} %"


def _range(low: float, high: float) -> str:
    return f"{shown(low)}-{shown(high)}"


def note(row: Row) -> str:
    """Why there is no tier or a bad one, and what is unknown."""
    unknown = ", ".join(row.icp.unknown)
    parts = [row.icp.reason, f"unknown: {unknown}" if unknown else ""]
    return "; ".join(filter(None, parts))


def list_row(row: Row) -> dict[str, Any]:
    """One account of the list."""
    keen = row.engaged
    return {
        "account": row.account,
        "label": row.label,
        "fit": shown(row.icp.score),
        "tier": row.icp.tier or "",
        "known": percent(row.icp.coverage, 0),
        "range": _range(row.icp.low, row.icp.high),
        "level": (keen.level or "") if keen else "",
        "engagement": shown(keen.score) if keen else "",
        "note": note(row),
    }


def document(row: Row) -> dict[str, Any]:
    """One account as plain data."""
    keen = row.engaged
    return {
        "account": row.account,
        "name": row.name,
        "stage": row.stage,
        "owner": row.owner,
        "label": row.label,
        "disqualified": row.icp.disqualified,
        "unknown": row.icp.unknown,
        "fit": plain(row.icp),
        "engagement": None if keen is None else plain(keen),
    }


def plain(value: Any) -> Any:
    """Named tuples as maps, all the way down; a verdict is among what they say."""
    if hasattr(value, "_asdict"):
        page = {name: plain(item) for name, item in value._asdict().items()}
        return page | {"verdict": value.verdict} if hasattr(value, "verdict") else page
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def detail_document(detail: Detail, today: dt.date) -> dict[str, Any]:
    """As `document`, with the day since when each criterion's field has had its value, and its age in days."""
    page = document(detail.row)
    for line in [*page["fit"]["criteria"], *page["fit"]["checks"]]:
        day = detail.since.get(line["field"])
        line["since"] = day
        line["age"] = _age(day, today)
    page["questions"] = questions(detail.row)
    return page


def headline(row: Row) -> Iterator[str]:
    """Fit and engagement, one line each."""
    icp, keen = row.icp, row.engaged
    sure = f"{percent(icp.coverage, 0)} known, between {shown(icp.low)} and {shown(icp.high)}"
    if icp.score is None:
        what = f"no fit: {icp.reason}"
        yield f"{row.account}: {what}" + (" (disqualified)" if icp.disqualified else "")
    else:
        why = f": {icp.reason}" if icp.reason else ""
        yield f"{row.account}: fit {shown(icp.score)}, tier {icp.tier}{why} ({sure})"
    if keen is None:
        return
    if keen.score is None:
        yield f"engagement: not known: {keen.reason}"
    else:
        sure = (
            f"{percent(keen.coverage, 0)} known, between {shown(keen.low)} and {shown(keen.high)}"
        )
        yield f"engagement: {shown(keen.score)}, level {keen.level} ({sure})"


def _age(day: dt.date | None, today: dt.date) -> int | None:
    return None if day is None else max(0, (today - day).days)


def questions(row: Row) -> list[str]:
    """What to find out: of each unknown criterion, and of disqualifiers that could not be checked."""
    asked = {
        c.field: c.ask or f"What is their {c.field.replace('_', ' ')}?"
        for c in row.icp.criteria
        if c.normalised is None
    }
    for check in row.icp.checks:
        if check.state == "unknown":
            asked.setdefault(check.field, f"What is their {check.field.replace('_', ' ')}?")
    return list(asked.values())


def lines(detail: Detail, today: dt.date) -> Iterator[dict[str, Any]]:
    """Criteria and their sum, engagement and its sum, then disqualifiers."""
    icp, keen = detail.row.icp, detail.row.engaged
    for c in icp.criteria:
        yield _line("fit", c, c.value, c.note or ", ".join(c.buckets), detail.since.get(c.field), today)  # fmt: skip
    yield {"kind": "fit", "name": "= fit", "points": shown(icp.score, 2), "note": icp.tier or icp.reason}  # fmt: skip
    for check in icp.checks:
        day = detail.since.get(check.field)
        yield {
            "kind": "disqualifier",
            "name": check.field,
            "value": check.value,
            "since": day,
            "age": _age(day, today),
            "source": check.source,
            "note": f"{'not known' if check.state == 'unknown' else check.state}: {check.reason}",
        }
    if keen is None:
        return
    for i in keen.inputs:
        value = "" if i.value is None else f"{i.value:.4g}"
        yield _line("engagement", i, value, i.note, i.as_of, today)
    yield {
        "kind": "engagement",
        "name": "= engagement",
        "points": shown(keen.score, 2),
        "note": keen.reason or f"level {keen.level}",
    }


def _line(
    kind: str, of: Any, value: str, says: str, day: dt.date | None, today: dt.date
) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": of.name,
        "value": value,
        "normalised": shown(of.normalised, 1),
        "weight": shown(of.weight * 100, 1),
        "effective": shown(of.weight_effective * 100, 1),
        "points": shown(of.points, 2),
        "since": day,
        "age": _age(day, today),
        "source": of.source,
        "note": says if of.normalised is not None or says else "not known",
    }


# --- calibration


def summary(found: Calibrated) -> Iterator[str]:
    """What was looked at, in sentences; the first is the headline."""
    yield (
        f"{found.deals} deals of {found.accounts} accounts: {found.won.events} won, "
        f"{found.deals - found.won.events} lost" + _rate_of(found.won)
    )
    if found.left_out:
        yield "left out: " + ", ".join(f"{n} of {why}" if why != "deleted" else f"{n} {why}"
                                       for why, n in sorted(found.left_out.items()))  # fmt: skip
    if found.basis:
        states = ", ".join(f"{n} {WHEN[name]}" for name, n in sorted(found.basis.items()))
        yield f"profiles: {states}"
    late = found.basis.get("today", 0) + found.basis.get("oldest commit", 0)
    if late and not found.reason:
        yield (
            f"look out: for {late} of {found.deals} deals git holds no profile from before the deal ended, so the one "
            "used may say what was only learnt later: the figures below are then too good"
        )
    if found.coverage is not None and found.coverage.verdict == SEPARATES:
        yield (
            "look out: how much is known tells won from lost by itself: the files know more of those who bought, and a "
            "high fit may come of that"
        )
    if found.reason:
        yield found.reason


WHEN = {
    "opening": "as of the deal's opening",
    "close": "as of the deal's close",
    "oldest commit": "as first committed, after the deal ended",
    "today": "as of today",
}


def _rate_of(share: Share) -> str:
    return "" if share.rate is None else f" ({percent(share.rate)} won, {_ends(share)})"


def _ends(share: Share) -> str:
    if share.interval is None:
        return ""
    return f"{percent(share.interval.low)} to {percent(share.interval.high)}"


def rate_row(rate: Rate) -> dict[str, Any]:
    """A win rate."""
    return {
        "name": rate.name,
        "deals": rate.won.number,
        "won": rate.won.events,
        "rate": percent(rate.won.rate),
        "interval": _ends(rate.won),
        "lift": shown(rate.lift, 2),
    }


def area_row(name: str, area: Area) -> dict[str, Any]:
    """An AUC."""
    return {
        "criterion": name,
        "auc": shown(area.auc, 3),
        "interval": f"{shown(area.interval.low, 3)} to {shown(area.interval.high, 3)}"
        if area.interval
        else "",
        "deals": area.deals,
        "verdict": area.verdict,
    }


def areas(found: Calibrated) -> list[dict[str, Any]]:
    """The AUC of the fit, of each criterion, of what is known, and of the frequencies."""
    rows = [area_row("= fit", found.fit)] if found.fit else []
    rows += [
        area_row(trial.name, trial.area)
        | {"by_chance": _chance(trial.by_chance), "verdict": trial.verdict}
        for trial in found.criteria
    ]
    if found.coverage:
        rows.append(area_row("= share known", found.coverage))
    if found.foretelling:
        rows.append(area_row("= frequencies", found.foretelling.area))
    return rows


def _chance(share: float | None) -> str:
    return "" if share is None else "below 1 %" if share < 0.01 else percent(share, 0)


def values(found: Calibrated) -> list[dict[str, Any]]:
    """The win rate of each value of each criterion."""
    return [
        {"criterion": trial.name, "value": rate.name, **rate_row(rate)}
        for trial in found.criteria
        for rate in trial.buckets
    ]


def stages(found: Calibrated) -> list[dict[str, Any]]:
    """How many deals went on from each stage."""
    rows = [
        {
            "stage": step.stage,
            "to": step.to,
            "left": step.went_on.number,
            "went_on": step.went_on.events,
            "rate": percent(step.went_on.rate),
            "interval": _ends(step.went_on),
            "waiting": step.waiting,
        }
        for step in found.funnel.conversions
    ]
    overall = found.funnel.overall
    end = {"stage": "= all", "to": "won", "left": overall.number, "went_on": overall.events}
    return [*rows, end | {"rate": percent(overall.rate), "interval": _ends(overall)}]


def chance_row(chance: Chance) -> dict[str, Any]:
    """An open deal."""
    return {
        "account": chance.account,
        "deal": chance.deal,
        "probability": percent(chance.probability),
        "tier": chance.tier,
        "known": "; ".join(chance.known) or "nothing: the overall rate",
    }


def fragment(suggested: Sequence[Suggestion], weights: IcpWeights) -> str:
    """The suggested points as a piece of weights.yaml to think about and copy; empty without any."""
    if not suggested:
        return ""
    by_criterion: dict[str, dict[str, Suggestion]] = {}
    for each in suggested:
        by_criterion.setdefault(each.criterion, {})[each.key] = each
    found = ["icp:", "  criteria:"]
    for name, changes in by_criterion.items():
        criterion = weights.criteria[name]
        found.append(f"    {_key(name)}:")
        if criterion.values is not None:
            found.append("      values:")
            for value, points in criterion.values.items():
                found.append(f"        {_key(value)}: {_with(points, changes.get(value))}")
        elif "points" in changes:
            found.append(f"      points: {_with(criterion.points, changes['points'])}")
        if "otherwise" in changes:
            found.append(f"      otherwise: {_with(criterion.otherwise, changes['otherwise'])}")
    return "\n".join(found) + "\n"


def _key(name: str) -> str:
    import json

    plain_words = name.replace(" ", "").replace("_", "").replace("-", "")
    ends = name[:1].isalpha() and name[-1:].isalpha()
    safe = ends and plain_words.isalpha() and name.casefold() not in _WORDS
    return name if safe else json.dumps(name, ensure_ascii=False)


# What YAML takes for something else than text.
_WORDS = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})


def _with(points: float | None, change: Suggestion | None) -> str:
    if change is None:
        return shown(points)
    share = change.won
    return (
        f"{shown(change.points)}  # {shown(change.now)} now; {share.events} of {share.number} won"
    )
