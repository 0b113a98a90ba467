"""The parts of a relationship map: roles covered, what is missing, reporting lines, and the graph.

People are plain data of `crmctl.insight.relationships_people.Standing`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from crmctl.model.text import one_line

Person = dict[str, Any]
WANTED = {
    "decision_maker": "signs, and will be asked why",
    "influencer": "is asked before anything is signed",
    "champion": "wants it and says so when we are not there",
    "user": "works with it every day, or does not",
    "blocker": "can stop it: better known than met by surprise",
}
STYLES = (
    "classDef for fill:#d7f0dd,stroke:#2b7a3d,color:#10331a",
    "classDef against fill:#f8d7d7,stroke:#a12b2b,color:#4a1010",
    "classDef open fill:#eef0f3,stroke:#6b7480,color:#22272e",
    "classDef unknown fill:#ffffff,stroke:#9aa3ad,color:#57606a",
    "classDef silent stroke-dasharray:5 4",
    "classDef decides stroke-width:4px",
)
MOST_NODES = 40
"""More people make no graph that anybody can read, nor one that every forge draws."""
# What could end a label, start markup, an icon, a formula or a comment is written as its number. Mermaid marks these
# with a ligature of its own, so that one is spelt out, and takes a whole line for an order where it says `direction`.
_ENTITIES = str.maketrans({c: f"#{ord(c)};" for c in '#"<>`&\\[](){}|%$:;~^*_@'} | {"\ufb02": "fl"})
_ORDER = re.compile(r"(d)(?=irection\b)", re.IGNORECASE)


def coverage(people: Sequence[Person], covers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each buying role with why it matters, who of those still there plays it, and how well they are known."""
    names = {person["id"]: person["name"] for person in people}
    return [
        {
            "role": cover["role"],
            "wanted": WANTED[cover["role"]],
            "state": cover["state"],
            "names": [names[id] for id in cover["people"]],
        }
        for cover in covers
    ]


def gaps(
    people: Sequence[Person], missing: Sequence[str], threads: Sequence[str] | None
) -> Iterator[str]:
    """What we do not know or have lost, each as something to find out."""
    names = {person["id"]: person["name"] for person in people}
    here = [person for person in people if not person["gone"]]
    for role in missing:
        yield f"Who is their {role.replace('_', ' ')}?"
    for person in people:
        if person["gone"] and {"champion", "decision_maker"} & set(person["roles"]):
            yield f"Who took over from {person['name']}, who {person['gone']}?"
    for person in here:
        if "decision_maker" in person["roles"] and person["last_heard"] is None:
            yield f"{person['name']} decides and has never talked with us: who introduces us?"
    for person in here:
        if person["silent"]:
            yield f"What became of {person['name']}? Last heard on {person['last_heard']}."
    if threads is not None and len(threads) == 1:
        yield f"Only {names[threads[0]]} talks with us: who else should?"


def outline(people: Sequence[tuple[str, str]]) -> list[tuple[str, int]]:
    """(id, depth) of everybody below their boss, out of (id, boss); empty when nobody has one among them."""
    here = dict(people)
    below: dict[str, list[str]] = {}
    for id, boss in people:
        if boss in here and boss != id:
            below.setdefault(boss, []).append(id)
    if not below:
        return []
    placed: dict[str, int] = {}
    led = {id for ids in below.values() for id in ids}
    # Those in a circle have no top: they follow, in order, so that nobody is left out.
    for top in [*(id for id in here if id not in led), *here]:
        _place(top, 0, below, placed)
    return list(placed.items())


def lines(people: Sequence[Person]) -> list[dict[str, Any]]:
    """The people still there as an outline of who reports to whom; empty when nobody is said to."""
    here = {person["id"]: person for person in people if not person["gone"]}
    found = outline([(id, person["reports_to"]) for id, person in here.items()])
    return [
        {"depth": depth, "name": here[id]["name"], "title": here[id]["title"]}
        for id, depth in found
    ]


def _place(id: str, depth: int, below: dict[str, list[str]], placed: dict[str, int]) -> None:
    waiting = [(id, depth)]
    while waiting:
        person, level = waiting.pop()
        if person not in placed:
            placed[person] = level
            waiting += [(report, level + 1) for report in reversed(below.get(person, []))]


def mermaid(people: Sequence[Person]) -> list[str]:
    """The lines of a Mermaid graph of those still there; names can add nothing but text to it."""
    every = [person for person in people if not person["gone"]]
    if not every:
        return ["nobody[Nobody is recorded yet]"]
    here = every[:MOST_NODES]
    nodes = {person["id"]: f"p{place}" for place, person in enumerate(here, 1)}
    result = []
    for person in here:
        label = "<br/>".join(filter(None, map(_label, (person["name"], person["title"]))))
        result.append(f'{nodes[person["id"]]}["{label or "?"}"]')
    if len(every) > len(here):
        result.append(f'more["and {len(every) - len(here)} more"]')
    result += [
        f"{nodes[person['reports_to']]} --> {nodes[person['id']]}"
        for person in here
        if person["reports_to"] in nodes and person["reports_to"] != person["id"]
    ]
    for person in here:
        kinds = [person["stance"]]
        kinds += ["silent"] * person["silent"]
        kinds += ["decides"] * ("decision_maker" in person["roles"])
        result += [f"class {nodes[person['id']]} {kind}" for kind in kinds]
    return [*result, *STYLES]


def _label(text: str) -> str:
    line = one_line(text, 80).translate(_ENTITIES)
    return _ORDER.sub(lambda match: f"#{ord(match[1])};", line)
