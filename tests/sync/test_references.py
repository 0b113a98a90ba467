"""Fields that name a person follow that person to another name."""

from __future__ import annotations

from crmctl.sync.references import Rewriting
from crmctl.workspace import splice
from crmctl.workspace.document import parse

DEAL = {
    "name": "Renewal",
    "stage": "proposal",
    "people": [{"person": "ann", "role": "signs"}, {"person": "bob", "role": "asks"}],
    "qualification": [
        {"component": "budget", "level": 2, "person": "ann"},
        {"component": "need", "level": 1, "evidence": "ann said so"},
        {"component": "authority", "level": 2, "person": "bob"},
    ],
}


def test_who_answered_a_question_of_a_deal_follows_a_merge() -> None:
    moves = {("contact", "acme/ann"): "acme/ann-lee"}
    raw = splice.new_document(DEAL, "")
    new = Rewriting(moves, "acme", "acme").record(raw, "accounts/acme/deals/renewal.md")
    data = parse(new, "accounts/acme/deals/renewal.md").data
    assert [row["person"] for row in data["people"]] == ["ann-lee", "bob"]
    answers = data["qualification"]
    assert [row.get("person") for row in answers] == ["ann-lee", None, "bob"]
    assert [row["component"] for row in answers] == ["budget", "need", "authority"]
    assert answers[1] == DEAL["qualification"][1]


def test_what_names_nobody_who_moved_stays_to_the_byte() -> None:
    raw = splice.new_document(DEAL, "\ntext\n")
    moves = {("contact", "acme/zoe"): "acme/zoe-lee"}
    assert Rewriting(moves, "acme", "acme").record(raw, "accounts/acme/deals/renewal.md") == raw
