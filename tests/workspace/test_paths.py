from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmctl.model.errors import CrmError
from crmctl.workspace import paths

DAY = date(2026, 1, 5)
FILE_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
WINDOWS = {"con", "prn", "aux", "nul"} | {f"{p}{n}" for p in ("com", "lpt") for n in range(10)}
HOSTILE_NAMES = [
    "../x",
    "..",
    ".",
    "",
    "/etc/passwd",
    "\\\\server\\share",
    ".git",
    "GIT~1",
    "CON",
    "con",
    "Com1",
    "LPT9.txt",
    "x" * 300,
    "ü" * 300,
    "🎉",
    "🎉🎉",
    "\u200f\u200e",
    "\u200fAcme",
    "\x1b[31mAcme\x1b[0m",
    "-rf",
    "--output=x",
    "_measures",
    "Acme\nCorp",
    "Acme\x00",
    "Acme",
    "acme",
    "ACME",
    "Аcme",
    "аcmе",
    "．．／",
    "acme.",
    "acme ",
    "&#46;&#46;&#47;",
    "&#99999999999999999999;",
    "\ud800",
    "%2e%2e%2f",
    "北京",
    "Москва",
    "e\u0301clair",
    "éclair",
]
ANY_NAME = st.one_of(st.text(st.characters()), st.sampled_from(HOSTILE_NAMES))


def named(names: list[str]) -> dict[str, str]:
    """Slugs for several records, each name being its own key, as a caller that follows the rule."""
    taken: set[str] = set()
    slugs = {}
    for name in sorted(names):
        slugs[name] = paths.unique(paths.slug(name), taken, name)
        taken.add(slugs[name])
    return slugs


@given(name=ANY_NAME)
@example(name="a" * 59 + " b")
@example(name="record-" * 100)
def test_a_slug_is_a_plain_short_name_and_stable(name: str) -> None:
    slug = paths.slug(name)
    assert FILE_NAME.fullmatch(slug)
    assert len(slug) <= 60
    assert slug not in WINDOWS
    assert paths.slug(name) == slug
    assert paths.is_slug(slug)
    assert paths.check_slug(slug) == slug
    assert paths.slug(slug) == slug


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_stays_in_its_folder(name: str) -> None:
    path = paths.profile(paths.slug(name))
    assert re.fullmatch(r"accounts/[a-z0-9][a-z0-9-]*/profile\.md", path)
    assert paths.kind_of(path) == ("account", paths.slug(name), paths.slug(name))


def test_slugs_are_readable() -> None:
    names = {
        "O'Brien & Söhne GmbH": "o-brien-sohne-gmbh",
        "Москва": "moskva",
        "北京": "bei-jing",
        "Acme, Inc.": "acme-inc",
        "Çelik A.Ş.": "celik-a-s",
        "CON": "record-con",
    }
    assert {name: paths.slug(name) for name in names} == names


def test_a_name_that_loses_everything_gets_a_stable_one_of_its_own() -> None:
    assert re.fullmatch(r"account-[0-9a-f]{6}", paths.slug("🎉", fallback="account"))
    assert paths.slug("🎉") != paths.slug("🎊")


def test_composed_and_decomposed_letters_are_one_name() -> None:
    assert paths.slug("e\u0301clair") == paths.slug("éclair") == "eclair"


@given(
    names=st.lists(ANY_NAME, unique=True, max_size=12), shuffler=st.randoms(use_true_random=False)
)
@example(names=HOSTILE_NAMES, shuffler=random.Random(1))
def test_different_names_never_meet_whatever_their_order(
    names: list[str], shuffler: random.Random
) -> None:
    slugs = named(names)
    assert len({slug.casefold() for slug in slugs.values()}) == len(names)
    shuffled = names.copy()
    shuffler.shuffle(shuffled)
    assert named(shuffled) == slugs


def test_unique_adds_only_as_much_of_the_hash_as_it_needs() -> None:
    assert paths.unique("acme", set(), "k1") == "acme"
    first = paths.unique("acme", {"acme"}, "k1")
    second = paths.unique("acme", {"acme", first}, "k1")
    assert re.fullmatch(r"acme-[0-9a-f]{4}", first)
    assert re.fullmatch(r"acme-[0-9a-f]{5}", second)
    assert second.startswith(first)
    assert paths.unique("acme", {"acme"}, "k2") != first
    assert paths.unique("ACME", {"acme"}, "k1") == first


