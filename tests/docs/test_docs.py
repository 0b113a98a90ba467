from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
CODE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(crmctl [^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CALL = re.compile(r"(?:^\s*(?:\$ )?|[;|&] |run: |entry: )(crmctl (?!=).*)", re.MULTILINE)
# Where a command line ends for the shell, and what a reader is to fill in.
SHELL_ENDS = re.compile(r"\s(\||&&|>|;|#|\\$).*|[;&]\s.*")
PLACEHOLDERS = {"COMMAND", "…", "..."}


def page_ids(path: Path) -> str:
    return path.name


def command_lines(text: str) -> Iterator[str]:
    """Every line that calls crmctl, in code blocks and in the text."""
    for language, block in CODE.findall(text):
        if language in {"sh", "console", "yaml"}:
            yield from CALL.findall(block)
    yield from INLINE.findall(CODE.sub("", text))


@pytest.fixture(scope="module")
def tree(script: Callable[[str], ModuleType]) -> Any:
    return script("reference").tree()


def wrong(tree: Any, line: str) -> str:
    """What is not there of a command line; empty if all of it is."""
    words = iter(shlex.split(SHELL_ENDS.sub("", line))[1:])
    known, command = dict(_options(tree)), tree
    for word in words:
        name, equals, _ = word.partition("=")
        if word.startswith("-") and word != "-":
            if name not in known:
                return f"there is no option {name}"
            if known[name] and not equals:
                next(words, None)
        elif hasattr(command, "commands") and word not in PLACEHOLDERS:
            command = command.commands.get(word)
            if command is None:
                return f"there is no command {word}"
            known |= dict(_options(command))
    return ""


def _options(command: Any) -> Iterator[tuple[str, bool]]:
    """The options of a command, and whether a value follows."""
    yield from (("--help", False), ("-h", False))
    for parameter in command.params:
        for name in (*parameter.opts, *parameter.secondary_opts):
            yield name, not getattr(parameter, "is_flag", False)


@pytest.mark.parametrize("page", PAGES, ids=page_ids)
def test_every_command_line_is_one_that_exists(page: Path, tree: Any) -> None:
    lines = list(command_lines(page.read_text(encoding="utf-8")))
    found = {line: wrong(tree, line) for line in lines}
    assert {line: what for line, what in found.items() if what} == {}


def test_a_wrong_command_line_would_be_seen(tree: Any) -> None:
    assert wrong(tree, "crmctl list --sort -arr 'arr>3' | head") == ""
    assert wrong(tree, "crmctl frobnicate") == "there is no command frobnicate"
    assert wrong(tree, "crmctl task add acme x --until friday") == "there is no option --until"
    assert list(command_lines("```sh\n# so\ncrmctl list\n```\nor `crmctl show acme`")) == [
        "crmctl list",
        "crmctl show acme",
    ]


@pytest.mark.parametrize("page", PAGES, ids=page_ids)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        if "://" not in target and not target.startswith("#"):
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_every_page_can_be_found_from_the_readme() -> None:
    linked = set(LINK.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= linked


def test_the_privacy_page_says_who_can_read() -> None:
    page = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    assert "Everyone with a clone can read everything." in page


def test_the_worked_example_is_right() -> None:
    from crmctl.insight.curves import normalised
    from crmctl.insight.weights import load_weights

    usage = load_weights(ROOT).health.factors["usage"]
    spec = usage.inputs["active_share"]
    points = normalised(131 / 240, spec.curve)
    assert f"{points:.1f}" == "66.1"
    assert f"{points * spec.weight / 100 * usage.weight / 100:.2f}" == "7.93"
