"""Files with tests of workflows: what is given, what changes from day to day, and what workflows must do then."""

# ruff: noqa: RUF012  pydantic copies the defaults of its models

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from crmctl.model.schema import FIELDS
from crmctl.workflow.measured import measure_of
from crmctl.workflow.syntax import ExpressionError, suggestion
from crmctl.workflow.vocabulary import OWN, USAGE, terms
from crmctl.workspace.measures import NAME as MEASURE
from crmctl.workspace.paths import is_slug
from crmctl.workspace.source_settings import Strict

FOLDER = "workflow-tests"
MAX_TESTS = 200
MAX_NIGHTS = 400
NOTHING = "nothing"
_PLURAL = {"contacts": "contact", "deals": "deal", "tasks": "task", "interactions": "interaction"}


def _name(text: str) -> str:
    if not is_slug(text):
        raise ValueError("is no folder or file name; use a-z, 0-9 and hyphens")
    return text


def _known(values: dict[str, Any]) -> dict[str, Any]:
    for name in values:
        _check_value(name)
    return values


def _check_value(name: str) -> None:
    from crmctl.workflow.expression import parse
    from crmctl.workflow.vocabulary import check

    if name in terms() or name.startswith((USAGE, OWN)):
        return
    if name.endswith(")"):
        try:
            check(parse(f"{name} >= 0"))
        except ExpressionError as error:
            raise ValueError(str(error)) from None
        return
    hint = suggestion(name, terms())
    raise ValueError(f"no condition knows a value {name}{hint}")


def _fields(kind: str) -> AfterValidator:
    def check(values: dict[str, Any]) -> dict[str, Any]:
        for name in values:
            if name not in FIELDS[kind] and name != "sources":
                hint = suggestion(name, FIELDS[kind])
                if hint:
                    raise ValueError(f"no {kind} has a field {name}{hint}")
        return values

    return AfterValidator(check)


def _measures(days: dict[dt.date, dict[str, Any]]) -> dict[dt.date, dict[str, Any]]:
    for rows in days.values():
        for name in rows:
            if not MEASURE.match(measure_of(name)):
                raise ValueError(f"{name} is no measure; write one such as usage.active_users")
    return days


Name = Annotated[str, AfterValidator(_name)]
Known = Annotated[dict[str, Any], AfterValidator(_known)]
Number = int | float | Decimal


def _date(value: object) -> object:
    """Keys are text in YAML."""
    return dt.date.fromisoformat(value) if isinstance(value, str) else value


DayKey = Annotated[dt.date, BeforeValidator(_date)]


class Account(Strict):
    """One account, or what changes in it; a field that is null is taken away."""

    profile: Annotated[
        dict[str, Any], _fields("account"), Field(description="fields of the profile")
    ] = {}
    contacts: Annotated[
        dict[Name, Annotated[dict[str, Any], _fields("contact")]],
        Field(description="people, by the names of their files"),
    ] = {}
    deals: Annotated[
        dict[Name, Annotated[dict[str, Any], _fields("deal")]],
        Field(description="deals, by the names of their files"),
    ] = {}
    tasks: Annotated[
        dict[Name, Annotated[dict[str, Any], _fields("task")]],
        Field(description="tasks, by the names of their files"),
    ] = {}
    interactions: Annotated[
        dict[Name, Annotated[dict[str, Any], _fields("interaction")]],
        Field(description="notes of calls and meetings, by the names of their files"),
    ] = {}
    traffic: Annotated[
        list[Annotated[dict[str, Any], _fields("event")]],
        Field(description="mail, chats and tickets, as in interactions/<year>.jsonl"),
    ] = []
    measures: Annotated[
        dict[DayKey, dict[str, Number]],
        AfterValidator(_measures),
        Field(description="numbers by day and measure"),
    ] = {}
    values: Annotated[
        Known,
        Field(
            description="what conditions see, whatever the records say; null is what nobody knows"
        ),
    ] = {}

    def on_top(self, other: Account) -> Account:
        """``other`` with this beneath it: fields, records, days and values by their names."""
        return Account(
            profile=self.profile | other.profile,
            contacts=self.contacts | other.contacts,
            deals=self.deals | other.deals,
            tasks=self.tasks | other.tasks,
            interactions=self.interactions | other.interactions,
            traffic=[*self.traffic, *other.traffic],
            measures=self.measures | other.measures,
            values=self.values | other.values,
        )

    @property
    def records(self) -> dict[str, Mapping[str, dict[str, Any]]]:
        """The records by folder."""
        return {folder: getattr(self, folder) for folder in _PLURAL}


