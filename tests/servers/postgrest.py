"""A double of Supabase's Data API. What it answers was made by a real PostgreSQL: values, rights, policies, faults.

Roles are those of Supabase; a table is seen by a role that was granted it, as on projects made after May 2026.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from difflib import get_close_matches
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

import psycopg
from psycopg import sql

from tests.servers.base import Call, Reply, Server
from tests.servers.postgres import cluster
from tests.servers.postgrest_query import Item, Refused, parse

PREFIX = "/rest/v1"
SECRET = "sb_secret_0123456789abcdefghijkl_mnopqrst"
PUBLISHABLE = "sb_publishable_0123456789abcdefghijkl_mnopqrst"
_NO_KEY = {
    "message": "No API key found in request",
    "hint": "No `apikey` request header or url param was found.",
}
_BAD_KEY = {
    "message": "Invalid API key",
    "hint": "Double check your Supabase `anon` or `service_role` API key.",
}
_IN_BROWSER = {
    "message": "Forbidden use of secret API key in browser",
    "hint": "Secret API keys can only be used in a protected environment and should never be used in a browser.",
}
_STATUS = {
    "42703": 400,
    "42P01": 404,
    "23503": 409,
    "23505": 409,
    "21000": 500,
    "57014": 500,
    "57P01": 503,
    "P0001": 400,
}
_STATUS_OF_CLASS = {"08": 503, "53": 503, "40": 500, "22": 400}
_FOREIGN = """
SELECT c.conname, c.conrelid::regclass::text, c.confrelid::regclass::text,
       array(SELECT attname::text FROM unnest(c.conkey) k JOIN pg_attribute ON attrelid = c.conrelid AND attnum = k),
       array(SELECT attname::text FROM unnest(c.confkey) k JOIN pg_attribute ON attrelid = c.confrelid AND attnum = k)
