from __future__ import annotations

import pytest

from crmctl.model.errors import UsageError
from crmctl.sources.csv_kinds import KINDS, SYNONYMS, folded
from crmctl.sources.csv_mapping import check_mapping, guess_mapping, mapping_for, preview
from crmctl.sources.csv_table import parse


@pytest.mark.parametrize(
    ("kind", "header", "expected"),
    [
        (
            "accounts",
            ["Company Name", "Web site", "Employees", "Zip", "Shoe size"],
            {
                "Company Name": "name",
                "Web site": "website",
                "Employees": "employees",
                "Zip": "postcode",
            },
        ),
        (
            "contacts",
            ["First Name", "Last_Name", "E-Mail", "Company"],
            {
                "First Name": "first_name",
                "Last_Name": "last_name",
                "E-Mail": "email",
                "Company": "account",
            },
        ),
        (
            "usage",
            ["customer", "day", "metric_name", "count"],
            {"customer": "account", "day": "date", "metric_name": "metric", "count": "value"},
        ),
        (
            "surveys",
            ["email", "NPS", "Comment"],
            {"email": "contact", "NPS": "score", "Comment": "text"},
        ),
        # The exact name wins over the synonym that comes first.
        (
            "deals",
            ["Value", "amount", "account", "name"],
            {"amount": "amount", "account": "account", "name": "name"},
        ),
    ],
)
def test_the_header_tells_the_fields(
    kind: str, header: list[str], expected: dict[str, str]
) -> None:
    assert guess_mapping(kind, header) == expected


def test_people_correct_the_guess() -> None:
    header = ["Company", "Alias", "Site"]
    assert mapping_for("accounts", header, ["alias=name", "Site=website", "Company="]) == {
        "Alias": "name",
        "Site": "website",
    }
    # A field that is given to another column is taken from the guessed one.
    assert mapping_for("accounts", header, ["Alias=name"]) == {"Alias": "name"}


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ("Site=webseite", "accounts have no field webseite; allowed: id, name"),
        ("Sitte=website", "the file has no column Sitte; it has Company, Site"),
        ("Site", "allowed: --map COLUMN=FIELD"),
        ("Site=name", ""),
        ("Company=", "no column gives name"),
    ],
)
def test_a_wrong_mapping_is_wrong_usage(pair: str, sentence: str) -> None:
    if not sentence:
        assert mapping_for("accounts", ["Company", "Site"], [pair]) == {"Site": "name"}
        return
    header = ["Company", "Site"]
    with pytest.raises(UsageError) as error:
        check_mapping("accounts", header, mapping_for("accounts", header, [pair]))
    assert sentence in str(error.value)


def test_two_columns_never_fill_one_field() -> None:
    with pytest.raises(UsageError, match="both fill name"):
        check_mapping("accounts", ["a", "b"], {"a": "name", "b": "name"})
    with pytest.raises(UsageError, match="no column"):
        check_mapping("accounts", ["a"], {"gone": "name"})


def test_an_unknown_kind_lists_the_kinds() -> None:
    with pytest.raises(UsageError, match=r"allowed: accounts, contacts, deals"):
        guess_mapping("account", [])


def test_the_preview_shows_every_column() -> None:
    table = parse(b"Company,Notes,Empty\n,first,\nHollis,second,\n", "x.csv")
    rows = preview(table, {"Company": "name"})
    assert [(r.column, r.field, r.sample) for r in rows] == [
        ("Company", "name", "Hollis"),
        ("Notes", "", "first"),
        ("Empty", "", ""),
    ]


def test_every_synonym_leads_to_a_field() -> None:
    targets = {name for kind in KINDS.values() for name in kind.targets}
    for name, fields in SYNONYMS.items():
        assert folded(name) == name
        assert set(fields) <= targets
    for kind in KINDS.values():
        assert {name for group in kind.needs for name in group} <= set(kind.targets)
