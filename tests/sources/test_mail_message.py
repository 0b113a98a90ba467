"""One message out of its bytes, however odd they are."""

from __future__ import annotations

import base64
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.sources.mail_charset import decoded
from crmctl.sources.mail_header import Address, addresses, ids, line, moment
from crmctl.sources.mail_message import MADE_UP, Message, parse, parse_headers

BASE = (
    b"From: Bo Berg <bo@acme.example>\r\nTo: ana@ours.example\r\nMessage-ID: <q1@acme.example>\r\n"
)


def message(headers: str = "", body: bytes | str = "Hello\r\n", base: bytes = BASE) -> Message:
    raw = body if isinstance(body, bytes) else body.encode()
    return parse(
        base + headers.replace("\n", "\r\n").encode("utf-8", "surrogateescape") + b"\r\n" + raw
    )


def text(content_type: str, body: bytes, more: str = "") -> str:
    return message(f"Content-Type: {content_type}\n{more}", body).text


def multipart(kind: str, *parts: str) -> Message:
    inner = "".join(f"--=b\r\n{part}\r\n" for part in parts)
    return message(f'Content-Type: multipart/{kind}; boundary="=b"\n', f"{inner}--=b--\r\n")


PLAIN = "Content-Type: text/plain; charset=utf-8\r\n\r\nplain"
RICH = "Content-Type: text/html; charset=utf-8\r\n\r\n<p>rich</p>"


class TestCharsets:
    @pytest.mark.parametrize(
        ("charset", "raw", "expected"),
        [
            ("x-unknown", "Größe".encode(), "Größe"),
            ("x-unknown", "Größe".encode("cp1252"), "Größe"),
            ("utf-8", "Größe".encode("latin-1"), "Größe"),
            ("iso-8859-1", "„So“ – 5 €".encode("cp1252"), "„So“ – 5 €"),
            ("us-ascii", "Größe".encode(), "Größe"),
            ("gb2312", "镕基".encode("gbk"), "镕基"),
            ("ks_c_5601-1987", "똠방각하".encode("cp949"), "똠방각하"),
            ("shift_jis", "①髙橋".encode("cp932"), "①髙橋"),
            ("utf8mb4", "naïve 🎉".encode(), "naïve 🎉"),
            ("utf-8mb4", "naïve 🎉".encode(), "naïve 🎉"),
            ("cp-850", "Größe".encode("cp850"), "Größe"),
            ("unicode-1-1-utf-7", b"Gr+APYA3w-e", "Größe"),
            ("ansi_x3.4-1968", b"plain", "plain"),
            ("", "Größe".encode(), "Größe"),
            ("", "Größe".encode("cp1252"), "Größe"),
            ("rot13", b"Uryyb", "Uryyb"),
            ("idna", b"xn--a", "xn--a"),
            ("unicode_escape", b"\\u0041", "\\u0041"),
            ("utf-16", "Größe".encode("utf-16"), "Größe"),
        ],
    )
    def test_text_is_read_as_it_was_meant(self, charset: str, raw: bytes, expected: str) -> None:
        assert decoded(raw, charset) == expected
        kind = f'text/plain; charset="{charset}"' if charset else "text/plain"
        coded = base64.b64encode(raw)
        assert text(kind, coded, "Content-Transfer-Encoding: base64\n") == expected

    def test_one_broken_letter_does_not_spoil_the_others(self) -> None:
        assert decoded("Größe und Maß ".encode() + b"\xff", "utf-8") == "Größe und Maß \ufffd"

    @given(
        st.binary(max_size=200),
        st.sampled_from(["", "utf-8", "utf-7", "utf-16", "gb2312", "hz", "x", "\udc80"]),
    )
    def test_any_bytes_give_text_that_can_be_written(self, raw: bytes, charset: str) -> None:
        found = decoded(raw, charset)
        assert found.encode().decode() == found

    def test_broken_base64_gives_what_it_holds(self) -> None:
        found = text("text/plain", b"SGVsbG8gdGhlcmU*\r\n!!", "Content-Transfer-Encoding: base64\n")
        assert found.startswith("Hello")


