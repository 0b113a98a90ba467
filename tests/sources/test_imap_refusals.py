"""What other IMAP servers say, word for word as they say it: refusals, Gmail's folders, odd shapes of answers."""

from __future__ import annotations

import datetime as dt
import re
import socket
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Self

import pytest

from crmctl.model.errors import ConfigError
from crmctl.sources import email_live
from crmctl.sources import mail_imap_wire as wire
from crmctl.sources.errors import AuthError, QuotaError, SourceError
from crmctl.sources.network import Network
from crmctl.sources.source import Chunk, Request
from crmctl.workspace.machine import Machine
from crmctl.workspace.source_settings import EmailSettings
from tests.servers.clock import FakeClock
from tests.sources.mailing import INTEREST, NOW, SINCE, mail

Answer = str | Callable[[str], str]
OK = {
    "CAPABILITY": "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n{tag} OK done\r\n",
    "LOGIN|AUTHENTICATE": "{tag} OK in\r\n",
    "LOGOUT": "* BYE\r\n{tag} OK out\r\n",
    "ID": "* ID NIL\r\n{tag} OK done\r\n",
    "LIST": '* LIST (\\HasNoChildren) "/" INBOX\r\n{tag} OK done\r\n',
    "STATUS": "* STATUS INBOX (UIDNEXT 1 UIDVALIDITY 7)\r\n{tag} OK done\r\n",
    "EXAMINE": "* 0 EXISTS\r\n* OK [UIDVALIDITY 7]\r\n* OK [UIDNEXT 1]\r\n{tag} OK [READ-ONLY]\r\n",
    "UID": "{tag} OK done\r\n",
}


class Scripted:
    """Answers each command by its name, `OK` where nothing else is said; ``said`` is what it was asked."""

    def __init__(self, greeting: str = "* OK ready", **answers: str) -> None:
        self.answers = OK | answers
        self.greeting = greeting
        self.said: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            with connection, connection.makefile("rwb") as file:
                file.write(f"{self.greeting}\r\n".encode())
                file.flush()
                for raw in file:
                    tag, _, command = raw.decode().strip().partition(" ")
                    self.said.append(command)
                    if command.startswith("AUTHENTICATE"):
                        file.write(b"+ \r\n")
                        file.flush()
                        file.readline()
                    named = next(n for n in self.answers if re.match(n, command))
                    answer = self.answers[named].replace("{tag}", tag)
                    file.write(answer.encode("utf-8", "surrogateescape"))
                    file.flush()
                    if command == "LOGOUT":
                        break


def read(server: Scripted, tmp_path: Path, **given: str) -> list[Chunk]:
    settings = {
        "host": "127.0.0.1",
        "port": str(server.port),
        "security": "none",
        "user": "ana@ours.example",
    }
    settings |= {"password": "secret words"} | given
    machine = Machine(
        {f"CRMCTL_EMAIL_{n.upper()}": v for n, v in settings.items()}, tmp_path / "none"
    )
    source = email_live.connect(machine, EmailSettings(), Network(clock=FakeClock()))
    return list(source.read(Request({}, SINCE, NOW, lambda: INTEREST)))


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (
            "NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)",
            AuthError,
            "refused the login as ana",
        ),
        (
            "NO [ALERT] Application-specific password required: https://x (Failure)",
            AuthError,
            "app password",
        ),
        ("NO LOGIN failed.", AuthError, "refused the login"),
        (
            "BAD User is authenticated but not connected.",
            AuthError,
            "not for the mailbox ana@ours.example",
        ),
        ("NO [UNAVAILABLE] Temporary authentication failure.", SourceError, "run again later"),
        ("NO [ALERT] Too many simultaneous connections. (Failure)", SourceError, "run again later"),
        (
            "NO [OVERQUOTA] Account exceeded command or bandwidth limits.",
            QuotaError,
            "in some hours",
        ),
    ],
)
def test_each_refusal_of_a_login_is_told_for_what_it_is(
    tmp_path: Path, answer: str, kind: type[Exception], said: str
) -> None:
    with (
        Scripted(**{"LOGIN|AUTHENTICATE": f"{{tag}} {answer}\r\n"}) as server,
        pytest.raises((SourceError, AuthError), match=said) as caught,
    ):
        read(server, tmp_path)
    assert type(caught.value) is kind
    assert "secret words" not in str(caught.value)
    assert "b'" not in str(caught.value)


