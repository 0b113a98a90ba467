"""What an account plan is made from: where they stand, who is known, where there is room, risks and who is on them, and
what is to be done by whom until when. Each line names the file that says so.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.insight.insight_weights import insight_weights
from crmctl.insight.insights import insights
from crmctl.insight.insights_draft import sentence, together
from crmctl.insight.insights_told import overlapping
from crmctl.insight.provenance import field_source
from crmctl.model.numbers import half_up, money
from crmctl.workspace import paths

if TYPE_CHECKING:
    from crmctl.insight.citing import Lines
    from crmctl.insight.insights import Insight
    from crmctl.insight.weights import Weights
    from crmctl.model.record import Account, Record
    from crmctl.workspace.measures import Measure

Row = dict[str, Any]
_WORD = re.compile(r"\w+")
_FACTS = {
    "stage": "Stage",
    "plan": "Plan",
    "seats": "Seats",
    "arr": "Revenue a year",
    "started": "Customer since",
    "renewal": "Renewal",
    "notice_given": "Notice given",
    "payment_overdue_since": "Payment overdue since",
    "value_realised": "Value they name",
}
# What they pay for and what they use of it, by the measure of usage.
_ROOM = {
    "usage.active_users": ("seats", "Seats"),
    "usage.features_used": ("usage.features_available", "Features"),
}


class Term(NamedTuple):
    """The time a plan is made for: ``steps`` are the days by which something of it is due, the last its end."""

    begins: dt.date
    steps: tuple[dt.date, ...]

    @property
    def until(self) -> dt.date:
        return self.steps[-1]


def account_plan(
    account: Account,
    seen: Mapping[str, Any],
    rows: Sequence[Measure],
    weights: Weights,
    lines: Lines,
    term: Term,
    *,
    currency: str,
    suggestions: int,
) -> Row:
    """Plain data for ``templates/account-plan.md.j2``.

    ``seen`` is the account's picture (`crmctl.insight.picture.picture`), ``rows`` are its measures, ``currency`` is
    that of amounts that state none; at most so many actions are ``suggestions``. Sources are near the account.
    """
    found = _Plan(account, seen, rows, weights, lines, term, currency)
    risks = list(found.risks())
    return {
        "begins": term.begins,
        "until": term.until,
        "facts": list(found.facts()),
        "health_source": found.health_source(),
        "roles": list(found.roles()),
        "gaps": list(found.gaps()),
        "goals": list(found.goals()),
        "room": list(found.room()),
        "chances": list(found.chances()),
        "risks": risks,
        "actions": [*found.promised(), *found.suggested(risks, suggestions)],
        "success": list(found.success()),
    }


class _Plan:
    def __init__(
        self,
        account: Account,
        seen: Mapping[str, Any],
        rows: Sequence[Measure],
        weights: Weights,
        lines: Lines,
        term: Term,
        currency: str,
    ) -> None:
        self.account, self.seen, self.rows, self.lines, self.term = account, seen, rows, lines, term
        self.profile: Record = account.profile
        self.today: dt.date = seen["today"]
        self.currency = account.profile.text("currency") or currency
        how = insight_weights(weights.insights)
        self.same_words, self.same_day_words = how.same_words, how.same_day_words
        self.told: list[Insight] = insights(account, seen, rows, weights)

    def near(self, source: str) -> str:
        return self.lines.cite(source).removeprefix(f"{paths.ACCOUNTS}/{self.account.slug}/")

    def where(self, name: str) -> str:
        return self.near(field_source(self.profile, name))

    def places(self, insight: Insight) -> list[str]:
        """Where a sentence stands, at most three places."""
        return list(dict.fromkeys(self.near(cite.source) for cite in insight.citations))[:3]

    def latest(self, name: str) -> Measure | None:
        """The newest value of a measure that was known today."""
        known = [m for m in self.rows if m.measure == name and m.day <= self.today]
        return known[-1] if known else None

    def measured(self, row: Measure) -> str:
        return self.near(f"{paths.measures(row.day)}#{row.measure}")

    def facts(self) -> Iterator[Row]:
        for name, label in _FACTS.items():
            value = self.profile.get(name)
            if value is None:
                continue
            if name == "stage" and self.profile.get("step"):
                value = f"{value}, {self.profile.text('step')}".replace("_", " ")
            elif name in {"arr", "value_realised"}:
                value = money(value, self.currency)
            elif name == "renewal" and self.profile.get("auto_renew") is not None:
                auto = self.profile.get("auto_renew")
                value = f"{value}, {'renews by itself' if auto else 'must be signed'}"
            yield {"label": label, "value": value, "source": self.where(name)}

    def health_source(self) -> str:
        """Where the input that weighs most in the health stands, empty if nothing is known."""
        inputs = [part for factor in self.seen["health"]["factors"] for part in factor["inputs"]]
        known = [part for part in inputs if part["source"] and part["points"] is not None]
        best = max(known, key=lambda part: (part["weight_effective"], part["name"]), default=None)
        return "" if best is None else self.near(best["source"])

    def roles(self) -> Iterator[Row]:
        """Each buying role, who of those still there plays it, and whether any of them talks with us."""
        people = self.seen["relationships"]
        known = {person["id"]: person for person in people["people"]}
        talking = set(people["threads"])
        for role, ids in people["roles"].items():
            state = "nobody" if not ids else "talks with us" if talking & set(ids) else "not heard"
            yield {
                "role": role,
                "names": [known[id]["name"] for id in ids],
                "state": state,
                "sources": [self.near(known[id]["source"]) for id in ids],
            }

    def gaps(self) -> Iterator[Row]:
        """Whom we have lost, who has gone silent, and on how few it hangs; roles of nobody are in `roles`."""
        people = self.seen["relationships"]
        known = {person["id"]: person for person in people["people"]}
        for id in people["left"]:
            person = known[id]
            if {"champion", "decision_maker"} & set(person["roles"]):
                text = f"Who took over from {person['name']}, who left on {person['left']}?"
                yield {"text": text, "source": self.near(f"{person['source']}#left")}
        for id in people["silent"]:
            text = f"What became of {known[id]['name']}, last heard on {known[id]['last_heard']}?"
            yield {"text": text, "source": self.near(known[id]["source"])}
        if len(people["threads"]) == 1:
            only = known[people["threads"][0]]
            text = f"Only {only['name']} talks with us: who else should?"
            yield {"text": text, "source": self.near(only["source"])}

    def goals(self) -> Iterator[Row]:
        for place, goal in enumerate(self.seen["goals"]):
            stated = f"{field_source(self.profile, 'goals')}.{place}"
            row = {name: goal.get(name) for name in ("name", "unit", "baseline", "target")}
            row |= {name: goal.get(name) for name in ("current", "due", "pace")}
            yield row | {"source": self.near(stated)}

    def room(self) -> Iterator[Row]:
        """What they pay for, and how much of it they use."""
        for name, (most, label) in _ROOM.items():
            used = self.latest(name)
            if used is None:
                continue
            if most.startswith("usage."):
                row = self.latest(most)
                whole, source = (row.value, self.measured(row)) if row else (None, "")
            else:
                whole, source = self.profile.number(most), self.where(most)
            if not whole:
                continue
            yield {
                "label": label,
                "used": half_up(float(used.value)),
                "whole": half_up(float(whole)),
                "share": float(used.value) / float(whole),
                "as_of": used.day,
                "sources": [self.measured(used), source],
            }

    def chances(self) -> Iterator[Row]:
        """Open deals, and what points to more; goals stand in a part of their own."""
        for deal in self.seen["opportunities"]:
            amount = deal.get("amount")
            parts = [
                "" if amount is None else money(amount, deal.get("currency") or self.currency),
                str(deal.get("stage") or "no stage").replace("_", " "),
                f"closes on {deal['close']}" if deal.get("close") else "no closing date",
                f"next: {deal['next_step']}" if deal.get("next_step") else "no next step",
            ]
            text = f"{deal.get('name') or deal['id']}: {', '.join(filter(None, parts))}"
            field = "#amount" if amount is not None else ""
            yield {"text": text, "sources": [self.near(f"{deal['path']}{field}")]}
        for insight in self.told:
            if insight.group == "chances" and not insight.text.startswith("Goal "):
                yield {"text": insight.text, "sources": self.places(insight)}

    def risks(self) -> Iterator[Row]:
        """The risks, the weightiest first, each with the work on it that is recorded."""
        for insight in self.told:
            if insight.group != "risks":
                continue
            task = self._on_it(insight)
            text, advice = self._parted(insight)
            yield {
                "text": text,
                "sources": self.places(insight),
                "advice": advice,
                "state": self._state(task),
                "task": None if task is None else self._task(task),
            }

    def _parted(self, insight: Insight) -> tuple[str, str]:
        """What is wrong and what to do, where a sentence says both in one: ``Call them: no word for 90 days``."""
        for tip in self.seen["health"]["recommendations"]:
            reason = insight.text.removeprefix(f"{tip['text']}: ")
            if reason != insight.text:
                return sentence(reason), str(tip["text"])
        return insight.text, insight.advice

    def _on_it(self, insight: Insight) -> Mapping[str, Any] | None:
        """The open task that is about a risk: of its deal, naming a person it names, or in like words."""
        cited = {cite.source.partition("#")[0].partition(":")[0] for cite in insight.citations}
        meant = self._named(insight.text)
        tasks: list[Row] = self.seen["tasks"]
        for task in tasks:
            deal = paths.deal(self.account.slug, task["deal"]) if task.get("deal") else ""
            said = f"{task.get('title', '')} {task.get('reason') or ''}"
            if deal in cited or meant & self._named(said):
                return task
            for words in filter(None, (insight.text, insight.advice)):
                if overlapping(said, words) >= self.same_words:
                    return task
        return None

    def _named(self, said: str) -> set[str]:
        """The files of the contacts whose first or whole name is among the words."""
        words = set(_WORD.findall(said.casefold()))
        return {
            person.path
            for person in self.account.contacts.values()
            if (names := _WORD.findall(person.title.casefold())) and names[0] in words
        }

    def _state(self, task: Mapping[str, Any] | None) -> str:
        if task is None:
            return "nobody"
        due = task.get("due")
        late = isinstance(due, dt.date) and due < self.today
        return "overdue" if late else "in hand"

    def _task(self, task: Mapping[str, Any]) -> Row:
        return {
            "text": str(task.get("title") or task["id"]),
            "owner": str(task.get("owner") or ""),
            "due": task.get("due"),
            "source": self.near(f"{task['path']}#title"),
        }

    def promised(self) -> Iterator[Row]:
        """Open tasks that are due within the plan or have no day, and the next step if no task says it."""
        tasks: list[tuple[str, Any]] = []
        for task in self.seen["tasks"]:
            due = task.get("due")
            tasks.append((str(task.get("title") or ""), due))
            if not isinstance(due, dt.date) or due <= self.term.until:
                yield self._task(task) | {"why": str(task.get("reason") or ""), "kind": "task"}
        step, due = self.profile.text("next_step"), self.profile.date("next_step_due")
        said = any(
            overlapping(step, title)
            >= (self.same_day_words if due is not None and day == due else self.same_words)
            for title, day in tasks
        )
        if step and not said and (due is None or due <= self.term.until):
            row = {"text": step, "owner": self.profile.text("owner"), "due": due, "why": ""}
            yield row | {"source": self.where("next_step"), "kind": "next step"}

    def suggested(self, risks: Sequence[Row], most: int) -> Iterator[Row]:
        """What the risks that nobody is on and the unknown people call for; the weightiest first, and soonest."""
        wanted = [
            {"text": risk["advice"], "why": risk["text"], "source": risk["sources"][0]}
            for risk in risks
            if risk["advice"] and risk["task"] is None
        ]
        missing = [
            row["role"].replace("_", " ") for row in self.roles() if row["state"] == "nobody"
        ]
        if missing:
            text = f"Find out who there is {together(missing)}"
            wanted.append({"text": text, "why": "", "source": self.near(self.profile.path)})
        wanted = list({row["text"]: row for row in reversed(wanted)}.values())[::-1][:most]
        ahead = [day for day in self.term.steps if day >= self.today] or [self.term.until]
        share = max(1, -(-len(wanted) // len(ahead)))
        owner = self.profile.text("owner")
        for place, row in enumerate(wanted):
            yield row | {"owner": owner, "due": ahead[place // share], "kind": "suggested"}

    def success(self) -> Iterator[Row]:
        """What will tell at the end of the plan whether it worked: their goals, the health, the renewal."""
        for goal in self.goals():
            unit = f" {goal['unit']}" if goal["unit"] else ""
            yield {
                "text": goal["name"],
                "now": "" if goal["current"] is None else f"{goal['current']}{unit}",
                "target": "" if goal["target"] is None else f"{goal['target']}{unit}",
                "due": goal["due"],
                "source": goal["source"],
            }
        score = self.seen["health"]["score"]
        row: Row
        if score is not None:
            row = {"text": "Health score", "now": half_up(score), "target": "no lower"}
            yield row | {"due": self.term.until, "source": self.health_source()}
        renewal = self.profile.date("renewal")
        if renewal is not None and renewal <= self.term.until:
            row = {"text": "Renewal", "now": "open", "target": "signed", "due": renewal}
            yield row | {"source": self.where("renewal")}


def term(begins: dt.date, days: int, today: dt.date) -> Term:
    """The time that ``today`` lies in, of a plan that was begun on a day and is renewed every so many ``days``."""
    since = begins + dt.timedelta(days=max(0, (today - begins).days) // days * days)
    return Term(since, tuple(since + dt.timedelta(days=days * part // 3) for part in (1, 2, 3)))
