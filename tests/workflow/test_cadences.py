"""Cadences: one touch after the other, on working days, with consent, and never after an answer."""

from __future__ import annotations

import json
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.errors import CrmError
from crmctl.workflow import cadence_run, engine
from crmctl.workflow.cadence import Cadence
from crmctl.workflow.cadence_course import course_of
from crmctl.workflow.definition import lint
from crmctl.workflow.steps import Wait
from crmctl.workspace.episodes import Episode, parse
from crmctl.workspace.records import read_record

from .conftest import World

WORKFLOWS = dedent(
    """\
    customer_workflows:
      hello:
        trigger: contact_created
        actions:
          - start_cadence: {cadence: first}
    cadences:
      first:
        description: Say hello
        step: initial_outreach
        touches:
          - {day: 0, channel: email, template: hello}
          - {day: 3, channel: call}
          - {day: 3, channel: linkedin}
          - {day: 10, channel: email, title: "Last mail to {contact}"}
        patience: 7d
    """
)
HELLO = dedent(
    """\
    ---
    title: {{ "Mail to " ~ contact.name }}
    account: {{ slug }}
    workflow: {{ workflow }}
    ---
    Hello {{ contact.name }}, {{ sender }} here, touch {{ touch.number }} of {{ touch.of }}.
    """
)
GRANTED = [{"purpose": "outreach", "status": "granted", "at": "2026-01-05"}]


def person(world: World, name: str = "ann", slug: str = "acme", **values: Any) -> None:
    consent = values.pop("consent", GRANTED)
    lines = [f"name: {name.title()}", *(f"{key}: {value}" for key, value in values.items())]
    if consent:
        lines += ["consent:", *(f"  - {json.dumps(entry)}" for entry in consent)]
    world.write(f"accounts/{slug}/contacts/{name}.md", "---\n" + "\n".join(lines) + "\n---\n")


@pytest.fixture
def acme(world: World) -> World:
    """A prospect with one person who allowed us to write. It is Tuesday, 2026-03-31."""
    world.write("workflows.yaml", WORKFLOWS)
    world.write("templates/hello.md.j2", HELLO)
    world.account("acme", "prospect", owner="ana")
    person(world)
    return world


def mail(
    world: World, at: str, *, direction: str = "in", who: str = "ann", type_: str = "email"
) -> None:
    line = {"id": f"email:{at}", "at": at, "type": type_, "direction": direction, "with": [who]}
    path = "accounts/acme/interactions/2026.jsonl"
    before = world.files().get(path, b"").decode()
    world.write(path, before + json.dumps(line) + "\n")


def tasks(world: World) -> dict[str, dict[str, Any]]:
    found = {}
    for path, raw in world.files().items():
        if "/tasks/" in path:
            found[path] = read_record(raw, path, world.ws.ranking)[0].effective()
    return found


def dues(world: World, status: str = "open") -> list[tuple[str, str]]:
    return sorted(
        (str(t["due"]), str(t["title"])) for t in tasks(world).values() if t["status"] == status
    )


def episodes(world: World, slug: str = "acme") -> list[Episode]:
    path = f"accounts/{slug}/episodes.jsonl"
    found = parse(world.files().get(path, b""), path)
    return [e for e in found if e.workflow.startswith("cadence:")]


def done(world: World, day: str) -> None:
    """Everything that is open is done on a day."""
    for path, task in tasks(world).items():
        if task["status"] == "open":
            text = world.files()[path].decode()
            world.write(path, text.replace("status: open", f"status: done\ndone: {day}"))


# --- how it goes


def test_the_first_touch_is_a_task_with_its_draft_and_the_rest_waits(acme: World) -> None:
    plan = acme.run()
    assert [(s.workflow, s.action, s.state) for s in plan.steps] == [
        ("hello", "start_cadence", "did"),
        ("cadence:first", "touch_1", "did"),
    ]
    assert dues(acme) == [("2026-03-31", "Write to Ann at Acme")]
    ((path, task),) = tasks(acme).items()
    assert (task["with"], task["owner"], task["workflow"]) == (["ann"], "ana", "cadence:first")
    (draft,) = [p for p in acme.files() if "/plans/" in p]
    assert f"send it from your own mailbox: {draft}" in acme.files()[path].decode()
    assert "Hello Ann, Ana Example here, touch 1 of 4." in acme.files()[draft].decode()
    assert acme.run().steps == []
    assert not acme.outbox()


