"""Column names of Salesforce CSV files: API names (Data Loader) and labels (reports)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crmctl.sources import salesforce_ids

# Names that reports and the API share; here for files that write them all in capitals.
_PLAIN = """
    AccountId Amount BillingAddress Birthdate CallDurationInSeconds Company ContactId
    Department Email Fax Id Industry IsChild IsDeleted IsPrimary LastActivityDate
    MailingAddress MasterRecordId OpportunityId OwnerId ParentId Priority Rating ReportsToId
    Role Status Subject Title Type Username WhatId WhoId Website Name FirstName LastName
    Street City State PostalCode Country IsAllDayEvent IsHighPriority ActivityDateTime
    Owner.Email SuppliedEmail
""".split()
# Labels that mean the same in every report, by the API name.
_COMMON = {
    "OwnerId": ("Owner ID",),
    "Owner.Name": (
        "Account Owner",
        "Assigned",
        "Case Owner",
        "Contact Owner",
        "Lead Owner",
        "Opportunity Owner",
        "Owner",
    ),
    "CreatedDate": ("Created Date", "Date/Time Opened", "Opened Date", "Create Date"),
    "SystemModstamp": ("Last Modified Date",),
    "CurrencyIsoCode": (
        "Amount Currency",
        "Annual Revenue Currency",
        "Account Currency",
        "Contact Currency",
        "Lead Currency",
        "Opportunity Currency",
        "Currency",
    ),
    "Description": (
        "Account Description",
        "Case Description",
        "Comments",
        "Full Comments",
        "Opportunity Description",
    ),
    "Phone": ("Account Phone", "Business Phone"),
    "MobilePhone": ("Mobile", "Mobile Phone"),
    "HasOptedOutOfEmail": ("Email Opt Out",),
    "LeadSource": ("Lead Source",),
    "AnnualRevenue": ("Annual Revenue",),
    "NumberOfEmployees": ("Employees", "No. of Employees", "Number of Employees"),
}
# Labels of one object, by the API name. What other objects call their own is a parent's here.
_OF: dict[str, dict[str, tuple[str, ...]]] = {
    "Account": {
        "Id": ("Account ID",),
        "Name": ("Account Name",),
        "Type": ("Account Type",),
        "AccountSource": ("Account Source",),
        "ParentId": ("Parent Account ID",),
        "Parent.Name": ("Parent Account",),
        "BillingStreet": ("Billing Street", "Billing Address Line 1"),
        "BillingCity": ("Billing City",),
        "BillingState": ("Billing State/Province", "Billing State"),
        "BillingPostalCode": ("Billing Zip/Postal Code", "Billing Zip"),
        "BillingCountry": ("Billing Country",),
    },
    "Contact": {
        "Id": ("Contact ID",),
        "FirstName": ("First Name",),
        "LastName": ("Last Name",),
        "Name": ("Full Name", "Contact Name"),
        "AccountId": ("Account ID",),
        "Account.Name": ("Account Name",),
        "MailingCity": ("Mailing City",),
        "MailingCountry": ("Mailing Country",),
        "ReportsToId": ("Reports To ID",),
    },
    "Opportunity": {
        "Id": ("Opportunity ID",),
        "Name": ("Opportunity Name",),
        "AccountId": ("Account ID",),
        "Account.Name": ("Account Name",),
        "StageName": ("Stage",),
        "Probability": ("Probability (%)",),
        "CloseDate": ("Close Date",),
        "IsClosed": ("Closed",),
        "IsWon": ("Won",),
        "NextStep": ("Next Step",),
        "Type": ("Opportunity Type",),
        "ForecastCategoryName": ("Forecast Category",),
    },
    "OpportunityContactRole": {
        "Id": ("Contact Role ID",),
        "OpportunityId": ("Opportunity ID",),
        "ContactId": ("Contact ID",),
        "IsPrimary": ("Primary",),
    },
    "OpportunityHistory": {},
    "OpportunityFieldHistory": {},
    "Task": {
        "Id": ("Activity ID", "Task ID"),
        "ActivityDate": ("Date", "Due Date", "Due Date Only"),
        "TaskSubtype": ("Task Subtype", "Activity Subtype"),
        "CallDurationInSeconds": ("Call Duration",),
        "CallType": ("Call Type",),
        "CallDisposition": ("Call Result",),
        "IsClosed": ("Closed",),
        "AccountId": ("Account ID", "Company / Account ID"),
        "Account.Name": ("Company / Account", "Account Name"),
        "WhoId": ("Contact ID", "Name ID"),
        "Who.Name": ("Contact",),
        "WhatId": ("Opportunity ID", "Related To ID"),
        "CompletedDateTime": ("Completed Date", "Completed Date/Time"),
    },
    "Event": {
        "Id": ("Activity ID", "Event ID"),
        "ActivityDate": ("Date",),
        "StartDateTime": ("Start", "Start Date/Time"),
        "EndDateTime": ("End", "End Date/Time"),
        "DurationInMinutes": ("Duration",),
        "AccountId": ("Account ID", "Company / Account ID"),
        "Account.Name": ("Company / Account", "Account Name"),
        "WhoId": ("Contact ID", "Name ID"),
        "Who.Name": ("Contact",),
        "WhatId": ("Opportunity ID", "Related To ID"),
    },
    "Case": {
        "Id": ("Case ID",),
        "CaseNumber": ("Case Number",),
        "Reason": ("Case Reason",),
        "IsEscalated": ("Escalated",),
        "IsClosed": ("Closed",),
        "ClosedDate": ("Date/Time Closed", "Closed Date"),
        "AccountId": ("Account ID",),
        "Account.Name": ("Account Name",),
        "ContactId": ("Contact ID",),
        "Contact.Name": ("Contact Name",),
        "ContactEmail": ("Contact Email",),
    },
    "User": {"Id": ("User ID",), "Name": ("Full Name",)},
    "Lead": {
        "Id": ("Lead ID",),
        "FirstName": ("First Name",),
        "LastName": ("Last Name",),
        "Company": ("Company / Account", "Company"),
        "IsConverted": ("Converted",),
        "PostalCode": ("Zip/Postal Code",),
        "State": ("State/Province",),
    },
}
# Columns that only this object has; the first that fits decides.
_SIGNATURES = (
    ("OpportunityContactRole", ("contactroleid",)),
    ("OpportunityContactRole", ("opportunityid", "contactid", "role")),
    ("OpportunityContactRole", ("opportunityid", "contactid", "isprimary")),
    ("Case", ("casenumber",)),
    ("Case", ("caseid",)),
    ("Event", ("startdatetime",)),
    ("Task", ("activityid",)),
    ("Task", ("whoid",)),
    ("Task", ("whatid",)),
    ("Opportunity", ("stagename",)),
    ("Opportunity", ("opportunityid",)),
    ("Lead", ("leadid",)),
    ("Lead", ("company", "lastname")),
    ("Contact", ("contactid",)),
    ("Contact", ("lastname", "accountid")),
    ("User", ("username",)),
    ("User", ("userid",)),
    ("Account", ("accountid",)),
    ("Account", ("billingcity",)),
    ("Account", ("name", "industry")),
    ("Account", ("name", "website")),
)


def folded(name: str) -> str:
    """A column's name for comparing: letters and digits only."""
    return re.sub(r"[^a-z0-9.]", "", name.lower())


