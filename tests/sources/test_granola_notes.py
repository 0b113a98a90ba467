from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.incoming import NOWHERE, Link
from crmctl.sources.conversation_json import part
from crmctl.sources.conversations import Outsider, concerns, contacts, interaction, tasks, waiting
from crmctl.sources.granola_notes import Note, note
from tests.live.harness import HOSTILE
from tests.sources.talks import INTEREST

VENDOR = Path(__file__).parents[3] / "shared" / "data" / "granola"
FOLDER = "fol_2Vd7kPz9QwLm3s"
RAW: dict[str, Any] = {
    "id": "not_8hQ2mZr4TbKx1c",
    "object": "note",
    "title": "Hollis & Vane weekly",
    "owner": {"name": "Ana Reyes", "email": "Ana@ours.example"},
    "created_at": "2026-03-05T14:00:21Z",
    "updated_at": "2026-03-05T15:02:47.250Z",
    "web_url": "https://notes.granola.example/d/4c1f0a7e",
    "calendar_event": {
        "event_title": "Weekly",
        "invitees": [{"email": "ana@ours.example"}, {"email": "ines@hollisvane.example"}],
        "organiser": "boss@hollisvane.example",
        "calendar_event_id": "h7k2",
        "scheduled_start_time": "2026-03-05T14:00:00Z",
        "scheduled_end_time": "2026-03-05T14:45:00Z",
    },
    "attendees": [
        {"name": "Ana Reyes", "email": "ana@ours.example"},
        {"name": None, "email": "ines@hollisvane.example"},
        {"name": "Ines Okafor", "email": "Ines@HollisVane.example"},
    ],
    "folder_membership": [
        {"id": FOLDER, "object": "folder", "name": "Hollis", "parent_folder_id": "fol_parent"}
    ],
    "summary_text": "Ines wants prices.",
    "summary_markdown": "### Pricing\n\n- Per **vehicle**\n\n### Action Items\n\n- Ana sends a quote",
    "private_notes_text": "they seem nervous",
    "private_notes_markdown": "# they seem nervous",
    "transcript": None,
}


def made(accounts: dict[str, str] | None = None, **changes: Any) -> Note:
    known = accounts or {}
    return note({**RAW, **changes}, INTEREST, lambda folder: known.get(folder, ""))


def turn(text: str, at: str | None = None, **speaker: Any) -> dict[str, Any]:
    return {"speaker": speaker, "text": text, "start_time": at, "end_time": None}


def transcript(one: Note) -> list[str]:
    return one.body.partition("## Transcript\n\n")[2].split("\n\n")


def test_a_note_is_a_meeting_with_those_who_were_invited() -> None:
    talk = made().talk
    assert talk.fields == {
        "type": "meeting",
        "subject": "Hollis & Vane weekly",
        "by": "ana@ours.example",
        "minutes": 45,
        "url": "https://notes.granola.example/d/4c1f0a7e",
        "modified": "2026-03-05T15:02:47Z",
    }
    assert talk.at == dt.datetime(2026, 3, 5, 14, tzinfo=dt.UTC)
    assert talk.outsiders == (
        Outsider("boss@hollisvane.example"),
        Outsider("ines@hollisvane.example", "Ines Okafor"),
    )
    assert talk.owners == {"ana@ours.example": ("Ana Reyes", "ana@ours.example")}
    assert (talk.account, talk.deal) == (NOWHERE, NOWHERE)
    assert concerns(talk, INTEREST)


def test_the_owners_own_notes_are_never_kept() -> None:
    one = made()
    assert one.body == (
        "## Summary\n\n### Pricing\n\n- Per vehicle\n\n### Action Items\n\n- Ana sends a quote"
    )
    assert "nervous" not in repr(one)


def test_action_items_become_tasks_of_the_owner() -> None:
    (task,) = tasks(made().talk)
    assert (task.fields["title"], task.fields["owner"]) == ("Ana sends a quote", "ana@ours.example")


