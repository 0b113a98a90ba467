from __future__ import annotations

import datetime as dt
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from crmctl.model.errors import CrmError
from crmctl.model.incoming import Batch, Incoming
from crmctl.sources import slack_export
from crmctl.workspace.source_settings import SlackSettings
from tests.sources.slack_reads import (
    ACME,
    ANA,
    BO,
    HOLLIS,
    INES,
    INTEREST,
    MAYA,
    NORDLICHT,
    NOW,
    sampled,
)

Files = dict[str, Any]


def person(id: str, name: str, mail: str, **more: Any) -> Files:
    return {
        "id": id,
        "team_id": "T09GUEST01",
        **more,
        "profile": {"real_name": name, "email": mail},
    }


USERS = [
    person(ANA, "Ana Reyes", "ana@northwind-cs.example", team_id="T07CRM0001"),
    person(INES, "Ines Okafor", "ines@hollisvane.example", is_stranger=True),
    person(MAYA, "Maya", "maya@acmetiles.example", is_restricted=True),
]
CHANNELS = [
    {"id": HOLLIS, "name": "ext-hollis-vane-freight", "created": "1452837318", "members": [ANA]},
    {"id": ACME, "name": "tiles", "created": 1452837318, "members": [ANA, MAYA]},
    {"id": "C07GENERAL", "name": "general", "is_general": True, "members": [ANA]},
    {"id": "C07RANDOM1", "name": "random", "created": "1452837318", "members": [ANA]},
]


