"""From the outbox to people. A message is never lost: it stays in the outbox until a letter with it was sent.

It is sent twice only where nobody can say whether the first time arrived, and then says so itself.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from crmctl.model.errors import BusyError
from crmctl.workflow import digest, outbox
from crmctl.workflow.channels.base import Outcome, Parcel
from crmctl.workflow.delivery_plan import Due, Plan, Wait, Why
from crmctl.workflow.delivery_record import MAX_ATTEMPTS, Letter, pause
from crmctl.workspace import paths
from crmctl.workspace.lock import lock

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace


WAIT = 5.0  # seconds for another delivery, or another command, to end


@contextmanager
def alone(ws: Workspace) -> Iterator[None]:
    """One delivery at a time; commands that write files go on meanwhile. BusyError if another one runs."""
    with lock(ws.state_dir / outbox.FOLDER, command="deliver", wait=WAIT):
        yield


def parcel(ws: Workspace, found: Plan, due: Due) -> Parcel:
    """What a letter says now."""
    letter = due.letter
    messages = [found.messages[key] for key in letter.messages if key in found.messages]
    accounts = {message.account: _about(ws, message.account) for message in messages}
    sheet = digest.sheet(
        messages, accounts, day=letter.day, who=due.recipient.name if letter.to else ""
    )
    return Parcel(letter.key, letter.made, due.recipient, sheet, letter.since, repeat=letter.repeat)


def carry_out(
    ws: Workspace,
    found: Plan,
    clock: Callable[[], float],
    told: Callable[[Letter], None] = lambda _letter: None,
) -> list[Letter]:
    """Send what is due; the letters as they stand afterwards. ``told`` hears of each one at once.

    The caller holds `alone`, and made the plan under it. ``clock`` gives seconds since 1970.
    """
    letters = found.letters
    letters.sweep()
    down: dict[int, Outcome] = {}
    done = []
    for due in found.due:
        stopped = down.get(id(due.channel))
        if due.letter.key not in letters.known:
            letters.put(due.letter)
        if stopped is not None:
            why: Why = "unset" if stopped.state == "unset" else "time"
            if stopped.after:
                then = _after(ws, stopped.after)
                letters.put(replace(due.letter, at=ws.now.isoformat(), next=then))
            found.waits += [
                Wait(key, due.letter.to, due.letter.target, why, stopped.text)
                for key in due.letter.messages
            ]
            continue
        letter, outcome = _tried(ws, found, due, clock)
        if outcome.down:
            down[id(due.channel)] = outcome
        if outcome.state == "unset":
            found.waits += [
                Wait(key, letter.to, letter.target, "unset", outcome.text)
                for key in letter.messages
            ]
            continue
        done.append(letter)
        told(letter)
    return done


def _tried(
    ws: Workspace, found: Plan, due: Due, clock: Callable[[], float]
) -> tuple[Letter, Outcome]:
    """One attempt, on disk before and after."""
    letters, letter = found.letters, due.letter
    at = ws.now.isoformat()
    if letter.since:
        asked, words = due.channel.ask(parcel(ws, found, due))
        if asked == "there":
            letter = replace(letter, at=at).tried("sent", "had arrived at the first attempt")
            letters.put(letter)
            return letter, Outcome("sent", "had arrived")
        if asked == "later":
            later = _after(ws, pause(letter.attempts, None))
            letter = replace(letter, at=at).tried("waiting", words, since=letter.since, next=later)
            letters.put(letter)
            return letter, Outcome("later", words)
        surely_not = asked == "absent"
        letter = replace(letter, since=0.0) if surely_not else replace(letter, repeat=True)
    before = letter.since
    letter = replace(
        letter,
        state="sending",
        attempts=letter.attempts + 1,
        at=at,
        since=before or clock(),
        next="",
    )
    letters.put(letter)
    outcome = due.channel.send(parcel(ws, found, replace(due, letter=letter)))
    if outcome.state == "sent":
        letter = letter.tried("sent", outcome.text)
    elif outcome.state == "failed":
        letter = letter.tried("failed", outcome.text, since=before)
    elif outcome.state == "unset":
        letter = replace(letter, attempts=letter.attempts - 1)
        letter = letter.tried("waiting", outcome.text, since=before)
    else:
        since = letter.since if outcome.state == "unsure" else before
        if letter.attempts >= MAX_ATTEMPTS:
            words = f"given up after {letter.attempts} attempts: {outcome.text}"
            letter = letter.tried("failed", words, since=since)
        else:
            later = _after(ws, pause(letter.attempts, outcome.after))
            letter = letter.tried("waiting", outcome.text, since=since, next=later)
    letters.put(letter)
    return letter, outcome


def tidy(ws: Workspace, found: Plan) -> int:
    """Take what was sent long ago off the disk; how many messages that were. Their keys stay known."""
    before = (ws.now - dt.timedelta(days=ws.config.notifications.keep_days)).isoformat()
    known = found.letters.known
    by_message: dict[str, list[Letter]] = {}
    for letter in known.values():
        for key in letter.messages:
            by_message.setdefault(key, []).append(letter)
    waiting = {wait.message for wait in found.waits}
    gone = {
        key
        for key, held in by_message.items()
        if key not in waiting and all(one.state == "sent" and one.at < before for one in held)
    }
    if not gone:
        return 0
    try:
        with lock(ws.state_dir, command="deliver", wait=WAIT):
            outbox.retire(ws.state_dir, gone)
    except BusyError:
        return 0  # the next delivery does it
    found.letters.drop([one.key for one in known.values() if gone.issuperset(one.messages)])
    return len(gone)


def _about(ws: Workspace, account: str) -> digest.About:
    """The account as it is now; its folder's name alone when it has no readable profile."""
    from crmctl.workspace.store import Reader

    profile = Reader(ws.root, ws.ranking).record(paths.profile(account)) if account else None
    if profile is None:
        return digest.About(account or "No account")
    stage, renewal = profile.text("stage"), profile.date("renewal")
    facts = [
        stage.replace("_", " "),
        f"owner {profile.text('owner')}" if profile.get("owner") else "",
        f"renewal {renewal}" if renewal else "",
        f"ARR {profile.text('arr')} {profile.text('currency')}".strip()
        if profile.get("arr")
        else "",
    ]
    return digest.About(
        profile.text("name") or account,
        stage,
        renewal.isoformat() if renewal else "",
        " · ".join(fact for fact in facts if fact),
    )


def _after(ws: Workspace, seconds: float) -> str:
    return (ws.now + dt.timedelta(seconds=seconds)).isoformat(timespec="seconds")
