"""The rooms of the code: arrows point down only, and each choke point is the only way through."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "crmctl"
ROOMS = (
    "model",
    "workspace",
    "sources",
    "insight",
    "sync",
    "privacy",
    "workflow",
    "render",
    "cli",
)
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 400


@cache
def imported(path: Path) -> frozenset[str]:
    return frozenset(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            if node.module == "crmctl":
                yield from (f"crmctl.{alias.name}" for alias in node.names)


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "crmctl" and parts[1] in ROOMS else ""


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_point_down(path: Path) -> None:
    place = path.relative_to(PACKAGE).parts
    if len(place) < 2:
        return
    above = set(ROOMS[ROOMS.index(place[0]) + 1 :])
    assert not {m for m in imported(path) if room(m) in above}


@pytest.mark.parametrize(
    ("library", "home"),
    [
        ("yaml", {"workspace/yamlio.py"}),
        ("yaml_rs", {"workspace/yamlfast.py"}),
        ("subprocess", {"workspace/git.py", "workspace/crontab.py", "cli/editor.py"}),
        ("frontmatter", set()),
        ("jinja2", {"workspace/templates.py", "render/site/environment.py"}),
        ("pygal", {"render/site/charts.py", "render/site/charts_line.py"}),
    ],
)
def test_a_choke_point_is_the_only_way_through(library: str, home: set[str]) -> None:
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        if any(name == library or name.startswith(f"{library}.") for name in imported(path))
    }
    assert users <= home


def test_no_module_outgrows_one_reading() -> None:
    long = {
        path.relative_to(PACKAGE).as_posix(): lines
        for path in MODULES
        if (lines := path.read_text(encoding="utf-8").count("\n")) > LONGEST
    }
    assert long == {}
