"""Mail in files: single messages, mbox in all its dialects, Maildir."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.errors import CrmError
from crmctl.model.incoming import Batch
from crmctl.sources import mail_files, mail_mbox
from crmctl.sources.mail_message import parse
from crmctl.workspace.source_settings import EmailSettings
from tests.sources.mailing import INTEREST, events, mail

FROM = b"From bo@acme.example Tue Mar  3 09:00:00 2026\n"
TAKEOUT = b"From 1791234567890123456@xxx Tue Mar 03 09:00:00 +0000 2026\r\n"


def read(path: Path, **how: Any) -> Batch:
    return mail_files.read(path, how.pop("settings", EmailSettings()), INTEREST, **how)


def ids(batch: Batch) -> list[str]:
    return [event.id for event in events(batch)]


def texts(batch: Batch) -> list[str]:
    return [event.fields.get("text", "") for event in events(batch)]


def lf(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n")


class TestSingle:
    @pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", FROM])
    def test_a_message_is_read(self, tmp_path: Path, before: bytes) -> None:
        file = tmp_path / "a.eml"
        file.write_bytes(before + mail(1))
        assert ids(read(file)) == ["m1@acme.example"]
        assert read(file).partial, "a file is never all there is"

    def test_a_folder_is_read_in_the_order_of_names(self, tmp_path: Path) -> None:
        (tmp_path / "deep").mkdir()
        for number, name in enumerate(["b.eml", "a.eml", "deep/c.EML"]):
            (tmp_path / name).write_bytes(mail(number))
        (tmp_path / "notes.txt").write_bytes(mail(9))
        os.mkfifo(tmp_path / "pipe.eml")
        assert ids(read(tmp_path)) == ["m1@acme.example", "m0@acme.example", "m2@acme.example"]

    def test_a_copy_counts_once_and_a_thread_as_a_whole(self, tmp_path: Path) -> None:
        (tmp_path / "1.eml").write_bytes(
            mail(2, "bo@gmail.com", extra="References: <m1@acme.example>\r\n")
        )
        (tmp_path / "2.eml").write_bytes(mail(1))
        (tmp_path / "3.eml").write_bytes(mail(1))
        (tmp_path / "4.eml").write_bytes(mail(3, "friend@gmail.com"))
        assert ids(read(tmp_path)) == ["m2@acme.example", "m1@acme.example"]

    def test_what_cannot_be_read_is_said_and_stops_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "a.eml").write_bytes(mail(1))
        (tmp_path / "b.eml").write_bytes(b"no message")
        (tmp_path / "c.msg").write_bytes(b"\xd0\xcf\x11\xe0")
        (tmp_path / "d.mbox").write_bytes(b"no mbox")
        found = read(tmp_path)
        assert len(ids(found)) == 1
        assert {(r.origin, r.reason.partition(";")[0]) for r in found.rejected} == {
            ("b.eml", "cannot be read as a message (no headers)"),
            ("c.msg", "is Outlook's own format"),
            ("d.mbox", "is no mbox: it does not begin with a From line"),
        }

    def test_no_mail_at_all_is_a_mistake(self, tmp_path: Path) -> None:
        with pytest.raises(CrmError, match="holds no mail"):
            read(tmp_path)
        with pytest.raises(CrmError, match="does not exist"):
            read(tmp_path / "nowhere")

    def test_huge_messages_are_known_by_their_headers(self, tmp_path: Path) -> None:
        (tmp_path / "a.eml").write_bytes(mail(1, body="x" * 3_000_000))
        found = read(tmp_path, settings=EmailSettings(size_limit=1))
        assert ids(found) == ["m1@acme.example"]
        assert texts(found) == [""]

    def test_what_a_person_gave_to_an_account_is_its_own(self, tmp_path: Path) -> None:
        (tmp_path / "a.eml").write_bytes(mail(1, "consultant@gmail.com"))
        (event,) = events(read(tmp_path, claims={"event:m1@acme.example": "borg"}))
        assert event.account.slug == "borg"


class TestMbox:
    def box(self, tmp_path: Path, raw: bytes, name: str = "all.mbox") -> Batch:
        (tmp_path / name).write_bytes(raw)
        return read(tmp_path)

    def test_each_message_is_one(self, tmp_path: Path) -> None:
        raw = b"".join(FROM + lf(mail(n, body=f"Text {n}")) + b"\n" for n in range(5))
        found = self.box(tmp_path, raw)
        assert texts(found) == [f"Text {n}" for n in range(5)]
        assert events(found)[4].origin == "all.mbox:5"

    def test_lines_that_begin_with_from_are_text(self, tmp_path: Path) -> None:
        body = "From here on we pay.\n\nFrom Lisbon, 2026\n\nFrom noon 12:00 to Monday 2026\nno header\n\n>From a quote"
        found = self.box(tmp_path, FROM + lf(mail(1, body=body)) + b"\n" + FROM + lf(mail(2)))
        assert ids(found) == ["m1@acme.example", "m2@acme.example"]
        assert texts(found)[0] == body.replace(">From", "From")

    def test_quoted_lines_come_back_as_they_were(self) -> None:
        assert mail_mbox.unquoted(b"From x\nA: b\n\n>From a\n>>From b\n> From c\n") == (
            b"A: b\n\nFrom a\n>From b\n> From c\n"
        )

    def test_takeouts_own_way(self, tmp_path: Path) -> None:
        labels = "X-Gmail-Labels: =?UTF-8?Q?Opened=2C?=\r\n {}\r\nX-GM-THRID: 17\r\n"
        raw = b"\xef\xbb\xbf"
        raw += TAKEOUT + mail(1, extra=labels.format("Inbox")) + b"\r\n"
        raw += TAKEOUT + mail(2, "bo@gmail.com", extra=labels.format("Inbox")) + b"\r\n"
        raw += TAKEOUT + mail(3, extra=labels.format("Spam")) + b"\r\n"
        raw += TAKEOUT + mail(4, extra=labels.format("=?UTF-8?Q?Entw=C3=BCrfe?=")) + b"\r\n"
        assert ids(self.box(tmp_path, raw)) == ["m1@acme.example", "m2@acme.example"]

    def test_a_folder_of_thunderbird_has_files_without_an_ending(self, tmp_path: Path) -> None:
        (tmp_path / "INBOX.msf").write_text("index")
        assert ids(self.box(tmp_path, FROM + lf(mail(1)), "INBOX")) == ["m1@acme.example"]

    @given(
        st.lists(st.text(alphabet="From >\n:a2026", max_size=60), min_size=1, max_size=6),
        st.booleans(),
    )
    def test_whatever_is_put_in_comes_out(self, bodies: list[str], crlf: bool) -> None:
        """As mboxrd writes it: one more > before each line that begins with From, however many there are."""
        end = b"\r\n" if crlf else b"\n"
        messages = [lf(mail(n, body=body)).replace(b"\n", end) for n, body in enumerate(bodies)]
        raw = b""
        for message in messages:
            quoted = re.sub(rb"(?m)^(>*From )", rb">\1", message)
            raw += FROM.replace(b"\n", end) + quoted + end
        file = io.BytesIO(raw)
        found = list(mail_mbox.pieces(file))
        assert len(found) == len(messages)
        for piece, message in zip(found, messages, strict=True):
            back = mail_mbox.message(file, piece, 1 << 20)
            assert back.rstrip(b"\r\n") == message.rstrip(b"\r\n")
            assert parse(mail_mbox.unquoted(piece.head)).id == parse(message).id

    def test_very_long_lines_are_taken_in_pieces(self) -> None:
        raw = FROM + lf(mail(1, body="x" * 500_000 + "\n\nFrom y")) + b"\n" + FROM + lf(mail(2))
        first, second = mail_mbox.pieces(io.BytesIO(raw))
        assert len(first.head) <= mail_mbox.HEAD + (64 << 10)
        assert (first.start, first.end, second.end) == (0, second.start, len(raw))


class TestMaildir:
    @pytest.fixture
    def maildir(self, tmp_path: Path) -> Path:
        root = tmp_path / "Maildir"
        for folder in (
            "",
            ".Sent",
            ".Clients.K&APw-nstler",
            ".Trash",
            ".Entw&APw-rfe",
            ".INBOX.Spam",
        ):
            for name in ("cur", "new", "tmp"):
                (root / folder / name).mkdir(parents=True)
        return root

    def test_messages_of_all_folders_are_read(self, maildir: Path) -> None:
        (maildir / "new/1772528399.M1P1.host").write_bytes(mail(1))
        (maildir / "cur/1772528399.M2P1.host:2,S").write_bytes(mail(2))
        (maildir / ".Sent/cur/3.host;2,S").write_bytes(mail(3))
        (maildir / ".Clients.K&APw-nstler/cur/4.host:2,").write_bytes(mail(4))
        (maildir / "dovecot-uidlist").write_text("3 V1")
        found = read(maildir)
        assert sorted(ids(found)) == [f"m{n}@acme.example" for n in (1, 2, 3, 4)]
        assert {event.origin for event in events(found)} >= {
            ".Clients.Künstler 4.host",
            "INBOX 1772528399.M1P1.host",
        }

    def test_drafts_rubbish_and_half_written_files_are_not(self, maildir: Path) -> None:
        (maildir / "cur/1.host:2,").write_bytes(mail(1))
        (maildir / "cur/2.host:2,DS").write_bytes(mail(2))
        (maildir / "cur/3.host:2,ST").write_bytes(mail(3))
        (maildir / "tmp/4.host").write_bytes(mail(4))
        for number, folder in enumerate((".Trash", ".Entw&APw-rfe", ".INBOX.Spam"), start=5):
            (maildir / folder / "cur" / f"{number}.host:2,").write_bytes(mail(number))
        assert ids(read(maildir)) == ["m1@acme.example"]

    def test_nothing_is_made_where_nothing_is(self, tmp_path: Path) -> None:
        with pytest.raises(CrmError, match="does not exist"):
            read(tmp_path / "Maildri")
        assert list(tmp_path.iterdir()) == []
