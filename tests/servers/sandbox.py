"""A place to try crmctl in: the live systems as their doubles with sample data, and a workspace that knows them.

make sandbox                            serves until Ctrl-C
make sandbox ARGS='--folder ~/sandbox'  in a folder of your choice, which must be new or empty
make sandbox ARGS=--try                 walks through it by itself, prints what comes, and ends
"""

# ruff: noqa: T201  it is a program: it prints

from __future__ import annotations

import argparse
import datetime as dt
import fcntl
import os
import pty
import shlex
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crmctl.workspace import yamldump
from tests.live.harness import ACCOUNTS

ROOT = Path(__file__).resolve().parents[2]
NOW = "2026-11-16T08:00:00Z"  # the day on which the samples are told
TEAM = (
    {
        "id": "ana",
        "name": "Ana Reyes",
        "email": "ana@ours.example",
        "manager": "marta",
        "ids": {"slack": "U07ANA0001"},
    },
    {
        "id": "tom",
        "name": "Tom Adeyemi",
        "email": "tom@ours.example",
        "manager": "marta",
        "ids": {"slack": "U07TOM0001"},
    },
    {"id": "marta", "name": "Marta Lindqvist", "email": "marta@ours.example"},
    {"id": "joe", "name": "Joe Bligh", "email": "joe@ours.example", "manager": "marta"},
)
SIZE = (60, 100)  # lines and columns of the terminal
# Exit codes that are no failure: done, and findings.
ACCEPTED = {0, 1}
CHANNEL = "C07PORTLN1"  # of a company that is no account
# The product's sample happens within two days of May: here it goes on until yesterday.
SPREAD = """
UPDATE support_tickets SET created_at = created_at + id * interval '28 hours',
  first_reply_at = first_reply_at + id * interval '28 hours', closed_at = closed_at + id * interval '28 hours',
  updated_at = updated_at + id * interval '28 hours';
UPDATE nps_answers SET answered_at = answered_at + score * interval '18 days',
  updated_at = updated_at + score * interval '18 days';
UPDATE usage_daily SET day = date '2026-11-15' - (SELECT max(day) FROM usage_daily) + day;
"""
TOUR = (
    (("sources",), "what is set up here"),
    (("auth", "slack"), "whether a system answers"),
    (("sync", "--commit"), "all systems into the files, as one commit"),
    (("sync", "--commit"), "once more: nothing is new, so nothing is committed"),
    (("sources",), "how it went"),
    (("unmatched",), "what fits no account"),
    (("claim", f"slack:{CHANNEL}", "hollis-vane-freight", "--commit"), "whose channel it is"),
    (("sync", "slack", "--commit"), "now it is read"),
    (("timeline", "hollis-vane-freight", "--since", "30d"), "all systems, one line of time"),
    (("conflicts", "hollis-vane-freight"), "where they say different things"),
    (("score",), "how the customers are"),
    (("check",), "whether the files are sound"),
)


class Missing(Exception):
    """A double that cannot run on this machine; the reason is its text."""


@dataclass
class Sample:
    """What a double needs of the workspace: this machine's settings for it, and its part of crmctl.yaml."""

    machine: dict[str, str]
    settings: dict[str, Any] = field(default_factory=dict)


def salesforce(stack: ExitStack) -> Sample:
    from tests.servers.salesforce import CLIENT, SECRET, Salesforce

    server = stack.enter_context(Salesforce.sample())
    return Sample({"url": server.url, "client_id": CLIENT, "client_secret": SECRET})


def supabase(stack: ExitStack) -> Sample:
    from tests.servers import postgres

    if why := postgres.missing():
        raise Missing(why)
    import psycopg

    from tests.servers import product
    from tests.servers.postgrest import SECRET

    # Ctrl-C in a terminal reaches PostgreSQL too: then it is gone before its database is put away.
    stack.enter_context(suppress(psycopg.OperationalError))
    server = stack.enter_context(product.sample())
    server.run(SPREAD)
    return Sample({"url": server.api, "key": SECRET}, product.SETTINGS)


def gong(stack: ExitStack) -> Sample:
    from tests.servers.gong import KEY, SECRET, Gong

    server = stack.enter_context(Gong.sample())
    return Sample({"url": server.url, "access_key": KEY, "access_key_secret": SECRET})


def granola(stack: ExitStack) -> Sample:
    from tests.servers.granola import TOKEN, Granola

    server = stack.enter_context(Granola.sample())
    folder = next(iter(server.folders))
    machine = {"url": f"{server.url}/v1", "token": TOKEN}
    return Sample(machine, {"folders": {folder: "hollis-vane-freight"}})