def test_an_allowance_may_end_in_the_middle(tmp_path: Path) -> None:
    said = "{tag} NO [OVERQUOTA] Account exceeded command or bandwidth limits.\r\n"
    with Scripted(EXAMINE=said) as server, pytest.raises(QuotaError, match="gives no more today"):
        read(server, tmp_path)


def test_a_full_house_is_told_at_the_door(tmp_path: Path) -> None:
    with (
        Scripted("* BYE Too many simultaneous connections") as server,
        pytest.raises(SourceError, match="run again later"),
    ):
        read(server, tmp_path)


def test_a_folder_that_may_not_be_opened_costs_the_others_nothing(tmp_path: Path) -> None:
    listed = '* LIST () "/" INBOX\r\n* LIST () "/" Shared\r\n{tag} OK done\r\n'
    with Scripted(LIST=listed, **{'STATUS "Shared"': "{tag} NO [NOPERM] Not yours\r\n"}) as server:
        server.answers = {'STATUS "Shared"': server.answers['STATUS "Shared"']} | server.answers
        (chunk,) = read(server, tmp_path)
    assert chunk.batch.notes == ["email: 127.0.0.1 refused STATUS Shared ([NOPERM] Not yours)"]
    assert chunk.mark == {"folders": {"INBOX": {"last_uid": 0, "uidvalidity": 7}}}


def test_a_mailbox_where_nothing_may_be_opened_is_a_fault(tmp_path: Path) -> None:
    with (
        Scripted(STATUS="{tag} NO [NOPERM] Not yours\r\n") as server,
        pytest.raises(SourceError, match="none of the folders"),
    ):
        read(server, tmp_path)


def test_a_server_without_encryption_is_not_used_as_if_it_had_some(tmp_path: Path) -> None:
    with Scripted() as server, pytest.raises(ConfigError, match="offers no STARTTLS"):
        read(server, tmp_path, security="starttls")
    assert server.said == ["CAPABILITY"], "and no password was sent"


def test_without_a_way_for_them_no_foreign_letters_are_sent(tmp_path: Path) -> None:
    answers = {"CAPABILITY": "* CAPABILITY IMAP4rev1\r\n{tag} OK done\r\n"}
    with Scripted(**answers) as server:
        assert read(server, tmp_path, password='with "quotes"')
        assert r'LOGIN "ana@ours.example" "with \"quotes\""' in server.said
        with pytest.raises(ConfigError, match="plain letters"):
            read(server, tmp_path, password="größe")


HEAD = mail(1).decode().partition("\r\n\r\n")[0] + "\r\n\r\n"
WHOLE = mail(1).decode()


def test_at_gmail_each_message_is_read_once_from_the_folder_of_all(tmp_path: Path) -> None:
    def fetched(uid: int, labels: str, thread: int, what: str, text: str) -> str:
        told = (
            f'UID {uid} FLAGS () INTERNALDATE " 3-Mar-2026 09:00:00 +0000" RFC822.SIZE {len(text)}'
        )
        return f"* {uid} FETCH ({told} X-GM-LABELS ({labels}) X-GM-THRID {thread} {what} {{{len(text)}}}\r\n{text})\r\n"

    stranger = mail(2, "bo@gmail.com").decode()
    heads = fetched(1, "\\\\Inbox Clients", 17, "BODY[HEADER.FIELDS (FROM)]", HEAD)
    heads += fetched(
        2,
        '"\\\\Sent"',
        17,
        "BODY[HEADER.FIELDS (FROM)]",
        stranger.partition("\r\n\r\n")[0] + "\r\n\r\n",
    )
    heads += fetched(3, '"\\\\Draft"', 18, "BODY[HEADER.FIELDS (FROM)]", HEAD.replace("m1@", "m3@"))
    bodies = (
        fetched(1, "", 17, "BODY[]", WHOLE)
        + "* 9 FETCH (FLAGS (\\Seen))\r\n"
        + fetched(2, "", 17, "BODY[]", stranger)
    )
    answers = {
        "CAPABILITY": "* CAPABILITY IMAP4rev1 X-GM-EXT-1 ID AUTH=PLAIN\r\n{tag} OK done\r\n",
        "LIST": '* LIST (\\HasNoChildren) "/" "INBOX"\r\n* LIST (\\All) "/" "[Gmail]/Alle Nachrichten"\r\n'
        '* LIST (\\HasChildren \\Noselect) "/" "[Gmail]"\r\n{tag} OK done\r\n',
        "EXAMINE": "* 3 EXISTS\r\n* OK [UIDVALIDITY 7]\r\n* OK [UIDNEXT 4]\r\n{tag} OK [READ-ONLY]\r\n",
        "UID SEARCH": "* SEARCH 1 2 3\r\n{tag} OK done\r\n",
        "UID FETCH .*HEADER": f"{heads}{{tag}} OK done\r\n",
        r"UID FETCH .*BODY.PEEK\[\]": f"{bodies}{{tag}} OK done\r\n",
    }
    with Scripted() as server:
        server.answers = answers | {
            name: answer for name, answer in OK.items() if name not in answers
        }
        chunks = read(server, tmp_path)
    found = [record for chunk in chunks for record in chunk.batch.records]
    assert [record.id for record in found] == ["m1@acme.example", "m2@acme.example"]
    assert found[1].account.email == "bo@acme.example", "the provider's own thread tells it"
    assert list((chunks[-1].mark or {})["folders"]) == ["[Gmail]/Alle Nachrichten"]
    assert 'ID ("name" "crmctl")' in server.said


