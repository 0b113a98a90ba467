"""The site: what is in it, that it asks nobody for anything, and that only what changed is written again."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from crmctl.insight import scoring
from crmctl.insight.rules_file import rules_bytes
from crmctl.insight.scoring import plan_scores
from crmctl.model.errors import UsageError
from crmctl.model.record import Account
from crmctl.render import account as account_reading
from crmctl.render.site import build as building
from crmctl.render.site import environment
from crmctl.render.site.account_page import account_page
from crmctl.render.site.build import Built, build
from crmctl.render.site.output import MANIFEST, Folder
from crmctl.workspace import store
from crmctl.workspace.workspace import Workspace
from tests.e2e.conftest import git

Write = Callable[[str, str], None]
NAMES = (
    "<script>document.title='run'</script>",
    '"><img src=x onerror="document.title=\'run\'">',
    "' onmouseover='document.title=1' x='",
    "</title><svg onload=alert(1)>",
    "]]><!--",
    "{{ 7 * 7 }}{% raw %}",
    "Acme \u202etxt.exe\u202c",
    "\x1b[31mRed\x1b[0m",
    "javascript:alert(1)",
)
MAIL = "<a href='https://evil.example'>win</a> <script src=//evil.example/x.js></script>"


class Page(HTMLParser):
    """What a page holds: its elements with their attributes, and its text."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(raw.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    return {p: ((s := (folder / p).stat()).st_ino, s.st_mtime_ns) for p in contents(folder)}


