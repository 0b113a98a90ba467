"""Markdown to the body of a page, in which text from outside is never more than text.

No markup of a document gets through: comments, the markers of sections and empty sections are left out, anything else
that looks like HTML is shown as it was typed. Links lead to ``http``, ``https`` and ``mailto`` only; of a picture its
words remain. What cites a file is marked so that a style sheet can step it back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from crmctl.model import text

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

SCHEMES = frozenset({"http", "https", "mailto"})
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
# A file of an account, with its line or the place in it: `profile.md:12`, `accounts/_measures/2026-11-09.csv:22`.
_CITATION = re.compile(r"(?:[\w.-]+/)*[\w.-]+\.(?:md|jsonl|csv|yaml)(?::\d+)?(?![\w/])")
# A citation, or a day, which never breaks.
_MARKED = re.compile(
    rf"(?P<place>{_CITATION.pattern})|(?P<day>(?<![\w-])\d{{4}}-\d\d-\d\d(?![\w-]))"
)
_BOX = re.compile(r"\[([ xX])\] ")
_LEVELS = {f"h{level}": level for level in range(1, 7)}


def body(markdown: str, drawing: str = "") -> str:
    """HTML of a document's body (its front matter taken off); its first heading of level 1 is left out.

    ``drawing`` is an SVG of ours that stands where the document has a ``mermaid`` fence; without one the fence is left
    out with its section.
    """
    reader = _reader()
    env: dict[str, Any] = {"drawing": drawing}
    # Bytes that no page can hold are shown, not sent; line ends stay.
    tokens = reader.parse(text.terminal(markdown, max(1, 8 * len(markdown))), env)
    rendered: str = reader.renderer.render(
        _lived_in(_untitled(tokens), drawing), reader.options, env
    )
    return rendered


def title(markdown: str) -> str:
    """The words of the first heading of level 1, empty without one."""
    tokens = _reader().parse(markdown)
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h1":
            return "".join(
                t.content for t in tokens[place + 1].children or () if t.type != "html_inline"
            )
    return ""


def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # HTML is recognised so that comments can be left out; the rules below let none of it through.
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    reader.validateLink = allowed  # type: ignore[method-assign, assignment]
    for name, rule in _RULES.items():
        reader.add_render_rule(name, rule)
    return reader


def allowed(address: str) -> bool:
    """Whether a link may lead there."""
    try:
        return urlsplit(address.strip()).scheme.lower() in SCHEMES
    except ValueError:
        return False


# --- what is left out


def _untitled(tokens: Sequence[Token]) -> list[Token]:
    """Without the first heading of level 1: the page has a title of its own."""
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h1":
            return [*tokens[:place], *tokens[place + 3 :]]
    return list(tokens)


def _lived_in(tokens: Sequence[Token], drawing: str) -> list[Token]:
    """Without headings below which nothing stands: sections that nobody has filled in yet."""
    kept: list[Token] = []
    waiting: list[tuple[int, Sequence[Token]]] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if token.type == "heading_open":
            level = _LEVELS[token.tag]
            waiting = [(above, held) for above, held in waiting if above < level]
            waiting.append((level, tokens[place : place + 3]))
            place += 3
            continue
        if _shows(token, drawing):
            for _, held in waiting:
                kept += held
            waiting = []
            kept.append(token)
        place += 1
    return kept


def _shows(token: Token, drawing: str) -> bool:
    if token.type == "html_block":
        return bool(_COMMENT.sub("", token.content).strip())
    return not (_is_graph(token) and not drawing)


def _is_graph(token: Token) -> bool:
    return token.type == "fence" and token.info.strip() == "mermaid"


# --- how tokens are written; the rules are called with the renderer first, and with options and the environment last


def _html_block(_: Any, tokens: Sequence[Token], index: int, *_rest: Any) -> str:
    return f"<p>{text.html(_COMMENT.sub('', tokens[index].content).strip())}</p>\n"


def _html_inline(_: Any, tokens: Sequence[Token], index: int, *_rest: Any) -> str:
    return text.html(_COMMENT.sub("", tokens[index].content))


def _words(_: Any, tokens: Sequence[Token], index: int, *_rest: Any) -> str:
    return text.html(tokens[index].content)


def _fence(
    _: Any, tokens: Sequence[Token], index: int, _options: Any, env: Mapping[str, Any]
) -> str:
    if _is_graph(tokens[index]):
        # Only what crmctl has drawn itself, and cleaned while it drew: `crmctl.render.map_svg`.
        return f'<figure class="map" tabindex="0">{env["drawing"]}</figure>\n'
    return f"<pre><code>{text.html(tokens[index].content)}</code></pre>\n"


def _code(_: Any, tokens: Sequence[Token], index: int, *_rest: Any) -> str:
    content = tokens[index].content
    whole = _CITATION.fullmatch(content)
    return _cite(content) if whole else f"<code>{text.html(content)}</code>"


def _text(_: Any, tokens: Sequence[Token], index: int, *_rest: Any) -> str:
    content, box = tokens[index].content, ""
    if index == 0 and (found := _BOX.match(content)):
        box = _TICKED if found[1] != " " else _OPEN
        content = content[found.end() :]
    return box + "".join(_cited(content))


_OPEN = '<span class="box" role="img" aria-label="to do"></span>'
_TICKED = '<span class="box done" role="img" aria-label="done"></span>'


def _cited(content: str) -> Iterator[str]:
    last = 0
    for found in _MARKED.finditer(content):
        yield text.html(content[last : found.start()])
        yield _cite(found[0]) if found["place"] else f"<time>{found[0]}</time>"
        last = found.end()
    yield text.html(content[last:])


def _cite(place: str) -> str:
    """A place, which may break after each folder."""
    return f"<cite>{'/<wbr>'.join(map(text.html, place.split('/')))}</cite>"


def _th(_: Any, tokens: Sequence[Token], index: int, *_rest: Any) -> str:
    # An empty head is no head.
    if tokens[index + 1].content.strip():
        return f'<th scope="col"{_aligned(tokens[index])}>'
    return "<td>"


def _th_end(_: Any, tokens: Sequence[Token], index: int, *_rest: Any) -> str:
    return "</th>\n" if tokens[index - 1].content.strip() else "</td>\n"


def _td(_: Any, tokens: Sequence[Token], index: int, *_rest: Any) -> str:
    return f"<td{_aligned(tokens[index])}>"


def _aligned(token: Token) -> str:
    # The policy of the page allows no style in attributes.
    return ' class="number"' if "right" in str(token.attrs.get("style", "")) else ""


def _table(*_: Any) -> str:
    return '<div class="scroll" tabindex="0"><table>\n'


def _table_end(*_: Any) -> str:
    return "</table></div>\n"


_RULES = {
    "html_block": _html_block,
    "html_inline": _html_inline,
    "image": _words,
    "fence": _fence,
    "code_inline": _code,
    "text": _text,
    "th_open": _th,
    "th_close": _th_end,
    "td_open": _td,
    "table_open": _table,
    "table_close": _table_end,
}
