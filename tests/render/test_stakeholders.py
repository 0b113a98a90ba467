from __future__ import annotations

from typing import Any

from crmctl.render.stakeholders import coverage, gaps, lines, mermaid


def person(id: str, **values: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "id": id,
        "name": id.title(),
        "title": "",
        "roles": [],
        "sentiment": "",
        "reports_to": "",
        "left": None,
        "last_heard": None,
    }
    return known | values


def outline(people: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(line["depth"], line["name"]) for line in lines(people)]


def test_the_outline_puts_reports_below_their_boss() -> None:
    people = [person("c", reports_to="b"), person("b", reports_to="a"), person("a"), person("d")]
    assert outline(people) == [(0, "A"), (1, "B"), (2, "C"), (0, "D")]


def test_a_circle_of_bosses_leaves_nobody_out() -> None:
    people = [person("a", reports_to="b"), person("b", reports_to="a"), person("c", reports_to="c")]
    assert sorted(name for _, name in outline(people)) == ["A", "B", "C"]


def test_no_reporting_lines_no_outline() -> None:
    assert lines([person("a"), person("b", reports_to="nobody-we-know")]) == []


def test_those_who_left_hold_no_role() -> None:
    people = [person("a", roles=["champion"], left="2026-09-25"), person("b", roles=["champion"])]
    assert coverage(people, ["champion", "user"]) == [
        {
            "role": "champion",
            "wanted": "wants it and says so when we are not there",
            "names": ["B"],
        },
        {"role": "user", "wanted": "works with it every day, or does not", "names": []},
    ]


def test_gaps_are_questions() -> None:
    people = [
        person("a", roles=["champion"], left="2026-09-25"),
        person("b", roles=["decision_maker"]),
        person("c", last_heard="2026-10-01"),
    ]
    found = {"people": people, "missing": ["user"], "silent": [], "threads": ["c"]}
    assert list(gaps(found)) == [
        "Who is their user?",
        "Who took over from A, who left on 2026-09-25?",
        "B decides and has never talked with us: who introduces us?",
        "Only C talks with us: who else should?",
    ]


def test_a_name_adds_nothing_but_text_to_the_graph() -> None:
    hostile = 'x"]\nend --> p2\nclick p1 "javascript:alert(1)" %%{init: {}}%% <b>&lt;</b>'
    graph = mermaid([person("a", name=hostile)], [])
    node = graph[0]
    assert node.startswith('p1["')
    assert node.endswith('"]')
    assert not set(node.removeprefix('p1["').removesuffix('"]')) & set('"<>[](){}`\\\n')
    assert not any(line.startswith(("end", "click")) for line in graph)


def test_the_graph_shows_attitude_silence_and_who_decides() -> None:
    people = [
        person("a", sentiment="positive", roles=["decision_maker"]),
        person("b", sentiment="negative", reports_to="a"),
        person("c", left="2026-01-01"),
    ]
    graph = mermaid(people, ["b"])
    assert graph[:7] == [
        'p1["A"]',
        'p2["B"]',
        "p1 --> p2",
        "class p1 for",
        "class p1 decides",
        "class p2 against",
        "class p2 silent",
    ]
    assert mermaid([people[2]], []) == ["nobody[Nobody is recorded yet]"]
