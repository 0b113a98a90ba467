"""The technologies of a company, each with its evidence: where it stands, what it says, how old and how sure it is.

Evidence is the profile field ``technologies`` (people's and systems'), what texts say, and what `crmctl research` found
on the company's own site, which is kept in the profile's block ``sources: website:``. Whoever deletes the evidence
deletes the claim.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

from crmctl.insight.technographics_rules import TechnologyRules, Weight
from crmctl.insight.technographics_text import Names, mentions
from crmctl.insight.text_rules import TextRules
from crmctl.model.record import Account, Record
from crmctl.model.text import one_line

WEBSITE = "website"  # the system whose block holds what the site showed
SEEN = "seen_"  # begins the keys of its evidence, each a map: field, value, found, url, line, seen
FIELD = "technologies"
USES, PLANNED, LEAVING, GONE = "uses", "planned", "leaving", "gone"
_ORDER = (USES, LEAVING, PLANNED, GONE)
_QUOTE = 240


class Evidence(NamedTuple):
    """One piece. ``kind`` is profile, system, text, advert, or where the site showed it; ``day`` None if undated.

    ``strength`` is what it weighs today, 0 to 1. ``source`` is as `crmctl.insight.citing.Lines` reads it.
    """

    kind: str
    status: str
    day: dt.date | None
    strength: float
    source: str
    quote: str


class Found(NamedTuple):
    """One technology. ``age`` is in days, of its newest dated evidence, None if none is dated.

    ``status`` is uses, leaving, planned or gone, as the newest evidence has it. ``implied_by`` names the technology
    that stands for this one where it has no evidence of its own, "" where it has.
    """

    name: str
    category: str
    status: str
    strength: float
    age: int | None
    implied_by: str
    evidence: tuple[Evidence, ...]


def technologies(
    account: Account, rules: TechnologyRules, signals: TextRules, today: dt.date
) -> list[Found]:
    """What is known of the technologies of an account as of ``today``, what they use first, the surest first.

    ``signals`` tells which sentences talk to a machine. What is weaker than the rules' floor is left out.
    """
    profile = account.profile
    stated = [*profile.own.get(FIELD, ())] if isinstance(profile.own.get(FIELD), list) else []
    for system, block in profile.systems.items():
        if system != WEBSITE and isinstance(block.get(FIELD), list):
            stated += block[FIELD]
    held: dict[str, list[Evidence]] = {}
    pieces = [*_of_profile(profile, rules), *_of_website(profile, rules, today)]
    for mention in mentions(account, rules, signals, Names(rules, map(str, stated)), today):
        weight = Weight(
            strength=mention.claim.strength, half_life_days=mention.claim.half_life_days
        )
        piece = Evidence(
            "advert" if mention.pasted else "text",
            mention.claim.status,
            mention.day,
            _worth(weight, mention.day, today),
            mention.source,
            mention.quote,
        )
        pieces.append((mention.name, piece))
    for name, piece in pieces:
        held.setdefault(_own_name(name, rules), []).append(piece)
    found = {name: _one(name, group, rules, today) for name, group in held.items()}
    for each in [*found.values()]:
        for implied in _implied(each, rules):
            if implied.name not in found or (
                found[implied.name].implied_by and found[implied.name].strength < implied.strength
            ):
                found[implied.name] = implied
    told = [each for each in found.values() if each.strength >= rules.floor]
    return sorted(told, key=lambda f: (_ORDER.index(f.status), -f.strength, f.name.casefold()))


def _own_name(name: str, rules: TechnologyRules) -> str:
    known = rules.by_name.get(name.strip().casefold())
    return known.name if known else one_line(name, 80)


def _of_profile(profile: Record, rules: TechnologyRules) -> Iterator[tuple[str, Evidence]]:
    """What people and systems state; undated, so of each half-life one has passed."""
    worth = rules.worth
    blocks: dict[str, Mapping[str, Any]] = {"": profile.own, **profile.systems}
    for system, block in blocks.items():
        if system == WEBSITE or not isinstance(block.get(FIELD), list):
            continue
        place = f"sources.{system}.{FIELD}" if system else FIELD
        weight = worth.system if system else worth.profile
        for number, name in enumerate(block[FIELD]):
            quote = one_line(f"{FIELD}: {name}", _QUOTE)
            strength = _worth(weight, None, dt.date.min)
            yield (
                str(name),
                Evidence(
                    "system" if system else "profile",
                    USES,
                    None,
                    strength,
                    f"{profile.path}#{place}.{number}",
                    quote,
                ),
            )


def _of_website(
    profile: Record, rules: TechnologyRules, today: dt.date
) -> Iterator[tuple[str, Evidence]]:
    for key, row in website_rows(profile).items():
        if row.get("field") != FIELD:
            continue
        seen = row.get("seen")
        day = seen if isinstance(seen, dt.date) else None
        found, url = str(row.get("found") or ""), str(row.get("url") or "")
        kind = found.partition(" ")[0]
        weight = {"header": rules.worth.header, "cookie": rules.worth.cookie}.get(
            kind, rules.worth.dns if kind == "dns" else rules.worth.html
        )
        if day is not None and day > today:
            continue
        line = row.get("line")
        where = f"{url} line {line}" if line else url
        yield (
            str(row.get("value") or ""),
            Evidence(
                kind if kind in {"header", "cookie", "dns"} else "html",
                USES,
                day,
                _worth(weight, day, today),
                f"{profile.path}#sources.{WEBSITE}.{key}",
                one_line(f"{found} ({where})", _QUOTE),
            ),
        )


def website_rows(profile: Record) -> dict[str, dict[str, Any]]:
    """The evidence that readings of the site left in the profile, by the key of its line."""
    block = profile.systems.get(WEBSITE, {})
    return {
        key: row for key, row in block.items() if key.startswith(SEEN) and isinstance(row, dict)
    }


def _worth(weight: Weight, day: dt.date | None, today: dt.date) -> float:
    if weight.half_life_days is None:
        return weight.strength
    lives = 1.0 if day is None else (today - day).days / weight.half_life_days
    return float(weight.strength * 0.5**lives)


def _one(name: str, group: Sequence[Evidence], rules: TechnologyRules, today: dt.date) -> Found:
    """One technology of its evidence. Pieces of one kind on one day bear each other out only once."""
    newest = sorted(
        group,
        key=lambda e: (e.day or dt.date.min, -_ORDER.index(e.status), e.strength, e.source),
        reverse=True,
    )
    # Of one day the worse news counts: "we use it, and are moving off it" is leaving.
    day = newest[0].day
    status = max((e.status for e in newest if e.day == day), key=_weight_of_status)
    best: dict[tuple[str, dt.date | None], float] = {}
    for piece in group:
        if piece.status == status:
            key = (piece.kind, piece.day)
            best[key] = max(best.get(key, 0.0), piece.strength)
    known = rules.by_name.get(name.casefold())
    return Found(
        name,
        known.category if known else "",
        status,
        1 - prod(1 - strength for strength in best.values()),
        None if day is None else (today - day).days,
        "",
        tuple(newest),
    )


def _weight_of_status(status: str) -> int:
    return (PLANNED, USES, LEAVING, GONE).index(status)


def _implied(found: Found, rules: TechnologyRules) -> Iterator[Found]:
    """What stands behind a technology in use, as far as it goes, with the evidence for that one."""
    waiting, seen = [(found, 0)], {found.name}
    while waiting:
        each, depth = waiting.pop()
        known = rules.by_name.get(each.name.casefold())
        if known is None or each.status != USES or depth > 3:
            continue
        for name in known.implies:
            own = _own_name(name, rules)
            if own in seen:
                continue
            seen.add(own)
            made = each._replace(
                name=own,
                category=rules.by_name[own.casefold()].category,
                strength=each.strength * rules.worth.implied,
                implied_by=each.name,
            )
            waiting.append((made, depth + 1))
            yield made
