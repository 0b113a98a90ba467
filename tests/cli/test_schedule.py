"""schedule: what is shown is what is written, and remove takes back exactly that."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmctl.model.errors import CrmError, UsageError
from crmctl.workflow import nightly_texts as texts
from crmctl.workflow.nightly_texts import Clock
from crmctl.workspace import yamlio
from tests.conftest import Crm

FAKE = """\
#!/bin/sh
tab="{tab}"
echo "$@" >> "{log}"
case "$1" in
-l) if [ -f "$tab" ]; then cat "$tab"; else echo "no crontab for ana" >&2; exit 1; fi ;;
-r) rm "$tab" ;;
-) cat > "$tab" ;;
esac
"""
AT = Clock(3, 30)


class Cron:
    """A crontab program of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.tab, self.log, self.program = folder / "tab", folder / "log", folder / "crontab"
        self.program.write_text(FAKE.format(tab=self.tab, log=self.log))
        self.program.chmod(0o755)

    @property
    def text(self) -> str | None:
        return self.tab.read_text() if self.tab.exists() else None

    @property
    def writes(self) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if line != "-l"]


@pytest.fixture
def cron(home: Path, monkeypatch: pytest.MonkeyPatch) -> Cron:
    folder = home / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return Cron(folder)


def test_a_crontab_gets_a_marked_part_and_keeps_every_other_line(
    crm: Crm, workspace: Path, cron: Cron
) -> None:
    theirs = "# mine\nMAILTO=ana@ours.example\n0 5 * * 1 /usr/bin/backup 100\\%\n"
    cron.tab.write_text(theirs)
    done = crm("schedule", "install", "--yes", "--at", "4:05")
    assert done.code == 0, done
    assert cron.text is not None
    assert cron.text.startswith(theirs)
    begin, night, digests, end = cron.text.removeprefix(theirs).splitlines()
    assert (begin, end) == (
        f"# >>> crmctl nightly in {workspace}",
        f"# <<< crmctl nightly in {workspace}",
    )
    assert night.startswith("5 4 * * * ")
    assert night.endswith(f" --quiet --workspace {workspace} nightly")
    assert digests.startswith("25 6-22 * * * ")
    assert digests.endswith("nightly --step digests")
    # Everything that is written was shown before.
    shown = [
        line[1:] for line in done.out.splitlines() if line.startswith("+") and "+++" not in line
    ]
    assert shown == [begin, night, digests, end]


def test_installing_again_replaces_and_removing_undoes_exactly(crm: Crm, cron: Cron) -> None:
    theirs = "0 5 * * 1 backup\n"
    cron.tab.write_text(theirs)
    crm("schedule", "install", "--yes")
    again = crm("schedule", "install", "--yes")
    assert again.err == "nothing to do\n"
    cron.tab.write_text((cron.text or "") + "1 1 * * * later\n")
    crm("schedule", "install", "--yes", "--at", "22:15")
    assert (cron.text or "").count("# >>> crmctl") == 1
    assert "15 22 * * *" in (cron.text or "")
    crm("schedule", "remove", "--yes")
    assert cron.text == theirs + "1 1 * * * later\n"
    assert crm("schedule", "remove", "--yes").err == "nothing to do\n"


def test_without_a_crontab_one_is_made_and_taken_away(crm: Crm, cron: Cron) -> None:
    assert crm("schedule", "install", "--yes").code == 0
    assert crm("schedule", "remove", "--yes").code == 0
    assert cron.text is None
    assert cron.writes == ["-", "-r"]


def test_nothing_is_written_before_a_person_says_yes(
    crm: Crm, cron: Cron, monkeypatch: pytest.MonkeyPatch
) -> None:
    for answer, code in (("n\n", 130), ("", 130), ("y\n", 0)):
        stdin = Path(cron.log.parent / "answer")
        stdin.write_text(answer)
        with stdin.open() as typed:
            monkeypatch.setattr("sys.stdin", typed)
            done = crm("schedule", "install")
        assert done.code == code
        assert "+++ crontab" in done.out
        assert (cron.text is not None) == (code == 0)
    assert crm("schedule", "install", "--at", "9:00", "--dry-run").code == 0
    assert cron.writes == ["-"]


