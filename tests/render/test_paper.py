"""Pages and PDFs of documents: text stays text, nothing is fetched, and the same document gives the same bytes."""

from __future__ import annotations

import datetime as dt
import re
from html.parser import HTMLParser

import pytest

from crmctl.render import paper_markdown as markdown
from crmctl.render.map_svg import drawing
from crmctl.render.map_view import view
from crmctl.render.paper import Paper, page
from crmctl.workspace.workspace import Workspace

DAY = dt.date(2026, 11, 16)
HOSTILE = (
    "<script>document.title='run'</script>",
    "[x](javascript:alert(1))",
    "[x](data:text/html,<script>1</script>)",
    "[x](file:///etc/passwd)",
    "![x](https://evil.example/x.png)",
    "<img src=https://evil.example/x onerror=alert(1)>",
    "<a href='javascript:1'>x</a>",
    '<div style="position:fixed">\nover\n</div>',
    "<!-- --> <script>1</script>",
    "<!-- a --><svg onload=alert(1)>",
    "&lt;script&gt; &#60;script&#62;",
    "`<script>`",
    "```\n</code></pre><script>1</script>\n```",
    "    <script>1</script>",
    "```mermaid\ngraph TD\n<script>1</script>\n```",
    "[x]: javascript:alert(1)\n\n[x]",
    "<https://ok.example> <javascript:alert(1)>",
    "| <script> | `|` |\n| --- | ---: |\n| <b onclick=1> | ]]> |",
    "\x1b[31mred \u202etxt.exe\u202c",
)
ALLOWED = set(
    "html head meta title style body main header h1 h2 h3 h4 p span time div table thead tbody tr th td ul ol li a "
    "cite code pre strong em s blockquote hr br wbr figure".split()
)


