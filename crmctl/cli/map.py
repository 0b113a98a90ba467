"""map: who is who at an account, as a picture in the terminal, as a document, and as a drawing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmctl.cli.options import Account, Commit, DryRun, Html, Json, Pdf
from crmctl.cli.session import Session, session

if TYPE_CHECKING:
    from crmctl.cli.documents import Papers
    from crmctl.insight.relationships_people import Standing
    from crmctl.render.map_view import View

COLUMNS = ("what", "part", "value", "points", "weight", "adds", "note", "as_of", "source")
READ = ("what", "part", "points", "adds", "note", "source")
PIPE_WIDTH = 100


def relationship_map(
    ctx: typer.Context,
    account: Account,
    person: Annotated[
        str,
        typer.Option("--person", metavar="PERSON", help="Explain one contact; writes nothing."),
    ] = "",
    svg: Annotated[
        Path | None,
        typer.Option(
            "--svg", metavar="FILE", help="Write a drawing to this file instead; - prints it."
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Show the picture, write nothing.")] = False,
    json: Json = False,
    dry_run: DryRun = False,
    commit: Commit = False,
    html: Html = "",
    pdf: Pdf = "",
) -> None:
    """Show who is who at an account, and write relationship-map.md.

    Power and support, reporting lines, roles covered, who has gone silent, who of us knows whom, and the best way to
    the others. Every number rests on a file and line: --person takes it apart.

    Example: crmctl map acme
    """
    from crmctl.cli.documents import Papers
    from crmctl.model.errors import UsageError
    from crmctl.render.map_view import view
    from crmctl.workspace import resolve

    current = session(ctx)
    slug = resolve.account(current.ws, account)
    if sum((bool(person), svg is not None, show)) > 1:
        raise UsageError("choose one of --person, --svg and --show")
    for name, given in (("--commit", commit), ("--html", html), ("--pdf", pdf)):
        if given and (person or svg is not None or show):
            raise UsageError(f"{name} goes with the document, which is not written now")
    if person:
        _explain(current, slug, person, json=json)
    elif svg is not None:
        _draw(current, view(current.ws, slug), svg, dry_run=dry_run)
    elif not show:
        papers = Papers(current, html, pdf, json=json)
        _document(current, slug, papers, json=json, dry_run=dry_run, commit=commit)
    elif json:
        current.out.json({"account": slug, "map": view(current.ws, slug).plain()})
    else:
        _picture(current, view(current.ws, slug))


def _document(
    current: Session, slug: str, papers: Papers, *, json: bool, dry_run: bool, commit: bool
) -> None:
    from crmctl.cli.review import write_document
    from crmctl.render.documents import plan_document
    from crmctl.render.map_view import view

    changes, text, kept = write_document(
        current,
        "relationship-map",
        slug,
        lambda: plan_document(current.ws, slug, "relationship-map"),
        dry_run=dry_run,
        commit=commit,
        json=json,
        show=False,
    )

    def drawn() -> str:
        from crmctl.render.map_svg import drawing

        return drawing(view(current.ws, slug))

    files = papers.make(text, slug, drawing=drawn, dry_run=dry_run)
    if json:
        written: dict[str, Any] = {
            "paths": changes.paths,
            "kept": [c.section for c in kept],
            "text": text,
        }
        written |= {"files": files} if files else {}
        current.out.json({"account": slug, **written, "map": view(current.ws, slug).plain()})
    elif not dry_run and not papers:
        _picture(current, view(current.ws, slug))


def _picture(current: Session, made: View) -> None:
    import shutil

    from crmctl.render.map_terminal import picture

    width = shutil.get_terminal_size().columns if current.out.people else PIPE_WIDTH
    current.out.drawing(picture(made, width))


def _draw(current: Session, made: View, path: Path, *, dry_run: bool) -> None:
    import os

    from crmctl.model.errors import CrmError, UsageError
    from crmctl.render.map_svg import drawing

    if str(path) == "-":
        current.out.out.write(drawing(made))
        return
    if path.suffix.lower() != ".svg":
        raise UsageError(f"{path}: a drawing is an SVG file; choose a name that ends in .svg")
    if dry_run:
        current.out.say(f"would write {path}")
        return
    # It names people: nobody else on this machine needs to read it.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as handle:
            handle.write(drawing(made))
    except OSError as error:
        raise CrmError(f"{path}: cannot be written: {error.strerror}") from None
    current.out.say(f"wrote {path}")


def _explain(current: Session, slug: str, wanted: str, *, json: bool) -> None:
    from crmctl.cli.listing import find_record
    from crmctl.render.map_view import view

    made = view(current.ws, slug)
    found = made.people.get(find_record(current, slug, wanted, "contact").id)
    if found is None:
        from crmctl.model.errors import UsageError

        raise UsageError(f"{wanted}: a system reports that contact deleted")
    if json:
        page = made.plain()
        person = next(p for p in page["people"] if p["id"] == found.id)
        pairs = [pair for pair in page["pairs"] if pair["theirs"] == found.id]
        routes = [route for route in page["routes"] if route["to"] == found.id]
        current.out.json({"account": slug, "person": person, "pairs": pairs, "routes": routes})
        return
    about = [
        found.name,
        *([found.title] if found.title else []),
        *([found.gone] * bool(found.gone)),
    ]
    current.out.line(", ".join(about), style="bold")
    current.out.records(COLUMNS, list(_rows(made, found)), people=READ, wrap=True)


def _rows(made: View, person: Standing) -> Iterator[dict[str, Any]]:
    """Each value with its parts, silence, who of us knows them, and the best route."""
    from crmctl.insight.inputs.fact import count
    from crmctl.render.explain import points

    for what in ("strength", "power", "support"):
        scored = getattr(person, what)
        for part in scored.parts:
            yield {
                "what": what,
                "part": part.name,
                "points": points(part.points, 1) or "?",
                "weight": f"{part.weight:g}",
                "adds": points(part.adds, 1) if part.points is not None else "",
                "note": part.note,
                "as_of": part.as_of,
                "source": made.cite(part.source),
            }
        yield {
            "what": what,
            "part": "=",
            "value": points(scored.value, 1) or "?",
            "adds": points(scored.value, 1) or "?",
            "note": f"{points(scored.known * 100)} % known{_verdict(person, what)}",
        }
    if person.silence is not None:
        word = "silent" if person.silence.silent else "heard"
        note = f"{person.silence.days} of {person.silence.limit} days: {person.silence.why}"
        yield {"what": "silence", "part": word, "note": note, "as_of": person.last_heard,
               "source": made.cite(person.last_source)}  # fmt: skip
    for pair in made.map.pairs:
        if pair.theirs == person.id:
            note = f"{count(pair.talks, 'conversation')}, {count(pair.wrote, 'message')} from us"
            yield {"what": "known by", "part": made.ours[pair.ours], "adds": points(pair.strength, 1) or "?",
                   "note": note, "as_of": pair.last, "source": made.cite(pair.source)}  # fmt: skip
    for route in made.map.routes:
        if route.to == person.id:
            yield {"what": "route", "part": made.ours[route.ours], "adds": points(route.strength, 1),
                   "note": made.route(route), "source": "; ".join(map(made.cite, route.sources))}  # fmt: skip


def _verdict(person: Standing, what: str) -> str:
    if what == "strength":
        return ", a thread" if person.thread else ""
    return f", {person.level if what == 'power' else person.stance}"


def register(app: typer.Typer) -> None:
    """Put this command into the tree."""
    app.command("map")(relationship_map)
