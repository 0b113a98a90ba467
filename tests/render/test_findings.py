"""Findings as compilers, programs and GitHub read them."""

from __future__ import annotations

from crmctl.model.errors import Problem
from crmctl.render import findings

WRONG = Problem("accounts/acme/profile.md", 5, "employees", "found 50%, or\nso: a, b", "value")


def test_a_line_leads_to_the_place() -> None:
    assert (
        findings.line(WRONG)
        == "accounts/acme/profile.md:5: employees: found 50%, or so: a, b [value]"
    )
    later = Problem("x.md", 0, "", "is late", "stale", "warning")
    assert findings.line(later) == "x.md: warning: is late [stale]"


def test_annotations_are_escaped() -> None:
    hostile = Problem("a,b:c.md", 0, "", "50%\r\n::error::x\x1b[31m", "value", "warning")
    said = findings.annotation(hostile, "customers/")
    assert said == (
        "::warning file=customers/a%2Cb%3Ac.md,line=1,title=a%2Cb%3Ac.md [value]::50%25 ::error::x\\x1b[31m"
    )
    assert findings.annotation(WRONG).startswith(
        "::error file=accounts/acme/profile.md,line=5,title=employees [value]::"
    )


def test_the_summary_counts() -> None:
    assert findings.summary([]) == "nothing found"
    assert findings.summary([WRONG]) == "1 error in 1 file"
    late = Problem("x.md", 0, "", "is late", "stale", "warning")
    assert findings.summary([WRONG, late, late]) == "1 error and 2 warnings in 2 files"
