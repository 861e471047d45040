"""The instruments of calls, at both ends; children are kept, for labels() costs more than the count itself."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SERVER_CALLS = Counter("rookery_rpc_server_calls_total", "Calls answered.", ["method", "code"])
_SERVER_SECONDS = Histogram("rookery_rpc_server_seconds", "Time to answer a call.", ["method"], buckets=_SECONDS)
_CLIENT_CALLS = Counter("rookery_rpc_client_calls_total", "Tries of calls made.", ["method", "code"])
_CLIENT_SECONDS = Histogram("rookery_rpc_client_seconds", "Time until a try's answer.", ["method"], buckets=_SECONDS)
CLIENT_RETRIES = Counter("rookery_rpc_client_retries_total", "Tries beyond the first.", ["method"])
BATCH_ENTRIES = Histogram(
    "rookery_rpc_batch_entries", "Entries sent in one call.", ["batcher"], buckets=(1, 2, 4, 8, 16, 32, 64)
)
BATCH_EXPIRED = Counter("rookery_rpc_batch_expired_total", "Entries dropped because their time was up.", ["batcher"])
SHED = Counter("rookery_rpc_server_shed_total", "Entries refused because there was too much.", ["priority"])
LIMIT = Gauge("rookery_rpc_server_limit_entries", "How many entries may be worked on at once.")
IN_FLIGHT = Gauge("rookery_rpc_server_in_flight_entries", "How many entries are worked on.")


class MethodMetrics:
    """Calls and seconds of one method."""

    def __init__(self, calls: Counter, seconds: Histogram, path: str) -> None:
        self._calls = calls
        self._path = path
        self._seconds = seconds.labels(path)
        self._by_code: dict[str, Counter] = {}

    def observe(self, code: str, seconds: float) -> None:
        """One call, with how it ended."""
        child = self._by_code.get(code)
        if child is None:
            child = self._by_code[code] = self._calls.labels(self._path, code)
        child.inc()
        self._seconds.observe(seconds)


def server_metrics(path: str) -> MethodMetrics:
    """For one method that is served."""
    return MethodMetrics(_SERVER_CALLS, _SERVER_SECONDS, path)


def client_metrics(path: str) -> MethodMetrics:
    """For one method that is called."""
    return MethodMetrics(_CLIENT_CALLS, _CLIENT_SECONDS, path)
