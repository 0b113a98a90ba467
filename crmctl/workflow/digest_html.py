"""The HTML of a mail: one column, readable on a phone, light or dark as the reader has it; no link, image or script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crmctl.model.text import html

if TYPE_CHECKING:
    from crmctl.workflow.digest import Group, Item

_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; padding: 24px 16px; background: #f5f5f3; color: #1f2328; overflow-wrap: anywhere;
  font: 16px/1.5 -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 620px; margin: 0 auto; }
h1 { font-size: 20px; line-height: 1.3; margin: 0 0 10px; }
h2 { font-size: 17px; line-height: 1.3; margin: 0; }
h3 { font-size: 16px; line-height: 1.4; margin: 0 0 4px; }
p, ul { margin: 0 0 6px; }
ul { padding-left: 20px; }
section { background: #ffffff; border: 1px solid #d9d9d4; border-radius: 8px; padding: 16px; margin: 16px 0; }
article { border-top: 1px solid #e6e6e1; padding-top: 12px; margin-top: 12px; }
.quiet { color: #5b626b; font-size: 14px; }
.urgent { color: #9f1d1d; }
code { font: 13px/1.4 ui-monospace, Menlo, Consolas, monospace; }
@media (prefers-color-scheme: dark) {
  body { background: #16181b; color: #e6e6e3; }
  section { background: #202327; border-color: #383c42; }
  article { border-color: #383c42; }
  .quiet { color: #a5abb3; }
  .urgent { color: #ff9b94; }
}
"""


def page(
    subject: str,
    groups: Sequence[Group],
    rest: Sequence[tuple[str, str]],
    greeting: str,
    lead: str,
) -> str:
    """The whole document. ``rest`` holds account and title of what is told in one line each."""
    parts = [f"<h1>{html(subject)}</h1>"]
    if greeting:
        parts.append(f"<p>{html(greeting)}</p>")
    if lead:
        parts.append(f'<p class="quiet">{html(lead)}</p>')
    for group in groups:
        items = "\n".join(map(_item, group.items))
        facts = f'<p class="quiet">{html(group.facts)}</p>\n' if group.facts else ""
        parts.append(
            f"<section>\n<h2>{html(group.name)}</h2>\n{facts}{items}\n"
            f'<p class="quiet">Look: <code>crmctl show {html(group.account)}</code></p>\n</section>'
        )
    if rest:
        rows = "\n".join(f"<li>{html(name)}: {html(title)}</li>" for name, title in rest)
        parts.append(f"<section>\n<h2>And, in short</h2>\n<ul>\n{rows}\n</ul>\n</section>")
    parts.append(
        '<p class="quiet">Sent by crmctl. What is sent, and when: <code>crmctl outbox</code></p>'
    )
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{html(subject)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _item(item: Item) -> str:
    title = f"Urgent: {item.title}" if item.urgent else item.title
    style = ' class="urgent"' if item.urgent else ""
    parts, listed = [f"<article>\n<h3{style}>{html(title)}</h3>"], False
    for line in item.lines:
        if line.startswith("- "):
            parts.append(("" if listed else "<ul>\n") + f"<li>{html(line[2:])}</li>")
            listed = True
            continue
        if listed:
            parts.append("</ul>")
            listed = False
        if line:
            parts.append(f"<p>{html(line)}</p>")
    if listed:
        parts.append("</ul>")
    return "\n".join([*parts, "</article>"])
