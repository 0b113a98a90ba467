from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crmctl.model.errors import ConfigError
from crmctl.sources.errors import AuthError, QuotaError, SourceError, StatusError, TooLarge
from crmctl.sources.language_model import Endpoint, body, check, preview
from crmctl.sources.network import Network
from crmctl.workspace.config import LanguageModel
from tests.servers.base import Call, Fault, Reply, busy, cut, hang_up, html, status
from tests.servers.clock import FakeClock
from tests.servers.language_model import KEY, MODEL
from tests.servers.language_model import LanguageModel as Double
from tests.sources.talks import machine

KINDS = ("openai", "anthropic")


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


@pytest.fixture
def double() -> Iterator[Double]:
    with Double(lambda user: f"heard: {user}") as server:
        yield server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def wire(clock: FakeClock) -> Iterator[Network]:
    found = Network(clock=clock, budget=120.0, idle=120.0)
    yield found
    found.close()


def settings(kind: str, **more: Any) -> LanguageModel:
    return LanguageModel.model_validate({"enabled": True, "kind": kind, "model": MODEL, **more})


def endpoint(double: Double, wire: Network, folder: Path, kind: str, **more: Any) -> Endpoint:
    names = {"url": f"{double.url}/v1", "key": KEY, **more}
    return Endpoint(machine(folder, "language_model", names), settings(kind), wire)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", ["", "/", "/v1", "/v1/"])
def test_a_question_is_answered(
    double: Double, wire: Network, tmp_path: Path, kind: str, version: str
) -> None:
    found = endpoint(double, wire, tmp_path, kind, url=f"{double.url}{version}")
    assert found.ask("Rules.", "Wörds \U0001f642") == "heard: Wörds \U0001f642"
    assert len(double.calls) == 1
    assert double.calls[0].json == body(settings(kind), "Rules.", "Wörds \U0001f642")


@pytest.mark.parametrize("kind", KINDS)
def test_the_preview_is_what_is_sent_without_the_key(
    double: Double, wire: Network, tmp_path: Path, kind: str
) -> None:
    names = {"url": double.url, "key": KEY}
    shown = preview(machine(tmp_path, "language_model", names), settings(kind), "R", "U")
    assert not double.calls
    assert KEY not in str(shown)
    endpoint(double, wire, tmp_path, kind).ask("R", "U")
    sent = double.calls[0]
    assert (shown.method, shown.url) == (sent.method, f"{double.url}{sent.path}")
    assert shown.body == sent.json
    for name, value in shown.headers.items():
        assert sent.headers[name.lower()].replace(KEY, "***") == value