def test_show_says_whether_it_is_there(crm: Crm, cron: Cron) -> None:
    first = json.loads(crm("schedule", "show", "--json").out)
    assert (first["kind"], first["installed"], first["same"]) == ("crontab", False, False)
    assert "not installed" in crm("schedule", "show").err
    crm("schedule", "install", "--yes")
    assert crm("schedule", "show").err == "this is installed\n"
    assert crm("schedule", "show", "--at", "5:00").err == "another time or program is installed\n"
    assert cron.writes == ["-"]


def test_a_damaged_part_is_left_to_a_person(crm: Crm, workspace: Path, cron: Cron) -> None:
    for lines in ([">>>"], ["<<<"], ["<<<", ">>>"], [">>>", "<<<", ">>>", "<<<"]):
        damaged = "".join(f"# {mark} crmctl nightly in {workspace}\n" for mark in lines)
        cron.tab.write_text(damaged)
        done = crm("schedule", "remove", "--yes")
        assert done.code == 1
        assert "damaged part" in done.err
        assert cron.text == damaged


def test_a_crontab_that_fails_or_is_missing_is_told_of(
    crm: Crm, cron: Cron, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cron.program.write_text(
        "#!/bin/sh\necho 'you are not allowed to use this program' >&2\nexit 1\n"
    )
    done = crm("schedule", "install", "--yes")
    assert (done.code, "not allowed to use this program" in done.err) == (1, True)
    cron.program.unlink()
    monkeypatch.setenv("PATH", str(home))
    done = crm("schedule", "show")
    assert (done.code, "try --kind systemd" in done.err) == (4, True)


def test_a_timer_of_systemd(crm: Crm, workspace: Path, home: Path) -> None:
    folder = home / ".config/systemd/user"
    done = crm("schedule", "install", "--kind", "systemd", "--yes", "--at", "2:07")
    assert done.code == 0, done
    names = sorted(path.name for path in folder.iterdir())
    name = texts.unit_name(str(workspace))
    ends = (".service", ".timer", "-digests.service", "-digests.timer")
    assert names == sorted(name + end for end in ends)
    assert "OnCalendar=*-*-* 02:07:00\nPersistent=true\n" in (folder / f"{name}.timer").read_text()
    assert f'"{workspace}" "nightly"\n' in (folder / f"{name}.service").read_text()
    assert f"enable --now {name}.timer {name}-digests.timer" in done.err
    assert json.loads(crm("schedule", "show", "--kind", "systemd", "--json").out)["installed"]
    # What enabling it adds goes with it.
    (folder / "timers.target.wants").mkdir()
    (folder / "timers.target.wants" / f"{name}.timer").symlink_to(folder / f"{name}.timer")
    assert crm("schedule", "remove", "--kind", "systemd", "--yes").code == 0
    assert list((home / ".config").iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "path"),
    [("github", ".github/workflows/crmctl-nightly.yml"), ("gitlab", ".gitlab/crmctl-nightly.yml")],
)
def test_a_job_of_a_forge(
    crm: Crm, workspace: Path, kind: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMCTL_SLACK_TOKEN", "xoxb-planted-secret")
    assert crm("schedule", "install", "--kind", kind, "--yes").code == 0
    text = (workspace / path).read_text()
    assert "CRMCTL_SLACK_TOKEN" in text
    assert "planted" not in text
    job: Any = yamlio.load(text, path=path)
    if kind == "github":
        assert job["on"]["schedule"] == [{"cron": "30 3 * * *"}]
        assert job["permissions"] == {"contents": "write"}
        assert job["jobs"]["nightly"]["env"] == {
            "CRMCTL_SLACK_TOKEN": "${{ secrets.CRMCTL_SLACK_TOKEN }}"
        }
        assert "crmctl nightly --push" in [
            step.get("run") for step in job["jobs"]["nightly"]["steps"]
        ]
    else:
        assert job["crmctl-nightly"]["script"][-1] == "crmctl nightly --push"
    assert crm("schedule", "remove", "--kind", kind, "--yes").code == 0
    assert not (workspace / path.partition("/")[0]).exists()


def test_a_workspace_in_a_folder_of_its_repository() -> None:
    job: Any = yamlio.load(texts.github("crm/emea/", AT, "1.0", ()), path="x")
    assert job["jobs"]["nightly"]["steps"][-2]["working-directory"] == "crm/emea"
    assert "crmctl --workspace crm/emea nightly --push" in texts.gitlab("crm/emea/", "1.0", ())
    for bad in ("our crm/", "$(x)/", "-x/", "a\nb/"):
        with pytest.raises(CrmError, match="letters, digits"):
            texts.github(bad, AT, "1.0", ())


def test_a_file_of_somebody_else_is_left_alone(crm: Crm, workspace: Path) -> None:
    path = workspace / ".github/workflows/crmctl-nightly.yml"
    path.parent.mkdir(parents=True)
    path.write_text("name: mine\n")
    for verb in ("install", "remove"):
        done = crm("schedule", verb, "--kind", "github", "--yes")
        assert (done.code, "left alone" in done.err) == (1, True)
    assert path.read_text() == "name: mine\n"


def test_a_link_is_not_followed(crm: Crm, workspace: Path, home: Path) -> None:
    (workspace / ".github").symlink_to(home)
    assert crm("schedule", "install", "--kind", "github", "--yes").code == 1
    assert not (home / "workflows").exists()


@pytest.mark.parametrize("at", ["24:00", "3", "3:5", "03:60", "noon", "3:30pm", ""])
def test_a_time_that_is_none(crm: Crm, at: str) -> None:
    assert crm("schedule", "show", "--kind", "systemd", "--at", at).code == 2


def test_an_unknown_kind(crm: Crm) -> None:
    done = crm("schedule", "install", "--kind", "launchd")
    assert (done.code, "allowed: crontab, systemd, github, gitlab" in done.err) == (2, True)


def test_a_path_that_cannot_be_written_down_is_refused() -> None:
    for bad in ("/a\nb", "/a\tb", "/a\x1bb", "/a\u202eb"):
        with pytest.raises(CrmError, match="control characters"):
            texts.cron_block(["crmctl"], bad, AT)
        with pytest.raises(CrmError, match="control characters"):
            texts.service(["crmctl"], bad)
    with pytest.raises(CrmError, match="backslash"):
        texts.cron_block(["crmctl"], "/a\\b", AT)
    with pytest.raises(UsageError):
        Clock.parse("x")


PATHS = st.text(
    st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="\\"), max_size=20
)


