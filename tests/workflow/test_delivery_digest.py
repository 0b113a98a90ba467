from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from crmctl.workflow import digest, outbox
from crmctl.workflow.channels.base import Sheet
from crmctl.workflow.outbox import Message

GOLDEN = Path(__file__).parents[1] / "golden"
ACCOUNTS = {
    "acme": digest.About("Acme & Söhne", "customer", "2026-12-01", "customer · owner ana"),
    "birch": digest.About("Birch <Energy>", "churn_risk", "2027-05-01", "churn risk · owner ana"),
    "cedar": digest.About("Cedar *Rail*", "customer", "2026-09-01", "customer · ARR 12000 EUR"),
}


def message(
    account: str, why: str, *, urgent: bool = False, at: int = 1, body: list[str] | None = None
) -> Message:
    name = ACCOUNTS[account].name if account in ACCOUNTS else account
    lines = body or [
        f"{name} (accounts/{account}/profile.md)",
        "customer · owner ana",
        "",
        f"Why: {why}",
        "What this is for: customers who are about to leave",
        "",
        "Laid out with it:",
        "- create intervention plan: accounts/acme/plans/2026-03-31-intervention-plan.md",
        "- schedule check in call",
        "",
        f"Look: crmctl show {account}, crmctl score {account} --explain",
    ]
    subject, text = outbox.clean(f"{name}: {why}", lines)
    key = outbox.key(account, "w", why, str(at))
    created = f"2026-03-31T09:{at:02}:00+00:00"
    return Message(key, ("ana",), subject, text, account, "w", "1", "notify", created, urgent)


def sample() -> Sheet:
    messages = [
        message("acme", "health_score < 60: health_score is 54.2", at=1),
        message("cedar", "renewal within 90d", at=2),
        message("birch", "health.drop(14d) >= 15: it fell by 18", at=3),
        message("acme", "competitor named: <!channel> & *Rival*", at=4, urgent=True),
        message(
            "cedar", "usage_growth > 50%", at=5, body=["They asked for more seats.", "- 40 now"]
        ),
    ]
    return digest.sheet(messages, ACCOUNTS, day="2026-03-31", who="Ana Example")


def test_the_text_of_a_digest() -> None:
    assert sample().text == (GOLDEN / "delivery-digest.txt").read_text()


def test_the_html_of_a_digest() -> None:
    assert sample().html == (GOLDEN / "delivery-digest.html").read_text()


def test_the_blocks_of_a_digest() -> None:
    assert sample().blocks == json.loads((GOLDEN / "delivery-digest.json").read_text())


def test_urgent_first_then_who_leaves_then_the_nearest_renewal_then_the_oldest() -> None:
    messages = [
        message("dusk", "a", at=1),
        message("dawn", "a", at=2),
        message("acme", "a", at=3),
        message("cedar", "a", at=4),
        message("birch", "a", at=5),
        message("elm", "a", at=6, urgent=True),
    ]
    order = [group.account for group in digest.grouped(messages, ACCOUNTS)]
    assert order == ["elm", "birch", "cedar", "acme", "dusk", "dawn"]


def test_a_single_message_is_its_own_subject() -> None:
    one = [message("acme", "renewal within 90d")]
    assert digest.sheet(one, ACCOUNTS).subject == "Acme & Söhne: renewal within 90d"
    daily = digest.sheet(one, ACCOUNTS, day="2026-03-31", who="Ana")
    assert daily.subject == "Acme & Söhne: renewal within 90d (2026-03-31)"


def test_many_are_told_in_short_and_none_is_left_out_of_a_mail() -> None:
    many = [message(f"a{n:03}", f"reason {n:03}", at=n % 60) for n in range(200)]
    sheet = digest.sheet(many, {}, day="2026-03-31", who="Ana")
    for n in range(200):
        assert f"reason {n:03}" in sheet.text
        assert f"reason {n:03}" in sheet.html
    assert len(sheet.html) < 102_000, "mail readers clip what is longer"
    huge = digest.sheet(many * 20, {}, day="2026-03-31", who="Ana")
    assert "and 3640 more: crmctl outbox" in huge.text
    assert len(huge.html) < 102_000


class Tags(HTMLParser):
    """What a browser would make of it."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        assert {name for name, _ in attrs} <= {"class", "lang", "charset", "name", "content"}

    def handle_data(self, data: str) -> None:
        self.text += data


TAGS = set("html head meta title style body main h1 h2 h3 p section article ul li code".split())


@given(st.text(max_size=300), st.text(max_size=600), st.text(max_size=80))
def test_whatever_a_message_says_is_only_text(subject: str, body: str, name: str) -> None:
    one = Message("k", ("ana",), subject, body, "acme", "w", "1", "a", "2026-03-31T09:00:00Z")
    sheet = digest.sheet([one, one], {"acme": digest.About(name, "", "", body)}, day="d", who=name)
    tags = Tags()
    tags.feed(sheet.html)
    assert tags.names <= TAGS
    assert "\n" not in sheet.subject
    for form in (sheet.subject, sheet.text, sheet.html):
        assert not any(ord(c) < 32 and c not in "\n\t" for c in form)
        form.encode()
    for block in sheet.blocks:
        told = json.dumps(block, ensure_ascii=False)
        assert "<" not in told
        assert "mrkdwn" not in [block["type"], block.get("text", {}).get("type")]
