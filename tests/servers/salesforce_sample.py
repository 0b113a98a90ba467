"""What the double of Salesforce holds when somebody only wants to play with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.servers.salesforce_org import Org

if TYPE_CHECKING:
    from tests.servers.salesforce import Salesforce

_CUSTOMERS: tuple[dict[str, Any], ...] = (
    {
        "Name": "Hollis & Vane Freight",
        "Website": "https://www.hollisvane.example",
        "Type": "Customer - Direct",
        "Industry": "Transportation",
        "NumberOfEmployees": 140,
        "AnnualRevenue": 18_500_000.0,
        "BillingCity": "Leeds",
        "BillingCountry": "United Kingdom",
        "Phone": "+44 113 496 0021",
    },
    {
        "Name": "Nordlicht Möbel",
        "Website": "https://nordlicht.example",
        "Type": "Prospect",
        "Industry": "Manufacturing",
        "NumberOfEmployees": 620,
        "BillingCity": "Bremen",
        "BillingCountry": "Germany",
    },
    {
        "Name": "Acme Tiles",
        "Website": "https://acmetiles.example",
        "Type": "Customer - Direct",
        "Industry": "Construction",
        "NumberOfEmployees": 75,
        "BillingCity": "Porto",
        "BillingCountry": "Portugal",
    },
)
_PEOPLE = (
    (0, "Ines", "Okafor", "Head of Operations", "ines.okafor@hollisvane.example"),
    (0, "Piers", "Vane", "Chief Executive Officer", "piers@hollisvane.example"),
    (1, "Jutta", "Brandes", "VP, Finance", "jutta.brandes@nordlicht.example"),
    (1, "Emre", "Aydin", "Plant Manager", "emre.aydin@nordlicht.example"),
    (2, "Lurdes", "Faria", "Director of Sales", "lurdes@acmetiles.example"),
)
_DEALS = (
    (0, "Fleet telemetry 2026", ("Prospecting", "Proposal/Price Quote"), 48_000.0, (0, 1)),
    (1, "Energy dashboard", ("Prospecting", "Negotiation/Review"), 96_500.0, (2, 3)),
    (2, "Warehouse pilot", ("Prospecting", "Closed Won"), 12_000.0, (4,)),
)


def fill(server: Salesforce) -> None:
    """Put the sample into an organisation that is empty so far."""
    org = server.org
    robot = org.add("User", Name="Integration", Username=server.username, IsActive=True)
    server.user = robot
    org.add("Organization", Name="Vendor Sales")
    owners = [
        org.add("User", Name=name, Email=mail, Username=mail, IsActive=True)
        for name, mail in (
            ("Marta Lindqvist", "marta@ours.example"),
            ("Joe Bligh", "joe@ours.example"),
        )
    ]
    accounts = [
        org.add("Account", OwnerId=owners[number % 2], **given)
        for number, given in enumerate(_CUSTOMERS)
    ]
    people = [
        org.add(
            "Contact",
            AccountId=accounts[account],
            FirstName=first,
            LastName=last,
            Title=title,
            Email=mail,
            OwnerId=owners[account % 2],
        )
        for account, first, last, title, mail in _PEOPLE
    ]
    for number, (account, name, stages, amount, roles) in enumerate(_DEALS):
        deal = org.add(
            "Opportunity",
            AccountId=accounts[account],
            Name=name,
            StageName=stages[0],
            Amount=amount,
            Probability=20.0,
            CloseDate=f"2026-{number + 9:02}-30",
            NextStep="Send the revised quote by Thursday",
            OwnerId=owners[account % 2],
        )
        for place, person in enumerate(roles):
            role = "Decision Maker" if place else "Evaluator"
            pair = {"OpportunityId": deal, "ContactId": people[person]}
            org.add("OpportunityContactRole", Role=role, IsPrimary=not place, **pair)
        won = stages[-1] == "Closed Won"
        org.change(
            deal, StageName=stages[-1], Probability=100.0 if won else 60.0, IsClosed=won, IsWon=won
        )
    _activities(org, accounts, people, owners)


def _activities(org: Org, accounts: list[str], people: list[str], owners: list[str]) -> None:
    org.add(
        "Task",
        Subject="Call: pricing follow-up",
        Status="Completed",
        IsClosed=True,
        TaskSubtype="Call",
        CallType="Outbound",
        CallDurationInSeconds=412,
        ActivityDate="2026-08-26",
        Description="Ines wants a price per vehicle.",
        WhoId=people[0],
        WhatId=accounts[0],
        OwnerId=owners[0],
    )
    org.add(
        "Task",
        Subject="Send the data protection agreement",
        Status="Not Started",
        Priority="High",
        ActivityDate="2026-11-20",
        WhoId=people[2],
        WhatId=accounts[1],
        OwnerId=owners[1],
    )
    org.add(
        "Event",
        Subject="Quarterly review",
        StartDateTime="2026-09-05T14:00:00.000+0000",
        EndDateTime="2026-09-05T14:45:00.000+0000",
        DurationInMinutes=45,
        Description="Usage is up; they ask for single sign-on.",
        WhoId=people[4],
        WhatId=accounts[2],
        OwnerId=owners[0],
    )
    org.add(
        "Case",
        CaseNumber="00004187",
        Subject="Tracker offline after the firmware update",
        Status="Working",
        Priority="High",
        IsEscalated=True,
        AccountId=accounts[0],
        ContactId=people[0],
    )
    org.add(
        "Lead",
        FirstName="Noor",
        LastName="Haddad",
        Company="Quayside Foods",
        Email="noor@quayside.example",
        Title="Supply Chain Manager",
        OwnerId=owners[1],
    )
