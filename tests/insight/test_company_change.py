"""Somebody who works elsewhere now is a risk that cites its line; news of a company is no conversation with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crmctl.insight.citing import Lines
from crmctl.insight.evidence import gather
from crmctl.insight.picture import picture
from crmctl.insight.weights import Weights
from crmctl.model.record import Account, Ranking, Record

MakeAccount = Callable[..., Account]
MOVED = {"id": "ann", "company": "Oak AG", "company_before": "Acme Ltd"}


def risks(account: Account, today: dt.date, weights: Weights) -> list[dict[str, Any]]:
    found = picture(account, [], today, weights)["risks"]
    return [risk for risk in found if risk["name"] == "changed_company"]


def contact(block: dict[str, Any], **own: Any) -> Record:
    systems = {"linkedin": block, "salesforce": {"id": "1", "name": "Ann"}}
    return Record(
        "contact", "acme", "ann", "accounts/acme/contacts/ann.md", own, systems, "", Ranking()
    )


def test_who_changed_company_is_a_risk(
    make_account: MakeAccount, today: dt.date, weights: Weights
) -> None:
    account = make_account()
    account.contacts["ann"] = contact(MOVED)
    (risk,) = risks(account, today, weights)
    assert risk["text"] == "contact ann changed company: Acme Ltd -> Oak AG"
    assert risk["source"] == "accounts/acme/contacts/ann.md#sources.linkedin.company"
    assert risk["action"] == "research_decision_makers"


@pytest.mark.parametrize(
    ("block", "own"),
    [
        ({"id": "ann", "company": "Oak AG"}, {}),
        ({"id": "ann", "company": "Oak AG", "title": "CEO"}, {"title": "CTO"}),
        ({"id": "ann", "company_before": "Acme"}, {}),
        ({"id": "ann", "company": "Oak", "company_before": "OAK GmbH"}, {}),
        ({"id": "ann", "company": "ACME Limited", "company_before": "Oak"}, {}),
        ({**MOVED, "deleted": True}, {}),
        (MOVED, {"left": dt.date(2026, 1, 1)}),
    ],
)
def test_what_is_no_news(
    make_account: MakeAccount,
    today: dt.date,
    weights: Weights,
    block: dict[str, Any],
    own: dict[str, Any],
) -> None:
    account = make_account()
    account.contacts["ann"] = contact(block, **own)
    assert risks(account, today, weights) == []


def test_a_company_from_outside_is_one_line_of_text(
    make_account: MakeAccount, today: dt.date, weights: Weights
) -> None:
    account = make_account()
    account.contacts["ann"] = contact({**MOVED, "company": "Oak\n\x1b[2J# " + "x" * 500})
    (risk,) = risks(account, today, weights)
    assert "\n" not in risk["text"]
    assert "\x1b" not in risk["text"]
    assert len(risk["text"]) < 200


def test_the_line_is_cited(tmp_path: Path) -> None:
    path = tmp_path / "accounts/acme/contacts/ann.md"
    path.parent.mkdir(parents=True)
    path.write_text("---\nsources:\n\n  linkedin:\n    id: ann\n    company: Oak AG\n---\n")
    lines = Lines(tmp_path, "acme")
    source = "accounts/acme/contacts/ann.md#sources.linkedin.company"
    assert lines.cite(source) == "accounts/acme/contacts/ann.md:6"


def test_news_of_a_company_is_no_word_from_it(
    make_account: MakeAccount, today: dt.date, ago: Callable[[int], dt.datetime]
) -> None:
    account = make_account(
        contacts={"ann": {"name": "Ann"}},
        events=[
            {"type": "note", "at": ago(1), "text": "We grew"},
            {"type": "note", "at": ago(9), "text": "Told us so", "with": ["ann"]},
        ],
    )
    found = gather(account, today)
    assert [talk.people for talk in found.talks] == [["ann"]]
