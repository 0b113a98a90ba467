from __future__ import annotations

import json
from pathlib import Path

import pytest

from crmctl.insight.aggregate import aggregate_customer_data
from crmctl.insight.scoring import plan_scores
from crmctl.model.errors import DamagedFile, UsageError
from crmctl.workspace.workspace import NOW, Workspace


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NOW, "2026-11-22T12:00:00Z")


def test_everything_of_one_customer_as_plain_data(root: Path) -> None:
    data = aggregate_customer_data("acme", root)
    assert list(data) == ["profile", "usage", "conversations", "health_score", "insights"]
    assert json.loads(json.dumps(data)) == data
    assert data["profile"]["name"] == "Acme Ltd"
    assert [c["id"] for c in data["profile"]["contacts"]] == ["ann", "bob"]
    assert data["usage"]["usage.active_users"][-1] == {"day": "2026-11-10", "value": 70.0}
    assert [c["type"] for c in data["conversations"]] == ["call", "survey", "ticket"]
    health = data["health_score"]
    scored = plan_scores(Workspace(root), ["acme"]).results["acme"]
    assert (health["overall"], health["status"]) == (scored.score, scored.status)
    assert health["status"] == "good"
    assert list(health["factors"]) == ["usage", "support", "relationship", "outcomes"]
    assert health["recommendations"][0]["source"] == "accounts/acme/interactions/2026.jsonl:1"
    assert data["insights"]["competitors"][0]["sources"] == ["accounts/acme/profile.md:9"]


@pytest.mark.parametrize("name", ["Acme Ltd", "acme.example", "salesforce:001A", "001A"])
def test_a_customer_is_found_by_name_domain_or_id(root: Path, name: str) -> None:
    assert aggregate_customer_data(name, root) == aggregate_customer_data("acme", root)


def test_nobody_of_that_name(root: Path) -> None:
    with pytest.raises(UsageError, match="no account is called 'zenith'"):
        aggregate_customer_data("zenith", root)


def test_a_customer_that_nothing_is_known_of_has_no_score(root: Path) -> None:
    health = aggregate_customer_data("blank", root)["health_score"]
    assert (health["overall"], health["status"], health["coverage"]) == (None, None, 0)
    assert health["range"] == [0, 100]
    assert health["reason"]


def test_a_damaged_profile_is_named(root: Path) -> None:
    (root / "accounts/acme/profile.md").write_text("---\nname: [\n---\n", encoding="utf-8")
    with pytest.raises(DamagedFile, match=r"accounts/acme/profile\.md"):
        aggregate_customer_data("acme", root)
