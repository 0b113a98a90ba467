"""health: explain a score, see its past, try other values or weights, and set it by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Account, Commit, Csv, DryRun, Json, style
from crmctl.cli.session import session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crmctl.insight.explain import Change
    from crmctl.insight.past import Standing
    from crmctl.insight.weights import Weights
    from crmctl.model.errors import Problem
    from crmctl.model.record import Record
    from crmctl.render.terminal import Output
    from crmctl.workspace import splice
    from crmctl.workspace.workspace import Workspace

# The field of the profile that holds a score set by hand.
OVERRIDES = "health_override"


def explain(
    ctx: typer.Context,
    account: Account,
    since: Annotated[
        str,
        typer.Option("--since", metavar="DATE|COMMIT", help="What changed since then, and why."),
    ] = "",
    at: Annotated[
        str, typer.Option("--at", metavar="DATE|COMMIT", help="As it was committed then.")
    ] = "",
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Explain a score: each input's value, source, age, weight and points.

    The points add up to the score. With --since, the change is split into data, weights, missingness and override
    without a remainder. The past is read from git: files, measures and weights as they were. Nothing is written.

    Example: crmctl health explain acme --since 2026-09-30
    """
    from crmctl.insight import explain as explaining
    from crmctl.render import explain as form
    from crmctl.workspace import resolve

    current = session(ctx)
    ws, out = current.ws, current.out
    slug = resolve.account(ws, account)
    standing = _standing(ws, slug, at) if at else _now(ws, slug)
    past = _standing(ws, slug, since) if since else None
    _warn(out, (*standing.problems, *(past.problems if past else ())))
    health, shape = standing.health(), style(json, csv)
    changed = explaining.change(past, standing) if past else None
    if json:
        page = _cited(ws, standing, form.document(standing, health))
        if past and changed:
            page["since"] = {"day": past.day, "commit": past.commit}
            page["change"] = form.change_document(changed)
        out.json(page)
        return
    if changed and past:
        if not csv:
            out.line(form.headline(past, changed.before))
            out.line(form.headline(standing, health), style="bold")
        _print_change(out, changed, shape)
        return
    plain = {"lines": [line._asdict() for line in explaining.lines(health, standing.day)]}
    found = _cited(ws, standing, plain)["lines"]
    folder = f"accounts/{slug}/" if out.people and not shape else None
    rows = [form.line_row(explaining.Line(**line), folder) for line in found]
    if not csv:
        out.line(form.headline(standing, health), style="bold")
    out.records(form.LINE, rows, style=shape, people=form.READ_LINE, wrap=True)


def history(ctx: typer.Context, account: Account, json: Json = False, csv: Csv = False) -> None:
    """List the scores that were written down, with their trend.

    A day on which nothing moved has no line. The status is that of the bands in weights.yaml as they are now; what
    counts as rising or falling stands there under health.trend.

    Example: crmctl health history acme
    """
    from crmctl.insight.past import history as recorded
    from crmctl.insight.weights import load_weights
    from crmctl.render import explain as form
    from crmctl.workspace import resolve

    current = session(ctx)
    slug = resolve.account(current.ws, account)
    found = recorded(current.ws, slug)
    weights = load_weights(current.ws.root).health
    if json:
        current.out.json([form.history_document(row, weights) for row in found])
        return
    rows = [form.history_row(row, weights) for row in found]
    current.out.records(form.history_columns(weights), rows, style=style(json, csv))
    if csv:
        return
    if not found:
        current.out.say(f"{slug}: no score was written down yet; `crmctl score` does")
        return
    standing = _now(current.ws, slug)
    current.out.say(form.headline(standing, standing.health()))


