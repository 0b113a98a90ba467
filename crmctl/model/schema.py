"""The fields of every record. This table is the one place where a field is named, described and typed."""

from __future__ import annotations

from crmctl.model.fields import Field
from crmctl.model.lifecycle import ALL_STEPS, STAGES

ROLES = ("decision_maker", "influencer", "champion", "user", "blocker")
SENIORITY = ("c_level", "vp", "director", "manager", "individual")
SENTIMENT = ("positive", "neutral", "negative")
INTERACTION_TYPES = ("call", "meeting", "email", "chat", "note")
EVENT_TYPES = (*INTERACTION_TYPES, "ticket", "survey")
DEAL_STATUS = ("open", "won", "lost")
TASK_STATUS = ("open", "done", "cancelled")
HEALTH_GATES = ("champion_left", "notice_given", "payment_overdue")
CONSENT_STATUS = ("granted", "withdrawn", "objected", "restricted", "expired")


def _text(name: str, doc: str, *, many: bool = False, required: bool = False) -> Field:
    return Field(name, "text", doc, many=many, required=required)


_ALIASES = _text(
    "aliases",
    "other ids that mean this record: system:id, or path: for a folder or file merged into it",
    many=True,
)
_TAGS = _text("tags", "the team's own words for it", many=True)
_OWNER = _text("owner", "who on our side answers for it")
_NEXT = (_text("next_step", "what happens next"), Field("next_step_due", "date", "by when"))

ACCOUNT = (
    _text(
        "name",
        "the company's name; free to change, the folder's name is the identity",
        required=True,
    ),
    Field("domains", "domain", "mail and web domains, the main one first", many=True),
    Field("website", "url", "the public site"),
    _text("description", "what the company does"),
    Field("stage", "choice", "lifecycle stage", required=True, choices=STAGES),
    Field("step", "choice", "step within the stage", choices=ALL_STEPS),
    Field("stage_since", "date", "when it entered the stage"),
    Field(
        "stage_history",
        "map",
        "earlier moves, oldest first",
        many=True,
        columns=(
            Field("stage", "choice", "the stage", required=True, choices=STAGES),
            Field("step", "choice", "the step", choices=ALL_STEPS),
            Field("at", "date", "when it was entered", required=True),
            _text("reason", "why"),
        ),
    ),
    _OWNER,
    _text("segment", "market segment, such as enterprise or smb"),
    _text("industry", "industry"),
    _text("account_type", "what kind of relation it is, in the CRM's words"),
    _text("lead_source", "where it came from"),
    Field("employees", "int", "number of employees", low=0),
    Field("annual_revenue", "decimal", "yearly revenue of the company, in `currency`"),
    Field("currency", "currency", "currency of all amounts in this file"),
    _text("phone", "switchboard"),
    _text("street", "street address"),
    _text("city", "city"),
    _text("state", "state or region"),
    _text("postcode", "postal code"),
    _text("country", "country"),
    _text("timezone", "time zone, such as Europe/Berlin"),
    Field("parent", "id", "folder of the parent company"),
    _text("technologies", "technology stack", many=True),
    _text("competitors", "vendors they use or consider instead of us", many=True),
    _text("business_intelligence", "initiatives, priorities and news worth knowing", many=True),
    Field("icp_fit", "int", "fit with the ideal customer profile", low=0, high=100),
    _text("icp_tier", "tier of that fit"),
    _text("plan", "subscription plan"),
    Field("seats", "int", "seats paid for", low=0),
    Field("mrr", "decimal", "monthly recurring revenue, in `currency`"),
    Field("arr", "decimal", "annual recurring revenue, in `currency`"),
    Field("started", "date", "start of the subscription"),
    Field("renewal", "date", "next renewal"),
    Field("auto_renew", "bool", "whether it renews by itself"),
    Field("notice_given", "date", "when the customer gave notice"),
    Field("payment_overdue_since", "date", "since when an invoice is overdue"),
    Field("first_value", "date", "when the customer first got the value it bought"),
    Field(
        "value_realised",
        "decimal",
        "what they gain from us in a year, by their own count, in `currency`",
    ),
    Field(
        "goals",
        "map",
        "what the customer wants to reach with us",
        many=True,
        columns=(
            _text("name", "the goal in the customer's words", required=True),
            _text("unit", "unit of the numbers"),
            Field("baseline", "decimal", "value at the start"),
            Field("target", "decimal", "value to reach"),
            Field("current", "decimal", "value now"),
            Field("due", "date", "by when"),
            _text("source", "who measured it"),
        ),
    ),
    Field(
        "health_override",
        "map",
        "a health score set by hand, which stands beside the computed one; the last that holds counts",
        many=True,
        columns=(
            Field("score", "int", "the score, 0 to 100", required=True, low=0, high=100),
            _text("reason", "why", required=True),
            _text("by", "who set it", required=True),
            Field("at", "date", "since when it holds", required=True),
            Field(
                "expires", "date", "the first day on which it has no effect any more", required=True
            ),
            Field(
                "despite",
                "choice",
                "gates whose cap it may lift the score above",
                many=True,
                choices=HEALTH_GATES,
            ),
        ),
    ),
    *_NEXT,
    _TAGS,
    _ALIASES,
)

