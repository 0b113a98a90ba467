"""The names an expression may use and what kind of value each is: expressions are checked before they run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from crmctl.model.schema import ACCOUNT, HEALTH_GATES
from crmctl.workflow import installed
from crmctl.workflow.expression import Expression
from crmctl.workflow.measured import SCORES
from crmctl.workflow.syntax import (
    FUNCTIONS,
    Call,
    Compare,
    Constant,
    ExpressionError,
    Inverse,
    Junction,
    Name,
    Node,
    Operand,
    Past,
    suggestion,
)
from crmctl.workspace.measures import NAME as MEASURE

OWN = "field."
USAGE = "usage."


@dataclass(frozen=True, slots=True)
class Term:
    """One name: ``kind`` is number, score (0 to 100), ratio, money, days, date, text, bool, list or any."""

    name: str
    kind: str
    doc: str
    choices: tuple[str, ...] = ()


# Of the health score.
HEALTH = (
    Term("health_score", "score", "health as `crmctl score` computes it, 0 to 100"),
    Term("health_status", "text", "the status of that health, such as at_risk"),
    Term("health_coverage", "ratio", "how much of the health score stands on evidence"),
    Term("last_interaction", "date", "when we last heard from them"),
    Term(
        "shut_gates", "list", "what overrules the score: " + ", ".join(HEALTH_GATES), HEALTH_GATES
    ),
)
# What the health score is made of; `weights.yaml` says how each is measured.
INPUTS = (
    Term("usage_growth", "ratio", "usage against the period before; 50% is half as much again"),
    Term("usage_baseline", "ratio", "usage against what is usual for them, a year before if known"),
    Term("weekly_share", "ratio", "active users who come each week"),
    Term("active_share", "ratio", "active users for each seat"),
    Term("breadth", "ratio", "features used, of those their plan has"),
    Term("usage_age", "days", "days since usage was last measured"),
    Term("open_tickets", "number", "support tickets that are open"),
    Term("ticket_rate", "number", "new support tickets a month"),
    Term("ticket_load", "number", "new support tickets a month for each hundred seats"),
    Term("hours_to_answer", "number", "hours after which half of the tickets had our first answer"),
    Term("severe_share", "ratio", "support tickets of high priority or escalated"),
    Term("days_to_close", "days", "days after which half of the tickets are closed"),
    Term("reopened_share", "ratio", "support tickets that had to be opened again"),
    Term("active_contacts", "number", "people who talked with us lately"),
    Term("roles_covered", "ratio", "buying roles that somebody there holds"),
    Term("champion", "number", "1 for a champion we hear from, 0.5 for a silent one, 0 for none"),
    Term(
        "executive",
        "number",
        "1 for an executive we hear from, 0.5 for one we only know, 0 for none",
    ),
    Term("days_since_contact", "days", "days since we last heard from them"),
    Term("reply_hours", "number", "hours within which half of their answers come"),
    Term("balance", "ratio", "messages of the quieter side for each of the other's"),
    Term("sentiment", "number", "mood of the conversations, from -1 to 1"),
    Term("goal_pace", "ratio", "progress towards their goals; 100% is on schedule"),
    Term("survey_mean", "number", "what they last answered to surveys, 0 to 10"),
    Term("days_to_value", "days", "days from the start to the first value"),
    Term("renewal_outlook", "ratio", "renewals and expansions that were won"),
    Term("value_ratio", "ratio", "what they gain in a year for what they pay; 100% is even"),
)
# Counted in the account's folder.
COUNTS = (
    Term("contacts", "number", "contacts who have not left"),
    Term("champions", "number", "contacts in the role champion who have not left"),
    Term("decision_makers", "number", "contacts in the role decision_maker who have not left"),
    Term("open_deals", "number", "deals that are open"),
    Term("open_tasks", "number", "tasks that are open"),
    Term("overdue_tasks", "number", "open tasks whose due date has passed"),
)
# Said in its conversations, and how often there are any, against what is usual for the account itself.
SAID = (
    Term("contact_rhythm", "number", "their silence, in usual gaps: 3 is three times as long"),
    Term("usual_gap", "days", "days that usually pass until we hear from them again"),
    Term("conversation_growth", "ratio", "conversations of 30 days against what is usual for them"),
    Term("competitors_named", "number", "competitors that they named lately"),
    Term("days_since_competitor", "days", "days since they last named a competitor"),
    Term("buying_said", "ratio", "the strongest sign in their words that they want to buy"),
    Term("expansion_said", "ratio", "the strongest sign in their words that they want more"),
    Term("risk_said", "ratio", "the strongest sign of a risk in their words"),
)
# Amounts in the account's currency.
MONEY = frozenset({"arr", "mrr", "annual_revenue", "value_realised"})
_FIELD_KINDS = {
    "int": "number",
    "decimal": "number",
    "date": "date",
    "datetime": "date",
    "bool": "bool",
}
_CONSTANT_FITS = {
    "number": {"number", "score", "ratio", "days", "money"},
    "percent": {"ratio"},
    "money": {"money"},
    "duration": {"days"},
    "date": {"date"},
    "word": {"text", "list"},
    "string": {"text", "list"},
}
_EXAMPLES = {
    "number": "a number such as 5",
    "score": "a number from 0 to 100",
    "ratio": "a percentage such as 50%",
    "money": "an amount such as 50000 or 50k EUR",
    "days": "a number of days such as 30d",
    "date": "a date such as 2026-03-31",
    "text": "a word or text in quotes",
    "bool": "true or false",
    "list": "a word or text in quotes",
}


@lru_cache(maxsize=1)
def terms() -> dict[str, Term]:
    """Every name by itself: computed values, then the fields of an account that are no maps.

    Beside them there are ``usage.<metric>``, the newest value of a usage measure, and ``field.<name>``,
    a field of the team's own in the profile.
    """
    found = {term.name: term for term in (*HEALTH, *INPUTS, *COUNTS, *SAID)}
    for field in ACCOUNT:
        if field.kind != "map":
            kind = "list" if field.many else _FIELD_KINDS.get(field.kind, "text")
            if field.name in MONEY:
                kind = "money"
            found[field.name] = Term(field.name, kind, field.doc, field.choices)
    return found


def check(expression: Expression) -> list[str]:
    """Warnings about an expression that is valid; `ExpressionError` for one that can never be meant."""
    warnings: list[str] = []
    _check(expression.root, warnings)
    return warnings


def _check(node: Node, warnings: list[str]) -> None:
    match node:
        case Junction():
            for part in node.parts:
                _check(part, warnings)
        case Inverse():
            _check(node.inner, warnings)
        case Compare():
            warnings += _compare(node)
        case _:
            _condition(node)


def _condition(node: Operand) -> None:
    """A value that stands alone must be true or false by itself."""
    if isinstance(node, Constant):
        raise ExpressionError(
            f"{node.text} alone is no condition; compare it with a field", node.column
        )
    kind = kind_of(node)
    if kind not in ("bool", "any"):
        name = node.function if isinstance(node, Call) else node.name
        raise ExpressionError(
            f"{name} alone is no condition; compare it with {_EXAMPLES[kind]}", node.column
        )


def _term(name: Name) -> Term:
    known = terms()
    for prefix, kind in ((USAGE, "number"), (OWN, "any")):
        if name.name.startswith(prefix) and name.name.count(".") == 1:
            return Term(name.name, kind, "")
    if name.name in known:
        return known[name.name]
    brought = installed.find(name.name)
    if brought is not None:
        return Term(brought.name, brought.kind, brought.doc)
    hint = suggestion(name.name, known)
    hint = (
        hint or f"; a field of your own is written {OWN}{name.name.split('.')[0]}, text in quotes"
    )
    raise ExpressionError(f"nothing is called {name.name}{hint}", name.column)


def kind_of(node: Operand) -> str:
    """What kind of value a name, a constant or a call stands for; `ExpressionError` for one that is not there."""
    if isinstance(node, Constant):
        return node.kind
    if isinstance(node, Name):
        return _term(node).kind
    if isinstance(node, Past):
        return _past(node)
    if node.function not in FUNCTIONS:
        hint = suggestion(node.function, FUNCTIONS) or f"; there are {', '.join(FUNCTIONS)}"
        raise ExpressionError(f"there is no function {node.function}{hint}", node.column)
    kind = _term(node.argument).kind
    wanted = {"days_since": "date", "days_until": "date", "count": "list"}.get(node.function)
    if wanted and kind not in (wanted, "any"):
        raise ExpressionError(
            f"{node.function} needs a {wanted}; {node.argument.name} is none", node.argument.column
        )
    return {"count": "number", "known": "bool"}.get(node.function, "days")


def _past(node: Past) -> str:
    """The kind of what is asked of a measure; a usage metric can have any name."""
    known = (*SCORES, f"{USAGE}active_users")
    if node.measure not in SCORES and not (
        MEASURE.match(node.measure) and node.measure.startswith(("health.", USAGE))
    ):
        hint = suggestion(node.measure, known) or f"; such as {', '.join(known)}"
        raise ExpressionError(f"there is no measure {node.measure}{hint}", node.column)
    if node.method == "growth":
        return "ratio"
    return "number" if node.measure.startswith(USAGE) else "score"


def _compare(node: Compare) -> list[str]:
    left, right = node.left, node.right
    if isinstance(left, Constant):
        if isinstance(right, Constant):
            raise ExpressionError("compares two constants; name a field", node.column)
        left, right = right, left
    kind = kind_of(left)
    if kind == "any":
        return []
    _check_operator(node, left, kind)
    if not isinstance(right, Constant):
        return _same(kind, right)
    if node.operator == "within":
        if right.kind not in ("duration", "number"):
            raise ExpressionError("within needs a duration such as 90d", right.column)
        return []
    if kind == "bool":
        if str(right.value).lower() not in ("true", "false"):
            raise ExpressionError(f"found {right.text}; allowed: true or false", right.column)
        return []
    if kind == "score" and right.kind == "percent":
        number = right.text.removesuffix("%")
        return [f"{_label(left)} runs from 0 to 100: {right.text} is {right.value}, write {number}"]
    if kind not in _CONSTANT_FITS[right.kind]:
        raise ExpressionError(
            f"{_label(left)} cannot be compared with {right.text}; write {_EXAMPLES[kind]}",
            right.column,
        )
    _check_choice(left, right)
    return _ratio_warning(left, kind, right)


def _check_operator(node: Compare, left: Operand, kind: str) -> None:
    allowed = {
        "text": ("==", "!=", "contains"),
        "bool": ("==", "!="),
        "list": ("contains",),
        "date": ("<", "<=", ">", ">=", "==", "!=", "within"),
    }.get(kind, ("<", "<=", ">", ">=", "==", "!="))
    if node.operator not in allowed:
        raise ExpressionError(
            f"{node.operator} does not suit {_label(left)}; allowed: {' '.join(allowed)}",
            node.column,
        )


def _same(kind: str, right: Name | Call | Past) -> list[str]:
    numbers = {"number", "score", "days", "money"}
    other = kind_of(right)
    if other not in (kind, "any") and not {kind, other} <= numbers:
        raise ExpressionError(f"{_label(right)} is another kind of value", right.column)
    return []


def _check_choice(left: Operand, right: Constant) -> None:
    choices = _term(left).choices if isinstance(left, Name) else ()
    word = str(right.value)
    if choices and word.casefold() not in choices:
        hint = suggestion(word, choices) or f"; allowed: {', '.join(choices)}"
        raise ExpressionError(f"{_label(left)} is never {word}{hint}", right.column)


def _ratio_warning(left: Operand, kind: str, right: Constant) -> list[str]:
    if kind != "ratio" or right.kind != "number" or abs(float(str(right.value))) < 2:
        return []
    percent = f"{float(str(right.value)) * 100:,.0f}%"
    return [
        f"{_label(left)} is a ratio, so {right.text} means {percent}; did you mean {right.text}%?"
    ]


def _label(node: Operand) -> str:
    match node:
        case Name() | Past():
            return node.name
        case Call():
            return f"{node.function}({node.argument.name})"
    return node.text
