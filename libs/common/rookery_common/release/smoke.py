"""`helm test`: every address of a Service answers, and says that it serves."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from rookery_common.release.problem import Problem, addresses

SECONDS = 5.0
PATHS = ("/readyz", "/api/v2/instance")


def grpc_service(target: str, tls: str = "", name: str = "") -> str:
    """Asks each address for its health; with mTLS as the service itself. Raises Problem."""
    found = addresses(target)
    for address in found:
        with _channel(address, tls, name) as channel:
            try:
                answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=SECONDS)
            except grpc.RpcError as error:
                raise Problem(f"{address} does not answer: {error.code().name}: {error.details()}") from error
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise Problem(f"{address} says {health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)}")
    return f"{len(found)} serving"


def _channel(address: str, tls: str, name: str) -> Any:
    if not tls:
        return grpc.insecure_channel(address)
    folder = Path(tls)
    credentials = grpc.ssl_channel_credentials(
        *((folder / file).read_bytes() for file in ("ca.crt", "tls.key", "tls.crt"))
    )
    return grpc.secure_channel(address, credentials, options=[("grpc.ssl_target_name_override", name)])


def http_service(target: str) -> str:
    """Asks each address whether it is ready, and what it is. Raises Problem."""
    found = addresses(target)
    for address in found:
        for path in PATHS:
            status = _status(address, path)
            if status != http.client.OK:
                raise Problem(f"{address} answers {status} to {path}")
    return f"{len(found)} serving"


def _status(address: str, path: str) -> int:
    connection = http.client.HTTPConnection(address, timeout=SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise Problem(f"{address} does not answer {path}: {type(error).__name__}") from error
    finally:
        connection.close()
