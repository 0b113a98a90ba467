from __future__ import annotations

import dataclasses
import json
import re
import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from crmctl.model.errors import BusyError
from crmctl.workflow import delivery, outbox
from crmctl.workflow.delivery_record import MAX_ATTEMPTS, Letters, pause
from tests.servers.base import busy
from tests.servers.hook import Hook
from tests.servers.smtp import CUT, PASSWORD, TAKEN, Dripping, Mailroom
from tests.workflow.conftest import World
from tests.workflow.posting import Post


@pytest.fixture
def post(world: World, monkeypatch: pytest.MonkeyPatch) -> Post:
    world.account("acme", "customer", owner="ana", renewal="2026-06-01")
    return Post(world)


@pytest.fixture
def mail(post: Post) -> Iterator[Mailroom]:
    with Mailroom() as found:
        post.environment |= found.environment()
        yield found


def test_an_urgent_message_goes_at_once_and_once(post: Post, mail: Mailroom) -> None:
    message = post.put()
    assert post.states() == ["sent"]
    assert post.deliver() == []
    (received,) = mail.messages
    assert received["To"] == "Ana Example <ana@ours.example>"
    assert received["Subject"] == "Urgent: Acme: reason 1"
    assert received["Auto-Submitted"] == "auto-generated"
    assert received["List-Id"] == "crmctl of Ours <notifications.crmctl.ours.example>"
    assert "X-Crmctl-Possible-Repeat" not in received
    assert [part.get_content_type() for part in received.iter_parts()] == [
        "text/plain",
        "text/html",
    ]
    assert message.key in {m.key for m in outbox.waiting(post.ws.state_dir)[0]}


def test_the_rest_is_one_digest_a_person_and_day(post: Post, mail: Mailroom) -> None:
    for number in range(1, 4):
        post.put(number, urgent=False)
    post.put(4, urgent=False, to=("ana", "ben"))
    assert post.states() == ["sent", "sent"]
    post.put(5, urgent=False)
    assert post.deliver() == []
    assert post.reasons() == {"goes with the digest of 2026-04-01 07:00"}
    assert len(mail.taken) == 2
    assert post.later(days=1).states() == ["sent"]
    assert "reason 5 (2026-04-01)" in str(mail.messages[-1]["Subject"])


def test_a_digest_waits_for_its_hour_and_its_days(post: Post, mail: Mailroom) -> None:
    post.write_config("{channel: email, digest_hour: 10, digest_days: [wednesday]}")
    post.put(1, urgent=False)
    assert post.deliver() == []  # a Tuesday, 9:30
    assert post.reasons() == {"goes with the digest of 2026-04-01 10:00"}
    assert post.later(days=1).deliver() == []
    assert post.later(minutes=30).states() == ["sent"]


def test_without_days_there_is_no_digest(post: Post, mail: Mailroom) -> None:
    post.write_config("{channel: email, digest_days: []}")
    post.put(1, urgent=False)
    post.put(2)
    assert post.states() == ["sent"]
    assert post.reasons() == {"notifications names no digest_days"}


def test_quiet_hours_hold_everything_for_people(post: Post, mail: Mailroom) -> None:
    post.write_config('{channel: email, quiet_hours: "20:00-09:45"}')
    post.put()
    assert post.deliver() == []
    assert post.reasons() == {"quiet hours of ana until 09:45"}
    assert post.later(minutes=15).states() == ["sent"]


@pytest.mark.parametrize(
    ("quiet", "time", "end"),
    [
        ("20:00-07:00", "23:59", "07:00"),
        ("20:00-07:00", "07:00", ""),
        ("20:00-07:00", "20:00", "07:00"),
        ("12:00-13:00", "12:30", "13:00"),
        ("12:00-13:00", "13:30", ""),
        ("", "03:00", ""),
    ],
)
def test_quiet_hours_may_pass_midnight(post: Post, quiet: str, time: str, end: str) -> None:
    post.write_config(f'{{channel: email, quiet_hours: "{quiet}"}}')
    hour, minute = map(int, time.split(":"))
    local = post.now.replace(hour=hour, minute=minute)
    assert post.ws.config.notifications.of("ana").quiet(local) == end


