"""A process starts its components in order, says when it is ready, and stops them in reverse."""

import asyncio
import base64
import json
import os
import signal
import socket
import sys
import urllib.request
from contextlib import suppress

import pytest

from rookery_common.app import App, Command, Role, cli
from rookery_common.config import BaseServiceSettings
from rookery_common.errors import NotFound, Unavailable
from rookery_common.testing.ports import free_address
from rookery_common.testing.waiting import eventually


class Recorder:
    def __init__(self, name: str, seen: list[str], *, fails: bool = False) -> None:
        self._name, self._seen, self._fails = name, seen, fails

    async def start(self) -> None:
        if self._fails:
            raise Unavailable("no engine")
        self._seen.append(f"+{self._name}")

    async def stop(self) -> None:
        self._seen.append(f"-{self._name}")


@pytest.fixture
def settings() -> BaseServiceSettings:
    return BaseServiceSettings(
        service="demo", master_key=base64.b64encode(bytes(32)).decode(), health_address=free_address()
    )


async def get(settings: BaseServiceSettings, path: str) -> tuple[int, str]:
    def fetch() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{settings.health_address}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return await asyncio.to_thread(fetch)


async def running(settings: BaseServiceSettings) -> None:
    """A process that is not there yet is ended by what it is to be told later."""

    async def started() -> bool:
        with suppress(OSError):  # it does not listen yet
            return (await get(settings, "/startupz"))[0] == 200
        return False

    await eventually(started)


async def test_components_start_in_order_and_stop_in_reverse(settings: BaseServiceSettings) -> None:
    seen: list[str] = []
    app = asyncio.create_task(App(settings, "1", [Recorder("a", seen), Recorder("b", seen)], {}).run())
    await running(settings)
    assert (await get(settings, "/readyz"))[0] == 200
    assert "python_info" in (await get(settings, "/metrics"))[1]
    os.kill(os.getpid(), signal.SIGTERM)
    await app
    assert seen == ["+a", "+b", "-b", "-a"]


async def test_failing_check_is_named_while_the_process_stays_alive(settings: BaseServiceSettings) -> None:
    async def broken() -> None:
        raise Unavailable("no engine")

    app = asyncio.create_task(App(settings, "1", [], {"postgres": broken}).run())
    await running(settings)
    status, body = await get(settings, "/readyz")
    assert (status, json.loads(body)["failures"]) == (503, {"postgres": "Unavailable"})
    assert (await get(settings, "/livez"))[0] == 200
    os.kill(os.getpid(), signal.SIGTERM)
    await app


async def test_component_that_fails_to_start_stops_those_before_it(settings: BaseServiceSettings) -> None:
    seen: list[str] = []
    with pytest.raises(Unavailable):
        await App(settings, "1", [Recorder("a", seen), Recorder("b", seen, fails=True)], {}).run()
    assert seen == ["+a", "-a"]


async def test_taken_port_is_an_error_not_the_end_of_the_process(settings: BaseServiceSettings) -> None:
    host, port = settings.health_address.split(":")
    with socket.create_server((host, int(port))), pytest.raises(OSError, match="in use"):
        await App(settings, "1", [], {}).run()


async def _greet(who: str, how: str, very_loud: bool) -> str:
    if who == "nobody":
        raise NotFound("nobody is here")
    return f"{how}, {who}" + "!" * very_loud


ARGUMENTS = {"who": None, "how": ("hello", "bye")}
COMMANDS = {"greet": Command(_greet, ARGUMENTS, "Greets someone.", {"very-loud": "so that all hear it"})}


def _demo(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    def build(_roles: frozenset[Role]) -> App:
        raise AssertionError("no process is wanted")

    monkeypatch.setattr(sys, "argv", ["demo", *words])
    return cli("demo", build, commands=COMMANDS)


@pytest.mark.parametrize("error", [None, PermissionError("a sandbox")])
def test_process_lets_others_finish_their_turns(monkeypatch: pytest.MonkeyPatch, error: OSError | None) -> None:
    asked = []

    def schedule(pid: int, policy: int, parameter: os.sched_param) -> None:
        asked.append((pid, policy, parameter.sched_priority))
        if error is not None:
            raise error

    monkeypatch.setattr(os, "sched_setscheduler", schedule)
    with pytest.raises(AssertionError, match="no process is wanted"):
        _demo(monkeypatch, "serve")
    assert asked == [(0, os.SCHED_BATCH, 0)]


def test_command_of_a_service_says_what_it_did(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _demo(monkeypatch, "greet", "alice", "bye") == 0
    assert capsys.readouterr().out == "bye, alice\n"
    assert _demo(monkeypatch, "greet", "alice", "bye", "--very-loud") == 0
    assert capsys.readouterr().out == "bye, alice!\n"


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("greet", "nobody", "bye"), 1, "greet: nobody is here"),
        (("greet", "alice", "shout"), 2, "argument how: invalid choice: 'shout'"),
        (("greet", "alice"), 2, "required: how"),
        (("dance",), 2, "invalid choice: 'dance'"),
    ],
)
def test_command_that_is_refused_says_why(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
    complaint: str,
) -> None:
    with pytest.raises(SystemExit) as ended:
        _demo(monkeypatch, *words)
    assert ended.value.code == code
    assert complaint in capsys.readouterr().err
