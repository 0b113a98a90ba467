from __future__ import annotations

import datetime as dt
import json

import pytest

from crmctl.model.incoming import Batch
from crmctl.sources import linkedin_tables
from crmctl.sources.linkedin_updates import from_json, to_batch
from crmctl.workspace.source_settings import LinkedInSettings

NOW = dt.datetime(2026, 3, 10, 9, tzinfo=dt.UTC)
FEED = (
    "domain,date,title,text,url\n"
    "www.acme.example,2026-03-01,New office,We opened in Oslo,https://acme.example/news/1\n"
    "acme.example,2026-03-02T10:00:00Z,,Second post,\n"
)


def updates(text: str) -> Batch:
    sheet = linkedin_tables.read(text.encode(), "feed.csv")
    assert sheet is not None
    assert sheet.shape.name == "updates"
    return to_batch(sheet, LinkedInSettings(), NOW)


def test_an_update_is_a_dated_note_of_the_account() -> None:
    first, second = updates(FEED).records
    assert (first.kind, first.account.domain) == ("event", "acme.example")
    assert first.at == dt.date(2026, 3, 1)
    assert first.fields == {
        "type": "note",
        "subject": "New office",
        "text": "We opened in Oslo",
        "url": "https://acme.example/news/1",
    }
    assert second.at == dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
    assert first.waits, "its account may become known"


def test_an_update_is_the_same_one_as_long_as_its_address_is() -> None:
    again = FEED.replace("We opened in Oslo", "We have opened in Oslo")
    assert [r.id for r in updates(FEED).records] == [r.id for r in updates(again).records]
    other = FEED.replace("Second post", "Third post")
    assert updates(FEED).records[1].id != updates(other).records[1].id


def test_an_account_is_named_by_folder_or_name_too() -> None:
    text = "account,date,text,link\nacme-tiles,2026-03-01,x,\nNordlicht Möbel,2026-03-01,x,\n"
    slug, name = (record.account for record in updates(text).records)
    assert (slug.slug, slug.name) == ("acme-tiles", "acme-tiles")
    assert (name.slug, name.name) == ("", "Nordlicht Möbel")


@pytest.mark.parametrize(
    "data",
    [
        [{"company": "Acme", "date": "2026-03-01", "text": "x", "url": "https://a.example/1"}],
        {
            "version": "https://jsonfeed.org/version/1.1",
            "items": [
                {
                    "author": "Acme",
                    "date_published": "2026-03-01",
                    "content_text": "x",
                    "url": "https://a.example/1",
                }
            ],
        },
    ],
)
def test_a_feed_may_be_json(data: object) -> None:
    sheet = from_json(json.dumps(data).encode(), "feed.json")
    assert sheet is not None
    (record,) = to_batch(sheet, LinkedInSettings(), NOW).records
    assert (record.account.name, record.fields["text"]) == ("Acme", "x")
    assert record.origin == "feed.json:1"


@pytest.mark.parametrize("raw", [b"{", b"[]", b'{"a": 1}', b"\xff", b"[" * 100_000, b'[{"x": 1}]'])
def test_other_json_is_no_feed(raw: bytes) -> None:
    assert from_json(raw, "x.json") is None


def test_a_row_that_says_nothing_sure_is_told() -> None:
    batch = updates(
        "domain,date,text,url\n,2026-03-01,x,\na.example,soon,x,\na.example,2026-03-01,,\n"
        "a.example,2027-03-01,x,\na.example,2026-03-01,x,javascript:alert(1)\n"
    )
    assert batch.records == []
    assert [r.origin for r in batch.rejected] == [f"feed.csv:{line}" for line in range(2, 7)]
