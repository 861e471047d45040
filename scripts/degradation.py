"""What each route answers while a service is away: docs/degradation.md, from the routes' calls and the fallbacks."""

from __future__ import annotations

from collections.abc import Sequence

from routes import SERVICES, Served, served_routes

from gateway_service.degradation import FALLBACKS, Fallback

HEAD = """# While a service is away

Generated from the gateway's code (`gateway_service/degradation.py` and the routes' calls) by `make docs`; don't edit.

A route that needs what is away answers 503 with `Retry-After`, at once where the breaker of the method is open (half
of at least 20 calls in 10 s failed; it is probed after 1 to 5 s), else when the call's deadline is over: 3 s for
reads that are composed, 10 s for a request that reads, 15 s for one that writes, 120 s for an upload. Where a part is
optional the answer goes without it and says so: `X-Rookery-Degraded: <part>`, parts by comma;
`rookery_gateway_degraded_total{part}` counts them. A method that a signed-in viewer alone needs, such as
BatchGetRelationships, fails nobody else. Whom the viewer blocks, or may not see, is never guessed: without that there
is no page. Routes that a section does not name are not affected.

A write answers 503 only where it was not made, or where its owner did not say whether it was: what shows it is asked
for before it, and may be missing afterwards. Trying again is safe: with an `Idempotency-Key` where something new is
made, as it is everywhere else.

Without **auth** a token that is remembered goes on for as long as revocations are heard, which is at most a second
after auth has gone; then every route that takes a token answers 503 to those who send one. Without **Kafka** events
wait in their services, and `POST /api/rookery/v1/interactions` answers 503. Without **Redis** rate limits are counted
by each replica for itself, and the services read what it caches from their stores.

"""
PARTS_HEAD = "## Parts that may be missing\n\n| part | without | what is answered |\n|---|---|---|\n"


def page() -> str:
    """The whole of it."""
    parts = "".join(f"| `{each.part}` | {', '.join(each.rpcs)} | {each.answer} |\n" for each in FALLBACKS)
    sections = [_section(service, served_routes()) for service in SERVICES]
    return HEAD + "\n".join([PARTS_HEAD + parts, *(each for each in sections if each)])


def _section(service: str, routes: Sequence[Served]) -> str:
    rows = [
        row for route in sorted(routes, key=lambda route: (route.path, route.method)) if (row := _row(service, route))
    ]
    table = "".join(rows)
    return f"## Without {service}\n\n| route | 503 without | goes on without |\n|---|---|---|\n{table}" if table else ""


def _row(service: str, route: Served) -> str:
    """Empty for a route that does not call the service."""
    calls = [call for call in route.does.calls if call.partition(".")[0] == service]
    if not calls:
        return ""
    optional = {call: fallback for call in calls if (fallback := _fallback(call, route))}
    needed = ", ".join(call.partition(".")[2] for call in calls if call not in optional)
    missing = ", ".join(f"{call.partition('.')[2]}: `{fallback.part}`" for call, fallback in optional.items())
    return f"| {route.method} {route.path} | {needed or '-'} | {missing or '-'} |\n"


def _fallback(call: str, route: Served) -> Fallback | None:
    return next((each for each in FALLBACKS if each.holds(call, route.does.calls)), None)
