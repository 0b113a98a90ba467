"""Makes the pictures of the README: pages of the site in a headless Chromium, and a terminal as SVG.

    python docs/pictures.py        all of them, into docs/images

Everything is made from the sample accounts on a fixed day: the pages are those that `crmctl report build` writes, the
terminal's words are what crmctl prints. Needs Chromium and the development dependencies.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

sys.path.insert(0, str(Path(__file__).parent))
from sessions import ROOT, Scratch

IMAGES = ROOT / "docs" / "images"
MOST = 150_000  # bytes of a picture
WIDTH, HEIGHT = 1280, 860
COMMANDS = (
    "crmctl today",
    "crmctl list 'renewal<120d' --columns name,stage,health,arr,renewal --sort renewal",
    "crmctl insights tamarack --limit 6",
)
TERMINAL = "terminal.svg"
# Ground and ink, then black, red, green, yellow, blue, magenta, cyan, white, and the bright ones.
DARK = TerminalTheme(
    (18, 20, 22), (233, 230, 223),
    [(48, 52, 58), (255, 141, 132), (133, 207, 134), (239, 186, 98), (134, 191, 232), (200, 160, 220), (95, 208, 187),
     (233, 230, 223)],
)  # fmt: skip
FONTS = "ui-monospace, 'SF Mono', 'Cascadia Mono', 'DejaVu Sans Mono', monospace"
OUTSIDE = re.compile(r"@font-face \{.*?\}\s*|<!--.*?-->\s*", re.DOTALL)


class Shot(NamedTuple):
    """A picture of a page: where the page is in the site, light or dark, and from where on it is shown."""

    name: str
    page: str
    scheme: str
    part: str = ""


SHOTS = (
    Shot("portfolio", "index.html", "light"),
    Shot("account", "accounts/tamarack-rail.html", "dark"),
    Shot("metrics", "metrics.html", "light", "#health"),
)


def main() -> int:
    """Make every picture anew; an exit code."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Scratch(Path(folder))
        scratch.run("crmctl report build --out ../site")
        made = {**pages(Path(folder) / "site"), TERMINAL: terminal(scratch).encode()}
    code = 0
    for name, data in made.items():
        if str(ROOT).encode() in data or b"/tmp" in data:
            raise SystemExit(f"{name} holds a path of this machine")
        (IMAGES / name).write_bytes(data)
        print(f"{IMAGES.relative_to(ROOT) / name}: {len(data) / 1000:.0f} kB")
        if len(data) > MOST:
            print(f"{name} is larger than {MOST / 1000:.0f} kB", file=sys.stderr)
            code = 1
    return code


def pages(site: Path) -> dict[str, bytes]:
    """The pages as PNG, by file."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("Chromium is not installed")
    made = {}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for shot in SHOTS:
            page = browser.new_page(
                color_scheme="dark" if shot.scheme == "dark" else "light",
                viewport={"width": WIDTH, "height": HEIGHT},
                reduced_motion="reduce",
            )
            page.goto(f"file://{site / shot.page}")
            if shot.part:
                page.evaluate("part => document.querySelector(part).scrollIntoView()", shot.part)
            made[f"{shot.name}.png"] = page.screenshot()
            page.close()
        browser.close()
    return made


def terminal(scratch: Scratch) -> str:
    """Commands and what they print, in colour, as SVG without a font from elsewhere."""
    scratch.run("crmctl score --quiet")
    scratch.environment.pop("NO_COLOR")
    scratch.environment["TERM"] = "xterm-256color"
    console = Console(record=True, file=io.StringIO(), width=100, color_system="truecolor")
    for place, command in enumerate(COMMANDS):
        if place:
            console.print()
        console.print(Text.assemble(("$ ", "green"), (command, "bold")))
        console.print(Text.from_ansi(scratch.printed(command)), end="")
    drawn = console.export_svg(title="crmctl", theme=DARK, unique_id="crmctl")
    return OUTSIDE.sub("", drawn).replace("Fira Code, monospace", FONTS).replace("Fira Code", FONTS)


if __name__ == "__main__":
    sys.exit(main())
