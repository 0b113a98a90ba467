"""What we ask and what the double answers, held against Slack's own description of its Web API of 2020."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.sources.slack_reads import ACME, ANA, MAYA, sampled

FILE = Path(__file__).resolve().parents[3] / "shared/data/slack/slack_web_openapi_v2.json"
TYPES = {"integer": str.isdecimal, "boolean": {"true", "false"}.__contains__}


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    if not FILE.is_file():
        pytest.skip("Slack's description of its Web API is not here")
    paths: dict[str, Any] = json.loads(FILE.read_bytes())["paths"]
    return paths


def test_every_request_is_one_that_slack_describes(described: dict[str, Any]) -> None:
    with sampled(join=True, channels={"unseen": "nordlicht"}) as reads:
        reads.slack.channels[ACME]["is_member"] = False
        root = reads.slack.post(ACME, MAYA, "Question")
        reads.slack.post(ACME, ANA, "Answer", thread=root)
        for number in range(12):
            reads.slack.add_user(f"U09MANY{number:03}", "Kim", guest=True)
            reads.slack.post("C07HOLLIS1", f"U09MANY{number:03}", "x")
        reads.settings = reads.settings.model_copy(
            update={"channels": {ACME: "acme-tiles", "C07X": "nordlicht"}}
        )
        reads.slack.most = 5
        reads.read()
        assert reads.error is None
        asked = reads.slack.asked()
        assert len(asked) >= 9
        for call in reads.slack.calls:
            method = described[call.path.removeprefix("/api")]
            verb = call.method.lower()
            (entry,) = method.values()
            assert verb in method or verb == "post", call.path
            places = {p["name"]: p.get("type") for p in entry["parameters"]}
            for name, value in (*call.pairs, *call.form.items()):
                assert name in places, (call.path, name)
                assert TYPES.get(places[name], bool)(value), (call.path, name, value)
            assert "token" not in dict(call.pairs)
            assert call.headers["authorization"].startswith("Bearer ")


def test_the_double_s_objects_have_the_names_that_slack_s_have(described: dict[str, Any]) -> None:
    definitions = json.loads(FILE.read_bytes())["definitions"]

    def names(definition: str) -> set[str]:
        return set(definitions[definition].get("properties", {}))

    with sampled() as reads:
        message = names("objs_message")
        known_since = {"parent_user_id", "reply_users", "latest_reply", "username", "hidden"}
        for said in reads.slack.said.values():
            assert set(said) <= message | known_since, said
        profiles = names("objs_user_profile")
        for user in reads.slack.users.values():
            assert set(user["profile"]) <= profiles
