"""Makes a large workspace for benchmarks: plainly fictional, plainly random, and the same bytes every time.

    python bench/tree.py DIR --accounts 10000

One account has a profile of about 4 kB, five contacts, three deals, eleven conversations and some traffic a
year; `_measures` has twelve month ends. An account depends on the seed and its own number alone, so the
first thousand of ten thousand are those of a workspace of one thousand.
"""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from crmctl.model.lifecycle import STEPS
from crmctl.model.schema import ROLES, SENIORITY, SENTIMENT
from crmctl.workspace import measures, paths, splice, store

END = dt.date(2026, 6, 30)
SEED = 11

FIRST = "Ada Bo Chidi Dora Emil Freya Goran Hana Ilse Jonas Kofi Lena Mika Nour Olga Pavel Rhea Sami Tove Uma"
LAST = "Abt Bell Cruz Dahl Egger Falk Gomez Holm Ito Jansen Klee Lund Mora Novak Osei Petit Rossi Sato Tal Wirth"
HEADS = "Amber Basalt Cypress Dune Ember Fjord Gannet Hazel Islet Jasper Kelp Lichen Moss Nimbus Otter Pebble"
TAILS = "Bakery Cargo Clinics Energy Foods Foundry Freight Hotels Insurance Labs Logistics Optics Schools Textiles"
CITIES = (
    ("Berlin", "Germany"),
    ("Lyon", "France"),
    ("Leeds", "United Kingdom"),
    ("Porto", "Portugal"),
)
INDUSTRIES = ("manufacturing", "retail", "logistics", "healthcare", "education", "hospitality")
TECHNOLOGIES = ("AWS", "Azure", "Kafka", "Snowflake", "Workday", "SAP", "Okta", "Jira")
RIVALS = ("Crewline", "Shiftwell", "Rotaplan", "Paperboard")
OWNERS = ("mira", "jonas", "ines", "tariq", "noor")
TITLES = ("Head of Operations", "Chief Financial Officer", "Planner", "IT Manager", "Team Lead")
SUBJECTS = (
    "the roll-out",
    "next year's budget",
    "the interface",
    "the pilot",
    "two invoices",
    "training",
)
ACTORS = (
    "The planners",
    "Their finance people",
    "The directors",
    "Their engineers",
    "The shift leads",
    "Two sites",
)
ACTS = (
    "asked about",
    "want to extend",
    "are waiting for",
    "were pleased with",
    "have doubts about",
)
WHEN = (
    "before the summer",
    "once the pilot ends",
    "after the audit",
    "as agreed in spring",
    "this quarter",
)
PRIORITIES = ("low", "normal", "high", "urgent")


def build(root: Path, accounts: int, seed: int = SEED) -> None:
    """Write a workspace of so many accounts into the folder ``root``, which must not hold any."""
    rows: dict[dt.date, list[str]] = {}
    day = END
    for _ in range(12):
        rows[day] = []
        day = day.replace(day=1) - dt.timedelta(days=1)
    write(root / "crmctl.yaml", b"{}\n")
    for number in range(accounts):
        random = Random(f"{seed}/{number}")
        name = f"{pick(random, HEADS)} {pick(random, TAILS)} {number:05}"
        slug = name.lower().replace(" ", "-")
        for path, data in account(random, slug, name):
            write(root / path, data)
        users = random.randint(20, 200)
        for lines in rows.values():
            users = max(5, users + random.randint(-9, 10))
            lines.append(f"{slug},usage.active_users,{users},supabase\n")
    header = ",".join(measures.HEADER) + "\n"
    for day, lines in rows.items():
        write(root / paths.measures(day), (header + "".join(sorted(lines))).encode())