def email(stack: ExitStack) -> Sample:
    from tests.servers import dovecot, letters

    if why := dovecot.missing():
        raise Missing(why)
    server = stack.enter_context(dovecot.Dovecot())
    mailbox = server.mailbox()
    sent: list[tuple[bytes, dt.datetime | None]] = []
    received: list[tuple[bytes, dt.datetime | None]] = []
    for letter in letters.sample():
        folder = sent if letter.sender == letters.ANA else received
        folder.append((letter.raw, letter.at))
    mailbox.add_all(received)
    mailbox.add_all(sent, "Sent")
    machine = {
        "host": "127.0.0.1",
        "port": str(server.tls_port),
        "ca_file": server.ca_file,
        "user": mailbox.user,
        "password": dovecot.PASSWORD,
    }
    return Sample(machine, {"contacts": True})


def slack(stack: ExitStack) -> Sample:
    from tests.servers.slack import TOKEN, Slack

    server = Slack.sample()
    pia = server.add_user("U09PIA0001", "Pia Sorel", "pia@portlane.example", guest=True)
    server.add_channel(CHANNEL, "customs-papers", ["U07ANA0001", pia])
    server.post(
        CHANNEL, pia, "We clear customs for Hollis &amp; Vane; which form do you need of us?"
    )
    server.post(CHANNEL, "U07ANA0001", "The export form of last week is enough.")
    stack.enter_context(server)
    channels = {"C07NORDL01": "nordlicht-mobel"}
    return Sample({"url": server.url, "token": TOKEN}, {"channels": channels})


def linkedin(stack: ExitStack) -> Sample:
    from tests.live.linkedin import FIRST, Member

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crmctl-linkedin-")))
    Member.sample().archive(folder, FIRST)
    return Sample({"folder": str(folder)}, {"contacts": True})


DOUBLES: dict[str, Callable[[ExitStack], Sample]] = {
    double.__name__: double
    for double in (salesforce, supabase, gong, granola, email, slack, linkedin)
}


