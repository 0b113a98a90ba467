"""icp: how well accounts fit the ideal customer, and whether those who fit are those who buy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Csv, Json, MaybeAccount, style
from crmctl.cli.session import session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmctl.cli.session import Session
    from crmctl.insight.icp import Icp
    from crmctl.insight.icp_calibrate import Calibrated
    from crmctl.insight.icp_weights import IcpWeights


def icp(
    ctx: typer.Context,
    account: MaybeAccount = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Hold the fit against won and lost deals.")
    ] = False,
    tier: Annotated[
        str, typer.Option("--tier", metavar="TIER", help="Only these; `?` is no tier.")
    ] = "",
    owner: Annotated[str, typer.Option("--owner", metavar="OWNER", help="Only theirs.")] = "",
    stage: Annotated[str, typer.Option("--stage", metavar="STAGE", help="Only these.")] = "",
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show how well accounts fit the ideal customer, and why.

    The label puts two facts side by side: the tier of the fit, and the level of engagement, such as A2. Neither is
    mixed into the other. What nobody knows is no zero: the fit says how much is known and between which ends it lies.
    --calibrate says who really buys, and suggests points; nothing is written. Every number is in weights.yaml (icp).

    Example: crmctl icp acme
    """
    from crmctl.insight.weights import load_weights
    from crmctl.model.errors import UsageError

    current = session(ctx)
    chosen = {"--tier": tier, "--owner": owner, "--stage": stage}
    if (account or calibrate) and any(chosen.values()):
        given = ", ".join(name for name, value in chosen.items() if value)
        raise UsageError(f"{given}: only for the list of accounts")
    if account and calibrate:
        raise UsageError("--calibrate looks at all accounts: leave the account out")
    if calibrate and csv:
        raise UsageError("--calibrate has several tables: use --json")
    weights = load_weights(current.ws.root).icp
    if account:
        _one(current, account, weights, style(json, csv))
    elif calibrate:
        _calibrate(current, weights, json=json)
    else:
        _list(current, weights, tier, owner, stage, style(json, csv))


def _list(
    current: Session, weights: IcpWeights, tier: str, owner: str, stage: str, shape: str
) -> None:
    from crmctl.insight.icp import DISQUALIFIED
    from crmctl.insight.icp_table import UNKNOWN, table
    from crmctl.model.errors import UsageError
    from crmctl.model.lifecycle import STAGES
    from crmctl.render import icp as form

    tiers = [*weights.tiers.bands, DISQUALIFIED, UNKNOWN]
    named = next((name for name in tiers if name.casefold() == tier.casefold()), "")
    if tier and not named:
        raise UsageError(f"--tier: found {tier!r}; allowed: {', '.join(tiers)}")
    if stage and stage not in STAGES:
        raise UsageError(f"--stage: found {stage!r}; allowed: {', '.join(STAGES)}")

    def keep(values: Mapping[str, Any], found: Icp) -> bool:
        return (
            (not named or (found.tier or UNKNOWN) == named)
            and (not owner or values.get("owner") == owner)
            and (not stage or values.get("stage") == stage)
        )

    rows, unread, problems = table(current.ws, weights, keep)
    out = current.out
    for sentence in unread:
        out.warn(f"{sentence}; `crmctl check` says more")
    for problem in problems:
        out.warn(str(problem))
    if shape == "json":
        out.json([form.document(row) for row in rows])
        return
    out.records(form.LIST, map(form.list_row, rows), style=shape, people=form.READ_LIST)
    if not rows and not shape:
        out.say("no accounts")


def _one(current: Session, account: str, weights: IcpWeights, shape: str) -> None:
    from crmctl.insight.citing import Lines
    from crmctl.insight.icp_table import detail
    from crmctl.render import icp as form
    from crmctl.workspace import resolve

    ws, out = current.ws, current.out
    found = detail(ws, resolve.account(ws, account), weights)
    for problem in found.problems:
        out.warn(str(problem))
    where = Lines(ws.root, found.row.account)
    if shape == "json":
        out.json(where.cited(form.detail_document(found, ws.today)))
        return
    if not shape:
        for line in form.headline(found.row):
            out.line(line, style="bold")
    rows = where.cited(list(form.lines(found, ws.today)))
    if out.people and not shape:
        folder = f"accounts/{found.row.account}/"
        rows = [row | {"source": str(row.get("source", "")).removeprefix(folder)} for row in rows]
    out.records(form.LINE, rows, style=shape, people=form.READ_LINE, wrap=True)
    if not shape:
        for question in form.questions(found.row):
            out.line(f"find out: {question}")


def _calibrate(current: Session, weights: IcpWeights, *, json: bool) -> None:
    from crmctl.insight.icp_calibrate import calibrate
    from crmctl.insight.icp_deals import read_book
    from crmctl.insight.icp_table import calibration
    from crmctl.render import icp as form

    how = calibration(weights)
    book = read_book(current.ws, how)
    for problem in book.problems:
        current.out.warn(str(problem))
    found = calibrate(book.decided, book.open, book.left_out, book.funnel, weights, how)
    if json:
        suggested = form.fragment(found.suggested, weights)
        current.out.json({**form.plain(found), "fragment": suggested})
    else:
        _print(current, found, weights)


def _print(current: Session, found: Calibrated, weights: IcpWeights) -> None:
    from crmctl.render import icp as form

    out = current.out
    for place, sentence in enumerate(form.summary(found)):
        out.line(sentence, style="" if place else "bold")

    def section(title: str, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
        if rows:
            out.line()
            out.line(title, style="bold")
            out.records(columns, rows)

    if not found.reason:
        section("win rate by tier", form.RATES, [form.rate_row(rate) for rate in found.tiers])
        section("what tells won from lost (AUC; 0.5 is chance)", form.CRITERIA, form.areas(found))
        section("win rate by value", form.VALUES, form.values(found))
    if any(step.went_on.number or step.waiting for step in found.funnel.conversions):
        section("from stage to stage", form.STAGES, form.stages(found))
        if found.funnel.unplaced:
            out.line(
                f"{found.funnel.unplaced} deals do not say how far they came and count nowhere"
            )
    if found.foretelling is not None:
        trial = found.foretelling
        chances = [form.chance_row(chance) for chance in trial.open]
        section("open deals, by how often deals like them were won", form.CHANCES, chances)
        if trial.brier is not None and trial.base is not None and trial.brier >= trial.base:
            out.line("the overall rate alone foretells no worse: do not go by these chances")
    if not found.reason:
        out.line()
        suggested = form.fragment(found.suggested, weights)
        if not suggested:
            out.line("no other points suggest themselves")
            return
        out.line("points that these deals suggest, for weights.yaml; nothing was written")
        for line in suggested.splitlines():
            out.line(line)


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    app.command("icp")(icp)
