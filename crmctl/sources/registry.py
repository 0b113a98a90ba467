"""The systems that crmctl reads live: how each is connected, and which settings of this machine it needs."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from crmctl.model.errors import UsageError

if TYPE_CHECKING:
    from crmctl.sources.network import Network
    from crmctl.sources.source import Source
    from crmctl.workspace.machine import Machine
    from crmctl.workspace.source_settings import Sources


class Setting(NamedTuple):
    """One setting of this machine: whether it is always needed, and what it is."""

    name: str
    needed: bool
    help: str


class System(NamedTuple):
    """A system: the module that connects it, and its settings."""

    module: str
    settings: tuple[Setting, ...]


DIRECTORIES = frozenset({"salesforce", "supabase"})
"""The systems that know who the customers are: what concerns us in others is judged after they were read."""

SYSTEMS = {
    "salesforce": System(
        "salesforce_live",
        (
            Setting("url", True, "My Domain address, https://NAME.my.salesforce.com"),
            Setting("client_id", True, "consumer key of the External Client App"),
            Setting("client_secret", False, "consumer secret (client credentials, refresh token)"),
            Setting("username", False, "user to act as (JWT bearer)"),
            Setting(
                "private_key", False, "private key in PEM, or the path of its file (JWT bearer)"
            ),
            Setting("refresh_token", False, "refresh token"),
            Setting("login_url", False, "login host, https://login.salesforce.com by default"),
        ),
    ),
    "supabase": System(
        "supabase_live",
        (
            Setting("url", True, "address of the Data API, https://REF.supabase.co/rest/v1"),
            Setting("key", True, "secret key"),
            Setting("webhook_secret", False, "value of the header x-crmctl-secret (crmctl listen)"),
        ),
    ),
    "gong": System(
        "gong_live",
        (
            Setting("access_key", False, "access key"),
            Setting("access_key_secret", False, "secret of the access key"),
            Setting("url", False, "address, https://api.gong.io by default"),
            Setting("client_id", False, "client id (OAuth)"),
            Setting("client_secret", False, "client secret (OAuth)"),
            Setting("refresh_token", False, "refresh token (OAuth)"),
            Setting("login_url", False, "login host, https://app.gong.io by default (OAuth)"),
            Setting("webhook_key", False, "public key of the webhook, in PEM (crmctl listen)"),
        ),
    ),
    "granola": System(
        "granola_live",
        (
            Setting("token", True, "API key, grn_…"),
            Setting("url", False, "address, https://public-api.granola.ai/v1 by default"),
        ),
    ),
    "email": System(
        "email_live",
        (
            Setting("door", False, "imap, gmail or graph; imap by default"),
            Setting("user", True, "address of the mailbox"),
            Setting("host", False, "IMAP server"),
            Setting("port", False, "port, 993 by default"),
            Setting("security", False, "tls or starttls; tls by default"),
            Setting("password", False, "password or app password (IMAP)"),
            Setting("access_token", False, "access token (XOAUTH2)"),
            Setting("client_id", False, "client id (OAuth)"),
            Setting("client_secret", False, "client secret (OAuth)"),
            Setting("refresh_token", False, "refresh token (OAuth)"),
            Setting("tenant", False, "tenant (Microsoft Graph)"),
            Setting("url", False, "address of the API, if not the usual one"),
            Setting("login_url", False, "address of the token endpoint, if not the usual one"),
            Setting("ca_file", False, "certificate authority of the server, in PEM"),
        ),
    ),
    "slack": System(
        "slack_live",
        (
            Setting("token", True, "bot token, xoxb-…"),
            Setting("signing_secret", False, "signing secret of the app (crmctl listen)"),
            Setting("url", False, "address, https://slack.com by default"),
        ),
    ),
    "linkedin": System(
        "linkedin_live",
        (Setting("folder", True, "folder where you put downloaded archives and CSV files"),),
    ),
}


def named(systems: Sequence[str], machine: Machine) -> list[str]:
    """These systems in the order in which they are taken in, for none those that this machine has settings of."""
    unknown = [system for system in systems if system not in SYSTEMS]
    if unknown:
        raise UsageError(f"{unknown[0]!r} is no source; the sources are {', '.join(SYSTEMS)}")
    if systems:
        return [system for system in SYSTEMS if system in systems]
    return [system for system in SYSTEMS if machine.has(system)]


def connect(system: str, machine: Machine, settings: Sources, network: Network) -> Source:
    """A system, ready to be read. ConfigError if a setting of this machine is missing; nothing is sent yet."""
    module = import_module(f"crmctl.sources.{SYSTEMS[system].module}")
    network.hide(*machine.secrets())
    source: Source = module.connect(machine, getattr(settings, system), network)
    return source
