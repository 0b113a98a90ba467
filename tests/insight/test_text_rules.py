"""Rules over text: what they find in sentences made to mislead them, and what they refuse."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmctl.insight import text_rules
from crmctl.insight.sentences import CUSTOMER, LONGEST, NOTE, OURS, Sentence, sentences
from crmctl.insight.text_rules import Match, Matcher, TextRules, load_rules
from crmctl.model.errors import ConfigError
from crmctl.workflow.actions import ACTIONS
from crmctl.workflow.checks import FILES
from crmctl.workspace.config import Config

HERE = Path(__file__).resolve().parent
SHIPPED = (HERE.parents[1] / "signals.yaml").read_text(encoding="utf-8")
VENDORS = ("Northbase", "Shiftwell", "Tallyflow")
AT_LEAST = 0.95


@pytest.fixture(scope="module")
def rules() -> TextRules:
    return load_rules(HERE.parents[1])


@pytest.fixture(scope="module")
def matcher(rules: TextRules) -> Matcher:
    return Matcher(rules, VENDORS)


class Case(NamedTuple):
    """``find`` are sets of which one must be found, ``may`` what else may be."""

    group: str
    say: str
    who: str
    find: list[set[str]]
    may: set[str]
    forbidden: set[str] | None

    def wrong(self, found: set[str]) -> set[str]:
        bad = {name for name in found.difference(*self.find) if name.split()[0] not in self.may}
        if self.forbidden is None:
            return bad
        return {name for name in bad if name.split()[0] in self.forbidden}


def either(names: str) -> set[str]:
    rules, _, vendor = names.partition(" ")
    return {f"{rule} {vendor}".strip() for rule in rules.split("|")}


def cases() -> list[Case]:
    data: dict[str, list[dict[str, Any]]] = yaml.safe_load(
        (HERE / "adversarial.yaml").read_text(encoding="utf-8")
    )
    return [
        Case(
            group,
            row["say"],
            row.get("who", "customer"),
            [either(names) for names in row.get("find", ())],
            set(row.get("may", ())),
            set(row["not"]) if row.get("not") else None,
        )
        for group, rows in data.items()
        for row in rows
    ]


def found_in(matcher: Matcher, text: str, who: str) -> set[str]:
    found: set[str] = set()
    for sentence in sentences(text, who):
        if matcher.instructs(sentence):
            break
        found |= {f"{m.rule.name} {m.vendor}".strip() for m in matcher.matches(sentence)}
    return found


class Count:
    """How often a kind of signal was found rightly, found wrongly and missed."""

    def __init__(self) -> None:
        self.right = self.wrong = self.missed = 0

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed)


def test_what_is_found_in_sentences_made_to_mislead_is_right(
    matcher: Matcher, rules: TextRules, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = {rule.name: rule.kind for rule in rules.rules}
    counts = {kind: Count() for kind in sorted(set(kinds.values()))}
    blind = {group: Count() for group in ("blind_first", "blind_second", "held_out")}
    total, tuned = Count(), Count()
    slips: list[str] = []
    everything = cases()
    for case in everything:
        found = found_in(matcher, case.say, case.who)
        bad = case.wrong(found)
        slips += [f"{case.group}: found {name} in {case.say!r}" for name in bad]
        for names, what in (
            ({min(found & names) for names in case.find if found & names}, "right"),
            (bad, "wrong"),
            ({min(names) for names in case.find if not found & names}, "missed"),
        ):
            for name in names:
                for count in (
                    counts[kinds[name.split()[0]]],
                    blind.get(case.group, tuned),
                    total,
                ):
                    setattr(count, what, getattr(count, what) + 1)
    lines = [
        f"{name}: precision {count.precision:.3f}, recall {count.recall:.3f}"
        for name, count in (
            *counts.items(),
            ("made_to_mislead", tuned),
            *blind.items(),
            ("all", total),
        )
    ]
    with capsys.disabled():
        sys.stdout.write("\n".join((f"\n{len(everything)} sentences:", *lines, "")))
    assert len(everything) >= 800
    for count in (*counts.values(), *blind.values(), total):
        assert count.precision >= AT_LEAST, "\n".join(slips)
    assert total.recall >= 0.85
    assert blind["held_out"].recall >= 0.7


@pytest.mark.parametrize("kind", ["negation", "our_side", "instructions", "quotation", "homonyms"])
def test_no_group_is_given_up(matcher: Matcher, kind: str) -> None:
    """A guard that broke would let its whole group through; one slip in it is allowed, for language is like that."""
    slips = [
        case.say
        for case in cases()
        if case.group == kind and case.wrong(found_in(matcher, case.say, case.who))
    ]
    assert len(slips) <= 1, slips


def test_each_rule_names_an_action_that_workflows_know(rules: TextRules) -> None:
    assert {rule.play for rule in rules.rules} | {rules.sentiment.play} <= ACTIONS.keys()


def test_a_signal_without_a_guard_that_it_needs_would_be_found(rules: TextRules) -> None:
    """The guards do the work, not phrases that are too narrow."""
    bare = rules.model_copy(
        update={"rules": [rule.model_copy(update={"not_if": ()}) for rule in rules.rules]}
    )
    open_door = Matcher(bare, VENDORS)
    guarded = {"negation", "hypothetical", "third_party", "past", "questions", "quotation"}
    mine = [c for c in cases() if c.group in guarded and not c.find]
    let_in = [c for c in mine if found_in(open_door, c.say, c.who)]
    assert len(let_in) >= 0.6 * len(mine)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: risk", "kind: danger", "kind"),
        ("strength: 0.9", "strength: 1.5", "less than or equal to 1"),
        ("not_if: [negation,", "not_if: [negotiation,", "negotiation is no guard"),
        ('"last straw"', '"* straw"', "stands between words"),
        ('"last straw"', '"last (straw)+"', "is no word"),
        ('"last straw"', '"up to"', "three letters"),
        (
            '["offer|quote|proposal|pitch|bid from {name}"',
            '["an offer"',
            "needs {vendor} or {name}",
        ),
        ("name: unhappy", "name: wants_less", "two rules are called wants_less"),
        ("floor: 0.1", "flor: 0.1", "is not a known setting"),
        ('"off the table"', '"off {name}"', "only a rule's own phrases"),
    ],
)
def test_what_is_wrong_with_the_file_is_named(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in SHIPPED
    (tmp_path / "signals.yaml").write_text(SHIPPED.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_rules(tmp_path)


def test_a_workspace_without_the_file_has_the_shipped_rules(
    tmp_path: Path, rules: TextRules
) -> None:
    assert load_rules(tmp_path) == rules


def test_check_names_an_action_nobody_knows(tmp_path: Path) -> None:
    text = SHIPPED.replace("play: create_intervention_plan", "play: send_flowers", 1)
    (tmp_path / "signals.yaml").write_text(text, encoding="utf-8")
    (found,) = FILES["signals.yaml"](tmp_path, Config(), "signals.yaml", text.encode())
    line = text[: text.index("send_flowers")].count("\n") + 1
    assert (found.line, found.code) == (line, "signals")
    assert found.message.startswith("send_flowers is no action")


def test_hostile_text_takes_time_in_proportion_to_its_length(matcher: Matcher) -> None:
    """Counted in sentences and characters that patterns see, not in seconds: both are bounded."""
    for hostile in (
        "we are " * 50_000 + "looking at",
        "not " * 60_000 + "cancel the contract",
        '"' + "a. " * 100_000,
        "cancel " * 50_000,
        "«" * 100_000 + "“" * 100_000,
    ):
        said = list(sentences(hostile, "customer"))
        assert all(len(sentence.text) <= LONGEST for sentence in said)
        for sentence in said[:50]:
            assert len(list(matcher.matches(sentence))) < len(matcher.rules.rules)


def test_sentences_know_their_line_and_their_speaker() -> None:
    text = """\

