"""Risks, chances, people, deals, promises and open questions of an account, each as a sentence with its place."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any

from crmctl.insight.citing import BODY
from crmctl.insight.insights_draft import Cite, Draft, Material, money, percent
from crmctl.insight.provenance import field_source

# Fields that decide how much of an account can be said, and the question if nobody filled them.
_ASKED = {
    "renewal": "When do they renew? Nobody has written it down",
    "arr": "What do they pay a year? Nobody has written it down",
    "goals": "What do they want to reach? No goal is on file",
}
_CUSTOMERS = frozenset({"customer", "churn_risk"})
_BOX = re.compile(r"[ \t]*[-*+][ \t]+\[ \][ \t]+(?P<text>\S.*)")
_BACKGROUND = (
    "description", "industry", "segment", "employees", "plan", "seats", "technologies", "business_intelligence",
)  # fmt: skip


def told(found: Material) -> Iterator[Draft]:
    """Everything but what changed (`crmctl.insight.insights_changed`)."""
    yield from _signals(found)
    yield from _competitors(found)
    yield from _goals(found)
    yield from _people(found)
    yield from _deals(found)
    yield from promises(found)
    yield from _questions(found)


def _signals(found: Material) -> Iterator[Draft]:
    gates = {gate["name"] for gate in found.seen["health"]["gates"]}
    groups = {"risks": "risks", "buying": "chances", "expansion": "chances"}
    for name, group in groups.items():
        for signal in found.seen[name]:
            kind = "gate" if signal["name"] in gates else "risk" if group == "risks" else "chance"
            text = signal["text"] if signal["quote"] else found.spelled(signal["text"])
            yield Draft(
                group,
                kind,
                _fact(signal),
                text,
                [Cite(signal["source"], signal["as_of"], signal["quote"])],
                max(0.0, min(1.0, signal["strength"])),
                action=signal["action"],
            )


def _fact(signal: Mapping[str, Any]) -> str:
    """What a signal is about: words of one kind are facts of their own, numbers are not."""
    name = str(signal["name"])
    several = signal["quote"] or name in {"champion_silent", "changed_company"}
    return f"{name}:{signal['source']}" if several else name


def _competitors(found: Material) -> Iterator[Draft]:
    titles = {deal["id"]: deal.get("name") or deal["id"] for deal in found.seen["opportunities"]}
    for rival in found.seen["competitors"]:
        where = " and ".join(str(titles.get(id, id)) for id in rival["open_deals"])
        known = field_source(found.account.profile, "competitors")
        now = bool(where or rival["quotes"] or known in rival["sources"])
        text = f"{rival['name']} competes{f' in {where}' if where else ' for this account'}"
        text = text if now else f"{rival['name']} was considered in an earlier deal"
        quotes = {quote["source"]: quote["quote"] for quote in rival["quotes"]}
        if quotes:
            text += f': "{next(iter(quotes.values())).strip(chr(34))}"'
        cites = [Cite(source, None, quotes.get(source, "")) for source in rival["sources"]]
        kind = "competitor" if now else "fact"
        yield Draft("risks", kind, f"rival:{rival['name'].casefold()}", text, cites)


def _goals(found: Material) -> Iterator[Draft]:
    source = field_source(found.account.profile, "goals")
    for goal in found.seen["goals"]:
        pace = goal["pace"]
        if pace is None:
            continue
        unit = f" {goal['unit']}" if goal.get("unit") else ""
        text = (
            f"goal {goal.get('name', '')}: {goal['current']}{unit} towards {goal['target']}{unit}"
        )
        text += f" by {goal['due']}" if goal.get("due") else ""
        late = pace < found.weights.on_schedule
        text += f", at {percent(pace)} of its schedule" if late else ", on schedule"
        group, kind = ("risks", "behind") if late else ("chances", "fact")
        strength = max(0.0, min(1.0, 1 - pace)) if late else 1.0
        yield Draft(group, kind, f"goal:{goal.get('name', '')}", text, [Cite(source)], strength)


def _people(found: Material) -> Iterator[Draft]:
    people = found.seen["relationships"]
    for person in people["people"]:
        roles, last = person["roles"], person["last_heard"]
        who = found.name(person["id"]) + (f" ({person['title']})" if person["title"] else "")
        cite = [Cite(person["source"], last)]
        heard = f"last heard on {last}" if last else "and nobody is known to have talked with them"
        if person["left"] is not None:
            text = f"{who} left on {person['left']}"
            cite = [Cite(f"{person['source']}#left", person["left"])]
            yield Draft("people", "fact", f"left:{person['id']}", text, cite, day=person["left"])
            continue
        if person["sentiment"] == "negative":
            decides = "decides and " if "decision_maker" in roles else ""
            text = f"{who} {decides}is on file as negative towards us, {heard}"
            against = [Cite(f"{person['source']}#sentiment", last)]
            yield Draft("risks", "risk", f"against:{person['id']}", text, against)
            continue
        for role, words in (("champion", "is our champion"), ("decision_maker", "decides")):
            if role in roles:
                text = f"{who} {words}, {heard}"
                yield Draft("people", "fact", f"{role}:{person['id']}", text, cite)


def _deals(found: Material) -> Iterator[Draft]:
    arr = found.account.profile.number("arr")
    for deal in found.seen["opportunities"]:
        amount = deal.get("amount")
        parts = [str(deal.get("stage", "")).replace("_", " ")]
        if amount is not None:
            parts.insert(0, money(amount, str(deal.get("currency") or "")))
        if deal.get("probability") is not None:
            parts.append(f"{deal['probability']} % likely")
        if deal.get("close"):
            parts.append(f"closes on {deal['close']}")
        size = 1.0 if amount is None or not arr else min(1.0, float(amount) / float(arr))
        title = deal.get("name") or deal["id"]
        bonus = found.weights.deal * size
        cites = [Cite(f"{deal['path']}#amount" if amount is not None else f"{deal['path']}#stage")]
        text = f"deal {title}: {', '.join(filter(None, parts))}"
        yield Draft("deals", "deal", f"deal:{deal['id']}", text, cites, bonus=bonus)
        for warning in deal["warnings"]:
            if warning.startswith("next step"):
                continue  # `promises` says it, with the step
            field = "close" if "clos" in warning else "next_step"
            where = deal["path"] + (f"#{field}" if deal.get(field) else "")
            key = f"deal:{deal['id']}:{field}"
            yield Draft(
                "risks", "behind", key, f"deal {title} {warning}", [Cite(where)], bonus=bonus
            )


def promises(found: Material) -> Iterator[Draft]:
    """What somebody said they would do and nobody has marked as done: tasks, next steps, boxes not ticked."""
    for task in found.seen["tasks"]:
        yield from _promise(
            found,
            task.get("title", ""),
            task.get("due"),
            f"{task['path']}#title",
            task.get("owner"),
            None,
        )
    records = [
        found.account.profile,
        *(d for d in found.account.deals.values() if d.text("status") in {"", "open"}),
    ]
    records += [r for r in found.account.interactions if not r.deleted]
    for record in records:
        at = record.time("at")
        day = None if at is None else at.date()
        if day is not None and not 0 <= (found.today - day).days <= found.weights.longest_days:
            continue
        step = record.text("next_step")
        if step:
            owner = record.text("owner") or record.text("by")
            source = field_source(record, "next_step")
            yield from _promise(found, step, record.date("next_step_due"), source, owner, day)
        if day is not None:
            for number, line in enumerate(record.body.splitlines(), 1):
                if box := _BOX.fullmatch(line):
                    yield from _promise(
                        found, box["text"], None, f"{record.path}#{BODY}{number}", "", day
                    )


def _promise(
    found: Material,
    step: str,
    due: dt.date | None,
    source: str,
    owner: str | None,
    said: dt.date | None,
) -> Iterator[Draft]:
    if not step or _done(found, step):
        return
    who = f" ({owner})" if owner else ""
    kind, when, strength = "promise", f" was promised on {said}" if said else "", 1.0
    if isinstance(due, dt.date):
        late = (found.today - due).days
        if late < -found.weights.next_days:
            return
        kind = "overdue" if late > 0 else "due_soon"
        when = f" was due on {due}" if late > 0 else f" is due on {due}"
    yield Draft(
        "promises",
        kind,
        f"promise:{step.casefold()}",
        f'"{step}"{who}{when}',
        [Cite(source, said)],
        strength,
        day=said if due is None else None,
        due=due,
    )


def _done(found: Material, step: str) -> bool:
    done = [
        t.title for t in found.account.tasks.values() if t.text("status") in {"done", "cancelled"}
    ]
    return any(alike(step, title) >= found.weights.same_words for title in done)


def alike(one: str, other: str) -> float:
    """How alike the words of two sentences are, 0 to 100, in whatever order."""
    from rapidfuzz.fuzz import token_sort_ratio

    return float(token_sort_ratio(one.casefold(), other.casefold()))


def overlapping(one: str, other: str) -> float:
    """As `alike`, where one sentence may say more than the other."""
    from rapidfuzz.fuzz import token_set_ratio

    return float(token_set_ratio(one.casefold(), other.casefold()))


def _questions(found: Material) -> Iterator[Draft]:
    account, people = found.account, found.seen["relationships"]
    if account.profile.text("stage") in _CUSTOMERS:
        for name, text in _ASKED.items():
            if not account.profile.get(name):
                yield Draft(
                    "questions", "question", f"ask:{name}", text, [Cite(account.profile.path)]
                )
    for role in people["missing"]:
        text = f"who is their {role.replace('_', ' ')}? Nobody on file is known as one"
        yield Draft("questions", "question", f"role:{role}", text, [Cite(account.profile.path)])
    for deal in found.seen["opportunities"]:
        parts = deal["qualification"]["components"]
        asked = [p for p in parts if p["question"] and (p["level"] or 0) < found.weights.ask_below]
        asked.sort(key=lambda part: part["level"] or 0)
        for part in asked[: found.weights.ask_most]:
            title = deal.get("name") or deal["id"]
            key = f"ask:{deal['id']}:{part['name']}"
            cites = [Cite(part["source"] or deal["path"])]
            yield Draft("questions", "question", key, f"{title}: {part['question']}", cites)
    health = found.seen["health"]
    unknown = [p["name"] for f in health["factors"] for p in f["inputs"] if p["normalised"] is None]
    if unknown:
        names = ", ".join(name.replace("_", " ") for name in unknown)
        text = f"not known, {percent(1 - health['coverage'])} of the health score: {names}"
        yield Draft("questions", "question", "unknown", text, [Cite(account.profile.path)])


def background(found: Material) -> Iterator[Draft]:
    """Facts of the profile and the words of the latest conversations, for a reader who has room for them."""
    profile = found.account.profile
    for name in _BACKGROUND:
        value = profile.get(name)
        for item in (
            value if isinstance(value, list) and name == "business_intelligence" else [value]
        ):
            words = ", ".join(map(str, item)) if isinstance(item, list) else item
            if words is not None:
                text = f"{name.replace('_', ' ')}: {words}"
                yield Draft(
                    "background",
                    "background",
                    f"{name}:{words}",
                    text,
                    [Cite(field_source(profile, name))],
                )
    oldest = found.today - dt.timedelta(days=found.weights.longest_days)
    for record in found.account.interactions:
        at = record.time("at")
        if at is None or record.deleted or not oldest <= at.date() <= found.today:
            continue
        for number, line in enumerate(record.body.splitlines(), 1):
            words = line.strip()
            if not words or words.startswith("#") or _BOX.fullmatch(line):
                continue
            text = f'{record.text("type")} of {at.date()}: "{words.lstrip("-*+ ").strip(chr(34))}"'
            source = f"{record.path}#{BODY}{number}"
            yield Draft(
                "background",
                "background",
                f"words:{source}",
                text,
                [Cite(source, at.date(), words)],
                day=at.date(),
            )
