from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.servers.base import Call, Reply, busy, cut, hang_up, html, status
from tests.servers.hook import Hook
from tests.servers.slack import TOKEN, Slack
from tests.workflow.conftest import World
from tests.workflow.posting import START, Post

ANA = "U07ANA0001"
CHANNEL = "C07ALERT01"


@pytest.fixture
def post(world: World, monkeypatch: pytest.MonkeyPatch) -> Post:
    world.account("acme", "customer", owner="ana")
    made = Post(world)
    made.write_config("{channel: slack}")
    return made


@pytest.fixture
def slack(post: Post) -> Iterator[Slack]:
    with Slack() as found:
        found.now = int(START)
        found.add_user(ANA, "Ana Example", "ana@ours.example")
        found.add_channel(CHANNEL, "alerts", [ANA])
        post.environment |= {
            "CRMCTL_ALERTS_SLACK_TOKEN": TOKEN,
            "CRMCTL_ALERTS_SLACK_URL": found.url,
            "CRMCTL_TARGET_ROOM_KIND": "slack",
            "CRMCTL_TARGET_ROOM_CHANNEL": CHANNEL,
            "CRMCTL_TARGET_OLD_KIND": "slack_webhook",
            "CRMCTL_TARGET_OLD_HOOK": f"{found.url}/services/T07/B07/private4096",
        }
        yield found


@pytest.fixture
def hook(post: Post) -> Iterator[Hook]:
    with Hook() as found:
        post.environment |= {
            "CRMCTL_TARGET_DESK_KIND": "webhook",
            "CRMCTL_TARGET_DESK_HOOK": f"{found.url}/in/private-4096?key=more-private",
            "CRMCTL_TARGET_DESK_SECRET": "signing-4096",
        }
        yield found


def texts(value: Any) -> Iterator[dict[str, Any]]:
    """Every text object of blocks."""
    if isinstance(value, dict):
        if value.get("type") in {"plain_text", "mrkdwn"}:
            yield value
        for below in value.values():
            yield from texts(below)
    elif isinstance(value, list):
        for below in value:
            yield from texts(below)


def on_post(answer: Any) -> Any:
    """A fault that meets posts only: what comes before, such as a look for a person, passes."""
    return lambda call, reply: answer(call, reply) if call.path.endswith("postMessage") else reply


def test_people_get_direct_messages_and_targets_their_channel(post: Post, slack: Slack) -> None:
    post.put(1)
    post.put(2, to=(), target="room")
    assert post.states() == ["sent", "sent"]
    assert [one["channel"] for one in slack.posted] == ["D07ANA0001", CHANNEL]
    first = slack.posted[0]
    assert (first["mrkdwn"], first["parse"], first["link_names"]) == ("false", "none", "false")
    assert first["text"] == "Urgent: Acme: reason 1"
    assert json.loads(first["metadata"])["event_type"] == "crmctl_letter"


def test_a_channel_gets_one_digest_a_day(post: Post, slack: Slack) -> None:
    for number in range(3):
        post.put(number, to=(), target="room", urgent=False)
    assert post.states() == ["sent"]
    post.put(7, to=(), target="room", urgent=False)
    assert post.deliver() == []
    assert post.later(days=1).states() == ["sent"]


def test_taken_and_then_the_connection_is_lost(post: Post, slack: Slack) -> None:
    post.put()
    slack.before = lambda call: slack.fail([hang_up] if "postMessage" in call.path else [])
    (letter,) = post.deliver()
    assert letter.standing == "unsure"
    slack.before = lambda _call: None
    (letter,) = post.later(minutes=6).deliver()
    assert (letter.state, letter.repeat) == ("sent", False)
    assert letter.said[-1].endswith("had arrived at the first attempt")
    assert len(slack.posted) == 1


def test_lost_before_it_was_taken(post: Post, slack: Slack) -> None:
    post.put()

    def lose(call: Call) -> None:
        if "postMessage" in call.path:
            slack.scopes.discard("chat:write")  # so that nothing is posted
            slack.fail([hang_up])

    slack.before = lose
    assert post.states() == ["unsure"]
    slack.before = lambda _call: None
    slack.scopes.add("chat:write")
    (letter,) = post.later(minutes=6).deliver()
    assert (letter.state, letter.repeat) == ("sent", False)
    assert len(slack.posted) == 1