def test_unique_gives_up_when_everything_is_taken() -> None:
    class Everything(set[str]):
        def __contains__(self, name: object) -> bool:
            return True

    with pytest.raises(CrmError, match="another name"):
        paths.unique("acme", Everything(), "k")


@given(first=ANY_NAME, second=ANY_NAME)
@example(first="5003x00001AbCdE", second="5003x00001aBcDe")
@example(first="1503435956.000200", second="1503435956-000200")
@example(first="con", second="CON")
@example(first="a" * 61, second="a" * 62)
def test_identifiers_of_systems_never_share_a_name(first: str, second: str) -> None:
    names = paths.id_slug(first), paths.id_slug(second)
    assert (names[0] == names[1]) == (first == second)
    for name in names:
        assert paths.check_slug(name) == name
        assert len(name) <= 60


def test_an_identifier_that_is_a_name_is_kept() -> None:
    assert paths.id_slug("7782342274025937895") == "7782342274025937895"
    assert re.fullmatch(r"1503435956-000200-[0-9a-f]{10}", paths.id_slug("1503435956.000200"))


def test_a_short_id_is_four_clear_letters_from_the_given_source() -> None:
    ids = [paths.short_id(random.Random(seed)) for seed in range(200)]
    assert all(re.fullmatch(r"[a-hj-km-np-z2-9]{4}", name) for name in ids)
    assert ids == [paths.short_id(random.Random(seed)) for seed in range(200)]
    assert len(set(ids)) > 190


PLACES: list[tuple[str, str, str, str]] = [
    (paths.profile("acme"), "account", "acme", "accounts/acme/profile.md"),
    (paths.health("acme"), "health", "acme", "accounts/acme/health.md"),
    (paths.contact("acme", "ann-lee"), "contact", "ann-lee", "accounts/acme/contacts/ann-lee.md"),
    (paths.deal("acme", "big"), "deal", "big", "accounts/acme/deals/big.md"),
    (
        paths.interaction("acme", DAY, "call", "x-1"),
        "interaction",
        "2026-01-05-call-x-1",
        "accounts/acme/interactions/2026-01-05-call-x-1.md",
    ),
    (paths.traffic("acme", 2026), "traffic", "2026", "accounts/acme/interactions/2026.jsonl"),
    (
        paths.traffic("acme", "undated"),
        "traffic",
        "undated",
        "accounts/acme/interactions/undated.jsonl",
    ),
    (
        paths.task("acme", DAY, "send-offer", "k3f9"),
        "task",
        "2026-01-05-send-offer-k3f9",
        "accounts/acme/tasks/2026-01-05-send-offer-k3f9.md",
    ),
    (paths.review("acme", "2026-q1"), "review", "2026-q1", "accounts/acme/reviews/2026-q1.md"),
    (paths.plan("acme", "2026"), "plan", "2026", "accounts/acme/plans/2026.md"),
    (
        paths.document("acme", "relationship-map"),
        "document",
        "relationship-map",
        "accounts/acme/relationship-map.md",
    ),
]


@pytest.mark.parametrize(("path", "kind", "name", "expected"), PLACES)
def test_each_record_has_its_place_and_the_place_tells_the_record(
    path: str, kind: str, name: str, expected: str
) -> None:
    assert path == expected
    assert paths.kind_of(path) == (kind, "acme", name)


def test_shared_machine_files_belong_to_no_account() -> None:
    assert paths.measures(DAY) == "accounts/_measures/2026-01-05.csv"
    assert paths.state("gong") == "accounts/_state/gong.yaml"
    assert paths.kind_of(paths.measures(DAY)) == ("measures", "", "2026-01-05")
    assert paths.kind_of(paths.state("gong")) == ("state", "", "gong")


def test_a_time_gives_its_day() -> None:
    moment = datetime(2026, 1, 5, 12, 30, tzinfo=UTC)
    assert paths.interaction("acme", moment, "call", "x").endswith("/2026-01-05-call-x.md")


