from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crmctl.model.errors import ConfigError
from crmctl.model.incoming import Link, Waiting
from crmctl.sources.errors import AuthError, SourceError, StatusError
from crmctl.sources.granola_live import Granola as Source
from crmctl.sources.granola_live import connect
from crmctl.sources.network import Network
from crmctl.sources.source import Chunk
from crmctl.workspace.source_settings import GranolaSettings
from tests.servers.base import Call, Reply
from tests.servers.granola import TOKEN, Granola
from tests.sources.talks import NOW, ago, machine, network, of_kind, read, request

ANA = ("Ana Reyes", "ana@ours.example")
INES = ("Ines Okafor", "ines@hollisvane.example")
STRANGER = ("Nobody", "n@unknown.example")
SAID = [("me", "Hello."), ("Ines Okafor", "Good morning.")]


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


@pytest.fixture
def granola() -> Iterator[Granola]:
    with Granola() as server:
        yield server


@pytest.fixture
def wire(granola: Granola) -> Iterator[Network]:
    with network(granola.clock) as found:
        yield found


@pytest.fixture
def source(granola: Granola, wire: Network, tmp_path: Path) -> Source:
    return source_of(granola, wire, tmp_path, transcripts=True)


def source_of(granola: Granola, wire: Network, folder: Path, **settings: Any) -> Source:
    names = {"url": f"{granola.url}/v1", "token": granola.token}
    found = connect(machine(folder, "granola", names), GranolaSettings(**settings), wire)
    assert isinstance(found, Source)
    return found


def add(granola: Granola, at: dt.datetime, *guests: tuple[str, str], **more: Any) -> str:
    given: dict[str, Any] = {"said": SAID, **more}
    return granola.add_note(at, ANA, list(guests or [INES]), **given)


def details(granola: Granola) -> list[str]:
    """The notes that were asked for one by one, in the order of the requests."""
    paths = (call.path.split("/") for call in granola.calls)
    return [path[3] for path in paths if len(path) == 4 and path[2] == "notes"]


def test_a_read_gives_meetings_people_and_tasks(granola: Granola, source: Source) -> None:
    id = add(granola, ago(3), summary="### Next steps\n- Ana sends it")
    batch, mark = read(source)
    record = of_kind(batch, "interaction")[id]
    assert record.fields["modified"] == "2026-11-13T08:50:00Z"
    assert "**Ines Okafor** (external, 0:05): Good morning." in record.body
    assert "thoughts" not in record.body
    assert list(of_kind(batch, "contact")) == ["ines@hollisvane.example"]
    assert [task.fields["title"] for task in of_kind(batch, "task").values()] == ["Ana sends it"]
    assert not batch.partial
    assert mark == {
        "seen": "2026-11-13T08:50:00Z",
        "settled": [f"{id} 2026-11-13T08:50:00+00:00"],
    }
    assert all("include" not in call.query for call in granola.calls)


def test_nothing_new_costs_one_request_and_leaves_the_mark(
    granola: Granola, source: Source
) -> None:
    for number in range(4):
        add(granola, ago(3), updated=ago(2) + dt.timedelta(seconds=100 * number))
    _, mark = read(source)
    assert len(mark["settled"]) == 3, "those of the last five minutes"
    granola.calls.clear()
    batch, later = read(source, mark)
    assert (batch.records, batch.partial, later) == ([], True, mark)
    assert [call.query["updated_after"] for call in granola.calls] == ["2026-11-14T08:00:00Z"]


def test_a_stamp_that_comes_late_or_in_the_same_second_is_seen(
    granola: Granola, source: Source
) -> None:
    one = add(granola, ago(3), updated=ago(2))
    _, mark = read(source)
    two = add(granola, ago(3), updated=ago(2))
    late = add(granola, ago(4), updated=ago(2) - dt.timedelta(seconds=200))
    batch, later = read(source, mark)
    assert of_kind(batch, "interaction").keys() == {two, late}
    granola.change(one, ago(2) + dt.timedelta(microseconds=500), title="Within that second")
    batch, last = read(source, later)
    assert of_kind(batch, "interaction").keys() == {one}
    assert read(source, last)[1] == last


