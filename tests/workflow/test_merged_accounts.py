"""Workflows and accounts that turn out to be one."""

from __future__ import annotations

from crmctl.sync.merge_account import merge_accounts
from crmctl.workspace.store import read_file

from .conftest import World


def test_merging_two_accounts_fires_nothing_again(world: World) -> None:
    for slug, person in (("acme", "ann"), ("acme-inc", "ann"), ("globex", "max")):
        world.account(slug, "prospect", owner="ana", industry="software", employees=9)
        world.contact(slug, person)
        world.known[slug]["health_score"] = 40.0
    world.run()
    survivor, loser = (
        read_file(world.root, f"accounts/{slug}/profile.md", world.ws.ranking)[0]
        for slug in ("acme", "acme-inc")
    )
    with world.ws.writing("merge") as run:
        world.ws.apply(merge_accounts(world.ws, survivor, loser), run)
    assert not [path for path in world.files() if path.startswith("accounts/acme-inc/")]
    later = world.on("2026-04-01").run()
    assert (later.steps, later.messages, later.problems) == ([], [], [])
