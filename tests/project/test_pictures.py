"""The pictures of the README: small, and with nothing in them from elsewhere or of the machine they were made on."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMAGES = sorted((ROOT / "docs" / "images").iterdir())


def test_there_are_pictures_of_the_site_and_the_terminal() -> None:
    names = {path.name for path in IMAGES}
    assert names == {"portfolio.png", "account.png", "metrics.png", "terminal.svg"}


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.name)
def test_a_picture_is_small_and_names_no_machine(path: Path) -> None:
    data = path.read_bytes()
    assert len(data) <= 150_000
    assert not re.search(rb"/(home|tmp|root|work|Users)/", data)
    if path.suffix == ".png":
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        # Words beside the picture, such as who made it where, would be in chunks of these kinds.
        assert not re.search(rb"(tEXt|iTXt|zTXt|eXIf)", data[:200])
        return
    assert not {e.tag.rpartition("}")[2] for e in ET.fromstring(data).iter()} & {
        "script",
        "image",
        "foreignObject",
    }
    outside = set(re.findall(rb"https?://[^\"'\s)]+", data)) - {b"http://www.w3.org/2000/svg"}
    assert outside == set()
    assert b"@font-face" not in data