def test_only_what_changed_is_asked_for(granola: Granola, source: Source) -> None:
    ids = [add(granola, ago(number)) for number in range(3, 45)]
    batch, mark = read(source)
    assert of_kind(batch, "interaction").keys() == set(ids)
    granola.change(ids[7], ago(1), title="Better")
    granola.calls.clear()
    batch, _ = read(source, mark)
    assert of_kind(batch, "interaction")[ids[7]].fields["subject"] == "Better"
    assert details(granola) == [ids[7]]


@pytest.mark.parametrize("ending", ["null", "absent"])
def test_short_pages_are_followed_to_the_end(granola: Granola, source: Source, ending: str) -> None:
    granola.most, granola.ending = 4, ending
    ids = {add(granola, ago(number)) for number in range(3, 13)}
    assert of_kind(read(source)[0], "interaction").keys() == ids
    sizes = {call.query.get("page_size") for call in granola.calls if "page_size" in call.query}
    assert sizes == {"30", "100"}


def test_a_list_that_breaks_off_keeps_what_came_and_moves_no_mark(
    granola: Granola, source: Source
) -> None:
    granola.most, granola.cut_off = 4, True
    for number in range(3, 13):
        add(granola, ago(number))
    batch, mark = read(source)
    assert len(of_kind(batch, "interaction")) == 4
    assert (mark, batch.partial) == ({}, True)
    assert batch.notes == [
        "granola broke its list off after 4 notes; what came is kept, and the next run lists it anew"
    ]


def test_pages_in_circles_end(granola: Granola, source: Source) -> None:
    granola.looping = True
    add(granola, ago(3))
    with pytest.raises(SourceError, match="circles"):
        read(source)


def test_marks_go_forward_with_what_was_read(granola: Granola, source: Source) -> None:
    ids = [add(granola, ago(5), updated=ago(4) + dt.timedelta(hours=n / 10)) for n in range(120)]
    failing = ids[110]

    def touched(id: str) -> None:
        if id == failing:
            granola.closed = True

    granola.touched = touched
    chunks: list[Chunk] = []
    with pytest.raises(StatusError, match="403"):
        chunks.extend(source.read(request()))
    marks = [chunk.mark for chunk in chunks if chunk.mark]
    assert len(marks) == 2
    granola.closed, granola.touched = False, lambda _id: None
    granola.calls.clear()
    read(source, marks[-1])
    assert len(details(granola)) == 20, "only the rest"


def test_a_note_that_goes_away_in_between_deletes_nothing(granola: Granola, source: Source) -> None:
    kept, gone, hidden = (add(granola, ago(n)) for n in (3, 4, 5))

    def touched(id: str) -> None:
        if id == gone:
            granola.notes.pop(gone, None)

    granola.touched = touched
    granola.processing.add(hidden)
    batch, mark = read(source)
    assert of_kind(batch, "interaction").keys() == {kept}
    assert batch.rejected == []
    assert not any(record.deleted for record in batch.records)
    granola.processing.clear()
    granola.change(hidden, ago(1))
    batch, _ = read(source, mark)
    assert of_kind(batch, "interaction").keys() == {hidden}


def test_a_note_that_is_gone_before_its_transcript_is_left_out(
    granola: Granola, source: Source
) -> None:
    id = add(granola, ago(3))
    seen = 0

    def touched(_id: str) -> None:
        nonlocal seen
        seen += 1
        if seen == 2:
            del granola.notes[id]

    granola.touched = touched
    batch, _ = read(source)
    assert (batch.records, batch.rejected) == ([], [])


def test_a_transcript_that_breaks_off_costs_its_note_alone(
    granola: Granola, source: Source
) -> None:
    bad, good = add(granola, ago(3)), add(granola, ago(4))
    whole = granola.handle

    def handle(call: Call) -> Reply:
        reply = whole(call)
        if call.path.endswith(f"{bad}/transcript"):
            return Reply(200, {"transcript": [], "hasMore": True, "cursor": "x"})
        return reply

    granola.handle = handle  # type: ignore[method-assign]
    batch, mark = read(source)
    assert of_kind(batch, "interaction").keys() == {good}
    assert [rejected.origin for rejected in batch.rejected] == [f"granola note {bad}"]
    assert "breaks off" in batch.rejected[0].reason
    assert mark["seen"] == "2026-11-13T08:50:00Z"


