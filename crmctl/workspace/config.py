"""``crmctl.yaml``: the team, whom to believe, how careful to be. No secrets, no addresses of servers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from crmctl.model.errors import ConfigError, DamagedFile, Problem
from crmctl.model.record import DEFAULT_RANKING, Ranking
from crmctl.model.schema import FIELDS
from crmctl.workspace import files, yamlio
from crmctl.workspace.calendar_rules import Calendar
from crmctl.workspace.document_settings import Documents
from crmctl.workspace.nightly_settings import Nightly
from crmctl.workspace.notification_settings import Notifications
from crmctl.workspace.review_settings import Reviews
from crmctl.workspace.source_settings import Sources, Strict

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

CONFIG = "crmctl.yaml"
MOST_PROBLEMS = 200  # that are told of one file
T = TypeVar("T", bound=BaseModel)


class Member(Strict):
    """One of us."""

    id: Annotated[
        str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="short name used as owner")
    ]
    name: Annotated[str, Field(description="full name")] = ""
    email: Annotated[str, Field(description="work address")] = ""
    manager: Annotated[str, Field(description="id of the manager, for escalations")] = ""
    ids: Annotated[
        dict[str, str],
        Field(description="this person's id in each system, such as salesforce: 005…"),
    ] = {}


class Guards(Strict):
    """When an import stops and asks."""

    changed_share: Annotated[
        float,
        Field(
            gt=0, le=1, description="stop when more than this share of the accounts would change"
        ),
    ] = 0.5
    changed_at_least: Annotated[
        int, Field(ge=0, description="but never below this many accounts")
    ] = 20


class Upkeep(Strict):
    """When `check` calls a record stale or incomplete."""

    stale_after_days: Annotated[
        int, Field(ge=1, description="no conversation for so many days")
    ] = 90
    required: Annotated[
        dict[str, list[str]],
        Field(description="fields an account must have from a lifecycle stage on"),
    ] = {
        "prospect": ["domains"],
        "opportunity": ["domains", "owner"],
        "customer": ["domains", "owner", "arr", "renewal"],
        "churn_risk": ["domains", "owner", "arr", "renewal"],
    }


class LanguageModel(Strict):
    """Whether and how a language model is asked. Where it is and its key are settings of each machine."""

    enabled: Annotated[
        bool,
        Field(description="let `insights --model` send what it needs of an account to a model"),
    ] = False
    kind: Annotated[
        Literal["openai", "anthropic"],
        Field(description="what it speaks: /v1/chat/completions or /v1/messages"),
    ] = "openai"
    model: Annotated[str, Field(description="name of the model, as its server knows it")] = ""
    send_tokens: Annotated[
        int, Field(ge=500, le=200_000, description="most tokens of an account that are sent")
    ] = 6000
    answer_tokens: Annotated[
        int, Field(ge=100, le=32_000, description="most tokens of the answer")
    ] = 2000
    limit_name: Annotated[
        Literal["max_tokens", "max_completion_tokens"],
        Field(description="what an openai server calls the limit of the answer"),
    ] = "max_tokens"
    seconds: Annotated[
        float,
        Field(
            gt=0,
            le=180,
            description="how long to wait for an answer, and until when to ask again if it is busy",
        ),
    ] = 120.0

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.enabled and not self.model:
            raise ValueError("names no model; write the one to ask, such as model: gpt-4.1")
        return self


class Research(Strict):
    """How `crmctl research` visits a company's own public site."""

    enabled: Annotated[
        bool,
        Field(description="whether sites may be visited at all; nothing is sent while it is off"),
    ] = False
    user_agent: Annotated[
        str,
        Field(
            max_length=200,
            pattern=r"^[\x20-\x7e]*$",
            description="how we introduce ourselves, best with an address for complaints",
        ),
    ] = ""
    pages: Annotated[int, Field(ge=1, le=20, description="pages of a site that are read")] = 6
    delay_seconds: Annotated[
        float, Field(ge=1, le=60, description="least seconds between two requests")
    ] = 2.0
    seconds: Annotated[int, Field(ge=5, le=600, description="seconds that one visit may take")] = 60
    page_kilobytes: Annotated[
        int, Field(ge=16, le=4096, description="kilobytes of a page that are looked at")
    ] = 1024
    refresh_days: Annotated[
        int, Field(ge=1, le=365, description="days before what is found again is dated anew")
    ] = 30
    dns: Annotated[bool, Field(description="whether public DNS records are read too")] = True


