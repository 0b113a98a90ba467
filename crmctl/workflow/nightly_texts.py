"""What makes a machine call `crmctl nightly`: a line of cron, a timer of systemd, a job of a forge. Text only."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from crmctl.model.errors import CrmError, UsageError
from crmctl.model.text import one_line

WRITTEN = "Written by `crmctl schedule install`; `crmctl schedule remove` takes it away."
# The hour of a digest is each one's own, so what waits is looked at every hour in which people read.
DIGESTS = "--step digests"
_WAKING = "6-22"
_CACHE = "crmctl-${{ github.run_id }}-${{ github.run_attempt }}"
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)


class Clock(NamedTuple):
    """A time of day."""

    hour: int
    minute: int

    @classmethod
    def parse(cls, text: str) -> Clock:
        """From 03:30; UsageError for anything else."""
        found = _CLOCK.fullmatch(text.strip())
        if found is None:
            raise UsageError(f"--at: found {one_line(text, 40)!r}; write a time such as 03:30")
        return cls(int(found[1]), int(found[2]))

    @property
    def later(self) -> int:
        """Another minute of the hour, so that the digests do not meet the night."""
        return (self.minute + 20) % 60

    def __str__(self) -> str:
        return f"{self.hour:02}:{self.minute:02}"


def fences(root: str) -> tuple[str, str]:
    """The lines between which a workspace's part of a crontab stands."""
    return f"# >>> crmctl nightly in {root}", f"# <<< crmctl nightly in {root}"


def cron_block(program: Sequence[str], root: str, at: Clock) -> str:
    """The workspace's part of a crontab. CrmError for a path that no crontab can hold."""
    begin, end = fences(_plain(root))
    words = [*program, "--quiet", "--workspace", root, "nightly"]
    if any("\\" in word for word in words):
        raise CrmError(f"{root}: a crontab cannot hold a path with a backslash; try --kind systemd")
    # Cron reads a percent sign as the end of the line, also within quotes.
    line = " ".join(shlex.quote(_plain(word)) for word in words).replace("%", r"\%")
    night = f"{at.minute} {at.hour} * * * {line}"
    digests = f"{at.later} {_WAKING} * * * {line} {DIGESTS}"
    return f"{begin}\n{night}\n{digests}\n{end}\n"


def with_block(crontab: str, block: str, root: str) -> str:
    """A crontab with ``block`` (or without it, where that is "") as the workspace's part; all else stays as it is.

    CrmError where the part begins and does not end, or the other way round.
    """
    begin, end = fences(root)
    lines = crontab.splitlines(keepends=True)
    bare = [line.rstrip("\r\n") for line in lines]
    if bare.count(begin) != bare.count(end) or bare.count(begin) > 1:
        raise CrmError(
            f"the crontab has a damaged part of crmctl: put its lines {begin!r} and {end!r} right"
        )
    if begin in bare:
        first, last = bare.index(begin), bare.index(end)
        if last < first:
            raise CrmError(f"the crontab has a damaged part of crmctl: {end!r} stands in front")
        return "".join([*lines[:first], block, *lines[last + 1 :]])
    if not block:
        return crontab
    gap = "" if not crontab or crontab.endswith("\n") else "\n"
    return f"{crontab}{gap}{block}"


def unit_name(root: str) -> str:
    """What the timer of a workspace is called."""
    return f"crmctl-nightly-{sha256(root.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def service(program: Sequence[str], root: str, step: str = "") -> str:
    """The unit that does the night, or one ``step`` of it."""
    words = [*program, "--quiet", "--workspace", root, "nightly"]
    return (
        f"# {WRITTEN}\n"
        "[Unit]\n"
        f"Description={_described(root, step)}\n"
        "\n"
        "[Service]\n"
        "Type=oneshot\n"
        f"ExecStart={' '.join(map(_unit_word, words))}{f' {step}' if step else ''}\n"
    )


def timer(root: str, at: Clock, step: str = "") -> str:
    """The unit that says when; a night that the machine slept through is made up for."""
    when = f"*-*-* 06..22:{at.later:02}:00" if step else f"*-*-* {at}:00"
    return (
        f"# {WRITTEN}\n"
        "[Unit]\n"
        f"Description=When: {_described(root, step)}\n"
        "\n"
        "[Timer]\n"
        f"OnCalendar={when}\n"
        "Persistent=true\n"
        "\n"
        "[Install]\n"
        "WantedBy=timers.target\n"
    )


