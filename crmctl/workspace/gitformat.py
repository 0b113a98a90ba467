"""What git reads and prints: commit messages, and the NUL-separated forms of its plumbing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from crmctl.model.text import one_line, terminal

RUN_TRAILER: Final = "Crmctl-Run"
RUN_FORMAT: Final = f"%H%n%(trailers:key={RUN_TRAILER},valueonly,separator=%x2C)%n%cI%n%s"

REMOVAL_FORMAT: Final = f"%x01%(trailers:key={RUN_TRAILER},valueonly)%x02%s%x03"

_BODY_LIMIT = 100_000
_TRAILER = re.compile(r"^(?=[0-9A-Za-z-]+[ \t]*:)", re.MULTILINE)


class RunCommit(NamedTuple):
    """A commit that holds one run; ``time`` is the commit's, aware."""

    commit: str
    run_id: str
    subject: str
    time: datetime


class Removal(NamedTuple):
    """A file that is gone, and the id of the blob it was."""

    path: str
    blob: str


def deleted(raw: bytes) -> Iterator[Removal]:
    """The deletions in NUL-ended raw output of a diff."""
    fields = iter(raw.split(b"\0"))
    for head in fields:
        if head.startswith(b":"):
            path = next(fields, b"")
            parts = head.split()
            if parts[4:5] == [b"D"]:
                yield Removal(os.fsdecode(path), parts[2].decode())


def removals(output: bytes) -> Iterator[Removal]:
    """What people deleted, from a log in `REMOVAL_FORMAT`; see `Git.removals` for what is left out."""
    for entry in output.split(b"\x01")[1:]:
        head, _, raw = entry.partition(b"\x03")
        run, _, subject = head.partition(b"\x02")
        if run.strip() or subject.startswith(b'Revert "') or b"\0accounts/_state/" in raw:
            continue
        yield from deleted(raw.lstrip(b"\0\n"))


def message(subject: str, body: str, trailers: Mapping[str, str]) -> bytes:
    """A commit message in UTF-8, in which nothing but ``trailers`` is a trailer to git."""
    # A line of the body that looks like a trailer is indented: then it is none to git.
    paragraphs = [
        one_line(subject),
        _TRAILER.sub(" ", terminal(body, _BODY_LIMIT)).strip("\n"),
        "\n".join(f"{name}: {one_line(value)}" for name, value in trailers.items()),
    ]
    return ("\n\n".join(filter(None, paragraphs)) + "\n").encode()


def undo_staging(raw: bytes) -> bytes:
    """What ``update-index --index-info`` needs to take back what ``diff-index --raw -z`` shows."""
    fields = raw.split(b"\0")
    lines = []
    for entry, path in zip(fields[0::2], fields[1::2], strict=False):
        mode, _, name, *_ = entry.lstrip(b":").split(b" ")
        lines.append(b"%s %s\t%s\0" % (mode, name, path))
    return b"".join(lines)


def batch(output: bytes) -> Iterator[bytes | None]:
    """Contents in the output of ``cat-file --batch``; None for what is missing or no file."""
    position = 0
    while position < len(output):
        end = output.index(b"\n", position)
        words = output[position:end].rsplit(b" ", 2)
        position = end + 1
        if words[-1] in (b"missing", b"ambiguous"):
            yield None
            continue
        size = int(words[-1])
        yield output[position : position + size] if words[-2] == b"blob" else None
        position += size + 1


def status(output: bytes, prefix: str) -> dict[str, str]:
    """Path, beneath ``prefix`` and without it, to two letters: ``git status --porcelain=v1 -z``."""
    entries = (os.fsdecode(entry) for entry in output.split(b"\0")[:-1])
    return {
        entry[3:].removeprefix(prefix): entry[:2]
        for entry in entries
        if entry.startswith(prefix, 3)
    }


def runs(output: bytes) -> Iterator[RunCommit]:
    """The commits in ``git log -z --format=RUN_FORMAT`` that hold exactly one run.

    A squash of several runs, or a mention of one, cannot be taken back as one run.
    """
    for record in output.decode("utf-8", "replace").split("\0")[:-1]:
        commit, run_id, when, subject = record.split("\n", 3)
        if re.fullmatch(r"[0-9A-Za-z-]+", run_id):
            yield RunCommit(commit, run_id, subject, datetime.fromisoformat(when))
