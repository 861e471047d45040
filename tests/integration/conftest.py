"""One platform for all flows; people of each test's own."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator

import httpx2
import pytest
from harness.logs import Logs
from harness.people import Person, Town
from harness.platform import Platform

LOGS = pytest.StashKey[Logs]()
# Of a platform that is made for them: what takes a minute for each engine, and what wants TLS.
_WANTED_BY = {"chaos": "ROOKERY_CHAOS_REPORT", "secure": "ROOKERY_TEST_CA_FILE"}
collect_ignore = [folder for folder, variable in _WANTED_BY.items() if variable not in os.environ]


@pytest.fixture(scope="session")
def platform() -> Platform:
    return Platform()


@pytest.fixture(autouse=True)
def _alone(request: pytest.FixtureRequest, platform: Platform) -> None:
    platform.is_alone = request.node.get_closest_marker("alone") is not None


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    item.stash[LOGS] = Logs()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed flow is told with what the services complained of meanwhile."""
    report = yield
    if report.failed:
        report.sections.append(("services' warnings and errors", item.stash[LOGS].complaints()))
    return report