def test_touches_follow_in_order_each_when_the_one_before_is_done(acme: World) -> None:
    acme.run()
    assert dues(acme.on("2026-04-02")) == [("2026-03-31", "Write to Ann at Acme")]
    acme.on("2026-04-03").run()
    # Its day has come, but nobody did the first: no second task is piled upon it.
    assert len(dues(acme)) == 1
    done(acme, "2026-04-04")
    acme.on("2026-04-05").run()
    # Three days after the first was done: a Tuesday; two touches of one day come together.
    assert dues(acme) == [
        ("2026-04-07", "Call Ann at Acme"),
        ("2026-04-07", "Write to Ann at Acme on LinkedIn"),
    ]
    done(acme, "2026-04-07")
    acme.on("2026-04-16").run()
    assert dues(acme) == [("2026-04-16", "Last mail to Ann")]
    done(acme, "2026-04-16")
    acme.on("2026-04-20").run()
    assert episodes(acme)[0].closed is None
    acme.on("2026-04-23").run()
    (over,) = episodes(acme)
    assert str(over.closed) == "2026-04-23"
    assert over.actions["listen"].text == "no answer"
    assert acme.run().steps == []


def test_a_touch_falls_on_a_working_day(acme: World) -> None:
    acme.write("crmctl.yaml", config_with("holidays: [2026-04-06]"))
    acme.on("2026-04-04").run()
    # A Saturday, then a Sunday, then a holiday.
    assert [due for due, _ in dues(acme)] == ["2026-04-07"]


def config_with(calendar: str) -> str:
    return (
        "company: Ours\ntimezone: Europe/Berlin\nteam:\n  - {id: ana, name: Ana Example}\n"
        f"calendar: {{{calendar}}}\n"
    )


def test_a_person_s_day_holds_only_so_many(acme: World) -> None:
    acme.write("crmctl.yaml", config_with("touches_per_day: 2"))
    for name in ("bea", "cem", "dov", "eva"):
        person(acme, name)
    acme.run()
    assert sorted(due for due, _ in dues(acme)) == [
        "2026-03-31", "2026-03-31", "2026-04-01", "2026-04-01", "2026-04-02",
    ]  # fmt: skip
    world = acme.on("2026-04-01")
    person(world, "fay")
    world.run()
    assert [due for due, _ in dues(world)].count("2026-04-02") == 2


def test_the_hours_of_whoever_lives_elsewhere_are_told(acme: World) -> None:
    acme.write("crmctl.yaml", config_with('quiet: "18:00-08:00"'))
    person(acme, timezone="America/Chicago")
    acme.run()
    (text,) = [raw.decode() for path, raw in acme.files().items() if "/tasks/" in path]
    assert "Between 08:00 and 18:00 in America/Chicago: 15:00 to 01:00 with us" in text


def test_after_hours_the_first_touch_is_for_tomorrow(acme: World) -> None:
    # Half past nine in Greenwich is half past eight in the evening there.
    person(acme, timezone="Australia/Sydney")
    acme.run()
    assert [due for due, _ in dues(acme)] == ["2026-04-01"]


# --- who may be approached


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"consent": []}, "waits for consent; Ann: nothing is recorded about outreach"),
        ({"no_email": "true"}, "first with nobody; Ann: has opted out of e-mail"),
        (
            {"consent": [*GRANTED, {"purpose": "outreach", "status": "withdrawn", "at": "2026-02-01"}]},
            "first with nobody; Ann: outreach was withdrawn on 2026-02-01",
        ),
        (
            {"consent": [*GRANTED, {"purpose": "marketing", "status": "objected", "at": "2026-02-01"}]},
            "first with nobody; Ann: marketing was objected on 2026-02-01",
        ),
        (
            {"consent": [{**GRANTED[0], "expires": "2026-03-01"}]},
            "first with nobody; Ann: the consent to outreach expired on 2026-03-01",
        ),
    ],
)  # fmt: skip
def test_without_consent_nothing_begins(acme: World, values: dict[str, Any], reason: str) -> None:
    person(acme, **values)
    (step,) = acme.run().steps
    assert reason in step.text
    assert not tasks(acme)
    assert not episodes(acme)


