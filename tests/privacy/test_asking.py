"""Whatever a model answers: what is believed cites what was sent, and nothing else is."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.insight.context import Pack, pack
from crmctl.insight.insights_draft import GROUPS
from crmctl.model.record import Account, Ranking, Record
from crmctl.privacy.asking import INVENTED, MALFORMED, UNCITED, UNKNOWN, believed
from crmctl.privacy.pseudonyms import Pseudonyms
from crmctl.sources.errors import SourceError
from tests.servers.language_model import row, rows


def item(id: str, text: str) -> dict[str, Any]:
    cite = {"source": f"accounts/acme/profile.md:{id[1:]}", "as_of": None, "quote": ""}
    found = {"id": id, "group": "risks", "text": text, "advice": "", "action": ""}
    return found | {"points": None, "worth": 1.0, "age": 3, "citations": [cite]}


SENTENCES = [item("e1", "Ann Low pays 48,000 EUR."), item("e2", "Notice was given on 2026-10-20.")]
SENT = pack("Acme", "accounts/acme/", dt.date(2026, 11, 16), SENTENCES, 4000)


def _record(kind: str, id: str, name: str) -> Record:
    return Record(kind, "acme", id, f"accounts/acme/{id}.md", {"name": name}, {}, "", Ranking())


CONTACTS = {"ann-low": _record("contact", "ann-low", "Ann Low")}
NAMES = Pseudonyms(Account(_record("account", "acme", "Acme"), CONTACTS), CONTACTS)


@pytest.mark.parametrize(
    ("text", "evidence", "why"),
    [
        ("Person A pays 48,000 EUR.", ["e1"], ""),
        ("Person A pays 48000 EUR a year, and gave notice (e2).", ["e1", "e2", "e2"], ""),
        ("Notice came 20 October 2026, 3 days ago.", ["[e2]"], ""),
        ("Person A pays 50,000 EUR.", ["e1"], INVENTED),
        ("Notice was given on 2026-10-21.", ["e2"], INVENTED),
        ("Fine.", [], UNCITED),
        ("Fine.", ["e3"], UNKNOWN),
        ("Fine.", ["e1", "m1"], UNKNOWN),
        ("Fine.", ["e1 "], ""),
        ("Fine.", [1], MALFORMED),
        (" ", ["e1"], MALFORMED),
    ],
)
def test_a_sentence_must_rest_on_what_was_sent(text: str, evidence: list[Any], why: str) -> None:
    found = believed(rows(row(text, *evidence)), SENT, NAMES)
    assert found.dropped == ({why: 1} if why else {})
    assert len(found.items) == (not why)


def test_names_come_back_and_places_are_those_of_the_evidence() -> None:
    answer = row("Person A gave notice.", "e2", "e1", group="<b>nonsense</b>")
    found = believed(rows(answer, answer), SENT, NAMES).items
    assert [i["text"] for i in found] == ["Ann Low gave notice."]
    assert found[0]["group"] == "risks"
    assert [cite["source"] for cite in found[0]["citations"]] == [
        "accounts/acme/profile.md:2",
        "accounts/acme/profile.md:1",
    ]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from(["e1", "e2", "e9"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["text", "evidence", "group", "insights"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(JSON | st.fixed_dictionaries({"insights": st.lists(JSON, max_size=5)}))
def test_no_answer_breaks_anything_or_brings_evidence_of_its_own(answer: Any) -> None:
    check(json.dumps(answer), SENT)


@given(st.text(max_size=60))
def test_no_text_breaks_anything(answer: str) -> None:
    check(answer, SENT)


def check(answer: str, sent: Pack) -> None:
    with suppress(SourceError):
        for found in believed(answer, sent, NAMES).items:
            assert set(found["evidence"]) <= {"e1", "e2"}
            assert found["evidence"]
            assert found["citations"]
            assert found["group"] in GROUPS
            assert found["text"].isprintable()