def test_slack_that_may_not_be_asked_gets_a_marked_repeat(post: Post, slack: Slack) -> None:
    post.put()
    slack.scopes.discard("im:history")
    slack.before = lambda call: slack.fail([hang_up] if "postMessage" in call.path else [])
    assert post.states() == ["unsure"]
    slack.before = lambda _call: None
    (letter,) = post.later(minutes=6).deliver()
    assert (letter.state, letter.repeat) == ("sent", True)
    assert "may have reached you before" in slack.posted[-1]["blocks"]
    assert "may have reached you before" not in slack.posted[0]["blocks"]


def test_slack_that_cannot_be_asked_just_now_gets_nothing(post: Post, slack: Slack) -> None:
    post.put()
    slack.before = lambda call: slack.fail([hang_up] if "postMessage" in call.path else [])
    assert post.states() == ["unsure"]
    slack.before = lambda call: slack.fail([html(503)] if "history" in call.path else [])
    assert post.later(minutes=6).states() == ["unsure"]
    slack.before = lambda _call: None
    assert post.later(hours=1).states() == ["sent"]
    assert len(slack.posted) == 1


@pytest.mark.parametrize("after", ["7200", "30"])
def test_too_many_requests_are_heeded_across_runs(post: Post, slack: Slack, after: str) -> None:
    post.put(1)
    post.put(2, to=(), target="room")
    slack.block("chat.postMessage", after)
    (letter, _) = post.deliver()
    assert letter.standing == "waiting"
    assert post.later(minutes=4).deliver() == []
    if after == "7200":
        assert post.later(minutes=100).deliver() == []
        post.later(minutes=20)
    assert post.later(minutes=1).states() == ["sent"]
    assert len(slack.posted) == 2


@pytest.mark.parametrize(
    ("error", "standing", "why"),
    [
        ("ratelimited", "waiting", ""),
        ("message_limit_exceeded", "waiting", ""),
        ("fatal_error", "unsure", ""),
        ("internal_error", "unsure", ""),
        ("is_archived", "failed", ""),
        ("restricted_action", "failed", ""),
        ("msg_too_long", "failed", ""),
        ("invalid_auth", "", "unset"),
        ("missing_scope", "", "unset"),
        ("account_inactive", "", "unset"),
    ],
)
def test_what_slack_says_is_taken_at_its_word(
    post: Post, slack: Slack, error: str, standing: str, why: str
) -> None:
    post.put(1, to=(), target="room")
    slack.fail([status(200, {"ok": False, "error": error, "needed": "chat:write"})])
    assert post.states() == ([standing] if standing else [])
    assert post.whys() == ({why} if why else set())
    assert error in post.everything_written()


@pytest.mark.parametrize("fault", [html(502), html(200), status(200, "not json")])
def test_an_answer_that_says_nothing_leaves_it_open(post: Post, slack: Slack, fault: Any) -> None:
    post.put(1, to=(), target="room")
    slack.fail([fault])
    assert post.states() == ["unsure"]
    assert post.later(minutes=6).states() == ["sent"]
    assert len(slack.posted) == 1


def test_people_who_are_none_of_ours_get_nothing(post: Post, slack: Slack) -> None:
    """Whatever address or id a pull request puts into crmctl.yaml."""
    slack.add_user("U09GUEST01", "Guest", "kim@ours.example", guest=True)
    slack.add_user("U09BOT0001", "Robot", "ben@ours.example", is_bot=True)
    post.put(1, to=("kim",))
    post.put(2, to=("ben",))
    text = (post.world.root / "crmctl.yaml").read_text()
    text = text.replace("{id: ana,", "{id: ana, ids: {slack: U09GUEST01},")
    post.world.write("crmctl.yaml", text)
    post.put(3)
    assert post.states() == ["failed"] * 3
    assert slack.posted == []


def test_a_stated_id_is_used_and_an_unknown_address_is_told(post: Post, slack: Slack) -> None:
    slack.add_user("U07BEN0001", "Ben", "ben.other@ours.example")
    post.put(1, to=("ben",))
    post.put(2, to=("kim",))
    text = (post.world.root / "crmctl.yaml").read_text()
    post.world.write(
        "crmctl.yaml", text.replace("{id: ben,", "{id: ben, ids: {slack: U07BEN0001},")
    )
    by_name = {letter.to: letter for letter in post.deliver()}
    assert by_name["ben"].state == "sent"
    assert by_name["kim"].state == "failed"
    assert "users_not_found" in by_name["kim"].said[-1]


HOSTILE = (
    "<!channel> <@U07ANA0001> <https://x.example|go> & *bold* \x1b[31m \u202e :boom: " + "&" * 3000
)