CONTACT = (
    _text("name", "full name", required=True),
    _text("title", "job title"),
    _text("department", "department"),
    Field("roles", "choice", "part played in buying and using", many=True, choices=ROLES),
    Field("seniority", "choice", "level", choices=SENIORITY),
    Field("reports_to", "id", "the contact this person reports to"),
    Field("influence", "int", "say in a decision, 0 none to 3 decisive", low=0, high=3),
    Field("sentiment", "choice", "attitude towards us", choices=SENTIMENT),
    Field("email", "email", "main address"),
    Field("emails", "email", "further addresses", many=True),
    _text("phone", "office phone"),
    _text("mobile", "mobile phone"),
    Field("linkedin", "url", "public profile"),
    _text("city", "city"),
    _text("country", "country"),
    _text("timezone", "time zone"),
    _text("lead_source", "where the contact came from"),
    _OWNER,
    Field("no_email", "bool", "has opted out of e-mail"),
    Field(
        "consent",
        "map",
        "what this person allowed, and how we know",
        many=True,
        columns=(
            _text("purpose", "what for, one word", required=True),
            Field("status", "choice", "state", required=True, choices=CONSENT_STATUS),
            Field("at", "date", "since when", required=True),
            _text("basis", "lawful basis"),
            _text("source", "form, mail or call that shows it"),
            Field("expires", "date", "until when"),
        ),
    ),
    Field("left", "date", "when the person left the company"),
    _TAGS,
    _ALIASES,
)

DEAL = (
    _text("name", "what is being sold", required=True),
    _text("stage", "stage in the sales process", required=True),
    Field("status", "choice", "open, won or lost", choices=DEAL_STATUS),
    Field("amount", "decimal", "value, in `currency`"),
    Field("currency", "currency", "currency of the amount"),
    Field("probability", "int", "chance of winning, in percent", low=0, high=100),
    Field("close", "date", "expected, then actual, closing date"),
    Field("opened", "date", "when it was opened"),
    _text("type", "new business, renewal, expansion ..."),
    _OWNER,
    Field(
        "people",
        "map",
        "who takes part in the decision",
        many=True,
        columns=(
            Field("person", "id", "the contact", required=True),
            _text("role", "part in this deal"),
            Field("primary", "bool", "the main contact"),
        ),
    ),
    _text("competitors", "who else is considered", many=True),
    *_NEXT,
    _text("forecast", "forecast category"),
    _text("lead_source", "where it came from"),
    _text("description", "what it is about"),
    _text("lost_reason", "why it was lost"),
    Field(
        "stage_history",
        "map",
        "stages passed, oldest first",
        many=True,
        columns=(
            _text("stage", "the stage", required=True),
            Field("at", "date", "when it was entered", required=True),
        ),
    ),
    Field(
        "qualification",
        "map",
        "what is known of budget, authority, need, timeline and the like",
        many=True,
        columns=(
            _text("component", "such as budget or champion", required=True),
            Field("level", "int", "0 unknown to 3 proven", required=True, low=0, high=3),
            _text("evidence", "who said or showed it, and when"),
            _text("source", "file in the account's folder that shows it, and its line: file:line"),
            _text("quote", "the words in it that show it"),
            Field("person", "id", "the contact who said it"),
            Field("at", "date", "when, where the source has no date of its own"),
        ),
    ),
    _TAGS,
    _ALIASES,
)

