"""Traces: W3C context that travels through calls and events, sampled by ratio, exported only where configured."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_propagator = TraceContextTextMapPropagator()


def configure_telemetry(service: str, version: str, ratio: float = 0.01) -> TracerProvider:
    """Once per process. An exporter is added by whoever deploys one; without it spans only carry the context."""
    provider = TracerProvider(
        resource=Resource.create({"service.name": service, "service.version": version}),
        sampler=ParentBased(TraceIdRatioBased(ratio)),
        shutdown_on_exit=False,
    )
    trace.set_tracer_provider(provider)
    return provider


def current_traceparent() -> str:
    """The `traceparent` of what runs now; empty outside any trace."""
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return ""
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"


@functools.cache
def _tracer(provider: trace.TracerProvider) -> trace.Tracer:
    """Asking a provider for its tracer costs as much as a span that is not sampled."""
    return provider.get_tracer("rookery_common")


@contextmanager
def span(name: str, traceparent: str = "", **attributes: str | int) -> Iterator[trace.Span]:
    """A span that continues the given trace, or the current one; an unsampled one costs next to nothing."""
    parent = _propagator.extract({"traceparent": traceparent}) if traceparent else context.get_current()
    with _tracer(trace.get_tracer_provider()).start_as_current_span(name, parent, attributes=attributes) as current:
        yield current
