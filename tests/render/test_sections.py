from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.errors import CrmError
from crmctl.render.sections import digest, merge

PATH = "accounts/acme/reviews/2026-q4-account-review.md"


def document(health: str, risks: str = "none") -> str:
    return (
        "---\naccount: acme\n---\n# Review\n\n"
        f"<!-- crmctl:begin health -->\n{health}\n<!-- crmctl:end health -->\n\nYours.\n\n"
        f"<!-- crmctl:begin risks -->\n{risks}\n<!-- crmctl:end risks -->\n"
    )


def test_a_new_document_is_sealed_and_else_as_rendered() -> None:
    text, conflicts = merge(PATH, None, document("72"))
    assert conflicts == []
    assert text.replace(f" {digest('72')} ", " ").replace(f" {digest('none')} ", " ") == document(
        "72"
    )


def test_making_it_again_changes_nothing() -> None:
    first, _ = merge(PATH, None, document("72"))
    assert merge(PATH, first, document("72")) == (first, [])


def test_generated_text_is_renewed_and_all_else_kept() -> None:
    first, _ = merge(PATH, None, document("72"))
    mine = first.replace("Yours.", "We agreed on *everything*.").replace("# Review", "# Our review")
    again, conflicts = merge(PATH, mine, document("58"))
    assert conflicts == []
    expected, _ = merge(PATH, None, document("58"))
    assert again == expected.replace("Yours.", "We agreed on *everything*.").replace(
        "# Review", "# Our review"
    )


def test_an_edited_section_stays_and_is_reported_with_the_new_text() -> None:
    first, _ = merge(PATH, None, document("72"))
    mine = first.replace("\n72\n", "\n72, which is generous\n")
    again, conflicts = merge(PATH, mine, document("58", "renewal"))
    assert again == mine.replace("\nnone\n", "\nrenewal\n").replace(
        digest("none"), digest("renewal")
    )
    assert [(c.section, c.kept, c.generated) for c in conflicts] == [
        ("health", "72, which is generous\n", "58\n")
    ]
    assert str(conflicts[0]).startswith(f"{PATH}: section health was edited by hand")


def test_an_edited_section_is_no_conflict_while_nothing_new_is_generated() -> None:
    first, _ = merge(PATH, None, document("72"))
    mine = first.replace("\n72\n", "\n72, which is generous\n")
    assert merge(PATH, mine, document("72")) == (mine, [])


def test_a_conflict_is_reported_until_it_is_settled() -> None:
    first, _ = merge(PATH, None, document("72"))
    mine = first.replace("\n72\n", "\n72, which is generous\n")
    again, _ = merge(PATH, mine, document("58"))
    assert len(merge(PATH, again, document("58"))[1]) == 1
    emptied = again.replace("72, which is generous\n", "\n")
    settled, conflicts = merge(PATH, emptied, document("58"))
    assert conflicts == []
    assert settled == merge(PATH, None, document("58"))[0]


def test_writing_what_would_be_generated_settles_it_too() -> None:
    first, _ = merge(PATH, None, document("72"))
    again, conflicts = merge(PATH, first.replace("\n72\n", "\n58\n"), document("58"))
    assert conflicts == []
    assert again == merge(PATH, None, document("58"))[0]


def test_a_section_that_was_taken_out_stays_out() -> None:
    first, _ = merge(PATH, None, document("72"))
    start = first.index("<!-- crmctl:begin risks")
    assert merge(PATH, first[:start], document("72", "renewal")) == (first[:start], [])


def test_windows_line_ends_and_trailing_blanks_are_no_edit() -> None:
    first, _ = merge(PATH, None, document("72\n\n| a |"))
    saved = first.replace("\n", "\r\n").replace("72\r\n", "72  \r\n")
    again, conflicts = merge(PATH, saved, document("58\n\n| b |"))
    assert conflicts == []
    assert "\n" not in again.replace("\r\n", "")
    assert again.replace("\r\n", "\n") == merge(PATH, None, document("58\n\n| b |"))[0]


@pytest.mark.parametrize(
    ("broken", "line", "says"),
    [
        ("<!-- crmctl:begin a -->\ntext\n", 1, "has no end"),
        ("text\n<!-- crmctl:end a -->\n", 2, "has no begin"),
        ("<!-- crmctl:begin a -->\n<!-- crmctl:end b -->\n", 2, "has no begin"),
        ("<!-- crmctl:begin a -->\n<!-- crmctl:begin b -->\n", 2, "before the end of section a"),
        ("<!-- crmctl:begin a -->\n<!-- crmctl:end a -->\n" * 2, 3, "is there twice"),
    ],
)
def test_a_broken_marker_is_named_with_its_line(broken: str, line: int, says: str) -> None:
    with pytest.raises(CrmError, match=rf"{PATH}:{line}: .*{says}"):
        merge(PATH, broken, document("72"))


lines = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=20)).map(
    "\n".join
)


@given(lines, lines, lines)
def test_what_a_person_writes_around_the_sections_survives(
    before: str, between: str, new: str
) -> None:
    if "crmctl:" in before + between + new:
        return
    first, _ = merge(PATH, None, document("72"))
    _, _, rest = first.partition("<!-- crmctl:begin health")
    mine = f"{before}\n<!-- crmctl:begin health{rest}".replace("Yours.", between)
    again, conflicts = merge(PATH, mine, document(new))
    assert conflicts == []
    assert again.startswith(f"{before}\n<!-- crmctl:begin health")
    assert f"<!-- crmctl:end health -->\n\n{between}\n\n<!-- crmctl:begin risks" in again
    assert merge(PATH, again, document(new)) == (again, [])
