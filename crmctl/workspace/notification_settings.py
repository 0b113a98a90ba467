"""How each of us is told: the part ``notifications:`` of ``crmctl.yaml``. No secrets, no addresses of servers."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from crmctl.workspace.source_settings import Strict

Way = Literal["email", "slack", "none"]
Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
DAYS: tuple[Day, ...] = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
_WEEKDAYS = 5
Hour = Annotated[int, Field(ge=0, le=23)]
Quiet = Annotated[str, Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$")]


class Reach(Strict):
    """How one person is told; what is left out is as for everybody."""

    channel: Annotated[Way | None, Field(description="email, slack or none")] = None
    digest_hour: Annotated[Hour | None, Field(description="hour from which the digest goes")] = None
    digest_days: Annotated[list[Day] | None, Field(description="days with a digest")] = None
    quiet_hours: Annotated[
        Quiet | None, Field(description="when nothing goes, such as 20:00-07:00")
    ] = None


class Notifications(Strict):
    """How we are told of what workflows find. Servers, secrets and targets are settings of each machine."""

    channel: Annotated[Way, Field(description="how everybody is told: email, slack or none")] = (
        "none"
    )
    digest_hour: Annotated[
        Hour, Field(description="hour of the team's time zone from which the digest goes")
    ] = 7
    digest_days: list[Day] = Field(
        default_factory=lambda: list(DAYS[:_WEEKDAYS]), description="days with a digest"
    )
    quiet_hours: Annotated[
        Quiet,
        Field(description="when nothing goes to people, not even urgent, such as 20:00-07:00"),
    ] = ""
    members: dict[str, Way | Reach] = Field(
        default_factory=dict,
        description="by id of the team: another channel, or a map of what differs",
    )
    keep_days: Annotated[
        int, Field(ge=1, le=3650, description="days for which sent messages stay in the outbox")
    ] = 90

    def of(self, member: str) -> Told:
        """What holds for one member, the defaults filled in."""
        own = self.members.get(member)
        reach = Reach(channel=own) if isinstance(own, str) else own or Reach()
        return Told(
            channel=self.channel if reach.channel is None else reach.channel,
            digest_hour=self.digest_hour if reach.digest_hour is None else reach.digest_hour,
            digest_days=self.digest_days if reach.digest_days is None else reach.digest_days,
            quiet_hours=self.quiet_hours if reach.quiet_hours is None else reach.quiet_hours,
        )


class Told(Strict):
    """What holds for one member."""

    channel: Way
    digest_hour: Hour
    digest_days: list[Day]
    quiet_hours: Quiet

    def quiet(self, local: dt.datetime) -> str:
        """The end of the quiet hours that ``local`` lies in, such as ``07:00``; "" outside of them."""
        start, _, end = self.quiet_hours.partition("-")
        now = f"{local:%H:%M}"
        if start <= end:
            return end if start <= now < end else ""
        return end if now >= start or now < end else ""

    def digest_due(self, local: dt.datetime) -> bool:
        """Whether the digest of this day may go by now."""
        return DAYS[local.weekday()] in self.digest_days and local.hour >= self.digest_hour
