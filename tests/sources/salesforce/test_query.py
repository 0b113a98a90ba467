from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.errors import ConfigError
from crmctl.sources import salesforce_soql as soql
from crmctl.sources.errors import AuthError, QuotaError, SourceError, StatusError
from crmctl.sources.salesforce_api import Api
from crmctl.sources.salesforce_query import Span, by_ids, walk
from tests.servers.base import Call, Reply, cut, hang_up, html, status
from tests.servers.salesforce import Salesforce
from tests.servers.salesforce_client import NOW, Client
from tests.servers.salesforce_org import SCHEMA
from tests.servers.salesforce_soql import parse


def span(
    api: Api, kind: str = "Account", fields: tuple[str, ...] = ("Id", "Name", "SystemModstamp")
) -> Span:
    described = api.describe(kind)
    assert described is not None
    return Span(described, fields, None, NOW)


def accounts(server: Salesforce, count: int) -> list[str]:
    return [server.org.add("Account", Name=f"Company {number}") for number in range(count)]


def ids_of(api: Api, asked: Span) -> list[str]:
    return [row["Id"] for page in walk(api, asked) for row in page.rows]


# SOQL as text


@given(st.text())
def test_no_text_leaves_its_quotes(text: str) -> None:
    query = parse(soql.select(["Id"], "Account", [soql.among("Name", [text, "x"])]), SCHEMA)
    assert query.conditions[0].values == [text.casefold(), "x"]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_text_is_found_in_itself_whatever_signs_it_has(text: str) -> None:
    query = parse(soql.select(["Id"], "Account", [soql.holds("Name", text)]), SCHEMA)
    assert query.tests[0]({"Name": f"before {text} after"})
    assert not query.tests[0]({"Name": ""})


@pytest.mark.parametrize(
    "name", ["", "Name FROM Account", "a-b", "1a", "a.", "a..b", "Näme", "a\n"]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="API name"):
        soql.select([name], "Account")
    with pytest.raises(ConfigError, match="API name"):
        soql.select(["Id"], name)


def test_times_are_utc_and_bare() -> None:
    berlin = dt.timezone(dt.timedelta(hours=2))
    at = dt.datetime(2026, 3, 2, 11, 0, 0, 7000, tzinfo=berlin)
    assert soql.between("SystemModstamp", at, None) == [
        "SystemModstamp >= 2026-03-02T09:00:00.007Z"
    ]


def test_two_conditions_of_which_one_must_hold() -> None:
    either = soql.either([soql.holds("Website", "a_b.example"), soql.holds("Website", "c%d")])
    query = parse(soql.select(["Id"], "Account", [either, "IsDeleted = false"]), SCHEMA)
    rows = [
        {"Website": site, "IsDeleted": False} for site in ("www.a_b.example", "axb.example", "c%d")
    ]
    assert [all(test(row) for test in query.tests) for row in rows] == [True, False, True]


# Pages


def test_short_pages_are_read_to_the_end(server: Salesforce, client: Client) -> None:
    made = accounts(server, 50)
    server.page_size, server.short_pages = 7, True
    assert ids_of(client.api(), api_span := span(client.api())) == made
    assert api_span.low is None
    assert all(not call.pairs for call in server.calls if "/query/" in call.path)


def test_deleted_rows_come_too(server: Salesforce, client: Client) -> None:
    made = accounts(server, 3)
    server.org.delete(made[0])
    assert ids_of(client.api(), span(client.api())) == [*made[1:], made[0]]


def test_a_lost_cursor_costs_a_page_and_no_row(server: Salesforce, client: Client) -> None:
    made = accounts(server, 40)
    server.page_size = 10
    lost = 0

    def lose(call: Call) -> None:
        nonlocal lost
        if call.path.endswith("-20") and lost < 2:
            lost += 1
            server.cursors.clear()

    server.before = lose
    assert list(dict.fromkeys(ids_of(client.api(), span(client.api())))) == made
    assert lost == 2


def test_cursors_that_never_last_end_the_read(server: Salesforce, client: Client) -> None:
    accounts(server, 40)
    server.page_size = 10
    server.before = lambda call: server.cursors.clear() if "/query/" in call.path else None
    with pytest.raises(StatusError, match="invalid query locator"):
        ids_of(client.api(), span(client.api()))
    assert server.count() < 30