def test_only_urgent_ones_on_request(post: Post, mail: Mailroom) -> None:
    post.put(1, urgent=False)
    post.put(2)
    assert [letter.urgent for letter in post.deliver(urgent_only=True)] == [True]
    assert post.reasons() == {"only urgent messages go now"}


def test_members_may_differ(post: Post, mail: Mailroom) -> None:
    post.write_config("{channel: email, members: {ana: none, ben: {digest_hour: 8}}}")
    post.put(1, to=("ana", "ben"))
    (letter,) = post.deliver()
    assert (letter.to, letter.state) == ("ben", "sent")
    assert post.reasons() == {"notifications in crmctl.yaml give ana no channel"}


def test_what_this_machine_does_not_know_stays_with_the_reason(post: Post) -> None:
    post.put(1)
    post.put(2, to=("zoe",))
    post.put(3, to=())
    post.put(4, to=(), target="war-room")
    assert post.deliver() == []
    assert {wait.why for wait in post.waits} == {"unset", "nobody"}
    assert post.reasons() == {
        "smtp: host and from missing; set CRMCTL_SMTP_HOST and CRMCTL_SMTP_FROM, or run `crmctl auth smtp`",
        "crmctl.yaml has no 'zoe' in its team",
        "nobody is responsible",
        "this machine knows no target 'war-room': set it up with `crmctl auth target_war_room`",
    }
    assert len(outbox.waiting(post.ws.state_dir)[0]) == 4


def test_what_nobody_owns_goes_to_the_default_owner(post: Post, mail: Mailroom) -> None:
    text = (post.world.root / "crmctl.yaml").read_text().replace('owner: ""', "owner: kim")
    post.world.write("crmctl.yaml", text)
    post.put(1, to=())
    assert [letter.to for letter in post.deliver()] == ["kim"]


def test_mail_goes_to_our_own_domain_only(post: Post, mail: Mailroom) -> None:
    """A pull request that changes an address must not lead customers' data out of the house."""
    text = (post.world.root / "crmctl.yaml").read_text()
    post.world.write("crmctl.yaml", text.replace("ana@ours.example", "ana@elsewhere.example"))
    post.put()
    assert post.deliver() == []
    assert post.whys() == {"unset"}
    assert mail.taken == []
    post.environment["CRMCTL_SMTP_DOMAINS"] = "ours.example, elsewhere.example"
    assert post.states() == ["sent"]


def test_later_means_later_and_longer_each_time(post: Post, mail: Mailroom) -> None:
    post.put()
    mail.faults.extend(["451 try later"] * 2)
    (letter,) = post.deliver()
    assert (letter.standing, letter.attempts) == ("waiting", 1)
    assert "451 try later" in letter.said[-1]
    assert post.deliver() == []
    assert post.whys() == {"time"}
    assert post.later(minutes=5).states() == ["waiting"]
    assert post.later(minutes=5).deliver() == []
    assert post.later(minutes=5).states() == ["sent"]
    assert len(mail.taken) == 1


def test_pauses_double_are_bounded_and_heed_the_server() -> None:
    assert [pause(n, None) for n in (1, 2, 3)] == [300, 600, 1200]
    assert pause(50, None) == 12 * 3600
    assert pause(1, 7200.0) == 7200
    assert pause(9, 1.0) == 12 * 3600


def test_an_unknown_recipient_fails_for_good_and_stays_visible(post: Post, mail: Mailroom) -> None:
    mail.refused["ana@ours.example"] = "550 no such user"
    post.put(1)
    post.put(2, to=("ben",))
    assert sorted(post.states()) == ["failed", "sent"]
    assert post.later(days=3).deliver() == []
    assert post.whys() == {"failed"}
    assert "550 no such user" in post.reasons().pop()
    mail.refused.clear()
    assert [letter.state for letter in post.deliver(retry=True)] == ["sent"]