FROM pg_constraint c WHERE c.contype = 'f' ORDER BY c.conname
"""


def jwt(role: str, exp: int = 4_000_000_000) -> str:
    """A key of the old kind. Its signature is only good for the double that was given it."""
    parts = ({"alg": "HS256", "typ": "JWT"}, {"iss": "supabase", "role": role, "exp": exp})
    head, claims = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts
    )
    return f"{head}.{claims}.c2lnbmF0dXJl"


class Postgrest(Server):
    """``roles`` are the keys it accepts with the role of each; ``cap`` rows at most are ever given at once.

    ``slow_above``: more rows than that run into the statement timeout. ``deaf``: the next page is the first again.
    ``bare``: PostgREST alone,
    without a gateway before it. `run` is how a test plays the product that writes into the database.
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        schemas: Sequence[str] = ("public",),
        cap: int = 1000,
        bare: bool = False,
    ) -> None:
        super().__init__(seed)
        self.schemas, self.cap = tuple(schemas), cap
        self._bare, self._prefix = bare, "" if bare else PREFIX
        self.roles = {SECRET: "service_role", PUBLISHABLE: "anon"}
        self.expired: set[str] = set()
        self.slow_above: int | None = None
        self.deaf = False
        self._stack = ExitStack()
        self._made: psycopg.Connection[Any] | None = None

    def __enter__(self) -> Self:
        postgres = cluster()
        for name, attributes in (
            ("anon", ""),
            ("authenticated", ""),
            ("service_role", "BYPASSRLS"),
        ):
            postgres.role(name, f"NOLOGIN {attributes}")
        database = self._stack.enter_context(postgres.database())
        self._made = self._stack.enter_context(postgres.connect(database))
        for schema in self.schemas:
            self.run(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
            self.run(f'GRANT USAGE ON SCHEMA "{schema}" TO anon, authenticated, service_role')
        return super().__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        self._stack.close()

    @property
    def api(self) -> str:
        """The address of the Data API."""
        return f"{self.url}{self._prefix or '/'}"

    def run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Let the superuser do something in the database; its rows."""
        with self._lock:
            done = self._database.execute(statement.encode(), values or None)
            return done.fetchall() if done.description else []

    @property
    def _database(self) -> psycopg.Connection[Any]:
        assert self._made is not None
        return self._made

    def handle(self, call: Call) -> Reply:
        try:
            role = self._role(call)
            if isinstance(role, Reply):
                return role
            return self._answer_as(role, call)
        except Refused as error:
            return _refusal(error.status, error.body)

    def _role(self, call: Call) -> str | Reply:
        """Who asks, as the gateway and the server's check of tokens find out."""
        key = call.headers.get("apikey") or call.query.get("apikey", "")
        bearer = call.headers.get("authorization", "").removeprefix("Bearer ")
        if self._bare:
            return self._role_of_token(bearer) if bearer else "anon"
        if not key:
            return Reply(401, _NO_KEY)
        if key not in self.roles:
            return Reply(401, _BAD_KEY)
        if key.startswith("sb_secret_") and "Mozilla" in call.headers.get("user-agent", ""):
            return Reply(401, _IN_BROWSER)
        if key.startswith("sb_") and bearer in {"", key}:
            return self.roles[key]
        return self._role_of_token(bearer) if bearer else "anon"

    def _role_of_token(self, token: str) -> str | Reply:
        parts = token.split(".")
        if len(parts) != 3:
            return _unauthorized("PGRST301", f"Expected 3 parts in JWT; got {len(parts)}")
        if token in self.expired:
            return _unauthorized("PGRST303", "JWT expired")
        if token not in self.roles:
            return _unauthorized("PGRST301", "No suitable key or wrong key type")
        return self.roles[token]

    def _answer_as(self, role: str, call: Call) -> Reply:
        schema = call.headers.get("accept-profile", self.schemas[0])
        if schema not in self.schemas:
            exposed = f"Only the following schemas are exposed: {', '.join(self.schemas)}"
            raise Refused(406, "PGRST106", f"Invalid schema: {schema}", hint=exposed)
        name = call.path.removeprefix(self._prefix).removeprefix("/")
        if not call.path.startswith(self._prefix) or "/" in name:
            raise Refused(404, "PGRST125", "Invalid path specified in request URL")
        if not name:
            return self._described(role, schema)
        name = unquote(name)
        tables = self._tables(schema)
        if name not in tables:
            close = get_close_matches(name, tables, 1)
            hint = f"Perhaps you meant the table '{schema}.{close[0]}'" if close else None
            message = f"Could not find the table '{schema}.{name}' in the schema cache"
            raise Refused(404, "PGRST205", message, hint=hint)
        try:
            with self._database.transaction():
                return self._rows(role, schema, name, call)
        except psycopg.Error as error:
            return _sql_refusal(error, role, schema, name)

    def _tables(self, schema: str) -> list[str]:
        found = self.run(
            "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'v', 'm', 'p')",
            f'"{schema}"',
        )
        return [name for (name,) in found]

    def _described(self, role: str, schema: str) -> Reply:
        tables = (
            name
            for name in self._tables(schema)
            if self.run(
                "SELECT has_table_privilege(%s, format('%%I.%%I', %s::text, %s::text), 'SELECT')",
                role,
                schema,
                name,
            )[0][0]
        )
        about = {
            "swagger": "2.0",
            "definitions": {name: {"type": "object"} for name in sorted(tables)},
        }
        return Reply(200, about, {"Content-Type": "application/openapi+json; charset=utf-8"})

    def _rows(self, role: str, schema: str, name: str, call: Call) -> Reply:
        table = sql.Identifier(schema, name)
        query = parse([pair for pair in call.pairs if pair[0] != "apikey"], table, deaf=self.deaf)
        limit, offset = _window(call, query.limit, query.offset)
        counting = "count=exact" in call.headers.get("prefer", "")
        most = self.cap if limit is None else min(limit, self.cap)
        if self.slow_above is not None and most > self.slow_above:
            self.run("SET LOCAL statement_timeout = 1")
            self.run("SELECT pg_sleep(1)")
        where = (
            sql.SQL(" WHERE {}").format(sql.SQL(" AND ").join(query.conditions))
            if query.conditions
            else sql.SQL("")
        )
        order = (
            sql.SQL(" ORDER BY {}").format(sql.SQL(", ").join(query.order))
            if query.order
            else sql.SQL("")
        )
        source = sql.SQL("SELECT {} FROM {}{}{} LIMIT {} OFFSET {}").format(
            self._selected(query.items, schema, name),
            table,
            where,
            order,
            sql.Literal(most),
            sql.Literal(offset),
        )
        total = (
            sql.SQL("(SELECT count(*) FROM {}{})").format(table, where)
            if counting
            else sql.SQL("NULL")
        )
        self._database.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
        found = self._database.execute(
            sql.SQL(
                "WITH source AS ({}) SELECT {}, count(*), coalesce(json_agg(rows), '[]')::text"
                " FROM (SELECT * FROM source) rows"
            ).format(source, total)
        ).fetchone()
        assert found is not None
        all_rows, given, body = found
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Content-Range": _range(offset, given, all_rows),
            "Content-Profile": schema,
        }
        if counting:
            headers["Preference-Applied"] = "count=exact"
            if offset and offset >= all_rows:
                details = (
                    f"An offset of {offset} was requested, but there are only {all_rows} rows."
                )
                raise Refused(416, "PGRST103", "Requested range not satisfiable", details)
        if "vnd.pgrst.object" in call.headers.get("accept", ""):
            if given != 1:
                message = "Cannot coerce the result to a single JSON object"
                raise Refused(406, "PGRST116", message, f"The result contains {given} rows")
            headers["Content-Type"] = "application/vnd.pgrst.object+json; charset=utf-8"
            body = json.dumps(json.loads(body)[0])
        return Reply(206 if counting and given < all_rows else 200, body, headers)

    def _selected(self, items: Sequence[Item], schema: str, name: str) -> sql.Composable:
        return sql.SQL(", ").join(self._column(item, schema, name) for item in items)

    def _column(self, item: Item, schema: str, name: str) -> sql.Composable:
        table = sql.Identifier(schema, name)
        if item.parts is not None:
            return self._embedded(item, schema, name)
        if item.name == "*":
            return sql.SQL("{}.*").format(table)
        column = sql.SQL("{}.{}").format(table, sql.Identifier(item.name))
        if item.cast:
            column = sql.SQL("CAST ({} AS {})").format(column, sql.Identifier(item.cast))
        return sql.SQL("{} AS {}").format(column, sql.Identifier(item.alias or item.name))

    def _embedded(self, item: Item, schema: str, name: str) -> sql.Composable:
        """Another table's rows inside each row: one as an object, many as an array."""
        assert item.parts is not None
        links = [
            (constraint, mine, theirs, single)
            for constraint, holder, target, here, there in self.run(_FOREIGN)
            for mine, theirs, single, pair in (
                (here, there, True, (holder, target)),
                (there, here, False, (target, holder)),
            )
            if pair == (name, item.name) and item.hint in {"", constraint, *here}
        ]
        if not links:
            message = f"Could not find a relationship between '{name}' and '{item.name}' in the schema cache"
            details = f"Searched for a foreign key relationship between '{name}' and '{item.name}'"
            details += f" in the schema '{schema}', but no matches were found."
            raise Refused(400, "PGRST200", message, details)
        if len(links) > 1:
            raise _ambiguous(name, item.name, links)
        _, mine, theirs, single = links[0]
        table, other = sql.Identifier(schema, name), sql.Identifier(schema, item.name)
        same = sql.SQL(" AND ").join(
            sql.SQL("{}.{} = {}.{}").format(table, sql.Identifier(a), other, sql.Identifier(b))
            for a, b in zip(mine, theirs, strict=True)
        )
        inner = sql.SQL("SELECT {} FROM {} WHERE {} LIMIT {}").format(
            self._selected(item.parts, schema, item.name),
            other,
            same,
            sql.Literal(1 if single else self.cap),
        )
        shape = (
            "(SELECT row_to_json(x) FROM ({}) x)"
            if single
            else "coalesce((SELECT json_agg(x) FROM ({}) x), '[]')"
        )
        return sql.SQL("{} AS {}").format(
            sql.SQL(shape).format(inner), sql.Identifier(item.alias or item.name)
        )