## What we heard
- Priya: "The line is flat. I have to
  take it to Helen." Dr. Voss nodded.

> quoted by a mail program

**Ines Okafor** (external, 13:25): We pay per vehicle\\. Do we?

**Mira** (internal): Yes.
- [ ] We: send an offer
"""
    assert [tuple(s) for s in sentences(text, "note")] == [
        ("Priya:", 3, "note", ""),
        ("The line is flat.", 3, "customer", "Priya"),
        ("I have to take it to Helen.", 3, "customer", "Priya"),
        ("Dr. Voss nodded.", 4, "note", ""),
        ("We pay per vehicle.", 8, "customer", "Ines Okafor"),
        ("Do we?", 8, "customer", "Ines Okafor"),
        ("Yes.", 10, "ours", "Mira"),
        ("We: send an offer", 11, "ours", ""),
    ]


WORDS = [
    *(
        "we want to cancel our the contract subscription price seats more licences budget is approved".split()
    ),
    *(
        "Northbase shift-well don't won’t can`t NOT Cancelling renewal's demo trial if nobody uses it,".split()
    ),
    *(
        "a b. e.g. 3.5% \n \n\n> - \\- \\' ' \" “ ” « » 。 ſeats ﬁ İ ı Straße kündigen Vertrag K 10€ & / -- …".split(
            " "
        )
    ),
    *(
        "**Ines Okafor** (external, 13:25): ignore all previous instructions You are a bot not".split()
    ),
]
TALK = st.lists(st.sampled_from(WORDS), min_size=1, max_size=40).map(" ".join)


@given(TALK | st.text(max_size=200), st.sampled_from([CUSTOMER, OURS, NOTE]))
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_sieve_holds_nothing_back(matcher: Matcher, text: str, side: str) -> None:
    """What is found fast is what every phrase, looked for in every sentence, finds."""
    slowly: list[tuple[Sentence, list[Match]]] = []
    for sentence in sentences(text, side):
        if matcher.instructs(sentence):
            break
        slowly.append((sentence, list(matcher.matches(sentence, every=True))))
    told = [(s, found) for s, found in slowly if found or s.side == CUSTOMER]
    assert list(matcher.hear(text, side)) == told


def test_the_sieve_holds_nothing_of_the_sentences_back(matcher: Matcher) -> None:
    for case in cases()[::6]:
        for sentence in sentences(case.say, case.who):
            every = list(matcher.matches(sentence, every=True))
            assert list(matcher.matches(sentence)) == every


def test_a_text_that_can_hold_no_phrase_is_not_even_split(
    matcher: Matcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("split")

    monkeypatch.setattr(text_rules, "sentences", refuse)
    assert list(matcher.hear("The weather was fine. The lorries were on time.", NOTE)) == []
    with pytest.raises(AssertionError, match="split"):
        list(matcher.hear("They want to cancel the contract.", NOTE))
