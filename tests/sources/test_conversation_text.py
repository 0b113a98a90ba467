from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from crmctl.sources.conversation_text import (
    EXTERNAL,
    INTERNAL,
    UNKNOWN,
    Said,
    bullets,
    document,
    is_steps,
    paragraphs,
    rewritten,
    spoken,
    step_id,
    steps_in,
)
from tests.live.harness import HOSTILE

RENDER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
MARKS = st.text(st.sampled_from("*_`[]()<>|~#+-=:.!&;\\/'\"@ 1aw\n\t{}\r$\u2028"), max_size=60)


def kinds(text: str) -> set[str]:
    """What a renderer makes of a text, inline and in blocks."""
    found = set()
    for token in RENDER.parse(text):
        found.add(token.type)
        found |= {child.type for child in token.children or ()}
    return found


ALLOWED = {
    f"{kind}_{end}"
    for kind in ("heading", "paragraph", "bullet_list", "list_item")
    for end in ("open", "close")
} | {"inline", "text", "text_special", "softbreak"}
BOLD = {"strong_open", "strong_close", "em_open", "em_close"}


@given(text=st.one_of(MARKS, st.text(max_size=40)))
@example(text=HOSTILE)
@example(text="- a\n    - b\n        code?")
@example(text="<!-- x\n```\n[a]: http://x.example\n***\n1. x\n> y\n| a | b |\n|---|---|")
def test_nothing_foreign_becomes_more_than_headings_lists_and_paragraphs(text: str) -> None:
    shown = document(
        [(text, paragraphs(text)), ("Points", bullets([text, text])), ("Rest", rewritten(text))]
    )
    assert kinds(shown) <= ALLOWED
    said = spoken([Said(text, EXTERNAL, 61, text), Said("Ana", INTERNAL, None, text)])
    assert kinds(said) <= ALLOWED | BOLD


@given(text=MARKS)
def test_a_paragraph_shows_the_words_that_were_written(text: str) -> None:
    line = " ".join(text.replace("\r", " ").replace("\u2028", " ").split())
    tokens = RENDER.parse(paragraphs(line))
    shown = "".join(c.content for t in tokens for c in t.children or ())
    assert shown == line


def test_sections_without_anything_in_them_are_left_out() -> None:
    assert document([("Summary", ""), ("Points", bullets(["", "one"]))]) == "## Points\n\n- one"
    assert document([]) == ""


def test_foreign_markdown_keeps_its_outline_below_ours() -> None:
    text = (
        "# Prices\nFirst **line** of it\n* one [page](https://x.example/a)\n    * deeper\n1. first\n"
        "## Deep ##\n#### Deeper\nno#heading\n#tag"
    )
    assert rewritten(text).split("\n\n") == [
        "### Prices",
        "First line of it",
        "- one page (https\\://x.example/a)\n  - deeper\n- 1\\. first",
        "### Deep",
        "#### Deeper",
        "no#heading",
        "#tag",
    ]


def test_a_heading_is_short() -> None:
    shown = rewritten(f"# {'word ' * 200}")
    assert len(shown) < 130
    assert shown.endswith("…")


def test_an_item_goes_one_level_deeper_at_most() -> None:
    assert rewritten("        - far in\n                - farther") == "- far in\n  - farther"


def test_a_transcript_tells_who_is_of_which_side_and_when() -> None:
    said = [
        Said("Ana Reyes", INTERNAL, 5, "Good morning."),
        Said("Ana Reyes", INTERNAL, 9, "Shall we start?"),
        Said("Ines *Okafor*", EXTERNAL, 3661, "Yes."),
        Said("", UNKNOWN, None, "Who is that?"),
        Said("Ana Reyes", INTERNAL, 3700, " "),
    ]
    assert spoken(said).split("\n\n") == [
        "**Ana Reyes** (internal, 0:05): Good morning. Shall we start?",
        "**Ines \\*Okafor\\*** (external, 1:01:01): Yes.",
        "**Unknown speaker** (unknown): Who is that?",
    ]


def test_long_turns_are_parted_and_an_endless_transcript_is_cut() -> None:
    turns = [Said("Ana", INTERNAL, at, "word " * 40) for at in range(20)]
    assert len(spoken(turns).split("\n\n")) == 5
    endless = spoken(Said(f"S{at}", UNKNOWN, at, "x" * 5000) for at in range(10_000))
    assert len(endless) < 1_010_000
    assert "left out" in endless[-200:]


@pytest.mark.parametrize(
    "title", ["Next steps", "Action Items", "### to-dos:", "Follow-up", "Agreed next step"]
)
def test_headings_of_what_is_to_be_done_are_known(title: str) -> None:
    assert is_steps(title)


@pytest.mark.parametrize("title", ["Pricing", "Stepping back", "Actions we took", ""])
def test_other_headings_are_not(title: str) -> None:
    assert not is_steps(title)


def test_steps_are_the_items_below_their_heading_with_what_they_stand_under() -> None:
    text = """# Notes
- not this
### Next steps
Agreed by all:
- [ ] **Ana** sends the quote
- Ines:
  - asks the CFO
  - [x] books a room
1. Sign
#### Later
- nor this
## Action items
* last one
"""
    assert steps_in(text) == [
        "Ana sends the quote",
        "Ines: asks the CFO",
        "Ines: books a room",
        "Sign",
        "last one",
    ]


def test_the_same_step_has_the_same_id_however_it_is_spelled() -> None:
    one = step_id("77", "Ana sends the  Quote.")
    assert one == step_id("77", " ana sends the quote")
    assert one.startswith("77-")
    assert one != step_id("78", "Ana sends the Quote.")
    assert one != step_id("77", "Ana sends a quote")
    step_id("77", "\ud800")


@pytest.mark.parametrize("piece", ["**", "[a](", "- ", "# ", "**a", "[", "\n  - ", "1. "])
def test_hostile_text_takes_no_long_time(piece: str) -> None:
    text = piece * 100_000
    start = time.process_time()
    rewritten(text)
    steps_in(f"# Next steps\n{text}")
    assert time.process_time() - start < 3
