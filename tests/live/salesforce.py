"""Salesforce for the contract tests: people, deals with their roles and history, activities and cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Self

from tests.live.harness import ACCOUNTS, Harness
from tests.servers.base import Call
from tests.servers.salesforce import CLIENT, SECRET, Salesforce

_STAGES = ("Prospecting", "Proposal", "Negotiation")
_FILES = ("contacts", "deals", "interactions", "tasks")
_PERSON, _DEAL = ("Ines", "Marek", "Lucia", "Tomas"), ("Telemetry", "Renewal", "Fleet", "Site plan")


class SalesforceHarness(Harness):
    """Every record that is not an account counts: each has one of `ACCOUNTS`."""

    system: ClassVar[str] = "salesforce"

    def __init__(self) -> None:
        self.salesforce = Salesforce()
        self.salesforce.page_size = 25
        self._made: list[str] = []
        self._accounts: list[str] = []
        self._users: list[str] = []
        self._changed = 0

    def __enter__(self) -> Self:
        self.salesforce.__enter__()
        return self

    def __exit__(self, *_error: object) -> None:
        self.salesforce.__exit__(None, None, None)

    @property
    def server(self) -> Salesforce:
        return self.salesforce

    def environment(self) -> dict[str, str]:
        return {
            "CRMCTL_SALESFORCE_URL": self.salesforce.url,
            "CRMCTL_SALESFORCE_CLIENT_ID": CLIENT,
            "CRMCTL_SALESFORCE_CLIENT_SECRET": SECRET,
        }

    def fill(self, count: int) -> None:
        org = self.salesforce.org
        for name in ("Ana Reyes", "Tom Adeyemi"):
            mail = f"{name.split()[0].lower()}@ours.example"
            self._users.append(org.add("User", Name=name, Email=mail, Username=mail))
        for name, domain in ACCOUNTS.values():
            owner, site = self._users[0], f"https://www.{domain}"
            parent = self._accounts[0] if self._accounts else None
            made = org.add("Account", Name=name, Website=site, OwnerId=owner, ParentId=parent)
            self._accounts.append(made)
        makers = (
            self._contact,
            self._deal,
            self._open_task,
            self._call,
            self._mail,
            self._case,
            self._contact,
            self._meeting,
        )
        people: dict[str, list[str]] = {}
        for number in range(count):
            account = self._accounts[number % 3]
            known = people.setdefault(account, [])
            maker = makers[number // 3 % len(makers)]
            made = maker(number, account, known)
            self._made.append(made)
            if org.kind(made) == "Contact":
                known.append(made)

    def _contact(self, number: int, account: str, known: list[str]) -> str:
        domain = list(ACCOUNTS.values())[self._accounts.index(account)][1]
        return self.salesforce.org.add(
            "Contact",
            FirstName=_PERSON[number % 4],
            LastName=f"Okafor {number}",
            Email=f"person{number}@{domain}",
            Title="Head of Operations",
            AccountId=account,
            ReportsToId=known[0] if known else None,
            OwnerId=self._users[number % 2],
        )

    def _deal(self, number: int, account: str, known: list[str]) -> str:
        org = self.salesforce.org
        deal = org.add(
            "Opportunity",
            Name=f"{_DEAL[number % 4]} {number}",
            AccountId=account,
            StageName=_STAGES[number % 3],
            Amount=1000.0 * number,
            Probability=30.0,
            CloseDate="2026-09-30",
            NextStep="Send the quote",
            OwnerId=self._users[0],
        )
        for place, person in enumerate(known[-2:]):
            role = {"Role": "Decision Maker", "IsPrimary": not place}
            org.add("OpportunityContactRole", OpportunityId=deal, ContactId=person, **role)
        if number % 2:
            org.change(deal, StageName="Proposal", Amount=500.0 * number)
        return deal

    def _activity(self, number: int, account: str, known: list[str]) -> dict[str, Any]:
        return {
            "ActivityDate": f"2026-05-{number % 28 + 1:02}",
            "WhatId": account,
            "WhoId": known[-1] if known else None,
            "OwnerId": self._users[number % 2],
        }

    def _open_task(self, number: int, account: str, known: list[str]) -> str:
        about = self._activity(number, account, known)
        return self.salesforce.org.add(
            "Task", Subject=f"Prepare {number}", Status="Not Started", Priority="High", **about
        )

    def _call(self, number: int, account: str, known: list[str]) -> str:
        return self.salesforce.org.add(
            "Task",
            Subject=f"Call {number}",
            Status="Completed",
            IsClosed=True,
            IsArchived=number % 2 == 0,
            TaskSubtype="Call",
            CallType="Outbound",
            CallDurationInSeconds=300,
            Description=f"They asked about point {number}.",
            **self._activity(number, account, known),
        )

    def _mail(self, number: int, account: str, known: list[str]) -> str:
        return self.salesforce.org.add(
            "Task",
            Subject=f"Email: offer {number}",
            Status="Completed",
            IsClosed=True,
            TaskSubtype="Email",
            **self._activity(number, account, known),
        )

    def _meeting(self, number: int, account: str, known: list[str]) -> str:
        return self.salesforce.org.add(
            "Event",
            Subject=f"Review {number}",
            StartDateTime=f"2026-05-{number % 28 + 1:02}T14:00:00.000+0000",
            DurationInMinutes=45,
            Description="Went through the numbers.",
            **self._activity(number, account, known),
        )

    def _case(self, number: int, account: str, known: list[str]) -> str:
        return self.salesforce.org.add(
            "Case",
            CaseNumber=f"{number:08}",
            Subject=f"Tracker {number} offline",
            Status="Working",
            Priority="High",
            AccountId=account,
            ContactId=known[-1] if known else None,
        )

    def expected(self) -> int:
        return len(self._made)

    def found(self, workspace: Path) -> int:
        own = [
            file
            for folder in _FILES
            for file in workspace.glob(f"accounts/*/{folder}/*.md")
            if "\n  salesforce:\n" in file.read_text("utf-8")
        ]
        lines: list[str] = [
            json.loads(line)["id"]
            for file in workspace.glob("accounts/*/interactions/*.jsonl")
            for line in file.read_text("utf-8").splitlines()
        ]
        return len(own) + sum(id.startswith("salesforce:") for id in lines)

    def _first(self, kind: str) -> str:
        return next(id for id in self._made if self.salesforce.org.kind(id) == kind)

    def add_one(self) -> None:
        number = 10_000 + len(self._made)
        self._made.append(self._open_task(number, self._accounts[0], []))

    def change_one(self) -> str:
        self._changed += 1
        text = f"Send the revised quote, version {self._changed}"
        self.salesforce.org.change(self._first("Opportunity"), NextStep=text)
        return text

    def delete_one(self) -> None:
        self.salesforce.org.delete(self._first("Contact"))

    def expire(self) -> None:
        self.salesforce.expire()

    def loop(self) -> None:
        self.salesforce.looping = True

    def go_empty(self) -> None:
        self.salesforce.empty = True

    def say(self, text: str) -> None:
        org = self.salesforce.org
        account = self._accounts[0]
        given = {"Website": None, "OwnerId": self._users[0]}
        org.add("Account", **self._texts("Account", text) | given)
        person = org.add("Contact", **self._texts("Contact", text) | {"AccountId": account})
        about = {"WhatId": account, "WhoId": person, "AccountId": account}
        dated = {"ActivityDate": "2026-06-01", **about}
        deal = org.add("Opportunity", **self._texts("Opportunity", text) | {"AccountId": account})
        org.add("OpportunityContactRole", OpportunityId=deal, ContactId=person, Role=text)
        call = {"Status": "Completed", "IsClosed": True, "TaskSubtype": "Call"}
        self._made += [
            person,
            deal,
            org.add("Task", **self._texts("Task", text) | dated),
            org.add("Task", **self._texts("Task", text) | dated | call),
            org.add("Event", **self._texts("Event", text) | dated),
            org.add("Case", **self._texts("Case", text) | {"AccountId": account}),
        ]

    def _texts(self, kind: str, text: str) -> dict[str, Any]:
        plain = {"string", "textarea", "picklist", "phone", "email", "url"}
        types = self.salesforce.org.schema[kind]
        return {name: text for name, type in types.items() if type in plain}

    def move_between_pages(self) -> None:
        """A contact of the first page changes when the second one is asked for."""
        self.salesforce.page_size = 5
        moved = False

        def before(call: Call) -> None:
            nonlocal moved
            if not moved and "/query/0r8" in call.path:
                moved = True
                self.salesforce.org.change(self._first("Contact"), Title="Director of Operations")

        self.salesforce.before = before


HARNESS = SalesforceHarness
