"""What a row of a deal's qualification may cite, and what the citation is worth."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmctl.insight.qualification import Component, qualify
from crmctl.insight.qualification_evidence import Proof, Sources
from crmctl.insight.weights import Weights
from crmctl.model.record import Ranking
from crmctl.workspace.store import Reader

TODAY = dt.date(2026, 11, 22)
CALL = "interactions/2026-11-01-call-x1.md"
MAIL = "interactions/2026.jsonl"
FILES = {
    "profile.md": "---\nname: Acme\nstage: prospect\nrenewal: 2027-01-15\n---\n",
    "contacts/ann.md": "---\nname: Ann Ok\n---\n",
    "contacts/bob.md": "---\nname: Bob Ng\n---\n",
    CALL: (
        "---\ntype: call\nat: 2026-11-01T10:00:00Z\nwith: [ann, bob]\nby: mira\n---\n\n"
        "There is a budget, they say.\n\n"
        '- Ann: "The line is in the plan, but it is\n  flat. Ask Bob for more."\n'
        '- Bob: "Forty thousand."\n- Mira: "We can do it for forty."\n'
        "- We: send the offer by Friday\n"
    ),
    MAIL: (
        '{"id": "email:1", "at": "2026-11-05T10:00:00Z", "type": "email", "direction": "in",'
        ' "with": ["bob"], "text": "Forty thousand is approved. Regards, Bob"}\n'
        '{"id": "email:2", "at": "2026-11-06T10:00:00Z", "type": "email", "direction": "out",'
        ' "with": ["bob"], "text": "Thank you, so the budget is approved."}\n'
    ),
    "documents/tender.md": "# Tender\n\nThe budget is 40,000\nand it is approved.\n",
    "reviews/2026-q3.md": "They have a budget.\n",
}
Prove = Callable[..., Proof]
Judge = Callable[..., Component]


def write(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, text in FILES.items():
        write(tmp_path, f"accounts/acme/{path}", text)
    write(
        tmp_path, "accounts/other/profile.md", "---\nname: Other\nstage: prospect\n---\nBudget.\n"
    )
    measures = "account,measure,value,source\nacme,usage.active_users,44,csv\nother,seats,9,csv\n"
    write(tmp_path, "accounts/_measures/2026-11-09.csv", measures)
    return tmp_path


def sources(root: Path) -> Sources:
    account = Reader(root, Ranking()).account("acme")
    assert account is not None
    return Sources(account, root)


@pytest.fixture
def prove(root: Path) -> Prove:
    return lambda **row: sources(root).proof({"level": 3} | row, "here")


@pytest.fixture
def judge(root: Path, weights: Weights) -> Judge:
    """The budget of a deal with these rows."""

    def judged(*rows: dict[str, Any], today: dt.date = TODAY) -> Component:
        seen = sources(root)
        deal = seen.account.profile
        deal.own["qualification"] = [{"component": "budget"} | row for row in rows]
        found = qualify(deal, seen, weights.qualification, today, "bant")
        return found.components[0]

    return judged


@pytest.mark.parametrize(
    ("row", "kind", "source", "person"),
    [
        ({}, "nothing", "here", ""),
        ({"evidence": "Ann said so"}, "note", "here", ""),
        ({"source": f"{CALL}:8"}, "note", f"{CALL}:8", ""),
        ({"source": f"{CALL}:10"}, "said", f"{CALL}:10", "ann"),
        ({"source": f"accounts/acme/{CALL}:10"}, "said", f"{CALL}:10", "ann"),
        ({"source": CALL, "quote": "The line is in the plan, but it is flat."}, "said", f"{CALL}:10", "ann"),
        ({"source": CALL, "quote": "Ann: “the line is in the plan"}, "said", f"{CALL}:10", "ann"),
        ({"source": f"{CALL}:10", "quote": "Forty thousand"}, "said", f"{CALL}:12", "bob"),
        ({"source": f"{CALL}:13"}, "note", f"{CALL}:13", ""),
        ({"source": f"{CALL}:14"}, "note", f"{CALL}:14", ""),
        ({"source": CALL, "quote": "they say. - Ann: The line"}, "note", f"{CALL}:8", ""),
        ({"source": CALL}, "note", CALL, ""),
        ({"source": f"{CALL}:5"}, "note", f"{CALL}:5", ""),
        ({"source": f"{CALL}:9"}, "gone", "", ""),
        ({"source": f"{CALL}:99"}, "gone", "", ""),
        ({"source": CALL, "quote": "The line is in the budget"}, "gone", "", ""),
        ({"source": CALL, "quote": "..."}, "gone", "", ""),
        ({"source": f"{MAIL}:1"}, "said", f"{MAIL}:1", "bob"),
        ({"source": f"{MAIL}:2"}, "note", f"{MAIL}:2", ""),
        ({"source": f"{MAIL}:7", "quote": "Forty thousand is approved"}, "said", f"{MAIL}:1", "bob"),
        ({"source": f"{MAIL}:7"}, "gone", "", ""),
        ({"source": "documents/tender.md:3"}, "document", "documents/tender.md:3", ""),
        ({"source": "documents/tender.md", "quote": "40,000 and it is"}, "document", "documents/tender.md:3", ""),
        ({"source": "documents/tender.md", "quote": "50,000"}, "gone", "", ""),
        ({"source": "documents/order.md:1"}, "gone", "", ""),
        ({"source": "reviews/2026-q3.md:1"}, "note", "reviews/2026-q3.md:1", ""),
        ({"source": "profile.md", "quote": "renewal: 2027-01-15"}, "note", "profile.md:4", ""),
        ({"source": "https://acme.example/tender"}, "note", "here", ""),
        ({"source": "../other/profile.md:5"}, "gone", "", ""),
        ({"source": "accounts/other/profile.md:5"}, "gone", "", ""),
        ({"source": "documents/../../other/profile.md:5"}, "gone", "", ""),
        ({"source": "/etc/passwd:1"}, "gone", "", ""),
    ],
)  # fmt: skip
def test_the_kind_is_read_from_the_file(
    prove: Prove, row: dict[str, Any], kind: str, source: str, person: str
) -> None:
    found = prove(**row)
    assert found.kind == kind, found
    if kind == "gone":
        assert (found.source, bool(found.problem)) == ("here", True)
    else:
        assert found.source.removeprefix("accounts/acme/") == source
        assert found.person == person


def test_a_transcript_says_who_speaks(root: Path) -> None:
    """With a byte order mark, CRLF and an escape, as other tools write it."""
    path = "interactions/2026-11-03-call-y2.md"
    text = (
        "\ufeff---\r\ntype: call\r\nat: 2026-11-03T10:00:00Z\r\n---\r\n\r\n"
        "**Ann Ok** (external, 0:12): It is 40\\_thousand, they say.\r\n\r\n**Mira** (internal): Great.\r\n"
    )
    (root / "accounts/acme" / path).write_bytes(text.encode())
    quote = "**Ann Ok** (external, 0:12): It is 40_thousand"
    for row in ({"source": f"{path}:6"}, {"source": path, "quote": quote}):
        found = sources(root).proof({"level": 3} | row, "here")
        assert (found.kind, found.person) == ("said", "ann")
        assert found.source == f"accounts/acme/{path}:6"
        assert found.day == dt.date(2026, 11, 3)
    both = {"level": 3, "source": path, "quote": "they say. Great."}
    assert sources(root).proof(both, "here").kind == "note"


def test_a_measure_of_this_account_shows_it_in_use(prove: Prove) -> None:
    found = prove(source="accounts/_measures/2026-11-09.csv:2")
    assert (found.kind, found.day) == ("shown", dt.date(2026, 11, 9))
    assert found.quote == "acme,usage.active_users,44,csv"
    by_words = prove(source="_measures/2026-11-09.csv", quote="acme,usage.active_users")
    assert by_words.source == "accounts/_measures/2026-11-09.csv:2"
    assert prove(source="accounts/_measures/2026-11-09.csv:3").kind == "gone"
    assert prove(source="accounts/_measures/2026-11-09.csv", quote="other,seats").kind == "gone"
    assert prove(source="accounts/_measures/2026-11-10.csv:2").kind == "gone"


def test_who_said_it_is_read_from_the_file_too(prove: Prove) -> None:
    found = prove(source=f"{CALL}:12", person="ann")
    assert (found.person, found.problem) == ("bob", "was said by bob, not by ann")


@pytest.mark.parametrize(
    ("row", "level"),
    [
        ({"level": 0}, 0),
        ({"level": 1}, 1),
        ({"level": 3}, 1),
        ({"level": 3, "evidence": "Ann on the phone: it is there"}, 1),
        ({"level": 3, "source": f"{CALL}:10"}, 2),
        ({"level": 2, "source": f"{CALL}:10"}, 2),
        ({"level": 1, "source": f"{CALL}:10"}, 1),
        ({"level": 3, "source": f"{MAIL}:2"}, 1),
        ({"level": 3, "source": "documents/tender.md:3"}, 3),
        ({"level": 3, "source": "_measures/2026-11-09.csv:2"}, 3),
        ({"level": 3, "source": "documents/order.md:3"}, None),
        ({"level": 0, "source": "documents/order.md:3"}, None),
    ],
)
def test_the_kind_bounds_the_level(judge: Judge, row: dict[str, Any], level: int | None) -> None:
    found = judge(row)
    assert found.level == level
    assert bool(found.problems) == (row["level"] > (level or 0))


def test_the_words_of_several_people_are_worth_more_than_those_of_one(judge: Judge) -> None:
    ann = {"level": 3, "source": f"{CALL}:10"}
    bob = {"level": 3, "source": f"{MAIL}:1"}
    assert judge(ann, bob).level == 3
    assert judge(ann, bob).kind == "several"
    assert judge(bob, {"level": 3, "source": f"{CALL}:12"}).level == 2, "both are Bob"


def test_the_newest_word_counts_and_no_row_vouches_for_more_than_it_says(judge: Judge) -> None:
    tender = {"level": 3, "source": "documents/tender.md:3", "at": dt.date(2026, 10, 1)}
    lost = {"level": 0, "evidence": "frozen", "at": dt.date(2026, 11, 20)}
    assert judge(tender, lost).level == 0
    assert judge(lost, tender).level == 0
    weak = tender | {"level": 1}
    assert judge(weak, {"level": 3, "evidence": "sure", "at": dt.date(2026, 11, 20)}).level == 1


def test_a_claim_goes_with_its_source(root: Path, judge: Judge) -> None:
    cited = {"level": 2, "source": f"{CALL}:12", "quote": "Forty thousand."}
    noted = {"level": 1, "evidence": "rumour"}
    assert judge(cited).level == 2
    call = root / "accounts/acme" / CALL
    text = call.read_text()
    call.write_text(text.replace("flat", "flat, they say,\n  all of it is"))
    assert judge(cited).source == f"accounts/acme/{CALL}:13", "it is found where it stands now"
    call.write_text(text.replace("Forty", "Fifty"))
    assert judge(cited).level is None
    assert judge(cited).problems == (f'accounts/acme/{CALL} does not say "Forty thousand."',)
    assert judge(noted, cited).level == 1
    call.unlink()
    assert judge(cited).problems == (f"accounts/acme/{CALL} is not there",)


def test_old_evidence_says_so_and_counts_for_less(judge: Judge) -> None:
    row = {"level": 2, "source": f"{CALL}:10"}
    said = dt.date(2026, 11, 1)
    assert judge(row, today=said + dt.timedelta(days=180)).level == 2
    old = judge(row, today=said + dt.timedelta(days=181))
    assert (old.level, old.kind) == (1, "stale")
    assert old.problems[0] == "is of 2026-11-01: 181 days old, 180 at most"
    assert judge(row, today=said - dt.timedelta(days=1)).level is None, "it was not said yet"
    undated = {"level": 3, "source": "documents/tender.md:3"}
    assert judge(undated, today=dt.date(2036, 1, 1)).level == 3, "of unknown age is not old"


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {"level": st.integers(0, 3)},
            optional={
                "evidence": st.sampled_from(["", "so they say"]),
                "source": st.sampled_from(
                    [f"{CALL}:8", f"{CALL}:10", f"{CALL}:12", f"{MAIL}:1", f"{MAIL}:2", "documents/tender.md:3",
                     "documents/none.md", "::", ":3", "a:b:c", "\n", "documents/tender.md:0"]
                ),
                "quote": st.sampled_from(["", "Forty thousand", "flat", "(", "no such words"]),
                "at": st.dates(dt.date(2026, 1, 1), dt.date(2026, 12, 31)),
                "person": st.sampled_from(["ann", "bob", "nobody"]),
            },
        ),
        max_size=4,
    ),
    text=st.text(max_size=40),
)  # fmt: skip
def test_evidence_never_gives_more_than_is_stated_or_than_its_kind_supports(
    judge: Judge, rows: list[dict[str, Any]], text: str, weights: Weights
) -> None:
    found = judge(*rows)
    if found.level is not None:
        assert found.stated is not None
        assert found.level <= max(row["level"] for row in rows)
        assert found.level <= weights.qualification.evidence.model_dump()[found.kind]
    assert (found.stated is None) == (not rows)
    judge({"level": 3, "source": text, "quote": text})
