"""Customer documents hold nothing internal: every field of every record is tried, by the tables of the model."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from crmctl.model.errors import ConfigError, UsageError
from crmctl.model.fields import Field
from crmctl.model.schema import DEAL_STATUS, EVENT_TYPES, FIELDS, INTERACTION_TYPES, TASK_STATUS
from crmctl.render.account import read
from crmctl.render.audience import DECIDING, SAFE, SAFE_COLUMNS, allowed
from crmctl.render.quarter import Quarter
from crmctl.render.review import plan_review
from crmctl.render.review_customer import customer_context
from crmctl.render.review_kinds import CUSTOMER, FOR_OURSELVES, KINDS
from crmctl.workspace.git import Git
from crmctl.workspace.workspace import Workspace

NOW = dt.datetime(2026, 11, 16, 8, tzinfo=dt.UTC)
SLUG = "canary-folder"
TYPES = [kind for kind in KINDS if kind not in FOR_OURSELVES]
# What the documents may show, and what decides on it: the same in both workspaces.
FIXED: dict[str, Any] = {
    "account.name": "Safe Name",
    "account.currency": "GBP",
    "account.plan": "Safeplan",
    "account.seats": 4242,
    "account.started": "2025-01-15",
    "account.renewal": "2027-02-15",
    "account.auto_renew": True,
    "account.first_value": "2025-03-01",
    "account.value_realised": 515151,
    "account.owner": "canary-stranger",
    "account.goals.name": "Safegoal",
    "account.goals.unit": "safeunits",
    "account.goals.baseline": 616,
    "account.goals.target": 818,
    "account.goals.current": 717,
    "account.goals.due": "2026-12-31",
    "account.goals.source": "Safemeasurer",
    "contact.name": "Safe Person",
    "contact.title": "Safetitle",
    "interaction.at": "2026-11-03T09:00:00Z",
    "interaction.tags": ["canarytag"],
    "interaction.with": ["safe-person"],
    "event.at": "2026-10-05T10:00:00Z",
    "event.subject": "Safesubject",
    "event.number": "SAFE-17",
    "event.first_response_at": "2026-10-05T12:30:00Z",
    "event.closed_at": "2026-10-07T10:00:00Z",
    "event.open": False,
    "event.direction": "in",
    "event.deleted": False,
}
SHOWN = """Safe Name|Safeplan|4242|2025-01-15|2027-02-15|renews by itself|2025-03-01|515,151 GBP|Safegoal|safeunits
|616|818|717|2026-12-31|Safemeasurer|Safe Person (Safetitle)|2026-11-03|2026-10-05|SAFE-17|Safesubject
|closed on 2026-10-07|2.5 h|Active users|311|322|Safe Co|Agreed in 2026 Q3|Safeaction""".replace(
    "\n", ""
).split("|")


class _Values:
    """A value for every field that is not fixed: another one in each variant, and with a canary where it is text."""

    def __init__(self, variant: int) -> None:
        self.variant = variant
        self.count = 0

    def record(self, kind: str, **given: Any) -> dict[str, Any]:
        values = {name: self.of(field, f"{kind}.{name}") for name, field in FIELDS[kind].items()}
        return values | given

    def of(self, field: Field, path: str) -> Any:
        if path in FIXED:
            return FIXED[path]
        value = self._one(field, path)
        return [value] if field.many else value

    def _one(self, field: Field, path: str) -> Any:
        self.count += 1
        low, name = int(field.low or 0), path.replace(".", "").replace("_", "")
        day = f"2026-0{1 + self.count % 9}-1{self.variant}"
        number = (
            low + self.variant
            if field.high is not None
            else 7_310_000 + 2 * self.count + self.variant
        )
        return {
            "text": f"Canary{name}{self.variant}",
            "int": number,
            "decimal": number,
            "bool": bool(self.variant),
            "date": day,
            "datetime": f"{day}T08:00:00Z",
            "choice": field.choices[self.variant % len(field.choices)] if field.choices else "",
            "id": f"canary-{name}-{self.variant}",
            "email": f"canary{self.variant}@{name}.example",
            "domain": f"canary{self.variant}.{name}.example",
            "url": f"https://canary{self.variant}.{name}.example",
            "currency": ("CHF", "SEK")[self.variant],
            "map": {
                column.name: self.of(column, f"{path}.{column.name}") for column in field.columns
            },
        }[field.kind]


def _workspace(root: Path, variant: int) -> Workspace:
    """A workspace in which everything internal reads otherwise in each variant."""
    values, home = _Values(variant), root / "accounts" / SLUG

    def put(path: str, record: dict[str, Any]) -> None:
        blocks = {
            "salesforce": {"id": f"canary{variant}", "canary_field": f"Canarysystem{variant}"}
        }
        head = record | {"canary_key": f"Canaryown{variant}", "sources": blocks}
        lines = "".join(f"{name}: {json.dumps(value)}\n" for name, value in head.items())
        body = (
            f"## Canaryheading{variant}\nCanaryprose{variant}: a fifth cheaper, we will cancel.\n"
        )
        target = home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"---\n{lines}---\n\n{body}- [ ] We: Canarypromise{variant}\n")

    put("profile.md", values.record("account"))
    put("contacts/safe-person.md", values.record("contact"))
    put("contacts/canary-unmet.md", values.record("contact", name=f"Canaryunmet{variant}"))
    for status in DEAL_STATUS:
        put(f"deals/canary-{status}.md", values.record("deal", status=status))
    for kind in INTERACTION_TYPES:
        name = f"interactions/2026-11-03-{kind}-canary.md"
        put(name, values.record("interaction", type=kind))
    inside = values.record(
        "interaction", type="meeting", at="2026-11-04T09:00:00Z", tags=["Internal"]
    )
    put("interactions/2026-11-04-meeting-inside.md", inside)
    alone = values.record("interaction", type="meeting", at="2026-11-05T09:00:00Z")
    put("interactions/2026-11-05-meeting-alone.md", alone | {"with": ["canary-nobody"]})
    for status in TASK_STATUS:
        name = f"tasks/2026-11-20-canary-{status}.md"
        put(name, values.record("task", status=status))
    ours = values.record("event", type="ticket", direction="out", subject=f"Canaryours{variant}")
    gone = values.record("event", type="ticket", deleted=True, subject=f"Canarygone{variant}")
    events = [values.record("event", type=kind) for kind in EVENT_TYPES]
    events = [
        event if event["type"] == "ticket" else event | {"subject": f"Canary{variant}"}
        for event in events
    ]
    lines = [
        json.dumps(event | {"id": f"salesforce:canary{number}{variant}"})
        for number, event in enumerate([*events, ours, gone])
    ]
    (home / "interactions/2026.jsonl").write_text("\n".join(lines) + "\n")
    (home / "health.md").write_text(f"---\nscore: 1\n---\nCanaryhealth{variant}\n")
    measured = root / "accounts/_measures"
    measured.mkdir()
    for day, users in (("2026-09-28", 311), ("2026-11-09", 322)):
        rows = f"{SLUG},usage.active_users,{users},csv\n{SLUG},usage.canary_cost,{7_500_000 + variant},csv\n"
        rows += f"{SLUG},health.score,{41 + variant},crmctl\n"
        (measured / f"{day}.csv").write_text(f"account,measure,value,source\n{rows}")
    (home / "reviews").mkdir()
    table = "| {} | Target | Due |\n| --- | --- | --- |\n| {} | 900 | 2026-12-01 |\n"
    for name in ("qbr", "account-review", "handover"):
        text = table.format("Goal", f"Canaryearlier{variant}") + table.format(
            "What", f"Canarydeed{variant}"
        )
        (home / f"reviews/2026-q3-{name}.md").write_text(text)
    text = table.format("Goal", "Safegoal") + "\n" + table.format("What", "Safeaction")
    (home / "reviews/2026-q3-qbr-customer.md").write_text(text)
    (root / "crmctl.yaml").write_text("company: Safe Co\n")
    Git.init(root)
    return Workspace(root, now=NOW, seed=7)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Workspace]:
    """Two workspaces that differ in everything internal and in nothing else."""
    one, other = (_workspace(tmp_path_factory.mktemp("leaks"), variant) for variant in (0, 1))
    return one, other


def _document(ws: Workspace, kind: str) -> str:
    return plan_review(ws, SLUG, kind=kind, audience=CUSTOMER)[1]


def test_the_account_is_read_whole(both: tuple[Workspace, Workspace]) -> None:
    found = [read(ws, SLUG).account for ws in both]
    assert len(found[0].interactions) == len(INTERACTION_TYPES) + 2
    assert len(found[0].events) == len(EVENT_TYPES) + 2
    kinds = ("contacts", "deals", "tasks")
    assert [len(getattr(found[0], kind)) for kind in kinds] == [
        2,
        len(DEAL_STATUS),
        len(TASK_STATUS),
    ]
    for kind, records in (
        ("account", [a.profile for a in found]),
        ("contact", [a.contacts["safe-person"] for a in found]),
        ("deal", [a.deals["canary-open"] for a in found]),
        ("interaction", [a.interactions[0] for a in found]),
    ):
        fixed = SAFE[kind] | DECIDING.get(kind, frozenset()) | {"status", "type"}
        same = {name for name in FIELDS[kind] if records[0].get(name) == records[1].get(name)}
        assert same <= fixed, f"{kind}: {same - fixed} do not differ, so nothing is shown of them"


@pytest.mark.parametrize("kind", TYPES)
def test_no_internal_field_reaches_a_customer(both: tuple[Workspace, Workspace], kind: str) -> None:
    texts = [_document(ws, kind) for ws in both]
    assert "canary" not in texts[0].casefold()
    assert "731" not in texts[0]
    assert "75000" not in texts[0]
    # Nothing of ours shows through either: no number, order or choice of words depends on it.
    assert texts[0] == texts[1]


@pytest.mark.parametrize("kind", TYPES)
def test_a_template_is_given_nothing_internal(both: tuple[Workspace, Workspace], kind: str) -> None:
    given = [customer_context(ws, read(ws, SLUG), kind, Quarter(2026, 4), ws.today) for ws in both]
    assert given[0] == given[1]
    assert "canary" not in repr(given[0]).casefold()


def test_what_is_theirs_is_shown(both: tuple[Workspace, Workspace]) -> None:
    together = "".join(_document(both[0], kind) for kind in TYPES)
    assert [words for words in SHOWN if words not in together] == []
    assert "2026-11-04" not in together  # a meeting with the tag internal
    assert "2026-11-05" not in together  # a meeting without anybody of theirs


@pytest.mark.parametrize(
    "way",
    [
        "{{ health.score }}",
        "{{ risks }}",
        '{% include "qbr.md.j2" %}',
        '{% import "qbr.md.j2" as ours %}',
        '{% extends "qbr.md.j2" %}',
        "{{ name.__class__.__mro__ }}",
        "{{ self._TemplateReference__context }}",
        "{{ goals.__class__.__base__.__subclasses__() }}",
    ],
)
def test_a_template_has_no_way_to_the_internal_view(
    both: tuple[Workspace, Workspace], request: pytest.FixtureRequest, way: str
) -> None:
    own = both[0].root / "templates/qbr-customer.md.j2"
    own.parent.mkdir(exist_ok=True)
    request.addfinalizer(own.unlink)
    own.write_text(f"---\nkind: qbr\n---\n{way}\n")
    with pytest.raises(ConfigError, match=r"templates/qbr-customer\.md\.j2"):
        _document(both[0], "qbr")


def test_the_list_of_safe_fields_is_of_fields_that_there_are() -> None:
    assert SAFE.keys() == FIELDS.keys()
    for kind, names in (*SAFE.items(), *DECIDING.items()):
        assert names <= FIELDS[kind].keys()
    maps = {
        f"{kind}.{name}": {column.name for column in FIELDS[kind][name].columns}
        for kind, names in SAFE.items()
        for name in names
        if FIELDS[kind][name].kind == "map"
    }
    assert SAFE_COLUMNS.keys() == maps.keys()
    assert all(SAFE_COLUMNS[path] <= columns for path, columns in maps.items())


def test_a_field_that_nobody_has_judged_stays_inside() -> None:
    goal = {"name": "Fewer trips", "doubts": "they will not make it"}
    profile = {"name": "Acme", "goals": [goal], "margin": 12, "arr": 1}
    assert allowed("account", profile) == {"name": "Acme", "goals": [{"name": "Fewer trips"}]}
    assert allowed("deal", {"name": "Renewal", "amount": 5}) == {}


@pytest.mark.parametrize("kind", FOR_OURSELVES)
def test_what_is_for_ourselves_has_no_customer_version(
    both: tuple[Workspace, Workspace], kind: str
) -> None:
    with pytest.raises(
        UsageError, match=f"a {kind} review has no customer version: .+ account, qbr"
    ):
        _document(both[0], kind)
