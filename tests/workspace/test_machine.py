from __future__ import annotations

import stat
from pathlib import Path

import pytest

from crmctl.model.errors import ConfigError
from crmctl.workspace.machine import Machine


@pytest.fixture
def file(home: Path) -> Path:
    return home / "credentials.yaml"


def machine(file: Path, **environment: str) -> Machine:
    return Machine({f"CRMCTL_{name}": value for name, value in environment.items()}, file)


def put(file: Path, text: str, mode: int = 0o600) -> None:
    file.write_text(text, "utf-8")
    file.chmod(mode)


def test_the_environment_comes_before_the_file(file: Path) -> None:
    put(file, "slack: {token: from-file, url: https://slack.example}\n")
    assert machine(file).get("slack", "token") == "from-file"
    found = machine(file, SLACK_TOKEN="from-environment")
    assert found.get("slack", "token") == "from-environment"
    assert found.get("slack", "url") == "https://slack.example"
    assert found.get("slack", "signing_secret") == ""


def test_what_is_missing_is_named_with_the_way_out(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        machine(file, GONG_ACCESS_KEY="k").need("gong", "access_key", "access_key_secret")
    assert str(caught.value) == (
        "gong: access_key_secret missing; set CRMCTL_GONG_ACCESS_KEY_SECRET, or run `crmctl auth gong`"
    )


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_file_that_others_can_read_is_refused(file: Path, mode: int) -> None:
    put(file, "slack: {token: planted-secret}\n", mode)
    with pytest.raises(ConfigError, match="chmod 600") as caught:
        machine(file).get("slack", "token")
    assert "planted-secret" not in str(caught.value)


def test_a_link_is_refused(file: Path) -> None:
    other = file.with_name("other.yaml")
    put(other, "slack: {token: x}\n")
    file.symlink_to(other)
    with pytest.raises(ConfigError, match="plain file"):
        machine(file).get("slack", "token")


@pytest.mark.parametrize(
    "text", ["slack: [a, b", "slack: planted-secret\n", "- planted-secret\n", "a: &x {b: *x}\n"]
)
def test_a_broken_file_is_told_of_without_its_content(file: Path, text: str) -> None:
    put(file, text)
    with pytest.raises(ConfigError) as caught:
        machine(file).get("slack", "token")
    assert "planted-secret" not in str(caught.value)


def test_a_value_is_kept_for_its_owner_alone(file: Path) -> None:
    first = machine(file)
    first.save("slack", "token", "xoxb-new")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert machine(file).get("slack", "token") == "xoxb-new"
    assert first.get("slack", "token") == "xoxb-new"
    first.save("gong", "access_key", "NO")
    assert machine(file).get("gong", "access_key") == "NO"
    first.forget("slack")
    assert machine(file).get("slack", "token") == ""
    assert machine(file).get("gong", "access_key") == "NO"


def test_a_renewed_token_takes_the_place_of_the_one_in_the_environment(file: Path) -> None:
    machine(file, GRAPH_REFRESH_TOKEN="first").save("graph", "refresh_token", "second")
    assert machine(file, GRAPH_REFRESH_TOKEN="first").get("graph", "refresh_token") == "second"
    assert machine(file, GRAPH_REFRESH_TOKEN="set anew").get("graph", "refresh_token") == "set anew"


def test_a_token_is_renewed_again_and_again(file: Path) -> None:
    for number in range(3):
        machine(file, GRAPH_REFRESH_TOKEN="first").save("graph", "refresh_token", f"t{number}")
    assert machine(file, GRAPH_REFRESH_TOKEN="first").get("graph", "refresh_token") == "t2"


def test_secrets_are_known_to_be_blanked(file: Path) -> None:
    put(file, "slack: {token: s1, url: https://slack.example}\n")
    found = set(
        machine(file, GONG_ACCESS_KEY_SECRET="s2", GONG_URL="https://gong.example").secrets()
    )
    assert found == {"s1", "s2"}


def test_what_is_set_up_shows(file: Path) -> None:
    put(file, "slack: {token: s1}\n")
    found = machine(file, SUPABASE_KEY="k")
    assert [found.has(s) for s in ("slack", "supabase", "gong")] == [True, True, False]
