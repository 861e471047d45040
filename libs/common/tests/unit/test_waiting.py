from __future__ import annotations

import socket

import pytest

from rookery_common.testing.ports import free_address, free_port
from rookery_common.testing.waiting import eventually


async def test_what_becomes_true_is_waited_for() -> None:
    answers = iter([False, False, True])
    await eventually(lambda: next(answers))
    assert list(answers) == []


async def test_what_is_asked_of_somebody_else_is_waited_for() -> None:
    answers = iter([False, True])

    async def ask() -> bool:
        return next(answers)

    await eventually(ask)
    assert list(answers) == []


async def test_what_never_becomes_true_is_an_error() -> None:
    with pytest.raises(TimeoutError):
        await eventually(lambda: False, seconds=0.01)


def test_a_port_that_is_free_is_nobody_s_and_no_client_s() -> None:
    ports = {free_port() for _ in range(20)}
    assert len(ports) > 10
    assert max(ports) < 20_000
    host, _, port = free_address().rpartition(":")
    with socket.create_server((host, int(port))) as server:
        assert server.getsockname()[1] == int(port)
