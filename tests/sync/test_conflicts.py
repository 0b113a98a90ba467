"""Where people and systems state different things."""

from __future__ import annotations

from crmctl.model.incoming import Incoming
from crmctl.sync.carry import import_batch
from crmctl.sync.conflicts import conflicts
from crmctl.workspace.workspace import Workspace
from tests.sync.conftest import account, batch


def say(ws: Workspace, line: str) -> None:
    path = ws.root / "accounts/elm/profile.md"
    path.write_text(path.read_text("utf-8").replace("owner:", f"{line}\nowner:", 1), "utf-8")


def test_a_system_contradicts_then_confirms_a_person(ws: Workspace) -> None:
    import_batch(ws, batch(account("A1", "Elm", city="Hull")))
    assert conflicts(ws) == []
    say(ws, "city: York")

    (found,) = conflicts(ws)
    assert (found.field, found.state, found.holds) == ("city", "contradicted", "person")
    assert found.stated == {"person": "York", "salesforce": "Hull"}
    assert (found.path, found.ref) == ("accounts/elm/profile.md", "elm")

    import_batch(ws, batch(account("A1", "Elm", city="york ")))
    assert [c.state for c in conflicts(ws)] == ["confirmed"]


def test_two_systems_differ_and_the_ranking_decides(ws: Workspace) -> None:
    import_batch(ws, batch(account("A1", "Elm", domains=["elm.example"], employees=10)))
    other = Incoming(
        "supabase", "account", "1", {"name": "Elm", "domains": ["elm.example"], "employees": 12}
    )
    import_batch(ws, batch(other, system="supabase"))

    (found,) = conflicts(ws)
    assert (found.field, found.state, found.holds) == ("employees", "systems", "salesforce")
    assert conflicts(ws, accounts={"oak"}) == []


def test_what_a_system_deleted_it_no_longer_states(ws: Workspace) -> None:
    import_batch(ws, batch(account("A1", "Elm", city="Hull")))
    say(ws, "city: York")

    import_batch(ws, batch(Incoming("salesforce", "account", "A1", {}, deleted=True)))

    assert conflicts(ws) == []
