"""Splitting front matter: exact to the byte, and every kind of damage named with its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.errors import DamagedFile
from crmctl.workspace.document import parse, parse_nodes

PATH = "accounts/acme/profile.md"


@pytest.mark.parametrize(
    ("raw", "header", "body"),
    [
        (b"---\na: 1\n---\n# Acme\n", "a: 1\n", "# Acme\n"),
        (b"---\na: 1\n---", "a: 1\n", ""),
        (b"---\na: 1\n---\nno final newline", "a: 1\n", "no final newline"),
        (b"\xef\xbb\xbf---\na: 1\n---\n", "a: 1\n", ""),
        (b"---\r\na: 1\r\n---\r\nx\r\n", "a: 1\r\n", "x\r\n"),
        (b"---\r\na: 1\r\n---\r", "a: 1\r\n", ""),
        (b"---\na: 1\n---\nx\n---\ny\n", "a: 1\n", "x\n---\ny\n"),
        (b"---\na: |\n  ---\n  x\n---\n", "a: |\n  ---\n  x\n", ""),
        (b"---\na: 1 # ---\n---\n----\n", "a: 1 # ---\n", "----\n"),
        (b"---\n---\nx", "", "x"),
        (b"---\n# nothing yet\n---\n", "# nothing yet\n", ""),
    ],
)
def test_header_and_body_are_what_stands_between_and_after_the_fences(
    raw: bytes, header: str, body: str
) -> None:
    document = parse(raw, PATH)
    assert (document.header, document.body, document.raw) == (header, body, raw)


@pytest.mark.parametrize(
    ("raw", "line", "code"),
    [
        (b"", 1, "front-matter"),
        (b"# Acme\n", 1, "front-matter"),
        (b"\n---\na: 1\n---\n", 1, "front-matter"),
        (b"--- \na: 1\n---\n", 1, "front-matter"),
        (b"---\na: 1\n", 1, "front-matter"),
        (b"---\na: 1\n--- \n----\n ---\n", 1, "front-matter"),
        (b"---\na: 1\nb: \xff\n---\n", 3, "front-matter"),
        (b"---\na: 1\n---\n\0", 4, "front-matter"),
        (b"---\n- a\n---\n", 2, "front-matter"),
        (b"---\njust text\n---\n", 2, "front-matter"),
        (b"---\na: 1\na: 2\n---\n", 3, "yaml"),
        (b"---\na: [1\n---\n", 3, "yaml"),
        (b"---\na: 1\nb: 2025-02-30\n---\n", 3, "yaml"),
    ],
)
@pytest.mark.parametrize("fast", [False, True])
def test_damage_is_named_with_file_and_line(raw: bytes, line: int, code: str, fast: bool) -> None:
    with pytest.raises(DamagedFile) as caught:
        parse(raw, PATH, fast=fast)
    (problem,) = caught.value.problems
    assert (problem.path, problem.line, problem.code) == (PATH, line, code)


def test_lines_are_those_of_the_file() -> None:
    raw = b"---\r\n# c\r\nname: Acme\r\npeople:\r\n  - n: x\r\n    m: 1\r\n  - y\r\n"
    raw += b"sources:\r\n  gong: {id: 1}\r\n---\r\n"
    document = parse(raw, PATH)
    assert document.line_of(("name",)) == 3
    assert document.line_of(("people",)) == 4
    assert document.line_of(("people", 0, "m")) == 6
    assert document.line_of(("people", 1)) == 7
    assert document.line_of(("sources", "gong", "id")) == 9
    assert document.line_of(("people", 2)) == document.line_of(("nobody",)) == 0
    assert document.line_of(("name", "x")) == 0


def test_reading_with_nodes_gives_the_same_document() -> None:
    raw = b"---\na: [1, {b: c}]\n---\nx\n"
    assert parse_nodes(raw, PATH) == parse(raw, PATH) == parse(raw, PATH, fast=True)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_document_or_a_damaged_file(tail: bytes) -> None:
    for raw in (tail, b"---\n" + tail, b"---\n" + tail + b"\n---\n" + tail):
        try:
            document = parse(raw, PATH)
        except DamagedFile:
            continue
        assert isinstance(document.data, dict)
        assert raw.decode().endswith(document.body)
