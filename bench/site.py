"""Measures a full build of the site beside Hugo, which renders one page an account from the same files.

    python bench/site.py                  10,000 generated accounts
    python bench/site.py --tree DIR       the accounts in another folder
    python bench/site.py --accounts 1000  a smaller tree

Hugo gets each account as a bundle: the profile is the page, and its contacts, deals, conversations and tasks are read
for a list on it. Hugo leaves out the traffic, the scores, the charts and the pages about many accounts. A miss is
reported and is no failure.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path

from lab import CRMCTL, SITE, Lab, say
from measure import Program
from run import Benchmark, Outcome, row, timed

PAGE = """\
<!doctype html><title>{{ .Title }}</title><h1>{{ .Params.name }}</h1>
<dl>{{ range $k, $v := .Params }}<dt>{{ $k }}</dt><dd>{{ $v }}</dd>{{ end }}</dl>{{ .Content }}
<ul>{{ range .Resources.ByType "page" }}<li>{{ .Params.name }} {{ .Params.title }} {{ .Params.subject }}
{{ .Params.stage }} {{ .Params.at }} {{ .Params.due }}</li>{{ end }}</ul>
"""


def bundles(lab: Lab) -> Path:
    """A Hugo site with an account a page, made of all its Markdown."""
    root = lab.folder / "bundles"
    if not root.is_dir():
        say(f"making {root}")
        part = lab.folder / "bundles.part"
        shutil.rmtree(part, ignore_errors=True)
        (part / "layouts/_default").mkdir(parents=True)
        (part / "layouts/_default/single.html").write_text(PAGE)
        (part / "config.toml").write_text(
            SITE.replace('"term"', '"term", "home", "section", "RSS", "sitemap"')
        )
        for slug in lab.slugs():
            account, bundle = lab.large / "accounts" / slug, part / "content" / slug
            for file in account.rglob("*.md"):
                place = bundle / file.relative_to(account)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place)
            (bundle / "profile.md").rename(bundle / "index.md")
        part.rename(root)
    return root


def programs(lab: Lab) -> tuple[Program, Program]:
    """Ours and Hugo, each building the whole site into an empty folder."""
    rival, out, public = bundles(lab), lab.folder / "built", lab.folder / "public"

    def clear() -> None:
        shutil.rmtree(out, ignore_errors=True)
        shutil.rmtree(public, ignore_errors=True)

    ours = Program([CRMCTL, "-q", "report", "build", "--out", str(out)], lab.large, lab.env, clear)
    return ours, Program(["hugo", "--quiet", "-d", str(public)], rival, lab.env, clear)


def full(lab: Lab, rounds: int) -> Outcome:
    """Build the whole site into an empty folder."""
    return timed(*programs(lab), rounds)


def processor(program: Program) -> float:
    """Seconds of processor time of a run, of all its processes: what other work on the machine disturbs least."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    program.run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


BENCHMARK = Benchmark(
    "`report build` of all into an empty folder / Hugo, a page an account", 2.0, full, "hugo"
)


def main() -> int:
    """Run it; 1 if it could not run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--tree", type=Path, help="a folder of accounts to copy instead of generating"
    )
    parser.add_argument("--accounts", type=int, default=10_000, help="how many to generate")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each")
    parser.add_argument("--work", type=Path, help="where workspaces are kept between runs")
    given = parser.parse_args()
    if shutil.which("hugo") is None:
        say("hugo is not installed")
        return 1
    default = "other" if given.tree else f"{given.accounts}"
    lab = Lab(
        given.work or Path(tempfile.gettempdir()) / f"crmctl-bench-{default}",
        given.tree,
        given.accounts,
    )
    print("| name | what | crmctl | against | ratio | range | goal | |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |")
    try:
        print(row("site", BENCHMARK, BENCHMARK.measure(lab, given.rounds)), flush=True)
        ours, hugo = map(processor, programs(lab))
        told = f"{ours:.1f} s against {hugo:.1f} s, {ours / hugo:.2f} times"
        print(f"\nProcessor time: {told}; load average {os.getloadavg()[0]:.1f}", flush=True)
    except (OSError, RuntimeError, sqlite3.Error) as error:
        say(f"site: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