def test_the_plain_summary_does_where_there_is_no_other() -> None:
    one = made(summary_markdown=None, summary_text="# One\n<b>two</b>")
    assert one.body == "## Summary\n\n\\# One\n\n\\<b\\>two\\</b\\>"
    assert one.talk.steps == ()
    assert made(summary_markdown=None, summary_text=None).body == ""


def test_a_note_of_a_conversation_that_nobody_planned() -> None:
    one = made(calendar_event=None, attendees=[], title=None, folder_membership=None)
    assert one.talk.at == dt.datetime(2026, 3, 5, 14, 0, 21, tzinfo=dt.UTC)
    assert "subject" not in one.talk.fields
    assert "minutes" not in one.talk.fields
    assert (one.talk.outsiders, one.talk.mixed, one.folders) == ((), True, {})
    assert not concerns(one.talk, INTEREST)
    assert waiting(one.talk).domain == ""
    said = [turn("x", None), turn("y", "2026-03-05T13:59:30Z")]
    spoken = made(calendar_event=None, transcript=said)
    assert spoken.talk.at == dt.datetime(2026, 3, 5, 13, 59, 30, tzinfo=dt.UTC)


def test_a_meeting_among_ourselves_waits_for_nobody() -> None:
    calendar = {**RAW["calendar_event"], "organiser": None, "invitees": []}
    one = made(calendar_event=calendar, attendees=[{"email": "tom@ours.example"}])
    assert (one.talk.outsiders, one.talk.mixed) == ((), False)


def test_a_folder_that_people_mapped_gives_the_account_its_parent_included() -> None:
    assert made({FOLDER: "hollis-vane"}).talk.account == Link(slug="hollis-vane")
    assert made({"fol_parent": "hollis-vane"}).talk.account == Link(slug="hollis-vane")
    assert made({FOLDER: "one", "fol_parent": "another"}).talk.account == NOWHERE
    assert made().folders == {FOLDER: "Hollis", "fol_parent": ""}


def test_where_nobody_said_who_we_are_the_owners_company_is_us() -> None:
    unsaid = replace(INTEREST, ours=frozenset())
    found = note(RAW, unsaid, lambda _folder: "").talk
    assert [one.email for one in found.outsiders] == [
        "boss@hollisvane.example",
        "ines@hollisvane.example",
    ]
    free = {**RAW, "owner": {"email": "ana@gmail.com"}, "attendees": [{"email": "x@gmail.com"}]}
    found = note(free, unsaid, lambda _folder: "").talk
    assert found.fields["by"] == "ana@gmail.com"
    assert "x@gmail.com" in {one.email for one in found.outsiders}


def test_a_note_that_a_customer_shared_is_not_by_one_of_us() -> None:
    talk = made(owner={"name": "Ines", "email": "ines@hollisvane.example"}).talk
    assert "by" not in talk.fields
    assert talk.owners == {}
    assert "ines@hollisvane.example" in {one.email for one in talk.outsiders}


def test_speakers_on_a_computer_are_the_owner_and_the_others() -> None:
    said = [
        turn("Shall we?", "2026-03-05T14:01:00Z", source="microphone"),
        turn("Yes.", "2026-03-05T14:01:05Z", source="speaker"),
        turn("Per vehicle.", "2026-03-05T15:01:05Z", source="speaker", name="Ines Okafor"),
        turn("Fine.", None, source="microphone", attribution="me"),
        turn("", None, source="speaker"),
    ]
    assert transcript(made(transcript=said)) == [
        "**Ana Reyes** (internal, 0:00): Shall we?",
        "**Unknown speaker** (external, 0:05): Yes.",
        "**Ines Okafor** (external, 1:00:05): Per vehicle.",
        "**Ana Reyes** (internal): Fine.",
    ]


