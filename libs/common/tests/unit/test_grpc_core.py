"""Settings of gRPC's core: read at grpc's import, so whoever imports it must have come through here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SERVICES = sorted(path.parent.name for path in Path(__file__).parents[4].glob("services/*/*_service/__main__.py"))
# Says of a package whether its settings were made when its first module imported grpc.
WATCHED = """
import importlib, os, sys
class Watcher:
    def find_spec(self, name, path=None, target=None):
        if name == "grpc":
            print(os.environ.get("GRPC_EXPERIMENTS"))
sys.meta_path.insert(0, Watcher())
importlib.import_module(sys.argv[1])
"""
# Calls itself, and says which threads that took.
CALLED = """
import rookery_common.grpc_core
import asyncio, pathlib
import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
async def main():
    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        for _ in range(50):
            await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    switches = 0
    for thread in pathlib.Path("/proc/self/task").iterdir():
        if (thread / "comm").read_text().startswith("event_engine"):
            lines = (thread / "status").read_text().splitlines()
            switches += sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
    print(switches)
    await server.stop(0)
asyncio.run(main())
"""


def _said(program: str, *arguments: str) -> str:
    words = [sys.executable, "-c", program, *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout.strip()  # noqa: S603


@pytest.mark.parametrize("package", SERVICES)
def test_a_service_has_made_them_before_it_imports_grpc(package: str) -> None:
    assert _said(WATCHED, f"{package}.__main__") == "-event_engine_client,-event_engine_listener"


def test_messages_pass_through_no_thread_of_the_event_engine() -> None:
    assert int(_said(CALLED)) < 50, "less than one switch a call"
