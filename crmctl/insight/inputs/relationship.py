"""How many people there know us, and how well: from contacts and conversations."""

from __future__ import annotations

import datetime as dt
from statistics import fmean, median
from typing import TYPE_CHECKING

from crmctl.insight.evidence import WRITTEN, Evidence, Person, Talk
from crmctl.insight.inputs.fact import Fact, Facts, count, unknown

if TYPE_CHECKING:
    from crmctl.insight.health_weights import Measuring


def relationship(evidence: Evidence, now: int, how: Measuring) -> Facts:
    """People who have left count no more; mail and chat that only we wrote is no conversation."""
    here = [p for p in evidence.people if p.left is None or p.left > now]
    talks = [t for t in evidence.talks if t.day <= now]
    recent = [t for t in talks if t.day > now - how.conversation_days]
    heard = [t for t in talks if t.heard]
    return {
        "active_contacts": _active_contacts(evidence, talks, recent, now, how),
        "roles_covered": _roles(evidence, here, how),
        "champion": _champion(evidence, here, heard, now, how),
        "executive": _executive(here, heard, now, how),
        "days_since_contact": _days_since(heard, now),
        "balance": _balance(recent, how),
        "reply_hours": _reply_hours(evidence, now, how),
        "sentiment": _sentiment(recent, here),
    }


def _fact(value: float, talk: Talk, note: str = "") -> Fact:
    return Fact(value, dt.date.fromordinal(talk.day), talk.source, note)


def _active_contacts(
    evidence: Evidence, talks: list[Talk], recent: list[Talk], now: int, how: Measuring
) -> Fact:
    if not talks:
        return unknown("no conversation is recorded")
    heard = [t for t in recent if t.heard]
    gone = {p.id for p in evidence.people if p.left is not None and p.left <= now}
    people = {person for t in heard for person in t.people} - gone
    if heard and not any(t.people for t in heard):
        return unknown("the conversations name nobody of theirs")
    note = f"{', '.join(sorted(people)) or 'nobody'} in {how.conversation_days} days"
    return _fact(len(people), (heard or talks)[-1], note)


def _roles(evidence: Evidence, here: list[Person], how: Measuring) -> Fact:
    if not any(p.roles for p in evidence.people):
        return unknown("no contact has a role")
    held = {role for p in here for role in p.roles}
    missing = [role for role in how.buying_roles if role not in held]
    source = next(p.source for p in [*here, *evidence.people] if p.roles)
    note = f"nobody is {', '.join(missing)}" if missing else "every role is known"
    return Fact(1 - len(missing) / len(how.buying_roles), None, f"{source}#roles", note)


def _champion(
    evidence: Evidence, here: list[Person], heard: list[Talk], now: int, how: Measuring
) -> Fact:
    """1 for a champion we hear from, 0.5 for a silent one, 0 for none."""
    if not any(p.roles for p in evidence.people):
        return unknown("no contact has a role")
    champions = {p.id: p for p in here if "champion" in p.roles}
    if not champions:
        last = [p for p in evidence.people if p.roles][-1]
        return Fact(0, None, f"{last.source}#roles", "nobody is champion")
    if not any(t.people for t in heard):
        return unknown("whether the champion has gone silent: no conversation names who took part")
    theirs = [t for t in heard if not champions.keys().isdisjoint(t.people)]
    names = ", ".join(sorted(champions))
    if not theirs:
        source = next(iter(champions.values())).source
        return Fact(0.5, None, f"{source}#roles", f"{names} never took part in a conversation")
    silent = now - theirs[-1].day
    if silent > how.champion_silent_days:
        return _fact(0.5, theirs[-1], f"{names} silent for {silent} days")
    return _fact(1, theirs[-1], f"{names} heard {silent} days ago")


def _executive(here: list[Person], heard: list[Talk], now: int, how: Measuring) -> Fact:
    """1 for one of their executives whom we hear from, 0.5 for one we only know, 0 for none."""
    ranked = [p for p in here if p.seniority]
    if not ranked:
        return unknown("of no contact is the level known")
    executives = {p.id: p for p in ranked if p.seniority in how.executive_levels}
    if not executives:
        source = f"{ranked[-1].source}#seniority"
        return Fact(0, None, source, "we know none of their executives")
    if not any(t.people for t in heard):
        return unknown("whether an executive talks with us: no conversation names who took part")
    theirs = [t for t in heard if not executives.keys().isdisjoint(t.people)]
    names = ", ".join(sorted(executives))
    if not theirs:
        source = f"{next(iter(executives.values())).source}#seniority"
        return Fact(0.5, None, source, f"{names} never took part in a conversation")
    silent = now - theirs[-1].day
    spoke = ", ".join(sorted(executives.keys() & set(theirs[-1].people)))
    value = 1 if silent < how.conversation_days else 0.5
    return _fact(value, theirs[-1], f"{spoke} heard {silent} days ago")


def _reply_hours(evidence: Evidence, now: int, how: Measuring) -> Fact:
    """The median of their answers to our mail. Mail that they did not answer has no time; the balance shows it."""
    recent = [r for r in evidence.replies if now - how.conversation_days < r.day <= now]
    if len(recent) < how.reply_messages:
        return unknown(
            f"fewer than {how.reply_messages} answers of theirs in {how.conversation_days} days"
        )
    last = recent[-1]
    note = count(len(recent), "answer")
    day = dt.date.fromordinal(last.day)
    return Fact(median(r.hours for r in recent), day, last.source, note)


def _days_since(heard: list[Talk], now: int) -> Fact:
    if not heard:
        return unknown("no conversation is recorded")
    return _fact(now - heard[-1].day, heard[-1])


def _balance(recent: list[Talk], how: Measuring) -> Fact:
    written = [t for t in recent if t.type in WRITTEN and t.direction]
    if len(written) < how.balance_messages:
        return unknown(
            f"fewer than {how.balance_messages} messages in {how.conversation_days} days"
        )
    theirs = sum(t.direction == "in" for t in written)
    ours = len(written) - theirs
    return _fact(
        min(theirs, ours) / max(theirs, ours), written[-1], f"{theirs} from them, {ours} from us"
    )


def _sentiment(recent: list[Talk], here: list[Person]) -> Fact:
    """Of the recent conversations, else what people noted on the contacts."""
    felt = [(t, t.mood) for t in recent if t.mood is not None]
    if felt:
        return _fact(fmean(mood for _, mood in felt), felt[-1][0], count(len(felt), "conversation"))
    noted = [(p, p.mood) for p in here if p.mood is not None]
    if not noted:
        return unknown("no conversation or contact says how they feel")
    mean = fmean(mood for _, mood in noted)
    return Fact(mean, None, f"{noted[-1][0].source}#sentiment", count(len(noted), "contact"))