class TestWire:
    @pytest.mark.parametrize(
        ("raw", "name"),
        [
            ("Entw&APw-rfe", "Entwürfe"),
            ("a &- b", "a & b"),
            ("&U,BTFw-/x", "台北/x"),
            ("&!!", "&!!"),
            ("&A", "&A"),
            ("&2D0-", "&2D0-"),
        ],
    )
    def test_names_of_folders(self, raw: str, name: str) -> None:
        assert wire.from_utf7(raw) == name

    def test_lists_in_all_their_shapes(self) -> None:
        answers = [
            b'(\\HasNoChildren) "/" INBOX',
            b'(\\Sent) "." "Sent Items"',
            b"() NIL flat",
            b'() "/" "with \\"quotes\\" and \\\\"',
            (b'() "/" {5}', b"a b c"),
            b"",
            b'() "/" "with\x07bell"',
            b"nonsense",
            None,
        ]
        found = [(folder.raw, folder.flags) for folder in wire.folders(answers)]
        assert [raw for raw, _ in found] == [
            "INBOX",
            "Sent Items",
            "flat",
            'with "quotes" and \\',
            "a b c",
        ]
        assert found[1][1] == {"\\sent"}

    def test_numbers_are_those_of_messages(self) -> None:
        assert wire.numbers([b"5 1 2 (MODSEQ 8)"]) == [1, 2, 5]
        assert wire.numbers([None]) == wire.numbers([b""]) == []

    def test_sets_are_short(self) -> None:
        assert wire.uid_set([9, 1, 2, 3, 7]) == "1:3,7,9"

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("03-Mar-2026 07:30:00 +0100", dt.datetime(2026, 3, 3, 6, 30, tzinfo=dt.UTC)),
            (" 3-mar-2026 07:30:00 -0230", dt.datetime(2026, 3, 3, 10, tzinfo=dt.UTC)),
            ("31-Feb-2026 07:30:00 +0000", None),
            ("03-Mär-2026 07:30:00 +0000", None),
            ("01-Jan-0001 00:00:00 +2300", None),
            ("", None),
        ],
    )
    def test_dates_of_the_server(self, text: str, expected: dt.datetime | None) -> None:
        assert wire.internal_date(text) == expected

    def test_months_are_english_everywhere(self) -> None:
        assert wire.search_date(dt.date(2026, 5, 1)) == "1-May-2026"

    def test_status_of_a_folder_whose_name_came_as_a_literal(self) -> None:
        assert wire.stated([(b"{3}", b"a b"), b" (UIDNEXT 4 UIDVALIDITY 7)"]) == {
            "UIDNEXT": 4,
            "UIDVALIDITY": 7,
        }

    def test_answers_to_fetch_in_any_order(self) -> None:
        data = [
            (b"1 (BODY[] {2}", b"ab"),
            b" UID 5 FLAGS (\\Seen))",
            b"4 (UID 6 MODSEQ (11))",
            (b"2 (UID 7 RFC822.SIZE 9 BODY[] {1}", b"c"),
            b")",
            b"2 (UID 7 FLAGS (\\Draft))",
            None,
        ]
        found = wire.fetched(data)
        assert {uid: one.data for uid, one in found.items()} == {5: b"ab", 6: None, 7: b"c"}
        assert found[7].size == 9
        assert not found[7].draft
