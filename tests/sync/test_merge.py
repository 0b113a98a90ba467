"""Suggestions, merges, and an org that was loaded twice."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from crmctl.model.errors import DamagedFile, UsageError
from crmctl.model.incoming import Incoming
from crmctl.sync.carry import import_batch
from crmctl.sync.dupes import Suggestion, suggest
from crmctl.sync.merge import plan_merge
from crmctl.workspace.store import Reader
from crmctl.workspace.undo import plan_undo
from crmctl.workspace.workspace import Workspace
from tests.sync.conftest import (
    account,
    batch,
    contact,
    deal,
    org,
    snapshot,
    ticket,
    under_other_ids,
)


def merge(ws: Workspace, kind: str, survivor: str, loser: str) -> str:
    with ws.writing("merge") as run:
        ws.apply(plan_merge(ws, kind, survivor, loser), run)
    return run.id


def merge_all_likely(ws: Workspace, *, second: bool = False) -> None:
    for kind in ("account", "contact", "deal", "ticket"):
        for s in (s for s in suggest(ws) if s.kind == kind and s.level == "likely"):
            merge(ws, kind, *((s.b, s.a) if second else (s.a, s.b)))


def totals(ws: Workspace) -> tuple[Counter[str], Decimal]:
    reader = Reader(ws.root, ws.ranking)
    counts: Counter[str] = Counter()
    amount = Decimal(0)
    for found in reader.accounts():
        counts["account"] += 1
        for kind in ("contacts", "deals", "events"):
            counts[kind] += len(getattr(found, kind))
        amount += sum((d.number("amount") or Decimal(0) for d in found.deals.values()), Decimal(0))
    assert reader.problems == []
    return counts, amount


def dangling(ws: Workspace) -> list[str]:
    """References that lead to no file."""
    found = []
    for a in Reader(ws.root, ws.ranking).accounts():
        for record in (*a.contacts.values(), *a.deals.values(), *a.interactions, *a.tasks.values()):
            people = [*record.items("with"), *(p["person"] for p in record.items("people"))]
            people += [record.get("reports_to")] if record.get("reports_to") else []
            found += [p for p in people if p not in a.contacts]
            found += [d for d in [record.get("deal")] if d and d not in a.deals]
        found += [p for e in a.events for p in e.data.get("with", ()) if p not in a.contacts]
    return found


def related() -> list[Incoming]:
    from dataclasses import replace

    from crmctl.model.incoming import Link

    records = org()
    place = next(i for i, r in enumerate(records) if r.id == "C2")
    records[place] = replace(records[place], links={"reports_to": Link(id="C1")})
    return records


@pytest.mark.parametrize("second", [False, True])
def test_an_org_loaded_twice_is_suggested_and_after_merging_halved(
    ws: Workspace, *, second: bool
) -> None:
    import_batch(ws, batch(*related()))
    once = totals(ws)
    copy = under_other_ids(related())

    report = import_batch(ws, batch(*copy))
    likely = Counter(s.kind for s in report.plan.suggested if s.level == "likely")
    assert likely == {"account": 3, "contact": 3, "deal": 3}
    assert totals(ws)[0] == Counter({kind: 2 * n for kind, n in once[0].items()})
    assert Counter(s.kind for s in suggest(ws) if s.level == "likely") == {**likely, "ticket": 2}

    merge_all_likely(ws, second=second)

    assert totals(ws) == once
    assert dangling(ws) == []
    assert [s for s in suggest(ws) if s.level == "likely"] == []
    for load in (related(), copy):
        assert import_batch(ws, batch(*load)).plan.changes.diff() == ""


def test_companies_of_one_name_in_three_countries_are_never_likely(ws: Workspace) -> None:
    names = ("Umber Oil & Gas Corp.", "Umber Oil & Gas, UK", "Umber Oil & Gas, Singapore")
    records = [account(f"A{n}", name, domains=["umber.example"]) for n, name in enumerate(names)]

    report = import_batch(ws, batch(*records))

    assert report.plan.created == {"account": 3}
    assert [s.level for s in suggest(ws)] == ["possible"] * 3
    assert suggest(ws) == report.plan.suggested
    assert "same domain umber.example" in suggest(ws)[0].reasons


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        (
            {"name": "Elm Ltd", "domains": ["elm.example"]},
            {"name": "ELM Limited", "domains": ["elm.example"]},
            "likely",
        ),
        ({"name": "Elm Ltd"}, {"name": "Elm Ltd"}, "likely"),
        ({"name": "Elm Ltd"}, {"name": "Elm GmbH"}, "possible"),
        (
            {"name": "Elm", "domains": ["elm.example"]},
            {"name": "Elm", "domains": ["elm.test"]},
            "possible",
        ),
        (
            {"name": "Elm", "domains": ["gmail.com"]},
            {"name": "Oak", "domains": ["gmail.com"]},
            None,
        ),
        ({"name": "Elm", "city": "Hull"}, {"name": "Oak", "city": "Hull"}, None),
    ],
)
def test_what_makes_two_accounts_alike(
    ws: Workspace, one: dict[str, object], other: dict[str, object], level: str | None
) -> None:
    import_batch(
        ws,
        batch(*(Incoming("salesforce", "account", str(n), f) for n, f in enumerate((one, other)))),
    )

    assert [s.level for s in suggest(ws)] == ([level] if level else [])


def test_people_of_one_name_with_two_addresses_are_only_possible(ws: Workspace) -> None:
    records = [
        account("A1", "Elm"),
        contact("C1", "Ana Roy", "A1", "ana@elm.example"),
        contact("C2", "Ana Roy", "A1", "roy@elm.example"),
        contact("C3", "Bo Lund", "A1", "ana@elm.example"),
    ]
    import_batch(ws, batch(*records))

    found = {(s.a, s.b): s.level for s in suggest(ws)}
    assert set(found.values()) == {"possible"}
    assert len(found) == 2


def test_renewals_of_one_name_are_not_the_same_deal(ws: Workspace) -> None:
    import_batch(ws, batch(account("A1", "Elm"), deal("D1", "Renewal", "A1", close="2026-01-31"),
                           deal("D2", "Renewal", "A1", close="2027-01-31")))  # fmt: skip

    assert suggest(ws) == []


def test_a_merge_that_the_system_reports_is_suggested(ws: Workspace) -> None:
    import_batch(ws, batch(account("A1", "Elm"), account("A2", "Ulmus")))
    gone = Incoming("salesforce", "account", "A2", {}, deleted=True, merged_into="A1")

    import_batch(ws, batch(gone))

    assert [(s.a, s.b, s.level) for s in suggest(ws)] == [("elm", "ulmus", "likely")]
    assert "salesforce says" in suggest(ws)[0].reasons[0]


def test_a_merge_keeps_what_people_wrote(ws: Workspace) -> None:
    import_batch(
        ws,
        batch(account("A1", "Elm", city="Hull"), account("A2", "Elm UK", phone="+44 20 7946 0009")),
    )
    kept, lost = ws.root / "accounts/elm/profile.md", ws.root / "accounts/elm-uk/profile.md"
    kept.write_text(
        kept.read_text("utf-8").replace("next_step:", "segment: smb # sure\ntags: [a]\nnext_step:"),
        "utf-8",
    )
    words = "segment: enterprise\nindustry: Timber\ntags: [a, b]\nnext_step:"
    lost.write_text(
        lost.read_text("utf-8").replace("next_step:", words) + "\nThey [love](x) oak.\n", "utf-8"
    )
    (ws.root / "accounts/elm-uk/notes.txt").write_text("loose", "utf-8")

    merge(ws, "account", "elm", "elm-uk")

    text = kept.read_text("utf-8")
    assert "segment: smb # sure\n" in text
    assert "tags: [a, b]\n" in text
    assert "industry: Timber\n" in text
    assert 'aliases: ["path:accounts/elm-uk", "salesforce:A2"]\n' in text
    _, _, note = text.partition("## Merged from Elm UK")
    assert "- segment: enterprise" in note
    assert "- phone: +44 20 7946 0009" in note.replace("\\", "")
    assert "They [love](x) oak." in note
    assert (ws.root / "accounts/elm/notes.txt").read_text("utf-8") == "loose"
    assert not (ws.root / "accounts/elm-uk").exists()


def test_a_merge_moves_a_block_that_the_survivor_lacks(ws: Workspace) -> None:
    import_batch(ws, batch(account("A1", "Elm")))
    other = Incoming("supabase", "account", "7", {"name": "Elm App", "seats": 4})
    import_batch(ws, batch(other, system="supabase"))

    merge(ws, "account", "elm", "elm-app")

    import_batch(
        ws,
        batch(
            Incoming("supabase", "account", "7", {"name": "Elm App", "seats": 5}), system="supabase"
        ),
    )
    assert "seats: 5" in (ws.root / "accounts/elm/profile.md").read_text("utf-8")


def test_children_that_arrive_later_follow_to_the_survivor(ws: Workspace) -> None:
    import_batch(
        ws, batch(account("A1", "Elm"), account("A2", "Elm UK"), contact("C1", "Ana Roy", "A2"))
    )
    merge(ws, "account", "elm", "elm-uk")

    news = [
        account("A2", "Elm UK Renamed"),
        deal("D1", "Late deal", "A2", ("C1",)),
        ticket("S1", "A2", "Late", ("C1",)),
    ]
    report = import_batch(ws, batch(*news))

    assert report.plan.changes.paths == [
        "accounts/elm/deals/late-deal.md", "accounts/elm/interactions/2026.jsonl",
    ]  # fmt: skip
    assert dangling(ws) == []


def test_names_that_meet_are_told_apart_and_references_follow(ws: Workspace) -> None:
    people = ("C1",)
    import_batch(ws, batch(
        account("A1", "Elm"), account("A2", "Elm UK"), contact("C1", "Ana Roy", "A2"),
        deal("D1", "Pilot", "A1"), deal("D2", "Pilot", "A2", people),
    ))  # fmt: skip
    (ws.root / "accounts/elm/deals/pilot.md").write_text(
        (ws.root / "accounts/elm/deals/pilot.md")
        .read_text("utf-8")
        .replace(
            "---\nsources", "---\npeople:\n  - {person: elm-uk/ana-roy, role: guest}\nsources"
        ),
        "utf-8",
    )

    merge(ws, "account", "elm", "elm-uk")

    assert len(list((ws.root / "accounts/elm/deals").iterdir())) == 2
    assert "{person: ana-roy, role: guest}" in (ws.root / "accounts/elm/deals/pilot.md").read_text(
        "utf-8"
    )
    assert dangling(ws) == []


def test_a_company_is_not_its_own_parent_after_a_merge(ws: Workspace) -> None:
    import_batch(ws, batch(account("A1", "Elm"), account("A2", "Elm UK"), account("A3", "Oak")))
    for slug in ("elm-uk", "oak"):
        path = ws.root / f"accounts/{slug}/profile.md"
        parent = "elm" if slug == "elm-uk" else "elm-uk"
        path.write_text(
            path.read_text("utf-8").replace("owner:", f"owner:\nparent: {parent}", 1), "utf-8"
        )

    merge(ws, "account", "elm", "elm-uk")

    assert "parent:" not in (ws.root / "accounts/elm/profile.md").read_text("utf-8")
    assert "parent: elm\n" in (ws.root / "accounts/oak/profile.md").read_text("utf-8")


def test_measures_of_the_loser_become_the_survivors(ws: Workspace) -> None:
    import_batch(ws, batch(account("A1", "Elm"), account("A2", "Elm UK")))
    path = ws.root / "accounts/_measures/2026-01-01.csv"
    path.parent.mkdir()
    rows = "elm,mrr,5,csv\nelm-uk,health.score,50,crmctl\nelm-uk,mrr,7,csv\nelm-uk,usage.logins,3,csv\n"
    path.write_text("account,measure,value,source\n" + rows, "utf-8")

    merge(ws, "account", "elm", "elm-uk")

    assert path.read_text("utf-8").splitlines()[1:] == ["elm,mrr,5,csv", "elm,usage.logins,3,csv"]


def test_a_merged_contact_is_still_found_by_the_losers_address(ws: Workspace) -> None:
    import_batch(ws, batch(account("A1", "Elm"), contact("C1", "Ana Roy", "A1", "ana@elm.example"),
                           contact("C2", "A. Roy", "A1", "roy@elm.example")))  # fmt: skip
    merge(ws, "contact", "elm/ana-roy", "elm/a-roy")

    other = Incoming("gong", "contact", "1", {"name": "Ana", "email": "roy@elm.example"})
    import_batch(ws, batch(other, system="gong"))

    assert [p.name for p in (ws.root / "accounts/elm/contacts").iterdir()] == ["ana-roy.md"]


def test_a_merge_is_one_run_and_can_be_undone(ws: Workspace) -> None:
    import_batch(ws, batch(*related(), *under_other_ids(related())))
    before = snapshot(ws.root)
    pair = next(s for s in suggest(ws) if s.kind == "account" and s.level == "likely")

    run = merge(ws, "account", pair.a, pair.b)
    assert snapshot(ws.root) != before
    changes, _ = plan_undo(ws.root, ws.git, run)
    with ws.writing("undo") as undoing:
        ws.apply(changes, undoing)

    assert snapshot(ws.root) == before


def test_a_damaged_file_that_names_the_loser_stops_the_merge(ws: Workspace) -> None:
    import_batch(ws, batch(*org()))
    path = ws.root / "accounts/alder-freight-ltd/deals/fleet-licence.md"
    path.write_text(path.read_text("utf-8").replace("sources:", "sources: [", 1), "utf-8")

    with pytest.raises(DamagedFile, match="fleet-licence"):
        plan_merge(ws, "contact", "alder-freight-ltd/ines-okafor", "alder-freight-ltd/tom-reyes")


@pytest.mark.parametrize(
    ("kind", "a", "b"),
    [("account", "x", "x"), ("account", "x", "y"), ("contact", "x", "y"), ("weather", "x", "y"),
     ("ticket", "x/s:1", "y/s:2")],
)  # fmt: skip
def test_what_cannot_be_merged_is_said_in_a_sentence(
    ws: Workspace, kind: str, a: str, b: str
) -> None:
    with pytest.raises(UsageError):
        plan_merge(ws, kind, a, b)


def test_many_accounts_are_not_compared_pair_by_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    from crmctl.sync import dupes
    from crmctl.sync.likeness import Sketch, compare

    compared = 0

    def counting(a: Sketch, b: Sketch, same_account: bool) -> object:
        nonlocal compared
        compared += 1
        return compare(a, b, same_account)

    monkeypatch.setattr(dupes, "compare", counting)
    sketches = [
        Sketch(
            "account",
            f"a{n}",
            f"a{n}",
            f"n {n}",
            f"alder {n % 50}",
            domains=frozenset(["one.example"]),
        )
        for n in range(2000)
    ]

    found: list[Suggestion] = dupes._pairs(sketches)

    assert found
    assert compared < 30 * len(sketches)