def _described(root: str, step: str) -> str:
    return f"crmctl nightly {step} in {_plain(root)}".replace("  ", " ").replace("%", "%%")


def github(prefix: str, at: Clock, version: str, secrets: Iterable[str]) -> str:
    """A workflow file of GitHub; ``prefix`` is the workspace's folder in the repository, ``secrets`` are variables."""
    env = "".join(f"      {name}: ${{{{ secrets.{name} }}}}\n" for name in secrets)
    return (
        f"# {WRITTEN} The time is UTC.\n"
        "name: crmctl nightly\n"
        "on:\n"
        "  schedule:\n"
        f'    - cron: "{at.minute} {at.hour} * * *"\n'
        "  workflow_dispatch:\n"
        "permissions:\n"
        "  contents: write\n"
        "concurrency:\n"
        "  group: crmctl-nightly\n"
        "  cancel-in-progress: false\n"
        "jobs:\n"
        "  nightly:\n"
        "    runs-on: ubuntu-latest\n"
        "    timeout-minutes: 60\n" + (f"    env:\n{env}" if env else "") + "    steps:\n"
        "      - uses: actions/checkout@v4\n"
        "        with:\n"
        "          fetch-depth: 0\n"
        "      - uses: actions/setup-python@v5\n"
        "        with:\n"
        '          python-version: "3.12"\n'
        "      # What was done for which day, and messages that wait.\n"
        "      - uses: actions/cache/restore@v4\n"
        "        with:\n"
        "          path: .git/crmctl\n"
        f"          key: {_CACHE}\n"
        "          restore-keys: crmctl-\n"
        f"      - run: python -m pip install crmctl=={version}\n"
        "      - run: git config user.name crmctl && git config user.email crmctl@localhost\n"
        "      - run: crmctl nightly --push\n"
        + _folder(prefix, "        working-directory: ")
        + "      - uses: actions/cache/save@v4\n"
        "        if: always()\n"
        "        with:\n"
        "          path: .git/crmctl\n"
        f"          key: {_CACHE}\n"
    )


def gitlab(prefix: str, version: str, secrets: Iterable[str]) -> str:
    """A job of GitLab, for ``include: local``; the schedule itself and the variables are settings of the project."""
    names = ", ".join([*secrets, "CRMCTL_PUSH_TOKEN"])
    where = _folder(prefix, "")
    return (
        f"# {WRITTEN}\n"
        "# Include it in .gitlab-ci.yml, make a pipeline schedule, and set these variables, masked and protected:\n"
        f"# {names}\n"
        "crmctl-nightly:\n"
        "  image: python:3.12\n"
        "  rules:\n"
        '    - if: $CI_PIPELINE_SOURCE == "schedule"\n'
        "  resource_group: crmctl-nightly\n"
        "  timeout: 1 hour\n"
        "  variables:\n"
        '    GIT_DEPTH: "0"\n'
        "  cache:\n"
        "    key: crmctl\n"
        "    paths: [.git/crmctl]\n"
        "    when: always\n"
        "  script:\n"
        f"    - python -m pip install crmctl=={version}\n"
        "    - git config user.name crmctl\n"
        "    - git config user.email crmctl@localhost\n"
        '    - git checkout -B "$CI_COMMIT_BRANCH"\n'
        "    - git remote set-url origin"
        ' "https://crmctl:${CRMCTL_PUSH_TOKEN}@${CI_SERVER_HOST}/${CI_PROJECT_PATH}.git"\n'
        f"    - crmctl {f'--workspace {where.strip()} ' if where else ''}nightly --push\n"
    )


def _folder(prefix: str, before: str) -> str:
    """A line for the folder of a workspace that is not at the top: a name that no shell and no YAML reads otherwise."""
    if not prefix:
        return ""
    folder = prefix.rstrip("/")
    if not re.fullmatch(r"[\w./-]+", folder, re.ASCII) or folder.startswith("-"):
        raise CrmError(
            f"{one_line(folder)}: a job of a forge needs a folder of letters, digits, . _ / and -"
        )
    return f"{before}{folder}\n"


def _unit_word(word: str) -> str:
    """A word of a command line as systemd reads it."""
    plain = json.dumps(_plain(word), ensure_ascii=False)
    return plain.replace("%", "%%").replace("$", "$$")


def _plain(text: str) -> str:
    if any(not character.isprintable() for character in text):
        raise CrmError(f"{one_line(text)}: a path with control characters cannot be scheduled")
    return text
