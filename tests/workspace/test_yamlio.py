"""YAML in and out: nothing hostile gets in, nothing changes its meaning, and both parsers agree."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
import yaml
import yaml_rs
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crmctl.model.errors import DamagedFile, EditRefused
from crmctl.workspace import yamlfast, yamlio
from crmctl.workspace.splice import same
from crmctl.workspace.yamlio import dump_mapping, dump_scalar, dump_value, line_of, load, load_fast

CORE: list[tuple[str, Any]] = [
    *((text, None) for text in ("", "~", "null", "Null", "NULL")),
    *((text, True) for text in ("true", "True", "TRUE")),
    *((text, False) for text in ("false", "False", "FALSE")),
    *(
        (text, text)
        for text in ("NO", "no", "yes", "Yes", "on", "off", "y", "n", "N", "nULL", "tRue")
    ),
    *(
        (text, text)
        for text in (
            "12:30",
            "12:30:45",
            "190:20:30",
            "0123",
            "1_000",
            "+491511234567",
            "0x1F",
            "0o17",
        )
    ),
    *(
        (text, text)
        for text in (
            "1e3",
            "1.",
            ".5",
            "00.5",
            "--1",
            "1.5.2",
            "2026-1-2",
            "=",
            "inf",
        )
    ),
    *(
        (text, int(text))
        for text in ("0", "-0", "12", "-3", "18446744073709551615", "-9223372036854775808")
    ),
    *((text, float(text)) for text in ("1.5", "-0.25", "1.50", "1.5e3", "6.02E+23", "1.0e-7")),
    ("2026-01-02", date(2026, 1, 2)),
    ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ("2026-01-02 03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ("2026-01-02T03:04", datetime(2026, 1, 2, 3, 4, tzinfo=UTC)),
    ("2026-01-02t03:04:05.25 +02:00", datetime(2026, 1, 2, 1, 4, 5, 250000, tzinfo=UTC)),
    ("2026-01-01T00:30:00+0100", datetime(2025, 12, 31, 23, 30, tzinfo=UTC)),
]


@pytest.mark.parametrize(("text", "value"), CORE)
def test_the_core_schema(text: str, value: Any) -> None:
    assert same(load(f"a: {text}\n"), {"a": value})
    assert same(load(f"a: [{text}]\n" if text else "a: [~]\n"), {"a": [value]})
    assert same(load(f"a: '{text}'\n"), {"a": text})


def test_keys_are_text_as_written() -> None:
    assert load("NO: 1\n2026: 2\ntrue: 3\n2026-01-02: 4\n~: 5\n'': 6\n") == {
        "NO": 1,
        "2026": 2,
        "true": 3,
        "2026-01-02": 4,
        "~": 5,
        "": 6,
    }


BOMB = "a: &a [x, x]\n" + "".join(f"k{i}: &b{i} [*a, *a]\n" for i in range(20))
REFUSED: list[tuple[str, int, str]] = [
    ("a: &x 1\n", 1, "anchors"),
    ("b: 1\na: *x\n", 2, "anchors"),
    (BOMB, 1, "anchors"),
    ("b: &x {k: 1}\n", 1, "anchors"),
    ("&x b: 1\n", 1, "anchors"),
    ("a: {<<: {b: 1}}\n", 1, "merge"),
    ("a: !!python/object/apply:os.system [ls]\n", 1, "tags"),
    ("a: !!bool maybe\n", 1, "tags"),
    ("a: ! x\n", 1, "tags"),
    ("!!str a: 1\n", 1, "tags"),
    ("a: 1\nb: 2\na: 3\n", 3, "'a' appears twice"),
    ('a: 1\n"a": 3\n', 2, "'a' appears twice"),
    ("a: {b: 1, b: 2}\n", 1, "'b' appears twice"),
    ("[a]: 1\n", 1, "key must be text"),
    ("{a: 1}: 1\n", 1, "key must be text"),
    ("a: 1\n---\nb: 2\n", 2, "more than one"),
    ("a: 1\n\tb: 2\n", 2, "not valid YAML"),
    ("a: 'x\n", 2, "not valid YAML"),
    ("a: 1\nb: \x07\n", 2, "not valid YAML"),
    ("a: \x00\n", 1, "NUL"),
    ('a: "\\0"\n', 1, "NUL"),
    ("a:\n - 18446744073709551616\n", 2, "64 bits"),
    ("a: " + "9" * 5000 + "\n", 1, "64 bits"),
    ("a: 1\nb: .nan\n", 2, "finite"),
    ("a: -.INF\n", 1, "finite"),
    ("a: 1.5e999\n", 1, "finite"),
    ("a: 2025-02-30\n", 1, "date"),
    ("a: 0000-00-00\n", 1, "date"),
    ("a: 2024-13-45\n", 1, "date"),
    ("a: 2026-01-02T25:00:00Z\n", 1, "date"),
    ("a: 2026-01-02T10:00:00+99:99\n", 1, "date"),
    ("a: 0001-01-01T00:00:00+10:00\n", 1, "date"),
    ("a: \ud800\n", 1, "not valid YAML"),
    ("a: " + "[" * 40 + "]" * 40 + "\n", 1, "deeper than 32"),
    ("[" * 100_000, 1, "deeper than 32"),
    ("- " * 30_000, 1, "deeper than 32"),
    ("a: {" + "b: {" * 40 + "}" * 41, 1, "deeper than 32"),
    ("a: [" + "1, " * 20_000 + "1]\n", 1, "more than 20,000"),
    ("a: " + "x" * yamlio.MAX_BYTES, 1, "256 KB"),
    ("a: " + "é" * (yamlio.MAX_BYTES // 2), 1, "256 KB"),
]


@pytest.mark.parametrize(("text", "line", "reason"), REFUSED)
@pytest.mark.parametrize("reader", [load, load_fast])
def test_what_is_hostile_or_broken_is_refused_with_its_line(
    reader: Any, text: str, line: int, reason: str
) -> None:
    with pytest.raises(DamagedFile) as caught:
        reader(text, path="x.md", first_line=2)
    (problem,) = caught.value.problems
    assert (problem.path, problem.line, problem.code) == ("x.md", line + 1, "yaml")
    assert reason in problem.message


def test_a_bom_is_read_over_and_an_empty_text_is_nothing() -> None:
    assert load("\ufeffa: 1\n") == load_fast("\ufeffa: 1\n") == {"a": 1}
    assert load("") is load("# c\n") is load_fast("") is load("---\n") is None


def test_lines_are_found_and_a_damaged_text_has_none() -> None:
    text = "a: 1\nb:\n  - x\n  - c: 2\n"
    assert [line_of(text, path) for path in [(), ("a",), ("b", 1, "c"), ("z",)]] == [1, 1, 4, 0]
    assert line_of("a: [", ("a",)) == 0


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(
        allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4
    ),
    st.dates(),
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001 - bounds are naive
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.timezones()),  # noqa: DTZ001
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    st.sampled_from([text for text, _ in CORE]),
    st.from_regex(r"[-+]?[0-9._:eExXoTZ -]{1,20}", fullmatch=True),
)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=400)
@given(scalars)
@example("0015e00000123456")
@example("\x85\u2028\ufeff\x7f")
@example("a #b")
@example(datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2))))
def test_a_scalar_written_reads_back_the_same_everywhere(value: Any) -> None:
    expected = yamlio.normal(value)
    for line in (f"a: {dump_scalar(value)}\n", f"a: [{dump_scalar(value, flow=True)}]\n"):
        assert "\n" not in line[:-1]
        wanted = {"a": [expected]} if line.startswith("a: [") else {"a": expected}
        assert same(load(line), wanted)
        assert same(load_fast(line), wanted)
        if isinstance(value, str):  # what other readers of YAML 1.1 and 1.2 make of it
            assert yaml.safe_load(line) == wanted
            assert yaml_rs.loads(line, parse_datetime=False) == wanted


@settings(max_examples=150)
@given(st.dictionaries(texts, values, max_size=5))
def test_a_mapping_written_reads_back_the_same(data: dict[str, Any]) -> None:
    text = dump_mapping(data)
    assert same(load(text), yamlio.normal(data))
    assert list(load(text) or {}) == list(data)  # type: ignore[call-overload]
    assert dump_mapping(yamlio.normal(data)) == dump_mapping(yamlio.normal(load(text) or {}))


def test_the_written_style() -> None:
    class Tier(StrEnum):
        GOLD = "gold"

    assert dump_mapping(
        {
            "name": "Acme & Søn",
            "tier": Tier.GOLD,
            "id": "0015e00000123456",
            "arr": Decimal("1200.50"),
            "tags": ["a", "b: c"],
            "long": ["word " * 9 + "end"] * 3,
            "people": [{"name": "Ana, O", "role": "user"}],
            "address": {"city": "Oslo", "country": "NO"},
            "none": [],
        }
    ) == (
        'name: Acme & Søn\ntier: gold\nid: "0015e00000123456"\narr: 1200.50\ntags: [a, "b: c"]\n'
        "long:\n"
        + ("  - " + "word " * 9 + "end\n")
        * 3
        + 'people:\n  - {name: "Ana, O", role: user}\n'
        'address:\n  city: Oslo\n  country: "NO"\nnone: []\n'
    )
    assert dump_mapping({}) == "{}\n"
    assert dump_value({"a": 1}, indent=4) == "\n      a: 1"


@pytest.mark.parametrize(
    "value", [2**64, -(2**63) - 1, float("inf"), Decimal("NaN"), b"x", object(), "\0", "\udc80"]
)
def test_what_yaml_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(EditRefused):
        dump_scalar(value)


def outcome(reader: Any, text: str) -> Any:
    try:
        return reader(text, path="x", first_line=1)
    except DamagedFile as error:
        return error.problems


def agree(text: str) -> bool:
    """Whether both readers make the same of a text, be it data or the error they raise."""
    return same(outcome(load_fast, text), outcome(load, text))


LEAVES = [
    *(text for text, _ in CORE),
    *(
        "x",
        "Zoë Ångström",
        "a b  c",
        "a#b",
        "a: b",
        "a:b",
        "https://x.example/?q=a,b#c",
        "a ",
        "tab\tx",
        "don't",
        'a"b',
    ),
    *(
        '"q"',
        '"a\\nb"',
        '"a',
        "'it''s'",
        "'q' x",
        '"q" # c',
        "x # c",
        "x #",
        "[]",
        "[a]",
        "[a, b]",
        "[a,b]",
        "[a, ]",
    ),
    *(
        "[ a ]",
        "{}",
        "{a: 1}",
        "{a: 1, b: x y}",
        "{a: , b}",
        "{true: 1}",
        "{a: 1, a: 2}",
        "[a: b]",
        "[1.5, -2, 'x']",
    ),
    *(
        "{a}",
        "[[a]]",
        "[a",
        "{a: [b]}",
        "|",
        "|-",
        "|+",
        ">",
        "|2",
        "&a x",
        "*a",
        "!x y",
        "2024-02-29",
        "2023-02-29",
    ),
    *(
        "2024-02-28T23:59:59Z",
        "2024-02-28T24:00:00Z",
        "2024-04-31",
        "1999-12-31",
        "9" * 19,
        "0.1000000000000000055511",
    ),
    *(
        "\u00a0x",
        "x\u3000",
        "x\u2028y",
        "\ufeffx",
        "- x",
        "? x",
        "%x",
        "@x",
        "`x",
        "---",
        "...",
        "x:",
        ":x",
        "#x",
        "1.2.3",
    ),
    *(
        "[x y, 12, 2026-01-02]",
        "[-1, - 1]",
        "[a #b, c]",
        "{a: b: c}",
        "['a', \"b\"]",
        "[a]b",
        "{a: 1} x",
        "12 x",
        "x\\n",
    ),
]
SHAPES = [
    "a: {0}\n",
    "a: {0}\nb: {1}\n",
    "a:\n  b: {0}\n  c: {1}\nd: {2}\n",
    "a:\n  - {0}\n  - {1}\n",
    "a:\n- {0}\n- {1}\nb: {2}\n",
    "a: |\n  {0}\n\n  {1}\n\nb: {2}\n",
    "a: |-\n  {0}\n   {1}\n# c\nb: {2}\n",
    "a: |\n  {0}\n\n\n# {1}\n\n# c\nb: {2}\n",
    "a:\n  b: |\n    {0}\n# {1}\n  c: {2}\n",
    "a:\n  b: |\n    {0}\n# {1}\n\n    # x\nc: {2}\n",
    "a: |\n   {0}\n  {1}\n",
    "a: |\n  {0}\n # {1}\nb: {2}\n",
    "\n# {0}\n\nsources:\n\n  gong:\n    id: {1}\n\n  # {2}\n  stripe:\n    id: {0}\n    tags:\n      - {1}\n",
    "a: {0}\n  b: {1}\n",
    "a:\n  b: {0}\n c: {1}\n",
    "a:\n    b: {0}\n    c: {1}\n",
    "a:\n  - {0}\n b: {1}\n",
    "a: {0}\n  {1}\n",
    "a:\n  - {0}\n    {1}\n",
    "a:\n  - x: {0}\n    y: {1}\n",
    "a: {0}\na: {1}\n",
    "a:\n\n# c\n  - {0}\n\n  # d\n  - {1}\n # e\nb: {2}\n",
    "a:\n  b:\n    - {0}\n  c:\n    d: {1}\n    e: |\n      {2}\n",
    "true: {0}\nNULL: {1}\n",
    "a:{0}\n",
    "{0}: {1}\n",
    "{0}\n",
    "a: {0}",
    "a: {0}\r\nb: {1}\r\n",
    "a:  {0}  \n   \n",
]


def test_both_readers_agree_on_every_leaf_in_every_shape() -> None:
    for shape in SHAPES:
        for leaf in LEAVES:
            assert agree(shape.replace("{0}", leaf).replace("{1}", "1").replace("{2}", "z"))
            assert agree(shape.replace("{0}", "x").replace("{1}", leaf).replace("{2}", leaf))


def test_both_readers_agree_on_random_mixtures() -> None:
    rng = random.Random(7)
    for _ in range(4000):
        text = "".join(rng.choice(SHAPES) for _ in range(rng.randint(1, 2)))
        for slot in ("{0}", "{1}", "{2}"):
            text = text.replace(slot, rng.choice(LEAVES))
        if rng.random() < 0.5:
            at = rng.randrange(len(text))
            text = text[:at] + rng.choice(" \n#:-'\"[]{},|x1\t") + text[at + rng.randint(0, 1) :]
        assert agree(text)


@settings(max_examples=500)
@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                "b1",
                ":",
                ": ",
                " ",
                "  ",
                "\n",
                "\n  ",
                "\n    ",
                "- ",
                "#",
                '"',
                "'",
                "[",
                "]",
                "{",
                "}",
                ", ",
                "|\n",
                "1",
                "2026-01-02",
                "null",
                "é",
                "\t",
            ]
        ),
        max_size=25,
    ).map("".join)
    | st.text(max_size=30)
)
def test_both_readers_agree_on_any_text(text: str) -> None:
    assert agree(text)
    assert agree(f"k: {text}\n")


@given(st.dictionaries(texts, values, max_size=5))
def test_both_readers_agree_on_what_is_written(data: dict[str, Any]) -> None:
    assert agree(dump_mapping(data))


PLAIN = """\
id: acc_00003630
name: "Acme Components Inc"
website: https://www.acme.example/path?a=b
created: 2021-08-19
seen: 2026-11-22T10:30:00Z
mrr: 6906.06  # monthly
reference: true
empty:
address:
  street: '133 Meridian Street'
  city: Århus