class TestHeaders:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            (b"=?utf-8?Q?Gr=C3=B6=C3=9Fe?=", "Größe"),
            (b"=?utf-8?B?R3LDtsOfZQ==?= and more", "Größe and more"),
            (b"=?utf-8?Q?Gr=C3?= =?utf-8?Q?=B6=C3=9Fe?=", "Größe"),
            (b"=?utf-8?Q?Gr=C3=B6?=\r\n =?iso-8859-1?Q?=DFe?=", "Größe"),
            (b"A =?utf-8?Q?B?= C", "A B C"),
            ("Größe".encode("latin-1"), "Größe"),
            ("Größe".encode(), "Größe"),
            (b"one\r\n two", "one two"),
            (b"=?x-evil?Q?a?=", "a"),
            (b"=?utf-8?B?abcde?=", "abcde"),
            (b"=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        ],
    )
    def test_a_subject_is_read_as_it_was_meant(self, raw: bytes, expected: str) -> None:
        assert parse(BASE + b"Subject: " + raw + b"\r\n\r\n").subject == expected

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("Bo Berg <bo@acme.example>", [("Bo Berg", "bo@acme.example")]),
            ("bo@acme.example (Bo Berg)", [("Bo Berg", "bo@acme.example")]),
            (
                '"Berg, Bo" <Bo@ACME.example>, eve@b.example',
                [("Berg, Bo", "Bo@acme.example"), ("", "eve@b.example")],
            ),
            ("a@x.example;b@x.example", [("", "a@x.example"), ("", "b@x.example")]),
            ("jane@x.example <evil@y.example>", [("", "evil@y.example")]),
            ("Team: a@x.example, b@x.example;", [("", "a@x.example"), ("", "b@x.example")]),
            ("undisclosed-recipients:;", []),
            ('""@x.example', [("", '""@x.example')][:0]),
            ("=?utf-8?Q?Berg=2C_Bo?= <bo@acme.example>", [("Berg, Bo", "bo@acme.example")]),
            ('"a \\" <b@c.example>" <bo@acme.example>', [("", "bo@acme.example")]),
            ("<mailto:bo@acme.example>", [("", "bo@acme.example")]),
            ("Bo <bo@bücher.example>", [("Bo", "bo@bücher.example")]),
            ("a@x.example, A@x.example, a@x.example", [("", "a@x.example"), ("", "A@x.example")]),
            ("nobody, (((, <, >, @, ;;;", []),
        ],
    )
    def test_addresses_are_those_that_mail_went_to(
        self, value: str, expected: list[tuple[str, str]]
    ) -> None:
        assert addresses(value) == tuple(Address(*one) for one in expected)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("Tue, 03 Mar 2026 09:00:00 +0100", dt.datetime(2026, 3, 3, 8, tzinfo=dt.UTC)),
            ("Tue, 3 Mar 2026 09:00 -0000", dt.datetime(2026, 3, 3, 9, tzinfo=dt.UTC)),
            ("3 Mar 26 09:00:00 EST", dt.datetime(2026, 3, 3, 14, tzinfo=dt.UTC)),
            ("Tue, 03 Mar 2026 25:00:00 +0000", None),
            ("yesterday", None),
            ("", None),
            ("Tue, 03 Mar 99999999999 09:00:00 +0000", None),
            ("Fri, 31 Dec 9999 23:59:59 -2300", None),
        ],
    )
    def test_dates_are_utc_or_nothing(self, value: str, expected: dt.datetime | None) -> None:
        assert moment(value) == expected

    def test_ids_are_found_among_prose(self) -> None:
        assert ids("Your <a@b.example> of (the) <c@d.example>\r\n\t<a@b.example>") == (
            "a@b.example",
            "c@d.example",
        )
        assert line(" <abc@x.example>\r\n ") == "<abc@x.example>"


