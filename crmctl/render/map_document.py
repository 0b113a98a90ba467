"""What ``templates/relationship-map.md.j2`` is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmctl.render.map_view import roles, whole
from crmctl.render.stakeholders import coverage, gaps, lines, mermaid

if TYPE_CHECKING:
    from crmctl.render.map_view import View

ROUTES = 8
ALERTS = 12


def people_of(view: View) -> dict[str, Any]:
    """``people`` in order of power, those who are gone last; ``coverage`` of roles and ``gaps`` in what we know.

    Sources are near the account.
    """
    found = view.map
    people = [
        person._asdict()
        | {
            "strength": whole(person.strength.value),
            "power": whole(person.power.value),
            "support": whole(person.support.value),
            "silent": person.silent,
            "marks": roles(person),
            "source": view.cite(person.source),
        }
        for person in found.people
    ]
    covers = found.coverage
    missing = [row.role for row in covers if row.state == "nobody"]
    return {
        "people": people,
        "coverage": coverage(people, [row._asdict() for row in covers]),
        "gaps": list(gaps(people, missing, found.threads)),
    }


def map_context(view: View) -> dict[str, Any]:
    """All of a map as plain data: `people_of`, and who of us knows whom and how to reach the others."""
    found, told = view.map, people_of(view)
    people = told["people"]
    return {
        "name": view.name,
        "account": view.slug,
        "today": view.today,
        **told,
        "alerts": [
            alert._asdict() | {"source": view.cite(alert.source)} for alert in found.alerts[:ALERTS]
        ],
        "more_alerts": max(0, len(found.alerts) - ALERTS),
        "executives": [
            row._asdict()
            | {"names": [view.ours[id] for id in row.ours], "source": view.cite(row.source)}
            for row in found.executives
        ],
        "knows": [
            {
                "ours": view.ours[pair.ours],
                "theirs": view.people[pair.theirs].name,
                "talks": pair.talks,
                "wrote": pair.wrote,
                "last": pair.last,
                "strength": whole(pair.strength),
                "source": view.cite(pair.source),
            }
            for pair in found.pairs
        ],
        "unattributed": found.unattributed,
        "routes": [
            {
                "to": view.people[route.to].name,
                "text": view.route(route),
                "strength": whole(route.strength),
                "sources": [view.cite(source) for source in route.sources],
            }
            for route in found.routes[:ROUTES]
        ],
        "lines": lines(people),
        "graph": mermaid(people),
        "window": view.how.window_days,
        "thread_above": f"{view.how.thread_above:g}",
    }
