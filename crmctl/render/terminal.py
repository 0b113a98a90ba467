"""What commands print: tables for people, tab-separated values for pipes, JSON and CSV for programs.

All text from files passes the cleaner of its door here. Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from crmctl.model import text

if TYPE_CHECKING:
    from crmctl.workspace.changes import ChangeSet

# rich lays a table out in about a millisecond a row: beyond this the plain form is kinder.
RICH_ROWS = 200
Cell = str | None


def wants_color(stream: TextIO, mode: str = "auto") -> bool:
    """Whether to colour: --color, then NO_COLOR, CLICOLOR_FORCE/FORCE_COLOR, TERM=dumb, then the terminal."""
    if mode != "auto":
        return mode == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("CLICOLOR_FORCE", "0") != "0" or os.environ.get("FORCE_COLOR", "0") != "0":
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()


class Output:
    """Where one command prints. ``style`` is ``people``, ``tsv``, ``json`` or ``csv``."""

    def __init__(
        self,
        *,
        quiet: bool = False,
        verbose: bool = False,
        color: str = "auto",
        out: TextIO | None = None,
    ) -> None:
        self.out = out or sys.stdout
        self.err = sys.stderr
        self.quiet = quiet
        self.verbose = verbose
        self.color = wants_color(self.out, color)
        self.people = self.out.isatty()

    # --- results

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[Cell]],
        *,
        style: str = "",
        wrap: bool = False,
    ) -> None:
        """Rows of text cells. A terminal gets a table, a pipe tab-separated values without a header.

        On a terminal too narrow for all columns the last ones are left out, and named on stderr. Long cells are cut,
        with ``wrap`` continued on further lines.
        """
        if style == "csv":
            import csv

            writer = csv.writer(self.out, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows([text.csv_cell(cell or "") for cell in row] for row in rows)
            return
        cells = [[cell or "" for cell in row] for row in rows]
        if self.people and not cells:
            return
        if self.people and len(cells) <= RICH_ROWS:
            self._rich(columns, cells, wrap=wrap)
        elif self.people:
            self._aligned(columns, cells)
        else:
            self.out.write(_tabbed(cells))

    def json(self, value: Any) -> None:
        """One JSON document: ASCII for programs, readable for people."""
        import json

        from crmctl.workspace.index import plain

        document = json.dumps(plain(value), ensure_ascii=not self.people, indent=2)
        self.out.write(text.json(document) + "\n")

    def records(
        self,
        columns: Sequence[str],
        rows: Iterable[Mapping[str, Any]],
        *,
        style: str = "",
        people: Sequence[str] = (),
        wrap: bool = False,
    ) -> None:
        """Records as a table of ``columns``, or as JSON with every key; ``people`` are a terminal's own columns."""
        if style == "json":
            self.json(list(rows))
            return
        shown = people if people and self.people and not style else columns
        cells = (
            [value if type(value) is str else said(value) for value in map(row.get, shown)]
            for row in rows
        )
        self.table(shown, cells, style=style, wrap=wrap)

    def sections(self, sections: Mapping[str, Sequence[Sequence[str]]]) -> None:
        """Headings with rows of cells beneath, for people; the last cell goes on below itself where it is long."""
        import shutil
        from textwrap import wrap

        clean = {
            title: [[text.one_line(cell, 2000) for cell in row] for row in rows]
            for title, rows in sections.items()
        }
        every = [row[:-1] for rows in clean.values() for row in rows]
        widths = [max(map(len, cells)) for cells in zip(*every, strict=True)]
        for title, rows in clean.items():
            self.line(title, style="bold")
            for *cells, last in rows:
                start = "  " + "".join(c.ljust(w + GAP) for c, w in zip(cells, widths, strict=True))
                room = max(NARROWEST, shutil.get_terminal_size().columns - len(start))
                for place, part in enumerate(wrap(last, room) or [""]):
                    self.line(((" " * len(start) if place else start) + part).rstrip())

    def line(self, message: str = "", *, style: str = "") -> None:
        """One line of a result."""
        self._write(self.out, message, style)

    def document(self, markdown: str) -> None:
        """A Markdown document: laid out on a terminal, as it is in a pipe."""
        if not self.people:
            self.out.write(text.terminal(markdown, len(markdown) * 8))
            return
        from rich.markdown import Markdown

        clean = text.terminal(markdown, len(markdown) * 8)
        self._console().print(Markdown(clean, hyperlinks=False))

    def drawing(self, lines: Iterable[Sequence[tuple[str, str]]]) -> None:
        """A picture of text: lines of pieces, each with a style; in a pipe or without colour the text alone."""
        for pieces in lines:
            clean = [(text.terminal(words, 10_000), style) for words, style in pieces]
            if self.color:
                from rich.text import Text

                self._console().print(Text.assemble(*clean), soft_wrap=True)
            else:
                self.out.write("".join(words for words, _ in clean).rstrip() + "\n")

    def diff(self, changes: ChangeSet) -> None:
        """What a plan would change, as a unified diff."""
        for line in changes.diff().splitlines():
            style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
            self._write(self.out, line, style)

    # --- everything else

    def say(self, message: str) -> None:
        """Something a person wants to know and a program does not; silent with --quiet."""
        if not self.quiet:
            self._write(self.err, message)

    def warn(self, message: str) -> None:
        """Something that needs a look; printed even with --quiet."""
        self._write(self.err, message)

    def changed(self, changes: ChangeSet) -> None:
        """The files a command touched; with --verbose also why."""
        for change in changes:
            word = (
                "created" if change.old is None else "deleted" if change.new is None else "changed"
            )
            why = f": {change.reason}" if self.verbose and change.reason else ""
            self.say(f"{word} {change.path}{why}")

    # --- forms

    def _write(self, stream: TextIO, message: str, style: str = "") -> None:
        clean = text.terminal(message, 100_000)
        if style and self.color and stream is self.out:
            from rich.text import Text

            self._console().print(Text(clean, style=style), soft_wrap=True)
        else:
            stream.write(clean + "\n")

    def _console(self) -> Any:
        from rich.console import Console

        return Console(
            file=self.out,
            # Whether to colour has been decided, by more than rich would look at.
            force_terminal=self.color,
            no_color=not self.color,
            color_system="standard" if self.color else None,
            highlight=False,
            markup=False,
            emoji=False,
            soft_wrap=False,
        )

    def _rich(self, columns: Sequence[str], rows: list[list[str]], *, wrap: bool) -> None:
        from rich import box
        from rich.cells import cell_len
        from rich.table import Table
        from rich.text import Text

        console = self._console()
        clean = [
            [_readable(text.one_line(cell, 2000 if wrap else 500)) for cell in row] for row in rows
        ]
        natural = [max(map(cell_len, cells)) for cells in zip(columns, *clean, strict=True)]
        widths = self._fitted(columns, natural, console.width)
        # One blank of padding and one for the rule between: GAP in all.
        table = Table(
            box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold"
        )  # fmt: skip
        for place, width in enumerate(widths):
            number = all(_numeric(row[place]) for row in rows)
            table.add_column(
                Text(columns[place]),
                justify="right" if number else "left",
                overflow="fold" if wrap else "ellipsis",
                no_wrap=not wrap,
                width=width,
            )
        for row in clean:
            table.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row[: len(widths)]))
        console.print(table)

    def _aligned(self, columns: Sequence[str], rows: list[list[str]]) -> None:
        import shutil

        clean = [
            [_readable(text.one_line(cell, 60)) for cell in row] for row in [list(columns), *rows]
        ]
        natural = [max(map(len, cells)) for cells in zip(*clean, strict=True)]
        widths = self._fitted(columns, natural, shutil.get_terminal_size().columns)
        for row in clean:
            cells = [
                cell.ljust(width) if len(cell) <= width else f"{cell[: width - 1]}…"
                for cell, width in zip(row, widths, strict=False)
            ]
            self.out.write((" " * GAP).join(cells).rstrip() + "\n")

    def _fitted(self, columns: Sequence[str], natural: Sequence[int], room: int) -> list[int]:
        """The widths of the columns that are shown; those that are not are named."""
        widths = fitting(natural, room)
        if len(widths) < len(columns):
            self.say(f"a wider terminal also shows: {', '.join(columns[len(widths) :])}")
        return widths