def test_nothing_without_the_switch(wire: Network, tmp_path: Path) -> None:
    here = machine(tmp_path, "language_model", {"url": "http://127.0.0.1:1", "key": KEY})
    with pytest.raises(ConfigError, match="switches it on"):
        Endpoint(here, LanguageModel(), wire)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({}, "url missing"),
        ({"url": "https://api.model.example"}, "key missing"),
        ({"url": "http://api.model.example", "key": KEY}, "use https"),
        ({"url": "https://me:pw@api.model.example", "key": KEY}, "has a login in it"),
    ],
)
def test_nothing_without_this_machines_settings(
    wire: Network, tmp_path: Path, names: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Endpoint(machine(tmp_path, "language_model", names), settings("openai"), wire)


def test_a_model_must_be_named() -> None:
    with pytest.raises(ValueError, match="names no model"):
        settings("openai", model="")


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_key_is_one_sentence(
    double: Double, wire: Network, tmp_path: Path, kind: str
) -> None:
    with pytest.raises(AuthError, match="crmctl auth language_model") as found:
        endpoint(double, wire, tmp_path, kind, key="sk-wrong").ask("R", "U")
    assert "sk-wrong" not in str(found.value)
    assert len(double.calls) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_busy_is_waited_for(
    double: Double, wire: Network, clock: FakeClock, tmp_path: Path, kind: str
) -> None:
    double.fail([busy("7"), status(529, {"error": {"message": "Overloaded"}}), html(503), hang_up])
    assert endpoint(double, wire, tmp_path, kind).ask("R", "U") == "heard: U"
    assert clock.slept[0] == 7


def test_a_wait_longer_than_our_time_is_not_waited_for(
    double: Double, wire: Network, tmp_path: Path
) -> None:
    double.fail([busy("900")])
    with pytest.raises(QuotaError, match="wait 900 seconds"):
        endpoint(double, wire, tmp_path, "openai").ask("R", "U")


def huge(_call: Call, _reply: Reply) -> Reply:
    return Reply(200, b'"' + b"x" * (2 << 20) + b'"')


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (cut, SourceError, "no whole JSON"),
        (html(200), SourceError, "no whole JSON"),
        (status(200, b""), SourceError, "no whole JSON"),
        (status(200, {}), SourceError, "form that is not that of"),
        (status(200, []), SourceError, "form that is not that of"),
        (status(200, {"choices": [], "content": None}), SourceError, "form that is not that of"),
        (
            status(200, {"choices": [{"message": {"content": 7}}], "content": [7]}),
            SourceError,
            "form",
        ),
        (status(400, {"error": {"message": "bad thing"}}), StatusError, "bad thing"),
        (status(403, {"error": {"message": "not for you"}}), StatusError, "not for you"),
        (
            status(302, b"", Location="https://elsewhere.example/"),
            SourceError,
            "only redirect reading",
        ),
        (huge, TooLarge, "more than 1 MB"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_answer_is_one_sentence(
    double: Double,
    wire: Network,
    tmp_path: Path,
    kind: str,
    fault: Fault,
    error: type[Exception],
    message: str,
) -> None:
    double.fail([fault])
    with pytest.raises(error, match=message):
        endpoint(double, wire, tmp_path, kind).ask("R", "U")
    assert len(double.calls) == 1  # asking costs money: only what is busy or down is asked again


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("ending", "message"), [("length", "cut off"), ("content_filter", "declined to answer")]
)
def test_half_and_withheld_answers_are_none(
    double: Double, wire: Network, tmp_path: Path, kind: str, ending: str, message: str
) -> None:
    double.ending = ending
    with pytest.raises(SourceError, match=message):
        endpoint(double, wire, tmp_path, kind).ask("R", "U")


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_never_answers_is_left(double: Double, tmp_path: Path, kind: str) -> None:
    done = threading.Event()

    def never(_call: Call) -> None:
        done.wait(20)

    double.before = never
    wire = Network(budget=0.5, idle=0.05)
    try:
        with pytest.raises(SourceError, match="did not answer"):
            endpoint(double, wire, tmp_path, kind).ask("R", "U")
    finally:
        done.set()
        wire.close()


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_answer_is_none(double: Double, wire: Network, tmp_path: Path, kind: str) -> None:
    double.say = lambda _user: ""
    with pytest.raises(SourceError, match="empty answer"):
        endpoint(double, wire, tmp_path, kind).ask("R", "U")


def test_parts_of_an_openai_answer_are_put_together(
    double: Double, wire: Network, tmp_path: Path
) -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    double.fail([status(200, {"choices": [{"message": {"content": parts}}]})])
    assert endpoint(double, wire, tmp_path, "openai").ask("R", "U") == "ab"


@pytest.mark.parametrize("kind", KINDS)
def test_the_check_sends_no_question(
    double: Double, wire: Network, tmp_path: Path, kind: str
) -> None:
    here = machine(tmp_path, "language_model", {"url": double.url, "key": KEY})
    off = LanguageModel.model_validate({"kind": kind, "model": "other"})
    assert check(here, settings(kind), wire) == [
        f"{double.url} accepts us and lists 1 models; {MODEL} is there",
        "the switch in crmctl.yaml is on",
    ]
    assert "other is not among them" in check(here, off, wire)[0]
    double.fail([status(404)])
    assert "lists no models" in check(here, off, wire)[0]
    assert {call.method for call in double.calls} == {"GET"}
