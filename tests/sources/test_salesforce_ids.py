from __future__ import annotations

import pytest

from crmctl.sources.salesforce_ids import from_reference, is_id, to_18, type_of


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("0018d00000Kp3Zq", "0018d00000Kp3ZqAAJ"),
        ("0038d00000LmT9x", "0038d00000LmT9xAAF"),
        ("00T8d00000XyN4c", "00T8d00000XyN4cEAF"),
        ("00G8d000002StUv", "00G8d000002StUvEAK"),
    ],
)
def test_both_forms_of_an_id_are_one(short: str, full: str) -> None:
    assert to_18(short) == to_18(full) == to_18(f" {full} ") == full


@pytest.mark.parametrize("text", ["", "001", "0018d00000Kp3Zq!", "0018d00000Kp3ZqAA", "x" * 10_000])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="15 or 18"):
        to_18(text)


def test_an_id_that_lost_its_capitals_is_refused() -> None:
    with pytest.raises(ValueError, match="capital letters"):
        to_18("0018D00000KP3ZQAAJ")


def test_a_tree_reference_gives_the_id_within_it() -> None:
    assert from_reference("ref0018d00000Kp3ZqAAJ") == "0018d00000Kp3ZqAAJ"
    assert from_reference("ref0018d00000Kp3Zq") == "0018d00000Kp3ZqAAJ"
    assert from_reference("AccountRef1") == "AccountRef1"


def test_prefixes_tell_the_type() -> None:
    assert type_of("5008d00000HcD1s") == "Case"
    assert type_of("AccountRef1") == ""
    assert is_id("0018d00000Kp3Zq")