class Config(Strict):
    """The whole of ``crmctl.yaml``."""

    company: Annotated[str, Field(description="our own name, as it stands in reviews")] = ""
    our_domains: Annotated[
        list[str], Field(description="our own mail domains: their people are not contacts")
    ] = []
    currency: Annotated[
        str, Field(pattern="^[A-Z]{3}$", description="currency where a file states none")
    ] = "USD"
    timezone: Annotated[
        str, Field(description="the team's time zone, such as Europe/Berlin, for schedules")
    ] = "UTC"
    team: Annotated[list[Member], Field(description="who we are")] = []
    default_owner: Annotated[str, Field(description="who gets what nobody owns")] = ""
    ranking: Annotated[list[str], Field(description="systems, the most believed first")] = list(
        DEFAULT_RANKING
    )
    field_ranking: Annotated[
        dict[str, list[str]],
        Field(description="another order for one field, such as account.industry: [linkedin]"),
    ] = {}
    deal_stages: Annotated[
        list[str], Field(description="stages of our sales process, in order")
    ] = [
        "qualification",
        "discovery",
        "validation",
        "proposal",
        "negotiation",
    ]
    free_mail: Annotated[
        list[str], Field(description="further mail domains that belong to nobody")
    ] = []
    guards: Guards = Guards()
    sources: Annotated[Sources, Field(description="how each system is read")] = Sources()
    upkeep: Upkeep = Upkeep()
    calendar: Annotated[
        Calendar, Field(description="our working days, and when nobody is to be approached")
    ] = Calendar()
    nightly: Annotated[
        Nightly, Field(description="what `crmctl nightly` does, and on which days")
    ] = Nightly()
    reviews: Annotated[Reviews, Field(description="what reviews show, to us and to a customer")] = (
        Reviews()
    )
    documents: Annotated[
        Documents, Field(description="how plans, briefs and printed documents are made")
    ] = Documents()
    research: Research = Research()
    language_model: LanguageModel = LanguageModel()
    notifications: Annotated[
        Notifications, Field(description="how we are told of what workflows find")
    ] = Notifications()

    @field_validator("timezone")
    @classmethod
    def _on_earth(cls, value: str) -> str:
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(value)
        except (KeyError, OSError, ValueError):
            raise ValueError("is no time zone; write one such as Europe/Berlin") from None
        return value

    @field_validator("field_ranking")
    @classmethod
    def _known_fields(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        for name in value:
            kind, _, field = name.partition(".")
            if field not in FIELDS.get(kind, {}):
                raise ValueError(f"{name} is no field; write kind.field, such as account.industry")
        return value

    @field_validator("team")
    @classmethod
    def _one_each(cls, value: list[Member]) -> list[Member]:
        ids = [member.id for member in value]
        if len(ids) != len(set(ids)):
            raise ValueError("two members have the same id")
        return value

    @model_validator(mode="after")
    def _told_are_members(self) -> Self:
        strangers = self.notifications.members.keys() - {member.id for member in self.team}
        if strangers:
            raise ValueError(f"notifications.members: {min(strangers)} is no id of the team")
        return self

    def rank(self) -> Ranking:
        """Whom to believe, in the form the records use."""
        return Ranking(tuple(self.ranking), {k: tuple(v) for k, v in self.field_ranking.items()})

    def member(self, text: str) -> Member | None:
        """As `member_of`."""
        return member_of(self.team, text)


def member_of(team: Iterable[Member], text: str) -> Member | None:
    """The member with this id, address, name, or id in some system (``salesforce:005…``)."""
    system, _, key = text.partition(":")
    for member in team:
        if text.lower() in (member.id, member.email.lower(), member.name.lower()) or (
            key and member.ids.get(system) == key
        ):
            return member
    return None


def load_config(root: Path) -> Config:
    """The workspace's configuration; `ConfigError` lists everything that is wrong with it."""
    return load_model(root, CONFIG, Config)


def load_model(root: Path, path: str, model: type[T]) -> T:
    """A YAML file checked against a pydantic model; `ConfigError` with file, line and field of every problem."""
    raw = files.read(root, path)
    if raw is None:
        return model()
    return parse_model(raw, path, model)


def parse_model(raw: bytes, path: str, model: type[T]) -> T:
    """As `load_model`, from bytes."""
    found, problems = examine(raw, path, model)
    if found is None:
        raise ConfigError("; ".join(map(str, problems)))
    return found


def examine(raw: bytes, path: str, model: type[T]) -> tuple[T | None, list[Problem]]:
    """What a YAML file says, or None and all that is wrong with it."""
    try:
        text = raw.decode("utf-8-sig")
        data = yamlio.load(text, path=path)
    except UnicodeDecodeError:
        return None, [Problem(path, 0, "", "is not UTF-8 text", "yaml")]
    except DamagedFile as error:
        return None, error.problems
    try:
        return model.model_validate({} if data is None else data), []
    except ValidationError as error:
        details = error.errors(include_input=True, include_url=False)
        lines = yamlio.Lines(text)
        problems = [_problem(detail, lines, path) for detail in details[:MOST_PROBLEMS]]
        if len(details) > MOST_PROBLEMS:
            more = f"has {len(details) - MOST_PROBLEMS} more mistakes; mend these first"
            problems.append(Problem(path, 0, "", more, "value"))
        return None, problems


def _problem(detail: ErrorDetails, lines: yamlio.Lines, path: str) -> Problem:
    keys = detail["loc"]
    field = ".".join(map(str, keys))
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        message = "is not a known setting"
    elif not isinstance(detail.get("input"), (dict, list)):
        message = f"{message[:1].lower()}{message[1:]}, found {str(detail.get('input'))[:60]!r}"
    line = lines.of(keys) or lines.of(keys[:-1])
    return Problem(path, line, field, message, "value")


def schema() -> dict[str, Any]:
    """JSON Schema of ``crmctl.yaml``."""
    return Config.model_json_schema()
