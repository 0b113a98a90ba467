from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.sources.slack_text import NO_NAMES, Names, cut, mentions, plain, without_tokens, words

NAMES = Names(
    lambda user: "Ana" if user == "U07ANA0001" else "",
    lambda channel: "ext-acme" if channel == "C07ACME001" else "",
)
PAID = {"fallback": "Invoice 7 paid", "title": "Invoice 7", "text": "paid"}
FILES = [{"name": "a b.pdf"}, {"mode": "tombstone", "name": "gone"}, {"title": "t"}]


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("a &amp; b &lt;c&gt;", "a & b <c>"),
        ("&amp;lt;", "&lt;"),
        ("&amp;amp;lt;", "&amp;lt;"),
        ("&quot; &#39; &nbsp;", "&quot; &#39; &nbsp;"),
        ("<https://x.example/?a=1&amp;b=2|go>", "go (https://x.example/?a=1&b=2)"),
        ("<https://x.example/?a=1&amp;b=2>", "https://x.example/?a=1&b=2"),
        ("<http://acme.example|acme.example>", "acme.example"),
        ("<https://acme.example/|acme.example>", "acme.example"),
        ("<https://acme.example|https://acme.example>", "https://acme.example"),
        ("<mailto:a@b.example|a@b.example>", "a@b.example"),
        ("<mailto:a@b.example|write us>", "write us (a@b.example)"),
        ("<tel:+4740000000|+47 400 00 000>", "+47 400 00 000 (+4740000000)"),
        ("<@U07ANA0001> ping <#C07ACME001|ext-acme>", "@Ana ping #ext-acme"),
        ("<@W123|bo> <@U999>", "@bo @U999"),
        ("<#C07ACME001|> <#C07ACME001> <#C999|>", "#ext-acme #ext-acme #C999"),
        ("<!date^1772528400^{date}|3 Mar 2026>", "3 Mar 2026"),
        ("<!date^1772528400^{date_short} {time}^https://x.example|3 Mar>", "3 Mar"),
        ("<!date^1772528400>", "1772528400"),
        ("<!subteam^S07SALES1> <!subteam^S07SALES1|@sales>", "@S07SALES1 @sales"),
        ("<!here> <!channel> <!everyone> <!here|@here>", "@here @channel @everyone @here"),
        ("<https://x.example|a|b>", "a|b (https://x.example)"),
        ("*bold* _it_ ~no~ `code` :tada:", "*bold* _it_ ~no~ `code` :tada:"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("", ""),
    ],
)
def test_text_reads_as_people_see_it(raw: str, read: str) -> None:
    assert plain(raw, NAMES) == read


def test_a_name_with_slack_s_own_characters_stays_a_name() -> None:
    names = Names(lambda _id: "<!channel> &amp;", lambda _id: "")
    assert plain("<@U1>", names) == "@<!channel> &amp;"


@given(st.text(max_size=60))
def test_what_people_type_comes_back_as_they_typed_it(text: str) -> None:
    stored = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert plain(stored, NO_NAMES) == without_tokens(text)


@given(st.text(alphabet="<>@#!|^&amp;lt:/.UC1 ", max_size=40))
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    assert isinstance(plain(text, NAMES), str)


def test_links_lose_the_token_that_opens_them() -> None:
    link = "https://files.slack.com/files-pri/T1-F1/a.pdf"
    assert plain(f"<{link}?t=xoxe-1234-abcd>") == link
    assert plain(f"<{link}?t=xoxe-1234-abcd|a.pdf>") == f"a.pdf ({link})"
    assert plain(f"{link}?a=1&amp;t=xoxe-12&amp;b=2") == f"{link}?a=1&b=2"
    assert without_tokens(f"{link}?t=xoxb-1&pub=2") == f"{link}?pub=2"
    assert without_tokens("https://x.example/?t=yes") == "https://x.example/?t=yes"


def test_long_text_is_cut_where_the_team_wants_it() -> None:
    assert cut("a" * 10, 10) == "a" * 10
    assert cut("word by word", 6) == "word…"
    assert len(cut("a" * 11, 10)) == 10


def test_mentions_are_the_people_and_nothing_else() -> None:
    assert mentions("<@U07ANA0001> <@W1|x> <#C1> <!here> @U2") == {"U07ANA0001", "W1"}


@pytest.mark.parametrize(
    ("message", "by_app", "said"),
    [
        ({"text": "see <https://x.example>", "attachments": [{"text": "a preview"}]}, False, "see https://x.example"),
        ({"text": "", "attachments": [PAID]}, True, "Invoice 7\npaid"),
        ({"text": "", "attachments": [{"fallback": "only &amp; this"}]}, True, "only & this"),
        ({"attachments": ["odd", None, {"fallback": 3}]}, True, ""),
        ({"text": "Deploy", "attachments": [{"text": "Deploy"}, {"text": "done"}]}, True, "Deploy\ndone"),
        ({"text": "file", "files": FILES}, False, "file\n(file: a b.pdf)\n(file: t)"),
        ({"text": "", "file": {"name": "old.doc"}}, False, "(file: old.doc)"),
        ({"text": None, "blocks": "no", "files": {"a": 1}}, False, ""),
    ],
)  # fmt: skip
def test_what_a_message_says_wherever_it_stands(
    message: dict[str, Any], by_app: bool, said: str
) -> None:
    assert words(message, NAMES, by_app=by_app) == said


def test_blocks_say_what_the_text_leaves_out() -> None:
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Alert"}},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "for <@U07ANA0001>"},
            "fields": [{"text": "Seats 5"}],
        },
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "now"}]},
        {"type": "actions", "elements": [{"type": "button", "text": {"text": "Open"}}]},
        {
            "type": "rich_text",
            "elements": [
                {
                    "type": "rich_text_section",
                    "elements": [
                        {"type": "text", "text": "a < b "},
                        {"type": "user", "user_id": "U07ANA0001"},
                        {"type": "link", "url": "https://x.example", "text": "go"},
                        {"type": "emoji", "name": "tada"},
                        {"type": "channel", "channel_id": "C07ACME001"},
                    ],
                }
            ],
        },
        "odd",
    ]
    assert words({"text": "", "blocks": blocks}, NAMES, by_app=True) == (
        "Alert\nfor @Ana\nSeats 5\nnow\nOpen\na < b @Anago (https://x.example):tada:#ext-acme"
    )


def test_blocks_that_hold_themselves_end() -> None:
    block: dict[str, Any] = {"type": "section", "text": "deep"}
    for _ in range(50):
        block = {"type": "odd", "elements": [block]}
    assert words({"blocks": [block]}, NO_NAMES, by_app=True) == ""
