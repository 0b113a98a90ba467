"""The names that Slack gives to messages: a channel and a time, which is text and never a number."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_STAMP = re.compile(r"[0-9]{10}\.[0-9]{6}\Z")
_CHANNEL = re.compile(r"[CGD][A-Z0-9]{2,30}\Z")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Place(NamedTuple):
    """Where a message stands: its channel, the first message of its thread ("" for one of the channel), its time."""

    channel: str
    root: str
    ts: str

    def __str__(self) -> str:
        return "-".join(filter(None, self))


def stamp(value: Any) -> str:
    """A time as Slack writes it, ``1772528399.000200``, "" for anything else. Two of them compare as text."""
    return value if isinstance(value, str) and _STAMP.match(value) else ""


def is_channel(text: str) -> bool:
    """Whether a text is the id of a channel rather than its name."""
    return bool(_CHANNEL.match(text))


def place(channel: str, message: Mapping[str, Any]) -> Place | None:
    """Where a message stands; None if it does not say."""
    ts, root = stamp(message.get("ts")), stamp(message.get("thread_ts"))
    return Place(channel, root if root != ts else "", ts) if ts and is_channel(channel) else None


def parsed(id: str) -> Place | None:
    """The place that an id of ours names; None if it is none."""
    channel, *times = id.split("-")
    if not is_channel(channel) or len(times) not in {1, 2} or not all(map(stamp, times)):
        return None
    return Place(channel, times[0] if len(times) == 2 else "", times[-1])


def moment(ts: str) -> dt.datetime:
    """The time of a message in UTC."""
    seconds, _, fraction = ts.partition(".")
    return _EPOCH + dt.timedelta(seconds=int(seconds), microseconds=int(fraction))


def version(ts: str) -> str:
    """The same as text that sorts, for `modified`."""
    return moment(ts).isoformat(timespec="microseconds").replace("+00:00", "Z")


def at(time: dt.datetime) -> str:
    """A time as Slack writes it."""
    passed = max(time - _EPOCH, dt.timedelta())
    return f"{passed.days * 86400 + passed.seconds:010d}.{passed.microseconds:06d}"


def earlier(ts: str, by: dt.timedelta) -> str:
    """The time that lies so much before."""
    return at(moment(ts) - by)


def seconds(value: Any) -> int:
    """Seconds since 1970 as a number or, in older exports, as text; 0 for anything else."""
    if isinstance(value, str) and len(value) <= 10 and value.isascii() and value.isdecimal():
        value = int(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 < value < 10**10 else 0
