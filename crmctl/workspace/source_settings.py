"""How each system is read: the part ``sources:`` of ``crmctl.yaml``. No secrets, no addresses of servers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """A part of a configuration file: unknown keys are mistakes, numbers are finite and never text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Keep = Literal["none", "new", "all"]
_TEXT = "text kept: none, the new text up to text_limit characters, or all"


class SalesforceSettings(Strict):
    """Salesforce."""

    version: Annotated[
        str, Field(pattern=r"^\d\d\.0$", description="version of the REST interface")
    ] = "66.0"
    objects: Annotated[list[str], Field(description="objects to read")] = [
        "User",
        "Account",
        "Contact",
        "Opportunity",
        "OpportunityContactRole",
        "OpportunityHistory",
        "Task",
        "Event",
        "Case",
        "Lead",
    ]
    fields: Annotated[
        dict[str, dict[str, str]],
        Field(description="custom fields by object, such as Account: {Plan__c: plan}"),
    ] = {}
    leads: Annotated[bool, Field(description="make a prospect of the company of an open lead")] = (
        False
    )
    bulk_above: Annotated[
        int, Field(ge=1, description="use Bulk API 2.0 for more records than this")
    ] = 50_000
    overlap_minutes: Annotated[
        int, Field(ge=0, description="how far each read reaches back behind the last")
    ] = 10
    quota_share: Annotated[
        float, Field(gt=0, le=1, description="stop at this share of the daily requests")
    ] = 0.8


class SlackSettings(Strict):
    """Slack."""

    channels: Annotated[
        dict[str, Slug], Field(description="account of a channel, by the channel's id or name")
    ] = {}
    patterns: Annotated[
        list[str], Field(description="names of channels that name the account, with {account}")
    ] = ["ext-{account}", "customer-{account}", "cust-{account}"]
    shared_domains: Annotated[
        bool, Field(description="a shared channel belongs to the account of its guests' domain")
    ] = True
    lookback_days: Annotated[
        int, Field(ge=0, description="how far back to look for late replies, edits and deletions")
    ] = 30
    text: Annotated[Keep, Field(description=_TEXT)] = "new"
    text_limit: Annotated[int, Field(ge=1, description="characters of text kept")] = 2000
    contacts: Annotated[
        bool, Field(description="make contacts of people of a customer's domain")
    ] = True
    join: Annotated[bool, Field(description="join mapped public channels")] = False


class GongSettings(Strict):
    """Gong."""

    lookback_days: Annotated[
        int, Field(ge=0, description="how far back to look for late transcripts and briefs")
    ] = 14
    transcripts: Annotated[bool, Field(description="keep transcripts")] = True
    private: Annotated[bool, Field(description="keep calls marked as private")] = False
    workspace: Annotated[str, Field(description="id of the one workspace to read")] = ""
    contacts: Annotated[
        bool, Field(description="make contacts of people of a customer's domain")
    ] = True
    tasks: Annotated[bool, Field(description="make tasks of the next steps of a call")] = True


class GranolaSettings(Strict):
    """Granola."""

    transcripts: Annotated[bool, Field(description="keep transcripts")] = False
    folders: Annotated[
        dict[str, Slug], Field(description="account of a folder, by the folder's id")
    ] = {}
    contacts: Annotated[
        bool, Field(description="make contacts of people of a customer's domain")
    ] = True
    tasks: Annotated[bool, Field(description="make tasks of the action items of a note")] = True


class EmailSettings(Strict):
    """E-mail, by IMAP, the Gmail API or Microsoft Graph."""

    folders: Annotated[
        list[str], Field(description="folders to read; none: all but junk, trash and drafts")
    ] = []
    text: Annotated[Keep, Field(description=_TEXT)] = "new"
    text_limit: Annotated[int, Field(ge=1, description="characters of text kept")] = 2000
    size_limit: Annotated[int, Field(ge=1, description="megabytes of a message worth reading")] = 10
    contacts: Annotated[
        bool, Field(description="make contacts of people of a customer's domain")
    ] = False
    signatures: Annotated[
        bool, Field(description="take phone and title of a known contact from signatures")
    ] = True


class Table(Strict):
    """One table or view of Supabase and what its rows mean."""

    table: Annotated[str, Field(min_length=1, description="name of the table or view")]
    holds: Annotated[
        Literal["usage", "tickets", "subscriptions", "surveys"],
        Field(description="what a row is"),
    ]
    account: Annotated[str, Field(min_length=1, description="column that names the account")]
    by: Annotated[
        Literal["slug", "domain", "email", "name", "id"],
        Field(description="what that column holds"),
    ] = "domain"
    of: Annotated[str, Field(description="with `by: id`, the system whose id it is")] = "supabase"
    key: Annotated[list[str], Field(min_length=1, description="columns of the primary key")] = [
        "id"
    ]
    updated: Annotated[
        str,
        Field(description='column with the time of the last change; "": the table is read whole'),
    ] = "updated_at"
    deleted: Annotated[
        str, Field(description="column that marks a deleted row, a flag or a time")
    ] = ""
    date: Annotated[
        str, Field(description="column that dates what the row tells, a day or a time")
    ] = ""
    fields: Annotated[
        dict[str, str],
        Field(
            description="crmctl's fields, each with its column; of usage: metric and value;"
            " of subscriptions also id, by which other tables name the account"
        ),
    ] = {}
    measures: Annotated[
        dict[str, str], Field(description="measures such as usage.active_users, each with a column")
    ] = {}


class SupabaseSettings(Strict):
    """Supabase, or any PostgREST."""

    schema_: Annotated[str, Field(alias="schema", description="schema the tables are in")] = (
        "public"
    )
    tables: Annotated[list[Table], Field(description="the tables to read")] = []
    page: Annotated[int, Field(ge=1, le=10_000, description="rows asked for at once")] = 1000
    overlap_minutes: Annotated[
        int, Field(ge=0, description="how far each read reaches back behind the last")
    ] = 10


class LinkedInSettings(Strict):
    """LinkedIn, from files."""

    contacts: Annotated[
        bool, Field(description="make contacts of connections at a known account")
    ] = False
    text: Annotated[Keep, Field(description=_TEXT)] = "new"
    text_limit: Annotated[int, Field(ge=1, description="characters of text kept")] = 2000


class Sources(Strict):
    """How each system is read."""

    first_days: Annotated[
        int, Field(ge=1, description="how far back the first read of traffic reaches")
    ] = 365
    minutes: Annotated[int, Field(ge=1, description="minutes that one sync may take")] = 60
    salesforce: SalesforceSettings = SalesforceSettings()
    slack: SlackSettings = SlackSettings()
    gong: GongSettings = GongSettings()
    granola: GranolaSettings = GranolaSettings()
    email: EmailSettings = EmailSettings()
    supabase: SupabaseSettings = SupabaseSettings()
    linkedin: LinkedInSettings = LinkedInSettings()
