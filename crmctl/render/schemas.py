"""JSON Schemas of every record and settings file, for editors; `crmctl schema` writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from crmctl.insight.technographics_rules import TechnologyRules
from crmctl.insight.text_rules import TextRules
from crmctl.insight.weights import Weights
from crmctl.model.schema import EVENT, KINDS, document_schema
from crmctl.workflow.definition import Workflows
from crmctl.workflow.testing import WorkflowTests
from crmctl.workspace import files
from crmctl.workspace.changes import ChangeSet
from crmctl.workspace.checks.settings import StageTasks
from crmctl.workspace.config import Config

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SETTINGS: dict[str, type[BaseModel]] = {
    "crmctl": Config,
    "signals": TextRules,
    "tasks": StageTasks,
    "technologies": TechnologyRules,
    "weights": Weights,
    "workflow-tests": WorkflowTests,
    "workflows": Workflows,
}
# Where they lie, unless at the root under their own name.
TITLES = {"tasks": "templates/tasks.yaml", "workflow-tests": "workflow-tests/*.yaml"}


def documents() -> dict[str, bytes]:
    """Every schema by file name: ``account.schema.json`` for the record, ``weights.schema.json`` for the file."""
    schemas = {kind: document_schema(kind) for kind in KINDS}
    schemas["event"] = _event()
    for name, model in SETTINGS.items():
        title = TITLES.get(name, f"{name}.yaml")
        schemas[name] = {"$schema": DIALECT, **model.model_json_schema(), "title": title}
    return {
        f"{name}.schema.json": f"{json.dumps(schema, indent=2, ensure_ascii=False)}\n".encode()
        for name, schema in sorted(schemas.items())
    }


def plan(root: Path, folder: str) -> ChangeSet:
    """What `folder` lacks of the schemas of this version; files of other names are left alone."""
    changes = ChangeSet()
    for name, content in documents().items():
        path = f"{folder}/{name}"
        changes.put(path, files.read(root, path), content, "schema")
    return changes


def _event() -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "title": "crmctl event, one line of interactions/<yyyy>.jsonl",
        "type": "object",
        "properties": {field.name: field.json_schema() for field in EVENT},
        "required": [field.name for field in EVENT if field.required],
    }
