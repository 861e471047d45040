"""One platform for all flows; people of each test's own."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from harness.people import Person, Town
from harness.platform import Platform


@pytest.fixture(scope="session")
def platform() -> Platform:
    return Platform()


@pytest.fixture(scope="session")
def town(platform: Platform) -> Town:
    return Town(platform.url)


@pytest.fixture
def alice(town: Town) -> Person:
    return town.newcomer("alice")


@pytest.fixture
def bob(town: Town) -> Person:
    return town.newcomer("bob")


@pytest.fixture
def carol(town: Town) -> Person:
    return town.newcomer("carol")


@pytest.fixture
def http(platform: Platform) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=platform.url, timeout=15) as client:
        yield client
