"""What texts say of technologies: who runs what, plans it, leaves it, has left it.

The words of our own side, questions, negations, what others run and what merely integrates are no claim. Texts are
data: what talks to a machine is not read on.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from crmctl.insight.sentences import CUSTOMER, NOTE, OURS, Sentence, sentences
from crmctl.insight.technographics_rules import MARK, OTHER, Claim, Technology, TechnologyRules
from crmctl.insight.text_rules import Matcher, TextRules
from crmctl.insight.text_signals import Text, texts
from crmctl.model.record import Account, Event
from crmctl.model.text import one_line

PASTED = "research:"  # begins the id of a job advert or page that a person pasted
QUOTE = 240  # characters of a quote that are shown
_CLAUSE = re.compile(
    r"[;–—]|,\s+(?=(?:and|so|we|i|they|he|she|it|but|und|wir|sie)\b)"
    r"|\b(?:but|however|although|whereas|while|aber|sondern|mais)\b",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(
    r"\b(?:i|we|us|our|my|we're|we've|i'm|wir|uns|unser\w{0,3}|nous)\b", re.IGNORECASE
)
_JOIN = r"(?:\s*,\s*(?:and\s+|or\s+)?|\s*/\s*|\s+(?:and|or|und|oder|et|y|&)\s+)"
# One of a list stands as if alone: "Jira, Zendesk and Power BI".
_LISTED = re.compile(rf"(?:{OTHER}{_JOIN})+(?={MARK})|(?<={MARK})(?:{_JOIN}{OTHER})+")
_APOSTROPHES = str.maketrans("’‘`´", "''''")


class Mention(NamedTuple):
    """A claim that a sentence makes of a technology, by its name. ``source`` is as `crmctl.insight.citing` reads it."""

    name: str
    claim: Claim
    pasted: bool
    day: dt.date | None
    source: str
    quote: str


class Names:
    """The names to look for: those of the rules and ``more``, such as a profile states."""

    def __init__(self, rules: TechnologyRules, more: Iterable[str] = ()) -> None:
        self._rules = rules.by_name
        self._more = {name.casefold(): name for name in more if len(name.strip()) > 2}
        known = {*self._rules, *self._more}
        ordered = sorted(known, key=lambda name: (-len(name), name))
        words = "|".join(r"[\s-]{1,3}".join(map(re.escape, n.split())) for n in ordered)
        self._pattern = re.compile(rf"(?<![\w.@/-])(?:{words})(?![\w@]|\.[a-z])", re.IGNORECASE)

    def found(self, text: str) -> Iterator[tuple[re.Match[str], str]]:
        """Every name in a text, with the technology's own name."""
        for match in self._pattern.finditer(text):
            said = " ".join(re.split(r"[\s-]+", match.group()))
            technology = self._rules.get(said.casefold()) or self._rules.get(
                match.group().casefold()
            )
            if technology is None:
                yield match, self._more.get(said.casefold(), said)
            elif not technology.homonym or said in _written(technology):
                yield match, technology.name


def _written(technology: Technology) -> tuple[str, ...]:
    return (technology.name, *technology.words)


def mentions(
    account: Account, rules: TechnologyRules, signals: TextRules, names: Names, today: dt.date
) -> Iterator[Mention]:
    """Every claim that an account's texts make until ``today``, in the order of the texts."""
    matcher = Matcher(signals)
    adverts = {
        f"{e.path}:{e.line}": e for e in account.events if e.id.startswith(PASTED) and not _gone(e)
    }
    for text in texts(account):
        pasted = f"{text.path}:{text.line}" in adverts
        if (text.day is not None and text.day > today) or next(
            names.found(text.text), None
        ) is None:
            continue
        side = CUSTOMER if pasted else text.side  # whoever pasted it: it is their own advert
        for sentence in sentences(text.text, side):
            if matcher.instructs(sentence):
                break
            yield from _claimed(sentence, text, rules, names, pasted=pasted)


def _gone(event: Event) -> bool:
    return bool(event.data.get("deleted"))


def _claimed(
    sentence: Sentence, text: Text, rules: TechnologyRules, names: Names, *, pasted: bool
) -> Iterator[Mention]:
    if sentence.side == OURS:
        return
    words = sentence.text.translate(_APOSTROPHES)
    found = list(names.found(words))
    seen: set[str] = set()
    for place, (_, name) in enumerate(found):
        if name in seen:
            continue
        marked = _marked(words, found, place)
        claim = next((c for c in rules.claims if _says(c, rules, marked, sentence, pasted)), None)
        if claim is not None:
            seen.add(name)
            quote = one_line(sentence.text, QUOTE)
            yield Mention(name, claim, pasted, text.day, text.place(sentence.line), quote)


def _marked(words: str, found: list[tuple[re.Match[str], str]], place: int) -> str:
    """The sentence with the technology at ``place`` as `MARK`, and others as `OTHER`, but for those listed with it."""
    parts, done = [], 0
    for number, (match, _) in enumerate(found):
        parts += [words[done : match.start()], MARK if number == place else OTHER]
        done = match.end()
    return _LISTED.sub("", "".join(parts) + words[done:])


def _says(
    claim: Claim, rules: TechnologyRules, words: str, sentence: Sentence, pasted: bool
) -> bool:
    if claim.advert and not pasted:
        return False
    near, everywhere = claim.patterns
    match = near.search(words) if near else None
    if match is None:
        match = everywhere and everywhere.search(words) and re.search(MARK, words)
    if not match:
        return False
    start, end = _clause(words, words.index(MARK))
    if sentence.side == NOTE and _FIRST_PERSON.search(words, start, match.end()):
        return False
    return not any(_taken_back(n, rules, words, start, end) for n in claim.not_if)


def _clause(words: str, place: int) -> tuple[int, int]:
    """Where the part of the sentence begins and ends in which the technology stands."""
    start = max((m.end() for m in _CLAUSE.finditer(words, 0, place)), default=0)
    behind = _CLAUSE.search(words, place + len(MARK))
    return start, behind.start() if behind else len(words)


def _taken_back(name: str, rules: TechnologyRules, words: str, start: int, end: int) -> bool:
    if name == "question" and words.rstrip("\"'”’ )").endswith("?"):
        return True
    guard = rules.guards.get(name)
    if guard is None:
        return False
    before, after, anywhere, unless = guard.patterns
    place = words.index(MARK)
    if unless:
        words = unless.sub(lambda m: "_" * len(m.group()), words)
    if before and before.search(words, start, place):
        return True
    if after and after.search(words, place + len(MARK), end):
        return True
    return bool(anywhere and anywhere.search(words))
