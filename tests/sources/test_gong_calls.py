from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.incoming import NOWHERE, Link
from crmctl.sources.conversation_json import part, parts
from crmctl.sources.conversations import Outsider, concerns, contacts, interaction, tasks, waiting
from crmctl.sources.gong_calls import Call, call, ready
from tests.live.harness import HOSTILE
from tests.sources.talks import INTEREST

ACCOUNT_15, ACCOUNT = "0018d00000Kp3Zq", "0018d00000Kp3ZqAAJ"
DEAL, PERSON = "0068d000007QeRbAAK", "0038d00000LmT9xAAF"
RAW: dict[str, Any] = {
    "metaData": {
        "id": "7391840226115904417",
        "url": "https://app.gong.io/call?id=7391840226115904417",
        "title": "Hollis & Vane -\tquarterly review",
        "scheduled": "2026-03-05T06:00:00-08:00",
        "started": "2026-03-05T06:01:12.041977-08:00",
        "duration": 2574,
        "primaryUserId": "4417023985512760931",
        "direction": "Conference",
        "scope": "External",
        "media": "Video",
        "isPrivate": False,
        "sdrDisposition": None,
    },
    "context": [
        {
            "system": "Salesforce",
            "objects": [
                {"objectType": "Account", "objectId": ACCOUNT_15, "timing": "Now"},
                {"objectType": "Account", "objectId": ACCOUNT, "timing": "TimeOfCall"},
                {"objectType": "Opportunity", "objectId": DEAL},
            ],
        }
    ],
    "parties": [
        {
            "id": "1",
            "emailAddress": "ana@ours.example",
            "name": "Ana Reyes",
            "userId": "4417023985512760931",
            "speakerId": "80",
            "affiliation": "Internal",
        },
        {
            "id": "2",
            "emailAddress": "Ines.Okafor@HollisVane.example",
            "name": "Ines Okafor",
            "title": "Head of Operations",
            "userId": None,
            "speakerId": "27",
            "affiliation": "External",
            "context": [
                {
                    "system": "Salesforce",
                    "objects": [{"objectType": "Contact", "objectId": PERSON}],
                }
            ],
        },
    ],
    "content": {
        "topics": [{"name": "Pricing", "duration": 412}, {"name": "Hello", "duration": 0}],
        "trackers": [
            {"name": "Competitors", "count": 2, "phrases": [{"phrase": "Roadwise", "count": 2}]},
            {"name": "Silence", "count": 0, "phrases": []},
        ],
        "brief": "Ines asked for prices.\nAna agreed.",
        "highlights": [
            {"title": "Praise", "items": [{"text": "They like it"}]},
            {"title": "Next steps", "items": [{"text": "Ana sends a quote"}, {"text": ""}]},
        ],
        "callOutcome": {"id": "X", "category": "Answered", "name": "Meeting booked"},
        "keyPoints": [{"text": "The CFO holds the budget"}],
    },
}


def ours(address: str) -> bool:
    return INTEREST.is_ours(address)


def nobody(_id: str) -> tuple[str, str]:
    return "", ""


def made(**changes: Any) -> Call:
    """The call with other members; None takes one away."""
    raw = {**RAW, **changes}
    about = {**RAW["metaData"], **changes.get("metaData", {})}
    return call({**raw, "metaData": about}, ours, nobody)


def party(email: str | None, affiliation: str | None = "External", **more: Any) -> dict[str, Any]:
    return {"emailAddress": email, "affiliation": affiliation, **more}


def test_a_conference_is_a_meeting_with_all_that_is_known_of_it() -> None:
    talk = made().talk
    assert talk.fields == {
        "type": "meeting",
        "subject": "Hollis & Vane - quarterly review",
        "minutes": 43,
        "outcome": "Meeting booked",
        "topics": ["Hello", "Pricing"],
        "trackers": ["Competitors"],
        "url": "https://app.gong.io/call?id=7391840226115904417",
        "by": "4417023985512760931",
    }
    assert talk.at == dt.datetime(2026, 3, 5, 14, 1, 12, tzinfo=dt.UTC)
    assert talk.account == Link(id=ACCOUNT, system="salesforce")
    assert talk.deal == Link(id=DEAL, system="salesforce")
    assert talk.owners == {"4417023985512760931": ("Ana Reyes", "ana@ours.example")}
    assert talk.outsiders == (
        Outsider("ines.okafor@hollisvane.example", "Ines Okafor", "Head of Operations", PERSON),
    )


