"""review on the command line: the types, the customer's version, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Crm

REVIEWS = "accounts/acme/reviews"


@pytest.fixture
def acme(crm: Crm, workspace: Path) -> Path:
    """A customer with one open deal."""
    crm("new", "Acme", "--no-tasks")
    crm("set", "acme", "stage=customer", "step=success", "renewal=2027-03-01", "seats=40")
    deal = workspace / "accounts/acme/deals/renewal-2027.md"
    deal.parent.mkdir(exist_ok=True)
    deal.write_text("---\nname: Renewal 2027\nstage: proposal\nstatus: open\ntype: renewal\n---\n")
    return workspace


@pytest.mark.parametrize(
    ("options", "name", "heading"),
    [
        ((), "2026-q4-account-review", "# Acme: account review 2026 Q4"),
        (("--type", "qbr"), "2026-q4-qbr", "# Acme: quarterly business review 2026 Q4"),
        (
            ("--type", "qbr", "--audience", "customer"),
            "2026-q4-qbr-customer",
            "# Acme: quarterly business review 2026 Q4",
        ),
        (
            ("--type", "ebr", "--quarter", "2026-q3"),
            "2026-q3-ebr",
            "# Acme: executive business review 2026 Q3",
        ),
        (("--type", "renewal"), "2026-q4-renewal", "# Acme: renewal readiness 2026 Q4"),
        (("--type", "handover"), "2026-q4-handover", "# Acme: handover 2026 Q4"),
        (("--type", "deal"), "deal-renewal-2027", "# Renewal 2027 (Acme)"),
        (("--type", "deal", "--deal", "2027"), "deal-renewal-2027", "# Renewal 2027 (Acme)"),
    ],
)
def test_each_type_has_its_file(
    crm: Crm, acme: Path, options: tuple[str, ...], name: str, heading: str
) -> None:
    done = crm("review", "acme", *options)
    assert (done.code, done.err) == (0, f"created {REVIEWS}/{name}.md\n")
    assert heading in done.out.splitlines()
    assert done.out == (acme / f"{REVIEWS}/{name}.md").read_text()
    assert crm("review", "acme", *options).err == "nothing to do\n"


def test_json_and_the_dry_run(crm: Crm, acme: Path) -> None:
    done = crm("review", "acme", "--type", "renewal", "--dry-run")
    assert done.code == 0
    assert "+# Acme: renewal readiness 2026 Q4" in done.out
    assert not (acme / REVIEWS).exists()
    found = json.loads(crm("review", "acme", "--type", "renewal", "--json").out)
    assert (found["account"], found["paths"], found["kept"]) == (
        "acme",
        [f"{REVIEWS}/2026-q4-renewal.md"],
        [],
    )
    assert found["text"] == (acme / found["paths"][0]).read_text()


def test_the_versions_for_us_and_for_them_lie_apart(crm: Crm, acme: Path) -> None:
    crm("review", "acme", "--type", "qbr")
    crm("review", "acme", "--type", "qbr", "--audience", "customer")
    names = sorted(path.name for path in (acme / REVIEWS).iterdir())
    assert names == ["2026-q4-qbr-customer.md", "2026-q4-qbr.md"]
    ours, theirs = ((acme / REVIEWS / name).read_text() for name in reversed(names))
    assert "Renewal 2027" in ours
    assert "Renewal 2027" not in theirs


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--type", "annual"), "--type: found 'annual'; allowed: account, qbr, ebr, deal"),
        (("--audience", "press"), "--audience: found 'press'; allowed: internal, customer"),
        (("--type", "handover", "--audience", "customer"), "a handover review has no customer"),
        (("--type", "deal", "--audience", "customer"), "a deal review has no customer version"),
        (("--type", "deal", "--deal", "no"), "no deal is called 'no'"),
        (("--deal", "renewal-2027"), "--deal: a review of type account is of the whole account"),
        (("--quarter", "soon"), "'soon' is no quarter; write it as 2026-q4"),
    ],
)
def test_what_cannot_be_is_said(crm: Crm, options: tuple[str, ...], words: str) -> None:
    done = crm("review", "acme", *options)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
