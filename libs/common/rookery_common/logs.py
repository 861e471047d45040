"""Structured logs on stdout as JSON; values that are secret or personal never get there."""

from __future__ import annotations

import io
import logging
import sys
import traceback
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from rookery_common.telemetry import current_traceparent

REDACTED = "[redacted]"
_FORBIDDEN = (
    "password", "secret", "token", "authorization", "cookie", "email", "dsn", "code", "text", "body", "payload",
    "content", "credential", "private_key", "master_key", "access_key", "address", "login",
)  # fmt: skip
_ALLOWED = frozenset({"status_code", "error_code", "grpc_address", "health_address", "http_address", "token_kind"})
_MAX_DEPTH = 6
_MAX_CAUSES = 5
_MAX_FRAMES = 20


@lru_cache(maxsize=1024)  # Names of fields are few, and every line has a dozen.
def _forbidden(key: str) -> bool:
    name = key.lower()
    return name not in _ALLOWED and any(word in name for word in _FORBIDDEN)


def redact(value: Any, depth: int = 0) -> Any:
    """The value with everything under a forbidden key replaced, in any depth."""
    if depth > _MAX_DEPTH:
        return REDACTED
    if isinstance(value, Mapping):
        return {k: REDACTED if _forbidden(str(k)) else redact(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item, depth + 1) for item in value]
    return value


def _redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return cast(EventDict, redact(event))


class _Names:
    """Adds who writes."""

    def __init__(self, **names: str) -> None:
        self._names = names

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.update(self._names)
        return event


def _add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    traceparent = current_traceparent()
    if traceparent:
        event["trace_id"] = traceparent.split("-")[1]
    return event


def _render_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Its kind and where it happened: a message or a variable may hold what must never be logged."""
    info = event.pop("exc_info", None)
    if not info:
        return event
    error = info[1] if isinstance(info, tuple) else info if isinstance(info, BaseException) else sys.exc_info()[1]
    causes: list[dict[str, Any]] = []
    while error is not None and len(causes) < _MAX_CAUSES:
        frames = traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:]
        causes.append(
            {"type": type(error).__qualname__, "frames": [f"{f.filename}:{f.lineno} {f.name}" for f in frames]}
        )
        error = error.__cause__ or error.__context__
    event["exception"] = causes
    return event


class _Stdout(io.TextIOBase):
    """Whatever stdout is when a line is written: it may have been replaced since the logger was made."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


_STDOUT = cast(TextIO, _Stdout())


def configure_logs(service: str, version: str, level: str = "INFO") -> None:
    """Once per process, before anything logs; the standard library's loggers come out in the same form."""
    shared: list[Any] = [
        _Names(service=service, version=version),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
        _render_exception,
        _redact_event,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(_STDOUT),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(_STDOUT)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.getLevelNamesMapping()[level], logging.WARNING))


def get_logger() -> FilteringBoundLogger:
    """A logger: `log.info("post.created", post_id=1)`; event names are dotted, values are fields."""
    return cast(FilteringBoundLogger, structlog.get_logger())
