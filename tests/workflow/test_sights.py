"""The records of a folder are those whose names can be ours, however they were listed."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from crmctl.workflow.sights import Sight, ids, names
from crmctl.workflow.values import Insight
from crmctl.workspace import paths
from tests.workflow.conftest import World

PART = st.sampled_from(
    ["a", "con", "nul", "2026-06-01-call", "x" * 60, "B", "é", "-", "", "a\nb", "."]
)
NAMES = st.lists(st.lists(PART, min_size=1, max_size=4).map("-".join), max_size=6)


def ordinary(found: list[str]) -> list[str]:
    """The same, one by one."""
    ids = [name.removesuffix(".md") for name in found if name.endswith(".md")]
    return sorted(identity for identity in ids if paths.is_slug(identity))


@given(NAMES)
@example(["a-b\nc-d"])
@example(["ines-okafor", "con"])
@example([f"{'x' * 60}-{'x' * 60}"])
def test_a_look_at_all_names_together_lets_no_other_through(found: list[str]) -> None:
    listed = [f"{name}.md" for name in found] + ["2026.jsonl"]
    assert ids(listed) == ordinary(listed)


def test_what_scoring_has_listed_is_what_the_folder_holds(world: World) -> None:
    world.account("acme")
    for person in ("ines-okafor", "con", "Bob", "a--b"):
        world.contact("acme", person)
    ws = world.ws
    insight = Insight(ws, ["acme"])
    before = Sight(insight, "acme", {}, ws.local_now)
    folders = ("contacts", "deals", "interactions", "tasks")
    listed = {folder: before.records(folder) for folder in folders}
    _ = insight.part("acme").scored
    after = Sight(insight, "acme", {}, ws.local_now)
    assert {folder: after.records(folder) for folder in folders} == listed
    assert listed["contacts"] == names(ws, "acme", "contacts") == ["a--b", "ines-okafor"]