def test_no_text_pings_or_formats(post: Post, slack: Slack) -> None:
    post.put(1, subject=HOSTILE[:160], body=HOSTILE)
    post.put(2, urgent=False, subject=HOSTILE[:160], body=HOSTILE)
    post.put(3, urgent=True, subject=HOSTILE[:160], body=HOSTILE, to=(), target="old")
    assert post.states() == ["sent"] * 3
    bodies = [
        *((one["text"], json.loads(one["blocks"])) for one in slack.posted),
        *((one["text"], one["blocks"]) for one in slack.hooked),
    ]
    assert len(bodies) == 3
    for text, blocks in bodies:
        assert len(blocks) <= 50
        for each in [{"type": "plain_text", "text": text}, *texts(blocks)]:
            assert each["type"] == "plain_text"
            assert not {"<", ">", "\x1b", "\u202e"} & set(each["text"])
            assert 0 < len(each["text"]) <= 3000
        assert all(len(b["text"]["text"]) <= 150 for b in blocks if b["type"] == "header")
        assert "&lt;!channel&gt;" in json.dumps(blocks)


def test_a_digest_of_many_fits_into_one_message(post: Post, slack: Slack) -> None:
    for number in range(150):
        slug = f"a{number:03}"
        post.put(number, urgent=False, account=slug, body="Why: something " + "long " * 60)
    assert post.states() == ["sent"]
    blocks = json.loads(slack.posted[0]["blocks"])
    assert len(blocks) <= 50
    assert sum(len(each["text"]) for each in texts(blocks)) < 12_000
    assert "more: crmctl outbox" in json.dumps(blocks[-1])


def test_a_webhook_of_slack(post: Post, slack: Slack) -> None:
    post.put(1, to=(), target="old")
    assert post.states() == ["sent"]
    assert slack.hooked[0]["text"] == "Urgent: Acme: reason 1"
    slack.hook_answer = (404, "no_service")
    post.put(2, to=(), target="old")
    (letter,) = post.deliver()
    assert letter.state == "failed"
    assert "404 no_service" in letter.said[-1]
    assert "private4096" not in post.everything_written()


def test_a_webhook_is_signed_over_its_bytes_and_has_a_key(post: Post, hook: Hook) -> None:
    post.put(1, to=(), target="desk", urgent=False, subject="Ä <b>")
    assert post.states() == ["sent"]
    (call,) = hook.posts
    stamp, signature = (call.headers[f"x-crmctl-{name}"] for name in ("timestamp", "signature"))
    signed = hmac.new(b"signing-4096", f"v0:{stamp}:".encode() + call.body, sha256).hexdigest()
    assert signature == f"v0={signed}"
    assert call.headers["idempotency-key"] == call.json["key"]
    (message,) = call.json["messages"]
    assert (message["account"], message["workflow"]) == ("acme", "health_degradation")
    assert message["subject"] == "Ä <b>"
    assert call.query == {"key": "more-private"}


@pytest.mark.parametrize(
    ("fault", "standing"),
    [
        (status(400, "bad"), "failed"),
        (status(404), "failed"),
        (status(410), "failed"),
        (status(302, Location="https://elsewhere.example/"), "failed"),
        (busy("30"), "waiting"),
        (status(503, Retry_After="30"), "waiting"),
        (status(503), "unsure"),
        (status(500), "unsure"),
        (html(502), "unsure"),
        (hang_up, "unsure"),
    ],
)
def test_what_a_webhook_answers(post: Post, hook: Hook, fault: Any, standing: str) -> None:
    post.put(1, to=(), target="desk")
    hook.fail([fault])
    assert post.states() == [standing]
    (again,) = post.later(minutes=6).deliver(retry=True)
    assert again.state == "sent"
    assert again.repeat == (standing == "unsure")
    first, second = hook.posts
    assert first.body == second.body
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    marks = [one.headers.get("x-crmctl-possible-repeat") for one in hook.posts]
    assert marks == [None, "true" if standing == "unsure" else None]
    assert len(hook.taken) == 1


