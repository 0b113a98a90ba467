"""What research writes: the block of the company's site in its profile, and adverts and pages that people paste."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from crmctl import __version__
from crmctl.insight.technographics import WEBSITE, website_rows
from crmctl.insight.technographics_rules import load_technologies
from crmctl.insight.technographics_text import PASTED
from crmctl.insight.technographics_web import block, findings, merged
from crmctl.model.errors import ConfigError, UsageError
from crmctl.model.identity import is_free_mail, registrable_domain
from crmctl.model.text import one_line
from crmctl.workspace import files, paths, splice
from crmctl.workspace.changes import ChangeSet
from crmctl.workspace.records import read_record
from crmctl.workspace.store import parse_events, traffic_bytes

if TYPE_CHECKING:
    from crmctl.insight.technographics_web import Row
    from crmctl.model.record import Record
    from crmctl.sources.network import Network
    from crmctl.sources.website_dns import Ask
    from crmctl.sources.website_reach import Reach
    from crmctl.workspace.workspace import Workspace

LONGEST_TEXT = 60_000  # characters of a pasted text that are kept
Read = tuple[list["Row"], set[str], list[str]]
"""What a visit found, the addresses it read, and what it left alone and why."""


def own_site(ws: Workspace, profile: Record) -> tuple[list[str], set[str]]:
    """Where to start and which registrable domains are the company's; UsageError if the profile names none."""
    config = ws.config
    ours = {registrable_domain(domain) for domain in config.our_domains}
    website = profile.text("website")
    named = [website, *map(str, profile.items("domains"))]
    found = [registrable_domain(name) for name in named if name]
    free = set(config.free_mail)
    own = {d for d in found if d and d not in ours and not is_free_mail(d, free)}
    starts = [website] if website and registrable_domain(website) in own else []
    for domain in [d for d in dict.fromkeys(found) if d in own][:1]:
        starts += [f"https://www.{domain}/", f"https://{domain}/", f"http://{domain}/"]
    if not starts:
        raise UsageError(
            f"{profile.account}: has no website or domain of its own to look at; "
            f"`crmctl set {profile.account} website=https://…` names one"
        )
    return starts, own


def read_site(
    ws: Workspace,
    profile: Record,
    network: Network,
    reach: Reach | None = None,
    ask: Ask | None = None,
) -> Read:
    """Visit the company's own site and ask for its DNS records. ConfigError unless research is switched on."""
    from crmctl.sources import website, website_dns, website_reach

    settings = ws.config.research
    if not settings.enabled:
        raise ConfigError(
            "research on public sites is off; `research: {enabled: true}` in crmctl.yaml switches it on"
        )
    starts, own = own_site(ws, profile)
    rules = load_technologies(ws.root)
    agent = settings.user_agent or f"crmctl/{__version__}"
    manners = website.Manners(
        agent, settings.pages, settings.delay_seconds, settings.page_kilobytes << 10
    )
    site = website.Site(network, own, manners, reach or website_reach.public)
    visit = site.visit(starts)
    read = {page.url for page in visit.pages}
    records: list[website_dns.DnsRecord] = []
    notes = list(visit.notes)
    if settings.dns:
        host = website.host_of(visit.pages[0].url)
        domain = registrable_domain(host) or host
        records, kinds = website_dns.records(domain, host, ask or website_dns.ask)
        if {"mx", "txt"} <= kinds:
            read.add(f"dns:{domain}")
        if "cname" in kinds:
            read.add(f"dns:{host}")
        if len(kinds) < 3:
            notes.append(f"{domain}: not all DNS records could be read")
    return findings(visit.pages, records, rules), read, notes


def plan_site(ws: Workspace, slug: str, found: Read) -> ChangeSet:
    """The profile with the block of its site as the findings have it; people's part is not touched."""
    rows, read, _ = found
    changes = ChangeSet()
    path = paths.profile(slug)
    raw = files.read(ws.root, path)
    if raw is None:
        raise UsageError(f"{path}: there is no such file")
    record, _problems = read_record(raw, path, ws.ranking)
    old = record.systems.get(WEBSITE, {})
    kept = merged(
        [*website_rows(record).values()], rows, read, ws.today, ws.config.research.refresh_days
    )
    made = {name: value for name, value in block(kept).items() if value is not None}
    edits: list[splice.Change] = [
        splice.Unset(("sources", WEBSITE, name)) for name in old if name not in made
    ]
    edits += [
        splice.Set(("sources", WEBSITE, name), value)
        for name, value in made.items()
        if value != old.get(name)
    ]
    if edits:
        changes.put(path, raw, splice.edit(raw, edits, path=path), "what their site shows")
    return changes


def plan_text(ws: Workspace, slug: str, text: str, origin: str) -> ChangeSet:
    """A pasted advert or page as a line of the account's traffic; the same text again changes nothing.

    UsageError if it is empty or too long to be one.
    """
    words = text.replace("\r\n", "\n").strip()
    if not words:
        raise UsageError("the text is empty")
    if len(words) > LONGEST_TEXT:
        raise UsageError(
            f"the text has {len(words)} characters; allowed: {LONGEST_TEXT}, so give the part that matters"
        )
    identity = PASTED + hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:16]
    path = paths.traffic(slug, ws.today.year)
    raw = files.read(ws.root, path)
    events, problems = parse_events(raw or b"", path)
    if problems:
        raise UsageError(f"{problems[0]}; mend it first")
    changes = ChangeSet()
    if identity not in {event.id for event in events}:
        subject = one_line(origin, 200) or "pasted text"
        added = {"id": identity, "at": ws.now, "type": "note", "subject": subject, "text": words}
        rows = [*(dict(event.data) for event in events), added]
        changes.put(path, raw, traffic_bytes(rows), "text about the company")
    return changes