class Read(HTMLParser):
    """The elements of a page with their attributes, and its text without the style sheet."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._style = self._style and tag != "style"

    def handle_data(self, data: str) -> None:
        self.text += "" if self._style else data


def document(body: str, **head: str) -> str:
    lines = "".join(
        f"{name}: {value}\n" for name, value in ({"kind": "account-review"} | head).items()
    )
    return f"---\n{lines}---\n# Acme: review\n\n{body}\n"


def paper(account: str = "Acme", **given: object) -> Paper:
    return Paper(account, "Rostrum", DAY, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_others_wrote_is_never_more_than_text(text: str) -> None:
    made = Read(page(document(f"{text}\n\n- {text}\n"), paper(text)))
    assert {tag for tag, _ in made.elements} <= ALLOWED
    for tag, attributes in made.elements:
        assert not [
            name for name in attributes if name.startswith("on") or name in {"src", "style"}
        ]
        if tag == "a":
            assert (attributes["href"] or "").startswith(("https://", "http://", "mailto:"))


def test_what_is_typed_is_shown_and_what_acts_unseen_is_spelt_out() -> None:
    made = Read(
        page(document("a <b>bold</b> \u202etxt & ![a picture](http://x.example/y.png)"), paper())
    )
    assert "a <b>bold</b> \\u202etxt & a picture" in made.text


@pytest.mark.parametrize(
    "name", ['"; } body { display: none } @import "x', "</style><script>1</script>", "a\\", "\n"]
)
def test_a_name_cannot_leave_the_head_of_the_sheets(name: str) -> None:
    made = page(document("x"), Paper(name, name, DAY))
    style = made[made.index("<style>") : made.index("</style>")]
    assert made.count("<style>") == made.count("</style>") == 1
    assert re.findall(r"@import|display: none \} @", style) == []
    assert len(re.findall(r'content: "(?:[0-9A-Za-z]|\\[0-9a-f]{6})*"; ', style)) == 3


def test_links_lead_to_the_web_and_to_mail_only() -> None:
    allowed = ("https://a.example", "HTTP://a.example", "mailto:a@a.example")
    refused = (
        "javascript:1",
        "java\nscript:1",
        "data:x",
        "//a.example",
        "/etc",
        "x.html",
        "vbscript:1",
        "http//[",
        "",
    )
    assert [a for a in (*allowed, *refused) if markdown.allowed(a)] == list(allowed)


def test_markers_hints_and_sections_nobody_filled_in_do_not_show() -> None:
    body = (
        "<!-- crmctl:begin a 0123456789abcdef -->\nkept\n<!-- crmctl:end a -->\n\n## In short\n"
        "<!-- three\nsentences -->\n\n## Plan\n\n### Later\n<!-- x -->\n\n### Now\n\ntext\n\n## Last\n"
    )
    made = Read(page(document(body), paper()))
    assert "crmctl:" not in made.text
    assert "sentences" not in made.text
    assert [h for h in ("In short", "Plan", "Later", "Now", "Last") if h in made.text] == [
        "Plan",
        "Now",
    ]
    assert "kind:" not in made.text


def test_an_open_comment_hides_nothing() -> None:
    assert "&lt;!-- the rest" in markdown.body("<!-- the rest\nof it")


def test_the_head_says_what_of_whom_when_and_for_whom() -> None:
    made = Read(page(document("x"), paper("Acme Freight")))
    head = " ".join(made.text.split())
    assert "Account review Acme: review Acme Freight 16 November 2026 Internal x" in head
    assert "For the customer" in Read(page(document("x", audience="customer"), paper())).text
    assert "Internal" not in Read(page(document("x", audience="customer"), paper())).text


def test_a_title_says_nothing_twice() -> None:
    text = "---\nkind: account-plan\n---\n# Account plan: Acme\n\nx\n"
    made = Read(page(text, paper()))
    assert (
        " ".join(made.text.split())
        == "Account plan: Acme Account plan Acme 16 November 2026 Internal x"
    )


def test_places_and_days_are_marked_and_boxes_drawn() -> None:
    made = markdown.body(
        "- [ ] ask (interactions/2026.jsonl:4, 2026-11-02)\n- [x] done `profile.md:3`"
    )
    assert "<cite>interactions/<wbr>2026.jsonl:4</cite>, <time>2026-11-02</time>" in made
    assert made.count('class="box"') == 1
    assert made.count('class="box done"') == 1
    assert "<cite>profile.md:3</cite>" in made


def test_a_graph_is_our_drawing_or_nothing() -> None:
    fence = "## The picture\n\n```mermaid\ngraph TD\n  a --> b\n```\n"
    assert markdown.body(fence) == ""
    made = page(document(fence), paper(drawing="<svg><style>.x{}</style><text>Ann</text></svg>"))
    assert "<svg><text>Ann</text></svg>" in made
    assert "graph TD" not in made


def test_a_drawing_has_the_pages_colours_on_a_screen_and_light_ones_of_its_own_on_paper(
    samples: Workspace,
) -> None:
    made = drawing(view(samples, "vega-solar"))
    text = document("```mermaid\ngraph TD\n```")
    shown, printed = (page(text, paper(drawing=made), size) for size in ("", "a4"))
    svg = [each[each.index("<svg") : each.index("</svg>")] for each in (shown, printed)]
    assert "<style>" not in svg[0]
    assert ".for { fill: #dafbe1" in svg[1]
    assert "prefers-color-scheme" not in svg[1]
    assert svg[1].count("<style>") == svg[1].count("</style>") == 1


def test_the_policy_lets_in_the_one_style_sheet_alone() -> None:
    import base64
    from hashlib import sha256

    made = page(document("x"), paper())
    style = made[made.index("<style>") + 7 : made.index("</style>")]
    digest = base64.b64encode(sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'; base-uri" in made
    assert "url(" not in style
    assert "http" not in re.sub(r"http-equiv", "", made)


def test_the_paper_is_the_readers_unless_it_must_be_ours() -> None:
    assert "  size:" not in page(document("x"), paper())
    assert "size: letter;" in page(document("x"), paper(), "letter")