class TestIdentity:
    def test_an_id_has_no_brackets_and_no_blanks(self) -> None:
        raw = b"From: bo@acme.example\r\nMessage-ID:\r\n  <q1@acme.example> \r\nMessage-ID: <other@x>\r\n\r\n"
        assert parse(raw).id == "q1@acme.example"

    def test_an_odd_id_is_taken_as_it_is(self) -> None:
        assert (
            parse(b"From: bo@acme.example\r\nMessage-ID: [abc@x.example]\r\n\r\n").id
            == "[abc@x.example]"
        )

    @pytest.mark.parametrize("given", [b"", b"Message-ID: \r\n", b"Message-ID: two words\r\n"])
    def test_without_an_id_the_contents_name_it(self, given: bytes) -> None:
        first = parse(b"From: bo@acme.example\r\n" + given + b"\r\nHello\r\n")
        assert first.id.startswith(MADE_UP)
        assert first.made_up
        assert (
            parse(b"From: bo@acme.example\n" + given.replace(b"\r", b"") + b"\nHello\n").id
            == first.id
        )
        assert parse(b"From: bo@acme.example\r\n" + given + b"\r\nOther\r\n").id != first.id

    def test_an_id_that_no_file_should_hold_is_shortened(self) -> None:
        headers = b"From: bo@acme.example\r\nMessage-ID: <" + b"x" * 5000 + b"\xff@y>\r\n\r\n"
        assert parse(headers).id == parse_headers(headers).id
        assert len(parse(headers).id) < 50

    def test_headers_alone_give_the_same_message(self) -> None:
        whole = message(
            "Subject: Renewal\nReferences: <a@x> <b@x>\nDate: Tue, 03 Mar 2026 09:00:00 +0000\n"
        )
        head = parse_headers(
            BASE
            + b"Subject: Renewal\r\nReferences: <a@x> <b@x>\r\nDate: Tue, 03 Mar 2026 09:00:00 +0000\r\n\r\n"
        )
        for name in ("id", "references", "senders", "to", "subject", "at", "kind", "root"):
            assert getattr(head, name) == getattr(whole, name)

    @pytest.mark.parametrize(
        "before", [b"\xef\xbb\xbf", b"From bo@acme.example Tue Mar  3 09:00:00 2026\r\n", b"\r\n"]
    )
    def test_what_files_put_first_is_no_part_of_it(self, before: bytes) -> None:
        assert parse(before + BASE + b"\r\nHello").id == "q1@acme.example"

    @pytest.mark.parametrize("raw", [b"", b"just text\r\n", b"\r\n\r\nbody", b"\0" * 100])
    def test_what_is_no_message_is_said_to_be_none(self, raw: bytes) -> None:
        with pytest.raises(ValueError, match="cannot be read as a message"):
            parse(raw)


class TestThreads:
    def test_the_oldest_ancestor_names_the_thread(self) -> None:
        found = message("References: <a@x>\n\t<b@x> (comment)\n <c@x>\nIn-Reply-To: <c@x>\n")
        assert found.references == ("a@x", "b@x", "c@x")
        assert found.root == "a@x"

    def test_an_answer_may_name_only_its_parent_in_prose(self) -> None:
        found = message("In-Reply-To: Your message of Tuesday <a@x> and <b@x>\n")
        assert found.references == ("a@x",)

    def test_of_very_many_ancestors_the_first_and_the_last_stay(self) -> None:
        found = message("References: " + " ".join(f"<{n}@x>" for n in range(500)) + "\n")
        assert len(found.references) == 100
        assert (found.references[0], found.references[-1]) == ("0@x", "499@x")


class TestWhen:
    RECEIVED = dt.datetime(2026, 3, 3, 9, 0, 5, tzinfo=dt.UTC)

    def test_the_mailbox_knows_best(self) -> None:
        raw = (
            BASE
            + b"Date: Mon, 01 Jan 2001 00:00:00 +0000\r\nReceived: by x; Tue, 03 Mar 2026 09:00:00 +0000\r\n\r\n"
        )
        assert parse(raw, received=self.RECEIVED).at == self.RECEIVED

    def test_a_mailbox_that_was_moved_does_not(self) -> None:
        raw = BASE + b"Received: by x; Tue, 03 Mar 2026 09:00:00 +0000\r\n\r\n"
        assert parse(
            raw, received=self.RECEIVED + dt.timedelta(days=90)
        ).at == self.RECEIVED.replace(second=0)

    def test_without_a_mailbox_the_last_server_counts_then_the_sender(self) -> None:
        date = "Date: Mon, 02 Mar 2026 09:00:00 +0000\n"
        assert message(
            date + "Received: from y by x; Tue, 03 Mar 2026 09:00:00 +0000\n"
        ).at == dt.datetime(2026, 3, 3, 9, tzinfo=dt.UTC)
        assert message(date).at == dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
        assert message().at is None