def test_the_prose_has_what_was_agreed_and_what_was_said() -> None:
    said = [
        {"speakerId": "27", "sentences": [{"start": 805500, "end": 1, "text": "Per vehicle."}]},
        {
            "speakerId": "80",
            "sentences": [{"start": 810020, "text": "That works"}, {"text": "us."}],
        },
        {"speakerId": "99", "sentences": [{"start": None, "text": "Hm."}]},
        {"speakerId": "80", "sentences": []},
    ]
    assert made().body(parts(said)) == (
        "## Summary\n\nInes asked for prices.\n\nAna agreed.\n\n"
        "## Key points\n\n- The CFO holds the budget\n\n"
        "## Praise\n\n- They like it\n\n"
        "## Next steps\n\n- Ana sends a quote\n\n"
        "## Topics\n\n- Pricing (7 min)\n- Hello\n\n"
        "## Trackers\n\n- Competitors (2): Roadwise\n\n"
        "## Transcript\n\n"
        "**Ines Okafor** (external, 13:25): Per vehicle.\n\n"
        "**Ana Reyes** (internal, 13:30): That works us.\n\n"
        "**Unknown speaker** (unknown): Hm."
    )
    assert "Transcript" not in made().body()


@pytest.mark.parametrize(
    ("direction", "media", "type", "way"),
    [
        ("Inbound", "Audio", "call", "in"),
        ("OUTBOUND", "Audio", "call", "out"),
        ("Conference", "Audio", "meeting", None),
        ("Unknown", "Video", "meeting", None),
        (None, None, "call", None),
    ],
)
def test_what_it_was_and_who_began_it(direction: Any, media: Any, type: str, way: Any) -> None:
    fields = made(metaData={"direction": direction, "media": media}).talk.fields
    assert (fields["type"], fields.get("direction")) == (type, way)


@pytest.mark.parametrize("started", [1772719272, 1772719272000, "2026-03-05T14:01:12Z"])
def test_a_time_may_be_text_or_an_epoch(started: Any) -> None:
    talk = made(metaData={"started": started}).talk
    assert talk.at == dt.datetime(2026, 3, 5, 14, 1, 12, tzinfo=dt.UTC)


def test_a_call_without_start_has_the_time_it_was_planned_for() -> None:
    assert made(metaData={"started": None}).talk.at.hour == 14
    with pytest.raises(ValueError, match="has no time"):
        made(metaData={"started": "soon", "scheduled": None})
    with pytest.raises(ValueError, match="has no id"):
        made(metaData={"id": None})


def test_ids_beyond_any_number_stay_as_they_are() -> None:
    assert made(metaData={"id": "17391840226115904417"}).talk.id == "17391840226115904417"
    assert made(metaData={"id": 17391840226115904417}).talk.id == "17391840226115904417"


def test_two_accounts_of_the_crm_are_none_and_other_systems_are_not_asked() -> None:
    objects = [
        {"objectType": "Account", "objectId": ACCOUNT},
        {"objectType": "Account", "objectId": "0018d00000Xp3Zq"},
        {"objectType": "Opportunity", "objectId": "not an id"},
    ]
    assert made(context=[{"system": "Salesforce", "objects": objects}]).talk.account == NOWHERE
    hubspot = [{"system": "HubSpot", "objects": objects[:1]}]
    assert made(context=hubspot).talk.account == NOWHERE
    assert made(context=None).talk.deal == NOWHERE


def test_sides_follow_the_address_where_gong_does_not_know() -> None:
    people = [
        party("jo@else.example", "Unknown", name="jo@else.example"),
        party("tom@ours.example", "External"),
        party("lee@else.example", None, userId="55"),
        party(None, "External", name="On the phone"),
        party("", "Unknown", name="Somebody"),
        party("nonsense", "External", name="N"),
    ]
    talk = made(parties=people).talk
    assert talk.outsiders == (Outsider("jo@else.example"),)
    assert talk.mixed


def test_who_counts_is_looked_up_only_if_nobody_says_it() -> None:
    asked: list[str] = []

    def users(id: str) -> tuple[str, str]:
        asked.append(id)
        return "Tom Adeyemi", "tom@ours.example"

    call(RAW, ours, users)
    assert asked == []
    other = {**RAW, "metaData": {**RAW["metaData"], "primaryUserId": "5"}}
    assert call(other, ours, users).talk.owners == {"5": ("Tom Adeyemi", "tom@ours.example")}
    assert asked == ["5"]
    nameless = {**RAW, "metaData": {**RAW["metaData"], "primaryUserId": None}}
    assert call(nameless, ours, users).talk.fields["by"] == "4417023985512760931"