def test_long_transcripts_come_by_pages(granola: Granola, source: Source) -> None:
    said = [("me" if n % 2 else "Ines Okafor", f"word {n} {'x' * 200}") for n in range(250)]
    id = add(granola, ago(3), said=said)
    batch, _ = read(source)
    body = of_kind(batch, "interaction")[id].body
    assert "word 0" in body
    assert "word 249" in body
    assert granola.count("/transcript") == 3


def test_transcripts_are_read_only_if_wanted_and_of_customers(
    granola: Granola, wire: Network, tmp_path: Path
) -> None:
    add(granola, ago(3))
    add(granola, ago(3), STRANGER)
    batch, _ = read(source_of(granola, wire, tmp_path))
    assert granola.count("/transcript") == 0
    assert "Transcript" not in batch.records[0].body
    read(source_of(granola, wire, tmp_path, transcripts=True))
    assert granola.count("/transcript") == 1


def test_what_concerns_nobody_waits_with_its_folder(granola: Granola, source: Source) -> None:
    folder = granola.add_folder("Prospects")
    one = add(granola, ago(3), STRANGER)
    two = granola.add_note(ago(4), ANA, title=None, invited=False, folders=[folder])
    granola.add_note(ago(4), ANA, [("Tom", "tom@ours.example")])
    batch, _ = read(source)
    assert batch.records == []
    assert set(batch.waiting) == {
        Waiting("granola", "interaction", one, "2026-11-13", "unknown.example"),
        Waiting("granola", "interaction", two, "2026-11-12"),
        Waiting("granola", "folder", folder),
    }
    assert granola.count("/transcript") == 0


def test_what_was_claimed_is_fetched_whole_by_note_and_by_folder(
    granola: Granola, source: Source
) -> None:
    upper = granola.add_folder("Customers")
    folder = granola.add_folder("Tiles", upper)
    one = add(granola, ago(3), STRANGER)
    two = granola.add_note(ago(4), ANA, invited=False, folders=[folder], said=SAID)
    claims = {f"interaction:{one}": "hollis-vane", f"folder:{upper}": "acme-tiles"}
    wanted = [
        Waiting("granola", "interaction", one),
        Waiting("granola", "folder", upper),
        Waiting("granola", "interaction", "not_gone000000gone"),
        Waiting("granola", "interaction", "../notes"),
        Waiting("granola", "folder", "x?y"),
    ]
    found = source.fetch(request(claims=claims), wanted)
    records = of_kind(found, "interaction")
    assert {id: record.account for id, record in records.items()} == {
        one: Link(slug="hollis-vane"),
        two: Link(slug="acme-tiles"),
    }
    assert all("Good morning" in record.body for record in records.values())
    assert found.partial


def test_a_folder_of_the_settings_gives_its_notes_to_an_account(
    granola: Granola, wire: Network, tmp_path: Path
) -> None:
    folder = granola.add_folder("Tiles")
    id = granola.add_note(ago(4), ANA, invited=False, folders=[folder])
    source = source_of(
        granola, wire, tmp_path, folders={folder: "acme-tiles"}, tasks=False, contacts=False
    )
    batch, _ = read(source)
    assert of_kind(batch, "interaction")[id].account == Link(slug="acme-tiles")


def test_a_folder_that_is_mapped_later_brings_its_older_notes(
    granola: Granola, wire: Network, tmp_path: Path
) -> None:
    folder = granola.add_folder("Tiles")
    ids = {granola.add_note(ago(n), ANA, invited=False, folders=[folder]) for n in range(4, 64)}
    add(granola, ago(3))
    _, mark = read(source_of(granola, wire, tmp_path), since=ago(90))
    assert "folders" not in mark
    source = source_of(granola, wire, tmp_path, folders={folder: "acme-tiles"})
    marks = [chunk.mark for chunk in source.read(request(mark)) if chunk.mark]
    assert [one.get("folders") for one in marks] == [None, [folder]], "when all of it is there"
    batch, later = read(source, mark)
    assert of_kind(batch, "interaction").keys() == ids
    granola.calls.clear()
    again, last = read(source, later)
    assert (again.records, last, len(granola.calls)) == ([], later, 1)
    _, claimed = read(source_of(granola, wire, tmp_path), mark, claims={f"folder:{folder}": "x"})
    assert claimed == later


