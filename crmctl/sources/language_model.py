"""A language model behind one of the two usual doors, asked once, for one text.

``openai`` is ``POST /v1/chat/completions``, as OpenAI and the many servers that do as it does speak it (vLLM, Ollama,
llama.cpp, gateways): a bearer key, ``messages`` in, ``choices[0].message.content`` out, ``finish_reason`` ``length``
when the answer was cut off and ``content_filter`` when it was withheld; errors are ``{"error": {"message": …}}``
(platform.openai.com/docs/api-reference/chat). ``anthropic`` is ``POST /v1/messages``: ``x-api-key`` and
``anthropic-version`` headers, ``system`` beside ``messages``, blocks of ``content`` out, ``stop_reason`` ``max_tokens``
and ``refusal``; errors are ``{"type": "error", "error": {"type": …, "message": …}}``, 529 is "overloaded"
(docs.claude.com/en/api/messages and /api/errors). Both send ``Retry-After`` with 429.

Where it is and the key are this machine's own settings, never the workspace's, so that nobody who can change the
workspace can have data sent elsewhere. Nothing is sent unless the workspace has switched it on as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from crmctl.model.errors import ConfigError
from crmctl.sources.errors import SourceError
from crmctl.sources.http import Again, Answer, Door, Verdict, retry_after, verdict
from crmctl.sources.network import checked_base, is_loopback
from crmctl.sources.registry import Setting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmctl.sources.network import Network
    from crmctl.workspace.config import LanguageModel
    from crmctl.workspace.machine import Machine

SYSTEM = "language_model"
SETTINGS = (
    Setting("url", True, "address of the API, such as https://api.openai.com/v1"),
    Setting("key", True, "API key; not needed by a server on this machine"),
)
VERSION = "2023-06-01"
_PATHS = {"openai": "chat/completions", "anthropic": "messages", "models": "models"}
_OVERLOADED = 529
_CAP = 1 << 20  # bytes of an answer: many times what is asked for
_HIDDEN = "***"


class Request(NamedTuple):
    """One request as it is sent; ``headers`` without the key."""

    method: str
    url: str
    headers: dict[str, str]
    body: dict[str, Any]


class Endpoint:
    """The door to a model. ConfigError when it is not switched on, or a setting of this machine is missing."""

    def __init__(self, machine: Machine, settings: LanguageModel, network: Network) -> None:
        if not settings.enabled:
            raise ConfigError(
                "no language model is asked unless the team switches it on: `language_model: {enabled: true, "
                "kind: openai, model: …}` in crmctl.yaml"
            )
        self._settings = settings
        self._door = _door(machine, settings, network)

    def ask(self, system: str, user: str) -> str:
        """The model's answer to a text under the rules of ``system``.

        Raises SourceError and its kinds, and AuthError, each with one sentence, when there is no whole answer.
        """
        address = _address(self._door.base, self._settings.kind)
        answer = self._door.send("POST", address, json=body(self._settings, system, user), cap=_CAP)
        try:
            data = answer.data()
        except ValueError:
            raise SourceError(f"{SYSTEM} answered {answer.request} with no whole JSON") from None
        text, ending = _read(data, self._settings.kind)
        if ending in {"length", "max_tokens"}:
            raise SourceError(
                f"the answer of {SYSTEM} was cut off: raise `answer_tokens` under language_model in crmctl.yaml"
            )
        if ending in {"content_filter", "refusal"}:
            raise SourceError(f"{SYSTEM} declined to answer ({ending})")
        if not text.strip():
            raise SourceError(f"{SYSTEM} gave an empty answer")
        return text


def check(machine: Machine, settings: LanguageModel, network: Network) -> list[str]:
    """Sentences on whether the address and the key work. It asks which models there are and sends nothing else."""
    door = _door(machine, settings, network)
    answer = door.send("GET", _address(door.base, "models"), expect={404, 405}, cap=_CAP)
    listed = answer.maybe()
    rows = listed.get("data") if isinstance(listed, dict) else None
    switch = "on" if settings.enabled else "off: nothing of an account is sent"
    if answer.status != 200 or not isinstance(rows, list):
        return [
            f"{door.base} answers, and lists no models",
            f"the switch in crmctl.yaml is {switch}",
        ]
    names = {str(row.get("id")) for row in rows if isinstance(row, dict)}
    named = settings.model or "no model"
    state = "is there" if settings.model in names else "is not among them"
    return [
        f"{door.base} accepts us and lists {len(names)} models; {named} {state}",
        f"the switch in crmctl.yaml is {switch}",
    ]


def _door(machine: Machine, settings: LanguageModel, network: Network) -> Door:
    url = checked_base(SYSTEM, machine.need(SYSTEM, "url")["url"])
    key = machine.get(SYSTEM, "key")
    if not key and not is_loopback(urlsplit(url).hostname or ""):
        machine.need(SYSTEM, "key")
    network.hide(*machine.secrets(), key)
    return Door(network, SYSTEM, url, headers=lambda: _headers(settings.kind, key), judge=_judge)


def preview(machine: Machine, settings: LanguageModel, system: str, user: str) -> Request:
    """The request that `Endpoint.ask` would send, to look at: nothing is sent, and the key is not in it."""
    base = machine.get(SYSTEM, "url")
    url = _address(checked_base(SYSTEM, base), settings.kind) if base else ""
    headers = _headers(settings.kind, _HIDDEN)
    return Request("POST", url, headers, body(settings, system, user))


def body(settings: LanguageModel, system: str, user: str) -> dict[str, Any]:
    """The JSON that asks."""
    asked = {"role": "user", "content": user}
    if settings.kind == "anthropic":
        return {
            "model": settings.model,
            "max_tokens": settings.answer_tokens,
            "system": system,
            "messages": [asked],
        }
    return {
        "model": settings.model,
        settings.limit_name: settings.answer_tokens,
        "messages": [{"role": "system", "content": system}, asked],
    }


def _headers(kind: str, key: str) -> dict[str, str]:
    if kind == "anthropic":
        return {"anthropic-version": VERSION} | ({"x-api-key": key} if key else {})
    return {"Authorization": f"Bearer {key}"} if key else {}


def _address(base: str, what: str) -> str:
    """Addresses are given with the version and without it."""
    version = "" if base.endswith("/v1") else "/v1"
    return f"{base}{version}/{_PATHS[what]}"


def _judge(answer: Answer) -> Verdict:
    ruling = verdict(answer)
    if ruling is None and answer.status == _OVERLOADED:
        return Again(retry_after(answer), "is overloaded")
    return ruling


def _read(data: Any, kind: str) -> tuple[str, str]:
    """The text of an answer and why it ended; SourceError where it has not the form of one."""
    try:
        if kind == "anthropic":
            parts = [part["text"] for part in data["content"] if part["type"] == "text"]
            return "".join(map(_text, parts)), str(data.get("stop_reason") or "")
        choice: Mapping[str, Any] = data["choices"][0]
        message = choice["message"]
        if message.get("refusal"):
            return "", "refusal"
        content = message.get("content") or ""
        if isinstance(content, list):
            content = "".join(_text(part["text"]) for part in content if part.get("type") == "text")
        return _text(content), str(choice.get("finish_reason") or "")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise SourceError(f"{SYSTEM} answered in a form that is not that of `{kind}`") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