def write(path: Path, data: bytes) -> None:
    """A file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def account(random: Random, slug: str, name: str) -> Iterator[tuple[str, bytes]]:
    """Every file of one account: its path and bytes."""
    people = sorted({f"{pick(random, FIRST)} {pick(random, LAST)}" for _ in range(9)})[:5]
    ids = {person.lower().replace(" ", "-"): person for person in people}
    yield paths.profile(slug), profile(random, slug, name)
    for place, (identity, person) in enumerate(ids.items()):
        data: dict[str, Any] = {
            "name": person,
            "title": random.choice(TITLES),
            "roles": [ROLES[place % len(ROLES)]],
            "seniority": random.choice(SENIORITY),
            "influence": random.randint(0, 3),
            "sentiment": random.choice(SENTIMENT),
            "email": f"{identity}@{slug}.example",
            "sources": {"salesforce": {"id": external(random, "003"), "phone": phone(random)}},
        }
        yield paths.contact(slug, identity), page(random, data, f"# {person}", 4)
    for number, kind in enumerate(("pilot", "expansion", "renewal"), 1):
        yield paths.deal(slug, f"{kind}-{number}"), deal(random, kind, list(ids))
    for number in range(11):
        day = END - dt.timedelta(days=random.randint(0, 700))
        channel = random.choice(("call", "meeting", "note"))
        subject = random.choice(SUBJECTS)
        data = {
            "type": channel,
            "at": moment(random, day),
            "subject": f"About {subject}",
            "with": random.sample(sorted(ids), 2),
            "by": random.choice(OWNERS),
            "sentiment": random.choice(SENTIMENT),
        }
        path = paths.interaction(slug, day, channel, f"{number:04}")
        yield path, page(random, data, f"# About {subject}", 8)
    for year in (END.year - 1, END.year):
        yield paths.traffic(slug, year), store.traffic_bytes(traffic(random, list(ids), year))


def profile(random: Random, slug: str, name: str) -> bytes:
    """About sixty lines of front matter and twenty of prose."""
    stage = random.choice(("customer", "customer", "customer", *STEPS))
    city, country = random.choice(CITIES)
    since = END - dt.timedelta(days=random.randint(20, 900))
    arr = random.randint(5, 400) * 1000
    data: dict[str, Any] = {
        "name": name,
        "domains": [f"{slug}.example", f"{slug}-group.example"],
        "website": f"https://www.{slug}.example/",
        "description": f"{sentence(random)} {sentence(random)}",
        "stage": stage,
        "step": random.choice(STEPS[stage]),
        "stage_since": since,
        "stage_history": [{"stage": "prospect", "at": since - dt.timedelta(days=90)}],
        "owner": random.choice(OWNERS),
        "segment": random.choice(("smb", "mid-market", "enterprise")),
        "account_type": "Customer",
        "lead_source": random.choice(("fair", "partner", "website")),
        "employees": random.randint(20, 9000),
        "currency": random.choice(("EUR", "GBP", "USD")),
        "phone": phone(random),
        "street": f"{random.randint(1, 200)} Station Road",
        "city": city,
        "postcode": f"{random.randint(10000, 99999)}",
        "country": country,
        "timezone": "Europe/Berlin",
        "technologies": random.sample(TECHNOLOGIES, 4),
        "competitors": random.sample(RIVALS, 2),
        "business_intelligence": [sentence(random), sentence(random)],
        "icp_fit": random.randint(20, 100),
        "plan": random.choice(("starter", "team", "enterprise")),
        "seats": random.randint(10, 300),
        "mrr": round(arr / 12, 2),
        "arr": arr,
        "started": since - dt.timedelta(days=30),
        "renewal": END + dt.timedelta(days=random.randint(5, 500)),
        "auto_renew": random.random() < 0.5,
        "first_value": since,
        "goals": [
            {
                "name": f"{unit} a week",
                "baseline": 80,
                "target": 20,
                "current": random.randint(15, 80),
            }
            for unit in ("unfilled shifts", "late orders")
        ],
        "next_step": sentence(random),
        "next_step_due": END + dt.timedelta(days=random.randint(1, 60)),
        "tags": random.sample(("reference", "pilot", "multi-site", "price", "upsell"), 2),
        "sources": {
            "salesforce": {
                "id": external(random, "001"),
                "annual_revenue": random.randint(1, 900) * 1_000_000,
                "industry": random.choice(INDUSTRIES),
                "name": name,
            },
            "supabase": {
                "id": f"org-{random.getrandbits(40):010x}",
                "seats": random.randint(10, 300),
            },
        },
    }
    return page(random, data, f"# {name}", 22)


def deal(random: Random, kind: str, people: list[str]) -> bytes:
    """One opportunity of three: open, won or lost."""
    opened = END - dt.timedelta(days=random.randint(30, 600))
    data: dict[str, Any] = {
        "name": f"{kind.capitalize()} {opened.year}",
        "stage": random.choice(("discovery", "proposal", "negotiation")),
        "status": random.choice(("open", "won", "lost")),
        "amount": random.randint(2, 300) * 1000,
        "currency": "EUR",
        "probability": random.randint(0, 100),
        "opened": opened,
        "close": opened + dt.timedelta(days=random.randint(20, 300)),
        "people": [{"person": person} for person in people[:2]],
        "competitors": random.sample(RIVALS, 1),
        "sources": {"salesforce": {"id": external(random, "006")}},
    }
    return page(random, data, f"# {kind.capitalize()}", 5)


def traffic(random: Random, people: list[str], year: int) -> list[dict[str, Any]]:
    """Mail, tickets and survey answers of one year."""
    days = (END - dt.date(year, 1, 1)).days if year == END.year else 364
    events: list[dict[str, Any]] = []
    for number in range(9):
        at = moment(random, dt.date(year, 1, 1) + dt.timedelta(days=random.randint(0, days)))
        event: dict[str, Any] = {
            "id": f"email:{random.getrandbits(64):016x}",
            "at": at,
            "type": "email",
            "direction": random.choice(("in", "out")),
            "with": [random.choice(people)],
            "subject": f"About {random.choice(SUBJECTS)}",
            "text": sentence(random),
        }
        if number < 3:
            solved = at + dt.timedelta(hours=random.randint(1, 200))
            event |= {"id": external(random, "salesforce:500"), "type": "ticket", "direction": "in"}
            event |= {"priority": random.choice(PRIORITIES), "open": False, "closed_at": solved}
        elif number == 3:
            event |= {
                "id": f"csv:{random.getrandbits(48):012x}",
                "type": "survey",
                "direction": "in",
            }
            event |= {"score": random.randint(0, 10), "subject": None}
        events.append(event)
    return events


def page(random: Random, data: dict[str, Any], title: str, lines: int) -> bytes:
    """A file with front matter, a heading and so many lines of prose."""
    prose = "\n".join(f"{sentence(random)} {sentence(random)}" for _ in range(lines))
    return splice.new_document(data, f"\n{title}\n\n{prose}\n")


def sentence(random: Random) -> str:
    """A sentence of the kind that salespeople write."""
    parts = (random.choice(words) for words in (ACTORS, ACTS, SUBJECTS, WHEN))
    return " ".join(parts) + "."


def pick(random: Random, words: str) -> str:
    """One word of several."""
    return random.choice(words.split())


def external(random: Random, prefix: str) -> str:
    """An identifier as a customer system makes them."""
    return f"{prefix}{random.getrandbits(60):015x}"


def phone(random: Random) -> str:
    """A number that nobody has."""
    return f"+1 555 01{random.randint(10, 99)}"


def moment(random: Random, day: dt.date) -> dt.datetime:
    """A time within office hours."""
    return dt.datetime.combine(day, dt.time(random.randint(8, 17), random.randint(0, 59)), dt.UTC)


def main() -> None:
    """Make a workspace where the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    build(given.folder, given.accounts, given.seed)


if __name__ == "__main__":
    main()