def test_it_begins_once_consent_is_recorded(acme: World) -> None:
    person(acme, consent=[])
    acme.run()
    assert acme.run().steps == []
    person(acme)
    assert [s.action for s in acme.on("2026-04-01").run().steps] == ["start_cadence", "touch_1"]


def test_a_team_may_have_tasks_that_say_that_consent_is_missing(acme: World) -> None:
    acme.write("workflows.yaml", WORKFLOWS + "    without_consent: task\n")
    person(acme, consent=[])
    acme.run()
    ((path, _),) = tasks(acme).items()
    assert (
        "Do not write or call yet: nothing is recorded about outreach"
        in acme.files()[path].decode()
    )
    assert not [p for p in acme.files() if "/plans/" in p]  # nothing to send lies about
    # A no is a no in either way.
    person(acme, consent=[{"purpose": "outreach", "status": "objected", "at": "2026-03-31"}])
    acme.on("2026-04-01").run()
    assert dues(acme) == []


def test_nobody_is_in_two_cadences_and_not_soon_again(acme: World) -> None:
    acme.run()
    with pytest.raises(CrmError, match="is in the cadence first since 2026-03-31"):
        cadence_run.start(acme.ws, "acme", "ann", "first")
    mail(acme, "2026-04-01T08:00:00Z")
    later = acme.on("2026-04-02")
    later.run()
    with pytest.raises(CrmError, match="was in the cadence first from 2026-03-31"):
        cadence_run.start(later.ws, "acme", "ann", "first")
    much_later = acme.on("2026-07-01")
    assert cadence_run.start(much_later.ws, "acme", "ann", "first").changes


# --- what ends it


def stopped(world: World, day: str = "2026-04-01") -> str:
    """Why the cadence is over after a run, its open task cancelled."""
    plan = world.on(day).run()
    (over,) = [s for s in plan.steps if s.workflow == "cadence:first"]
    assert over.state == "closed"
    assert dues(world) == []
    assert len(dues(world, "cancelled")) == 1
    ((_, task),) = tasks(world).items()
    assert task["reason"].endswith(f"cancelled: {over.text}")
    assert str(episodes(world)[0].closed) == day
    before = world.files()
    assert world.on("2026-04-20").run().steps == []
    assert world.files() == before
    return over.text


def test_an_answer_stops_it(acme: World) -> None:
    acme.run()
    mail(acme, "2026-03-31T15:00:00Z")
    assert stopped(acme) == "an answer on 2026-03-31 (email)"


def test_an_answer_to_the_last_touch_stops_it_too(acme: World) -> None:
    acme.write("workflows.yaml", WORKFLOWS.replace("day: 3", "day: 0").replace("day: 10", "day: 0"))
    acme.run()
    assert len(dues(acme)) == 4
    mail(acme, "2026-04-01T08:00:00Z")
    acme.on("2026-04-02").run()
    assert len(dues(acme, "cancelled")) == 4


def test_a_meeting_stops_it_also_one_that_is_still_to_come(acme: World) -> None:
    acme.run()
    mail(acme, "2026-04-09T08:00:00Z", type_="meeting", direction="out")
    assert stopped(acme) == "a meeting on 2026-04-09"


def test_another_stage_stops_it(acme: World) -> None:
    acme.run()
    text = acme.files()["accounts/acme/profile.md"].decode()
    acme.write("accounts/acme/profile.md", text.replace("stage: prospect", "stage: opportunity"))
    acme.known["acme"]["stage"] = "opportunity"
    assert stopped(acme) == "the account moved from prospect to opportunity"


def test_consent_that_is_withdrawn_stops_it(acme: World) -> None:
    acme.run()
    person(
        acme, consent=[*GRANTED, {"purpose": "outreach", "status": "withdrawn", "at": "2026-04-01"}]
    )
    assert stopped(acme) == "outreach was withdrawn on 2026-04-01"