def test_a_call_among_ourselves_concerns_nobody() -> None:
    talk = made(context=[], parties=RAW["parties"][:1], metaData={"scope": "Internal"}).talk
    assert not talk.mixed
    assert not concerns(talk, INTEREST)


def test_what_concerns_nobody_waits_with_its_company() -> None:
    people = [party("a@gmail.com"), party("b@unknown.example"), party("c@else.example")]
    talk = made(context=[], parties=people).talk
    assert not concerns(talk, INTEREST)
    found = waiting(talk)
    assert (found.kind, found.date, found.domain) == (
        "interaction",
        "2026-03-05",
        "unknown.example",
    )
    assert concerns(made(parties=people).talk, INTEREST), "the CRM says so"
    assert concerns(made(context=[], parties=[party("kim@gmail.com")]).talk, INTEREST)


def test_records_of_a_call() -> None:
    one = made()
    record = interaction(one.talk, "body")
    assert record.people == (
        (Link(id=PERSON, email="ines.okafor@hollisvane.example", system="salesforce"), ""),
    )
    assert record.links == {"deal": Link(id=DEAL, system="salesforce")}
    (contact,) = contacts(one.talk, create=False)
    assert contact.id == "ines.okafor@hollisvane.example"
    assert contact.fields == {
        "name": "Ines Okafor",
        "title": "Head of Operations",
        "email": "ines.okafor@hollisvane.example",
        "modified": "2026-03-05T14:01:12Z",
    }
    assert (contact.waits, contact.creates, contact.account) == (False, False, NOWHERE)
    (task,) = tasks(one.talk)
    assert task.id.startswith("7391840226115904417-")
    assert task.fields == {
        "title": "Ana sends a quote",
        "status": "open",
        "reason": "agreed in the meeting of 2026-03-05",
        "owner": "4417023985512760931",
    }
    assert (task.at, task.account, task.waits) == (one.talk.at, one.talk.account, False)


def test_desks_are_no_persons_and_said_twice_is_one_task() -> None:
    steps = {"title": "Action items", "items": [{"text": "Call them"}, {"text": "call  them."}]}
    long = {"title": "Next Steps", "items": [{"text": "x" * 500}]}
    one = made(parties=[party("info@else.example")], content={"highlights": [steps, long]})
    assert list(contacts(one.talk, create=True)) == []
    titles = [task.fields["title"] for task in tasks(one.talk)]
    assert [len(title) for title in titles] == [9, 200]


def test_the_order_of_people_and_of_what_was_heard_does_not_matter() -> None:
    people = [party("b@else.example"), party("a@else.example", name="A"), party("a@else.example")]
    content = {
        "topics": [{"name": "B", "duration": 5}, {"name": "A", "duration": 5}],
        "trackers": [{"name": "T", "count": 1}, {"name": "S", "count": 1}],
    }
    turned = {name: rows[::-1] for name, rows in content.items()}
    one, other = made(parties=people, content=content), made(parties=people[::-1], content=turned)
    assert (one.talk, one.body()) == (other.talk, other.body())
    assert [o.name for o in one.talk.outsiders] == ["A", ""]


def test_a_transcript_is_ready_once_something_is_in_it() -> None:
    assert not ready([])
    assert not ready([{"speakerId": "1", "sentences": []}, {"sentences": None}])
    assert ready([{"sentences": [{"text": "x"}]}])


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


@given(places=st.dictionaries(st.integers(2, 90), JSON, min_size=1, max_size=4))
def test_members_of_any_type_are_read_or_left_out(places: dict[int, Any]) -> None:
    said = [{"speakerId": "27", "sentences": [{"start": 1, "text": "x"}]}]
    raw, turns = spoiled([RAW, said], places, [0])
    problem = ""
    try:
        one = call(part(raw), ours, nobody)
    except ValueError as error:
        problem = str(error)
    if problem:
        assert problem.startswith("has no ")
        return
    interaction(one.talk, one.body(parts(turns)))
    assert all(task.fields["title"] for task in tasks(one.talk))
    assert all(contact.id for contact in contacts(one.talk, create=True))
