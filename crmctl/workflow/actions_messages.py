"""Actions that tell colleagues. Messages go into the outbox; who can be told is the team of ``crmctl.yaml``."""

from __future__ import annotations

from collections.abc import Sequence

from crmctl.model.text import one_line
from crmctl.workflow.occasion import Done, Occasion, due, message, task


def notify_account_manager(occasion: Occasion) -> Done:
    """A message to the account's owner, or whoever gets the workflow's work."""
    return _told(occasion, [occasion.owner or occasion.assignee], subject_line(occasion))


def notify_account_team(occasion: Occasion) -> Done:
    """A message to everybody who owns the account, one of its open deals or one of its open tasks."""
    account = occasion.account
    open_deals = [d for d in account.deals.values() if d.text("status") in ("", "open")]
    open_tasks = [t for t in account.tasks.values() if t.text("status") == "open"]
    team = [occasion.member_id(record.text("owner")) for record in (*open_deals, *open_tasks)]
    return _told(
        occasion,
        [occasion.owner, *sorted(team)] if any(team) else [occasion.assignee],
        subject_line(occasion),
    )


def escalate_to_manager(occasion: Occasion) -> Done:
    """A message and a task for the manager of the account's owner; without one, for the default owner."""
    config = occasion.ws.config
    owner = config.member(occasion.owner) if occasion.owner else None
    manager = occasion.member_id((owner.manager if owner else "") or config.default_owner)
    steps = [
        "Read the intervention plan and the health page",
        "Agree with the owner what you take over: a call to their executive, a decision of ours, nothing",
        "Write down what was decided and by when",
    ]
    title = f"Escalation: {occasion.company}"
    work = task(
        occasion,
        title,
        days=1,
        steps=steps,
        priority="high",
        owner=manager or occasion.assignee,
    )
    note = message(
        occasion, [manager], f"Escalation: {subject_line(occasion)}", notice_lines(occasion)
    )
    return Done(f"message to {_names(note.to)}, {due(work)}", work.path, (work,), (note,))


def _told(occasion: Occasion, to: Sequence[str], subject: str) -> Done:
    note = message(occasion, to, subject, notice_lines(occasion))
    return Done(f"message to {_names(note.to)}", messages=(note,))


def _names(to: Sequence[str]) -> str:
    return ", ".join(to) or "nobody: the account has no owner"


def subject_line(occasion: Occasion) -> str:
    """Whom it is about, and why."""
    return f"{occasion.company}: {occasion.episode.because}"


def notice_lines(occasion: Occasion) -> list[str]:
    """What happened, what is laid out, where to look: each a line that stays one line."""
    profile = occasion.account.profile
    about = [
        profile.text("stage").replace("_", " "),
        f"owner {occasion.owner}" if occasion.owner else "no owner",
        f"renewal {profile.text('renewal')}" if profile.get("renewal") else "",
        f"ARR {profile.text('arr')} {profile.text('currency')}".strip()
        if profile.get("arr")
        else "",
    ]
    lines = [
        f"{occasion.company} ({profile.path})",
        " · ".join(one_line(item, 60) for item in about if item),
        "",
        f"Why: {occasion.episode.because}",
    ]
    if occasion.episode.evidence:
        lines += ["Evidence:", *(f"- {fact}" for fact in occasion.episode.evidence)]
    if occasion.workflow.description:
        lines.append(f"What this is for: {occasion.workflow.description}")
    others = [id for id in occasion.workflow.action_ids if id != occasion.action]
    if others:
        lines += ["", "Laid out with it:"]
        for other in others:
            outcome = occasion.episode.actions.get(other)
            place = f": {outcome.text} {outcome.path}".rstrip() if outcome else ""
            lines.append(f"- {other.replace('_', ' ')}{place}")
    slug = occasion.account.slug
    return [*lines, "", f"Look: crmctl show {slug}, crmctl score {slug} --explain"]
