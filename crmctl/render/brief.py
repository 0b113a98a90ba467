"""One page before a call: whom we meet, what changed, who owes what, what to ask and what to say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from crmctl.insight.evidence import TALK
from crmctl.insight.insights import insights
from crmctl.model.text import one_line
from crmctl.render.account import Seen, merged, read
from crmctl.workspace import paths, templates
from crmctl.workspace.document import split

if TYPE_CHECKING:
    from crmctl.insight.insights import Insight
    from crmctl.render.sections import Conflict
    from crmctl.workspace.changes import ChangeSet
    from crmctl.workspace.document_settings import Documents
    from crmctl.workspace.workspace import Workspace

Row = dict[str, Any]
TEMPLATE: Final = "brief"
COLUMNS: Final = 105
"""How many characters a line of the sheet holds, with the widest of the usual letters."""
_SPOKEN = frozenset({"call", "meeting"})
_FIRST = ("decision_maker", "champion", "influencer", "blocker", "user")
_THEIRS = ('"they:', '"they ', '"them:', '"their')
_SIDE = re.compile(r'^"(?:We|They|Us|Them):\s*')
_ROLE = "Who is their "
_WORKS = ("Goal ", "Usage grew")
_LONGEST = 150  # characters of one line of a list
_POINTS = 3
_STANDING = 3
# What is cut first where a sheet would not hold all; nothing is cut below one line.
_CUT = ("questions", "changed", "goals", "theirs", "risks", "ours", "people")


def plan_brief(ws: Workspace, slug: str) -> tuple[ChangeSet, str, list[Conflict]]:
    """Plan to keep the brief of today in ``plans/<day>-brief.md``; what people noted there stays."""
    path = paths.plan(slug, f"{ws.today}-{TEMPLATE}")
    return merged(ws, path, written(ws, context(ws, slug)), "brief")


def written(ws: Workspace, found: Row) -> str:
    """The document of a `context`."""
    return templates.render(ws.root, TEMPLATE, found)


def context(ws: Workspace, slug: str) -> Row:
    """Plain data for ``templates/brief.md.j2``, no more than fits one sheet; reads this account alone.

    DamagedFile when the profile cannot be read.
    """
    seen = read(ws, slug)
    found = _Brief(ws, seen).told()
    most = ws.config.documents.brief_lines
    while _lines(written(ws, found)) > most and (name := _longest(found)):
        found[name] = found[name][:-1]
        found["left_out"] += 1
    return found


def shown(document: str) -> str:
    """A brief as it is read: without front matter, the markers of its section and the room for notes."""
    body = split(document.encode(), "brief")[1]
    told = body.partition("<!-- crmctl:end brief")[0]
    return "".join(
        line for line in told.splitlines(keepends=True) if not line.startswith("<!-- crmctl:")
    )


def _lines(document: str) -> int:
    """How many lines a brief takes on paper."""
    return sum(-(-max(1, len(line)) // COLUMNS) for line in shown(document).splitlines() if line)


def _longest(found: Row) -> str:
    """The list to cut next, empty if each holds one line at most."""
    most = max(len(found[name]) for name in _CUT)
    return next((name for name in _CUT if most > 1 and len(found[name]) == most), "")


class _Brief:
    def __init__(self, ws: Workspace, seen: Seen) -> None:
        self.ws, self.seen = ws, seen
        self.today, self.now = ws.today, ws.now
        self.how: Documents = ws.config.documents
        self.view = seen.picture(self.today)
        self.told_of: list[Insight] = insights(seen.account, self.view, seen.measures, seen.weights)
        self.people: dict[str, Row] = {p["id"]: p for p in self.view["relationships"]["people"]}

    def told(self) -> Row:
        last, next_ = self._last(), self._next()
        rows = {
            "people": list(self._people(next_)),
            "standing": self._of("standing", _STANDING),
            "changed": list(self._changed(last))[: self.how.brief_changes],
            "ours": self._promises(theirs=False),
            "theirs": self._promises(theirs=True),
            "goals": list(self._goals()),
            "risks": self._of("risks", self.how.brief_risks),
            "questions": list(self._questions()),
        }
        return {
            "account": self.seen.account.slug,
            "name": self.view["name"],
            "day": self.today,
            "next": None if next_ is None else self._talk(next_),
            "last": None if last is None else self._talk(last),
            **rows,
            "points": list(self._points(rows, spoken=last is not None)),
            "left_out": 0,
        }

    def _where(self, talk: Mapping[str, Any]) -> str:
        line = f":{talk['line']}" if talk.get("line") else ""
        return self.seen.near(f"{talk['path']}{line}")

    def _near(self, insight: Insight) -> list[str]:
        places = (self.seen.near(self.seen.lines.cite(c.source)) for c in insight.citations)
        return list(dict.fromkeys(places))[:2]

    def _row(self, insight: Insight) -> Row:
        return {
            "text": one_line(insight.text, _LONGEST),
            "advice": one_line(insight.advice, _LONGEST),
            "sources": self._near(insight),
        }

    def _of(self, group: str, most: int) -> list[Row]:
        return [self._row(i) for i in self.told_of if i.group == group][:most]

    # --- whom we meet

    def _next(self) -> Row | None:
        """The next call or meeting that is written down."""
        ahead = [t for t in self.view["conversations"] if t["at"] > self.now]
        spoken = [talk for talk in ahead if talk.get("type") in _SPOKEN]
        return min(spoken, key=lambda talk: (talk["at"], str(talk["id"])), default=None)

    def _last(self) -> Row | None:
        """When we last spoke; failing that, when anybody last wrote."""
        past = [t for t in self.view["conversations"] if t["at"] <= self.now]
        spoken = (t for kinds in (_SPOKEN, TALK) for t in past if t.get("type") in kinds)
        return next(spoken, None)

    def _talk(self, talk: Mapping[str, Any]) -> Row:
        return {
            "at": talk["at"],
            "type": str(talk.get("type") or ""),
            "subject": one_line(str(talk.get("subject") or talk.get("outcome") or ""), 80),
            "with": [self._name(id) for id in talk.get("with") or ()],
            "source": self._where(talk),
        }

    def _name(self, id: object) -> str:
        person = self.people.get(str(id))
        return str(id) if person is None else str(person["name"])

    def _people(self, meeting: Mapping[str, Any] | None) -> Iterator[Row]:
        """Those of the meeting, or without one those still there, by what they decide."""
        here = [person for person in self.people.values() if person["left"] is None]
        coming = {str(id) for id in (meeting or {}).get("with") or ()}
        met = [person for person in self.people.values() if person["id"] in coming]

        def rank(person: Row) -> tuple[int, int]:
            places = [_FIRST.index(role) for role in person["roles"] if role in _FIRST]
            return min(places, default=len(_FIRST)), -(person["influence"] or 0)

        for person in sorted(met or here, key=rank)[: self.how.brief_people]:
            told = {name: person[name] for name in ("id", "name", "title", "roles", "sentiment")}
            last = {name: person[name] for name in ("last_heard", "silent_days")}
            yield told | last | {"source": self.seen.near(person["source"])}

    # --- what changed

    def _changed(self, last: Mapping[str, Any] | None) -> Iterator[Row]:
        """What they wrote since we last spoke, then what else moved; the newest message first."""
        since = last["at"] if last is not None else None
        for talk in self.view["conversations"]:
            wrote = talk.get("direction") == "in" and talk.get("type") in TALK
            if wrote and since is not None and since < talk["at"] <= self.now:
                who = " and ".join(self._name(id) for id in talk.get("with") or ()) or "They"
                said = str(talk.get("text") or talk.get("subject") or "").strip()
                text = f'{who} on {talk["at"].date()}: "{one_line(said, 90)}"'
                yield {"text": text, "advice": "", "sources": [self._where(talk)]}
        told = "" if last is None else self._where(last).partition(":")[0]
        for insight in self.told_of:
            # That we spoke is said above already.
            again = insight.text.startswith("The last ") and told in self._near(insight)
            if insight.group == "changed" and not again:
                yield self._row(insight)

    # --- who owes what

    def _promises(self, *, theirs: bool) -> list[Row]:
        found = [
            self._row(insight._replace(text=_SIDE.sub('"', insight.text)))
            for insight in self.told_of
            if insight.group == "promises" and insight.text.casefold().startswith(_THEIRS) is theirs
        ]
        return found[: self.how.brief_promises]

    def _goals(self) -> Iterator[Row]:
        for goal in self.view["goals"]:
            unit = f" {goal['unit']}" if goal.get("unit") else ""
            current = goal.get("current")
            now = "not measured" if current is None else f"{current}{unit} now"
            aim = "" if goal.get("target") is None else f", {goal['target']}{unit} wanted"
            due = f" by {goal['due']}" if goal.get("due") else ""
            text = one_line(f"{goal.get('name', 'Goal')}: {now}{aim}{due}", _LONGEST)
            yield {"text": text, "advice": "", "sources": [self.seen.where("goals")]}

    # --- what to ask and to say

    def _questions(self) -> Iterator[Row]:
        asked = [
            insight
            for insight in self.told_of
            # What our score lacks is nothing to ask a customer.
            if insight.group == "questions" and not insight.text.startswith("Not known")
        ]
        for insight in asked[: self.how.brief_questions]:
            yield self._row(insight)

    def _points(self, rows: Mapping[str, Sequence[Row]], *, spoken: bool) -> Iterator[Row]:
        """Three things to say: what goes well, what is to be settled, what worries us; fewer if little is known."""
        # Before anybody spoke with them, what we are to do is nothing that we owe them.
        ours = rows["ours"][:1] if spoken else []
        # Of the roles that nobody has, one is enough to ask for.
        roles = [row for row in rows["questions"] if row["text"].startswith(_ROLE)]
        asked = [row for row in rows["questions"] if row not in roles[1:]]
        chances = self._of("chances", len(self.told_of))
        works = [row for row in chances if row["text"].startswith(_WORKS)]
        chances = [row for row in chances if row not in works]
        # How far a deal is proven is our own business.
        worries = [
            row for row in self._of("risks", len(self.told_of)) if row["text"][:5] != "Deal "
        ]
        lines = (
            ("Begin with what works", works[:1]),
            ("Settle", [*ours, *rows["theirs"][:1]][:1]),
            ("Speak about", worries[:1]),
            ("Take up", chances[:1]),
            ("Ask", asked),
        )
        told = [
            # An advice that says its reason itself would say it twice.
            {"lead": lead if ":" in row["advice"] else row["advice"] or lead} | row
            for lead, found in lines
            for row in found
        ]
        yield from told[:_POINTS]