INTERACTION = (
    Field("type", "choice", "what it was", required=True, choices=INTERACTION_TYPES),
    Field("at", "datetime", "when, in UTC", required=True),
    _text("subject", "what it was about"),
    Field("with", "id", "contacts who took part", many=True),
    _text("by", "who took part on our side"),
    Field("direction", "choice", "who began it", choices=("in", "out")),
    Field("minutes", "int", "length in minutes", low=0),
    Field("sentiment", "choice", "how it felt", choices=SENTIMENT),
    _text("outcome", "what came of it"),
    *_NEXT,
    Field("deal", "id", "the deal it was about"),
    _TAGS,
    _ALIASES,
)

TASK = (
    _text("title", "what is to be done", required=True),
    _OWNER,
    Field("due", "date", "by when"),
    Field("status", "choice", "state", required=True, choices=TASK_STATUS),
    Field("priority", "choice", "urgency", choices=("high", "normal", "low")),
    Field("done", "date", "when it was finished"),
    Field("deal", "id", "the deal it belongs to"),
    Field("with", "id", "contacts it concerns", many=True),
    _text("step", "lifecycle step or playbook step it belongs to"),
    _text("workflow", "workflow that made it"),
    _text("episode", "the occasion the workflow made it for"),
    _text("reason", "why it exists"),
    _TAGS,
    _ALIASES,
)

EVENT = (
    _text("id", "system:id", required=True),
    Field("at", "datetime", "when, in UTC"),
    Field("type", "choice", "what it was", required=True, choices=EVENT_TYPES),
    Field("direction", "choice", "who began it", choices=("in", "out")),
    Field("with", "id", "contacts who took part", many=True),
    _text("by", "who took part on our side"),
    _text("number", "number of a ticket, as people quote it"),
    _text("subject", "subject line"),
    _text("text", "new text, as far as the team keeps it"),
    _text("status", "state of a ticket, in the system's words"),
    Field("open", "bool", "whether a ticket is still open"),
    _text("priority", "priority of a ticket"),
    Field("escalated", "bool", "whether a ticket was escalated"),
    _text("reason", "reason of a ticket"),
    Field("first_response_at", "datetime", "first answer of ours"),
    Field("closed_at", "datetime", "when a ticket was closed"),
    Field("reopened", "int", "how often a ticket was opened again", low=0),
    Field("score", "int", "answer to a survey, 0 to 10", low=0, high=10),
    Field("deleted", "bool", "deleted in the system"),
    _text("aliases", "other ids of the same event", many=True),
)

KINDS: dict[str, tuple[Field, ...]] = {
    "account": ACCOUNT,
    "contact": CONTACT,
    "deal": DEAL,
    "interaction": INTERACTION,
    "task": TASK,
}
FIELDS: dict[str, dict[str, Field]] = {
    kind: {field.name: field for field in fields}
    for kind, fields in {**KINDS, "event": EVENT}.items()
}
# What a system's block may hold beside the record's own fields.
BLOCK = {
    field.name: field
    for field in (
        _text("id", "the record's id in that system"),
        Field("deleted", "bool", "the system says it was deleted"),
        _text("modified", "the system's own stamp of its last change"),
        _text("merged_into", "the id of the record that the system merged it into"),
        _text(
            "digest", "of the prose the system gave, so that a person's edit of it is seen and kept"
        ),
    )
}
PERSONAL = frozenset({"email", "emails", "phone", "mobile", "linkedin"})


def document_schema(kind: str) -> dict[str, object]:
    """JSON Schema of one record kind's front matter; unknown keys are allowed, they are the team's own."""
    fields = KINDS[kind]
    properties = {field.name: field.json_schema() for field in fields}
    block = {field.name: field.json_schema() for field in (*BLOCK.values(), *fields)}
    properties["sources"] = {
        "description": "what each system states; one block a system, written by crmctl only",
        "type": ["object", "null"],
        "additionalProperties": {"type": "object", "properties": block},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"crmctl {kind}",
        "type": "object",
        "properties": properties,
    }
