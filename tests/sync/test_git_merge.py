"""What a nightly import and people do on two branches, plain git puts together."""

from __future__ import annotations

from pathlib import Path

from crmctl.sync.carry import import_batch
from crmctl.workspace.workspace import Workspace
from tests.sync.conftest import account, batch, contact, deal, git, org, snapshot, ticket

PROFILE = "accounts/birch-sons/profile.md"


def log_entry(root: Path, name: str) -> None:
    path = root / f"accounts/birch-sons/interactions/{name}.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text("---\ntype: call\nat: 2026-03-01T10:00:00Z\n---\n\nTalked.\n", "utf-8")


def test_an_import_and_a_reps_edit_of_one_profile_merge_cleanly(ws: Workspace) -> None:
    import_batch(ws, batch(*org()), commit=True)
    git(ws.root, "checkout", "--quiet", "-b", "rep")
    profile = ws.root / PROFILE
    text = profile.read_text("utf-8").replace(
        "next_step:", "next_step: Send the contract\ntags: [keen]"
    )
    profile.write_text(text + "\nThey moved offices.\n", "utf-8")
    log_entry(ws.root, "2026-03-01-call-ab2c")
    git(ws.root, "add", "-A")
    git(ws.root, "commit", "--quiet", "-m", "Call with Birch")
    git(ws.root, "checkout", "--quiet", "main")
    log_entry(ws.root, "2026-03-01-call-xy3z")
    git(ws.root, "add", "-A")
    git(ws.root, "commit", "--quiet", "-m", "Another call")
    news = [
        account("A2", "Birch & Sons", employees=77, city="York", website="https://birch.example"),
        contact("C5", "Nia Holt", "A2"), deal("D2", "Pilot", "A2", status="won"), ticket("S9", "A2", "Slow"),
    ]  # fmt: skip
    import_batch(ws, batch(*news), commit=True)

    git(ws.root, "merge", "--quiet", "--no-edit", "rep")

    merged = profile.read_text("utf-8")
    for line in (
        "next_step: Send the contract",
        "tags: [keen]",
        "    employees: 77",
        "They moved offices.",
    ):
        assert f"{line}\n" in merged
    assert (
        len(list((ws.root / "accounts/birch-sons/interactions").glob("2026-03-01-call-*.md"))) == 2
    )
    assert not import_batch(ws, batch(*news)).plan.changes


def test_two_systems_on_two_branches_merge_cleanly(ws: Workspace) -> None:
    from crmctl.model.incoming import Incoming

    import_batch(ws, batch(*org()), commit=True)
    apps = {"name": "Birch", "domains": ["birch.example"]}
    import_batch(
        ws,
        batch(Incoming("supabase", "account", "1", {**apps, "seats": 1}), system="supabase"),
        commit=True,
    )
    git(ws.root, "checkout", "--quiet", "-b", "other")
    import_batch(
        ws,
        batch(Incoming("supabase", "account", "1", {**apps, "seats": 2}), system="supabase"),
        commit=True,
    )
    git(ws.root, "checkout", "--quiet", "main")
    import_batch(ws, batch(account("A2", "Birch & Sons", zip="1", city="York")), commit=True)

    git(ws.root, "merge", "--quiet", "--no-edit", "other")

    text = (ws.root / PROFILE).read_text("utf-8")
    assert "seats: 2" in text
    assert "city: York" in text


def test_the_same_import_on_two_branches_is_one(ws: Workspace) -> None:
    git(ws.root, "checkout", "--quiet", "-b", "other")
    import_batch(ws, batch(*org()), commit=True)
    git(ws.root, "checkout", "--quiet", "main")
    import_batch(ws, batch(*reversed(org())), commit=True)
    before = snapshot(ws.root)

    git(ws.root, "merge", "--quiet", "--no-edit", "other")

    assert snapshot(ws.root) == before
