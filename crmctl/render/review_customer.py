"""Reviews as the customer reads them, made of what `crmctl.render.audience` lets pass."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from crmctl.insight.evidence import Goal as Paced
from crmctl.insight.inputs.outcomes import pace
from crmctl.model.numbers import money
from crmctl.render.audience import (
    OURSELVES,
    Agreed,
    CustomerView,
    Goal,
    Meeting,
    Record,
    Ticket,
    Used,
    allowed,
)
from crmctl.render.review_earlier import agreed, earlier
from crmctl.render.review_goals import goals
from crmctl.render.review_ground import adoption
from crmctl.render.review_kinds import CUSTOMER
from crmctl.render.review_support import support

if TYPE_CHECKING:
    from crmctl.render.account import Seen
    from crmctl.render.quarter import Quarter
    from crmctl.render.review_earlier import Earlier
    from crmctl.workspace.workspace import Workspace


def customer_context(
    ws: Workspace, seen: Seen, kind: str, quarter: Quarter, today: dt.date
) -> dict[str, Any]:
    """What the templates of customer documents are given: a `CustomerView` as plain data, and nothing beside it."""
    return asdict(customer_view(ws, seen, kind, quarter, today))


def customer_view(
    ws: Workspace, seen: Seen, kind: str, quarter: Quarter, today: dt.date
) -> CustomerView:
    """An account as of ``today``, as its own people may see it."""
    profile = allowed("account", seen.account.profile.effective())
    owner = ws.config.member(seen.account.profile.text("owner"))
    before = earlier(ws, seen.account.slug, kind, quarter, CUSTOMER)
    tickets = [
        allowed("event", event.data)
        for event in seen.account.events
        if event.type == "ticket" and event.at is not None and _theirs(event.data)
    ]
    record = support(tickets, quarter, today, ws.config.reviews.tickets)
    gained = profile.get("value_realised")
    currency = profile.get("currency") or ws.config.currency
    return CustomerView(
        name=str(profile.get("name", "")),
        company=ws.config.company,
        ours=owner.name if owner else "",
        quarter=str(quarter),
        last_quarter=str(quarter.previous),
        next_quarter=str(quarter.next),
        until=today,
        as_of=ws.today,
        plan=str(profile.get("plan", "")),
        seats=profile.get("seats"),
        started=profile.get("started"),
        renewal=profile.get("renewal"),
        auto_renew=profile.get("auto_renew"),
        first_value=profile.get("first_value"),
        value="" if gained is None else money(gained, currency),
        goals=tuple(_goals(profile, before, today, seen.weights.health.measuring.goal_earliest)),
        usage=tuple(_usage(seen, quarter, today, ws.config.reviews.customer_measures)),
        support=_record(record["now"]),
        support_before=_record(record["before"]),
        support_ever=record["ever"],
        tickets=tuple(map(_ticket, record["tickets"])),
        tickets_more=record["more"],
        meetings=tuple(_meetings(seen, quarter, today)),
        before=str(before.quarter) if before else "",
        agreed=tuple(Agreed(**_without(row, "source")) for row in agreed(before)),
    )


def _goals(
    profile: Mapping[str, Any], before: Earlier | None, today: dt.date, earliest: float
) -> Iterator[Goal]:
    started = profile.get("started")
    rows = []
    for goal in profile.get("goals", ()):
        baseline, target, current = (_float(goal.get(n)) for n in ("baseline", "target", "current"))
        due = goal["due"].toordinal() if goal.get("due") else None
        paced = Paced(str(goal.get("name", "")), baseline, target, current, due)
        begun = started.toordinal() if started else None
        rows.append(goal | {"pace": pace(paced, begun, today.toordinal(), earliest)})
    for goal in goals(rows, before, today):
        yield Goal(
            name=str(goal.get("name") or ""),
            unit=str(goal.get("unit") or ""),
            baseline=goal.get("baseline"),
            target=goal.get("target"),
            current=goal.get("current"),
            due=goal.get("due"),
            measured_by=str(goal.get("source") or ""),
            outcome=goal["outcome"],
            agreed=goal["agreed"],
            written=goal["written"],
        )


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _usage(seen: Seen, quarter: Quarter, today: dt.date, shown: Sequence[str]) -> Iterator[Used]:
    for row in adoption(seen, quarter, today):
        if row["name"] in shown:
            yield Used(**_without(row, "name", "source", "before_source"))


def _record(numbers: Mapping[str, Any]) -> Record:
    return Record(**_without(numbers, "sources"))


def _ticket(ticket: Mapping[str, Any]) -> Ticket:
    answered, closed = ticket.get("first_response_at"), ticket.get("closed_at")
    return Ticket(
        number=str(ticket.get("number") or ""),
        subject=str(ticket.get("subject") or ""),
        opened=ticket["at"].date(),
        answered=answered.date() if answered else None,
        closed=closed.date() if closed else None,
        state=ticket["state"],
    )


def _meetings(seen: Seen, quarter: Quarter, today: dt.date) -> Iterator[Meeting]:
    """Meetings with people of theirs, the latest first.

    Calls, mails and notes stay inside: that somebody called us may be news to the others there.
    """
    for record in sorted(seen.account.interactions, key=lambda one: one.id, reverse=True):
        tags = {str(tag).casefold() for tag in record.items("tags")}
        talk = allowed("interaction", record.effective())
        if talk.get("type") != "meeting" or OURSELVES in tags or record.deleted:
            continue
        day = talk["at"].date()
        people = [
            allowed("contact", seen.account.contacts[id].effective())
            for id in talk.get("with", ())
            if id in seen.account.contacts and not seen.account.contacts[id].deleted
        ]
        if people and quarter.start <= day <= today:
            yield Meeting(day, tuple(_person(person) for person in people))


def _person(person: Mapping[str, Any]) -> str:
    title = f" ({person['title']})" if person.get("title") else ""
    return f"{person.get('name', '')}{title}"


def _theirs(ticket: Mapping[str, Any]) -> bool:
    """Whether a request came from them; one that we opened ourselves is spoken of inside."""
    return ticket.get("direction") != "out" and not ticket.get("deleted")


def _without(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
