"""The JSON Schemas: current, and one for every record and settings file."""

from __future__ import annotations

import json
from pathlib import Path

from crmctl.model.schema import FIELDS
from crmctl.render import schemas

KEPT = Path(__file__).parents[2] / "schemas"


def test_the_schemas_in_the_repository_are_current() -> None:
    kept = {path.name: path.read_bytes() for path in KEPT.glob("*.schema.json")}
    assert kept == schemas.documents(), "run `make schemas`"


def test_every_field_of_every_record_is_described() -> None:
    documents = schemas.documents()
    for kind, fields in FIELDS.items():
        schema = json.loads(documents[f"{kind}.schema.json"])
        described = schema["properties"]
        assert set(fields) <= set(described)
        assert all(described[name]["description"] for name in fields)


def test_settings_refuse_unknown_keys() -> None:
    for name in schemas.SETTINGS:
        assert (
            json.loads(schemas.documents()[f"{name}.schema.json"])["additionalProperties"] is False
        )
