"""The parts of a relationship map: roles covered, what is missing, reporting lines, and the graph.

People are the ``relationships.people`` of `crmctl.insight.picture.picture`.
"""

from __future__ import annotations

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
    "classDef silent stroke-dasharray:5 4",
    "classDef decides stroke-width:4px",
)
_MOOD = {"positive": "for", "negative": "against"}
_ENTITIES = str.maketrans({c: f"#{ord(c)};" for c in '#"<>`&\\[](){}|'})


def coverage(people: Sequence[Person], roles: Sequence[str]) -> list[dict[str, Any]]:
    """Each buying role with why it matters and who of those still there plays it."""
    here = [person for person in people if person["left"] is None]
    return [
        {
            "role": role,
            "wanted": WANTED[role],
            "names": [person["name"] for person in here if role in person["roles"]],
        }
        for role in roles
    ]


def gaps(relationships: dict[str, Any]) -> Iterator[str]:
    """What we do not know or have lost, each as something to find out."""
    people = relationships["people"]
    names = {person["id"]: person["name"] for person in people}
    for role in relationships["missing"]:
        yield f"Who is their {role.replace('_', ' ')}?"
    for person in people:
        if person["left"] is not None and {"champion", "decision_maker"} & set(person["roles"]):
            yield f"Who took over from {person['name']}, who left on {person['left']}?"
    for person in people:
        if (
            person["left"] is None
            and "decision_maker" in person["roles"]
            and person["last_heard"] is None
        ):
            yield f"{person['name']} decides and has never talked with us: who introduces us?"
    for id in relationships["silent"]:
        yield f"What became of {names[id]}? Not heard for a long time."
    if len(relationships["threads"]) == 1:
        yield f"Only {names[relationships['threads'][0]]} talks with us: who else should?"


def lines(people: Sequence[Person]) -> list[dict[str, Any]]:
    """The people still there as an outline of who reports to whom; empty when nobody is said to."""
    here = {person["id"]: person for person in people if person["left"] is None}
    below: dict[str, list[str]] = {}
    for id, person in here.items():
        if person["reports_to"] in here and person["reports_to"] != id:
            below.setdefault(person["reports_to"], []).append(id)
    if not below:
        return []
    placed: dict[str, int] = {}
    led = {id for ids in below.values() for id in ids}
    # Those in a circle have no top: they follow, in order, so that nobody is left out.
    for top in [*(id for id in here if id not in led), *here]:
        _place(top, 0, below, placed)
    return [
        {"depth": depth, "name": here[id]["name"], "title": here[id]["title"]}
        for id, depth in placed.items()
    ]


def _place(id: str, depth: int, below: dict[str, list[str]], placed: dict[str, int]) -> None:
    waiting = [(id, depth)]
    while waiting:
        person, level = waiting.pop()
        if person not in placed:
            placed[person] = level
            waiting += [(report, level + 1) for report in reversed(below.get(person, []))]


def mermaid(people: Sequence[Person], silent: Sequence[str]) -> list[str]:
    """The lines of a Mermaid graph of those still there; names can add nothing but text to it."""
    here = [person for person in people if person["left"] is None]
    if not here:
        return ["nobody[Nobody is recorded yet]"]
    nodes = {person["id"]: f"p{place}" for place, person in enumerate(here, 1)}
    result = []
    for person in here:
        label = "<br/>".join(_label(text) for text in (person["name"], person["title"]) if text)
        result.append(f'{nodes[person["id"]]}["{label}"]')
    result += [
        f"{nodes[person['reports_to']]} --> {nodes[person['id']]}"
        for person in here
        if person["reports_to"] in nodes and person["reports_to"] != person["id"]
    ]
    for person in here:
        kinds = [_MOOD.get(person["sentiment"], "open")]
        kinds += ["silent"] * (person["id"] in silent)
        kinds += ["decides"] * ("decision_maker" in person["roles"])
        result += [f"class {nodes[person['id']]} {kind}" for kind in kinds]
    return [*result, *STYLES]


def _label(text: str) -> str:
    return one_line(text, 80).translate(_ENTITIES)
