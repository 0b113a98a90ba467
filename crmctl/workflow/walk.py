"""The way through a workflow's steps in one episode: what is done, what is reached, and where it waits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

from crmctl.workflow.steps import Branch, Do, Step, Wait
from crmctl.workspace.episodes import DONE, WAITING, Episode, Outcome

THEN, ELSE = "then", "else"


def walk(
    course: Sequence[Step], episode: Episode, values: Mapping[str, object], today: dt.date
) -> Iterator[Do]:
    """The actions to do now, in order; waits that are over and branches that are taken are recorded on the way.

    Nothing after a wait is reached before the wait is over. The caller records what came of each action.
    """
    for step in course:
        match step:
            case Do():
                if not episode.did(step.id):
                    yield step
            case Wait():
                if not _waited(step, episode, values, today):
                    return
            case Branch():
                way = _way(step, episode, values, today)
                if way is not None:
                    yield from walk(way, episode, values, today)
                    if not _passed(way, episode):
                        return


def _waited(step: Wait, episode: Episode, values: Mapping[str, object], today: dt.date) -> bool:
    if episode.did(step.id):
        return True
    begun = episode.actions.get(step.id)
    until = begun.until if begun and begun.until else today + dt.timedelta(days=step.days)
    if step.until is not None and step.until.holds(values, today) is True:
        episode.actions[step.id] = Outcome(DONE, f"{step.until.text} holds", until=until)
        return True
    if today >= until:
        episode.actions[step.id] = Outcome(DONE, f"waited until {until}", until=until)
        return True
    episode.actions[step.id] = Outcome(WAITING, f"until {until}", until=until)
    return False


def _way(
    step: Branch, episode: Episode, values: Mapping[str, object], today: dt.date
) -> tuple[Step, ...] | None:
    if not episode.did(step.id):
        truth = step.condition.holds(values, today)
        if truth is None:
            episode.actions[step.id] = Outcome(WAITING, f"{step.condition.text} is not known")
            return None
        episode.actions[step.id] = Outcome(DONE, THEN if truth else ELSE)
    return _taken(step, episode)


def _taken(step: Branch, episode: Episode) -> tuple[Step, ...]:
    return step.then if episode.actions[step.id].text == THEN else step.otherwise


def _passed(course: Sequence[Step], episode: Episode) -> bool:
    """Whether no wait holds up what comes after these steps."""
    return all(
        episode.did(step.id)
        if isinstance(step, Wait)
        else not isinstance(step, Branch)
        or not episode.did(step.id)
        or _passed(_taken(step, episode), episode)
        for step in course
    )


def reached(course: Sequence[Step], episode: Episode, today: dt.date) -> Iterator[Do]:
    """The actions that are reached as far as waits and branches are decided, done or not."""
    for step in course:
        if isinstance(step, Do):
            yield step
        elif isinstance(step, Wait):
            begun = episode.actions.get(step.id)
            if not episode.did(step.id) and (
                begun is None or begun.until is None or begun.until > today
            ):
                return
        elif episode.did(step.id):
            yield from reached(_taken(step, episode), episode, today)


def is_done(course: Sequence[Step], episode: Episode) -> bool:
    """Whether nothing is left to do, to wait for or to decide."""
    return all(
        episode.did(step.id)
        and (not isinstance(step, Branch) or is_done(_taken(step, episode), episode))
        for step in course
    )