def test_somebody_who_left_is_left_alone(acme: World) -> None:
    acme.run()
    person(acme, left="2026-04-01")
    assert stopped(acme) == "left the company on 2026-04-01"


def test_a_contact_whose_file_is_gone_is_left_alone(acme: World) -> None:
    acme.run()
    (acme.root / "accounts/acme/contacts/ann.md").unlink()
    assert stopped(acme) == "the contact is no longer in this account"


def test_a_condition_of_its_own_stops_it(acme: World) -> None:
    acme.write("workflows.yaml", WORKFLOWS + '    stop_when: "open_deals > 0"\n')
    acme.run()
    acme.known["acme"]["open_deals"] = 1
    assert stopped(acme) == "open_deals > 0 holds"


@pytest.mark.parametrize(
    ("at", "direction", "type_"),
    [
        ("2026-03-30T15:00:00Z", "in", "email"),  # said before
        ("2026-04-01T08:00:00Z", "out", "email"),  # ours
        ("2026-04-01T08:00:00Z", "out", "call"),  # we called, and nobody says for how long
        ("2026-04-01T08:00:00Z", "in", "note"),
    ],
)
def test_what_is_no_answer_stops_nothing(acme: World, at: str, direction: str, type_: str) -> None:
    acme.run()
    mail(acme, at, direction=direction, type_=type_)
    assert acme.on("2026-04-01").run().steps == []
    assert len(dues(acme)) == 1


def test_what_was_said_on_the_morning_of_the_start_is_no_answer_to_it(acme: World) -> None:
    mail(acme, "2026-03-31T07:00:00Z")
    acme.run()
    assert acme.on("2026-04-01").run().steps == []
    mail(acme, "2026-03-31T16:00:00Z")
    assert stopped(acme) == "an answer on 2026-03-31 (email)"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("- [ ]", "- [x]"),
        ("due: 2026-03-31", "due: 2026-04-09"),
        ("- [ ]", "They said May.\n- [ ]"),
    ],
)
def test_a_task_that_somebody_has_begun_is_not_cancelled(acme: World, old: str, new: str) -> None:
    acme.run()
    ((path, _),) = tasks(acme).items()
    edited = acme.files()[path].decode().replace(old, new, 1)
    acme.write(path, edited)
    mail(acme, "2026-04-01T08:00:00Z")
    acme.on("2026-04-02").run()
    assert acme.files()[path].decode() == edited
    assert episodes(acme)[0].closed is not None


def test_a_team_says_what_stops_it_but_a_no_always_does(acme: World) -> None:
    acme.write("workflows.yaml", WORKFLOWS + "    stop_on: [meeting]\n")
    acme.run()
    mail(acme, "2026-04-01T08:00:00Z")
    assert acme.on("2026-04-01").run().steps == []
    person(acme, left="2026-04-02")
    assert stopped(acme, "2026-04-02") == "left the company on 2026-04-02"


def test_whoever_wants_no_mail_gets_none_whatever_the_purpose(acme: World) -> None:
    granted = [{"purpose": "contract", "status": "granted", "at": "2026-01-05"}]
    acme.write("workflows.yaml", WORKFLOWS + "    purpose: contract\n")
    person(acme, consent=granted, no_email="true")
    acme.run()
    ((path, _),) = tasks(acme).items()
    assert "No mail: has opted out of e-mail" in acme.files()[path].decode()
    assert not [p for p in acme.files() if "/plans/" in p]


def test_a_touch_may_be_somebody_else_s(acme: World) -> None:
    text = WORKFLOWS.replace("channel: email, template", "channel: email, owner: manager, template")
    acme.write("workflows.yaml", text)
    acme.run()
    ((_, task),) = tasks(acme).items()
    assert task["owner"] == "kim"


