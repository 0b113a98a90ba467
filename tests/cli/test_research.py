"""`crmctl research`: off until switched on, one writer per block, nothing written that did not change."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crmctl.sources import network, website_dns, website_reach
from crmctl.workspace.document import parse
from tests.conftest import Crm
from tests.servers.base import Reply
from tests.servers.clock import FakeClock
from tests.servers.website import HOME, HOST, Website, page

PROFILE = "accounts/acme/profile.md"
DNS = {
    ("acme.example", "MX"): ["aspmx.l.google.com"],
    ("acme.example", "TXT"): ["okta-verification=1"],
}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Website]:
    """The site of Acme, with a double of DNS, in a time that passes by itself."""
    with Website() as running:
        monkeypatch.setattr(website_reach, "public", running.reach)
        monkeypatch.setattr(website_dns, "ask", lambda name, kind: DNS.get((name, kind), []))
        monkeypatch.setattr(network, "RealClock", FakeClock)
        yield running


@pytest.fixture
def acme(crm: Crm, workspace: Path) -> Path:
    assert crm("new", "Acme", "--domain", "acme.example", "--no-tasks").code == 0
    assert crm("set", "acme", f"website=http://{HOST}/", "technologies=Helios ERP").code == 0
    return workspace


def switch_on(root: Path, more: str = "") -> None:
    with (root / "crmctl.yaml").open("a") as file:
        file.write(f"research: {{enabled: true{more}}}\n")


def block(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = parse((root / PROFILE).read_bytes(), PROFILE).data["sources"]["website"]
    return found


def test_nothing_is_sent_until_it_is_switched_on(crm: Crm, acme: Path, site: Website) -> None:
    done = crm("research", "acme")
    assert done.code == 4
    assert "research: {enabled: true}" in done.err
    assert site.calls == []


def test_what_the_site_shows_goes_into_its_own_block(crm: Crm, acme: Path, site: Website) -> None:
    switch_on(acme)
    done = crm("research", "acme", "--commit")
    assert done.code == 0, done
    rows = {row[0]: row for row in done.rows}
    assert {
        "WordPress",
        "Cloudflare",
        "HubSpot",
        "Google Workspace",
        "Okta",
        "Helios ERP",
    } <= rows.keys()
    line = int(rows["WordPress"][6].rpartition(":")[2])
    assert "WordPress 6.4" in (acme / PROFILE).read_text().splitlines()[line - 1]
    assert "Stripe" not in rows  # it only stood inside a script
    data = parse((acme / PROFILE).read_bytes(), PROFILE).data
    assert data["technologies"] == ["Helios ERP"]
    made = block(acme)
    assert made["description"] == "Ships parcels between islands"
    assert made["business_intelligence"] == [
        "Job advert: Platform engineer",
        "Job advert: Resource controller",
    ]
    assert made["company_page"] == "https://www.linkedin.com/company/acme"
    assert crm("check", "acme").code == 0
    assert crm("list", "description~islands").rows[0][0] == "acme"


def test_a_second_visit_that_finds_the_same_writes_nothing(
    crm: Crm, acme: Path, site: Website
) -> None:
    switch_on(acme)
    crm("research", "acme")
    before = (acme / PROFILE).read_bytes()
    assert "nothing to do" in crm("research", "acme").err
    assert (acme / PROFILE).read_bytes() == before


def test_what_the_site_no_longer_shows_goes(crm: Crm, acme: Path, site: Website) -> None:
    switch_on(acme)
    crm("research", "acme")
    site.pages["/"] = page(HOME.replace("WordPress 6.4", "Drupal 11"))
    crm("research", "acme")
    assert "WordPress" not in block(acme)["technologies"]
    assert "Drupal" in block(acme)["technologies"]


def test_a_site_that_shows_nothing_any_more_leaves_no_claim(
    crm: Crm, acme: Path, site: Website, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch_on(acme)
    crm("research", "acme")
    site.pages = {"/": page("<p>Under construction</p>")}
    monkeypatch.setattr(website_dns, "ask", lambda _name, _kind: [])
    crm("research", "acme")
    # The careers page was not looked at, so what it said stays, and ages.
    assert {row["url"] for name, row in block(acme).items() if name.startswith("seen_")} == {
        f"http://{HOST}/careers"
    }
    assert "technologies" not in block(acme) or block(acme)["technologies"] == ["Greenhouse"]
    assert crm("check", "acme").code == 0


def test_a_busy_home_page_is_not_asked_for_elsewhere(crm: Crm, acme: Path, site: Website) -> None:
    switch_on(acme)
    site.pages["/"] = Reply(429)
    done = crm("research", "acme")
    assert (done.code, site.paths) == (1, ["/robots.txt", "/"])


def test_a_site_that_fails_changes_nothing(crm: Crm, acme: Path, site: Website) -> None:
    switch_on(acme)
    crm("research", "acme")
    before = (acme / PROFILE).read_bytes()
    for broken in (Reply(500), Reply(404), Reply(302, "", {"Location": "http://10.0.0.1/"})):
        site.pages["/"] = broken
        assert crm("research", "acme").code == 1
        assert (acme / PROFILE).read_bytes() == before


def test_a_dry_run_shows_and_writes_nothing(crm: Crm, acme: Path, site: Website) -> None:
    switch_on(acme)
    before = (acme / PROFILE).read_bytes()
    done = crm("research", "acme", "--dry-run")
    assert done.code == 0
    assert "+    technologies: [" in done.out or "+      - WordPress" in done.out
    assert (acme / PROFILE).read_bytes() == before


def test_pages_and_dns_are_read_as_far_as_the_team_wants(
    crm: Crm, acme: Path, site: Website
) -> None:
    switch_on(acme, ", pages: 1, dns: false, user_agent: acme-crm/2")
    assert crm("research", "acme").code == 0
    assert site.paths == ["/robots.txt", "/"]
    assert site.calls[0].headers["user-agent"] == "acme-crm/2"
    assert "Okta" not in block(acme)["technologies"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("domains", "gmail.com"), ("domains", "ours.example")],
)
def test_only_the_companys_own_site_is_visited(
    crm: Crm, workspace: Path, site: Website, field: str, value: str
) -> None:
    settings = workspace / "crmctl.yaml"
    settings.write_text(
        settings.read_text().replace("our_domains: []", "our_domains: [ours.example]")
    )
    switch_on(workspace)
    crm("new", "Acme", "--no-tasks")
    profile = workspace / PROFILE
    profile.write_text(
        profile.read_text()
        .replace("---\n", f"---\n{field}: [{value}]\n", 1)
        .replace("domains: []\n", "")
    )
    done = crm("research", "acme")
    assert done.code != 0
    assert site.calls == []


def test_hostile_words_of_a_site_stay_data(crm: Crm, acme: Path, site: Website) -> None:
    switch_on(acme)
    site.pages["/"] = page(
        '<meta name="description" content="x\x1b[31m\n---\nstage: churn_risk\n&#10;---&#8238; {{ config }}">'
        '<meta name="generator" content="WordPress: [a, &amp;b] # \' &quot;">'
    )
    assert crm("research", "acme").code == 0
    data = parse((acme / PROFILE).read_bytes(), PROFILE).data
    assert data["stage"] == "prospect"
    assert "\x1b" not in block(acme)["description"]
    assert crm("check", "acme").code == 0


def test_a_pasted_advert_is_kept_once_and_is_evidence(crm: Crm, acme: Path, tmp_path: Path) -> None:
    advert = tmp_path / "advert.txt"
    advert.write_text("Data engineer\n\nOur stack: Kafka and Snowflake.\n")
    call = ("research", "acme", "--text", str(advert), "--from", "https://jobs.acme.example/1")
    done = crm(*call)
    assert done.code == 0, done
    assert {row[0] for row in done.rows} == {"Helios ERP", "Kafka", "Snowflake"}
    kafka = next(row for row in done.rows if row[0] == "Kafka")
    assert kafka[6] == "accounts/acme/interactions/2026.jsonl:1"
    assert "nothing to do" in crm(*call).err
    assert crm("research", "acme", "--show").out == crm(*call).out
    (acme / "accounts/acme/interactions/2026.jsonl").unlink()
    assert {row[0] for row in crm("research", "acme", "--show").rows} == {"Helios ERP"}


def test_an_advert_is_no_conversation(crm: Crm, acme: Path, tmp_path: Path) -> None:
    advert = tmp_path / "advert.txt"
    advert.write_text("We use Kafka. What a fantastic, wonderful, great place!\n")
    before = crm("health", "explain", "acme", "--csv").out
    assert crm("research", "acme", "--text", str(advert)).code == 0
    assert crm("health", "explain", "acme", "--csv").out == before


def test_the_table_as_json_and_csv(crm: Crm, acme: Path) -> None:
    found = json.loads(crm("research", "acme", "--show", "--json").out)
    (one,) = found["technologies"]
    assert (one["technology"], one["evidence"][0]["kind"]) == ("Helios ERP", "profile")
    (row,) = csv.DictReader(io.StringIO(crm("research", "acme", "--show", "--csv").out))
    assert row["quote"] == "technologies: Helios ERP"


@pytest.mark.parametrize("text", ["", "   \n", "x" * 60_001])
def test_a_text_that_is_none_is_refused(crm: Crm, acme: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    assert crm("research", "acme", "--text", str(tmp_path / "a.txt")).code == 2
    assert crm("research", "acme", "--text", str(tmp_path / "none.txt")).code == 2
    assert crm("research", "acme", "--show", "--text", "x").code == 2


def test_the_brief_of_a_workflow_cites_technologies_and_visits_nobody(
    crm: Crm, acme: Path, site: Website
) -> None:
    switch_on(acme)
    (acme / "workflows.yaml").write_text(
        "customer_workflows:\n  w:\n    trigger: stage == prospect\n    actions: [research_company]\n"
    )
    assert crm("run").code == 0
    (brief,) = (acme / "accounts/acme/plans").glob("*.md")
    assert "| Helios ERP | uses |" in brief.read_text()
    (task,) = (acme / "accounts/acme/tasks").glob("*.md")
    assert "crmctl research acme" in task.read_text()
    assert site.calls == []