@pytest.fixture(scope="module")
def site(samples: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(samples, tmp_path_factory.mktemp("site"))


@pytest.fixture
def ws(ws: Workspace) -> Workspace:
    """Three accounts are enough for tests that write."""
    for slug in set(store.slugs(ws.root)) - {"vega-solar", "nordkap-fisk", "sabi-energy"}:
        shutil.rmtree(ws.root / "accounts" / slug)
    return ws


@pytest.fixture
def out(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outside the workspace, which is `tmp_path`."""
    return tmp_path_factory.mktemp("out") / "site"


@pytest.fixture(autouse=True)
def believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that a test has just written are believed at once."""
    monkeypatch.setattr(building, "RACY_NS", 0)


def page(built: Built, path: str) -> Page:
    return Page((built.folder / path).read_bytes())


def test_there_is_a_page_for_everything(site: Built, samples: Workspace) -> None:
    slugs = store.slugs(samples.root)
    there = set(contents(site.folder))
    assert {f"accounts/{slug}.html" for slug in slugs} < there
    assert {"index.html", "trend.html", "risk.html", "site.css", "site.js", MANIFEST} < there
    assert {p for p in there if p.startswith("owners/")} == {
        f"owners/{one}.html" for one in ("aiko", "jonas", "mira", "tomas")
    }
    assert site.problems == []
    assert site.accounts == len(slugs)


def test_every_link_leads_to_a_page(site: Built) -> None:
    for path in contents(site.folder):
        if not path.endswith(".html"):
            continue
        found = page(site, path)
        ids = {a["id"] for _, a in found.elements if "id" in a}
        targets = [a["href"] or "" for a in (*found.all("a"), *found.all("link")) if "href" in a]
        targets += [a["src"] or "" for a in found.all("script")]
        targets += [a["xlink:href"] or "" for a in found.all("a") if "xlink:href" in a]
        for target in targets:
            if target == "data:,":
                continue
            file, _, part = target.partition("#")
            assert ":" not in target, (path, target)
            assert not target.startswith("/"), (path, target)
            if file:
                assert (site.folder / path).parent.joinpath(file).resolve().is_file(), (
                    path,
                    target,
                )
            else:
                assert part in ids


def test_nothing_in_a_page_runs_or_asks(site: Built) -> None:
    for path in contents(site.folder):
        if not path.endswith(".html"):
            continue
        found = page(site, path)
        policy = next(
            a["content"] or ""
            for a in found.all("meta")
            if a.get("http-equiv") == "Content-Security-Policy"
        )
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert [a["src"] for a in found.all("script")] in (["site.js"], ["../site.js"])
        assert not {"img", "iframe", "object", "embed", "style", "base"} & {
            t for t, _ in found.elements
        }
        for tag, attributes in found.elements:
            assert not [n for n in attributes if n.startswith("on") or n in {"style", "srcset"}], (
                tag
            )


def test_ids_are_one_each_and_parts_have_names(site: Built) -> None:
    for path in contents(site.folder):
        if not path.endswith(".html"):
            continue
        found = page(site, path)
        ids = [a["id"] for _, a in found.elements if "id" in a]
        assert len(ids) == len(set(ids)), path
        named = {a["aria-labelledby"] for _, a in found.elements if a.get("aria-labelledby")}
        assert named <= set(ids), path
        assert all("scope" in a for a in found.all("th")), path
        assert len(found.all("h1")) == 1


def test_a_second_build_writes_nothing(ws: Workspace, out: Path) -> None:
    first = build(ws, out)
    assert len(first.written.new) == len(contents(out)) - 1
    before = stamps(out)
    again = build(ws, out)
    assert again.rendered == 0
    assert (again.written.new, again.written.changed, again.written.removed) == ([], [], [])
    assert stamps(out) == before


def test_one_account_rewrites_its_page_and_what_sums_it_up(ws: Workspace, out: Path) -> None:
    build(ws, out)
    before = stamps(out)
    profile = ws.root / "accounts/vega-solar/profile.md"
    profile.write_text(profile.read_text().replace("\nrenewal: ", "\nrenewal: 2027-03-05 # "))
    done = build(ws, out)
    assert done.rendered == 1
    after = stamps(out)
    assert {p for p in after if after[p] != before[p]} == {
        "accounts/vega-solar.html", "index.html", "owners/mira.html", "risk.html", MANIFEST,
    }  # fmt: skip
    assert "2027-03-05" in (out / "index.html").read_text()


def test_one_changed_account_is_the_only_one_that_is_computed(
    ws: Workspace, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(ws, out)
    made: list[str] = []

    def counted(account: Account, *given: Any) -> Any:
        made.append(account.slug)
        return account_page(account, *given)

    monkeypatch.setattr(building, "account_page", counted)
    build(ws, out)
    assert made == []
    note = next((ws.root / "accounts/nordkap-fisk/interactions").glob("*.md"))
    note.write_text(note.read_text() + "\nThey are happy.\n")
    build(ws, out)
    assert made == ["nordkap-fisk"]


def test_what_all_pages_rest_on_makes_all_of_them_anew(
    ws: Workspace, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(ws, out)
    for name in ("weights.yaml", "signals.yaml", "crmctl.yaml"):
        (ws.root / name).write_bytes(rules_bytes(ws.root, name) + b"\n# changed\n")
        assert build(Workspace(ws.root), out).rendered == 3, name
    monkeypatch.setenv("CRMCTL_NOW", "2026-11-17T08:00:00Z")
    assert build(Workspace(ws.root), out).rendered == 3
    monkeypatch.setattr(environment, "digest", lambda: "another version")
    assert build(Workspace(ws.root), out).rendered == 3
    assert build(Workspace(ws.root), out).rendered == 0


def test_texts_that_a_scoring_has_read_are_not_read_again(
    ws: Workspace, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(ws, out)
    want = contents(out)
    monkeypatch.setattr(scoring, "RACY_NS", 0)
    plan_scores(ws)

    def never(*given: object) -> None:
        raise AssertionError(given)

    monkeypatch.setattr(account_reading, "condense", never)
    shutil.rmtree(out)
    build(ws, out)
    found = contents(out)
    assert {p: found[p] for p in found if p != MANIFEST} == {
        p: want[p] for p in want if p != MANIFEST
    }


@pytest.mark.parametrize("kind", ["tasks", "contacts"])
def test_any_file_of_an_account_counts(ws: Workspace, out: Path, write: Write, kind: str) -> None:
    build(ws, out)
    text = {"tasks": "title: Call them about ducks\nstatus: open", "contacts": "name: Dora Duck"}[
        kind
    ]
    name = {"tasks": "2026-11-01-ducks-abcd", "contacts": "dora-duck"}[kind]
    write(f"accounts/vega-solar/{kind}/{name}.md", f"---\n{text}\n---\n")
    done = build(ws, out)
    assert done.rendered == 1
    assert re.search("ducks|Duck", (out / "accounts/vega-solar.html").read_text())


def test_a_page_that_was_changed_or_lost_is_made_again(ws: Workspace, out: Path) -> None:
    build(ws, out)
    want = contents(out)
    (out / "trend.html").write_text("mine")
    (out / "accounts/vega-solar.html").unlink()
    done = build(ws, out)
    assert contents(out) == want
    assert done.written.changed == ["trend.html"]
    assert done.written.new == ["accounts/vega-solar.html"]


def test_pages_of_accounts_that_are_no_more_go_but_nothing_else(ws: Workspace, out: Path) -> None:
    build(ws, out)
    (out / "accounts/mine.html").write_text("a page of my own")
    (out / "accounts/sabi-energy.html").write_text("edited by hand")
    for slug in ("vega-solar", "sabi-energy"):
        shutil.rmtree(ws.root / "accounts" / slug)
    done = build(ws, out)
    assert done.written.removed == [
        "accounts/vega-solar.html", "owners/mira.html", "owners/tomas.html",
    ]  # fmt: skip
    assert not (out / "accounts/vega-solar.html").exists()
    assert (out / "accounts/mine.html").exists()
    assert (out / "accounts/sabi-energy.html").read_text() == "edited by hand"
    assert "vega-solar" not in (out / "index.html").read_text()


def test_a_manifest_cannot_point_elsewhere(ws: Workspace, out: Path, tmp_path: Path) -> None:
    build(ws, out)
    victim = out.parent / "victim.html"
    victim.write_text("precious")
    manifest = json.loads((out / MANIFEST).read_text())
    mark = Folder(out, ws.root).put("accounts/x.html", b"precious", "")[1]
    manifest["pages"] |= {"../victim.html": mark, str(victim): mark}
    (out / MANIFEST).write_text(json.dumps(manifest))
    build(ws, out)
    assert victim.read_text() == "precious"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "pages": 3, "accounts": 4}']
)
def test_a_broken_manifest_costs_time_only(ws: Workspace, out: Path, text: str) -> None:
    build(ws, out)
    want = contents(out)
    (out / MANIFEST).write_text(text)
    build(ws, out)
    assert contents(out) == want


def test_a_folder_of_somebody_else_is_left_alone(ws: Workspace, out: Path) -> None:
    out.mkdir()
    (out / "thesis.txt").write_text("ten years")
    with pytest.raises(UsageError, match="not a site of ours"):
        build(ws, out)
    assert contents(out) == {"thesis.txt": b"ten years"}
    link = out.parent / "link"
    link.symlink_to(out)
    with pytest.raises(UsageError):
        build(ws, link)


@pytest.mark.parametrize(
    "place", [".", "..", "accounts", "accounts/site", "templates", ".git", ".git/hooks"]
)
def test_the_workspace_s_own_folders_are_refused(ws: Workspace, place: str) -> None:
    before = contents(ws.root)
    with pytest.raises(UsageError):
        build(ws, ws.root / place)
    after = {p for p in contents(ws.root) if not p.startswith(".git/crmctl/")}
    assert after == {p for p in before if not p.startswith(".git/crmctl/")}


def test_inside_the_workspace_git_does_not_see_it(ws: Workspace) -> None:
    build(ws, ws.root / "public")
    assert (ws.root / "public/.gitignore").read_text().endswith("*\n")
    assert "public" not in git(ws.root, "status", "--porcelain", "--untracked-files=all")
    build(ws, ws.state_dir / "site")
    assert (ws.state_dir / "site/index.html").exists()


def test_the_folder_is_its_owner_s_alone(ws: Workspace, out: Path) -> None:
    build(ws, out)
    assert out.stat().st_mode & 0o077 == 0


def test_a_book_holds_one_owner_s_accounts(ws: Workspace, out: Path) -> None:
    done = build(ws, out, "aiko")
    own = {p for p in contents(out) if p.startswith("accounts/")}
    assert own == {"accounts/nordkap-fisk.html"}
    assert done.accounts == 1
    assert not (out / "owners").exists() or not any((out / "owners").iterdir())
    text = (out / "index.html").read_text()
    assert "Aiko Brandt" in text
    assert "Vega Solar" not in text
    with pytest.raises(UsageError, match="owns no account; owners are aiko"):
        build(ws, out, "nobody")
    whole = build(ws, out)
    assert whole.accounts > done.accounts


def test_processes_make_the_same_pages(
    ws: Workspace, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(ws, out)
    monkeypatch.setattr(building, "MANY", 1)
    monkeypatch.setattr(building, "PART", 3)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    other = out.parent / "other"
    build(ws, other)
    assert contents(other) == contents(out)


def test_a_damaged_profile_is_told_and_the_rest_is_built(
    ws: Workspace, out: Path, write: Write
) -> None:
    write("accounts/vega-solar/profile.md", "---\nname: [\n---\n")
    done = build(ws, out)
    assert [p.path for p in done.problems] == ["accounts/vega-solar/profile.md"]
    assert not (out / "accounts/vega-solar.html").exists()
    assert (out / "accounts/nordkap-fisk.html").exists()
    assert "1 file is damaged" in (out / "index.html").read_text()


def test_records_that_lack_what_they_need_are_shown_as_they_are(
    ws: Workspace, out: Path, write: Write
) -> None:
    base = "accounts/vega-solar"
    write(f"{base}/deals/bare.md", "---\nstatus: open\n---\n")
    write(f"{base}/deals/lost.md", "---\nstatus: lost\n---\n")
    write(f"{base}/contacts/bare.md", "---\nroles: [champion]\n---\n")
    write(f"{base}/tasks/2026-11-01-bare-abcd.md", "---\nstatus: open\n---\n")
    write("accounts/bare/profile.md", "---\n---\n")
    build(ws, out)
    text = (out / "accounts/vega-solar.html").read_text()
    assert "bare" in text
    assert "bare-abcd" in text
    assert (out / "accounts/bare.html").exists()


def test_an_empty_workspace_has_a_site_too(ws: Workspace, out: Path) -> None:
    shutil.rmtree(ws.root / "accounts")
    (ws.root / "accounts").mkdir()
    done = build(ws, out)
    assert done.accounts == 0
    assert "No accounts yet" in (out / "index.html").read_text()
    assert "Too little history" in (out / "trend.html").read_text()
    assert "risk is known yet" in (out / "risk.html").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_and_mails_are_text(
    ws: Workspace, out: Path, write: Write, name: str
) -> None:
    for folder in store.slugs(ws.root):
        shutil.rmtree(ws.root / "accounts" / folder)
    told = json.dumps(name)
    write(
        "accounts/evil/profile.md",
        f"---\nname: {told}\nstage: customer\nowner: mira\nsegment: {told}\narr: 1000\nrenewal: 2027-01-01\n"
        f"next_step: {told}\ncompetitors: [{told}]\ngoals:\n  - name: {told}\n    unit: {told}\n---\n",
    )
    write(
        "accounts/evil/contacts/eve.md",
        f"---\nname: {told}\ntitle: {told}\nroles: [champion]\n---\n",
    )
    write(
        "accounts/evil/deals/deal.md",
        f"---\nname: {told}\nstage: {told}\nstatus: open\nnext_step: {told}\n---\n",
    )
    write(
        "accounts/evil/tasks/2026-11-01-t-aaaa.md",
        f"---\ntitle: {told}\nstatus: open\nowner: {told}\n---\n",
    )
    mail = {"id": "mail:1", "at": "2026-11-10T10:00:00Z", "type": "email", "direction": "in",
            "with": ["eve"], "subject": name, "text": MAIL}  # fmt: skip
    write("accounts/evil/interactions/2026.jsonl", json.dumps(mail) + "\n")
    done = build(ws, out)
    test_nothing_in_a_page_runs_or_asks(done)
    test_every_link_leads_to_a_page(done)
    for path in ("accounts/evil.html", "index.html", "risk.html"):
        raw = (out / path).read_text()
        assert "evil.example" not in raw or "<script src=//" not in raw
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", raw), path
        found = page(done, path)
        assert not {"onerror", "onload", "onmouseover"} & {n for _, a in found.elements for n in a}
    shown = " ".join(page(done, "accounts/evil.html").text.split())
    first = name[:12] if name.isprintable() else name[-4:] if "Red" not in name else "[31mRed"
    assert first.strip("\u202c") in shown
