"""Planning a new account: its profile, and the tasks of its stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmctl.model.errors import UsageError
from crmctl.model.lifecycle import STEPS
from crmctl.model.schema import FIELDS
from crmctl.workspace import authoring, paths
from crmctl.workspace.changes import ChangeSet
from crmctl.workspace.index import opened

if TYPE_CHECKING:
    from crmctl.workspace.workspace import Workspace


def slug_for(ws: Workspace, name: str, domain: str) -> str:
    """A free folder name for a new account. UsageError when an account has this name or domain already."""
    with opened(ws.root, ws.state_dir) as index:
        rows = index.profiles(("name", "domain"))
    for slug, _, known_name, known_domain in rows:
        if (known_name or "").casefold() == name.casefold() or (domain and known_domain == domain):
            raise UsageError(f"{slug}: has this name or domain already; `crmctl show {slug}`")
    taken = {slug for slug, *_ in rows}
    base = paths.slug(name, fallback="account")
    return base if base not in taken else paths.unique(base, taken, f"{name}\0{domain}")


def plan_new(
    ws: Workspace,
    slug: str,
    name: str,
    *,
    domain: str = "",
    stage: str = "prospect",
    owner: str = "",
    tasks: bool = True,
) -> ChangeSet:
    """The files of a new account."""
    if stage not in STEPS:
        raise UsageError(f"{stage!r} is no stage; there are: {', '.join(STEPS)}")
    if not name.strip():
        raise UsageError("a company needs a name")
    values: dict[str, Any] = {
        "name": name.strip(),
        "stage": stage,
        "step": STEPS[stage][0],
        "stage_since": ws.today,
    }
    if domain:
        try:
            values["domains"] = FIELDS["account"]["domains"].parse(domain)
        except ValueError as error:
            raise UsageError(f"--domain: {error}") from None
    if owner:
        values["owner"] = owner
    changes = ChangeSet()
    authoring.create(ws, changes, paths.profile(slug), values)
    if tasks:
        authoring.lay_out_tasks(ws, changes, slug, stage, owner or ws.config.default_owner or None)
    return changes