class Sandbox:
    """A folder with the workspace ``customers``, this machine's settings for it, and a shell's environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "customers"
        self.credentials = folder / "credentials.yaml"
        self.failed: list[str] = []
        self.environment = {
            "CRMCTL_CREDENTIALS": str(self.credentials),
            "CRMCTL_NOW": NOW,
            # A real keyring would be asked, and written to.
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }

    def make(self, samples: Mapping[str, Sample]) -> None:
        """Write all of it, the workspace committed."""
        settings = {system: sample.settings for system, sample in samples.items()}
        self._write_machine({system: sample.machine for system, sample in samples.items()})
        self._write_shell()
        self.crmctl("init", str(self.root), inside=self.folder)
        self._git("config", "user.name", "Ana Reyes")
        self._git("config", "user.email", "ana@ours.example")
        self._configure({system: part for system, part in settings.items() if part})
        for number, (name, domain) in enumerate(ACCOUNTS.values()):
            owner = ("ana", "tom", "ana")[number]
            stage = ("customer", "opportunity", "customer")[number]
            given = ("--domain", domain, "--owner", owner, "--stage", stage, "--no-tasks")
            self.crmctl("new", name, *given)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message=Three accounts")

    def _write_machine(self, machine: Mapping[str, Mapping[str, str]]) -> None:
        raw = yamldump.dump_mapping(machine).encode()
        descriptor = os.open(self.credentials, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)

    def _write_shell(self) -> None:
        programs = self.folder / "bin"
        programs.mkdir()
        program = (
            f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {sys.executable} -m crmctl "$@"\n'
        )
        (programs / "crmctl").write_text(program)
        (programs / "crmctl").chmod(0o755)
        lines = ["# For a shell that is to talk to the sandbox, and to nothing else: . env.sh"]
        lines += [
            "for name in $(env | sed -n 's/^\\(CRMCTL_[A-Z_]*\\)=.*/\\1/p'); do unset \"$name\"; done"
        ]
        lines += [f"export {name}={shlex.quote(value)}" for name, value in self.environment.items()]
        lines += [f'export PATH={shlex.quote(str(programs))}:"$PATH"']
        (self.folder / "env.sh").write_text("\n".join(lines) + "\n")

    def _configure(self, settings: Mapping[str, Any]) -> None:
        """The team and the systems' settings into crmctl.yaml."""
        file = self.root / "crmctl.yaml"
        text = file.read_text("utf-8")
        team = "".join(f"  - {_flow(member)}\n" for member in TEAM)
        for before, after in (
            ('company: ""', "company: Northwind"),
            ("our_domains: []", "our_domains: [ours.example, northwind-cs.example]"),
            ("currency: USD", "currency: EUR"),
            ("team: []\n", f"team:\n{team}"),
            ('default_owner: ""', "default_owner: ana"),
        ):
            text = text.replace(before, after)
        text += "\n# How each system is read.\n" + yamldump.dump_mapping({"sources": settings})
        file.write_text(text, "utf-8")

    def crmctl(self, *arguments: str, inside: Path | None = None) -> None:
        """One call of crmctl, as a process of its own; it must not fail."""
        code, said = self._run(*arguments, inside=inside or self.root)
        if code:
            raise SystemExit(f"crmctl {shlex.join(arguments)}: {said}")

    def walk(self) -> None:
        """The tour, as a terminal shows it."""
        for arguments, why in TOUR:
            print(f"\n# {why}\n$ crmctl {shlex.join(arguments)}", flush=True)
            code, said = self._run(*arguments, inside=self.root)
            print(said, end="", flush=True)
            if code:
                print(f"(exit code {code})")
            if code not in ACCEPTED:
                self.failed.append(f"crmctl {shlex.join(arguments)}: exit code {code}")

    def _run(self, *arguments: str, inside: Path) -> tuple[int, str]:
        """The exit code of a call, and what it prints on a terminal."""
        environment = {n: v for n, v in os.environ.items() if not n.startswith(("CRMCTL_", "GIT_"))}
        # A dumb terminal shows no progress, which is gone in the end anyway.
        environment |= self.environment | {"PYTHONPATH": str(ROOT), "TERM": "dumb"}
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        process = subprocess.Popen(
            [sys.executable, "-m", "crmctl", *arguments],
            cwd=inside,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        pieces = list(iter(lambda: _read(master), b""))
        os.close(master)
        lines = b"".join(pieces).decode("utf-8", "replace").splitlines()
        return process.wait(), "".join(f"{line.rstrip()}\n" for line in lines)

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", "-C", str(self.root), *arguments], check=True)

    def say(self) -> None:
        """What to do now."""
        print(f"\nThe systems run. In another terminal:\n\n  cd {self.root}\n  . ../env.sh")
        for arguments, why in TOUR:
            print(f"  {f'crmctl {shlex.join(arguments)}':<60} # {why}")
        print(f"\nThe settings of this machine: {self.credentials}\nCtrl-C stops it.", flush=True)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""


def _flow(member: Mapping[str, Any]) -> str:
    """A member of the team in one line of YAML."""
    parts = (
        f"{name}: {_flow(value) if isinstance(value, Mapping) else value}"
        for name, value in member.items()
    )
    return f"{{{', '.join(parts)}}}"


@contextmanager
def running() -> Iterator[dict[str, Sample]]:
    """All doubles that this machine can run, told of one by one; stopped at the end."""
    with ExitStack() as stack:
        samples = {}
        for system, start in DOUBLES.items():
            try:
                samples[system] = start(stack)
            except Missing as why:
                print(f"{system}: left out, {why}")
            else:
                where = samples[system].machine
                place = (
                    where.get("url") or where.get("folder") or f"{where['host']}:{where['port']}"
                )
                print(f"{system}: {place}", flush=True)
        yield samples


def main() -> int:
    """Serve, or with ``--try`` walk through; the exit code is 1 if a command of the walk failed."""
    parser = argparse.ArgumentParser(
        prog="make sandbox", description="crmctl and its systems, to play with."
    )
    parser.add_argument("--folder", type=Path, help="a new or empty folder for it")
    parser.add_argument("--try", dest="walk", action="store_true", help="walk through it and end")
    options = parser.parse_args()
    folder = (options.folder or Path(tempfile.mkdtemp(prefix="crmctl-sandbox-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        parser.error(f"{folder} is not empty")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    sandbox = Sandbox(folder)
    try:
        with running() as samples:
            sandbox.make(samples)
            if options.walk:
                sandbox.walk()
            else:
                sandbox.say()
                threading.Event().wait()
    except KeyboardInterrupt:
        print()
    print(f"\nThe systems have stopped. The workspace stays at {sandbox.root}")
    for failure in sandbox.failed:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if sandbox.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
