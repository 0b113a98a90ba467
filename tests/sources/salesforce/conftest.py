"""A double of Salesforce, and a source connected to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.salesforce import Salesforce
from tests.servers.salesforce_client import Client


@pytest.fixture
def server() -> Iterator[Salesforce]:
    with Salesforce() as server:
        yield server


@pytest.fixture
def client(server: Salesforce, tmp_path: Path) -> Iterator[Client]:
    with Client(server, tmp_path) as client:
        yield client
