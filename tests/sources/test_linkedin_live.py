from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from crmctl.model.errors import ConfigError
from crmctl.model.incoming import Incoming, Waiting
from crmctl.sources.errors import SourceError
from crmctl.sources.linkedin_live import LinkedIn, connect
from crmctl.sources.network import Network
from crmctl.sources.source import Interest, Request
from crmctl.workspace.machine import Machine
from crmctl.workspace.source_settings import LinkedInSettings

NOW = dt.datetime(2026, 3, 10, 9, tzinfo=dt.UTC)
HEADER = "First Name,Last Name,URL,Email Address,Company,Position,Connected On\n"
BO = "Bo,Berg,https://www.linkedin.com/in/bo,,Acme,CTO,08 Feb 2026\n"
FEED = "domain,date,text,url\nacme.example,2026-03-01,We moved,https://acme.example/1\n"


def linkedin(folder: Path) -> LinkedIn:
    machine = Machine({"CRMCTL_LINKEDIN_FOLDER": str(folder)}, folder.parent / "none.yaml")
    return connect(machine, LinkedInSettings(), Network())


def request(mark: Mapping[str, Any]) -> Request:
    return Request(mark, NOW - dt.timedelta(days=365), NOW, lambda: Interest({}, {}))


def reading(folder: Path, mark: Mapping[str, Any]) -> tuple[list[Incoming], Mapping[str, Any]]:
    records: list[Incoming] = []
    for chunk in linkedin(folder).read(request(mark)):
        records += chunk.batch.records
        mark = chunk.mark or mark
    return records, mark


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "drop"
    (found / "march").mkdir(parents=True)
    (found / "march" / "Connections.csv").write_text(HEADER + BO)
    return found


def test_each_file_is_read_once_whatever_it_is_called(folder: Path) -> None:
    records, mark = reading(folder, {})
    assert [record.id for record in records] == ["bo"]
    assert [len(digest) for digest in mark["files"]] == [16]
    assert reading(folder, mark) == ([], mark)
    (folder / "march").rename(folder / "april")
    assert reading(folder, mark) == ([], mark)


def test_what_is_new_is_read_and_what_is_gone_is_not_forgotten(folder: Path) -> None:
    _, mark = reading(folder, {})
    (folder / "march" / "Connections.csv").write_text(HEADER + BO.replace("CTO", "CEO"))
    records, after = reading(folder, mark)
    assert [record.fields["title"] for record in records] == ["CEO"]
    assert set(mark["files"]) < set(after["files"])
    (folder / "march" / "Connections.csv").write_text(HEADER + BO)
    assert reading(folder, after) == ([], after)


def test_updates_that_waited_are_found_again(folder: Path) -> None:
    (folder / "feed.csv").write_text(FEED)
    records, _ = reading(folder, {})
    (note,) = (record for record in records if record.kind == "event")
    wanted = [Waiting("linkedin", "event", note.id), Waiting("linkedin", "event", "gone")]
    found = linkedin(folder).fetch(request({}), wanted)
    assert [record.id for record in found.records] == [note.id]
    assert found.partial


def test_without_a_folder_it_is_said_what_to_do_instead(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no lawful API .*`crmctl import linkedin FILE`"):
        connect(Machine({}, tmp_path / "none.yaml"), LinkedInSettings(), Network())


def test_a_folder_that_is_gone_is_no_empty_folder(folder: Path) -> None:
    gone = folder.parent / "unplugged"
    with pytest.raises(SourceError, match="is not there"):
        list(linkedin(gone).read(request({})))
    empty = folder.parent / "empty"
    empty.mkdir()
    assert list(linkedin(empty).read(request({}))) == []


def test_a_check_says_what_lies_there(folder: Path) -> None:
    (folder / "Basic_LinkedInDataExport_02-10-2026").mkdir()
    (folder / "Basic_LinkedInDataExport_02-10-2026" / "Connections.csv").write_text(HEADER)
    (sentence,) = linkedin(folder).check()
    assert sentence.startswith("reads 2 archives")
    assert sentence.endswith("the newest of 2026-02-10")
    assert linkedin(folder).limits() == {}