@given(PATHS)
def test_cron_and_the_shell_read_the_path_as_it_is(tail: str) -> None:
    root = f"/srv/{tail}"
    _, night, digests, _ = texts.cron_block(["/opt/my apps/crmctl"], root, AT).splitlines()
    for line in (night, digests):
        command = line.split(" ", 5)[5]
        assert "%" not in command.replace(r"\%", "")
        words = shlex.split(command.replace(r"\%", "%"))
        assert words[:5] == ["/opt/my apps/crmctl", "--quiet", "--workspace", root, "nightly"]


@given(st.lists(PATHS), PATHS, st.booleans())
def test_with_and_without_the_part_a_crontab_is_the_same(
    lines: list[str], tail: str, ends: bool
) -> None:
    root = f"/srv/{tail}"
    before = "\n".join(lines) + "\n" * (ends and bool(lines))
    block = texts.cron_block(["crmctl"], root, AT)
    after = texts.with_block(before, block, root)
    assert after.endswith(block)
    assert texts.with_block(after, block, root) == after
    whole = before if not before or before.endswith("\n") else f"{before}\n"
    assert texts.with_block(after, "", root) == whole


@given(PATHS)
def test_systemd_reads_the_path_as_it_is(tail: str) -> None:
    root = f"/srv/{tail}"
    (line,) = [
        x for x in texts.service(["crmctl"], root).splitlines() if x.startswith("ExecStart=")
    ]
    start = '"--workspace" '
    word = line[line.index(start) + len(start) : line.rindex(' "nightly"')]
    assert json.loads(word.replace("%%", "%").replace("$$", "$")) == root
    assert word.count("%") % 2 == word.count("$") % 2 == 0
