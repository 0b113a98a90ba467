"""From what a person types to an account, contact, deal or task: exact names first, then anything unique."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from crmctl.model.errors import UsageError
from crmctl.workspace import paths
from crmctl.workspace.index import opened

if TYPE_CHECKING:
    from crmctl.model.record import Record
    from crmctl.workspace.workspace import Workspace


def account(ws: Workspace, text: str) -> str:
    """The folder of the account that ``text`` means: its folder, ``.``, its name, a domain or a unique prefix.

    An exact folder name is found without looking at any other account. `UsageError` lists the candidates.
    """
    wanted = text.strip()
    if wanted == ".":
        return _here(ws)
    if paths.is_slug(wanted) and (ws.root / paths.profile(wanted)).is_file():
        return wanted
    if not wanted:
        raise UsageError(
            "an account is needed: its folder's name, its name, a domain or a unique beginning"
        )
    with opened(ws.root, ws.state_dir) as index:
        rows = index.profiles(("name", "domain"))
        names = {slug: str(name or "") for slug, _, name, _ in rows}
        folded = wanted.casefold()
        found = [s for s, _, name, domain in rows if folded in ((name or "").casefold(), domain)]
        found = found or _starting(names, folded) or _by_list(index.documents(), folded)
    if found:
        return one(found, text, "account")
    raise UsageError(f"no account is called {wanted!r}; `crmctl list` shows them all")


def _starting(names: Mapping[str, str], wanted: str) -> list[str]:
    """Accounts whose folder or name begins so; of several, one that is called so but for its legal form."""
    found = [
        s for s, name in names.items() if s.startswith(wanted) or name.casefold().startswith(wanted)
    ]
    if len(found) < 2:
        return found
    from crmctl.workspace.names import company_key

    key = company_key(wanted)
    return [slug for slug in found if company_key(names[slug]) == key] or found


def _by_list(documents: Mapping[str, Mapping[str, object]], wanted: str) -> list[str]:
    """Accounts with this domain or alias among their lists; a merged folder's name is an alias."""
    names = {wanted, f"path:{paths.ACCOUNTS}/{wanted}"}
    found = []
    for slug, values in documents.items():
        listed = [*_texts(values.get("domains")), *_texts(values.get("aliases"))]
        if names & {item.casefold() for item in listed}:
            found.append(slug)
    return found


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _here(ws: Workspace) -> str:
    parts = Path(os.path.relpath(Path.cwd(), ws.root)).parts
    if len(parts) >= 2 and parts[0] == paths.ACCOUNTS and paths.is_slug(parts[1]):
        return parts[1]
    raise UsageError("`.` means the account whose folder you are in; this is not one")


def record(records: Mapping[str, Record], text: str, what: str) -> Record:
    """The one of ``records`` that ``text`` means: its id, its title, an e-mail, or a unique part of id or title."""
    wanted = text.strip().casefold()
    if wanted in records:
        return records[wanted]
    exact = [
        r for r in records.values() if wanted in (r.title.casefold(), r.text("email").casefold())
    ]
    part = [
        r for r in records.values() if wanted and (wanted in r.id or wanted in r.title.casefold())
    ]
    found = exact or part
    main = [r for r in found if r.kind != "interaction"]
    found = main or found
    if not found:
        known = ", ".join(sorted(records)) or "none yet"
        raise UsageError(f"no {what} is called {text!r}; there are: {known}")
    return records[one([r.id for r in found], text, what)]


def one(found: Iterable[str], text: str, what: str) -> str:
    """The only candidate; `UsageError` lists them when there are several."""
    candidates = sorted(set(found))
    if len(candidates) > 1:
        listed = ", ".join(candidates[:10]) + (" …" if len(candidates) > 10 else "")
        raise UsageError(f"{text!r} could mean more than one {what}: {listed}")
    return candidates[0]
