"""What systems send by themselves: is it really from them, and which records is it about?

Signatures are proved over the raw bytes. What a delivery says is then told to the engine through the same source that
a sync reads, so that the records are the same ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from crmctl.model.errors import ConfigError
from crmctl.model.incoming import Batch, Waiting
from crmctl.sources import gong_webhook, slack_events, supabase_webhook

if TYPE_CHECKING:
    from crmctl.sources.source import Request, Source
    from crmctl.workspace.machine import Machine
    from crmctl.workspace.source_settings import Sources

Reading = Callable[["Source", "Request"], Batch]
SECRETS = {"slack": "signing_secret", "supabase": "webhook_secret", "gong": "webhook_key"}
"""The systems that can send, each with the setting that proves a delivery."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A delivery that was proved. ``key`` is the same when it comes again, "" if that is no matter.

    ``answer`` is what the system waits for. ``read`` gives what it is about; None if it is about nothing.
    """

    key: str
    answer: str = ""
    read: Reading | None = None


def able(machine: Machine) -> list[str]:
    """The systems whose deliveries this machine can prove. ConfigError if there is none."""
    found = [system for system, name in SECRETS.items() if machine.get(system, name)]
    if not found:
        names = ", ".join(f"{system} {name}" for system, name in SECRETS.items())
        raise ConfigError(
            f"no delivery could be proved here: set one of {names} with `crmctl auth`"
        )
    return found


def hear(
    system: str,
    secret: str,
    settings: Sources,
    headers: Mapping[str, str],
    body: bytes,
    url: str,
    now: float,
) -> Heard | None:
    """One delivery, None if it cannot be proved. ``headers`` have lower-case names; ``now`` is seconds since 1970."""
    if system == "slack":
        stamp = headers.get("x-slack-request-timestamp", "")
        signature = headers.get("x-slack-signature", "")
        if not slack_events.verify(secret, stamp, body, signature, now):
            return None
        return _slack(body)
    if system == "supabase":
        if not supabase_webhook.verify(secret, headers):
            return None
        payload = _parsed(body)
        # The row is read anew each time, and a body that came before may well be news again.
        return Heard("", read=partial(_rows, payload, settings))
    if not gong_webhook.verify(secret, headers, body, url, now):
        return None
    ids = gong_webhook.call_ids(_parsed(body))
    return Heard(_digest(body), read=partial(_calls, ids) if ids else None)


def _slack(body: bytes) -> Heard:
    asked = slack_events.challenge(body)
    if asked is not None:
        return Heard("", asked)
    payload = slack_events.parse(body)
    key = slack_events.delivery_id(payload) or _digest(body)
    return Heard(key, read=partial(_message, payload))


def _message(payload: Mapping[str, Any], source: Source, request: Request) -> Batch:
    from crmctl.sources.slack_live import Slack

    if not isinstance(source, Slack):
        return Batch(source.system, partial=True)
    return slack_events.to_batch(payload, source.team(request))


def _rows(payload: Any, settings: Sources, source: Source, request: Request) -> Batch:
    change = supabase_webhook.changed(payload, settings.supabase)
    batch = change.batch
    if change.wanted:
        batch.add(source.fetch(request, change.wanted))
    return batch


def _calls(ids: list[str], source: Source, request: Request) -> Batch:
    return source.fetch(request, [Waiting(source.system, "interaction", id) for id in ids])


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _digest(body: bytes) -> str:
    return sha256(body).hexdigest()
