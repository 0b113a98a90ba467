"""Actions that lay out one piece of work for a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from crmctl.model.text import one_line
from crmctl.privacy.consent import may
from crmctl.workflow.occasion import Done, Occasion, due, task

if TYPE_CHECKING:
    from crmctl.model.record import Record
    from crmctl.workspace.changes import FileChange

SOUGHT = {
    "decision_maker": "a decision maker",
    "influencer": "an influencer",
    "champion": "a champion",
    "user": "a user",
}
CALLED_FIRST = ("champion", "decision_maker", "influencer", "user")
MAX_CALLED = 3


def schedule_outreach(occasion: Occasion) -> Done:
    """A task to reach the contact who appeared (for a state trigger: the account), due in two days."""
    contact = occasion.subject
    steps = [
        "Say why now: what changed at the company, and what it means for this person",
        "Ask for one thing: half an hour to learn what they are trying to do",
        f"Log every touch: crmctl log {occasion.account.slug} …",
    ]
    if contact is None:
        title, people = f"Reach out to {occasion.company}", []
    else:
        title, people = (
            f"Reach out to {one_line(contact.title, 80)} at {occasion.company}",
            [contact.id],
        )
        consent = may(contact, "outreach", occasion.today)
        if not consent.allowed:
            steps.insert(0, f"Before you write: {consent.reason}")
    return _laid_out(
        task(occasion, title, days=2, steps=steps, contacts=people, step="initial_outreach")
    )


def schedule_check_in_call(occasion: Occasion) -> Done:
    """A task of high priority to call those who know the account best, due in two days."""
    steps = [
        "Before: read the health page and the latest conversations; know the numbers",
        "Ask what has changed for them, and listen before you explain",
        "Agree on one next step with a date, and who does it",
        f"After: crmctl log {occasion.account.slug} --type call …",
    ]
    people = [contact.id for contact in _to_call(occasion.account.contacts.values())]
    title = f"Check-in call with {occasion.company}"
    return _laid_out(task(occasion, title, days=2, steps=steps, contacts=people, priority="high"))


def research_decision_makers(occasion: Occasion) -> Done:
    """A task that names the buying roles without anybody in them; nothing where every role is known."""
    held = {
        role
        for contact in _present(occasion.account.contacts.values())
        for role in contact.items("roles")
    }
    missing = [role for role in SOUGHT if role not in held]
    if not missing:
        return Done("every buying role is known, so no task")
    names = _listed([SOUGHT[role] for role in missing])
    steps = [f"Who is {SOUGHT[role]}? Name, title, what they care about" for role in missing]
    steps.append(f"One file each: crmctl contact add {occasion.account.slug} …, with the role")
    return _laid_out(task(occasion, f"Find {names} at {occasion.company}", days=5, steps=steps))


def _present(contacts: Iterable[Record]) -> list[Record]:
    return [c for c in contacts if c.get("left") is None and not c.deleted]


def _to_call(contacts: Iterable[Record]) -> list[Record]:
    def rank(contact: Record) -> tuple[int, str]:
        roles = contact.items("roles")
        return next(
            (i for i, role in enumerate(CALLED_FIRST) if role in roles), len(CALLED_FIRST)
        ), contact.id

    return sorted(_present(contacts), key=rank)[:MAX_CALLED]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _laid_out(work: FileChange) -> Done:
    return Done(due(work), work.path, (work,))
