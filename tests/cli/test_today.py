"""today: what needs one owner, ranked, on one screen."""

from __future__ import annotations

import json
import os
import pty
from pathlib import Path
from typing import Any

import pytest

from crmctl.__main__ import main
from crmctl.workspace.workspace import Workspace
from tests.conftest import Crm

CONFIG = """\
our_domains: [ours.example]
timezone: Europe/Berlin
currency: EUR
team:
  - {id: ana, name: Ana Test, email: ana@ours.example, ids: {salesforce: "005A"}}
  - {id: ben, name: Ben Berg, email: ben@ours.example}
"""
WORKFLOWS = """\
customer_workflows:
  falling:
    trigger: health_score < 60
    alert: health
    actions: [schedule_check_in_call]
"""
# The clock of the tests stands at 09:00 in Berlin on Monday, 16 November 2026.


class Book:
    """Accounts written down by hand, as a team would have them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "crmctl.yaml").write_text(CONFIG)
        (root / "workflows.yaml").write_text(WORKFLOWS)

    def write(self, path: str, text: str) -> None:
        target = self.root / "accounts" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def record(self, path: str, /, **values: object) -> None:
        lines = "".join(f"{name}: {value}\n" for name, value in values.items())
        self.write(path, f"---\n{lines}---\n")

    def account(self, slug: str, /, **values: object) -> None:
        stated: dict[str, object] = {
            "name": slug.title(), "domains": f"[{slug}.example]", "stage": "customer", "owner": "ana",
            "arr": 1000, "currency": "EUR", "renewal": "2028-01-01",
        }  # fmt: skip
        kept = {name: value for name, value in (stated | values).items() if value is not None}
        self.record(f"{slug}/profile.md", **kept)

    def mail(self, slug: str, *mails: tuple[str, str, str, str]) -> None:
        """Mail as (time, direction, person, subject)."""
        lines = [
            json.dumps(
                {"id": f"email:<{n}@{slug}>", "at": f"{at}:00Z", "type": "email", "direction": way,
                 "with": [person], "subject": subject}
            )
            for n, (at, way, person, subject) in enumerate(mails)
        ]  # fmt: skip
        self.write(f"{slug}/interactions/2026.jsonl", "".join(f"{line}\n" for line in lines))

    def scores(self, day: str, **values: int) -> None:
        rows = "".join(f"{slug},health.score,{value},crmctl\n" for slug, value in values.items())
        self.write(f"_measures/{day}.csv", f"account,measure,value,source\n{rows}")


@pytest.fixture
def book(workspace: Path) -> Book:
    return Book(workspace)


def sections(crm: Crm, *options: str) -> dict[str, list[dict[str, Any]]]:
    done = crm("today", "--json", *options)
    assert done.code == 0, done
    return {name: found["rows"] for name, found in json.loads(done.out)["sections"].items()}


def test_it_is_for_whoever_of_the_team_sits_here(
    crm: Crm, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.account("acme")
    book.account("beacon", owner="ben")
    book.account("cedar", owner='"salesforce:005A"')
    for slug in ("acme", "beacon", "cedar"):
        book.record(
            f"{slug}/tasks/2026-11-10-call-ab12.md", title="Call", status="open", due="2026-11-10"
        )
    assert [r["account"] for r in sections(crm)["tasks"]] == ["acme", "cedar"]
    assert [r["account"] for r in sections(crm, "--owner", "Ben Berg")["tasks"]] == ["beacon"]
    assert len(sections(crm, "--owner", "all")["tasks"]) == 3
    # Without a name in git, the user of this machine.
    home = Path(os.environ["HOME"])
    (home / ".gitconfig").write_text("[user]\nname = Somebody\nemail = some@where.example\n")
    monkeypatch.setenv("USER", "ben")
    assert json.loads(crm("today", "--json").out)["owner"] == "ben"
    monkeypatch.setenv("USER", "root")
    done = crm("today")
    assert (done.code, done.err) == (
        2, "crmctl: who are you? crmctl.yaml knows ana, ben: say --owner, or --owner all\n",
    )  # fmt: skip
    done = crm("today", "--owner", "zoe")
    assert (done.code, "nobody is called 'zoe'; there are: ana, ben, and all" in done.err) == (
        2,
        True,
    )


def test_without_a_team_it_is_everybodys(crm: Crm, book: Book) -> None:
    (book.root / "crmctl.yaml").write_text("currency: EUR\n")
    assert json.loads(crm("today", "--json").out)["owner"] == "all"


def test_the_shape_of_its_json(crm: Crm, book: Book) -> None:
    found = json.loads(crm("today", "--json").out)
    assert (found["owner"], found["day"], found["since"]) == ("ana", "2026-11-16", "2026-11-13")
    assert found["night"] is None
    assert list(found["sections"]) == [
        "alerts", "unanswered", "news", "tasks", "cadences", "next_steps", "renewals", "scores", "to_fix",
    ]  # fmt: skip
    assert all(section == {"total": 0, "rows": []} for section in found["sections"].values())


def test_tasks_are_due_and_ranked_by_urgency_then_worth(crm: Crm, book: Book) -> None:
    book.account("acme", arr=10)
    book.account("beacon", arr=9000)
    book.account("cedar", owner="ben")
    task = {"status": "open", "due": "2026-11-16"}
    book.record("acme/tasks/2026-11-16-a-ab12.md", title="Today", **task)
    book.record("beacon/tasks/2026-11-16-b-ab12.md", title="Today, worth more", **task)
    book.record("acme/tasks/2026-11-10-c-ab12.md", title="Late", status="open", due="2026-11-10")
    book.record("acme/tasks/2026-11-16-d-ab12.md", title="High", priority="high", **task)
    book.record("acme/tasks/2026-11-16-e-ab12.md", title="Low", priority="low", **task)
    book.record(
        "acme/tasks/2026-11-17-f-ab12.md", title="Tomorrow", status="open", due="2026-11-17"
    )
    book.record("acme/tasks/2026-11-16-g-ab12.md", title="Done", status="done", due="2026-11-16")
    book.record("acme/tasks/2026-11-16-h-ab12.md", title="Ben's", owner="ben", **task)
    book.record("cedar/tasks/2026-11-16-i-ab12.md", title="Mine at Ben's", owner="ana", **task)
    rows = sections(crm)["tasks"]
    assert [r["title"] for r in rows] == [
        "High", "Late", "Today, worth more", "Mine at Ben's", "Today", "Low",
    ]  # fmt: skip
    assert (rows[1]["days"], rows[1]["path"]) == (6, "accounts/acme/tasks/2026-11-10-c-ab12.md")


def test_steps_of_a_cadence_are_apart(crm: Crm, book: Book) -> None:
    book.account("acme")
    book.record("acme/tasks/2026-11-16-mail-ab12.md", title="Second mail", status="open", due="2026-11-16",
                workflow='"cadence:new_business"')  # fmt: skip
    found = sections(crm)
    assert [r["title"] for r in found["cadences"]] == ["Second mail"]
    assert found["tasks"] == []


def test_mail_that_waits_comes_with_its_hours_and_answered_mail_does_not(
    crm: Crm, book: Book
) -> None:
    book.account("acme")
    book.account("beacon", stage="prospect")
    book.account("cedar")
    book.record("acme/contacts/ines.md", name="Ines Okafor")
    book.mail("acme", ("2026-11-14T08:00", "in", "ines", "Prices"), ("2026-11-15T08:00", "in", "ines", "RE: Prices"),
              ("2026-11-10T08:00", "in", "ines", "Dates"), ("2026-11-11T08:00", "out", "ines", "Re: Dates"),
              ("2026-09-01T08:00", "in", "ines", "Long ago"),
              ("2026-11-16T07:00", "in", "ines", "Automatic reply: away"))  # fmt: skip
    book.mail("beacon", ("2026-11-10T08:00", "in", "tom", "Hello"))
    # A call is an answer too.
    book.mail("cedar", ("2026-11-12T08:00", "in", "tom", "Question"))
    book.record(
        "cedar/interactions/2026-11-13-call-ab12.md",
        type="call",
        at="2026-11-13T09:00:00Z",
        **{"with": "[tom]"},
    )
    rows = sections(crm)["unanswered"]
    # Customers before prospects, whoever waits longer.
    assert [(r["account"], r["subject"], r["hours"]) for r in rows] == [
        ("acme", "RE: Prices", 48),
        ("beacon", "Hello", 144),
    ]
    assert (rows[0]["person"], rows[0]["at"]) == ("Ines Okafor", "2026-11-14T08:00:00Z")
    assert rows[0]["source"] == "accounts/acme/interactions/2026.jsonl:2"


def test_news_begin_with_the_last_working_day_of_the_team(crm: Crm, book: Book) -> None:
    book.account("acme")
    # 23:30 on Thursday in London is Friday in Berlin.
    book.mail("acme", ("2026-11-12T22:30", "in", "tom", "Thursday"), ("2026-11-12T23:30", "in", "tom", "Friday"),
              ("2026-11-13T08:00", "out", "tom", "Ours"), ("2026-11-16T09:00", "in", "tom", "To come"))  # fmt: skip
    book.record(
        "acme/interactions/2026-11-13-call-ab12.md",
        type="call",
        at="2026-11-13T09:00:00Z",
        subject="Pricing",
    )
    found = sections(crm)
    assert {r["subject"] for r in (*found["news"], *found["unanswered"])} == {
        "Thursday",
        "Friday",
        "Pricing",
    }
    assert [r["local"] for r in found["news"] if r["subject"] == "Pricing"] == [
        "2026-11-13T10:00:00"
    ]
    assert "Thursday" not in [r["subject"] for r in found["news"]]


def test_a_holiday_is_no_working_day(crm: Crm, book: Book) -> None:
    text = f"{CONFIG}calendar:\n  holidays: [2026-11-13]\n"
    (book.root / "crmctl.yaml").write_text(text)
    assert json.loads(crm("today", "--json").out)["since"] == "2026-11-12"
    assert json.loads(crm("today", "--json", "--date", "2026-11-19").out)["since"] == "2026-11-18"


def test_what_is_past_of_deals_and_profiles(crm: Crm, book: Book) -> None:
    book.account("acme", next_step="Send the plan", next_step_due="2026-11-15")
    book.record(
        "acme/deals/small.md", name="Small", stage="proposal", amount=100, close="2026-11-01"
    )
    book.record("acme/deals/big.md", name="Big", stage="proposal", amount=90000, currency="EUR", close="2026-12-01",
                next_step="Call Kim", next_step_due="2026-11-09")  # fmt: skip
    book.record("acme/deals/won.md", name="Won", stage="proposal", status="won", close="2026-11-01")
    book.record(
        "acme/deals/bens.md", name="Ben's", stage="proposal", owner="ben", close="2026-11-01"
    )
    rows = sections(crm)["next_steps"]
    assert [(r["deal"], r["what"], r["days"]) for r in rows] == [
        ("big", "next step", 7), ("small", "close", 15), (None, "next step", 1),
    ]  # fmt: skip


def test_renewals_with_the_score_that_holds(crm: Crm, book: Book) -> None:
    book.account("acme", renewal="2026-12-10", arr=100)
    book.account("beacon", renewal="2026-12-14", arr=90000, notice_given="2026-11-01")
    book.account("cedar", renewal="2027-02-14")
    book.account("delta", renewal="2027-02-15")
    book.scores("2026-10-01", acme=70)
    book.scores("2026-11-20", acme=10)  # not yet
    rows = sections(crm)["renewals"]
    assert [(r["account"], r["days"], r["score"]) for r in rows] == [
        ("beacon", 28, None), ("acme", 24, 70), ("cedar", 90, None),
    ]  # fmt: skip
    assert rows[0]["notice_given"] == "2026-11-01"


def test_scores_that_moved(crm: Crm, book: Book) -> None:
    for slug in ("acme", "beacon", "cedar", "delta"):
        book.account(slug)
    book.scores("2026-10-01", acme=70, beacon=40, cedar=50, delta=50)
    book.scores("2026-11-12", acme=60, beacon=55, delta=50)
    book.scores("2026-11-16", acme=52)
    rows = sections(crm)["scores"]
    assert [(r["account"], r["moved"], r["yesterday"], r["score"]) for r in rows] == [
        ("acme", -18, 60, 52), ("beacon", 15, 55, 55),
    ]  # fmt: skip
    # On the day before, the last fall had not happened.
    assert sections(crm, "--date", "2026-11-15")["scores"][0]["moved"] == -10


def test_data_to_fix(crm: Crm, book: Book) -> None:
    book.account("acme", arr=None)
    book.account("beacon", renewal="2026-11-01")
    book.account("cedar", stage="prospect", renewal=None, arr=None)
    book.write("delta/profile.md", "---\nname: [\n---\n")
    rows = sections(crm, "--owner", "all")["to_fix"]
    assert [(r["account"], r["field"]) for r in rows] == [
        ("delta", ""),
        ("beacon", "renewal"),
        ("acme", "arr"),
    ]


def test_alerts_that_nobody_has_seen_yet(crm: Crm, book: Book) -> None:
    line = {
        "workflow": "falling",
        "key": "1",
        "opened": "2026-11-10",
        "closed": None,
        "because": "it fell",
    }
    for slug, worth in (("acme", 10), ("beacon", 900)):
        book.account(slug, arr=worth)
        book.write(f"{slug}/episodes.jsonl", json.dumps(line) + "\n")
    book.account("cedar")
    book.write("cedar/episodes.jsonl", json.dumps(line | {"closed": "2026-11-12"}) + "\n")
    rows = sections(crm)["alerts"]
    assert [(r["account"], r["kind"], r["because"]) for r in rows] == [
        ("beacon", "health", "it fell"), ("acme", "health", "it fell"),
    ]  # fmt: skip
    assert crm("alerts", "--ack", rows[0]["id"]).code == 0
    assert [r["account"] for r in sections(crm)["alerts"]] == ["acme"]
    assert crm("alerts", "--snooze", "acme", "--until", "2026-11-20").code == 0
    assert sections(crm)["alerts"] == []


def test_a_pipe_gets_every_row_and_a_limit_what_it_says(crm: Crm, book: Book) -> None:
    book.account("acme")
    for n in range(8):
        book.record(
            f"acme/tasks/2026-11-1{n}-call-ab1{n}.md",
            title=f"Call {n}",
            status="open",
            due=f"2026-11-0{n + 1}",
        )
    assert len(crm("today").rows) == 8
    assert crm("today").rows[0] == [
        "tasks", "acme", "15 d late", "Call 0", "accounts/acme/tasks/2026-11-10-call-ab10.md",
    ]  # fmt: skip
    assert len(crm("today", "--limit", "3").rows) == 3
    section = json.loads(crm("today", "--json", "--limit", "2").out)["sections"]["tasks"]
    assert (section["total"], len(section["rows"])) == (8, 2)


def screen(*arguments: str, columns: str = "80") -> str:
    """What a person sees on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        os.environ["COLUMNS"], os.environ["NO_COLOR"] = columns, "1"
        for stream in (1, 2):
            os.dup2(theirs, stream)
        import sys

        sys.stdout = os.fdopen(1, "w")
        sys.stderr = os.fdopen(2, "w")
        code = main(list(arguments))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    os.close(theirs)
    said = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        said += part
    os.waitpid(pid, 0)
    os.close(ours)
    return said.decode().replace("\r\n", "\n")


