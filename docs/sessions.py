"""Keeps the terminal sessions in the documentation true: runs them again and writes down what they print.

A session is a code block of the language ``console``. All sessions of one page run in order in one scratch copy of
the sample accounts, on a fixed day, in a terminal of 100 columns. Names and ids that are drawn at random stay as
they stand, as long as all else is the same.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = (
    "accounts",
    "templates",
    "crmctl.yaml",
    "weights.yaml",
    "workflows.yaml",
    ".gitattributes",
    ".gitignore",
)
NOW = "2026-11-16T08:00:00Z"
COLUMNS, LINES = 100, 60
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What a slow command shows while it works and then takes away again.
PROGRESS = re.compile(r"\x1b\[\?25l.*?\x1b\[\?25h\n?(\x1b\[1A\x1b\[2K)*", re.DOTALL)
STYLE = re.compile(r"\x1b\[[0-9;]*m")
RANDOM = re.compile(
    r"(?<=-)[a-z2-9]{4}(?=\.md|\b *$)|(?<=Z-)[a-z2-9]{4}\b|\b[0-9a-f]{7,12}\b", re.MULTILINE
)


def documents() -> list[Path]:
    """Every page of the documentation that people write."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def refreshed(page: str) -> str:
    """A page with what its sessions print now."""
    if not BLOCK.search(page):
        return page
    with tempfile.TemporaryDirectory() as folder:
        scratch = Scratch(Path(folder))
        return BLOCK.sub(lambda found: f"```console\n{_replayed(found[1], scratch)}```", page)


def _replayed(block: str, scratch: Scratch) -> str:
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
    played = parts[0]
    for command, before in zip(parts[1::2], parts[2::2], strict=True):
        after = scratch.run(command)
        same = RANDOM.sub("", after) == RANDOM.sub(
            "", before.rstrip("\n") + "\n" if before.strip() else ""
        )
        gap = "\n" if before.endswith("\n\n") else ""
        played += f"$ {command}\n{before if same else after + gap}"
    return played


class Scratch:
    """A copy of the sample accounts in a git repository of its own, and a terminal in it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "customers"
        self.root.mkdir()
        for name in SAMPLE:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
            copy(ROOT / name, self.root / name)
        shutil.copytree(ROOT / "docs" / "demo-export", folder / "export")
        programs = folder / "bin"
        programs.mkdir()
        for name, options in (("crmctl", "-m crmctl "), ("python3", "")):
            (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {options}"$@"\n')
            (programs / name).chmod(0o755)
        self.environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(folder),
            "CRMCTL_NOW": NOW,
            "NO_COLOR": "1",
            "GIT_PAGER": "cat",
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
        }
        (folder / ".gitconfig").write_text(
            "[user]\n\tname = Mira Lindqvist\n\temail = mira@ours.example\n[color]\n\tui = false\n"
        )
        self.run("git init -q -b main && git add -A && git commit -q -m 'The sample accounts'")

    def run(self, command: str) -> str:
        """What a shell command prints on a terminal, without styles and without blanks at the ends of lines."""
        lines = STYLE.sub("", PROGRESS.sub("", self.printed(command))).splitlines()
        return "".join(f"{line.rstrip()}\n" for line in lines)

    def printed(self, command: str) -> str:
        """What a shell command prints on a terminal, both streams, as it is."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        printed = b""
        while chunk := _read(master):
            printed += chunk
        os.close(master)
        process.wait()
        text = printed.decode().replace("\r\n", "\n")
        if "this is a bug" in text:
            raise SystemExit(f"{command}: {text}")
        return text


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""


def main() -> None:
    """Write the pages anew whose sessions print something else now."""
    for path in documents():
        page = path.read_text(encoding="utf-8")
        new = refreshed(page)
        if new != page:
            path.write_text(new, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