def _window(call: Call, limit: int | None, offset: int) -> tuple[int | None, int]:
    """Limit and offset; the header counts before the query."""
    stated = re.fullmatch(r"(\d+)-(\d*)", call.headers.get("range", ""))
    if stated:
        first, last = int(stated[1]), int(stated[2]) if stated[2] else None
        if last is not None and last < first:
            details = "The lower boundary must be lower than or equal to the upper boundary in the Range header."
            raise Refused(416, "PGRST103", "Requested range not satisfiable", details)
        return (None if last is None else last - first + 1), first
    if limit is not None and limit < 0:
        details = "Limit should be greater than or equal to zero."
        raise Refused(416, "PGRST103", "Requested range not satisfiable", details)
    return limit, offset


def _range(offset: int, given: int, total: int | None) -> str:
    rows = f"{offset}-{offset + given - 1}" if given else "*"
    return f"{rows}/{'*' if total is None else total}"


def _ambiguous(
    name: str, other: str, links: Sequence[tuple[str, list[str], list[str], bool]]
) -> Refused:
    details = [
        {
            "cardinality": "many-to-one" if single else "one-to-many",
            "embedding": f"{name} with {other}",
            "relationship": f"{constraint} using {name}({', '.join(mine)}) and {other}({', '.join(theirs)})",
        }
        for constraint, mine, theirs, single in links
    ]
    choices = ", ".join(f"'{other}!{constraint}'" for constraint, *_ in links)
    hint = f"Try changing '{other}' to one of the following: {choices}."
    return Refused(
        300,
        "PGRST201",
        f"Could not embed because more than one relationship was found for '{name}' and '{other}'",
        details,
        f"{hint} Find the desired relationship in the 'details' key.",
    )


def _refusal(status: int, body: Mapping[str, Any], **more: str) -> Reply:
    headers = {"Proxy-Status": f"PostgREST; error={body['code']}"}
    if status == 416 and (total := re.search(r"only (\d+) rows", str(body["details"]))):
        headers["Content-Range"] = f"*/{total[1]}"
    return Reply(status, dict(body), headers | more)


def _unauthorized(code: str, message: str) -> Reply:
    challenge = f'Bearer error="invalid_token", error_description="{message}"'
    body = {"code": code, "details": None, "hint": None, "message": message}
    return _refusal(401, body, **{"WWW-Authenticate": challenge})


def _sql_refusal(error: psycopg.Error, role: str, schema: str, name: str) -> Reply:
    code = error.sqlstate or "XX000"
    told = error.diag
    body = {
        "code": code,
        "details": told.message_detail,
        "hint": told.message_hint,
        "message": told.message_primary,
    }
    if code == "42501":
        body["hint"] = (
            f"Grant the required privileges to the current role with: GRANT SELECT ON {schema}.{name} TO {role};"
        )
        challenge = {"WWW-Authenticate": "Bearer"} if role == "anon" else {}
        return _refusal(401 if role == "anon" else 403, body, **challenge)
    return _refusal(_STATUS.get(code) or _STATUS_OF_CLASS.get(code[:2], 400), body)
