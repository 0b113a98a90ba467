"""What came of tests of workflows, for programs: as plain data, and in the form of JUnit that CI systems read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from crmctl.model import text

if TYPE_CHECKING:
    from crmctl.workflow.testing_run import Outcome

LONGEST = 20_000  # characters of what is wrong with one test


def as_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """All outcomes and how many there are of each."""
    failed = sum(not outcome.passed for outcome in outcomes)
    return {
        "passed": len(outcomes) - failed,
        "failed": failed,
        "tests": [
            {
                "file": outcome.file,
                "line": outcome.line,
                "name": outcome.name,
                "passed": outcome.passed,
                "error": outcome.error,
                "misses": [
                    {
                        "on": miss.days,
                        "line": miss.line,
                        "missing": miss.missing,
                        "extra": miss.extra,
                    }
                    for miss in outcome.misses
                ],
            }
            for outcome in outcomes
        ],
    }


def junit(outcomes: Sequence[Outcome]) -> bytes:
    """The outcomes as JUnit's XML, a test suite for each file."""
    root = ET.Element("testsuites")
    for file in dict.fromkeys(outcome.file for outcome in outcomes):
        mine = [outcome for outcome in outcomes if outcome.file == file]
        failed = sum(not outcome.passed for outcome in mine)
        counts = {"tests": str(len(mine)), "failures": str(failed)}
        suite = ET.SubElement(root, "testsuite", {"name": _clean(file), **counts})
        for outcome in mine:
            named = {"classname": _clean(file), "name": _clean(outcome.name)}
            case = ET.SubElement(suite, "testcase", named | {"line": str(outcome.line)})
            if not outcome.passed:
                said = _clean("\n".join(outcome.lines()))
                ET.SubElement(case, "failure", {"message": said.partition("\n")[0]}).text = said
    ET.indent(root)
    found: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return found + b"\n"


def _clean(said: str) -> str:
    return text.terminal(said, LONGEST)
