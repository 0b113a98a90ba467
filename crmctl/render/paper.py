"""A document as one page that needs nothing else: for a mail, a browser or a printer.

The page carries its style and its drawing, and a policy that lets nothing else run or load.
"""

from __future__ import annotations

import base64
import datetime as dt
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from crmctl.model.text import html, one_line
from crmctl.render import paper_markdown as markdown
from crmctl.workspace.document import parse

GENERATOR = "crmctl"
INTERNAL = "internal"
SIZES = {"a4": "A4", "letter": "letter"}
_LONG = {"qbr": "Quarterly business review", "ebr": "Executive business review"}
_STYLE = Path(__file__).parent / "paper_assets" / "paper.css"
_LETTERS = re.compile(r"[^0-9A-Za-z]")
_MARGINS = {False: "19mm 18mm 18mm", True: "14mm 16mm 13mm"}


@dataclass(frozen=True, slots=True)
class Paper:
    """What stands around a document: of whom it is, who made it (``company``), on which day.

    ``drawing`` is the relationship map (`crmctl.render.map_svg`), which stands in place of a graph in the document.
    ``dense``: it has to fit one sheet.
    """

    account: str
    company: str
    day: dt.date
    drawing: str = ""
    dense: bool = False


def page(document: str, about: Paper, size: str = "") -> str:
    """The whole HTML file of a Markdown document with front matter.

    ``size`` is one of `SIZES` for a printer that must not ask, else the reader's printer decides. A document that
    names no ``audience`` is internal.
    """
    read = parse(document.encode(), "document")
    data, text = read.data, read.body
    title = one_line(markdown.title(text) or str(data.get("title") or about.account), 200)
    audience = one_line(str(data.get("audience") or INTERNAL), 40)
    kind = str(data.get("kind") or "document")
    what = one_line(_LONG.get(kind, kind.replace("-", " ").capitalize()), 60)
    day = f"{about.day.day} {about.day:%B %Y}"
    # On paper that we print ourselves the drawing keeps its own colours: WeasyPrint reads no other style for it.
    drawing = _light(about.drawing) if size else _unstyled(about.drawing)
    body = markdown.body(text, drawing)
    shown = audience.capitalize() if audience == INTERNAL else f"For the {audience}"
    style = _STYLE.read_text("utf-8") + _sheets(about, day, shown, size)
    policy = f"default-src 'none'; style-src 'sha256-{_hash(style)}'; base-uri 'none'; form-action 'none'"
    # What the document is stands above its title already, and of whom it is may be all that the title says.
    heading = title.removeprefix(f"{what}: ")
    account = one_line(about.account, 200)
    named = "" if heading.startswith(account) else f"<span>{html(account)}</span> "
    made = html(one_line(about.company, 120))
    tone = "internal" if audience == INTERNAL else "outward"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<meta name="generator" content="{GENERATOR}">
<meta name="author" content="{made}">
<meta name="dcterms.created" content="{about.day}">
<meta name="dcterms.modified" content="{about.day}">
<title>{html(title)}</title>
<style>{style}</style>
</head>
<body{' class="dense"' if about.dense else ""}>
<main class="sheet">
<header>
<p class="what">{html(what)}</p>
<h1>{html(heading)}</h1>
<p class="facts">{named}<time datetime="{about.day}">{day}</time>
<span class="audience {tone}">{html(shown)}</span></p>
</header>
{body}</main>
</body>
</html>
"""


def _unstyled(drawing: str) -> str:
    """A drawing without its own style sheet: the page's has the same classes."""
    head, _, rest = drawing.partition("<style>")
    return head + rest.partition("</style>")[2] if rest else drawing


def _light(drawing: str) -> str:
    """A drawing that is light, whatever its reader has."""
    head, dark, rest = drawing.partition("@media (prefers-color-scheme: dark)")
    return f"{head}</style>{rest.partition('</style>')[2]}" if dark else drawing


def _hash(style: str) -> str:
    return base64.b64encode(sha256(style.encode()).digest()).decode()


def _sheets(about: Paper, day: str, audience: str, size: str) -> str:
    """What every sheet but the first says at its head, and its number at its foot."""
    named = f"size: {SIZES[size]}; " if size else ""
    return f"""
@page {{
  {named}margin: {_MARGINS[about.dense]};
  @top-left {{ content: {_quoted(one_line(about.account, 80))}; {_SMALL} }}
  @top-right {{ content: {_quoted(f"{day}, {audience.lower()}")}; {_SMALL} }}
  @bottom-left {{ content: {_quoted(one_line(about.company, 80))}; {_SMALL} }}
  @bottom-right {{ content: counter(page) " of " counter(pages); {_SMALL} }}
}}
@page :first {{ @top-left {{ content: none }} @top-right {{ content: none }} }}
"""


_SMALL = "font: 400 7.5pt system-ui, sans-serif; color: #4c5158"


def _quoted(words: str) -> str:
    """A string of a style sheet that no character can end."""
    return '"' + _LETTERS.sub(lambda found: f"\\{ord(found[0]):06x}", words) + '"'
