from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def reference(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("reference")


def test_the_pages_are_current(reference: ModuleType) -> None:
    for path, text in reference.pages().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is old: run `make docs`"


def test_each_command_ends_with_an_example_of_itself(reference: ModuleType) -> None:
    root = reference.tree()
    for name, command in reference.commands(root):
        last = reference.paragraphs(command)[-1]
        assert last.startswith("Example: "), f"{name}: the help does not end with an example"
        words = shlex.split(last.removeprefix("Example: "))
        assert " ".join(words).startswith(name), f"{name}: the example is of another command"
        depth = len(name.split())
        command.make_context(name, words[depth:])  # raises if it does not parse


def test_the_first_screen_shows_every_command_whole(reference: ModuleType) -> None:
    root = reference.tree()
    context = root.make_context("crmctl", [], resilient_parsing=True, terminal_width=80)
    lines = root.get_help(context).splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 80
    assert not any(line.rstrip().endswith("...") for line in lines[1:])
    words = {word.strip(",") for line in lines for word in line.split()}
    assert root.commands.keys() - words == set()
    assert not any(line.split()[:1] == ["other"] for line in lines), "a command has no section"


def test_every_command_says_in_one_short_sentence_what_it_does(reference: ModuleType) -> None:
    for name, command in reference.commands(reference.tree()):
        first = reference.paragraphs(command)[0]
        assert len(first) <= 70, f"{name}: {first}"
        assert first.endswith("."), name
