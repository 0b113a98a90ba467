"""map on the command line: the picture, the document, one person, a drawing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Crm

MAP = "accounts/acme/relationship-map.md"


@pytest.fixture
def acme(crm: Crm, workspace: Path) -> Path:
    """Ann talks with us, her boss does not."""
    crm("new", "Acme", "--no-tasks")
    crm("contact", "add", "acme", "Boss Okafor", "seniority=c_level", "influence=3")
    crm("contact", "add", "acme", "Ann Lee", "roles=champion,user", "reports_to=boss-okafor")
    talk = {"id": "mail:1", "at": "2026-11-10T10:00:00Z", "type": "email", "direction": "in",
            "with": ["ann-lee"], "by": "mira"}  # fmt: skip
    folder = workspace / "accounts/acme/interactions"
    folder.mkdir(exist_ok=True)
    (folder / "2026.jsonl").write_text(json.dumps(talk) + "\n")
    return workspace


def test_show_prints_the_picture_and_writes_nothing(crm: Crm, acme: Path) -> None:
    done = crm("map", "acme", "--show")
    assert (done.code, done.err) == (0, "")
    assert not (acme / MAP).exists()
    assert "\x1b" not in done.out
    assert max(map(len, done.out.splitlines())) <= 100
    head = done.out.splitlines()
    assert head[0] == "Acme on 2026-11-16"
    assert (
        "! single thread: only Ann Lee talks with us (interactions/2026.jsonl:1, 6 days ago)"
        in head
    )
    route = done.out[done.out.index("How to reach") :]
    words = "mira -> Ann Lee (1 conversation, last on 2026-11-10) -> Boss Okafor (Ann Lee reports"
    assert words in " ".join(route.split())


def test_the_document_and_the_picture_say_the_same(crm: Crm, acme: Path) -> None:
    done = crm("map", "acme")
    assert done.code == 0
    assert done.err == f"created {MAP}\n"
    assert done.out == crm("map", "acme", "--show").out
    text = (acme / MAP).read_text()
    assert (
        "**single thread: only Ann Lee talks with us** (interactions/2026.jsonl:1, 2026-11-10)"
        in text
    )
    assert "| mira | Ann Lee |" in text
    again = crm("map", "acme")
    assert again.err == "nothing to do\n"


def test_json_has_everything_with_its_lines(crm: Crm, acme: Path) -> None:
    page = json.loads(crm("map", "acme", "--json").out)
    assert page["paths"] == [MAP]
    assert page["text"] == (acme / MAP).read_text()
    people = {person["id"]: person for person in page["map"]["people"]}
    assert people["boss-okafor"]["strength"]["value"] == 0
    assert people["boss-okafor"]["support"]["value"] is None
    assert page["map"]["routes"][0]["text"].startswith("mira -> Ann Lee")
    assert page["map"]["pairs"][0]["source"] == "accounts/acme/interactions/2026.jsonl:1"
    shown = json.loads(crm("map", "acme", "--show", "--json").out)
    assert shown == {"account": "acme", "map": page["map"]}


def test_one_person_taken_apart(crm: Crm, acme: Path) -> None:
    done = crm("map", "acme", "--person", "ann")
    assert done.code == 0
    head, *rows = [line.split("\t") for line in done.out.splitlines()]
    assert head == ["Ann Lee"]
    strength = [row for row in rows if row[0] == "strength"]
    assert [row[1] for row in strength] == [
        "recency", "frequency", "two_way", "depth", "seniority", "=",
    ]  # fmt: skip
    assert strength[0][3:] == [
        "100.0",
        "30",
        "42.9",
        "last heard 6 days ago",
        "2026-11-10",
        "interactions/2026.jsonl:1",
    ]
    assert strength[2][3] == "?"
    adds = [float(row[5]) for row in strength[:-1] if row[5]]
    assert sum(adds) == pytest.approx(float(strength[-1][2]), abs=0.3)
    assert strength[-1][6] == "70 % known, a thread"
    boss = json.loads(crm("map", "acme", "--person", "boss", "--json").out)
    assert boss["person"]["thread"] is False
    assert boss["pairs"] == []
    assert [step["source"] for step in boss["routes"][0]["steps"]] == [
        "accounts/acme/interactions/2026.jsonl:1",
        "accounts/acme/contacts/ann-lee.md:12",
    ]
    assert not (acme / MAP).exists()


def test_a_drawing_goes_where_it_is_wanted(crm: Crm, acme: Path, tmp_path: Path) -> None:
    target = tmp_path / "acme.svg"
    assert crm("map", "acme", "--svg", str(target), "--dry-run").code == 0
    assert not target.exists()
    done = crm("map", "acme", "--svg", str(target))
    assert (done.code, done.out, done.err) == (0, "", f"wrote {target}\n")
    first = target.read_text(encoding="utf-8")
    assert first.startswith("<svg ")
    assert target.stat().st_mode & 0o077 == 0
    assert crm("map", "acme", "--svg", str(target)).code == 0
    assert crm("map", "acme", "--svg", "-").out == first
    assert not (acme / MAP).exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--svg", "x.svg", "--show"], "choose one of --person, --svg and --show"),
        (["--show", "--commit"], "--commit goes with the document"),
        (["--svg", "notes.md"], "notes.md: a drawing is an SVG file"),
        (["--svg", "no/such/folder/x.svg"], "no/such/folder/x.svg: cannot be written"),
        (["--person", "nobody"], "nobody"),
    ],
)
def test_what_makes_no_sense_is_refused(
    crm: Crm, acme: Path, arguments: list[str], says: str
) -> None:
    done = crm("map", "acme", *arguments)
    assert done.code in {1, 2}
    assert done.err.startswith("crmctl: ")
    assert says in done.err
    assert not (acme / MAP).exists()


def test_a_drawing_follows_no_link(crm: Crm, acme: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / "link.svg").symlink_to(precious)
    assert crm("map", "acme", "--svg", str(tmp_path / "link.svg")).code == 1
    assert precious.read_text() == "mine"


def test_a_workspace_from_before_the_numbers_uses_the_shipped(crm: Crm, acme: Path) -> None:
    now = crm("map", "acme", "--show").out
    weights = acme / "weights.yaml"
    text = weights.read_text()
    weights.write_text(text[: text.index("\nrelationships:\n")] + "\n")
    assert crm("map", "acme", "--show").out == now