class TestKinds:
    @pytest.mark.parametrize(
        ("headers", "kind"),
        [
            ("", ""),
            ("Auto-Submitted: no\n", ""),
            ("Auto-Submitted: auto-replied (vacation)\n", "auto"),
            ("X-Autoreply: yes\n", "auto"),
            ("Precedence: auto_reply\n", "auto"),
            ("List-Id: News <news.acme.example>\nPrecedence: list\n", "list"),
            ("Precedence: bulk\n", "bulk"),
            ("List-Unsubscribe: <https://acme.example>\n", "bulk"),
            ("X-Failed-Recipients: x@y.example\n", "bounce"),
            ("Content-Type: multipart/report; report-type=delivery-status; boundary=b\n", "bounce"),
            (
                "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\n",
                "receipt",
            ),
            ("Content-Type: text/calendar; method=REQUEST\n", "calendar"),
        ],
    )
    def test_what_no_person_wrote_is_told_apart(self, headers: str, kind: str) -> None:
        assert message(headers).kind == kind

    @pytest.mark.parametrize(
        ("sender", "kind"),
        [
            ("noreply@acme.example", "auto"),
            ("No-Reply+7@acme.example", "auto"),
            ("MAILER-DAEMON@acme.example", "bounce"),
            ("reply@acme.example", ""),
            ("nora.eply@acme.example", ""),
        ],
    )
    def test_robots_are_known_by_their_address(self, sender: str, kind: str) -> None:
        assert parse(f"From: {sender}\r\n\r\n".encode()).kind == kind

    def test_an_invitation_is_no_letter(self) -> None:
        invitation = "Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR"
        assert multipart("alternative", PLAIN, invitation).kind == "calendar"
        attached = "Content-Type: text/calendar\r\nContent-Disposition: attachment; filename=a.ics\r\n\r\nBEGIN"
        assert multipart("mixed", PLAIN, attached).kind == ""


class TestBody:
    def test_plain_text_comes_before_html(self) -> None:
        assert multipart("alternative", PLAIN, RICH).text == "plain"
        assert multipart("alternative", RICH).text == "rich"

    def test_a_stub_of_plain_text_does_not(self) -> None:
        stub = "Content-Type: text/plain\r\n\r\nPlease see the HTML version."
        assert multipart("alternative", stub, RICH).text == "Please see the HTML version."
        long = f"Content-Type: text/html\r\n\r\n<p>{'What it is about. ' * 30}</p>"
        assert multipart("alternative", stub, long).text.startswith("What it is about.")
        assert (
            multipart("alternative", "Content-Type: text/plain\r\n\r\n \r\n", RICH).text == "rich"
        )

    def test_attachments_are_names_only(self) -> None:
        named = (
            "Content-Type: application/pdf\r\nContent-Disposition: attachment; "
            "filename*0*=utf-8''Angeb%C3%B6t; filename*1=.pdf\r\n\r\n%PDF"
        )
        path = 'Content-Type: text/plain\r\nContent-Disposition: attachment; filename="../../etc/passwd"\r\n\r\nsecret'
        forwarded = "Content-Type: message/rfc822\r\n\r\nFrom: x@y.example\r\nSubject: inner\r\n\r\ninner text"
        nameless = "Content-Type: image/png\r\n\r\npng"
        found = multipart("mixed", PLAIN, named, path, forwarded, nameless)
        assert found.text == "plain"
        assert found.attachments == ("Angeböt.pdf", "passwd", "message/rfc822", "image/png")

    def test_flowed_text_is_joined(self) -> None:
        body = b"A long \r\nline.\r\n> quoted \r\n> too\r\n-- \r\nBo\r\n"
        assert text("text/plain; format=flowed", body) == "A long line.\n> quoted too\n-- \nBo"
        assert text("text/plain; format=flowed; delsp=yes", b"Donau \r\ndampf\r\n") == "Donaudampf"

    def test_signed_mail_is_read_and_encrypted_mail_is_not(self) -> None:
        seal = "Content-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nx"
        assert multipart("signed", PLAIN, seal).text == "plain"
        assert (
            multipart(
                "encrypted", "Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1", PLAIN
            ).text
            == ""
        )

    def test_text_between_attachments_is_text(self) -> None:
        image = "Content-Type: image/png\r\n\r\npng"
        assert multipart("mixed", PLAIN, image, PLAIN).text == "plain\n\nplain"
