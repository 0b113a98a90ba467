"""The relationship map as a picture of text and as a drawing."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from crmctl.insight.citing import Lines
from crmctl.insight.text_rules import TextRules, load_rules
from crmctl.insight.weights import Weights, load_weights
from crmctl.model.record import Account, Ranking, Record
from crmctl.render.account import Seen
from crmctl.render.map_document import map_context
from crmctl.render.map_svg import drawing
from crmctl.render.map_terminal import picture
from crmctl.render.map_view import View, view, view_of
from crmctl.render.terminal import Output
from crmctl.workspace.workspace import Workspace

Write = Callable[[str, str], None]
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = st.text(
    st.one_of(
        st.sampled_from("<>&\"']\x00\x1b\n\t\u202e\ufffe\uffff\u2028日本é🙂%;/"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=60,
)


def text_of(found: View, width: int = 100) -> str:
    return "\n".join("".join(words for words, _ in line).rstrip() for line in picture(found, width))


def contact(write: Write, slug: str, id: str, **fields: object) -> None:
    lines = "".join(f"{name}: {json.dumps(value)}\n" for name, value in fields.items())
    write(f"accounts/{slug}/contacts/{id}.md", f"---\n{lines}---\n")


def account(write: Write, slug: str) -> None:
    write(f"accounts/{slug}/profile.md", f"---\nname: {slug.title()}\nstage: customer\n---\n")


def crowd(write: Write, slug: str, number: int) -> None:
    account(write, slug)
    for n in range(number):
        boss = {"reports_to": f"p{(n - 1) // 4}"} if n else {}
        contact(write, slug, f"p{n}", name=f"Person {n}", influence=n % 4, roles=["user"], **boss)
    rows = [
        {"id": f"mail:{n}", "at": "2026-11-01T10:00:00Z", "type": "email", "direction": "in",
         "with": [f"p{n}"], "by": f"us{n % 9}"}
        for n in range(0, number, 7)
    ]  # fmt: skip
    write(f"accounts/{slug}/interactions/2026.jsonl", "".join(json.dumps(r) + "\n" for r in rows))


# --- in the terminal


def test_the_grid_holds_everybody_where_they_stand(samples: Workspace) -> None:
    found = text_of(view(samples, "tamarack-rail"))
    grid = found[found.index("Power and support") : found.index("Who reports")]
    head = grid.splitlines()[1]
    columns = [head.index(word) for word in ("- against", "o open", "+ for")]
    rows = {line[:8].strip(): line for line in grid.splitlines() if line[:8].strip()}
    assert rows["high"].index("Dale Hutchins 0") == columns[0]
    assert rows["high"].index("Joanne Lindgren 78") == columns[1]
    assert rows["middle"].index("Ray Two Hearts 76") == columns[2]
    assert "Walt" not in grid
    assert "Walt Sorensen left on 2026-03-31 (contacts/walt-sorensen.md:9)" in found


def test_every_sentence_of_an_alert_names_file_and_line(samples: Workspace) -> None:
    for slug in ("calder-facilities", "tamarack-rail", "redstart-schoonmaak"):
        found = view(samples, slug)
        assert found.map.alerts
        for alert in found.map.alerts:
            assert re.search(r"\.(md|jsonl):[0-9]+$", found.cite(alert.source)), alert


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(ws: Workspace, write: Write, width: int) -> None:
    crowd(write, "crowd", 40)
    contact(write, "crowd", "wide", name="日本" * 40, title="Leiterin " * 30, reports_to="p0")
    for slug in ("crowd", "tamarack-rail", "aurelia-buehnen"):
        for line in picture(view(ws, slug), width):
            assert cell_len("".join(words for words, _ in line)) <= width


def test_colour_adds_nothing_to_what_stands_there(samples: Workspace, tmp_path: Path) -> None:
    found = view(samples, "tamarack-rail")
    shown = []
    for mode in ("never", "always"):
        with (tmp_path / mode).open("w+", encoding="utf-8") as file:
            Output(color=mode, out=file).drawing(picture(found, 80))
            file.seek(0)
            shown.append(file.read())
    assert "\x1b[" not in shown[0]
    assert "\x1b[31m" in shown[1]
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown[1])
    assert [line.rstrip() for line in plain.splitlines()] == shown[0].splitlines()


def test_an_account_of_nobody(samples: Workspace) -> None:
    found = view(samples, "glasswing-hotels")
    assert text_of(found).splitlines()[1:] == ["Nobody is recorded yet."]
    assert map_context(found)["graph"] == ["nobody[Nobody is recorded yet]"]


def test_two_hundred_people_stay_readable(ws: Workspace, write: Write) -> None:
    crowd(write, "crowd", 200)
    found = view(ws, "crowd")
    shown = text_of(found, 80).splitlines()
    assert len(shown) < 320
    assert "and 140 more" in shown
    assert "Unknown" not in shown[0]
    # Nine of us do not fit side by side: the matrix goes on below.
    assert sum("us0" in line for line in shown) >= 1
    assert sum("us8" in line for line in shown) >= 1


def test_a_circle_of_bosses_and_no_conversation(ws: Workspace, write: Write) -> None:
    account(write, "ring")
    for id, boss in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "d")):
        contact(write, "ring", id, name=id.upper(), reports_to=boss)
    found = view(ws, "ring")
    shown = text_of(found)
    assert "threads unknown of 4 people" in shown
    tree = shown[shown.index("Who reports to whom") : shown.index("Do we have")]
    assert sorted(re.findall(r"\b[ABCD]\b", tree)) == ["A", "B", "C", "D"]
    assert len(ET.fromstring(drawing(found)).findall(f"{SVG}circle")) == 4


# --- as a drawing


def drawn(found: View) -> ET.Element:
    root = ET.fromstring(drawing(found))
    for element in root.iter():
        name = element.tag.removeprefix(SVG)
        assert name in {"svg", "title", "style", "text", "rect", "path", "circle", "g"}
        assert not [a for a in element.attrib if a.startswith("on") or "href" in a]
    return root


def test_the_drawing_holds_everybody_and_stays_inside_its_frame(
    ws: Workspace, write: Write
) -> None:
    crowd(write, "crowd", 60)
    for slug in ("tamarack-rail", "glasswing-hotels", "crowd"):
        root = drawn(view(ws, slug))
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        for rect in root.iter(f"{SVG}rect"):
            x, y, w, h = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
            assert 0 <= x <= x + w <= width
            assert 0 <= y <= y + h <= height
        for words in root.iter(f"{SVG}text"):
            assert 0 <= float(words.attrib["y"]) <= height
    texts = [e.text or "" for e in drawn(view(ws, "tamarack-rail")).iter(f"{SVG}text")]
    assert {"Dale Hutchins", "Joanne Lindgren", "Ray Two Hearts"} <= set(texts)
    assert not any("Walt" in text for text in texts)


def test_the_drawing_follows_the_readers_light_or_dark(samples: Workspace) -> None:
    shown = drawing(view(samples, "tamarack-rail"))
    assert "@media (prefers-color-scheme: dark)" in shown
    assert "<script" not in shown
    assert "http" not in shown.replace("http://www.w3.org/2000/svg", "")


@cache
def _settings(root: Path) -> tuple[Weights, TextRules]:
    return load_weights(root), load_rules(root)


def imagined(root: Path, contacts: dict[str, dict[str, Any]]) -> View:
    """The map of an account that lies in no file."""
    records = {
        id: Record("contact", "odd", id, f"accounts/odd/contacts/{id}.md", own, {}, "", Ranking())
        for id, own in contacts.items()
    }
    path = "accounts/odd/profile.md"
    profile = Record("account", "odd", "odd", path, {"name": "Odd"}, {}, "", Ranking())
    seen = Seen(Account(profile, records), [], *_settings(root), Lines(root, "odd"))
    return view_of(seen, dt.date(2026, 11, 16), [])


@given(name=HOSTILE, title=HOSTILE)
def test_any_name_is_text_in_both_pictures(samples: Workspace, name: str, title: str) -> None:
    first = {"name": name, "title": title, "reports_to": "b", "roles": ["champion"]}
    found = imagined(samples.root, {"a": first, "b": {"name": "B"}})
    root = drawn(found)
    assert len(root.findall(f"{SVG}circle")) == 2
    for line in picture(found, 80):
        words = "".join(part for part, _ in line)
        assert cell_len(words) <= 80
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2028]", words)