def test_after_many_attempts_it_is_given_up_and_said(post: Post, mail: Mailroom) -> None:
    mail.faults.extend(["451 later"] * 50)
    post.put()
    for _ in range(MAX_ATTEMPTS):
        (letter,) = post.later(days=1).deliver()
    assert letter.state == "failed"
    assert f"given up after {MAX_ATTEMPTS} attempts" in letter.said[-1]
    mail.faults.clear()
    assert [letter.state for letter in post.deliver(retry=True)] == ["sent"]


def test_hung_up_before_it_was_taken_or_behind(post: Post, mail: Mailroom) -> None:
    """Nobody can tell the two apart: the next attempt has the same id and says what it is."""
    post.put()
    mail.faults.extend([TAKEN])
    (letter,) = post.deliver()
    assert letter.standing == "unsure"
    assert post.deliver() == []
    (letter,) = post.later(minutes=10).deliver()
    assert (letter.state, letter.repeat) == ("sent", True)
    first, second = mail.messages
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] == second["Date"]
    assert first["X-Crmctl-Possible-Repeat"] is None
    assert second["X-Crmctl-Possible-Repeat"] == "yes"
    body = second.get_body(("plain",))
    assert body is not None
    assert body.get_content().startswith("This may have reached you before")

    post.put(2)
    mail.faults.extend([CUT])
    assert post.states() == ["unsure"]
    assert [one.repeat for one in post.later(minutes=10).deliver()] == [True]


def test_a_server_that_is_down_is_asked_once_a_run(post: Post, mail: Mailroom) -> None:
    post.environment["CRMCTL_SMTP_PORT"] = "1"
    for number in range(5):
        post.put(number)
    (letter,) = post.deliver()
    assert letter.standing == "waiting"
    assert "ConnectionRefusedError" in letter.said[-1]
    assert len(post.waits) == 4
    post.environment["CRMCTL_SMTP_PORT"] = str(mail.port)
    assert post.later(minutes=6).states() == ["sent"] * 5
    assert mail.connections == 1
    assert not any(message["X-Crmctl-Possible-Repeat"] for message in mail.messages)


def test_one_letter_that_is_refused_leaves_the_others(post: Post, mail: Mailroom) -> None:
    mail.refused["ben@ours.example"] = "550 gone"
    for number, who in enumerate(("ana", "ben", "kim", "ana")):
        post.put(number, to=(who,))
    assert sorted(post.states()) == ["failed", "sent", "sent", "sent"]
    assert mail.connections == 1


def test_a_login_over_tls(post: Post, tmp_path: Path) -> None:
    with Mailroom(tmp_path, login=True) as mail:
        post.environment |= mail.environment()
        post.put(1)
        assert post.states() == ["sent"]

        post.environment["CRMCTL_SMTP_PASSWORD"] = f"{PASSWORD}-wrong"
        post.put(2)
        assert post.deliver() == []
        assert post.whys() == {"unset"}
        assert "535" in post.reasons().pop()

        mail.login_reply = "454 temporary"
        assert post.states() == ["waiting"]
        assert PASSWORD not in post.everything_written()


def test_nothing_is_sent_where_tls_is_not_what_it_should_be(post: Post, tmp_path: Path) -> None:
    post.put()
    with Mailroom() as mail:
        post.environment |= mail.environment() | {"CRMCTL_SMTP_SECURITY": "starttls"}
        assert post.deliver() == []
        assert "offers no STARTTLS" in post.reasons().pop()
        post.environment |= {
            "CRMCTL_SMTP_HOST": "mail.ours.example",
            "CRMCTL_SMTP_SECURITY": "none",
        }
        assert post.deliver() == []
        assert "unencrypted" in post.reasons().pop()
        assert mail.taken == []
    with Mailroom(tmp_path) as mail:
        post.environment |= mail.environment() | {"CRMCTL_SMTP_CA_FILE": ""}
        assert post.deliver() == []
        assert "is not trusted" in post.reasons().pop()
        assert mail.taken == []