@given(st.lists(st.integers(0, 365), min_size=1, max_size=20).map(sorted))
def test_the_gaps_add_up_to_the_days(days: list[int]) -> None:
    touches = [{"day": day, "channel": "call"} for day in days]
    cadence = Cadence.model_validate({"touches": touches})
    course = course_of(cadence).course
    passed = 0
    for step in course[:-1]:
        if isinstance(step, Wait):
            passed += step.days
        else:
            assert passed == days[int(step.id.partition("_")[2]) - 1]
    assert len({step.id for step in course}) == len(course)


# --- killed, merged, by hand


def test_killed_at_any_file_it_ends_as_if_it_had_not_been(acme: World) -> None:
    whole = acme.plan()
    paths = whole.changes.paths
    changes = {path: whole.changes.get(path) for path in paths}
    for number in range(len(paths)):
        for path in [p for p in acme.files() if "/tasks/" in p or "/plans/" in p]:
            (acme.root / path).unlink()
        for path in paths[:number]:
            change = changes[path]
            assert change is not None
            acme.write(path, (change.new or b"").decode())
        if (acme.root / "accounts/acme/episodes.jsonl").exists():
            (acme.root / "accounts/acme/episodes.jsonl").unlink()
        acme.run()
        assert len(tasks(acme)) == 1, paths[:number]
        assert len([p for p in acme.files() if "/plans/" in p]) == 1
        assert acme.run().steps == []
        (acme.root / "accounts/acme/episodes.jsonl").unlink()


def test_a_stop_that_was_killed_is_finished_by_the_next_run(acme: World) -> None:
    acme.run()
    mail(acme, "2026-04-01T08:00:00Z")
    later = acme.on("2026-04-02")
    plan = later.plan()
    (cancelled,) = [p for p in plan.changes.paths if "/tasks/" in p]
    change = plan.changes.get(cancelled)
    assert change is not None
    later.write(cancelled, (change.new or b"").decode())
    later.run()
    assert later.files()[cancelled] == change.new
    assert episodes(later)[0].closed is not None


def test_merged_accounts_begin_nothing_again(acme: World) -> None:
    from crmctl.sync.merge_account import merge_accounts
    from crmctl.workspace.store import read_file

    acme.account("acme-inc", "prospect", owner="ana")
    person(acme, "ann", "acme-inc")
    acme.run()
    survivor, loser = (
        read_file(acme.root, f"accounts/{slug}/profile.md", acme.ws.ranking)[0]
        for slug in ("acme", "acme-inc")
    )
    with acme.ws.writing("merge") as run:
        acme.ws.apply(merge_accounts(acme.ws, survivor, loser), run)
    assert acme.on("2026-04-01").run().steps == []
    mail(acme, "2026-04-01T12:00:00Z")
    acme.on("2026-04-02").run()
    assert all(e.closed for e in episodes(acme) if e.subject[1] == "ann")


def test_a_contact_that_is_merged_takes_its_cadence_along(acme: World) -> None:
    from crmctl.sync.merge import plan_merge

    person(acme, "ann-doe")
    acme.run()
    assert len(episodes(acme)) == 2
    with acme.ws.writing("merge") as run:
        acme.ws.apply(plan_merge(acme.ws, "contact", "acme/ann-doe", "acme/ann"), run)
    assert sorted(e.key for e in episodes(acme)) == ["contacts/ann-doe@1", "contacts/ann-doe@2"]
    assert acme.on("2026-04-01").run().steps == []
    mail(acme, "2026-04-01T12:00:00Z", who="ann-doe")
    acme.on("2026-04-02").run()
    assert len(dues(acme, "cancelled")) == 2


def test_a_contact_that_moves_to_another_account_is_left_alone(acme: World) -> None:
    from crmctl.sync.moving import plan_move
    from crmctl.workspace.store import read_file

    acme.account("globex", owner="ana")
    acme.run()
    acme.write("workflows.yaml", WORKFLOWS.replace("contact_created", "deal_won"))
    contact = read_file(acme.root, "accounts/acme/contacts/ann.md", acme.ws.ranking)[0]
    with acme.ws.writing("move") as run:
        acme.ws.apply(plan_move(acme.ws, contact, "globex"), run)
    assert stopped(acme) == "the contact is no longer in this account"


