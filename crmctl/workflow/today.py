"""A rep's morning: what needs one owner today, over all of their accounts, the weightiest first.

It reads the index and what is remembered there, and loads nothing heavy as long as that is fresh.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from crmctl.model.errors import UsageError
from crmctl.workflow.today_talks import talks
from crmctl.workspace import catalog, glance, measures
from crmctl.workspace.paths import ACCOUNTS

if TYPE_CHECKING:
    from crmctl.workspace.glance import Settings
    from crmctl.workspace.index import Index
    from crmctl.workspace.workspace import Workspace

ALL = "all"
AHEAD = 90  # days in which a renewal is looked at
CADENCE = "cadence:"  # how the workflow of a cadence's task is called
WARM = ("customer", "churn_risk")
_COLUMNS = ("name", "stage", "owner", "arr", "currency", "renewal")
_PRIORITY = {"high": 0, "": 1, "normal": 1, "low": 2}
_DAY = dt.timedelta(days=1)
_HELD_DAYS = 400  # a score that was written down so long ago still holds
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Account:
    """What the ranking needs of one account. ``arr`` is a number for sorting, 0 where nobody states one."""

    slug: str
    name: str
    stage: str
    owner: str
    arr: float
    currency: str
    renewal: str
    problem: str


@dataclass(slots=True)
class Morning:
    """Everything for one owner (`ALL` for everybody). ``since`` is where news begin; sections are by name, ranked."""

    owner: str
    day: dt.date
    since: dt.date
    sections: dict[str, list[Row]] = field(default_factory=dict)


def morning(
    ws: Workspace, index: Index, owner: str, day: dt.date | None, me: Iterable[str]
) -> Morning:
    """What needs ``owner`` on a day, by default today where the team is.

    Without an owner it is whoever of the team one of the texts of ``me`` means; UsageError when that is nobody.
    """
    desk = _Desk(ws, index, owner, day, me)
    found = Morning(desk.owner, desk.day, desk.since)
    for name, rows in desk.sections():
        for row in rows:
            about = desk.accounts.get(row["account"])
            row["name"] = about.name if about else row["account"]
        found.sections[name] = rows
    return found


class _Desk:
    """One owner's accounts and work."""

    def __init__(
        self, ws: Workspace, index: Index, owner: str, day: dt.date | None, me: Iterable[str]
    ) -> None:
        self.ws, self.index = ws, index
        self.settings: Settings = glance.settings(ws, index)
        self.zone = ZoneInfo(self.settings.timezone)
        now = ws.now.astimezone(self.zone)
        self.day = day or now.date()
        # Another day is seen as it is at this time of that day.
        self.until = now if self.day == now.date() else dt.datetime.combine(self.day, now.timetz())
        self.every = {row[0]: _account(row) for row in index.profiles(_COLUMNS)}
        self.owner = self._who(owner, me)
        self.since = glance.worked_before(ws, index, self.day)
        self.accounts = self.every
        if self.owner != ALL:
            self.accounts = {s: a for s, a in self.every.items() if self._mine(a.owner)}

    def _who(self, owner: str, me: Iterable[str]) -> str:
        if owner == ALL or (not owner and not self.settings.team):
            return ALL
        names = ", ".join(person.id for person in self.settings.team)
        if owner:
            person = self.settings.person(owner)
            if person is None and owner not in {a.owner for a in self.every.values()}:
                there = f"; there are: {names}" if names else ""
                raise UsageError(f"--owner: nobody is called {owner!r}{there}, and all")
            return person.id if person else owner
        for text in me:
            person = self.settings.person(text) if text else None
            if person is not None:
                return person.id
        raise UsageError(f"who are you? crmctl.yaml knows {names}: say --owner, or --owner all")

    def _mine(self, owner: str) -> bool:
        if self.owner == ALL:
            return True
        person = self.settings.person(owner) if owner else None
        return (person.id if person else owner) == self.owner

    def _about(self, slug: str) -> Account:
        return self.every.get(slug) or Account(slug, slug, "", "", 0, "", "", "")

    def sections(self) -> Iterable[tuple[str, list[Row]]]:
        """Name and rows of each section, in the order of a morning."""
        yield "alerts", self._alerts()
        yield from self._talks()
        yield from self._tasks()
        yield "next_steps", self._next_steps()
        yield "renewals", self._renewals()
        yield "scores", self._scores()
        yield "to_fix", self._to_fix()

    def _alerts(self) -> list[Row]:
        paths = ["crmctl.yaml", "workflows.yaml"]
        for slug in self.accounts:
            paths += [f"{ACCOUNTS}/{slug}/episodes.jsonl"]

        def make() -> list[Row]:
            from crmctl.workflow.alerts import alerts
            from crmctl.workflow.definition import load_workflows

            workflows = load_workflows(self.ws.root).customer_workflows
            found, _ = alerts(self.ws, workflows, list(self.accounts))
            return [
                {
                    "account": alert.account,
                    "id": alert.id,
                    "kind": alert.kind,
                    "urgent": alert.urgent,
                    "workflow": alert.episode.workflow,
                    "opened": alert.episode.opened.isoformat(),
                    "because": alert.episode.because,
                }
                for alert in found
                if alert.waits
            ]

        # Until when one is put off is a matter of the day.
        key = (self.ws.today, sorted(self.accounts))
        rows: list[Row] = glance.remembered(self.index, "alerts", paths, key, make)
        return self._ranked(rows, lambda row, about: (not row["urgent"], -about.arr, row["opened"]))

    def _talks(self) -> Iterable[tuple[str, list[Row]]]:
        since = dt.datetime.combine(self.since, dt.time(), self.zone)
        waiting, news = talks(self.ws, self.index, self.accounts, since, self.until)
        for row in (*waiting, *news):
            row["local"] = row["at"].astimezone(self.zone).replace(tzinfo=None).isoformat()
            row["at"] = row["at"].astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
        yield (
            "unanswered",
            self._ranked(
                waiting, lambda row, about: (about.stage not in WARM, -row["hours"], -about.arr)
            ),
        )
        yield (
            "news",
            self._ranked(news, lambda row, about: (about.stage not in WARM, -about.arr, row["at"])),
        )

    def _tasks(self) -> Iterable[tuple[str, list[Row]]]:
        tasks: list[Row] = []
        steps: list[Row] = []
        for task in self._open("task", ("due", "due"), self.day):
            due = str(task["due"])
            row = {
                "account": task["account"],
                "id": task["id"],
                "title": str(task.get("title") or task["id"]),
                "due": due,
                "days": (self.day - dt.date.fromisoformat(due)).days,
                "priority": str(task.get("priority") or "normal"),
                "workflow": str(task.get("workflow") or ""),
                "path": task["path"],
            }
            (steps if row["workflow"].startswith(CADENCE) else tasks).append(row)

        def rank(row: Row, about: Account) -> tuple[object, ...]:
            return _PRIORITY.get(row["priority"], 1), -row["days"], -about.arr

        yield "tasks", self._ranked(tasks, rank)
        yield "cadences", self._ranked(steps, rank)

    def _next_steps(self) -> list[Row]:
        rows: list[Row] = []
        today = self.day.isoformat()
        for deal in self._open("deal", ("close", "next_step_due"), self.day - _DAY):
            row = {"account": deal["account"], "deal": deal["id"], "title": str(deal.get("name"))}
            row |= {"amount": deal.get("amount"), "currency": str(deal.get("currency") or "")}
            rows += self._passed(row | {"path": deal["path"]}, deal, today)
        for slug, profile in self.profiles.items():
            row = {"account": slug, "deal": None, "title": "", "amount": None, "currency": ""}
            row["path"] = f"{ACCOUNTS}/{slug}/profile.md"
            rows += self._passed(row, {**profile, "close": None}, today)
        return self._ranked(
            rows, lambda row, about: (-_number(row["amount"]), -about.arr, row["date"])
        )

    def _open(self, kind: str, dates: tuple[str, str], until: dt.date) -> Iterator[Row]:
        """The owner's open records of one kind of which one of the two ``dates`` has come by a day."""
        catalog.refresh(self.index, kind)
        rows = self.index.db.execute(
            "SELECT account, path, json FROM file WHERE kind = ? AND json IS NOT NULL"
            " AND coalesce(json_extract(json, '$.status'), 'open') = 'open'"
            " AND (json_extract(json, ?) <= ? OR json_extract(json, ?) <= ?) ORDER BY path",
            (kind, *(value for name in dates for value in (f"$.{name}", until.isoformat()))),
        )
        for account, path, text in rows:
            record = json.loads(text)
            if self._mine(str(record.get("owner") or "") or self._about(account).owner):
                place = {"account": account, "id": path.rsplit("/", 1)[1][:-3], "path": path}
                yield {**record, **place}

    def _passed(self, row: Row, record: Mapping[str, Any], today: str) -> Iterable[Row]:
        """A row for each date of a record that is past: its next step, its closing."""
        for name, what in (("next_step_due", "next step"), ("close", "close")):
            date = str(record.get(name) or "")
            if date and date < today:
                days = (self.day - dt.date.fromisoformat(date)).days
                step = str(record.get("next_step") or "") if what == "next step" else ""
                yield {**row, "what": what, "date": date, "days": days, "next_step": step}

    def _renewals(self) -> list[Row]:
        rows = []
        last = (self.day + dt.timedelta(days=AHEAD)).isoformat()
        for slug, about in self.accounts.items():
            if not self.day.isoformat() <= about.renewal <= last:
                continue
            profile, rows_of_scores = self.profiles.get(slug, {}), self._held(slug)
            rows.append(
                {
                    "account": slug,
                    "renewal": about.renewal,
                    "days": (dt.date.fromisoformat(about.renewal) - self.day).days,
                    "arr": profile.get("arr"),
                    "currency": about.currency or self.settings.currency,
                    "score": _at(rows_of_scores, self.day),
                    "auto_renew": profile.get("auto_renew"),
                    "notice_given": profile.get("notice_given"),
                }
            )
        # The next month's before the one after it, and in a month what is worth most.
        return self._ranked(rows, lambda row, about: (row["days"] // 30, -about.arr, row["days"]))

    def _scores(self) -> list[Row]:
        rows = []
        newest = measures.latest(self.index, "health.score")
        begin = (self.day - dt.timedelta(days=7)).isoformat()
        for slug in self.accounts:
            if slug not in newest or newest[slug][0] <= begin:
                continue
            held = self._held(slug)
            now, before = _at(held, self.day), _at(held, self.day - dt.timedelta(days=7))
            if now is None or before is None or now == before:
                continue
            yesterday = _at(held, self.day - dt.timedelta(days=1))
            rows.append(
                {
                    "account": slug,
                    "score": now,
                    "yesterday": yesterday,
                    "week_ago": before,
                    "moved": now - before,
                }
            )
        return self._ranked(
            rows, lambda row, about: (row["moved"] > 0, -abs(row["moved"]), -about.arr)
        )

    def _to_fix(self) -> list[Row]:
        rows = []
        for slug, about in self.accounts.items():
            path = f"{ACCOUNTS}/{slug}/profile.md"
            if about.problem:
                rows.append({"account": slug, "path": path, "field": "", "problem": about.problem})
                continue
            profile = self.profiles.get(slug, {})
            for name in self.settings.required.get(about.stage, ()):
                if profile.get(name) in (None, "", []):
                    problem = f"{name} is missing, and required in the stage {about.stage}"
                    rows.append({"account": slug, "path": path, "field": name, "problem": problem})
            if about.stage in WARM and about.renewal and about.renewal < self.day.isoformat():
                problem = f"renewal {about.renewal} is past"
                rows.append({"account": slug, "path": path, "field": "renewal", "problem": problem})
        return self._ranked(rows, lambda row, about: (bool(row["field"]), -about.arr))

    @cached_property
    def profiles(self) -> dict[str, dict[str, Any]]:
        """The values that hold in the profiles of these accounts, as JSON knows them."""
        rows = self.index.db.execute(
            "SELECT slug, json FROM document WHERE slug IN (SELECT value FROM json_each(?))",
            (json.dumps(list(self.accounts)),),
        )
        return {slug: json.loads(text) for slug, text in rows}

    def _held(self, slug: str) -> list[tuple[str, float]]:
        """The scores of an account that were written down, oldest first."""
        since = self.day - dt.timedelta(days=_HELD_DAYS)
        rows = measures.series(self.index, slug, since)
        return [(r.day.isoformat(), float(r.value)) for r in rows if r.measure == "health.score"]

    def _ranked(
        self, rows: list[Row], rank: Callable[[Row, Account], tuple[object, ...]]
    ) -> list[Row]:
        return sorted(
            rows, key=lambda row: (*rank(row, self._about(row["account"])), row["account"])
        )


def _account(row: tuple[Any, ...]) -> Account:
    slug, problem, name, stage, owner, arr, currency, renewal = row
    return Account(
        slug,
        str(name or slug),
        str(stage or ""),
        str(owner or ""),
        _number(arr),
        str(currency or ""),
        str(renewal or ""),
        str(problem or ""),
    )


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return 0.0


def _at(rows: list[tuple[str, float]], day: dt.date) -> float | None:
    """What held at the end of a day."""
    held = [value for date, value in rows if date <= day.isoformat()]
    return held[-1] if held else None
