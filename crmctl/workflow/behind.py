"""The facts behind an alert: what each name in its condition stands on, with file and line.

They are looked up once, when the alert begins, and stand in its episode from then on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from crmctl.insight.citing import Lines
from crmctl.insight.provenance import field_source
from crmctl.model.text import one_line
from crmctl.workflow.expression import Expression
from crmctl.workflow.measured import SCORES, measure_of
from crmctl.workflow.opening import shown
from crmctl.workflow.said import KINDS, PACE
from crmctl.workflow.syntax import Junction, Node
from crmctl.workflow.vocabulary import COUNTS, HEALTH, INPUTS, OWN, USAGE
from crmctl.workspace import paths, store

if TYPE_CHECKING:
    from crmctl.insight.health import Health
    from crmctl.workflow.definition import Workflow
    from crmctl.workflow.values import Insight

MOST = 6
SCORE = SCORES["health"]
REASONS = 2  # of a score, so many of what costs it most
_SCORED = frozenset(term.name for term in HEALTH) - {"shut_gates", "last_interaction"}
_INPUTS = frozenset(term.name for term in INPUTS)
_COUNTED = frozenset(term.name for term in COUNTS)


def evidence(
    insight: Insight, slug: str, workflow: Workflow, values: Mapping[str, object]
) -> list[str]:
    """At most `MOST` facts that make a workflow's condition true, each as ``what it says (path:line)``."""
    if not isinstance(workflow.start, Expression):
        return []
    today = insight.ws.today
    names = [n for n in _decisive(workflow.start.root, values, today) if n != "stage"]
    lines = Lines(insight.ws.root, slug)
    found: dict[str, None] = {}
    for name in names:
        for text, source in _facts(insight, slug, name, values):
            place = lines.cite(source)
            found[one_line(f"{text} ({place})" if place else text, 400)] = None
    return list(found)[:MOST]


def _decisive(node: Node, values: Mapping[str, object], today: dt.date) -> Iterator[str]:
    """The names in those parts of a condition that make it true, in their order."""
    if isinstance(node, Junction):
        for part in node.parts:
            if node.every or Expression("", part).holds(values, today):
                yield from _decisive(part, values, today)
    else:
        yield from Expression("", node).names


def _facts(
    insight: Insight, slug: str, name: str, values: Mapping[str, object]
) -> Iterator[tuple[str, str]]:
    """What is known of one name, and where it stands: ``path:line``, ``path#field``, or "" for what is counted."""
    health = insight.part(slug).health.get(slug)
    if name in KINDS:
        for signal in insight.part(slug).said.signals(slug, KINDS[name])[:REASONS]:
            yield f"{signal.text}, {signal.as_of or 'undated'}", signal.source
    elif name in PACE:
        yield _pace(insight, slug, name), insight.part(slug).said.rhythm(slug).source
    elif name == "shut_gates":
        yield from ((gate.reason, gate.source) for gate in (health.gates if health else ()))
    elif name in _SCORED:
        yield from _reasons(health)
    elif name in _INPUTS:
        yield from _input(health, name)
    elif name.endswith(")"):
        yield from _past(insight, slug, name)
        if measure_of(name.partition("(")[0].rpartition(".")[0]) == SCORE:
            yield from _reasons(health)
    elif name.startswith(USAGE):
        measure = insight.usage(name).get(slug)
        if measure is not None:
            yield _measured(name, dt.date.fromisoformat(measure[0]), float(measure[1]))
    elif name in _COUNTED:
        yield f"{_words(name)} {shown(name, values.get(name))}", ""
    elif values.get(name) is not None:
        yield f"{_words(name)} {shown(name, values.get(name))}", _field(insight, slug, name)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _pace(insight: Insight, slug: str, name: str) -> str:
    found = insight.part(slug).said.rhythm(slug)
    if name == "conversation_growth" and found.recent is not None and found.usual is not None:
        days = insight.part(slug).said.how.recent_days
        return f"{found.recent} conversations in {days} days, usually {found.usual:.1f}"
    if found.gap is None:
        return f"last heard from on {found.last}"
    return f"last heard from on {found.last}, usually every {found.gap:g} days"


def _reasons(health: Health | None) -> Iterator[tuple[str, str]]:
    """What costs a score most."""
    for advice in (health.recommendations if health else ())[:REASONS]:
        yield advice.reason, advice.source


def _input(health: Health | None, name: str) -> Iterator[tuple[str, str]]:
    for each in health.inputs() if health else ():
        if each.name == name and each.value is not None:
            label = f"{_words(name)} {shown(name, each.value)}"
            yield (f"{label}: {each.note}" if each.note else label), each.source


def _past(insight: Insight, slug: str, name: str) -> Iterator[tuple[str, str]]:
    """The highest or lowest value of the days that were asked about, or the first, and the latest."""
    asked, _, days = name.removesuffix("d)").partition("(")
    measure, _, method = asked.rpartition(".")
    real = measure_of(measure)
    now = insight.ws.today.toordinal()
    rows = [row for row in insight.part(slug).past(slug, real) if row[0] <= now]
    start = now - int(days)
    held = [row for row in rows if row[0] <= start][-1:] + [r for r in rows if r[0] > start]
    if not held:
        return
    best = {"drop": max, "highest": max, "rise": min, "lowest": min}.get(method)
    first = held[0] if best is None else best(held, key=lambda row: row[1])
    for day, value in dict.fromkeys((first, held[-1])):
        yield _measured(real, dt.date.fromordinal(day), value)


def _measured(measure: str, day: dt.date, value: float) -> tuple[str, str]:
    return f"{measure} {value:g} on {day}", f"{paths.measures(day)}#{measure}"


def _field(insight: Insight, slug: str, name: str) -> str:
    """Where a field of the profile stands."""
    profile, _ = store.read_file(insight.ws.root, paths.profile(slug), insight.ws.ranking)
    own = name.removeprefix(OWN)
    return f"{profile.path}#{own}" if own != name else field_source(profile, name)