def object_type(stem: str, header: Sequence[str]) -> str:
    """The object a CSV file holds, by its name, else by its columns; empty if neither tells."""
    name = re.sub(r"[^a-z]", "", stem.lower())
    plurals = {kind.lower(): kind for kind in _OF} | {
        "opportunities": "Opportunity",
        **{f"{kind.lower()}s": kind for kind in _OF},
    }
    if name in plurals:
        return plurals[name]
    columns = {folded(column) for column in header}
    return next((kind for kind, marks in _SIGNATURES if columns.issuperset(marks)), "")


def api_names(kind: str, header: Sequence[str]) -> dict[str, str]:
    """The API name of each column; a column that is no label of ``kind`` keeps its own name.

    Of two columns for the same field the first counts.
    """
    labels = {folded(name): name for name in _PLAIN}
    labels |= {folded(label): api for api, names in _COMMON.items() for label in (api, *names)}
    own = _OF.get(kind, {})
    labels |= {folded(label): api for api, names in own.items() for label in (api, *names)}
    result: dict[str, str] = {}
    for column in header:
        api = labels.get(folded(column)) or labels.get(folded(_base(column))) or column
        if api not in result.values():
            result[column] = api
    return result


def _base(column: str) -> str:
    """``Amount (converted)`` is not ``Amount``, but ``Account ID (18)`` is ``Account ID``."""
    return re.sub(r"\s*\((?:15|18)\)\Z", "", column)


def row_type(record_id: str, otherwise: str) -> str:
    """The object of one row: its id says it where one file mixes tasks and events."""
    found = salesforce_ids.type_of(record_id)
    return found if {found, otherwise} <= {"Task", "Event"} else otherwise or found