def said(user: str, text: str, ts: str = "1772528399.000200", **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": user, "text": text, "ts": ts, **more}


def made(tmp_path: Path, files: Files, *, top: str = "") -> Path:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in ({"users.json": USERS, "channels.json": CHANNELS} | files).items():
            raw = (
                content
                if isinstance(content, bytes)
                else json.dumps(content).replace("/", "\\/").encode()
            )
            archive.writestr(f"{top}{name}", raw)
    return path


def read(path: Path, **settings: Any) -> Batch:
    return slack_export.read(path, SlackSettings(**settings), NOW, INTEREST)


def events(batch: Batch) -> list[Incoming]:
    return [record for record in batch.records if record.kind == "event"]


@pytest.mark.parametrize("top", ["", "northwind export/"])
def test_an_export_brings_its_channels_to_their_accounts(tmp_path: Path, top: str) -> None:
    days = {
        "ext-hollis-vane-freight/2026-03-03.json": [
            said(ANA, "second <@U09INES001>", "1772528400.000100", thread_ts="1772528399.000200"),
            said(INES, "first", thread_ts="1772528399.000200", replies=[{"user": ANA, "ts": "1772528400.000100"}]),
            said(INES, "", subtype="channel_join"),
        ],
        "tiles/2026-03-03.json": [said(MAYA, "by the guests")],
        "random/2026-03-03.json": [said(ANA, "among ourselves")],
        "general/2026-03-03.json": [said(ANA, "to all")],
    }  # fmt: skip
    batch = read(made(tmp_path, days, top=top))
    assert batch.rejected == []
    found = {record.id: record for record in events(batch)}
    assert found.keys() == {
        f"{HOLLIS}-1772528399.000200",
        f"{HOLLIS}-1772528399.000200-1772528400.000100",
        f"{ACME}-1772528399.000200",
    }
    reply = found[f"{HOLLIS}-1772528399.000200-1772528400.000100"]
    assert reply.fields["text"] == "second @Ines Okafor"
    assert (reply.fields["by"], reply.account.slug) == (ANA, "hollis-vane-freight")
    assert found[f"{ACME}-1772528399.000200"].account.slug == "acme-tiles"
    assert [(waiting.id, waiting.date) for waiting in batch.waiting] == [
        ("C07RANDOM1", "2016-01-15")
    ]
    assert "among ourselves" not in repr(batch)
    assert {r.id for r in batch.records if r.kind == "contact"} == {INES, MAYA}


def test_an_export_and_the_live_system_say_the_same(tmp_path: Path) -> None:
    with sampled() as reads:
        slack = reads.slack
        live = {record.id: record for record in events(reads.read())}
        days: Files = {
            f"{slack.channels[channel]['name']}/2026-10-20.json": [
                message for (where, _), message in slack.said.items() if where == channel
            ]
            for channel in (HOLLIS, NORDLICHT, ACME)
        }
        channels = slack.channels
        indexes = {
            "users.json": list(slack.users.values()),
            "channels.json": [
                channels[HOLLIS] | {"members": [ANA, INES]},
                channels[ACME] | {"members": [ANA, MAYA]},
                channels["C07GENERAL"],
            ],
            "groups.json": [channels[NORDLICHT] | {"members": [ANA, BO]}],
        }
        batch = slack_export.read(made(tmp_path, indexes | days), reads.settings, NOW, INTEREST)
    assert {record.id: record for record in events(batch)} == live


def test_old_exports_have_one_file_and_authors_of_their_own(tmp_path: Path) -> None:
    link = "https://files.slack.com/files-pri/T1-F1/a.pdf?t=xoxe-123-abc"
    profile = {"real_name": "Eva Old", "display_name": "eva", "team": "T09GUEST01"}
    batch = read(
        made(
            tmp_path,
            {
                "tiles/2016-01-15.json": [
                    said("U0GONE", f"see <{link}>", "1452837318.000002", user_profile=profile, subtype="file_share",
                         file={"name": "a.pdf", "url_private": link}),
                ]
            },
        )
    )  # fmt: skip
    (record,) = events(batch)
    assert (
        record.fields["text"] == "see https://files.slack.com/files-pri/T1-F1/a.pdf\n(file: a.pdf)"
    )
    assert record.fields["direction"] == "in"
    assert "xoxe" not in repr(batch)


def test_a_direct_message_lies_in_a_folder_of_its_id(tmp_path: Path) -> None:
    files = {
        "dms.json": [{"id": "D07INES001", "created": 1452837318, "members": [ANA, INES]}],
        "D07INES001/2026-03-03.json": [said(INES, "between us")],
    }
    assert events(read(made(tmp_path, files))) == []
    (record,) = events(read(made(tmp_path, files), channels={"D07INES001": "hollis-vane-freight"}))
    assert record.fields["subject"] == "direct message"


def test_claims_and_settings_count_in_an_export_too(tmp_path: Path) -> None:
    files = {"random/2026-03-03.json": [said(ANA, "x")]}
    path = made(tmp_path, files)
    claims = {"channel:C07RANDOM1": "nordlicht"}
    (record,) = events(slack_export.read(path, SlackSettings(), NOW, INTEREST, claims))
    assert record.account.slug == "nordlicht"
    batch = read(path, channels={"random": "nobody"})
    assert events(batch) == []
    assert any("nobody" in note for note in batch.notes)


def test_what_is_damaged_hides_nothing_else(tmp_path: Path) -> None:
    batch = read(
        made(
            tmp_path,
            {
                "groups.json": {"not": "a list"},
                "tiles/2026-03-01.json": b"[{",
                "tiles/2026-03-02.json": b"\xff\xfe",
                "tiles/2026-03-03.json": ["odd", said(MAYA, "good"), said(MAYA, "x", "yesterday")],
                "tiles/2026-03-04.json": b"[" * 200_000,
                "tiles/2026-03-05.json": [said(MAYA, "later", "4102444800.000000")],
                "tiles/canvas_in_the_conversation.json": [said(MAYA, "no day")],
            },
        )
    )
    assert [record.fields["text"] for record in events(batch)] == ["good"]
    assert len(batch.rejected) == 7
    assert any("future" in rejected.reason for rejected in batch.rejected)


def test_names_that_climb_out_of_the_archive_lead_nowhere(tmp_path: Path) -> None:
    channels = [*CHANNELS, {"id": "C07EVIL001", "name": "../../etc", "members": [MAYA]}]
    files = {
        "channels.json": channels,
        "../../etc/2026-03-03.json": [said(MAYA, "a")],
        "/etc/2026-03-03.json": [said(MAYA, "b")],
        "tiles/../../2026-03-03.json": [said(MAYA, "c")],
        "tiles/2026-03-03.json": [said(MAYA, "good")],
    }
    before = sorted(tmp_path.parent.rglob("*"))
    path = made(tmp_path, files)
    batch = read(path, channels={"C07EVIL001": "nordlicht"})
    assert [record.fields["text"] for record in events(batch)] == ["good"]
    assert sorted(tmp_path.parent.rglob("*")) == sorted([*before, path])


def test_a_file_as_large_as_a_bomb_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_export, "_LARGEST", 20_000)
    large = json.dumps([said(MAYA, "x" * 30_000)]).encode()
    path = made(
        tmp_path, {"tiles/2026-03-02.json": large, "tiles/2026-03-03.json": [said(MAYA, "good")]}
    )
    batch = read(path)
    assert [record.fields["text"] for record in events(batch)] == ["good"]
    raw = path.read_bytes()
    lying = raw.replace(len(large).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert lying != raw
    path.write_bytes(lying)
    batch = read(path)
    assert [record.fields["text"] for record in events(batch)] == ["good"]
    assert len(batch.rejected) == 1
    monkeypatch.setattr(slack_export, "_ALL", 100)
    assert len(read(path).rejected) > 1


def test_what_is_no_export_is_said_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "x.zip"
    with pytest.raises(CrmError, match="ZIP"):
        read(file)
    file.write_bytes(b"not a zip")
    with pytest.raises(CrmError, match="ZIP"):
        read(file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("photo.txt", "x")
    with pytest.raises(CrmError, match=r"users\.json"):
        read(file)


def test_the_same_export_gives_the_same_records(tmp_path: Path) -> None:
    days = {"tiles/2026-03-03.json": [said(MAYA, f"{n}", f"177252839{n}.000200") for n in range(9)]}
    path = made(tmp_path, days)
    later = slack_export.read(path, SlackSettings(), NOW + dt.timedelta(days=9), INTEREST)
    assert read(path).records == later.records
