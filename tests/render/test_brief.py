"""The brief: what is worth knowing before a call, on one sheet, out of one account's folder."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crmctl.render import brief
from crmctl.render.paper import Paper, page
from crmctl.workspace import files, store
from crmctl.workspace.workspace import Workspace

Write = Callable[[str, str], None]
Golden = Callable[[str, str], None]
ROOT = Path(__file__).resolve().parents[2]


def told(ws: Workspace, slug: str) -> str:
    return brief.shown(brief.written(ws, brief.context(ws, slug)))


def section(text: str, title: str) -> str:
    return text[text.index(f"## {title}") :].partition("\n## ")[0]


def sheets(ws: Workspace, slug: str, size: str) -> int:
    paper_pdf = pytest.importorskip("crmctl.render.paper_pdf")
    pytest.importorskip("weasyprint")
    found = brief.context(ws, slug)
    about = Paper(found["name"], "Rostrum", ws.today, dense=True)
    return len(paper_pdf.laid_out(page(brief.written(ws, found), about, size)).pages)


@pytest.mark.parametrize("slug", ["tamarack-rail", "glasswing-hotels"])
def test_the_brief_of_a_sample_account(samples: Workspace, golden: Golden, slug: str) -> None:
    golden(f"brief-{slug}.md", told(samples, slug))


@pytest.mark.parametrize("slug", store.slugs(ROOT))
def test_every_sample_account_fits_one_sheet(samples: Workspace, slug: str) -> None:
    assert sheets(samples, slug, "a4") == 1


def test_every_line_of_it_names_its_place(samples: Workspace) -> None:
    for slug in ("harbour-lane-logistics", "tamarack-rail", "calder-facilities"):
        for line in told(samples, slug).splitlines():
            if re.match(r"- |\d\. |Then ", line):
                assert re.search(r"\([^()]*\.(md|jsonl|csv)(:\d+)?(; [^()]*)?\)", line), line


def stuffed(ws: Workspace, write: Write) -> str:
    """An account with more of everything than a sheet holds, in long words."""
    home = "accounts/vega-solar"
    long = "Very Long Words About Nothing In Particular " * 6
    for number in range(30):
        person = f"name: Person {number} {long[:90]}\ntitle: {long[:80]}\nroles: [champion]\n"
        write(f"{home}/contacts/person-{number:02}.md", f"---\n{person}---\n")
        task = f"title: {number} Promise {long[number:]}\ndue: 2026-11-17\nstatus: open\n"
        write(f"{home}/tasks/2026-11-17-work-aa{number:02}.md", f"---\n{task}---\n")
    lines = [
        {"id": f"email:{n}", "at": f"2026-11-15T10:{n:02}:00Z", "type": "email", "direction": "in",
         "with": [f"person-{n:02}"], "subject": long, "text": f"{n} {long}"}
        for n in range(30)
    ]  # fmt: skip
    write(f"{home}/interactions/2026.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    return "vega-solar"


@pytest.mark.parametrize("size", ["a4", "letter"])
def test_however_much_is_known_it_stays_one_sheet(ws: Workspace, write: Write, size: str) -> None:
    slug = stuffed(ws, write)
    found = brief.context(ws, slug)
    assert found["left_out"] > 0
    assert f"{found['left_out']} more lines did not fit" in brief.written(ws, found)
    assert all(found[name] for name in ("people", "changed", "ours", "standing", "points"))
    assert sheets(ws, slug, size) == 1


def test_a_meeting_that_is_written_down_says_whom_we_meet(ws: Workspace, write: Write) -> None:
    write(
        "accounts/harbour-lane-logistics/interactions/2026-11-24-meeting-n1xt.md",
        "---\ntype: meeting\nat: 2026-11-24T09:00:00Z\nsubject: Renewal\nwith: [mo-farrell, dan-whitlock]\n---\n",
    )
    text = told(ws, "harbour-lane-logistics")
    place = "interactions/2026-11-24-meeting-n1xt.md"
    assert f"**Next: meeting on 2026-11-24**, Renewal ({place})" in text
    met = section(text, "Who you meet")
    assert re.findall(r"^\| (\w+ \w+),", met, re.MULTILINE) == ["Dan Whitlock", "Mo Farrell"]
    # What is to come is nothing that happened.
    assert "## What changed since our last call, 2026-10-28" in text


def test_promises_stand_by_whose_they_are(samples: Workspace) -> None:
    promises = section(told(samples, "harbour-lane-logistics"), "Open promises").splitlines()
    theirs = [line for line in promises if line.startswith("- [ ] Theirs: ")]
    said = '"names for the Wakefield pilot (Dan, end of November)" was promised on 2026-10-28.'
    assert theirs == [f"- [ ] Theirs: {said} (interactions/2026-10-28-call-w7kd.md:30)"]
    assert any('Ours: "offer for one and two years, Wakefield' in line for line in promises)


def test_what_they_wrote_since_we_last_spoke_comes_first(samples: Workspace) -> None:
    changed = section(told(samples, "harbour-lane-logistics"), "What changed").splitlines()
    assert "Then with Priya Raman, Dan Whitlock" in changed[2]
    lines = [line for line in changed if line.startswith("- ")]
    assert lines[0].startswith('- Dan Whitlock on 2026-11-12: "Between us')
    assert lines[1].startswith("- Gareth Pugh on 2026-11-05")
    assert not any("The last call was" in line for line in lines)


def test_it_opens_no_other_account(
    ws: Workspace, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = told(ws, "calder-facilities")
    write("accounts/vega-solar/profile.md", "---\nname: [broken\n---\n")
    opened: list[str] = []
    real = files.read

    def read(root: Path, path: str, *given: Any, **more: Any) -> bytes | None:
        opened.append(path)
        return real(root, path, *given, **more)

    monkeypatch.setattr(files, "read", read)
    assert told(ws, "calder-facilities") == before
    assert opened
    assert [
        p
        for p in opened
        if p.startswith("accounts/") and not p.startswith(("accounts/calder", "accounts/_"))
    ] == []


def test_a_kept_brief_keeps_the_notes_and_renews_the_rest(ws: Workspace, write: Write) -> None:
    path = "accounts/calder-facilities/plans/2026-11-16-brief.md"
    changes, text, _ = brief.plan_brief(ws, "calder-facilities")
    assert changes.paths == [path]
    write(path, text.replace("## Notes\n", "## Notes\nTess will ask Euan.\n"))
    assert not brief.plan_brief(ws, "calder-facilities")[0]
    profile = "accounts/calder-facilities/profile.md"
    write(profile, (ws.root / profile).read_text().replace("arr: 118000", "arr: 120000"))
    changes, again, kept = brief.plan_brief(ws, "calder-facilities")
    assert changes.paths == [path]
    assert kept == []
    assert "Tess will ask Euan." in again
    assert "They pay 120,000 GBP a year" in again


def test_what_others_wrote_stays_text(ws: Workspace, write: Write) -> None:
    hostile = "<script>x</script> [y](javascript:1) | # Boss **bold**"
    home = "accounts/calder-facilities"
    write(
        f"{home}/contacts/euan-baird.md",
        f"---\nname: {json.dumps(hostile)}\nroles: [decision_maker]\n---\n",
    )
    line = {"id": "email:x", "at": "2026-11-15T10:00:00Z", "type": "email", "direction": "in",
            "with": ["euan-baird"], "text": hostile}  # fmt: skip
    with (ws.root / home / "interactions/2026.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    text = told(ws, "calder-facilities")
    assert "\\<script\\>" in text
    assert not re.search(r"(?<!\\)<script|(?<!\\)\[y|\*\*bold", text)


def test_before_anybody_spoke_our_tasks_are_no_promises(ws: Workspace, write: Write) -> None:
    home = "accounts/fern-orchards"
    write(f"{home}/profile.md", "---\nname: Fern Orchards\nstage: prospect\n---\n")
    task = "title: Read up on the company\ndue: 2026-11-17\nstatus: open\n"
    write(f"{home}/tasks/2026-11-17-read-up-aa11.md", f"---\n{task}---\n")

    text = told(ws, "fern-orchards")

    assert "Open promises" not in text
    assert "Read up on the company" in section(text, "To be done")
    assert "Read up" not in section(text, "Three things to say")
    assert section(text, "Three things to say").count("Who is their ") == 1

    talk = "type: call\nat: 2026-11-12T09:00:00Z\nsubject: Hello\n"
    write(f"{home}/interactions/2026-11-12-call-n1xt.md", f"---\n{talk}---\n")
    assert "Read up on the company" in section(told(ws, "fern-orchards"), "Open promises")
