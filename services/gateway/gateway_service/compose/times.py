"""Times as the API writes them."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp


def time_text(moment: Timestamp) -> str:
    seconds = datetime.fromtimestamp(moment.seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{seconds}.{moment.nanos // 1_000_000:03}Z"
