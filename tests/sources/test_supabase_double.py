"""The double answers as PostgREST does: statuses, ranges, faults, in its own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from tests.servers import postgres, product
from tests.servers.postgrest import PUBLISHABLE, SECRET, Postgrest, jwt

pytestmark = pytest.mark.skipif(bool(postgres.missing()), reason=postgres.missing() or "-")
OLD = jwt("service_role")


@pytest.fixture(scope="module")
def double() -> Iterator[Postgrest]:
    with Postgrest(schemas=("public", "crm")) as made:
        made.roles[OLD] = "service_role"
        made.run("CREATE TABLE orgs (id int PRIMARY KEY, name text)")
        made.run(
            "CREATE TABLE deals (id int PRIMARY KEY, org int REFERENCES orgs,"
            " buyer int CONSTRAINT bought REFERENCES orgs, title text, won boolean,"
            " worth numeric(12,2), at timestamptz)"
        )
        made.run("CREATE TABLE notes (id int PRIMARY KEY, org int REFERENCES orgs, text text)")
        made.run("CREATE TABLE hidden AS SELECT 1 AS id")
        made.run("INSERT INTO orgs SELECT n, 'Org ' || n FROM generate_series(1, 15) n")
        made.run("INSERT INTO notes VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c, d')")
        made.run(
            "INSERT INTO deals VALUES (1, 1, 2, 'x', true, 12.50, '2026-03-03 09:00:00.1+00'),"
            " (2, 1, 2, NULL, NULL, NULL, NULL)"
        )
        made.run("GRANT SELECT ON orgs, deals, notes TO service_role, anon")
        yield made


@pytest.fixture(scope="module")
def web() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


Ask = Any


@pytest.fixture
def ask(double: Postgrest, web: httpx.Client) -> Ask:
    def asked(path: str, query: str = "", key: str = SECRET, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{double.api}/{path}?{query}" if query else f"{double.api}/{path}"
        return web.get(url, headers=({"apikey": key} if key else {}) | named)

    return asked


@pytest.mark.parametrize(
    ("query", "headers", "code", "content_range", "rows"),
    [
        ("", {}, 200, "0-14/*", 15),
        ("id=eq.99", {}, 200, "*/*", 0),
        ("limit=0", {}, 200, "*/*", 0),
        ("", {"Prefer": "count=exact"}, 200, "0-14/15", 15),
        ("limit=5", {"Prefer": "count=exact"}, 206, "0-4/15", 5),
        ("limit=5&offset=10", {}, 200, "10-14/*", 5),
        ("id=eq.99", {"Prefer": "count=exact"}, 200, "*/0", 0),
        ("offset=100", {}, 200, "*/*", 0),
        ("offset=-3", {}, 200, "0-14/*", 15),
        ("", {"Range": "0-9", "Range-Unit": "items"}, 200, "0-9/*", 10),
        ("limit=3", {"Range": "5-6"}, 200, "5-6/*", 2),
    ],
)
def test_ranges(
    ask: Ask, query: str, headers: Mapping[str, str], code: int, content_range: str, rows: int
) -> None:
    answer = ask("orgs", query, **headers)
    assert (answer.status_code, answer.headers["content-range"]) == (code, content_range)
    assert len(answer.json()) == rows


@pytest.mark.parametrize(
    ("query", "headers"),
    [("offset=100", {"Prefer": "count=exact"}), ("limit=-1", {}), ("", {"Range": "1-0"})],
)
def test_ranges_that_cannot_be(ask: Ask, query: str, headers: Mapping[str, str]) -> None:
    answer = ask("orgs", query, **headers)
    assert answer.status_code == 416
    assert answer.json()["code"] == "PGRST103"
    if "offset" in query:
        assert answer.headers["content-range"] == "*/15"
        assert (
            answer.json()["details"]
            == "An offset of 100 was requested, but there are only 15 rows."
        )


def test_rows_are_capped_without_a_word(ask: Ask, double: Postgrest) -> None:
    double.cap = 4
    answer = ask("orgs", "limit=10")
    double.cap = 1000
    assert (answer.status_code, len(answer.json()), answer.headers["content-range"]) == (
        200,
        4,
        "0-3/*",
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("id=gt.13", [14, 15]),
        ("id=gte.2&id=lt.4", [2, 3]),
        ("id=in.(1,3)", [1, 3]),
        ("name=in.(%22Org 1%22,%22a,b%22)", [1]),
        ("id=not.gt.2", [1, 2]),
        ("name=ilike.*ORG 1", [1]),
        ("name=like.Org 1*&id=lt.11", [1, 10]),
        ("or=(id.eq.1,and(id.gte.5,id.lt.7))", [1, 5, 6]),
        ("or=(name.eq.%22Org 1%22,name.in.(%22Org 2%22,x))", [1, 2]),
        ("not.or=(id.gt.1,id.lt.1)", [1]),
        ("and=(id.gt.1,or(id.lt.3,id.gt.14))", [2, 15]),
        ("id=lte.2&order=id.desc", [2, 1]),
    ],
)
def test_filters(ask: Ask, query: str, found: list[int]) -> None:
    given = [row["id"] for row in ask("orgs", f"select=id&{query}").json()]
    assert given == found if "order" in query else sorted(given) == found


def test_nulls_and_values(ask: Ask) -> None:
    assert ask("deals", "select=id&won=is.null").json() == [{"id": 2}]
    assert ask("deals", "select=id&won=is.true&title=not.is.null").json() == [{"id": 1}]
    assert [r["id"] for r in ask("deals", "order=worth.asc.nullsfirst").json()] == [2, 1]
    assert [r["id"] for r in ask("deals", "order=worth.desc.nullslast,id").json()] == [1, 2]
    assert (
        '"worth":12.50,"at":"2026-03-03T09:00:00.1+00:00"' in ask("deals", "select=worth,at").text
    )
    assert ask("deals", "select=n:worth::text&id=eq.1").json() == [{"n": "12.50"}]


def test_a_plus_in_an_address_is_a_blank(ask: Ask) -> None:
    answer = ask("deals", "at=gt.2026-03-03T09:00:00+00:00")
    assert (answer.status_code, answer.json()["code"]) == (400, "22007")


def test_tables_inside_rows(ask: Ask) -> None:
    assert ask("notes", "select=id,org:orgs(name)&id=eq.1").json() == [
        {"id": 1, "org": {"name": "Org 1"}}
    ]
    many = ask("orgs", "select=id,notes(id)&id=lt.3&order=id").json()
    assert many == [{"id": 1, "notes": [{"id": 1}, {"id": 2}]}, {"id": 2, "notes": [{"id": 3}]}]
    assert ask("deals", "select=orgs!bought(id)&id=eq.1").json() == [{"orgs": {"id": 2}}]
    ambiguous = ask("deals", "select=orgs(id)")
    assert (ambiguous.status_code, ambiguous.json()["code"]) == (300, "PGRST201")
    assert isinstance(ambiguous.json()["details"], list)
    assert ask("deals", "select=notes(id)").json()["code"] == "PGRST200"


def test_one_object(ask: Ask) -> None:
    accept = "application/vnd.pgrst.object+json"
    assert ask("orgs", "id=eq.1", Accept=accept).json() == {"id": 1, "name": "Org 1"}
    answer = ask("orgs", "id=eq.99", Accept=accept)
    assert (answer.status_code, answer.json()) == (
        406,
        {
            "code": "PGRST116",
            "details": "The result contains 0 rows",
            "hint": None,
            "message": "Cannot coerce the result to a single JSON object",
        },
    )


@pytest.mark.parametrize(
    ("path", "query", "code", "told"),
    [
        ("orgz", "", 404, "PGRST205"),
        ("orgs/1", "", 404, "PGRST125"),
        ("orgs", "nope=eq.1", 400, "42703"),
        ("orgs", "id=eq.one", 400, "22P02"),
        ("orgs", "id=0", 400, "PGRST100"),
        ("orgs", "id=is.maybe", 400, "PGRST100"),
        ("orgs", "or=id.eq.1", 400, "PGRST100"),
        ("orgs", "order=id.up", 400, "PGRST100"),
        ("hidden", "", 403, "42501"),
    ],
)
def test_refusals(ask: Ask, path: str, query: str, code: int, told: str) -> None:
    answer = ask(path, query)
    assert (answer.status_code, answer.json()["code"]) == (code, told)
    assert answer.headers["proxy-status"] == f"PostgREST; error={told}"
    assert answer.json().keys() == {"code", "details", "hint", "message"}


def test_refusals_advise(ask: Ask) -> None:
    assert ask("orgz").json() == {
        "code": "PGRST205",
        "details": None,
        "hint": "Perhaps you meant the table 'public.orgs'",
        "message": "Could not find the table 'public.orgz' in the schema cache",
    }
    assert "GRANT SELECT ON public.hidden TO service_role" in ask("hidden").json()["hint"]
    assert ask("hidden", key=PUBLISHABLE).status_code == 401
    odd = ask("orgs", Accept_Profile="sales")
    assert (odd.status_code, odd.json()["message"]) == (406, "Invalid schema: sales")
    assert odd.json()["hint"] == "Only the following schemas are exposed: public, crm"
    assert ask("orgs", "limit=1", Accept_Profile="public").headers["content-profile"] == "public"


@pytest.mark.parametrize(
    ("key", "headers", "message"),
    [
        ("", {}, "No API key found in request"),
        ("sb_secret_other", {}, "Invalid API key"),
        (SECRET, {"User_Agent": "Mozilla/5.0 (X11)"}, "Forbidden use of secret API key in browser"),
    ],
)
def test_the_gateway_refuses_without_a_code(
    ask: Ask, key: str, headers: Mapping[str, str], message: str
) -> None:
    answer = ask("orgs", key=key, **({"User_Agent": "crmctl"} | dict(headers)))
    assert (answer.status_code, answer.json()["message"]) == (401, message)
    assert "code" not in answer.json()


def test_tokens(ask: Ask, double: Postgrest) -> None:
    assert ask("orgs", key=SECRET, Authorization=f"Bearer {SECRET}").status_code == 200
    assert (
        ask("orgs", key=SECRET, Authorization="Bearer a.b").json()["message"]
        == "Expected 3 parts in JWT; got 2"
    )
    assert (
        ask("orgs", key=OLD, Authorization="Bearer a.b.c").json()["message"]
        == "No suitable key or wrong key type"
    )
    assert ask("orgs", key=OLD, Authorization=f"Bearer {OLD}").status_code == 200
    assert ask("hidden", key=OLD).status_code == 401, "without its token an old key is nobody"
    double.expired.add(OLD)
    answer = ask("orgs", key=OLD, Authorization=f"Bearer {OLD}")
    assert (answer.status_code, answer.json()["code"]) == (401, "PGRST303")
    assert answer.headers["www-authenticate"] == (
        'Bearer error="invalid_token", error_description="JWT expired"'
    )


def test_the_sample_is_something_to_play_with(web: httpx.Client) -> None:
    with product.sample() as double:
        tickets = web.get(
            f"{double.api}/support_tickets?limit=3", headers={"apikey": SECRET}
        ).json()
        assert len(tickets) == 3
        assert (
            web.get(f"{double.api}/support_tickets", headers={"apikey": PUBLISHABLE}).json() == []
        )
