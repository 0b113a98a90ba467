"""insights and context: what matters about an account now, for people and for assistants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from crmctl.cli.options import Account, Csv, Json, style
from crmctl.cli.session import session

if TYPE_CHECKING:
    from crmctl.cli.session import Session
    from crmctl.insight.context import Pack
    from crmctl.privacy.asking import Believed
    from crmctl.privacy.pseudonyms import Pseudonyms
    from crmctl.sources.network import Network


def insights(
    ctx: typer.Context,
    account: Account,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="At most so many; 0 is all of them.")
    ] = 20,
    model: Annotated[
        bool,
        typer.Option("--model", help="Let the language model of crmctl.yaml put them together."),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", "-n", help="With --model: print the request, and send nothing."),
    ] = False,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Say what matters about an account now, with citations.

    The sentences are made by rules from the account's files: no model, no network. With --model, and only if
    crmctl.yaml and this machine's settings both allow it, a language model puts them together; contacts without
    consent go under pseudonyms, and what it says without evidence is dropped.

    Example: crmctl insights acme --limit 10
    """
    from crmctl.insight.insights_read import read
    from crmctl.model.errors import UsageError
    from crmctl.render import insights as form
    from crmctl.workspace import resolve

    if dry_run and not model:
        raise UsageError("--dry-run shows what --model would send: give both")
    current = session(ctx)
    ws, out = current.ws, current.out
    slug = resolve.account(ws, account)
    found = read(ws, slug)
    for problem in found.problems:
        out.warn(str(problem))
    items, author = found.items, ""
    if model:
        names = form.pseudonyms(ws, found)
        pack = form.context(ws, found, ws.config.language_model.send_tokens, names)
        if dry_run:
            _preview(current, pack, names)
            return
        written = _ask(current, pack, names)
        if written is not None:
            items, author = written.items, ws.config.language_model.model
    shown = items[:limit] if limit else items
    if json:
        out.json(form.document(ws, found, shown, author))
        return
    if out.people and not csv:
        out.sections(form.sections(shown, f"accounts/{slug}/"))
    else:
        out.records(form.COLUMNS, form.rows(shown), style=style(json, csv))
    if len(shown) < len(items):
        out.say(f"{len(items) - len(shown)} more of less weight: --limit 0 shows all")


def context(
    ctx: typer.Context,
    account: Account,
    most: Annotated[
        int, typer.Option("--max-tokens", metavar="N", min=1, help="Never more tokens than this.")
    ] = 4000,
    audience: Annotated[
        str,
        typer.Option("--audience", metavar="WHO", help="model, or internal: for our own eyes."),
    ] = "model",
    personal: Annotated[
        bool,
        typer.Option("--include-personal", help="Names and addresses also without consent."),
    ] = False,
    json: Json = False,
) -> None:
    """Print a compact pack of an account, for an assistant or a call.

    The weightiest sentences come first, each with an id and its places, as many as fit. What the files say is marked
    as data. For a model, contacts who have not consented (purpose ai or language_model) appear under pseudonyms.
    Nothing is sent anywhere.

    Example: crmctl context acme --max-tokens 2000
    """
    from crmctl.insight.insights_read import read
    from crmctl.model.errors import UsageError
    from crmctl.render import insights as form
    from crmctl.workspace import resolve

    if audience not in form.AUDIENCES:
        raise UsageError(f"--audience: found {audience!r}; allowed: {', '.join(form.AUDIENCES)}")
    current = session(ctx)
    ws, out = current.ws, current.out
    found = read(ws, resolve.account(ws, account), deep=True)
    for problem in found.problems:
        out.warn(str(problem))
    named = personal or audience == form.INTERNAL
    names = None if named else form.pseudonyms(ws, found)
    pack = form.context(ws, found, most, names)
    if json:
        ids = [item["id"] for item in pack.shown]
        page = {"account": found.account.slug, "tokens": pack.tokens, "evidence": ids}
        out.json(page | {"left_out": pack.left_out, "text": pack.text})
        return
    for line in pack.text.splitlines():  # as it is, also on a terminal: it is there to be copied
        out.line(line)
    said = f"{pack.tokens} tokens at most; {len(pack.shown)} sentences, {pack.left_out} did not fit"
    if names is not None and names.hidden:
        said += f"; {len(names.hidden)} people under pseudonyms"
    out.say(said)


def _preview(current: Session, pack: Pack, names: Pseudonyms) -> None:
    """Print the request that would be sent, without the key."""
    from crmctl.privacy.asking import RULES
    from crmctl.sources.language_model import preview
    from crmctl.workspace.machine import Machine

    settings = current.ws.config.language_model
    request = preview(Machine(), settings, RULES, pack.text)
    current.out.json(request._asdict())
    state = "on" if settings.enabled else "off"
    where = f"to {request.url}" if request.url else "nowhere, as this machine has no address for it"
    current.out.say(
        f"nothing was sent; the switch in crmctl.yaml is {state}, it would go {where}; "
        f"{len(names.hidden)} people under pseudonyms"
    )


def _ask(current: Session, pack: Pack, names: Pseudonyms) -> Believed | None:
    """What the model says and the evidence bears out; None, with the reason said, when the rules must do."""
    from crmctl.model.errors import ConfigError
    from crmctl.privacy.asking import RULES, believed
    from crmctl.sources.errors import AuthError, SourceError
    from crmctl.sources.language_model import Endpoint
    from crmctl.workspace.machine import Machine

    settings, out = current.ws.config.language_model, current.out
    network = _network(current)
    try:
        endpoint = Endpoint(Machine(), settings, network)
        written = believed(endpoint.ask(RULES, pack.text), pack, names)
    except (SourceError, AuthError) as error:
        out.warn(f"{network.clean(str(error))}; these are by rules")
        return None
    except ConfigError as error:
        raise ConfigError(f"{error}; without --model the rules do it") from None
    finally:
        network.close()
    for why, number in written.dropped.items():
        out.warn(f"dropped {number} of the model's sentences: {why}")
    if not written.items:
        out.warn("the model said nothing that its evidence bears out; these are by rules")
        return None
    out.say(f"written by {settings.model} from the evidence cited; read it before you use it")
    return written


def _network(current: Session) -> Network:
    from crmctl.sources.network import Network, no_log

    seconds = current.ws.config.language_model.seconds
    log = current.out.warn if current.debug else no_log
    return Network(budget=seconds, idle=seconds, log=log)


def register(app: typer.Typer) -> None:
    """Put these commands into the tree."""
    app.command("insights")(insights)
    app.command("context")(context)
