"""Values that packages bring: checked like all others, and never trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from typing import Any

import pytest

from crmctl.model.errors import ConfigError
from crmctl.workflow import engine, installed
from crmctl.workflow.definition import load_workflows
from crmctl.workflow.installed import Value

from .conftest import World

Installer = Callable[..., None]


class Point:
    """An entry point of a package."""

    def __init__(self, value: object) -> None:
        self.value = "acme_pack:thing"
        self._value = value

    def load(self) -> object:
        return self._value


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Installer]:
    def installer(*values: object) -> None:
        def points(*, group: str) -> list[Point]:
            return [Point(value) for value in values] if group == "crmctl.values" else []

        monkeypatch.setattr(metadata, "entry_points", points)
        installed._installed.cache_clear()

    yield installer
    installed._installed.cache_clear()


def tier(of: Callable[[Mapping[str, Any]], object], kind: str = "number") -> Value:
    return Value("acme.tier", kind, "how big they are", of)


def seats(data: Mapping[str, Any]) -> object:
    return data["profile"].get("seats")


@pytest.fixture
def acme(world: World) -> World:
    world.account("acme", owner="ana", seats=40)
    world.account("blank", owner="ana")
    world.contact("acme", "jane-doe", roles=["champion"])
    return world


def trigger(world: World, condition: str) -> None:
    world.write(
        "workflows.yaml",
        f"customer_workflows:\n  one: {{trigger: '{condition}', actions: [notify_account_manager]}}\n",
    )


def test_a_condition_may_name_it(acme: World, install: Installer) -> None:
    install(tier(seats))
    trigger(acme, "acme.tier >= 40")
    plan = engine.plan(acme.ws)
    assert [(step.account, step.because) for step in plan.steps] == [
        ("acme", "acme.tier >= 40: acme.tier is 40")
    ]


def test_it_sees_plain_copies_and_nothing_else(acme: World, install: Installer) -> None:
    def greedy(data: Mapping[str, Any]) -> object:
        assert sorted(data) == ["contacts", "deals", "profile", "slug", "tasks", "today"]
        assert [c["id"] for c in data["contacts"]] == (
            ["jane-doe"] if data["slug"] == "acme" else []
        )
        data["profile"].clear()
        return 1

    install(tier(greedy))
    trigger(acme, "acme.tier == 1 and stage == customer")
    assert {step.account for step in engine.plan(acme.ws).steps} == {"acme", "blank"}


def test_one_that_fails_or_lies_stops_that_account_and_is_named(
    acme: World, install: Installer
) -> None:
    def broken(data: Mapping[str, Any]) -> object:
        if data["slug"] == "acme":
            raise RuntimeError("no network")
        return "big"

    install(tier(broken))
    trigger(acme, "acme.tier == 1")
    plan = engine.plan(acme.ws)
    assert plan.steps == []
    said = sorted(str(problem) for problem in plan.problems)
    assert "acme.tier of an installed package failed: RuntimeError: no network" in said[0]
    assert "gave 'big', which is no number" in said[1]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "1", [1]])
def test_a_number_is_a_finite_number(acme: World, install: Installer, value: object) -> None:
    install(tier(lambda _data: value))
    trigger(acme, "acme.tier > 0")
    assert len(engine.plan(acme.ws).problems) == 2


def test_its_kind_decides_what_it_can_be_compared_with(acme: World, install: Installer) -> None:
    install(tier(seats, "text"))
    trigger(acme, "acme.tier > 3")
    with pytest.raises(ConfigError, match=r"acme\.tier"):
        load_workflows(acme.root)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["no value"], "is no crmctl.workflow.installed.Value"),
        ([Value("tier", "number", "", seats)], "no name such as"),
        ([Value("health.score", "number", "", seats)], "no name such as"),
        ([Value("acme.tier", "complex", "", seats)], "is none of"),
        ([tier(seats), tier(seats)], "two packages"),
    ],
)
def test_a_package_that_brings_nonsense_is_named(
    acme: World, install: Installer, values: list[object], words: str
) -> None:
    install(*values)
    trigger(acme, "acme.tier >= 40")
    with pytest.raises(ConfigError, match=words):
        load_workflows(acme.root)


def test_without_the_package_the_name_is_unknown(acme: World, install: Installer) -> None:
    install()
    trigger(acme, "acme.tier >= 40")
    with pytest.raises(ConfigError, match=r"nothing is called acme\.tier"):
        load_workflows(acme.root)
