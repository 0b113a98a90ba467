"""What matters about one account now: short sentences by rules, each with its places and its age, the weightiest first.

Nothing is invented: a sentence is a fact of the files put into words, and who says so stands beside it. The same fact
from several places is one sentence with several places. What nobody knows is asked, not guessed. Every number that
decides the order stands in ``weights.yaml`` under ``insights``.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from crmctl.insight.facts import by_measure
from crmctl.insight.insight_weights import insight_weights
from crmctl.insight.insights_changed import beginning, changed, standing
from crmctl.insight.insights_draft import GROUPS, Cite, Draft, Material, sentence
from crmctl.insight.insights_told import alike, background, overlapping, told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmctl.insight.weights import Weights
    from crmctl.model.record import Account
    from crmctl.workspace.measures import Measure

# The signal that says the same as an input of the health score.
_SAME = {
    "days_since_contact": "silent",
    "active_contacts": "few_threads",
    "usage_growth": "usage_falls",
    "sentiment": "negative_tone",
    "renewal_outlook": "renewal_near",
    "goal_pace": "goal:",  # the latest of the goals
}
_MOVING = {"usage_falls", "usage_grows"}
_WORDS = re.compile(r"[^\w]+")


class Insight(NamedTuple):
    """One sentence. ``id`` is ``e1``, ``e2`` and so on, by ``worth``, the points it was ranked by.

    ``points`` are points of the health score at stake, None where none are known to be; ``advice`` is what to do, and
    ``action`` the workflow action for it. ``age`` is in days, of the newest of ``citations``; None is undated.
    """

    id: str
    group: str
    text: str
    advice: str
    action: str
    points: float | None
    worth: float
    age: int | None
    citations: tuple[Cite, ...]


def insights(
    account: Account,
    seen: Mapping[str, Any],
    rows: Iterable[Measure],
    weights: Weights,
    *,
    deep: bool = False,
) -> list[Insight]:
    """All sentences of an account, the weightiest first.

    ``seen`` is its picture (`crmctl.insight.picture.picture`) and gives the day, ``rows`` are its measures. ``deep``
    adds the background: facts of the profile and the words of the latest conversations.
    """
    own = insight_weights(weights.insights)
    found = Material(account, seen, by_measure(rows), own, seen["today"])
    found.since = beginning(found)
    drafts = _merged([*told(found), *standing(found), *changed(found)], found)
    _advise(drafts, found)
    if deep:
        drafts += _merged([*background(found)], found)
    order = list(GROUPS)
    drafts = _unlike(drafts, found)
    ranked = sorted(
        ((_worth(draft, found), draft) for draft in drafts),
        key=lambda pair: (
            -pair[0],
            order.index(pair[1].group),
            # Of promises that weigh the same, the one that is due first comes first.
            pair[1].due or dt.date.max,
            pair[1].key,
        ),
    )
    return [
        Insight(
            f"e{number}",
            draft.group,
            sentence(draft.text),
            draft.advice,
            draft.action,
            draft.points,
            round(worth, 6),
            _age(draft.cites, found.today),
            tuple(draft.cites),
        )
        for number, (worth, draft) in enumerate(ranked, 1)
    ]


def _merged(drafts: Sequence[Draft], found: Material) -> list[Draft]:
    """One draft a fact: of drafts with one key, or with one quote in one group, the strongest speaks for all."""
    held: dict[str, Draft] = {}
    for draft in sorted(drafts, key=lambda d: (-_worth(d, found), d.key)):
        quotes = {_WORDS.sub(" ", cite.quote.casefold()).strip() for cite in draft.cites} - {""}
        keys = [
            f"{draft.group}/{draft.key}",
            *sorted(f"{draft.group}/said/{quote}" for quote in quotes),
        ]
        same = next((held[key] for key in keys if key in held), None)
        if same is None:
            held.update((key, draft) for key in keys if key not in held)
        else:
            _join(same, draft)
    kept = list({id(draft): draft for draft in held.values()}.values())
    return _moving(kept)


def _moving(drafts: list[Draft]) -> list[Draft]:
    """Usage that falls or grows is told once: as the risk or chance that it is, not as a change as well."""
    signals = [d for d in drafts if d.key in _MOVING]
    measured = {c.source.partition("#")[2]: d for d in signals for c in d.cites}
    kept = []
    for draft in drafts:
        signal = measured.get(draft.key.removeprefix("measure:"))
        if signal is not None and draft.key.startswith("measure:"):
            _join(signal, draft)
        else:
            kept.append(draft)
    return kept


def _unlike(drafts: list[Draft], found: Material) -> list[Draft]:
    """Promises that say the same in other words are one, the more pressing one."""
    kept: list[Draft] = []
    for draft in sorted(drafts, key=lambda d: (-_worth(d, found), d.key)):
        promised = (other for other in kept if draft.group == other.group == "promises")
        same = next((other for other in promised if _same(draft, other, found)), None)
        if same is None:
            kept.append(draft)
        else:
            _join(same, draft)
    return kept


def _same(one: Draft, other: Draft, found: Material) -> bool:
    words = [draft.key.removeprefix("promise:") for draft in (one, other)]
    if alike(*words) >= found.weights.same_words:
        return True
    same_day = one.due is not None and one.due == other.due
    return same_day and overlapping(*words) >= found.weights.same_day_words


def _join(same: Draft, other: Draft) -> None:
    places = {cite.source for cite in same.cites}
    same.cites += [cite for cite in other.cites if cite.source not in places]
    same.points = max((p for p in (same.points, other.points) if p is not None), default=None)


def _advise(drafts: list[Draft], found: Material) -> None:
    """The recommendations of the health score, each beside the fact that it answers where there is one."""
    for tip in found.seen["health"]["recommendations"]:
        name = tip["input"]
        draft = _answered(drafts, _SAME.get(name, name), found)
        if draft is None:
            text = f"{tip['text']}: {found.spelled(tip['reason'])}"
            source = tip["source"] or found.account.profile.path
            drafts.append(
                Draft(
                    "risks",
                    "advice",
                    f"input:{name}",
                    text,
                    [Cite(source)],
                    points=tip["points"],
                    action=tip["action"],
                )
            )
        else:
            draft.points, draft.advice, draft.action = tip["points"], tip["text"], tip["action"]


def _answered(drafts: Sequence[Draft], key: str, found: Material) -> Draft | None:
    """The weightiest risk with this key, or one that begins so."""
    whole = not key.endswith(":")
    fitting = [
        draft
        for draft in drafts
        if draft.group == "risks" and (draft.key == key if whole else draft.key.startswith(key))
    ]
    return max(fitting, key=lambda draft: (_worth(draft, found), draft.key), default=None)


def _worth(draft: Draft, found: Material) -> float:
    weights = found.weights
    worth = weights.points[draft.kind] + draft.bonus + (draft.points or 0.0)
    if draft.day is not None:
        worth *= 0.5 ** (max(0, (found.today - draft.day).days) / weights.half_life_days)
    if draft.group == "risks":
        worth *= 1 + weights.renewal * _nearness(found)
    return float(worth * draft.strength)


def _nearness(found: Material) -> float:
    """How near the renewal is, from 0 to 1."""
    renewal = found.account.profile.date("renewal")
    if renewal is None:
        return 0.0
    days = (renewal - found.today).days
    return 0.0 if days < 0 else max(0.0, 1 - days / found.weights.renewal_days)


def _age(cites: Sequence[Cite], today: dt.date) -> int | None:
    days = [cite.as_of for cite in cites if cite.as_of is not None]
    return max(0, (today - max(days)).days) if days else None


def plain(insight: Insight) -> dict[str, Any]:
    """An insight as plain data: its citations as maps of ``source``, ``as_of`` and ``quote``."""
    return insight._asdict() | {"citations": [cite._asdict() for cite in insight.citations]}
