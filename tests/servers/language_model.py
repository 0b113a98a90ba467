"""A language model behind ``/v1/chat/completions`` and ``/v1/messages``: the forms of both, and answers as scripted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, ClassVar

from tests.servers.base import Call, Reply, Server

KEY = "sk-test-4fd2b8c7a1e94d0c"
MODEL = "little-model-1"
VERSION = "2023-06-01"
Say = Callable[[str], str]


def rows(*found: dict[str, Any]) -> str:
    """An answer in the form that is asked for."""
    return json.dumps({"insights": list(found)})


def row(text: str, *evidence: str, group: str = "risks") -> dict[str, Any]:
    return {"group": group, "text": text, "evidence": list(evidence)}


def lines(user: str) -> dict[str, str]:
    """The sentences that were sent, by evidence id."""
    return dict(re.findall(r"^- \[(e\d+)\] (.*)$", user, re.MULTILINE))


class LanguageModel(Server):
    """``say`` makes the answer of what was asked; ``ending`` is why it ended, in the words of OpenAI.

    Refuses, as the real ones do: a wrong key (401), an unknown model (404), a request without what is required (400).
    """

    endings: ClassVar[dict[str, str]] = {
        "stop": "end_turn",
        "length": "max_tokens",
        "content_filter": "refusal",
    }

    def __init__(self, say: Say = lambda _user: rows()) -> None:
        super().__init__()
        self.say = say
        self.ending = "stop"

    @property
    def asked(self) -> list[Call]:
        return [call for call in self.calls if call.method == "POST"]

    def handle(self, call: Call) -> Reply:
        if call.path.startswith("/v1/messages"):
            return self._anthropic(call)
        key = call.headers.get("authorization") or f"Bearer {call.headers.get('x-api-key')}"
        if key != f"Bearer {KEY}":
            return _refused(401, "Incorrect API key provided", "invalid_request_error")
        if call.path == "/v1/models" and call.method == "GET":
            return Reply(200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})
        if call.path != "/v1/chat/completions" or call.method != "POST":
            return _refused(404, f"Unknown request URL: {call.path}", "invalid_request_error")
        asked = call.json
        if asked.get("model") != MODEL:
            return _refused(404, f"The model `{asked.get('model')}` does not exist", "not_found")
        messages = asked.get("messages") or []
        if [message.get("role") for message in messages] != ["system", "user"]:
            return _refused(400, "Invalid value for messages", "invalid_request_error")
        message = {
            "role": "assistant",
            "content": self.say(messages[1]["content"]),
            "refusal": None,
        }
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.ending}
        usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
        found = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_794_816_000}
        return Reply(200, found | {"model": MODEL, "choices": [choice], "usage": usage})

    def _anthropic(self, call: Call) -> Reply:
        if call.headers.get("x-api-key") != KEY:
            return _error(401, "authentication_error", "invalid x-api-key")
        if call.headers.get("anthropic-version") != VERSION:
            return _error(400, "invalid_request_error", "anthropic-version: header is required")
        asked = call.json
        if asked.get("model") != MODEL:
            return _error(404, "not_found_error", f"model: {asked.get('model')}")
        if not isinstance(asked.get("max_tokens"), int):
            return _error(400, "invalid_request_error", "max_tokens: Field required")
        if [message.get("role") for message in asked.get("messages") or []] != ["user"]:
            return _error(400, "invalid_request_error", "messages: first must be of user")
        text = self.say(asked["messages"][0]["content"])
        found: dict[str, Any] = {
            "id": "msg_01",
            "type": "message",
            "role": "assistant",
            "model": MODEL,
        }
        found |= {
            "content": [{"type": "text", "text": text}] if text else [],
            "stop_sequence": None,
        }
        usage = {"input_tokens": 100, "output_tokens": 20}
        return Reply(200, found | {"stop_reason": self.endings[self.ending], "usage": usage})


def _refused(status: int, message: str, kind: str) -> Reply:
    error = {"message": message, "type": kind, "param": None, "code": None}
    return Reply(status, {"error": error})


def _error(status: int, kind: str, message: str) -> Reply:
    error = {"type": kind, "message": message}
    return Reply(status, {"type": "error", "error": error, "request_id": "req_011C"})