def test_a_server_that_drips_is_left(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crmctl.workflow.channels.email.DEADLINE", 0.2)
    with Dripping() as slow:
        post.environment |= {
            "CRMCTL_SMTP_HOST": "127.0.0.1",
            "CRMCTL_SMTP_PORT": str(slow.port),
            "CRMCTL_SMTP_FROM": "crm@ours.example",
            "CRMCTL_SMTP_SECURITY": "none",
        }
        post.put()
        (letter,) = post.deliver()
        assert letter.standing == "waiting"
        assert "did not answer" in letter.said[-1]


HOSTILE = (
    "Evil\r\nBcc: all@elsewhere.example\r\n\r\nhello",
    "line\u2028separator\u2029\u0085end",
    "\x1b]52;c;aGk=\x07\x1b[31mred\x9b0m",
    "<script>alert(1)</script><img src=x onerror=y>",
    "<!channel> <@U07ANA0001> *bold* `code` &lt;",
    "=?utf-8?q?spoofed?= \ud83d lone \u202e reversed",
    ".\r\n.\r\nQUIT",
    "\U0001f468\u200d\U0001f469 " * 100,
    "",
)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_is_only_text(post: Post, mail: Mailroom, hostile: str) -> None:
    post.world.account("acme", "customer", name=hostile.replace("\ud83d", "") or "x")
    subject, body = outbox.clean(hostile, [hostile])
    post.put(1, subject=subject, body=body)
    post.put(2, subject=subject, body=body, urgent=False)
    # As it would be if another program wrote the file.
    post.put(
        3, subject=hostile.encode("utf-8", "replace").decode(), body=hostile.replace("\ud83d", "")
    )
    assert post.states() == ["sent"] * 3
    for message in mail.messages:
        assert message["Bcc"] is None
        assert message["To"] == "Ana Example <ana@ours.example>"
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]", str(message["Subject"]))
        page = message.get_body(("html",))
        assert page is not None
        assert "<script" not in page.get_content()
        assert "<img" not in page.get_content()
        text = message.get_body(("plain",))
        assert text is not None
        assert "\x1b" not in text.get_content()
        assert "crmctl show acme" in text.get_content()


def test_a_bad_address_stops_nobody_else(post: Post, mail: Mailroom) -> None:
    text = (post.world.root / "crmctl.yaml").read_text()
    post.world.write("crmctl.yaml", text.replace("ana@ours.example", "ana @ours..example>"))
    post.put(1)
    post.put(2, to=("ben",))
    assert sorted(post.states()) == ["failed", "sent"]


def test_a_clock_that_went_backwards_stops_nothing(post: Post, mail: Mailroom) -> None:
    post.put()
    mail.faults.append("451 later")
    post.later(days=4000).deliver()
    assert post.later(days=-4000).states() == ["sent"]


