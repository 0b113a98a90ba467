"""An import as a whole: what comes in is what stands in the files, once, and in the system's own block."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

import pytest

from crmctl.model.errors import ConfigError
from crmctl.model.incoming import Batch, Incoming, Link, Measurement
from crmctl.model.record import Account
from crmctl.sync import unmatched
from crmctl.sync.carry import Report, import_batch
from crmctl.workspace.store import Reader
from crmctl.workspace.workspace import Workspace
from tests.sync.conftest import (
    NOW,
    Make,
    account,
    batch,
    call,
    contact,
    deal,
    git,
    org,
    snapshot,
    task,
    ticket,
)


def read(ws: Workspace, slug: str) -> Account:
    reader = Reader(ws.root, ws.ranking)
    found = reader.account(slug)
    assert found is not None
    assert reader.problems == []
    return found


def again(ws: Workspace, *records: Incoming) -> Report:
    return import_batch(ws, batch(*records))


def test_the_first_import_makes_valid_files_of_every_kind(ws: Workspace) -> None:
    report = import_batch(ws, batch(*org()))

    assert report.plan.rejected == []
    assert dict(report.plan.created) == {
        "account": 3, "contact": 3, "deal": 3, "interaction": 1, "task": 1, "event": 2,
    }  # fmt: skip
    alder = read(ws, "alder-freight-ltd")
    assert alder.profile.stated("name") == ("Alder Freight Ltd", "salesforce")
    assert alder.profile.systems["salesforce"]["id"] == "A1"
    assert sorted(alder.contacts) == ["ines-okafor", "tom-reyes"]
    assert alder.deals["fleet-licence"].get("amount") == Decimal(120000)
    assert alder.deals["fleet-licence"].get("people") == [
        {"person": "ines-okafor", "role": "Evaluator"},
        {"person": "tom-reyes", "role": "Evaluator"},
    ]
    assert alder.interactions[0].get("with") == ["ines-okafor"]
    assert alder.interactions[0].body.strip() == "They liked the demo."
    assert next(iter(alder.tasks.values())).get("deal") == "fleet-licence"
    assert [event.data["with"] for event in alder.events] == [["tom-reyes"]]


def test_a_new_profile_comes_from_the_template_and_says_only_where_it_stands(ws: Workspace) -> None:
    import_batch(ws, batch(*org()))

    text = (ws.root / "accounts/alder-freight-ltd/profile.md").read_text("utf-8")
    people, _, machine = text.partition("sources:")
    assert (
        people
        == "---\ndomains:\n\n# Where we stand\nstage: customer\nstep: onboarding\nowner:\nnext_step:\n\n"
    )
    assert machine.startswith("\n\n  salesforce:\n    id: A1\n    domains: [alder.example]\n")
    assert machine.endswith("---\n\n# Alder Freight Ltd\n")


@pytest.mark.parametrize(
    ("status", "place"),
    [
        ("won", ("customer", "onboarding")),
        ("open", ("opportunity", "discovery")),
        ("lost", ("prospect", "research")),
    ],
)
def test_an_account_starts_where_its_deals_put_it(
    ws: Workspace, status: str, place: tuple[str, str]
) -> None:
    again(ws, account("A1", "Alder"), deal("D1", "Licence", "A1", status=status))

    assert (read(ws, "alder").profile.get("stage"), read(ws, "alder").profile.get("step")) == place


def test_a_stage_that_the_system_states_is_its_own_word(ws: Workspace) -> None:
    again(ws, account("A1", "Alder", stage="churn_risk"), deal("D1", "Licence", "A1", status="won"))

    assert read(ws, "alder").profile.stated("stage") == ("churn_risk", "salesforce")
    assert read(ws, "alder").profile.get("step") is None


def test_the_same_batch_again_changes_nothing(ws: Workspace) -> None:
    import_batch(ws, batch(*org()), commit=True)
    before = snapshot(ws.root)

    report = import_batch(ws, batch(*org()), commit=True)

    assert not report.plan.changes
    assert report.commit == ""
    assert snapshot(ws.root) == before
    assert git(ws.root, "status", "--porcelain") == ""


def test_the_order_of_records_makes_no_difference(make: Make) -> None:
    first, second = make("first"), make("second")
    shuffled = org()
    random.Random(7).shuffle(shuffled)

    import_batch(first, batch(*org()))
    import_batch(second, batch(*shuffled))

    assert snapshot(first.root) == snapshot(second.root)


def test_one_changed_field_changes_one_line(ws: Workspace) -> None:
    again(ws, *org())

    report = again(ws, account("A2", "Birch & Sons", employees=41))

    assert report.plan.changes.paths == ["accounts/birch-sons/profile.md"]
    lines = report.plan.changes.diff(context=0).splitlines()
    assert [line for line in lines if line[0] in "+-" and line[1] not in "+-"] == [
        "-    employees: 40",
        "+    employees: 41",
    ]


def test_an_absent_field_is_no_statement_and_none_clears_it(ws: Workspace) -> None:
    again(ws, *org())

    assert not again(ws, account("A2", "Birch & Sons")).plan.changes
    again(ws, account("A2", "Birch & Sons", employees=None))

    block = read(ws, "birch-sons").profile.systems["salesforce"]
    assert "employees" not in block
    assert block["city"] == "Leeds"


def test_a_deletion_marks_the_block_and_nothing_else(ws: Workspace) -> None:
    again(ws, *org())
    path = ws.root / "accounts/birch-sons/profile.md"
    before = path.read_text("utf-8")

    report = again(ws, Incoming("salesforce", "account", "A2", {"name": "gone"}, deleted=True))

    assert path.read_text("utf-8") == before.replace(
        "city: Leeds\n", "city: Leeds\n    deleted: true\n"
    )
    assert not again(ws, Incoming("salesforce", "account", "A2", {}, deleted=True)).plan.changes
    again(ws, *org())
    assert path.read_text("utf-8") == before
    assert report.plan.updated == {"account": 1}


def test_the_deletion_of_what_was_never_seen_makes_no_file(ws: Workspace) -> None:
    assert not again(
        ws, Incoming("salesforce", "account", "A9", {"name": "x"}, deleted=True)
    ).plan.changes


def test_people_keep_their_words_and_their_comments(ws: Workspace) -> None:
    again(ws, *org())
    path = ws.root / "accounts/birch-sons/profile.md"
    text = path.read_text("utf-8")
    mine = (
        text.replace("domains:\n", "employees: 55  # counted them myself\ndomains:\n")
        + "\nOur notes.\n"
    )
    path.write_text(mine, "utf-8")

    again(ws, account("A2", "Birch & Sons", employees=41))

    assert path.read_text("utf-8") == mine.replace("employees: 40", "employees: 41")
    assert read(ws, "birch-sons").profile.stated("employees") == (55, "person")


def test_an_older_version_that_arrives_late_is_no_news(ws: Workspace) -> None:
    new = account("A1", "Alder", city="Hull", modified="2026-02-02T00:00:00Z")
    old = account("A1", "Alder", city="York", modified="2026-01-01T00:00:00Z")

    again(ws, old, new)
    assert read(ws, "alder").profile.get("city") == "Hull"
    assert not again(ws, old).plan.changes


def test_a_touch_without_a_changed_field_is_no_news(ws: Workspace) -> None:
    again(ws, account("A1", "Alder", modified="2026-01-01T00:00:00Z"))

    assert not again(ws, account("A1", "Alder", modified="2026-02-01T00:00:00Z")).plan.changes


def test_accounts_of_one_name_get_different_folders_whatever_their_case(ws: Workspace) -> None:
    again(ws, account("B", "ACME"), account("A", "Acme"), account("a", "acme"))

    names = sorted(p.name for p in (ws.root / "accounts").iterdir())
    assert len({name.casefold() for name in names}) == 3
    assert read(ws, "acme").profile.systems["salesforce"]["id"] == "A"


def test_contacts_have_one_name_in_the_whole_workspace(ws: Workspace) -> None:
    again(ws, *org())

    assert list(read(ws, "alder-freight-ltd").contacts) == ["ines-okafor", "tom-reyes"]
    (other,) = read(ws, "birch-sons").contacts
    assert other.startswith("ines-okafor-")


def test_ids_that_differ_only_in_case_are_two_records(ws: Workspace) -> None:
    again(ws, account("A1", "Alder"), call("00uA", "A1"), call("00Ua", "A1"))

    assert len(read(ws, "alder").interactions) == 2


HOSTILE = [
    "../x", "..", "CON", "aux.md", "é" * 300, "🚀", "\u202egnp.exe", "\x1b[31mred\x1b[0m", "-rf", "a\nb: c",
    "Аcme", "Acme", "ACME", "acme ", "x\0y", "\ud800", "{{ 7 * 7 }}", "---", ": #", "株式会社", "_state", ".git",
]  # fmt: skip


def test_hostile_names_stay_in_the_workspace_and_come_back_as_they_were(ws: Workspace) -> None:
    records = []
    for place, name in enumerate(HOSTILE):
        records += [account(f"A{place}", name), contact(f"C{place}", name, f"A{place}")]
        records.append(deal(f"D{place}", name, f"A{place}"))

    report = again(ws, *records)

    assert report.plan.rejected == []
    reader = Reader(ws.root, ws.ranking)
    found = list(reader.accounts())
    assert reader.problems == []
    names = {a.profile.systems["salesforce"]["id"]: a.profile.get("name") for a in found}
    expected = [n.strip().replace("\0", "").replace("\ud800", "\ufffd") for n in HOSTILE]
    assert [names[f"A{place}"] for place in range(len(HOSTILE))] == expected
    assert {p.split("/")[0] for p in report.plan.changes.paths} == {"accounts"}
    assert not again(ws, *records).plan.changes


def test_owners_become_team_members_or_a_short_name(ws: Workspace) -> None:
    again(
        ws, *org(), account("A4", "Cedar", owner="Uma Roy"), account("A5", "Dogwood", owner="005X")
    )

    owners = {a.slug: a.profile.get("owner") for a in Reader(ws.root, ws.ranking).accounts()}
    assert owners["alder-freight-ltd"] == "ana"
    assert owners["birch-sons"] == "bo-ek"
    assert owners["cedar"] == "uma-roy"
    assert owners["dogwood"] == "005X"


def test_what_belongs_to_no_account_is_not_stored(ws: Workspace) -> None:
    stranger = contact("C9", "Kim Stranger", "A9", "kim@nowhere.example")
    report = again(ws, *org(), stranger, call("I9", "A9"), ticket("S9", "A9", "Help"))

    assert [(w.kind, w.id) for w in report.plan.unmatched] == [
        ("contact", "C9"), ("event", "S9"), ("interaction", "I9"),
    ]  # fmt: skip
    kept = (ws.state_dir / "unmatched.json").read_text("utf-8")
    assert "Kim" not in kept
    assert "kim@" not in kept
    assert "nowhere.example" in kept, "a company's domain tells which account could claim it"
    assert "Kim" not in "".join(b.decode() for b in snapshot(ws.root).values())

    again(ws, account("A9", "Nowhere Ltd"), stranger)
    assert [(w.kind, w.id) for w in unmatched.load(ws.state_dir)] == [
        ("event", "S9"), ("interaction", "I9"),
    ]  # fmt: skip


def test_a_lead_joins_an_account_by_its_mail_domain_and_never_by_a_name(ws: Workspace) -> None:
    again(ws, *org())
    lead = contact("L1", "Lea Lead", email="lea@mail.alder.example")
    named = replace(
        contact("L2", "Ned Lead", email="ned@gmail.com"), account=Link(name="Alder Freight Ltd")
    )

    report = again(ws, lead, named)

    assert "lea-lead" in read(ws, "alder-freight-ltd").contacts
    assert [w.id for w in report.plan.unmatched] == ["L2"]


def test_our_own_people_are_no_contacts(ws: Workspace) -> None:
    report = again(ws, *org(), contact("C8", "Bo Ek", "A1", "bo.ek@northwind.example"))

    assert "bo-ek" not in read(ws, "alder-freight-ltd").contacts
    assert "one of us" in report.plan.notes[0]


def test_a_wrong_value_is_rejected_and_the_rest_of_the_record_is_kept(ws: Workspace) -> None:
    report = again(ws, account("A1", "Alder", employees="many", city="Hull"))

    assert [(r.origin, r.reason) for r in report.plan.rejected] == [
        ("Account A1", 'employees: found "many"; allowed: a whole number')
    ]
    assert read(ws, "alder").profile.get("city") == "Hull"


def test_a_damaged_profile_is_named_and_never_made_a_second_time(ws: Workspace) -> None:
    again(ws, *org())
    path = ws.root / "accounts/birch-sons/profile.md"
    path.write_text(path.read_text("utf-8").replace("stage:", "stage: [", 1), "utf-8")

    report = again(ws, *org(), contact("C7", "New Person", "A2"))

    assert ["birch-sons/profile.md" in r.reason for r in report.plan.rejected] == [True]
    assert len(list((ws.root / "accounts").glob("birch-sons*"))) == 2
    assert (ws.root / "accounts/birch-sons/contacts/new-person.md").exists()


def test_a_damaged_line_of_traffic_is_not_lost(ws: Workspace) -> None:
    again(ws, *org())
    path = ws.root / "accounts/alder-freight-ltd/interactions/2026.jsonl"
    path.write_bytes(path.read_bytes() + b"{broken\n")

    report = again(ws, ticket("S3", "A1", "Another"))

    assert path.read_bytes().endswith(b"{broken\n")
    assert "2026.jsonl:2" in report.plan.rejected[0].reason


def test_a_broken_template_stops_the_import(ws: Workspace) -> None:
    (ws.root / "templates/profile.md.j2").write_text("---\nname: {{ nonsense }}\n---\n", "utf-8")

    with pytest.raises(ConfigError, match=r"profile\.md\.j2"):
        again(ws, *org())


def test_a_dry_run_shows_the_changes_and_writes_nothing(ws: Workspace) -> None:
    report = import_batch(ws, batch(*org()), dry_run=True)

    assert len(report.plan.changes) == 13
    assert not (ws.root / "accounts").exists()
    assert not (ws.state_dir / "unmatched.json").exists()


def test_an_import_can_be_limited_to_some_accounts(ws: Workspace) -> None:
    again(ws, *org())
    newer = [
        account("A1", "Alder Freight Ltd", city="Hull"),
        account("A2", "Birch & Sons", city="York"),
    ]

    report = import_batch(ws, batch(*newer), accounts={"birch-sons"})

    assert report.plan.changes.paths == ["accounts/birch-sons/profile.md"]


def test_prose_of_a_system_follows_it_until_a_person_edits_it(ws: Workspace) -> None:
    again(ws, account("A1", "Alder"), call("I1", "A1", "First notes."))
    (path,) = (ws.root / "accounts/alder/interactions").glob("*.md")

    again(ws, call("I1", "A1", "Better notes."))
    assert read(ws, "alder").interactions[0].body.strip() == "Better notes."
    path.write_text(path.read_text("utf-8") + "\nI was there too.\n", "utf-8")
    report = again(ws, call("I1", "A1", "Best notes."))

    assert not report.plan.changes
    assert "a person's edit of it was kept" in report.plan.notes[0]


def test_a_second_system_adds_its_block_to_the_account_with_its_domain(ws: Workspace) -> None:
    again(ws, *org())
    other = Incoming(
        "supabase",
        "account",
        "77",
        {"name": "Alder", "website": "https://www.alder.example", "seats": 12},
    )
    person = Incoming(
        "supabase", "contact", "5", {"name": "I. Okafor", "email": "INES+crm@alder.example"}
    )

    import_batch(ws, batch(other, person, system="supabase"))

    alder = read(ws, "alder-freight-ltd")
    assert alder.profile.get("seats") == 12
    assert alder.profile.get("name") == "Alder Freight Ltd"
    assert alder.contacts["ines-okafor"].systems["supabase"]["id"] == "5"
    assert not import_batch(ws, batch(other, person, system="supabase")).plan.changes


def test_a_domain_of_several_accounts_matches_none_of_them(ws: Workspace) -> None:
    again(
        ws,
        account("A1", "Elm", domains=["elm.example"]),
        account("A2", "Elm UK", domains=["elm.example"]),
    )
    other = Incoming("supabase", "account", "1", {"name": "Elm", "domains": ["elm.example"]})

    report = import_batch(ws, batch(other, system="supabase"))

    assert report.plan.created == {"account": 1}
    assert {s.level for s in report.plan.suggested} == {"likely", "possible"}


def test_several_incoming_accounts_of_one_domain_match_no_known_one(ws: Workspace) -> None:
    again(ws, account("A1", "Elm", domains=["elm.example"]))
    others = [
        Incoming("supabase", "account", str(n), {"name": f"Elm {n}", "domains": ["elm.example"]})
        for n in (1, 2)
    ]

    assert import_batch(ws, batch(*others, system="supabase")).plan.created == {"account": 2}


def test_a_mailbox_of_many_people_makes_nobody_the_same(ws: Workspace) -> None:
    again(
        ws,
        account("A1", "Elm", domains=["elm.example"]),
        contact("C1", "Ana Elm", "A1", "info@elm.example"),
    )
    other = Incoming("supabase", "contact", "1", {"name": "Zoe Oak", "email": "info@elm.example"})

    import_batch(ws, batch(other, system="supabase"))

    assert sorted(read(ws, "elm").contacts) == ["ana-elm", "zoe-oak"]


def test_measurements_lie_in_the_file_of_their_day(ws: Workspace) -> None:
    again(ws, *org())
    rows = [
        Measurement(
            Link(id="A1"), NOW.date(), "usage.active_users", Decimal("12.50"), "salesforce"
        ),
        Measurement(Link(domain="birch.example"), NOW.date(), "mrr", Decimal(100), "csv"),
        Measurement(
            Link(name="Nobody"), NOW.date(), "mrr", Decimal(1), "csv", origin="usage.csv:4"
        ),
    ]
    report = import_batch(ws, Batch("csv", measurements=rows))

    assert (ws.root / "accounts/_measures/2026-03-02.csv").read_text("utf-8") == (
        "account,measure,value,source\n"
        "alder-freight-ltd,usage.active_users,12.5,salesforce\n"
        "birch-sons,mrr,100,csv\n"
    )
    assert [(r.origin, r.reason) for r in report.plan.rejected] == [
        ("usage.csv:4", "no account is known as Nobody")
    ]
    assert not import_batch(ws, Batch("csv", measurements=rows)).plan.changes


def test_a_changed_ticket_stays_one_line(ws: Workspace) -> None:
    again(ws, *org())
    report = again(ws, ticket("S1", "A1", "Printer on fire", status="Closed", open=False))

    (event,) = read(ws, "alder-freight-ltd").events
    assert event.data["status"] == "Closed"
    assert event.data["with"] == ["tom-reyes"]
    assert report.plan.updated == {"event": 1}


def test_a_moved_due_date_keeps_the_file(ws: Workspace) -> None:
    again(ws, account("A1", "Alder"), task("T1", "A1", "Send the offer", "2026-04-01"))
    again(ws, task("T1", "A1", "Send the better offer", "2026-05-01"))

    (found,) = read(ws, "alder").tasks.values()
    assert found.id.startswith("2026-04-01-send-the-offer-")
    assert found.get("due").isoformat() == "2026-05-01"


def test_the_report_is_plain_data(ws: Workspace) -> None:
    import json

    report = again(ws, *org(), contact("C9", "Kim", "A9"))

    data = json.loads(json.dumps(report.as_dict()))
    assert data["created"]["deal"] == 3
    assert data["unmatched"] == [
        {
            "system": "salesforce",
            "kind": "contact",
            "id": "C9",
            "date": "",
            "domain": "",
            "origin": "Contact C9",
        }
    ]
    assert "deal: 3 new" in list(report.lines())
