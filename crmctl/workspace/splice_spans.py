"""Where the parts of a header lie, to the character: what the marks of the parser do not say.

The end marks of block collections and block scalars run into the blanks and comments after them,
so an end here is the end of the last leaf.
"""

from __future__ import annotations

from crmctl.workspace.yamlio import Items, Node, Pairs, Scalar


def end_of(text: str, node: Node) -> int:
    """Where the node's own text ends, before the line end."""
    if isinstance(node, Scalar):
        return _block_scalar_end(text, node) if node.style in ("|", ">") else node.end
    if node.flow or not node.items:
        return node.end
    last = node.items[-1]
    return end_of(text, last[1] if isinstance(last, tuple) else last)


def _block_scalar_end(text: str, node: Scalar) -> int:
    indicator = text[node.start : line_after(text, node.start)].partition("#")[0]
    if "+" in indicator:  # trailing blank lines are part of the value
        line_end = 2 if text[: node.end].endswith("\r\n") else 1
        return max(node.start + 1, node.end - line_end)
    last = max(node.start + 1, len(text[: node.end].rstrip(" \r\n")))
    return len(text[: line_after(text, last)].rstrip("\r\n"))


def line_start(text: str, at: int) -> int:
    """The offset of the first character of the line that holds ``at``."""
    return text.rfind("\n", 0, at) + 1


def line_after(text: str, at: int) -> int:
    """The offset just after the line that holds ``at``."""
    return text.find("\n", at) + 1 or len(text)


def column(text: str, at: int) -> int:
    """The column of ``at``, from 0."""
    return at - line_start(text, at)


def leads_line(text: str, at: int) -> bool:
    """Whether nothing but blanks stands before ``at`` on its line."""
    return not text[line_start(text, at) : at].strip(" ")


def lines_of(text: str, start: int, end: int) -> tuple[int, int]:
    """The whole lines from the one that holds ``start`` to the one that holds ``end``."""
    return line_start(text, start), line_after(text, end)


def below(text: str, end: int, indent: int) -> int:
    """The start of the first line after ``end`` that is not a comment indented deeper than ``indent``."""
    at = line_after(text, end)
    while text[at : at + indent + 1].isspace() and text[at : line_after(text, at)].lstrip(
        " "
    ).startswith("#"):
        at = line_after(text, at)
    return at


def colon(text: str, key: Scalar) -> int:
    """The offset just after the colon of a key."""
    return text.find(":", key.end) + 1 or key.end


def dash(text: str, parent: Items, index: int) -> int:
    """The offset of the dash of an item of a block list."""
    want = column(text, parent.start)
    at = parent.start
    if index:
        at = text.rfind("-", 0, parent.items[index].start)
        while at >= 0 and (column(text, at) != want or not leads_line(text, at)):
            at = text.rfind("-", 0, at)
    return at


def elements(text: str, node: Items | Pairs) -> list[tuple[int, int]]:
    """Start and end of each item or pair."""
    if isinstance(node, Items):
        return [(item.start, end_of(text, item)) for item in node.items]
    return [(key.start, max(key.end, end_of(text, value))) for key, value in node.items]