def test_two_deliveries_at_once_wait_for_each_other(
    post: Post, mail: Mailroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.put()
    monkeypatch.setattr(delivery, "WAIT", 0.0)
    with delivery.alone(post.ws), pytest.raises(BusyError):
        post.deliver()
    assert mail.taken == []


def test_a_workspace_that_is_busy_is_tidied_later(
    post: Post, mail: Mailroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.put()
    post.deliver()
    monkeypatch.setattr(delivery, "WAIT", 0.0)
    with post.ws.writing("run"):
        post.later(days=91).deliver()
    assert len(outbox.waiting(post.ws.state_dir)[0]) == 1
    post.deliver()
    assert outbox.waiting(post.ws.state_dir)[0] == []


def test_nothing_goes_on_where_tls_did_not_begin(
    post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = smtplib.SMTP.docmd

    def later(self: smtplib.SMTP, command: str, args: str = "") -> tuple[int, bytes]:
        return (454, b"no TLS now") if command == "STARTTLS" else asked(self, command, args)

    monkeypatch.setattr(smtplib.SMTP, "docmd", later)
    with Mailroom(tmp_path) as mail:
        post.environment |= mail.environment()
        post.put(1)
        post.put(2)
        assert "sent" not in post.states()
        assert mail.taken == []
        monkeypatch.undo()
        assert post.later(minutes=6).states() == ["sent", "sent"]


def test_tls_from_the_start(post: Post, tmp_path: Path) -> None:
    with Mailroom(tmp_path, at_once=True) as mail:
        post.environment |= mail.environment()
        post.put()
        assert post.states() == ["sent"]


def test_whoever_meets_a_busy_server_waits_as_long_as_it_asks(
    post: Post, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Hook() as hook:
        post.environment |= {
            "CRMCTL_TARGET_DESK_KIND": "webhook",
            "CRMCTL_TARGET_DESK_HOOK": f"{hook.url}/in",
        }
        hook.fail([busy("7200")])
        for number in range(3):
            post.put(number, to=(), target="desk")
        assert post.states() == ["waiting"]
        assert post.later(minutes=100).deliver() == []
        assert len(hook.posts) == 1
        assert post.later(minutes=21).states() == ["sent"] * 3


def test_what_was_sent_long_ago_goes_and_is_still_known(post: Post, mail: Mailroom) -> None:
    message = post.put()
    kept = post.put(2, to=("zoe",))
    post.deliver()
    post.later(days=91).deliver()
    assert [m.key for m in outbox.waiting(post.ws.state_dir)[0]] == [kept.key]
    assert Letters(post.ws.state_dir).known == {}
    assert outbox.write(post.ws.state_dir, [message]) == []
    assert post.deliver() == []
    assert len(mail.taken) == 1


def test_damaged_entries_are_reported_and_the_rest_goes(post: Post, mail: Mailroom) -> None:
    post.put()
    folder = post.ws.state_dir / outbox.FOLDER
    (folder / "broken.json").write_text("{")
    (folder / "letters").mkdir()
    (folder / "letters" / "broken.json").write_text("[]")
    assert len(post.plan().problems) == 2
    assert post.states() == ["sent"]


def test_a_letter_is_on_disk_before_it_is_sent(
    post: Post, mail: Mailroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at the worst moment, the next run knows that it may have gone."""
    post.put()

    def killed(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("smtplib.SMTP.rcpt", killed)
    with pytest.raises(KeyboardInterrupt):
        post.deliver()
    monkeypatch.undo()
    (letter,) = Letters(post.ws.state_dir).known.values()
    assert letter.state == "sending"
    assert letter.standing == "unsure"
    raw = json.loads((post.ws.state_dir / f"outbox/letters/{letter.key}.json").read_text())
    assert raw["since"] == post.clock.time()
    assert post.deliver() == []
    assert [one.repeat for one in post.later(minutes=2).deliver()] == [True]


def test_one_account_without_a_profile_is_told_by_its_folder(post: Post, mail: Mailroom) -> None:
    post.put(1, account="gone", urgent=False)
    assert post.states() == ["sent"]
    text = mail.messages[0].get_body(("plain",))
    assert text is not None
    assert "\ngone\n====\n" in text.get_content().replace("\r\n", "\n")


def test_letters_survive_fields_of_the_future(post: Post) -> None:
    post.put()
    letters = Letters(post.ws.state_dir)
    from crmctl.workflow.delivery_record import Letter

    letter = Letter("a" * 20, "ana", "", "", ("m",), "2026-01-01T00:00:00+00:00")
    letters.put(letter)
    path = letters.folder / f"{letter.key}.json"
    path.write_text(json.dumps({**dataclasses.asdict(letter), "new": 1}))
    assert Letters(post.ws.state_dir).known[letter.key] == letter


def test_mail_leaves_through_one_door() -> None:
    package = Path(delivery.__file__).parents[1]
    users = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(r"^\s*(import|from) smtplib", path.read_text(), re.MULTILINE)
    ]
    assert users == ["workflow/channels/email.py"]