def what_if(
    ctx: typer.Context,
    account: Account,
    settings: Annotated[
        list[str],
        typer.Option("--set", metavar="NAME=VALUE", help="Assume this; give it several times."),
    ],
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show what a score would be with other values; nothing is written.

    A name is a measure, such as usage.active_users (as if measured today), seats or a date of the profile, or an
    input of the score, such as survey_mean. No value (--set champion=) means not known.

    Example: crmctl health what-if acme --set usage.active_users=40
    """
    from crmctl.insight.explain import change
    from crmctl.insight.whatif import assume
    from crmctl.workspace import resolve

    current = session(ctx)
    slug = resolve.account(current.ws, account)
    standing = _now(current.ws, slug)
    _warn(current.out, standing.problems)
    changed = change(standing, assume(standing, settings))
    if json:
        from crmctl.render import explain as form

        current.out.json({"account": slug, **form.change_document(changed)})
        return
    _print_change(current.out, changed, style(json, csv), slug)


def simulate(
    ctx: typer.Context,
    weights: Annotated[
        Path, typer.Option("--weights", metavar="FILE", help="Another weights.yaml.")
    ],
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show whose score other weights would change, and why.

    Nothing is written. Changes of status come first, then the others by size.

    Example: crmctl health simulate --weights other.yaml
    """
    from crmctl.insight.whatif import simulate as tried
    from crmctl.render import explain as form

    current = session(ctx)
    found = tried(current.ws, _weights(weights))
    _warn(current.out, found.problems)
    if json:
        current.out.json([form.move_document(move) for move in found.moves])
        return
    rows = [form.move_row(move) for move in found.moves]
    current.out.records(form.MOVE, rows, style=style(json, csv), wrap=True)
    current.out.say(form.summary(found))


def override(
    ctx: typer.Context,
    account: Account,
    score: Annotated[
        int | None, typer.Option("--score", min=0, max=100, help="The score, 0 to 100.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; required.")] = "",
    until: Annotated[
        str,
        typer.Option("--until", metavar="DATE", help="The first day without it: a date, 30d, 4w."),
    ] = "",
    by: Annotated[
        str, typer.Option("--by", metavar="NAME", help="Who says so; git's user by default.")
    ] = "",
    despite: Annotated[
        list[str] | None,
        typer.Option("--despite", metavar="GATE", help="Lift the score above this gate's cap."),
    ] = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Take it out; the computed score counts again.")
    ] = False,
    dry_run: DryRun = False,
    commit: Commit = False,
) -> None:
    """Set a score by hand, for a reason and until a date.

    It is kept in the account's profile and stands in place of an earlier one. A shut gate still caps it, unless it
    is set --despite that gate. From the day of --until on it has no effect.

    Example: crmctl health override acme --score 70 --reason "new sponsor signed" --until 4w
    """
    from crmctl.model.errors import UsageError
    from crmctl.render import show
    from crmctl.workspace import splice
    from crmctl.workspace.resolve import account as resolved

    current = session(ctx)
    target = show.find(current.ws, resolved(current.ws, account), "")
    given = [score is not None, bool(reason), bool(until), bool(by), bool(despite)]
    if clear and any(given):
        raise UsageError("--clear takes the override out; it goes with no other value")
    row = {} if clear else _by_hand(current.ws, score, reason, until, by, despite or [])

    def edits(record: Record) -> list[splice.Change]:
        if row:
            return [splice.Set((OVERRIDES,), [row])]
        return [splice.Unset((OVERRIDES,))] if OVERRIDES in record.own else []

    named = f"health {row['score']} by hand" if row else "health as computed again"
    current.edit_record("override", target, edits, named, dry_run=dry_run, commit=commit)


def _by_hand(
    ws: Workspace, score: int | None, reason: str, until: str, by: str, despite: list[str]
) -> dict[str, Any]:
    """The override as the profile holds it; UsageError says what is missing or wrong."""
    from crmctl.cli.parse import day
    from crmctl.model.errors import UsageError
    from crmctl.model.schema import HEALTH_GATES

    wanted = {"--score": score is not None, "--reason": reason.strip(), "--until": until.strip()}
    missing = [option for option, there in wanted.items() if not there]
    if missing:
        raise UsageError(
            f"an override needs a score, a reason and an end; missing: {', '.join(missing)}"
        )
    expires = day(until, ws)
    if expires <= ws.today:
        raise UsageError(f"--until {expires} is not after today, so it would have no effect")
    unknown = [gate for gate in despite if gate not in HEALTH_GATES]
    if unknown:
        raise UsageError(f"{', '.join(unknown)} is no gate; there are: {', '.join(HEALTH_GATES)}")
    author = by.strip() or ws.git.author()
    row = {"score": score, "reason": reason.strip(), "by": author, "at": ws.today}
    return row | {"expires": expires} | ({"despite": despite} if despite else {})


def _weights(path: Path) -> Weights:
    """The weights in any file. UsageError if there is none, ConfigError lists all that is wrong with them."""
    from crmctl.insight.weights import Weights
    from crmctl.model.errors import UsageError
    from crmctl.workspace.config import parse_model

    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    return parse_model(raw, str(path), Weights)


def _now(ws: Workspace, slug: str) -> Standing:
    from crmctl.insight.past import now

    return now(ws, slug)


def _standing(ws: Workspace, slug: str, when: str) -> Standing:
    """The account at a date or a commit, as a person typed it."""
    from crmctl.cli.parse import day
    from crmctl.insight import past
    from crmctl.model.errors import UsageError

    try:
        wanted = day(when, ws, past=True)
    except UsageError:
        commit = past.named(ws.git, when)
        return past.at(ws, slug, commit, min(commit.time.date(), ws.today))
    if wanted > ws.today:
        raise UsageError(f"{wanted} lies ahead: there is no score of it yet")
    return past.at(ws, slug, past.head_on(ws.git, wanted), wanted)


def _cited(ws: Workspace, standing: Standing, page: dict[str, Any]) -> dict[str, Any]:
    """The page with the line of each source. A commit's lines are not those of today: there the field stays."""
    from crmctl.insight.citing import Lines

    if standing.commit:
        return page
    found: dict[str, Any] = Lines(ws.root, standing.slug).cited(page)
    return found


def _print_change(out: Output, changed: Change, shape: str, named: str = "") -> None:
    from crmctl.render import explain as form

    if not shape:
        out.line(": ".join(filter(None, (named, form.change_line(changed)))))
    out.records(form.CHANGE, form.change_rows(changed), style=shape)


def _warn(out: Output, problems: Iterable[Problem]) -> None:
    for problem in dict.fromkeys(problems):
        out.warn(str(problem))


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    from crmctl.cli.app import group

    verbs = group("A score: explained, its past, what-if, other weights, by hand.")
    verbs.command("explain")(explain)
    verbs.command("history")(history)
    verbs.command("what-if")(what_if)
    verbs.command("simulate")(simulate)
    verbs.command("override")(override)
    app.add_typer(verbs, name="health")