def test_a_page_that_names_itself_ends_the_read(server: Salesforce, client: Client) -> None:
    accounts(server, 3)
    server.looping = True
    with pytest.raises(SourceError, match="circles"):
        ids_of(client.api(), span(client.api()))


def test_a_page_elsewhere_is_not_followed(server: Salesforce, client: Client) -> None:
    accounts(server, 3)
    elsewhere = {"records": [], "done": False, "nextRecordsUrl": "https://evil.example/query/1"}
    api = client.api()
    asked = span(api)
    server.fail([status(200, elsewhere)])
    with pytest.raises(SourceError, match="another host"):
        ids_of(api, asked)


@pytest.mark.parametrize(
    "body", [[], {}, {"records": {}}, {"records": [], "done": False}, {"records": [], "done": "no"}]
)
def test_an_answer_that_is_no_page_is_an_error_and_no_end(
    server: Salesforce, client: Client, body: object
) -> None:
    api = client.api()
    asked = span(api)
    server.fail([status(200, body)])
    with pytest.raises(SourceError):
        ids_of(api, asked)


def test_a_query_that_takes_too_long_is_read_in_parts(server: Salesforce, client: Client) -> None:
    server.org.step = dt.timedelta(hours=5)
    made = accounts(server, 64)
    server.slow_above = 10
    assert ids_of(client.api(), span(client.api())) == made


def test_what_takes_too_long_however_little_it_is_ends_with_advice(
    server: Salesforce, client: Client
) -> None:
    server.org.step = dt.timedelta(milliseconds=1)
    accounts(server, 20)
    server.slow_above = 10
    with pytest.raises(StatusError, match="View All Data"):
        ids_of(client.api(), span(client.api()))
    assert server.count() < 80


def test_what_changes_after_the_beginning_belongs_to_the_next_read(
    server: Salesforce, client: Client
) -> None:
    made = accounts(server, 3)
    server.org.now = NOW
    server.org.change(made[0], Phone="1")
    assert ids_of(client.api(), span(client.api())) == made[1:]


# Long queries


def test_a_long_query_travels_in_a_body(server: Salesforce, client: Client) -> None:
    server.org.schema["Account"] |= {f"Custom_Field_Number_{n}__c": "string" for n in range(400)}
    made = accounts(server, 5)
    server.page_size = 2
    api = client.api()
    asked = span(api, fields=tuple(server.org.schema["Account"]))
    assert ids_of(api, asked) == made
    assert server.count("composite/batch") == 1


def test_an_address_that_is_too_long_for_what_stands_before_is_wrapped(
    server: Salesforce, client: Client
) -> None:
    made = accounts(server, 5)
    api = client.api()
    asked = span(api)
    server.fail([html(414)])
    assert ids_of(api, asked) == made
    assert server.count("composite/batch") == 1


def test_what_is_wrong_inside_a_body_is_told_as_outside(server: Salesforce, client: Client) -> None:
    api = client.api()
    names = ",".join(f"No_Such_Field_{n}__c" for n in range(600))
    with pytest.raises(StatusError, match="No such column") as caught:
        api.rows(f"SELECT {names} FROM Account", "Account")
    assert caught.value.status == 400
    server.fail(
        [status(200, {"results": [{"statusCode": 403, "result": _used_up("TotalRequests")}]})]
    )
    with pytest.raises(QuotaError):
        api.rows(f"SELECT {names} FROM Account", "Account")
    server.fail([status(200, {"results": []})])
    with pytest.raises(SourceError, match="something else"):
        api.rows(f"SELECT {names} FROM Account", "Account")


def test_many_ids_are_asked_for_in_parts(server: Salesforce, client: Client) -> None:
    made = accounts(server, 230)
    api = client.api()
    described = api.describe("Account")
    assert described is not None
    server.calls.clear()
    found = [row["Id"] for rows in by_ids(api, described, ["Id"], "Id", made) for row in rows]
    assert sorted(found) == sorted(made)
    assert server.count() == 3
    assert max(len(call.query["q"]) for call in server.calls) < 2_500


# What an organisation shows


