"""Getting to a mailbox, staying there, and being thrown out: encryption, logins, connections that break."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmctl.model.errors import ConfigError
from crmctl.model.incoming import Batch
from crmctl.sources import email_live
from crmctl.sources.errors import AuthError, QuotaError, SourceError
from crmctl.sources.network import Network
from crmctl.workspace.machine import Machine
from crmctl.workspace.source_settings import EmailSettings
from tests.servers.cutter import Cutter
from tests.servers.dovecot import Mailbox
from tests.sources.mailing import Reader, box, day, events, known, mail, reader

__all__ = ["box", "reader"]


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_encrypted_connections_need_a_certificate_we_trust(
    reader: Reader, box: Mailbox, security: str
) -> None:
    box.add(mail(1))
    port = box.server.tls_port if security == "tls" else box.server.port
    reader.given |= {"security": security, "port": str(port)}
    with pytest.raises(ConfigError, match="is not trusted here; set ca_file"):
        reader.read()
    reader.given["ca_file"] = box.server.ca_file
    assert known(reader.read()) == ["m1@acme.example"]


def test_a_wrong_password_is_said_in_one_sentence(reader: Reader) -> None:
    reader.given["password"] = "wrong words"
    with pytest.raises(AuthError, match="refused the login as ana") as caught:
        reader.read()
    assert "wrong words" not in str(caught.value)
    assert "wrong words" not in "".join(reader.log)


def test_a_token_logs_in(reader: Reader, box: Mailbox) -> None:
    box.add(mail(1))
    reader.given |= {"password": "", "access_token": box.server.tokens.give(box.user)}
    assert known(reader.read()) == ["m1@acme.example"]


def test_a_dead_token_is_refused_without_going_round(reader: Reader) -> None:
    reader.given |= {"password": "", "access_token": "access-token-dead"}
    with pytest.raises(AuthError, match="refused the login"):
        reader.read()


def test_a_token_is_renewed_and_its_successor_kept(reader: Reader, box: Mailbox) -> None:
    box.add(mail(1))
    tokens = box.server.tokens
    reader.given |= {
        "password": "",
        "client_id": "app",
        "refresh_token": tokens.give_refresh(box.user),
        "login_url": f"{tokens.url}/token",
    }
    assert known(reader.read()) == ["m1@acme.example"]
    box.add(mail(2))
    assert known(reader.read()) == ["m2@acme.example"], "the first refresh token is dead by now"


def test_a_token_that_dies_before_the_login_is_replaced(reader: Reader, box: Mailbox) -> None:
    box.add(mail(1))
    tokens = box.server.tokens
    reader.given |= {
        "password": "",
        "client_id": "app",
        "refresh_token": tokens.give_refresh(box.user),
        "login_url": f"{tokens.url}/token",
    }
    source = reader.source()
    source.check().__next__()
    tokens.users.clear()
    assert sum(len(events(chunk.batch)) for chunk in source.read(reader.request())) == 1


def test_a_login_that_cannot_be_checked_now_is_no_wrong_login(reader: Reader, box: Mailbox) -> None:
    reader.given |= {"password": "", "access_token": box.server.tokens.give(box.user)}
    box.server.tokens.down = True
    try:
        with pytest.raises(SourceError, match="cannot take the login now"):
            reader.read()
    finally:
        box.server.tokens.down = False


@pytest.fixture
def many(box: Mailbox) -> Mailbox:
    box.add_all([(mail(n, body=f"Text {n}. " * 50), day(n % 30)) for n in range(60)])
    box.add_all(
        [(mail(n, "ana@ours.example", "bo@acme.example"), day(3)) for n in range(200, 220)], "Sent"
    )
    return box


def test_a_connection_that_breaks_anywhere_is_made_anew(many: Mailbox, tmp_path: Path) -> None:
    plain = Reader(many, tmp_path)
    expected = [event.id for event in events(plain.read())]
    with Cutter(many.server.port, []) as whole:
        through = Reader(many, tmp_path, port=str(whole.port))
        through.read()
    total = max(whole.bytes)
    for cut in range(40, total, total // 8):
        with Cutter(many.server.port, [cut]) as cutter:
            reader = Reader(many, tmp_path, port=str(cutter.port))
            assert [event.id for event in events(reader.read())] == expected, cut
            assert reader.mark == plain.mark
            assert cutter.connections == 2


def test_a_connection_that_keeps_breaking_keeps_what_came(many: Mailbox, tmp_path: Path) -> None:
    plain = Reader(many, tmp_path)
    expected = {event.id for event in events(plain.read())}
    with Cutter(many.server.port, []) as whole:
        Reader(many, tmp_path, port=str(whole.port)).read()
    cuts: list[int | None] = [max(whole.bytes) * 9 // 10, 40, 40, 40]
    with Cutter(many.server.port, cuts) as cutter:
        reader = Reader(many, tmp_path, port=str(cutter.port))
        batch = Batch("email")

        def read() -> None:
            for chunk in reader.source().read(reader.request()):
                batch.add(chunk.batch)
                reader.mark = chunk.mark or {}

        with pytest.raises(SourceError, match="did not answer"):
            read()
        assert reader.clock.slept == [1.0, 2.0, 4.0]
        read()
        assert {event.id for event in events(batch)} == expected
        assert len(events(batch)) == len(expected), "and nothing twice"
        assert reader.mark == plain.mark


def test_nobody_there_is_said_in_one_sentence(reader: Reader) -> None:
    with Cutter(reader.box.server.port, []) as gone:
        port = gone.port
    reader.given["port"] = str(port)
    with pytest.raises(SourceError, match=r"127\.0\.0\.1 did not answer"):
        reader.read()


def test_the_time_of_a_run_is_kept_to(reader: Reader) -> None:
    with pytest.raises(QuotaError, match="time for this run is used up"):
        list(reader.source(budget=0).read(reader.request()))


def test_a_check_says_who_and_what(reader: Reader, box: Mailbox) -> None:
    reader.settings = EmailSettings(folders=["INBOX", "Nowhere"])
    first, folders, missing = reader.source().check()
    assert f"as {box.user}, with no encryption, on this machine" in first
    assert folders == "email: reads 1 of 5 folders: INBOX"
    assert "no folder 'Nowhere'" in missing


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "host and user missing"),
        ({"host": "mail.example", "user": "ana@ours.example"}, "password missing"),
        (
            {"host": "mail.example", "user": "ana@ours.example", "refresh_token": "r"},
            "login_url missing",
        ),
        (
            {"host": "mail.example", "user": "a", "password": "p", "port": "imap"},
            "port 'imap' is none",
        ),
        (
            {"host": "mail.example", "user": "a", "password": "p", "security": "ssl"},
            "security 'ssl' is none",
        ),
        ({"host": "mail.example", "user": "a", "password": "p", "security": "none"}, "unencrypted"),
        ({"host": "mail.example", "user": "a\r\nb", "password": "p"}, "hold no blanks"),
        ({"door": "pop3"}, "door 'pop3' is none"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(
    tmp_path: Path, given: dict[str, str], said: str
) -> None:
    machine = Machine(
        {f"CRMCTL_EMAIL_{name.upper()}": value for name, value in given.items()}, tmp_path / "none"
    )
    with pytest.raises(ConfigError, match=said):
        email_live.connect(machine, EmailSettings(), Network())


def test_the_state_is_named_after_the_mailbox(reader: Reader, box: Mailbox) -> None:
    assert reader.source().state == f"email-{box.user.replace('@', '-').replace('.', '-')}"