def fitting(widths: Sequence[int], room: int) -> list[int]:
    """Column widths that take at most ``room`` with `GAP` between them: only the widest columns give way.

    None goes below `NARROWEST`: what is short, such as a date or a status, stays whole. If that does not do, the last
    columns are left out.
    """
    fitted = list(widths)
    while len(fitted) > 1 and sum(min(w, NARROWEST) for w in fitted) + _gaps(fitted) > room:
        fitted.pop()
    while sum(fitted) + _gaps(fitted) > room and max(fitted) > NARROWEST:
        widest = max(fitted)
        place = fitted.index(widest)
        others = [width for width in fitted if width < widest]
        step = min(sum(fitted) + _gaps(fitted) - room, widest - max([NARROWEST, *others]))
        fitted[place] -= max(1, step // fitted.count(widest))
    return fitted


def _gaps(widths: Sequence[int]) -> int:
    return GAP * (len(widths) - 1)


GAP = 2
NARROWEST = 14
STYLES = {
    "excellent": "green",
    "good": "green",
    "at_risk": "yellow",
    "critical": "red",
    "churn_risk": "red",
    "error": "red",
    "warning": "yellow",
}


def _tabbed(rows: list[list[str]]) -> str:
    lines = "\n".join(map("\t".join, rows)) + "\n" * bool(rows)
    # One look at everything is much cheaper than one at each cell, and nearly always it is harmless.
    parted = sum(map(len, rows)) - len(rows)
    harmless = lines.count("\t") == parted and lines.count("\n") == len(rows)
    if harmless and lines.replace("\t", "").replace("\n", "").isprintable():
        return lines
    return "".join("\t".join(text.one_line(cell, 100_000) for cell in row) + "\n" for row in rows)


def _readable(cell: str) -> str:
    """A time as people write it; anything else as it is."""
    return f"{cell[:10]} {cell[11:16]}" if _TIME.fullmatch(cell) else cell


_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def _numeric(cell: str) -> bool:
    return (
        not cell
        or cell.removesuffix(" %").replace(",", "").replace(".", "", 1).lstrip("-").isdigit()
    )


def said(value: Any) -> str:
    """A value as people read it in a table or a sentence."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(said(item) for item in value)
    if isinstance(value, Mapping):
        return " ".join(f"{k}={said(v)}" for k, v in value.items())
    from crmctl.workspace.index import plain

    return str(plain(value))