def test_an_object_is_described_once(server: Salesforce, client: Client) -> None:
    server.hidden.add(("Account", "Phone"))
    api = client.api()
    for _ in range(2):
        described = api.describe("Account")
        assert described is not None
        assert described.readable(["Phone", "Name", "Manager__r.Name", "Nobody__r.Name"]) == [
            "Name",
            "Manager__r.Name",
        ]
    assert server.count("describe") == 1


def test_an_object_without_a_stamp_of_its_own_has_the_next_best(client: Client) -> None:
    described = client.api().describe("OpportunityFieldHistory")
    assert described is not None
    assert described.stamp == "CreatedDate"


def test_an_object_that_is_not_there_is_none(server: Salesforce, client: Client) -> None:
    server.unreadable.add("Case")
    api = client.api()
    assert api.describe("Case") is None
    server.fail([status(200, {"name": "Task", "queryable": False, "fields": []})])
    assert api.describe("Task") is None


# Quotas, tokens, faults


def _used_up(which: str) -> list[dict[str, str]]:
    return [{"message": f"{which} Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]


def test_the_days_requests_used_up_end_the_run_at_once(server: Salesforce, client: Client) -> None:
    server.over_limit = "TotalRequests"
    with pytest.raises(QuotaError, match="24 hours"):
        client.api().get("limits")
    assert client.clock.slept == []


def test_too_many_requests_at_once_are_waited_out(server: Salesforce, client: Client) -> None:
    api = client.api()
    api.get("limits")
    server.fail([status(403, _used_up("ConcurrentRequests (Concurrent API Requests)"))] * 2)
    api.get("limits")
    assert len(client.clock.slept) == 2


@pytest.mark.parametrize(
    "tail", ["", "; api-bursts=1/750", "; per-app-api-usage=17/250(appName=sample)"]
)
def test_a_share_of_the_days_requests_is_left_to_others(
    server: Salesforce, client: Client, tail: str
) -> None:
    server.used, server.most, server.header_tail = 798, 1000, tail
    api = client.api()
    api.get("limits")
    assert api.limits() == {"requests today": "201 of 1000 left"}
    api.get("limits")
    with pytest.raises(QuotaError, match="quota_share"):
        api.get("limits")
    assert server.count("limits") == 2


def test_another_apps_share_is_not_ours(server: Salesforce, client: Client) -> None:
    server.fail([None, lambda _call, reply: _with(reply, "per-app-api-usage=249/250(appName=x)")])
    api = client.api()
    api.get("limits")
    assert api.usage is None


def _with(reply: Reply, header: str) -> Reply:
    reply.headers["Sforce-Limit-Info"] = header
    return reply


def test_a_token_that_ran_out_is_renewed_and_the_same_page_asked_again(
    server: Salesforce, client: Client
) -> None:
    made = accounts(server, 30)
    server.page_size = 10

    def expire(call: Call) -> None:
        if call.path.endswith("-10"):
            server.before = lambda _call: None
            server.expire()

    server.before = expire
    assert ids_of(client.api(), span(client.api())) == made


def test_a_renewed_token_that_counts_for_nothing_is_the_end(
    server: Salesforce, client: Client
) -> None:
    server.before = lambda call: None if "oauth2" in call.path else server.expire()
    with pytest.raises(AuthError, match="crmctl auth salesforce"):
        client.api().get("limits")
    assert server.count("oauth2") == 2


def test_what_passes_is_tried_again(server: Salesforce, client: Client) -> None:
    made = accounts(server, 3)
    api = client.api()
    asked = span(api)
    unknown = [{"message": "ErrorId 1", "errorCode": "UNKNOWN_EXCEPTION"}]
    for fault in (
        status(500, unknown),
        html(503),
        status(406),
        status(420),
        status(429),
        cut,
        hang_up,
    ):
        server.fail([fault])
        assert ids_of(api, asked) == made


def test_what_does_not_pass_is_told_with_its_reason(server: Salesforce, client: Client) -> None:
    with pytest.raises(StatusError, match="unexpected token"):
        client.api().rows("SELECT Id FROM Account WHERE Name = 'it's'", "Account")
    with pytest.raises(StatusError, match="type dateTime"):
        client.api().rows("SELECT Id FROM Account WHERE CreatedDate > '2026-01-01'", "Account")
    with pytest.raises(StatusError, match="404"):
        client.api().get("sobjects/Nothing/describe")