def test_on_a_telephone_the_microphone_is_everybodys() -> None:
    said = [
        turn("Shall we?", source="microphone"),
        turn("Yes.", source="microphone", diarization_label="Speaker B"),
        turn("Good.", source="microphone", attribution="me"),
        turn("Who?", source="microphone", attribution="them", name="Somebody"),
    ]
    assert transcript(made(transcript=said)) == [
        "**Unknown speaker** (unknown): Shall we?",
        "**Speaker B** (unknown): Yes.",
        "**Ana Reyes** (internal): Good.",
        "**Somebody** (external): Who?",
    ]


def test_with_colleagues_on_the_other_end_sides_are_not_guessed() -> None:
    people = [*RAW["attendees"], {"name": "Tom Adeyemi", "email": "tom@ours.example"}]
    said = [
        turn("a", source="speaker", attribution="them"),
        turn("b", source="speaker", attribution="them", name="tom adeyemi"),
    ]
    assert transcript(made(attendees=people, transcript=said)) == [
        "**Unknown speaker** (unknown): a",
        "**tom adeyemi** (internal): b",
    ]


@pytest.mark.parametrize(
    ("end", "minutes"),
    [
        ("2026-03-05T14:00:30Z", 1),
        ("2026-03-05T13:00:00Z", None),
        ("2027-03-05T14:00:00Z", None),
        (None, None),
    ],
)
def test_lengths_that_cannot_be_are_left_out(end: str | None, minutes: int | None) -> None:
    calendar = {**RAW["calendar_event"], "scheduled_end_time": end}
    assert made(calendar_event=calendar).talk.fields.get("minutes") == minutes


def test_what_a_note_cannot_be_without() -> None:
    with pytest.raises(ValueError, match="has no id"):
        made(id=None)
    with pytest.raises(ValueError, match="has no time"):
        made(calendar_event=None, created_at="yesterday")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(HOSTILE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def spoiled(value: Any, places: dict[int, Any], count: list[int]) -> Any:
    """A copy with other values at some places, counted from the outside."""
    count[0] += 1
    if count[0] in places:
        return places[count[0]]
    if isinstance(value, dict):
        return {name: spoiled(one, places, count) for name, one in value.items()}
    return [spoiled(one, places, count) for one in value] if isinstance(value, list) else value


@given(places=st.dictionaries(st.integers(1, 60), JSON, min_size=1, max_size=4))
def test_members_of_any_type_are_read_or_left_out(places: dict[int, Any]) -> None:
    said = [turn("x", "2026-03-05T14:01:00Z", source="speaker", name="Ines")]
    raw = spoiled({**RAW, "transcript": said}, places, [0])
    problem = ""
    try:
        one = note(part(raw), INTEREST, lambda _folder: "")
    except ValueError as error:
        problem = str(error)
    if problem:
        assert problem.startswith("has no ")
        return
    interaction(one.talk, one.body)
    assert all(task.fields["title"] for task in tasks(one.talk))
    assert all(contact.id for contact in contacts(one.talk, create=True))


@pytest.mark.skipif(not VENDOR.is_dir(), reason="the vendor's samples are not here")
def test_the_vendors_own_samples_are_read() -> None:
    plain = json.loads((VENDOR / "get_note.json").read_bytes())
    ours = replace(INTEREST, ours=frozenset({"granola.ai"}))
    one = note(plain, ours, lambda _folder: "")
    assert one.talk.fields["subject"] == "Quarterly yoghurt budget review"
    assert one.talk.fields["minutes"] == 60
    assert not one.talk.mixed
    assert one.body.startswith("## Summary\n\n### Quarterly Yoghurt Budget Review\n\nThe meeting")
    said = json.loads((VENDOR / "get_note_with_transcript.json").read_bytes())
    two = note(said, ours, lambda _folder: "")
    assert transcript(two) == [
        "**Oat Benson** (internal, 0:00): Let's get started.",
        "**Unknown speaker** (unknown, 0:04): Sounds good.",
    ]
    assert two.talk.at.isoformat() == "2026-01-27T15:00:01+00:00"
