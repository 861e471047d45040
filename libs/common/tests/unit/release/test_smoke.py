"""`helm test`: who serves passes; who does not, or is not there, is named."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from rookery_common.release.problem import Problem
from rookery_common.release.smoke import grpc_service, http_service

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Served:
    """A gRPC server that answers for its health alone."""

    def __init__(self) -> None:
        self.health = health.HealthServicer()
        self._server = grpc.server(ThreadPoolExecutor(2))
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self._server)
        self.target = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait()


@pytest.fixture
def served() -> Iterator[Served]:
    server = Served()
    yield server
    server.stop()


def test_a_service_that_serves_passes(served: Served) -> None:
    served.health.set("", SERVING)
    assert grpc_service(served.target) == "1 serving"


def test_a_service_that_drains_is_named(served: Served) -> None:
    served.health.set("", NOT_SERVING)
    with pytest.raises(Problem, match=rf"{served.target} says NOT_SERVING"):
        grpc_service(served.target)


def test_a_service_that_is_away_is_named(served: Served) -> None:
    served.stop()
    with pytest.raises(Problem, match=rf"{served.target} does not answer: UNAVAILABLE"):
        grpc_service(served.target)


def test_a_name_without_addresses_is_named() -> None:
    with pytest.raises(Problem, match=r"nowhere\.invalid has no address"):
        grpc_service("nowhere.invalid:7000")


@pytest.mark.parametrize(("broken", "outcome"), [("", "1 serving"), ("/api/v2/instance", "answers 500 to /api/v2")])
def test_the_gateway_passes_when_it_is_ready_and_says_what_it_is(broken: str, outcome: str) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(500 if self.path == broken else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        target = f"127.0.0.1:{server.server_port}"
        try:
            said = http_service(target)
        except Problem as problem:
            said = str(problem)
        finally:
            server.shutdown()
    assert outcome in said