def test_a_terminal_of_eighty_columns_gets_a_screen_of_eighty_columns(crm: Crm, book: Book) -> None:
    book.account(
        "acme", name="Acme Freight and Cold Storage Holdings Limited", renewal="2026-12-10"
    )
    book.mail(
        "acme",
        (
            "2026-11-14T08:00",
            "in",
            "ines",
            "\x1b[31mPrices\u202e, and more than fits on a line " * 3,
        ),
    )
    for n in range(8):
        book.record(
            f"acme/tasks/2026-11-1{n}-call-ab1{n}.md",
            title=f"Call {n}",
            status="open",
            due=f"2026-11-0{n + 1}",
        )
    crm("nightly")
    seen = screen("today")
    lines = seen.splitlines()
    assert lines[0] == "Monday, 2026-11-16: ana"
    assert max(map(len, lines)) <= 80
    assert "Tasks (8)" in lines
    assert "and 3 more" in seen
    assert "\x1b" not in seen
    assert "\u202e" not in seen
    assert "The night of 2026-11-16: " in seen
    assert "Monday, 2026-11-16: everybody" in screen("today", "--owner", "all")


def test_nothing_to_do_is_said(crm: Crm, book: Book) -> None:
    assert "nothing needs you today" in screen("today")


def test_it_writes_nothing_into_the_workspace(crm: Crm, book: Book) -> None:
    book.account("acme")
    before = {
        p: p.read_bytes() for p in book.root.rglob("*") if p.is_file() and ".git" not in p.parts
    }
    crm("today")
    after = {
        p: p.read_bytes() for p in book.root.rglob("*") if p.is_file() and ".git" not in p.parts
    }
    assert after == before


def test_settings_that_change_are_seen_at_once(crm: Crm, book: Book) -> None:
    book.account("acme", owner="kim")
    assert sections(crm, "--owner", "all")["to_fix"] == []
    assert crm("today", "--owner", "Kim Ek").code == 2
    (book.root / "crmctl.yaml").write_text(CONFIG + "  - {id: kim, name: Kim Ek}\n")
    assert json.loads(crm("today", "--json", "--owner", "Kim Ek").out)["owner"] == "kim"
    (book.root / "crmctl.yaml").write_text("team: 7\n")
    assert crm("today").code == 4


def test_an_index_that_is_gone_is_made_anew(crm: Crm, book: Book) -> None:
    book.account("acme", arr=None)
    before = crm("today").out
    (Workspace(book.root).state_dir / "index.sqlite").unlink()
    assert crm("today").out == before != ""
