from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if "```console\n" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_the_sessions_print_what_the_page_shows(
    page: Path, script: Callable[[str], ModuleType]
) -> None:
    text = page.read_text(encoding="utf-8")
    assert script("sessions").refreshed(text) == text, f"{page.name} is old: run `make docs`"