@given(account=ANY_NAME, other=ANY_NAME, when=st.dates())
def test_every_path_that_is_made_is_recognised(account: str, other: str, when: date) -> None:
    account, other = paths.slug(account), paths.slug(other)
    for kind, path in {
        "contact": paths.contact(account, other),
        "deal": paths.deal(account, other),
        "interaction": paths.interaction(account, when, "note", other),
        "task": paths.task(account, when, other[:40].rstrip("-"), "k3f9"),
    }.items():
        place = paths.kind_of(path)
        assert place is not None
        assert place[:2] == (kind, account)


@pytest.mark.parametrize(
    "path",
    [
        "accounts/acme",
        "accounts/acme/",
        "accounts/profile.md",
        "accounts/acme/notes.md",
        "accounts/acme/profile.yaml",
        "accounts/acme/Profile.md",
        "accounts/Acme/profile.md",
        "accounts/con/profile.md",
        "accounts/acme/../x/profile.md",
        "accounts/acme/contacts/../profile.md",
        "accounts/acme/contacts/Ann Lee.md",
        "accounts/acme/contacts/ann.lee.md",
        "accounts/acme/contacts/-ann.md",
        "accounts/acme/contacts/a/b.md",
        "accounts/acme/contacts/2026.jsonl",
        "accounts/acme/secrets/x.md",
        "accounts/acme/interactions/26.jsonl",
        "accounts/acme/interactions/call.md",
        "accounts/acme/interactions/2026-01-05-call.md",
        "accounts/acme/interactions/2026-13-05-call-x.md",
        "accounts/acme/tasks/2026-02-30-a-b.md",
        "accounts/acme/tasks/20260105-a-b.md",
        "accounts/_measures/today.csv",
        "accounts/_measures/2026-01-05.md",
        "accounts/_measures/x/2026-01-05.csv",
        "accounts/_state/Gong.yaml",
        "accounts/_other/x.md",
        "accounts/acme/profile.md\n",
        "accounts/acme/interactions/２０２６.jsonl",
        "/accounts/acme/profile.md",
        "./accounts/acme/profile.md",
        "accounts\\acme\\profile.md",
        "README.md",
        "",
    ],
)
def test_a_file_in_the_wrong_place_is_no_record(path: str) -> None:
    assert paths.kind_of(path) is None


@given(path=st.text(st.sampled_from("acounts/._-.mdprofile\\ \n0123456789"), max_size=40))
def test_whatever_is_recognised_stays_beneath_the_accounts(path: str) -> None:
    if paths.kind_of(path):
        assert path.startswith("accounts/")
        assert ".." not in path


BAD_NAMES = ["", "..", "a/b", "-a", "a-", "A", "ä", "a b", "a.b", "con", "a\n", "_a", "a" * 121]
MAKERS: list[Callable[[str], str]] = [
    paths.profile,
    paths.health,
    paths.state,
    lambda name: paths.contact("acme", name),
    lambda name: paths.contact(name, "ann"),
    lambda name: paths.deal("acme", name),
    lambda name: paths.interaction("acme", DAY, name, "x"),
    lambda name: paths.interaction("acme", DAY, "call", name),
    lambda name: paths.task("acme", DAY, name, "x"),
    lambda name: paths.task("acme", DAY, "call", name),
    lambda name: paths.review("acme", name),
    lambda name: paths.plan("acme", name),
    lambda name: paths.document("acme", name),
    lambda name: paths.document(name, "onboarding"),
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_bad_name_is_told_without_an_error(name: str) -> None:
    assert not paths.is_slug(name)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("name", BAD_NAMES)
def test_no_path_is_made_from_a_bad_name(make: Callable[[str], str], name: str) -> None:
    with pytest.raises(CrmError):
        make(name)


def test_the_refusal_says_what_is_allowed_and_sends_nothing_raw() -> None:
    with pytest.raises(CrmError) as refused:
        paths.check_slug("\x1b[31mAcme")
    assert '"\\x1b[31mAcme" cannot be a file name here: use a-z' in str(refused.value)


def test_a_name_too_long_with_its_date_is_refused() -> None:
    with pytest.raises(CrmError):
        paths.task("acme", DAY, "a" * 100, "b" * 100)
