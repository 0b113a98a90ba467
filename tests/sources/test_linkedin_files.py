from __future__ import annotations

import datetime as dt
import io
import random
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from crmctl.model.errors import CrmError
from crmctl.model.incoming import Batch
from crmctl.sources import csv_table, linkedin_files
from crmctl.sources.linkedin_files import bundles, read
from crmctl.sources.source import Interest
from crmctl.workspace.source_settings import LinkedInSettings

NOW = dt.datetime(2026, 3, 10, 9, tzinfo=dt.UTC)
HEADER = "First Name,Last Name,URL,Email Address,Company,Position,Connected On\n"
BO = "Bo,Berg,https://www.linkedin.com/in/bo,,Acme,{title},08 Feb 2026\n"
CONNECTIONS = f'Notes:\n"Some, words"\n\n{HEADER}{BO.format(title="CTO")}'
MESSAGES = (
    "CONVERSATION ID,FROM,SENDER PROFILE URL,TO,RECIPIENT PROFILE URLS,DATE,SUBJECT,CONTENT,FOLDER\n"
    "1,Bo,https://www.linkedin.com/in/bo,Ana Aas,https://www.linkedin.com/in/ana,2026-03-01 09:00:00 UTC,,Hi,INBOX\n"
)
ARCHIVE = {
    "Complete/Connections.csv": CONNECTIONS,
    "Complete/messages.csv": MESSAGES,
    "Complete/learning_coach_messages.csv": MESSAGES.replace("Hi", "I am a machine"),
    "Complete/Profile.csv": "First Name,Last Name,Maiden Name,Headline\nAna,Aas,,CEO\n",
    "Complete/Ad_Targeting.csv": "Company Names,Company Names\na,b\n",
    "Complete/LearningCoachMessages.csv": "No conversations found",
    "Complete/Articles/one.html": "<p>First Name,Connected On</p>",
    "__MACOSX/Complete/._Connections.csv": CONNECTIONS,
}


def said(path: Path) -> Batch:
    return read(path, LinkedInSettings(), Interest({}, {}), NOW)


def pack(path: Path, files: dict[str, str], *, day: tuple[int, int, int] = (2026, 3, 9)) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, (*day, 8, 0, 0)), text, zipfile.ZIP_DEFLATED)
    return path


def kinds(batch: Batch) -> list[tuple[str, str]]:
    return sorted({(record.kind, str(record.fields.get("title", ""))) for record in batch.records})


def test_an_archive_packed_unpacked_or_a_single_table(tmp_path: Path) -> None:
    packed = pack(tmp_path / "a.zip", ARCHIVE)
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path / "b")
    (tmp_path / "renamed.txt.csv").write_text(CONNECTIONS, "utf-8")
    whole = said(packed)
    assert {record.kind for record in whole.records} == {"contact", "event"}
    assert len(whole.records) == 2, "one connection, and one message of the same person"
    assert said(tmp_path / "b").records[0].fields["title"] == "CTO"
    assert len(said(tmp_path / "b").records) == 2
    assert len(said(tmp_path / "renamed.txt.csv").records) == 1
    assert whole.rejected == []


@pytest.mark.parametrize(
    ("name", "day", "stamp"),
    [
        ("Basic_LinkedInDataExport_02-10-2026.zip", (2026, 3, 9), "2026-02-10"),
        ("archive (1).zip", (2026, 3, 9), "2026-03-09"),
        ("packed by a tool.zip", (1980, 1, 1), None),
    ],
)
def test_an_archive_is_as_old_as_it_says(
    tmp_path: Path, name: str, day: tuple[int, int, int], stamp: str | None
) -> None:
    path = pack(tmp_path / name, {"Connections.csv": CONNECTIONS}, day=day)
    assert said(path).records[0].fields.get("modified") == stamp


def test_of_several_archives_the_oldest_is_read_first(tmp_path: Path) -> None:
    for month, title in ((3, "CEO"), (1, "CTO"), (2, "COO")):
        files = {"Connections.csv": HEADER + BO.format(title=title)}
        pack(tmp_path / f"Basic_LinkedInDataExport_{month:02}-01-2026.zip", files)
    assert [record.fields["title"] for record in said(tmp_path).records] == ["CTO", "COO", "CEO"]


def test_names_in_an_archive_lead_nowhere(tmp_path: Path) -> None:
    names = ["../../evil/Connections.csv", "/etc/Connections.csv", "C:\\x\\Connections.csv"]
    home = tmp_path / "home"
    home.mkdir()
    path = pack(home / "a.zip", dict.fromkeys(names, CONNECTIONS))
    before = sorted(tmp_path.rglob("*"))
    assert len(said(path).records) == 2
    assert sorted(tmp_path.rglob("*")) == before


