"""LinkedIn behind the contract: a folder into which a member drops one archive after the other."""

from __future__ import annotations

import csv
import datetime as dt
import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any, ClassVar, Self

from crmctl.model.record import Ranking
from crmctl.workspace.store import Reader
from tests.live.harness import ACCOUNTS, Harness
from tests.servers.base import Server

NOTES = (
    'Notes:\n"When you download your connections, some may have no e-mail address, see '
    'https://www.linkedin.com/help/linkedin/answer/261"\n\n'
)
CONNECTIONS = (
    "First Name",
    "Last Name",
    "URL",
    "Email Address",
    "Company",
    "Position",
    "Connected On",
)
MESSAGES = (
    *(
        "CONVERSATION ID",
        "CONVERSATION TITLE",
        "FROM",
        "SENDER PROFILE URL",
        "TO",
        "RECIPIENT PROFILE URLS",
    ),
    *(
        "DATE",
        "SUBJECT",
        "CONTENT",
        "FOLDER",
        "ATTACHMENTS",
        "IS MESSAGE DRAFT",
        "IS CONVERSATION DRAFT",
    ),
)
OWNER = ("Ana Aas", "https://www.linkedin.com/in/ana-aas")
FIRST = dt.date(2026, 11, 1)
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
PEOPLE = (("Bo", "Berg", "CTO"), ("Åsa", "Lund, PhD", "Head of Logistics"), ("Ida", "Dal", "CFO"))


def address(name: str) -> str:
    return f"https://www.linkedin.com/in/{name}"


class Member:
    """One member of LinkedIn: connections and messages, and the archives made of them."""

    def __init__(self) -> None:
        self.connections: list[dict[str, str]] = []
        self.messages: list[dict[str, str]] = []

    @classmethod
    def sample(cls) -> Member:
        """A member who knows somebody at each of `ACCOUNTS`, and talks with them."""
        found = cls()
        for number, (company, _) in enumerate(ACCOUNTS.values()):
            first, last, title = PEOPLE[number % len(PEOPLE)]
            url = address(f"{first.lower()}-{number}")
            found.connect(first, last, url, company, title, FIRST - dt.timedelta(days=number))
            found.write_to(url, f"{first} {last}", "Shall we talk about the pilot?", theirs=True)
            found.write_to(url, f"{first} {last}", "Tomorrow at nine?", theirs=False)
        return found

    def connect(
        self, first: str, last: str, url: str, company: str, title: str, on: dt.date
    ) -> None:
        day = f"{on.day:02} {MONTHS[on.month - 1]} {on.year}"
        self.connections.append(
            dict(zip(CONNECTIONS, (first, last, url, "", company, title, day), strict=True))
        )

    def write_to(
        self, url: str, name: str, content: str, *, theirs: bool, subject: str = ""
    ) -> None:
        at = dt.datetime(2026, 6, 1, 9, tzinfo=dt.UTC) + dt.timedelta(
            minutes=7 * len(self.messages)
        )
        ends = ((name, url), OWNER) if theirs else (OWNER, (name, url))
        row = {
            **dict.fromkeys(MESSAGES, ""),
            "CONVERSATION ID": f"2-{url.rpartition('/')[2]}==",
            "DATE": f"{at:%Y-%m-%d %H:%M:%S} UTC",
            "SUBJECT": subject,
            "CONTENT": content,
            "FOLDER": "INBOX",
            "IS MESSAGE DRAFT": "No",
        }
        for (who, where), (name_column, url_column) in zip(
            ends, (MESSAGES[2:4], MESSAGES[4:6]), strict=True
        ):
            row |= {name_column: who, url_column: where}
        self.messages.append(row)

    def archive(self, folder: Path, day: dt.date) -> Path:
        """A new archive, as LinkedIn names and packs it."""
        path = folder / f"Basic_LinkedInDataExport_{day:%m-%d-%Y}.zip"
        profile = "First Name,Last Name,Maiden Name,Headline\nAna,Aas,,Customer Success\n"
        addresses = (
            "Email Address,Confirmed,Primary,Updated On\nana@ours.example,Yes,Yes,Not Available\n"
        )
        newest_first = list(reversed(self.messages))
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr(
                "Connections.csv", NOTES.encode() + table(CONNECTIONS, self.connections)
            )
            packed.writestr("messages.csv", table(MESSAGES, newest_first))
            packed.writestr("guide_messages.csv", table(MESSAGES, newest_first[:1]))
            packed.writestr("Profile.csv", profile)
            packed.writestr("Email Addresses.csv", addresses)
            packed.writestr("Ad_Targeting.csv", "Company Names,Company Names\na,b\n")
        return path


def table(header: tuple[str, ...], rows: list[dict[str, str]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


class LinkedInHarness(Harness):
    """No server: what is here comes from files, so nothing can be busy, run out or go in circles.

    Nothing tells of a deletion either: who is missing in a newer archive may only have closed an account.
    """

    system = "linkedin"
    can: ClassVar[frozenset[str]] = frozenset({"change", "empty"})

    def __init__(self) -> None:
        self._server = Server()
        self.member = Member()
        self._archives = 0

    def __enter__(self) -> Self:
        self._home = tempfile.TemporaryDirectory()
        self.folder = Path(self._home.name)
        return self

    def __exit__(self, *_error: object) -> None:
        self._home.cleanup()

    @property
    def server(self) -> Server:
        return self._server

    def environment(self) -> dict[str, str]:
        return {"CRMCTL_LINKEDIN_FOLDER": str(self.folder)}

    def settings(self) -> dict[str, Any]:
        return {"contacts": True}

    def fill(self, count: int) -> None:
        names = [name for name, _ in ACCOUNTS.values()]
        for number in range((count + 1) // 2):
            first, last, title = PEOPLE[number % len(PEOPLE)]
            url = address(f"{first.lower()}-{number}")
            self.member.connect(
                f"{first} {number}", last, url, names[number % len(names)], title,
                dt.date(2020, 1, 1) + dt.timedelta(days=number % 2000),
            )  # fmt: skip
        for number in range(count // 2):
            person = self.member.connections[number % len(self.member.connections)]
            text = f"Message {number}\nwith <b>two</b> lines"
            name = f"{person['First Name']} {person['Last Name']}"
            self.member.write_to(person["URL"], name, text, theirs=number % 3 > 0)
        self._drop()

    def _drop(self) -> None:
        self.member.archive(self.folder, FIRST + dt.timedelta(days=self._archives))
        self._archives += 1

    def expected(self) -> int:
        return len(self.member.connections) + len(self.member.messages)

    def found(self, workspace: Path) -> int:
        count = 0
        for account in Reader(workspace, Ranking()).accounts():
            count += sum(
                "id" in contact.systems.get("linkedin", {}) for contact in account.contacts.values()
            )
            count += sum(event.id.startswith("linkedin:") for event in account.events)
        return count

    def add_one(self) -> None:
        self.member.connect("Kai", "Nord", address("kai-nord"), "Acme Tiles", "Buyer", FIRST)
        self._drop()

    def change_one(self) -> str:
        self.member.connections[0]["Position"] = "Chief of Everything"
        self._drop()
        return "Chief of Everything"

    def go_empty(self) -> None:
        for file in self.folder.iterdir():
            file.unlink()

    def say(self, text: str) -> None:
        # A file holds whole characters: a pair of surrogates is one of them.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        self.member.connect(text, text, address("hostile"), "Hollis & Vane Freight", text, FIRST)
        self.member.write_to(address("hostile"), text, text, theirs=True, subject=text)
        self._drop()


HARNESS = LinkedInHarness
