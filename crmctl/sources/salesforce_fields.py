"""What is read of each Salesforce object: the fields that the mapping knows and those that a team maps itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

from crmctl.model.errors import ConfigError
from crmctl.sources import salesforce_soql as soql
from crmctl.sources.salesforce_stated import HISTORIES
from crmctl.workspace.source_settings import SalesforceSettings

_SYSTEM = "Id IsDeleted CreatedDate LastModifiedDate SystemModstamp"
_ACTIVITY = """
    Subject Status Priority ActivityDate IsClosed IsHighPriority Description WhoId WhatId AccountId OwnerId
"""
_FIELDS = {
    "Account": """
        Name Description Type Industry AccountSource NumberOfEmployees AnnualRevenue CurrencyIsoCode
        Phone Website BillingStreet BillingCity BillingState BillingPostalCode BillingCountry
        OwnerId ParentId MasterRecordId
    """,
    "Contact": """
        Name FirstName LastName Title Department Email Phone MobilePhone MailingCity MailingCountry
        LeadSource OwnerId HasOptedOutOfEmail AccountId ReportsToId MasterRecordId
    """,
    "Lead": """
        Name FirstName LastName Title Email Phone MobilePhone Company Industry Website
        NumberOfEmployees AnnualRevenue CurrencyIsoCode Street City State PostalCode Country
        LeadSource OwnerId HasOptedOutOfEmail IsConverted ConvertedContactId MasterRecordId
    """,
    "Opportunity": """
        Name AccountId StageName Amount CurrencyIsoCode Probability CloseDate Type OwnerId NextStep
        ForecastCategoryName LeadSource Description IsClosed IsWon
    """,
    "OpportunityContactRole": "OpportunityId ContactId Role IsPrimary",
    "OpportunityHistory": "OpportunityId StageName",
    "OpportunityFieldHistory": "OpportunityId Field NewValue",
    "Task": f"""
        {_ACTIVITY} TaskSubtype CallType CallDurationInSeconds CallDisposition CompletedDateTime
    """,
    "Event": """
        Subject StartDateTime EndDateTime ActivityDateTime ActivityDate DurationInMinutes
        IsAllDayEvent IsChild Description WhoId WhatId AccountId OwnerId
    """,
    "Case": """
        CaseNumber Subject Description Status Priority Reason IsClosed IsEscalated ClosedDate
        AccountId ContactId ContactEmail SuppliedEmail MasterRecordId
    """,
    "User": "Name Email Username",
    "Group": "Name",
}
OBJECTS = tuple(kind for kind in _FIELDS if kind not in {"User", "Group"})
"""The objects that are read, each behind those that it points at."""
# Not in every organisation, or not on every object: nobody misses them.
_OFTEN_MISSING = frozenset(
    """CurrencyIsoCode MasterRecordId CompletedDateTime TaskSubtype CallType CallDisposition IsChild
    ContactEmail IsDeleted LastModifiedDate SystemModstamp CreatedDate""".split()
)
_OWN = re.compile(r"[a-z][a-z0-9_]*\Z")
_RESERVED = frozenset(
    {"id", "aliases", "deleted", "digest", "merged_into", "modified", "people", "sources", "with"}
)


def wanted(kind: str, settings: SalesforceSettings) -> list[str]:
    """The API names of all fields to be read of an object, if they can be read."""
    own = settings.fields.get(kind, {})
    return list(dict.fromkeys([*_SYSTEM.split(), *_FIELDS[kind].split(), *own]))


def missed(kind: str, readable: list[str], settings: SalesforceSettings) -> list[str]:
    """The fields worth a word that this user cannot read."""
    return [
        name
        for name in wanted(kind, settings)
        if name not in readable and name not in _OFTEN_MISSING
    ]


def objects(settings: SalesforceSettings) -> tuple[list[str], list[str]]:
    """The objects to be read, in the order of reading, and those asked for that crmctl does not know."""
    known = [kind for kind in OBJECTS if kind in settings.objects]
    unknown = [kind for kind in settings.objects if kind not in _FIELDS]
    return known, unknown


def check(mapped: Mapping[str, Mapping[str, str]]) -> None:
    """ConfigError if the team's own mapping (``sources.salesforce.fields``) cannot be meant."""
    for kind, names in mapped.items():
        where = f"sources.salesforce.fields: {kind}"
        if kind not in OBJECTS or kind in {"OpportunityContactRole", *HISTORIES}:
            raise ConfigError(
                f"{where} has no fields to map; allowed: Account, Contact, Opportunity and the like"
            )
        for api_name, name in names.items():
            soql.name(api_name)
            if not _OWN.match(name) or name in _RESERVED:
                raise ConfigError(
                    f"{where}: {api_name} cannot become {name!r}; write a field's name in small letters such as plan"
                )