def test_settings_say_what_is_made(granola: Granola, wire: Network, tmp_path: Path) -> None:
    add(granola, ago(3), summary="### Next steps\n- Ana sends it")
    batch, _ = read(source_of(granola, wire, tmp_path, tasks=False, contacts=False))
    assert [(record.kind, record.creates) for record in batch.records] == [
        ("interaction", True),
        ("contact", False),
    ]


def test_a_list_that_is_suddenly_empty_is_a_fault(granola: Granola, source: Source) -> None:
    id = add(granola, ago(3))
    older = add(granola, ago(30))
    _, mark = read(source)
    del granola.notes[id]
    batch, later = read(source, mark)
    assert (batch.records, later) == ([], mark), "one that is gone is no fault"
    del granola.notes[older]
    with pytest.raises(SourceError, match=r"no note at all any more.*2026-11-13.*--full"):
        read(source, mark)


def test_a_note_from_tomorrow_hides_nothing(granola: Granola, source: Source) -> None:
    add(granola, ago(3))
    add(granola, ago(3), updated=ago(-400))
    _, mark = read(source)
    assert mark["seen"] == "2026-11-13T08:50:00Z"
    found, later = read(source, mark)
    assert (found.records, later) == ([], mark)


def test_rows_without_an_id_or_a_time_are_told(granola: Granola, source: Source) -> None:
    bad = add(granola, ago(3))
    granola.notes[bad]["id"] = "../../folders"
    add(granola, ago(3))
    batch, _ = read(source)
    assert len(of_kind(batch, "interaction")) == 1
    assert [r.origin for r in batch.rejected] == ["granola note ../../folders"]


@pytest.mark.parametrize("shape", ["code", "error", "text"])
def test_refusals_are_told_in_one_sentence_however_they_are_written(
    granola: Granola, source: Source, wire: Network, shape: str
) -> None:
    granola.refusal = shape
    granola.closed = True
    with pytest.raises(StatusError, match=r"API access is disabled.*our key lacks the right"):
        read(source)
    granola.token = "grn_another"
    with pytest.raises(AuthError, match=r"401, .*[Uu]nauthorized.*crmctl auth granola"):
        read(source)
    assert TOKEN in wire.secrets


@pytest.mark.parametrize("told", [True, False])
def test_the_pace_keeps_within_what_granola_allows(
    granola: Granola, source: Source, *, told: bool
) -> None:
    granola.limited, granola.told = True, told
    for number in range(3, 45):
        add(granola, ago(number))
    batch, _ = read(source)
    assert len(of_kind(batch, "interaction")) == 42
    assert granola.clock.slept


def test_each_key_has_a_state_of_its_own(granola: Granola, wire: Network, tmp_path: Path) -> None:
    one = source_of(granola, wire, tmp_path).state
    granola.token = "grn_another_key_of_ours"
    other = source_of(granola, wire, tmp_path).state
    assert one != other
    assert one.startswith("granola-")
    assert TOKEN[4:] not in one
    with pytest.raises(ConfigError, match="token missing"):
        connect(machine(tmp_path, "granola", {}), GranolaSettings(), wire)


def test_check_tells_whose_notes_a_key_sees(
    granola: Granola, wire: Network, tmp_path: Path
) -> None:
    tiles, other = granola.add_folder("Tiles"), granola.add_folder("Other")
    add(granola, ago(3))
    source = source_of(granola, wire, tmp_path, folders={tiles: "acme-tiles"})
    assert list(source.check()) == [
        "granola accepts our key; of the newest 1 notes it sees, the owners are: ana@ours.example",
        f"folder {other} (Other): no account",
        f"folder {tiles} (Tiles): acme-tiles",
    ]
    assert source.limits() == {"requests this run": "2"}


def test_hundreds_of_notes_are_read_in_reasonable_time(
    granola: Granola, wire: Network, tmp_path: Path
) -> None:
    for number in range(300):
        add(granola, ago(1 + number / 10))
    begun = time.process_time()
    batch, _ = read(source_of(granola, wire, tmp_path), now=NOW)
    assert len(of_kind(batch, "interaction")) == 300
    assert time.process_time() - begun < 10