products: [audit, core, "a b"]
tags:
  - beta
  - reference
champions:
  - {name: Mohamed Kaya, role: user}
summary: |
  Two lines,
    of: text.

# the systems
sources:

  salesforce:
    id: "00131d7c7a3a612c9d"
    employees: 23242
"""


def test_an_everyday_header_is_read_by_the_fast_parser() -> None:
    assert same(yamlfast.load_plain(PLAIN), load(PLAIN))


TRAPS = """\
goals: |
  sources:
    crm: of no key
notes:

  # sources: of a comment
  - "sources: of a list"
  - two
tags:
- one
# crm:
- two
empty:
sources:
  crm:
    plan: pro
    crm: 3
    text: |
      plan: of text
  other:
    plan: [a, b]
seats: 12
plan: {a: 1}
"""


@pytest.mark.parametrize("text", [PLAIN, TRAPS])
def test_lines_of_a_plain_header_are_found_without_parsing(text: str) -> None:
    assert yamlfast.is_plain(text)
    root = yamlio.compose(text)
    told = 0
    for path in {*key_paths(root), ("crm",), ("sources", "plan"), ("notes", 0, "x"), ("",)}:
        start = yamlio.start_of(root, path)
        try:
            found = yamlfast.start_of(text, path)
        except yamlfast.NotPlain:
            assert len(path) > 1
            continue
        told += 1
        assert (found is None) == (start is None), path
        assert text.count("\n", 0, found or 0) == text.count("\n", 0, start or 0), path
    assert told > 20


def key_paths(
    node: yamlio.Node | None, at: tuple[str | int, ...] = ()
) -> Iterator[tuple[str | int, ...]]:
    """Every place in a document, and next to each one that is not there."""
    if isinstance(node, yamlio.Pairs):
        for key, value in node.items:
            yield (*at, str(key.value))
            yield from key_paths(value, (*at, str(key.value)))
        yield (*at, "nosuch")
        yield (*at, 0)
    elif isinstance(node, yamlio.Items):
        for place in range(len(node.items) + 1):
            yield (*at, place)
        yield (*at, "crm")
    elif at:
        yield (*at, 0)
        yield (*at, "crm")


def test_without_the_fast_parser_the_result_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, _ = yamlfast._tools()
    monkeypatch.setattr(yamlfast, "_tools", lambda: (plain, None))
    assert same(load_fast(PLAIN), load(PLAIN))


def test_the_pure_parser_gives_the_same_results(monkeypatch: pytest.MonkeyPatch) -> None:
    # A tab inside bare text is an error to libyaml and a space to the pure parser.
    corpus = [
        PLAIN,
        *(
            shape.replace("{0}", leaf)
            for shape in SHAPES[:6]
            for leaf in LEAVES
            if "\t" not in leaf
        ),
    ]
    compiled = [outcome(load, text) for text in corpus]
    monkeypatch.delattr(yaml, "CSafeLoader")
    for text, wanted in zip(corpus, compiled, strict=True):
        got = outcome(load, text)
        refused = isinstance(wanted, list) and isinstance(got, list)
        assert refused or same(got, wanted)
