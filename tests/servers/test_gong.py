"""The double of Gong, against what is known of Gong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.servers.gong import CLIENT, CLIENT_SECRET, KEY, NO_CALLS, SECRET, Gong

WINDOW = {"fromDateTime": "2026-11-01T00:00:00Z", "toDateTime": "2026-11-16T00:00:00Z"}


@pytest.fixture
def gong() -> Iterator[Gong]:
    with Gong() as server:
        ana = server.add_user("Ana Reyes", "ana@ours.example")
        for day in (13, 14):
            started = dt.datetime(2026, 11, day, 8, tzinfo=dt.UTC)
            server.add_call(
                started, ana, [("Ines", "ines@hollisvane.example")], said=[(1, "Hello.")]
            )
        server.page = 1
        yield server


def ask(gong: Gong, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
    method = "GET" if body is None else "POST"
    with httpx.Client(auth=(KEY, SECRET), base_url=gong.url) as client:
        reply = client.request(method, path, params=query, json=body)
        return reply.status_code, reply.json()


def test_a_plain_list_needs_a_beginning_and_has_a_longest_range(gong: Gong) -> None:
    assert ask(gong, "/v2/calls")[0] == 400
    long = {**WINDOW, "fromDateTime": "2026-01-01T00:00:00Z"}
    assert ask(gong, "/v2/calls", **long)[0] == 400
    gong.long_ranges = True
    assert ask(gong, "/v2/calls", **long)[0] == 200


def test_a_conference_is_listed_when_it_was_planned_and_told_whole_when_it_began(
    gong: Gong,
) -> None:
    id = next(iter(gong.talks))
    gong.change(id, scheduled="2026-10-30T08:00:00Z")
    code, page = ask(gong, "/v2/calls", **WINDOW)
    assert (code, page["records"]["totalRecords"]) == (200, 1)
    assert ask(gong, "/v2/calls/extensive", {"filter": WINDOW})[1]["records"]["totalRecords"] == 2


def test_cursors_are_for_one_filter_and_run_out(gong: Gong) -> None:
    first = ask(gong, "/v2/calls", **WINDOW)[1]
    cursor = first["records"]["cursor"]
    assert cursor.count(".") == 2
    second = ask(gong, "/v2/calls", **WINDOW, cursor=cursor)[1]
    assert first["calls"] != second["calls"]
    assert "cursor" not in second["records"]
    assert ask(gong, "/v2/calls", **WINDOW, workspaceId="2", cursor=cursor)[0] == 400
    assert ask(gong, "/v2/calls", **WINDOW, cursor=f"{cursor}x")[0] == 400
    gong.clock.now += 3600
    assert ask(gong, "/v2/calls", **WINDOW, cursor=cursor)[0] == 400


def test_a_cursor_in_the_query_of_a_post_is_not_looked_at(gong: Gong) -> None:
    body: dict[str, Any] = {"filter": {}}
    first = ask(gong, "/v2/calls/extensive", body)[1]
    cursor = first["records"]["cursor"]
    assert ask(gong, "/v2/calls/extensive", body, cursor=cursor)[1]["calls"] == first["calls"]
    other = ask(gong, "/v2/calls/extensive", {**body, "cursor": cursor})[1]
    assert other["calls"] != first["calls"]


def test_a_call_shows_what_was_selected(gong: Gong) -> None:
    def shown(selector: Any) -> Any:
        body = {"filter": {}, "contentSelector": selector}
        return ask(gong, "/v2/calls/extensive", body)[1]["calls"][0]

    assert list(shown(None)) == ["metaData"]
    exposed = {"parties": True, "content": {"brief": True}, "interaction": {"speakers": False}}
    found = shown({"context": "Basic", "exposedFields": exposed})
    assert found.keys() == {"metaData", "context", "parties", "content"}
    assert list(found["content"]) == ["brief"]


def test_transcripts_fit_ids_and_dates_both_and_are_absent_until_ready(gong: Gong) -> None:
    one, two = gong.talks
    late = {"fromDateTime": "2026-11-14T00:00:00Z"}
    both = {"filter": {"callIds": [one, two], **late}}
    rows = ask(gong, "/v2/calls/transcript", both)[1]["callTranscripts"]
    assert [row["callId"] for row in rows] == [two]
    gong.not_ready.add(two)
    code, none = ask(gong, "/v2/calls/transcript", both)
    assert (code, none["errors"]) == (404, [NO_CALLS])


def test_other_paths_and_single_things(gong: Gong) -> None:
    id, user = next(iter(gong.talks)), next(iter(gong.users))
    assert ask(gong, f"/v2/calls/{id}")[1]["call"]["id"] == id
    assert ask(gong, f"/v2/users/{user}")[1]["user"]["emailAddress"] == "ana@ours.example"
    wanted = {"filter": {"userIds": [user]}}
    assert ask(gong, "/v2/users/extensive", wanted)[1]["users"][0]["id"] == user
    code, found = ask(gong, "/v2/nothing")
    assert code == 404
    assert found["errors"] != [NO_CALLS]
    gong.scopes.clear()
    assert ask(gong, "/v2/users")[0] == 403
    gong.trusted = False
    assert ask(gong, "/v2/workspaces")[0] == 403
    assert httpx.get(f"{gong.url}/v2/users").status_code == 403


def test_three_requests_a_second_and_so_many_a_day(gong: Gong) -> None:
    gong.limited = True
    codes = [ask(gong, "/v2/workspaces")[0] for _ in range(4)]
    assert codes == [200, 200, 200, 429]
    gong.clock.now += 1
    gong.daily = 1
    assert [ask(gong, "/v2/workspaces")[0] for _ in range(2)] == [200, 429]


def test_a_refresh_token_is_good_once_and_a_token_only_at_the_customers_address() -> None:
    with Gong(oauth=True) as gong:
        path = f"{gong.url}/oauth2/generate-customer-token"
        form = {"grant_type": "refresh_token", "refresh_token": gong.refresh_token}
        login = (CLIENT, CLIENT_SECRET)
        given = httpx.post(path, auth=login, data=form).json()
        assert httpx.post(path, auth=login, data=form).status_code == 400
        assert httpx.post(path, data=form).status_code == 401
        bearer = {"Authorization": f"Bearer {given['access_token']}"}
        base = given["api_base_url_for_customer"]
        assert httpx.get(f"{base}/v2/workspaces", headers=bearer).status_code == 200
        assert httpx.get(f"{gong.url}/v2/workspaces", headers=bearer).status_code == 401
        assert ask(gong, "/v2/workspaces")[0] == 401


def test_the_sample_has_a_call_of_each_customer() -> None:
    with Gong.sample() as gong:
        page = ask(gong, "/v2/calls/extensive", {"filter": {}})[1]
        assert page["records"]["totalRecords"] == 3