def test_secrets_stay_secret(post: Post, hook: Hook, slack: Slack) -> None:
    post.put(1, to=(), target="desk")
    post.put(2)

    def echo(call: Call, _reply: Reply) -> Reply:
        return Reply(500, f"{call.path} {call.headers} signing-4096 {TOKEN}")

    hook.fail([echo])
    slack.fail([echo] * 6)
    post.deliver()
    post.environment["CRMCTL_TARGET_DESK_HOOK"] = "https://127.0.0.1:1/in/private-4096"
    post.later(minutes=10).deliver()
    told = post.everything_written()
    assert "target desk" in told
    for secret in ("private-4096", "more-private", "signing-4096", TOKEN):
        assert secret not in told


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"KIND": "pigeon"}, "kind 'pigeon'; allowed: slack, slack_webhook"),
        ({"KIND": "webhook"}, "target_x: hook missing"),
        ({"KIND": "webhook", "HOOK": "http://hooks.example/x"}, "use https"),
        ({"KIND": "webhook", "HOOK": "javascript:alert(1)"}, "is no address of a web server"),
        ({"KIND": "slack", "CHANNEL": CHANNEL}, "alerts_slack: token missing"),
        ({"CHANNEL": "C1"}, "target_x: kind missing"),
    ],
)
def test_settings_that_do_not_do_are_told(
    post: Post, settings: dict[str, str], reason: str
) -> None:
    post.environment |= {f"CRMCTL_TARGET_X_{name}": value for name, value in settings.items()}
    post.put(1, to=(), target="x")
    assert post.deliver() == []
    assert reason in post.reasons().pop()
    assert post.whys() == {"unset"}


def test_a_slack_channel_by_name_is_told(post: Post, slack: Slack) -> None:
    post.environment["CRMCTL_TARGET_ROOM_CHANNEL"] = "#alerts"
    post.put(1, to=(), target="room")
    assert post.deliver() == []
    assert "C07ALERT01" in post.reasons().pop()


def test_a_file_can_be_asked(post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text('{"torn')
    post.environment |= {"CRMCTL_TARGET_LOG_KIND": "file", "CRMCTL_TARGET_LOG_FILE": str(path)}
    post.put(1, to=(), target="log", urgent=False)

    def killed(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("crmctl.workflow.delivery_record.Letter.tried", killed)
    with pytest.raises(KeyboardInterrupt):
        post.deliver()
    monkeypatch.undo()
    (letter,) = post.later(minutes=2).deliver()
    assert (letter.state, letter.repeat) == ("sent", False)
    torn, whole = path.read_text().splitlines()
    assert torn == '{"torn'
    assert json.loads(whole)["messages"][0]["account"] == "acme"
    assert path.stat().st_mode & 0o077 == 0o044 or path.stat().st_mode & 0o077 == 0

    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    post.environment["CRMCTL_TARGET_LOG_FILE"] = str(link)
    post.put(2, to=(), target="log")
    assert post.states() == ["waiting"]
    assert not (tmp_path / "elsewhere").exists()


def test_a_terminal(post: Post) -> None:
    post.environment["CRMCTL_TARGET_HERE_KIND"] = "terminal"
    post.put(1, to=(), target="here")
    assert post.states() == ["sent"]
    assert post.printed[0] == "Urgent: Acme: reason 1"


def test_who_had_a_letter_on_its_way_is_followed_up_where_it_went(post: Post, slack: Slack) -> None:
    post.put()
    slack.before = lambda call: slack.fail([hang_up] if "postMessage" in call.path else [])
    assert post.states() == ["unsure"]
    slack.before = lambda _call: None
    post.write_config("{channel: none}")
    assert post.later(minutes=6).states() == ["sent"]
    assert len(slack.posted) == 1


@pytest.mark.parametrize("seed", range(3))
def test_where_every_third_answer_is_lost_each_message_comes_once(post: Post, seed: int) -> None:
    """What was taken is answered with an error of a proxy, half an answer, or none."""
    with Slack(seed) as slack:
        slack.now = int(START)
        slack.transient = (status(500), html(503), cut, hang_up)
        slack.share = 0.35
        slack.add_user(ANA, "Ana Example", "ana@ours.example")
        slack.add_user("U07BEN0001", "Ben Example", "ben@ours.example")
        post.environment |= {
            "CRMCTL_ALERTS_SLACK_TOKEN": TOKEN,
            "CRMCTL_ALERTS_SLACK_URL": slack.url,
        }
        for number in range(12):
            post.put(number, to=("ana", "ben") if number % 2 else ("ana",), urgent=number % 3 > 0)
        rounds = 0
        while post.plan().due or "time" in {wait.why for wait in post.plan().waits}:
            rounds += 1
            assert rounds < 60
            post.deliver()
            post.later(hours=7)
        keys = [json.loads(one["metadata"])["event_payload"]["key"] for one in slack.posted]
        assert len(keys) == len(set(keys)) == 14
        said = [message for one in slack.posted for message in json.loads(one["blocks"])]
        assert len({f"reason {n}" for n in range(12) if f"reason {n}" in json.dumps(said)}) == 12
