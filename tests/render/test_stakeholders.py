from __future__ import annotations

import html
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmctl.model.text import one_line
from crmctl.render.stakeholders import MOST_NODES, STYLES, coverage, gaps, lines, mermaid, outline


def person(id: str, **values: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "id": id,
        "name": id.title(),
        "title": "",
        "roles": [],
        "stance": "open",
        "reports_to": "",
        "gone": "",
        "silent": False,
        "last_heard": None,
    }
    return known | values


def test_the_outline_puts_reports_below_their_boss() -> None:
    people = [person("c", reports_to="b"), person("b", reports_to="a"), person("a"), person("d")]
    found = [(line["depth"], line["name"]) for line in lines(people)]
    assert found == [(0, "A"), (1, "B"), (2, "C"), (0, "D")]


def test_a_circle_of_bosses_leaves_nobody_out() -> None:
    people = [person("a", reports_to="b"), person("b", reports_to="a"), person("c", reports_to="c")]
    assert sorted(line["name"] for line in lines(people)) == ["A", "B", "C"]


IDS = [f"p{n}" for n in range(8)]


@given(st.lists(st.sampled_from([*IDS, ""]), min_size=8, max_size=8))
def test_whatever_the_lines_say_everybody_is_there_once(bosses: list[str]) -> None:
    found = outline(list(zip(IDS, bosses, strict=True)))
    if any(boss and boss != id for id, boss in zip(IDS, bosses, strict=True)):
        assert sorted(id for id, _ in found) == IDS
        # Nobody stands deeper than one below the line above.
        depths = [0, *(depth for _, depth in found)]
        assert all(after <= before + 1 for before, after in pairwise(depths))
        assert found[0][1] == 0
    else:
        assert found == []


def test_no_reporting_lines_no_outline() -> None:
    assert lines([person("a"), person("b", reports_to="nobody-we-know")]) == []


def test_coverage_says_why_a_role_matters_and_who_plays_it() -> None:
    people = [person("a"), person("b")]
    covers = [
        {"role": "champion", "people": ("b",), "state": "known"},
        {"role": "user", "people": (), "state": "nobody"},
    ]
    assert coverage(people, covers) == [
        {
            "role": "champion",
            "wanted": "wants it and says so when we are not there",
            "state": "known",
            "names": ["B"],
        },
        {
            "role": "user",
            "wanted": "works with it every day, or does not",
            "state": "nobody",
            "names": [],
        },
    ]


def test_gaps_are_questions() -> None:
    people = [
        person("a", roles=["champion"], gone="left on 2026-09-25"),
        person("b", roles=["decision_maker"]),
        person("c", last_heard="2026-10-01", silent=True),
    ]
    assert list(gaps(people, ["user"], ["c"])) == [
        "Who is their user?",
        "Who took over from A, who left on 2026-09-25?",
        "B decides and has never talked with us: who introduces us?",
        "What became of C? Last heard on 2026-10-01.",
        "Only C talks with us: who else should?",
    ]
    assert list(gaps(people[1:2], [], None)) == [
        "B decides and has never talked with us: who introduces us?"
    ]


# --- Mermaid

LABEL = re.compile(r'(p[1-9][0-9]*|more)\["([^"\n]+)"\]')
LINK = re.compile(r"p[1-9][0-9]* --> p[1-9][0-9]*")
CLASS = re.compile(r"class p[1-9][0-9]* (for|against|open|unknown|silent|decides)")
ENTITY = re.compile(r"#([0-9]+);")


def parsed(graph: list[str]) -> list[str]:
    """The labels of a graph; AssertionError for any line that is not one of the few forms that we write.

    The rules are those of Mermaid's own flowchart grammar and of what it does to the text before: it replaces
    ``#…;``, drops comments and directives (``%%``), and takes a line with ``direction`` and a blank as an order.
    """
    labels = []
    for line in graph:
        if line in STYLES or LINK.fullmatch(line) or CLASS.fullmatch(line):
            continue
        node = LABEL.fullmatch(line)
        assert node, line
        inner = node[2].replace("<br/>", "")
        bare = ENTITY.sub("", inner)
        assert not set(bare) & set('"<>[](){}|`&\\%$;:~^*_@#\ufb02\r\n\u2028\u2029'), line
        assert not re.search(r"direction\s", inner, re.IGNORECASE), line
        labels.append(ENTITY.sub(lambda m: chr(int(m[1])), inner))
    return labels


NASTY = st.text(
    st.sampled_from('"[](){}|<>`#;&%$:~^*_@\\/-=. \n\t\r\x00\u2028\ufb02¶ßaxDirection0é日\u202e')
)
HOSTILE = [
    'x"]\nend --> p2\nclick p1 "javascript:alert(1)" %%{init: {}}%% <b>&lt;</b>',
    "direction LR",
    "Direction\tTB",
    "%%{init: {'securityLevel': 'loose'}}%%",
    "#quot;]",
    "style p1 fill:#f00;",
    "ﬂ°°34¶ß]",
    "`**b**`",
    "$$\\href{javascript:1}{x}$$",
    "```\n# out of the fence",
    "<!-- crmctl:end picture -->",
]


@given(st.one_of(NASTY, st.text(max_size=60), st.sampled_from(HOSTILE)), st.text(max_size=20))
@example("", "")
@example(" ", "x")
def test_any_name_adds_nothing_but_text_to_the_graph(name: str, title: str) -> None:
    people = [
        person("a", name=name, title=title, reports_to="b"),
        person("b", name=title, title=name),
    ]
    labels = parsed(mermaid(people))
    assert len(labels) == 2
    shown = one_line(name, 80) + one_line(title, 80)
    assert labels[0] == (shown.replace("\ufb02", "fl") or "?")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_reads_as_itself(name: str) -> None:
    [label] = parsed(mermaid([person("a", name=name)]))
    assert html.unescape(label) == html.unescape(one_line(name, 80).replace("ﬂ", "fl"))


def test_the_graph_shows_attitude_silence_and_who_decides() -> None:
    people = [
        person("a", stance="for", roles=["decision_maker"]),
        person("b", stance="against", reports_to="a", silent=True),
        person("c", gone="left on 2026-01-01"),
    ]
    graph = mermaid(people)
    assert graph[:7] == [
        'p1["A"]',
        'p2["B"]',
        "p1 --> p2",
        "class p1 for",
        "class p1 decides",
        "class p2 against",
        "class p2 silent",
    ]
    assert mermaid([people[2]]) == ["nobody[Nobody is recorded yet]"]


def test_a_crowd_is_cut_where_nobody_could_read_it() -> None:
    graph = mermaid([person(f"x{n}", reports_to="x0") for n in range(MOST_NODES + 30)])
    assert len(parsed(graph)) == MOST_NODES + 1
    assert 'more["and 30 more"]' in graph
    assert sum("-->" in line for line in graph) == MOST_NODES - 1
