"""The client library's own errors: told to our log, not to stderr, and not once for each of its many attempts."""

from __future__ import annotations

import time

from confluent_kafka import KafkaError

from rookery_common.logs import get_logger

# Silences librdkafka's lines on stderr: what matters of them comes through error_cb as well.
LOG_LEVEL = 2
REPEAT_SECONDS = 10.0
# The longest wait between attempts to reach a broker that is away.
RECONNECT_MS = 2_000
log = get_logger()


class ErrorLog:
    """Logs each kind of error at most every ten seconds; it is called in the client's threads."""

    def __init__(self, client: str) -> None:
        self._client = client
        self._quiet_until: dict[str, float] = {}

    def __call__(self, error: KafkaError) -> None:
        now, reason = time.monotonic(), error.name()
        if now >= self._quiet_until.get(reason, 0.0):
            self._quiet_until[reason] = now + REPEAT_SECONDS
            log.warning("kafka.client_error", client=self._client, reason=reason, fatal=error.fatal())
