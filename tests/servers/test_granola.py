"""The double of Granola, against what is known of Granola."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import httpx
import pytest

from tests.servers.granola import TOKEN, Granola

AT = dt.datetime(2026, 11, 13, 8, tzinfo=dt.UTC)
ANA = ("Ana Reyes", "ana@ours.example")


@pytest.fixture
def granola() -> Iterator[Granola]:
    with Granola() as server:
        server.add_note(
            AT, ANA, [("Ines", "ines@hollisvane.example")], said=[("me", "x" * 30_000)] * 3
        )
        yield server


@pytest.fixture
def client(granola: Granola) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=f"{granola.url}/v1", headers=headers) as found:
        yield found


@pytest.mark.parametrize(
    "path",
    [
        "/notes?page_size=31",
        "/notes?page_size=0",
        "/folders?page_size=31",
        "/notes/not_000001AbCd0001/transcript?page_size=101",
        "/notes/x",
        "/notes?updated_after=yesterday",
        "/notes?cursor=x",
    ],
)
def test_what_is_out_of_bounds_is_refused(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 400


@pytest.mark.parametrize(
    ("after", "count"),
    [
        ("2026-11-13T08:49:59Z", 1),
        ("2026-11-13T08:50:00Z", 0),
        ("2026-11-13", 0),
        ("2026-11-12", 1),
    ],
)
def test_a_filter_leaves_out_its_own_second_or_day(
    client: httpx.Client, after: str, count: int
) -> None:
    found = client.get("/notes", params={"updated_after": after}).json()
    assert len(found["notes"]) == count


def test_a_list_tells_little_and_a_note_has_no_transcript_unless_asked(
    granola: Granola, client: httpx.Client
) -> None:
    id = next(iter(granola.notes))
    row = client.get("/notes").json()["notes"][0]
    assert row.keys() == {"id", "object", "title", "owner", "created_at", "updated_at"}
    assert client.get(f"/notes/{id}").json()["transcript"] is None
    large = client.get(f"/notes/{id}?include=transcript")
    assert (large.status_code, large.json()["code"]) == (413, "TRANSCRIPT_TOO_LARGE")
    granola.notes[id]["transcript"] = []
    assert client.get(f"/notes/{id}?include=transcript").json()["transcript"] == []


def test_transcripts_come_by_pages(granola: Granola, client: httpx.Client) -> None:
    id = next(iter(granola.notes))
    first = client.get(f"/notes/{id}/transcript?page_size=2").json()
    assert (len(first["transcript"]), first["hasMore"]) == (2, True)
    params = {"page_size": "2", "cursor": first["cursor"]}
    last = client.get(f"/notes/{id}/transcript", params=params).json()
    assert (len(last["transcript"]), last["hasMore"], last["cursor"]) == (1, False, None)
    granola.ending = "absent"
    assert "cursor" not in client.get(f"/notes/{id}/transcript", params=params).json()


def test_what_is_being_processed_is_not_there(granola: Granola, client: httpx.Client) -> None:
    id = next(iter(granola.notes))
    granola.processing.add(id)
    assert client.get("/notes").json() == {"notes": [], "hasMore": False, "cursor": None}
    assert client.get(f"/notes/{id}").status_code == 404


def test_a_folder_holds_what_is_in_those_below_it(granola: Granola, client: httpx.Client) -> None:
    upper = granola.add_folder("Upper")
    lower = granola.add_folder("Lower", granola.add_folder("Middle", upper))
    id = granola.add_note(AT, ANA, folders=[lower])
    found = client.get("/notes", params={"folder_id": upper}).json()["notes"]
    assert [row["id"] for row in found] == [id]
    names = [row["name"] for row in client.get("/folders").json()["folders"]]
    assert names == ["Lower", "Middle", "Upper"]


def test_other_keys_and_other_paths_are_refused(client: httpx.Client) -> None:
    assert client.get("/nothing").status_code == 404
    assert client.get("/notes", headers={"Authorization": "Bearer x"}).status_code == 401


def test_a_burst_and_then_five_a_second(granola: Granola, client: httpx.Client) -> None:
    granola.limited = True
    assert [client.get("/folders").status_code for _ in range(26)] == [200] * 25 + [429]
    granola.clock.now += 1
    codes = [client.get("/folders") for _ in range(6)]
    assert [reply.status_code for reply in codes] == [200] * 5 + [429]
    assert codes[-1].headers["Retry-After"] == "1"


def test_the_sample_has_a_few_meetings() -> None:
    with Granola.sample() as granola:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        found = httpx.get(f"{granola.url}/v1/notes", headers=headers).json()
        assert len(found["notes"]) == 3
