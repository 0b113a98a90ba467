"""Texts of a workflow with values in them: ``{account} has a health of {health_score}``.

Only whole names stand between the braces; nothing is evaluated, and every value is cleaned and stays on one line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from crmctl.model.text import one_line
from crmctl.workflow.opening import shown
from crmctl.workflow.syntax import ExpressionError, Name
from crmctl.workflow.vocabulary import kind_of

if TYPE_CHECKING:
    from crmctl.workflow.occasion import Occasion

_NAME = re.compile(r"\{([^{}]*)\}")
# What an occasion itself is called in a text.
OCCASION = ("account", "slug", "why", "workflow", "contact", "assignee")


def _check(text: str) -> str:
    for name in _NAME.findall(text):
        if name in OCCASION:
            continue
        try:
            kind_of(Name(name, 1))
        except ExpressionError as error:
            message = str(error).partition(": ")[2]
            raise ValueError(f"{{{one_line(name, 40)}}}: {message}") from None
    return text


Wording = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_check)]
"""A text whose names in braces are known."""


def worded(text: str, occasion: Occasion) -> str:
    """A text with its values filled in; what nobody knows reads "not known"."""
    subject = occasion.subject
    known: Mapping[str, str] = {
        "account": occasion.company,
        "slug": occasion.account.slug,
        "why": occasion.episode.because,
        "workflow": occasion.name,
        "contact": one_line(subject.title, 80) if subject is not None else "",
        "assignee": occasion.assignee,
    }

    def value(found: re.Match[str]) -> str:
        name = found[1]
        return known[name] if name in known else shown(name, occasion.values.get(name))

    return _NAME.sub(value, text)