def test_the_action_stop_cadence_ends_what_runs(acme: World) -> None:
    acme.write(
        "workflows.yaml",
        WORKFLOWS.replace(
            "cadences:",
            "  enough:\n    trigger: health_score < 60\n    actions: [stop_cadence]\ncadences:",
        ),
    )
    acme.run()
    acme.known["acme"]["health_score"] = 40
    steps = acme.on("2026-04-01").run().steps
    assert [(s.workflow, s.text) for s in steps] == [("enough", "stopped first with ann")]
    assert len(dues(acme, "cancelled")) == 1
    assert episodes(acme)[0].because.endswith("over: stopped by enough")
    assert acme.run().steps == []


def test_contacts_are_chosen_by_role_or_as_those_who_never_spoke(acme: World) -> None:
    def choose(contact: str) -> list[str]:
        acme.write(
            "workflows.yaml",
            WORKFLOWS.replace("{cadence: first}", f"{{cadence: first, contact: {contact}}}"),
        )
        return [s.text for s in acme.plan().steps if s.action == "start_cadence"]

    person(acme, "bea", roles="[champion]", influence=1)
    person(acme, "cem", roles="[champion]", influence=3)
    assert choose("champion")[0] == "first with cem"
    assert choose("decision_maker")[0] == "no decision maker is known there"
    mail(acme, "2026-03-01T08:00:00Z", who="cem")
    assert choose("all_new")[0] == "first with bea, ann"


def test_by_hand_it_begins_and_ends(acme: World) -> None:
    world = acme
    world.write("workflows.yaml", WORKFLOWS.split("cadences:")[0].replace("contact_created", "deal_won")
                + "cadences:" + WORKFLOWS.split("cadences:")[1])  # fmt: skip
    with world.ws.writing("cadence start") as run:
        engine.carry_out(world.ws, cadence_run.start(world.ws, "acme", "ann", "first"), run)
    (row,) = cadence_run.running(world.ws)
    assert (row.contact, row.cadence, row.touch, row.of, row.next) == (
        "ann",
        "first",
        1,
        4,
        "until 2026-04-03",
    )
    changes, over = cadence_run.stop(world.ws, "acme", None, "", "called me back")
    assert len(over) == 1
    with world.ws.writing("cadence stop") as run:
        world.ws.apply(changes, run)
    assert len(dues(world, "cancelled")) == 1
    assert [r.over for r in cadence_run.running(world.ws)] == [world.ws.today]
    assert not cadence_run.stop(world.ws, "acme", None, "", "again")[0]


def test_one_workflow_alone_brings_the_cadence_that_it_starts(acme: World) -> None:
    assert [s.action for s in acme.run(workflow="hello").steps] == ["start_cadence", "touch_1"]
    done(acme, "2026-03-31")
    assert {s.workflow for s in acme.on("2026-04-03").run(workflow="cadence:first").steps} == {
        "cadence:first"
    }


# --- what is said of mistakes


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{cadence: first}", "{cadence: frist}", "there is no cadence frist; did you mean first?"),
        ("template: hello", "template: halo", "there is no templates/halo.md.j2"),
        ("    patience: 7d", "    patience: 7d\n    owner: nobody", "nobody is nobody in the team"),
    ],
)
def test_what_is_not_there_is_named_with_its_line(
    acme: World, old: str, new: str, said: str
) -> None:
    acme.write("workflows.yaml", WORKFLOWS.replace(old, new))
    found = lint(acme.root, acme.ws.config)
    assert [p.message for p in found if said in p.message], found
    assert all(p.line for p in found)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("day: 10", "day: 1", "a touch is earlier than the one above it"),
        ("channel: call", "channel: fax", "channel"),
        ("step: initial_outreach", "step: hello", "is no step of the lifecycle"),
        ("{contact}", "{person}", "nothing is called person"),
    ],
)
def test_what_cannot_be_meant_is_refused(acme: World, old: str, new: str, said: str) -> None:
    from crmctl.model.errors import ConfigError
    from crmctl.workflow.definition import load_workflows

    acme.write("workflows.yaml", WORKFLOWS.replace(old, new))
    with pytest.raises(ConfigError, match=said):
        load_workflows(acme.root)