class Given(Strict):
    """What there is before the first day."""

    config: Annotated[
        dict[str, Any], Field(description="settings instead of those of crmctl.yaml")
    ] = {}
    accounts: Annotated[dict[Name, Account], Field(description="accounts by folder")] = {}

    def on_top(self, other: Given) -> Given:
        """``other`` with this beneath it."""
        accounts = dict(self.accounts)
        for slug, account in other.accounts.items():
            accounts[slug] = accounts.get(slug, Account()).on_top(account)
        return Given(config=self.config | other.config, accounts=accounts)


class Task(Strict):
    """A task that an action makes; every part that is named must fit."""

    title: Annotated[str, Field(description="a part of its title")] = ""
    owner: Annotated[str, Field(description="whose it is")] = ""
    due: Annotated[dt.date | None, Field(description="when it is due")] = None
    priority: Annotated[str, Field(description="how urgent it is")] = ""


class Expected(Strict):
    """What a workflow does; without ``action``, all that it does for the account on the day."""

    account: Annotated[
        str, Field(description="its folder; may be left out where there is only one")
    ] = ""
    workflow: Annotated[str, Field(min_length=1, description="the workflow's name")]
    action: Annotated[str, Field(description="the step's name")] = ""
    state: Annotated[
        Literal["did", "waiting", "failed", "closed", "held"],
        Field(description="closed: an episode is over; held: a limit kept it from beginning"),
    ] = "did"
    text: Annotated[str, Field(description="a part of what it says it did")] = ""
    because: Annotated[str, Field(description="a part of the reason")] = ""
    to: Annotated[str | list[str], Field(description="who gets its message, or the target")] = []
    message: Annotated[str, Field(description="a part of the message's subject or text")] = ""
    task: Annotated[Task | None, Field(description="the task that it makes")] = None

    @property
    def people(self) -> set[str]:
        return {self.to} if isinstance(self.to, str) else set(self.to)


def _nothing(value: object) -> object:
    if isinstance(value, str):
        if value != NOTHING:
            raise ValueError(f"write a list of what is done, or {NOTHING}")
        return []
    return value


Expectation = Annotated[
    list[Expected],
    BeforeValidator(_nothing, json_schema_input_type=Literal["nothing"] | list[Expected]),
]


class Day(Strict):
    """A day, or with ``until`` every day up to then: what changes in the morning, and what workflows do at its end."""

    on: Annotated[dt.date, Field(description="the day")]
    until: Annotated[dt.date | None, Field(description="the last of several days")] = None
    add: Annotated[dict[Name, Account], Field(description="records that are new")] = {}
    set: Annotated[dict[Name, Account], Field(description="fields and values that change")] = {}
    expect: Annotated[
        Expectation | None, Field(description="what is done, all of it; or nothing")
    ] = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until is not None and not 0 <= (self.until - self.on).days < MAX_NIGHTS:
            raise ValueError(f"until lies behind `on`, at most {MAX_NIGHTS} days")
        return self


class Test(Strict):
    """One test: a day, or several in ``days``."""

    __test__ = False  # for pytest, whose tests are others

    name: Annotated[str, Field(min_length=1, max_length=200, description="what must be true")]
    workflow: Annotated[str, Field(description="only this workflow runs")] = ""
    given: Annotated[Given, Field(description="on top of what is given for all tests")] = Given()
    on: Annotated[dt.date | None, Field(description="the day, of a test with only one")] = None
    expect: Annotated[Expectation | None, Field(description="of a test with only one day")] = None
    days: Annotated[
        list[Day], Field(max_length=MAX_NIGHTS, description="one day after the other")
    ] = []

    @model_validator(mode="after")
    def _timed(self) -> Self:
        if bool(self.days) == (self.on is not None):
            raise ValueError("needs either on and expect, or days")
        if self.on is not None and self.expect is None:
            raise ValueError("expect is missing; write a list of actions, or nothing")
        if self.days and self.expect is not None:
            raise ValueError("each of the days has an expect of its own")
        ends = [(day.on, day.until or day.on) for day in self.days]
        if any(later[0] <= earlier[1] for earlier, later in pairwise(ends)):
            raise ValueError("the days are not in order")
        if sum((end - begin).days + 1 for begin, end in ends) > MAX_NIGHTS:
            raise ValueError(f"runs over more than {MAX_NIGHTS} days")
        if self.days and all(day.expect is None for day in self.days):
            raise ValueError("no day expects anything")
        return self

    @property
    def timeline(self) -> list[Day]:
        """The days in their order."""
        return self.days if self.on is None else [Day(on=self.on, expect=self.expect)]


class WorkflowTests(Strict):
    """The whole of a file in ``workflow-tests/``."""

    description: Annotated[str, Field(description="what the file is about")] = ""
    given: Annotated[Given, Field(description="what all tests of the file have")] = Given()
    tests: Annotated[list[Test], Field(min_length=1, max_length=MAX_TESTS, description="the tests")]
