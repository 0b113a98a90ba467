"""Mail that was made to hurt: it is read, or refused, in little time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.sources.mail_header import Address, addresses
from crmctl.sources.mail_message import parse

BASE = (
    b"From: Bo Berg <bo@acme.example>\r\nTo: ana@ours.example\r\nMessage-ID: <q1@acme.example>\r\n"
)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(
            b"".join(
                b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
                for n in range(3000)
            ),
            id="nested parts",
        ),
        pytest.param(b"Content-Type: message/rfc822\r\n\r\n" * 3000, id="nested messages"),
        pytest.param(b"To: " + b"(" * 50_000 + b"\r\n\r\n", id="parentheses"),
        pytest.param(b"To: " + b"a@x.example, " * 20_000 + b"\r\n\r\n", id="addresses"),
        pytest.param(b"Subject: " + b"=?utf-8?Q?a?= " * 20_000 + b"\r\n\r\n", id="encoded words"),
        pytest.param(b"Subject: " + b"=?" * 200_000 + b"\r\n\r\n", id="half words"),
        pytest.param(b"References: " + b"<" * 300_000 + b"\r\n\r\n", id="half ids"),
        pytest.param(b"To: " + b'"' * 300_001 + b"\r\n\r\n", id="quotes"),
        pytest.param(b"To: " + b":" * 100_000 + b"a@x.example\r\n\r\n", id="groups"),
        pytest.param(b"Content-Type: text/html\r\n\r\n" + b"<div>" * 100_000, id="deep html"),
        pytest.param(
            b"Content-Type: text/html\r\n\r\n" + b"<blockquote>" * 50_000, id="deep quotes"
        ),
        pytest.param(b"Content-Type: text/html\r\n\r\n" + b'<a "' * 200_000, id="open tags"),
        pytest.param(b"X: y\r\n" * 30_000 + b"\r\n", id="headers"),
        pytest.param(
            b"Content-Type: text/plain; charset*99999999999*=x; " + b"a=b; " * 20_000 + b"\r\n\r\n",
            id="parameters",
        ),
    ],
)
def test_no_message_takes_long(raw: bytes) -> None:
    started = time.process_time()
    found = parse(BASE + raw)
    assert found.senders == (Address("Bo Berg", "bo@acme.example"),)
    assert time.process_time() - started < 5


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for whole in (raw, BASE + raw):
        try:
            found = parse(whole)
        except ValueError:
            continue
        texts = [found.id, found.subject, found.text, *found.attachments, *found.references]
        texts += [part for person in found.people for part in person]
        assert all(text.encode().decode() == text for text in texts)


@given(
    st.lists(
        st.sampled_from(['"', "<", ">", "(", ")", "\\", ",", ";", ":", "@", "a", "x.example", " "]),
        max_size=25,
    )
)
def test_any_address_is_one_that_can_be_used(parts: list[str]) -> None:
    for found in addresses("".join(parts)):
        assert found.email.count("@") >= 1
        assert not set(found.email) & set(" <>,;")
