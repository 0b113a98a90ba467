"""Accepting suggestions: which pair a person means, and merging every likely pair in turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crmctl.model.errors import UsageError
from crmctl.sync.dupes import Suggestion, suggest
from crmctl.sync.merge import KINDS, plan_merge
from crmctl.workspace import paths, resolve, runs

if TYPE_CHECKING:
    from crmctl.workspace.changes import ChangeSet
    from crmctl.workspace.workspace import Workspace

# Merging accounts brings their children together, so that those can be merged next.
ORDER = {kind: place for place, kind in enumerate(KINDS)}


def resolve_pair(ws: Workspace, survivor: str, loser: str, kind: str) -> tuple[str, str, str]:
    """(kind, survivor, loser) as `plan_merge` wants them, from what a person typed.

    Two accounts by anything that names an account; ``account/record`` for a contact or a deal.
    """
    if kind and kind not in KINDS:
        raise UsageError(f"{kind!r} cannot be merged; allowed: {', '.join(KINDS)}")
    sides = [text.partition("/") for text in (survivor, loser)]
    if not any(slash for _, slash, _ in sides):
        return "account", resolve.account(ws, survivor), resolve.account(ws, loser)
    if not all(slash for _, slash, _ in sides):
        raise UsageError("name two accounts, or two records as ACCOUNT/RECORD")
    refs = [f"{resolve.account(ws, account)}/{record}" for account, _, record in sides]
    found = kind or _kind_of(ws, refs[0])
    return found, refs[0], refs[1]


def _kind_of(ws: Workspace, ref: str) -> str:
    account, _, record = ref.partition("/")
    if ":" in record:
        return "ticket"
    if not paths.is_slug(record):
        raise UsageError(f"{record!r} is no contact or deal; `crmctl show {account}` lists them")
    for kind, path in (
        ("contact", paths.contact(account, record)),
        ("deal", paths.deal(account, record)),
    ):
        if (ws.root / path).is_file():
            return kind
    raise UsageError(f"{ref}: is no contact or deal; `crmctl show {account}` lists them")


def first_merges(ws: Workspace) -> Iterator[tuple[Suggestion, ChangeSet]]:
    """The pairs that `merge_likely` would begin with, each with the changes that it alone would make."""
    for pair in _next_pairs(ws):
        yield pair, plan_merge(ws, pair.kind, pair.a, pair.b)


def merge_likely(ws: Workspace, *, commit: bool) -> list[Suggestion]:
    """Merge all likely pairs, each as a run of its own, with ``commit`` in one commit; the pairs, survivor first.

    Merging two accounts brings new pairs together, so it looks again until no pair is left.
    """
    if commit:
        ws.git.refuse_if_busy()
    merged: list[Suggestion] = []
    touched: set[str] = set()
    with ws.writing("dupes") as run:
        while pairs := _next_pairs(ws):
            for pair in pairs:
                changes = plan_merge(ws, pair.kind, pair.a, pair.b)
                ws.apply(changes, runs.new_run(ws.now, ws.rng, f"merge {pair.b} into {pair.a}"))
                touched.update(changes.paths)
                merged.append(pair)
        if commit and touched:
            lines = [f"merged {pair.kind} {pair.b} into {pair.a}" for pair in merged]
            ws.commit(touched, run, f"Merge {len(merged)} duplicates", "\n".join(lines))
    return merged


def _next_pairs(ws: Workspace) -> list[Suggestion]:
    """Likely pairs of the first kind that has any, no record in two of them."""
    likely = sorted(
        (s for s in suggest(ws) if s.level == "likely"), key=lambda s: (ORDER[s.kind], s)
    )
    taken: set[str] = set()
    pairs = []
    for pair in likely:
        if pair.kind == likely[0].kind and not taken & {pair.a, pair.b}:
            taken |= {pair.a, pair.b}
            pairs.append(pair)
    return pairs