def test_an_archive_that_unpacks_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_table, "MAX_BYTES", 2 << 20)
    path = pack(tmp_path / "bomb.zip", {"Connections.csv": CONNECTIONS + "\n" * (24 << 20)})
    assert path.stat().st_size < 100_000
    with pytest.raises(CrmError, match=r"bomb\.zip/Connections\.csv unpacks to more"):
        said(path)


def test_the_tables_of_one_archive_are_bounded_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linkedin_files, "MAX_UNPACKED", 3 * len(CONNECTIONS))
    files = {f"{n}/Connections.csv": CONNECTIONS for n in range(4)}
    with pytest.raises(CrmError, match="unpacks to more"):
        said(pack(tmp_path / "many.zip", files))


def test_a_size_that_the_archive_only_claims_counts_nothing(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"Connections.csv": CONNECTIONS, "messages.csv": MESSAGES})
    raw = bytearray(path.read_bytes())
    place = raw.index(b"PK\x01\x02") + 24
    raw[place : place + 4] = struct.pack("<I", 5)
    path.write_bytes(raw)
    batch = said(path)
    assert [r.origin for r in batch.rejected] == ["a.zip/Connections.csv"]
    assert {record.kind for record in batch.records} == {"contact", "event"}, "the rest is read"


def test_a_damaged_archive_is_told_and_hides_no_other(tmp_path: Path) -> None:
    whole = pack(tmp_path / "whole.zip", ARCHIVE).read_bytes()
    (tmp_path / "half.zip").write_bytes(whole[: len(whole) // 2])
    batch = said(tmp_path)
    assert len(batch.records) == 2
    assert [r.origin for r in batch.rejected] == ["half.zip"]
    assert "download it again" in batch.rejected[0].reason


def test_an_encrypted_table_is_told(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"Connections.csv": CONNECTIONS})
    raw = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(mark) + offset] |= 1
    path.write_bytes(raw)
    with pytest.raises(CrmError, match=r"a\.zip/Connections\.csv is encrypted: unpack"):
        said(path)


@pytest.mark.parametrize("seed", range(40))
def test_an_archive_with_wrong_bytes_gives_an_error_or_less(tmp_path: Path, seed: int) -> None:
    raw = bytearray(pack(tmp_path / "a.zip", ARCHIVE).read_bytes())
    rng = random.Random(seed)
    for _ in range(6):
        raw[rng.randrange(len(raw))] = rng.randrange(256)
    (tmp_path / "a.zip").write_bytes(raw)
    with suppress(CrmError):
        assert len(said(tmp_path / "a.zip").records) <= 3


def test_what_crmctl_does_not_read_is_said_with_its_columns(tmp_path: Path) -> None:
    (tmp_path / "Skills.csv").write_text("Name,Level\nGit,9\n")
    with pytest.raises(CrmError, match=r"Skills\.csv is no table .*; its columns are Name, Level"):
        said(tmp_path / "Skills.csv")
    with pytest.raises(CrmError, match="holds no table of LinkedIn"):
        said(tmp_path)
    with pytest.raises(CrmError, match="cannot be read"):
        said(tmp_path / "missing.csv")


def test_where_nothing_could_be_read_it_is_said_why(tmp_path: Path) -> None:
    with pytest.raises(CrmError, match=r"missing\.zip cannot be read \(No such file"):
        said(tmp_path / "missing.zip")
    (tmp_path / "page.zip").write_bytes(b"<html>Link expired</html>")
    with pytest.raises(CrmError, match=r"page\.zip is a damaged archive .* download it again"):
        said(tmp_path / "page.zip")


def test_a_link_in_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside.csv").write_text(CONNECTIONS)
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "Connections.csv").symlink_to(tmp_path / "outside.csv")
    assert bundles(folder) == []


def test_files_are_told_apart_by_what_they_hold(tmp_path: Path) -> None:
    one = pack(tmp_path / "one.zip", ARCHIVE)
    two = tmp_path / "two.zip"
    two.write_bytes(one.read_bytes())
    digests = {bundle.name: bundle.digest() for bundle in bundles(tmp_path)}
    assert digests["one.zip"] == digests["two.zip"]
    buffer = io.BytesIO(one.read_bytes())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("more.csv", "x")
    two.write_bytes(buffer.getvalue())
    assert len({bundle.digest() for bundle in bundles(tmp_path)}) == 2
