"""The OpenAPI 3.1 document of every route, from the gateway's code: `gateway_service/static/openapi.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from endpoints import UNKNOWN, Endpoint, Parameter
from entities import Json, example_of, load, schema_of
from routes import Served, served_routes

from gateway_service import __version__
from gateway_service.limits import Rules
from gateway_service.limits.rules import RouteClass
from gateway_service.params import MAX_TEXT
from gateway_service.schemas.imports import MODES, TYPES
from gateway_service.schemas.scopes import SCOPES

OWN = "/api/rookery/"
BODILESS = frozenset({204, 302, 303, 304, 307})
FORMS = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
ID = {"type": "string", "pattern": "^[0-9]{1,19}$"}
# Its file and its fields are read from one stream, which the code's reader does not follow.
IMPORT_FORM: Json = {
    "type": {"type": "string", "enum": [*TYPES]},
    "mode": {"type": "string", "enum": [*MODES], "default": "merge"},
    "data": {"type": "string", "format": "binary", "description": "A CSV file as Mastodon writes it, of at most 5 MB."},
}
SUMMARIES: Mapping[int, str] = {
    200: "Done",
    201: "Made",
    202: "Taken; it is not done yet",
    206: "Not done yet",
    303: "Go there",
    304: "As the client has it already",
    400: "The request is not valid",
    401: "The token is missing or does not hold",
    403: "Not allowed to this token or account",
    404: "There is no such thing, or the caller may not know of it",
    408: "The body did not arrive in time",
    409: "In conflict with another request",
    412: "It has been changed meanwhile",
    413: "The body is too large",
    415: "The body is of a type that is not read",
    422: "The request is not valid; the fields are named",
    431: "The address or the headers are too large",
    429: "Too many requests; Retry-After says when to come back",
    503: "A part of the platform is away, overloaded or switched off; Retry-After says when to come back",
}
LIMIT_HEADERS = {
    "X-RateLimit-Limit": {"schema": {"type": "integer"}, "description": "What the tightest limit lets through."},
    "X-RateLimit-Remaining": {"schema": {"type": "integer"}, "description": "How many of them are left."},
    "X-RateLimit-Reset": {"schema": {"type": "string", "format": "date-time"}, "description": "When all of them are."},
    "RateLimit-Policy": {"schema": {"type": "string"}, "description": "The same limit, as the IETF's draft has it."},
    "RateLimit": {"schema": {"type": "string"}, "description": "How it stands, as the IETF's draft has it."},
}  # fmt: skip


def page() -> str:
    """The document as text."""
    return json.dumps(document(), indent=1, sort_keys=False, ensure_ascii=False) + "\n"


def document() -> Json:
    """The whole document, operations in the order of their paths."""
    known = load()
    rules = Rules.parse((files("gateway_service.limits") / "default.toml").read_text(encoding="utf-8"))
    paths: dict[str, Json] = {}
    for route in sorted(served_routes(), key=lambda each: (each.path, each.method)):
        if route.operation:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, known, rules)
    entities: Mapping[str, Any] = known["entities"]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Rookery",
            "version": __version__,
            "description": "The Mastodon client API, and what Rookery adds to it under /api/rookery/v1.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {
                name: {**schema_of(value), "examples": [example_of(value, entities)]}
                for name, value in entities.items()
            },
            "headers": LIMIT_HEADERS,
            "responses": dict(_refusals()),
            "securitySchemes": {"oauth2": _security_scheme()},
        },
    }


def _security_scheme() -> Json:
    scopes = dict.fromkeys(SCOPES, "")
    code = {"authorizationUrl": "/oauth/authorize", "tokenUrl": "/oauth/token", "scopes": scopes}
    return {
        "type": "oauth2",
        "flows": {"authorizationCode": code, "clientCredentials": {"tokenUrl": "/oauth/token", "scopes": scopes}},
    }


def _operation(route: Served, known: Mapping[str, Any], rules: Rules) -> Json:
    does = route.does
    limit = rules.name_of(route.method, route.path)
    group = rules.classes.get(limit, RouteClass())
    operation: Json = {"operationId": route.operation, "summary": route.summary, "tags": [route.tag]}
    if not group.unlimited:
        operation["description"] = f"Rate limits, unless the operator sets others: {_limits(group)}."
        operation["x-limit-class"] = limit
    if does.calls:
        operation["x-calls"] = does.calls
    if parameters := list(_parameters(route)):
        operation["parameters"] = parameters
    if body := _body(does):
        operation["requestBody"] = body
    operation["security"] = _security(does)
    operation["responses"] = _responses(route, known, limited=not group.unlimited)
    return operation


def _limits(group: RouteClass) -> str:
    named = (
        ("each account", group.account),
        ("an application", group.application),
        ("whoever is not signed in, by network", group.stranger),
        ("a network", group.network),
    )
    return ", ".join(f"{limit.requests} in {limit.seconds} s for {whom}" for whom, limit in named if limit)


def _security(does: Endpoint) -> list[Json]:
    if not does.token:
        return []
    needed: list[Json] = [{"oauth2": [scope]} for scope in does.scopes] or [{"oauth2": []}]
    return [{}, *needed] if does.token in ("viewer", "identify") else needed


def _parameters(route: Served) -> Iterator[Json]:
    for piece in route.path.split("/"):
        if piece.startswith("{"):
            name = piece[1:-1]
            yield {"name": name, "in": "path", "required": True, "schema": ID if "id" in name else {"type": "string"}}
    for parameter in route.does.parameters.values():
        if parameter.place == "query":
            yield _query(parameter)
    if route.does.reads_key:
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "The same key again does nothing twice: the first answer's result is answered again.",
            "schema": {"type": "string", "maxLength": 200},
        }


def _query(parameter: Parameter) -> Json:
    schema = _schema(parameter)
    several = schema.get("type") == "array"
    found: Json = {"name": f"{parameter.name}[]" if several else parameter.name, "in": "query", "schema": schema}
    return {**found, "required": True} if parameter.getter == "required_text" else found


def _body(does: Endpoint) -> Json | None:
    fields = {each.name: _schema(each) for each in does.parameters.values() if each.place == "body"}
    if "post.UploadMedia" in does.calls:
        fields["file"] = {"type": "string", "format": "binary"}
        return {"required": True, "content": {FORMS[2]: {"schema": _group(fields, ["file"])}}}
    if "user.CreateImport" in does.calls:
        return {"required": True, "content": {FORMS[2]: {"schema": _group(IMPORT_FORM, ["type", "data"])}}}
    if not does.reads_body:
        return None
    required = [each.name for each in does.parameters.values() if each.getter == "required_text"]
    return {"content": {form: {"schema": _group(fields, required)} for form in FORMS}}


def _group(fields: Json, required: Sequence[str]) -> Json:
    return {"type": "object", "properties": fields, **({"required": list(required)} if required else {})}


def _schema(parameter: Parameter) -> Json:
    """What the getter takes, with its limits where they could be read."""
    arguments = [None if each is UNKNOWN else each for each in parameter.arguments] + [None, None, None]
    first, second, third = arguments[:3]
    text = {"type": "string", "maxLength": first if isinstance(first, int) else MAX_TEXT}
    schemas: Mapping[str, Json] = {
        "text": text,
        "required_text": {**text, "minLength": 1},
        "texts": {"type": "array", "items": text, "maxItems": second or 100},
        "flag": {"type": "boolean"},
        "integer": {"type": "integer", **_bounds(first, second)},
        "integers": {"type": "array", "items": {"type": "integer", **_bounds(first, second)}, "maxItems": third or 100},
        "limit": {"type": "integer", "minimum": 1, "default": first, "description": f"At most {second} are given."},
        "id": ID,
        "ids": {"type": "array", "items": ID, "maxItems": first or 100},
        "choice": {"type": "string", "enum": list(first)} if isinstance(first, Mapping) else {"type": "string"},
        "pair": {"type": "string", "examples": ["-0.5,0.25"]},
        "time": {"type": "string", "examples": ["2026-11-21T09:30:00Z"]},
        "group": {"type": "object"},
        "groups": {"type": "array", "items": {"type": "object"}, "maxItems": first or 100},
    }  # fmt: skip
    return schemas[parameter.getter]


def _bounds(low: Any, high: Any) -> Json:
    return {name: bound for name, bound in (("minimum", low), ("maximum", high)) if isinstance(bound, int)}


def _responses(route: Served, known: Mapping[str, Any], *, limited: bool) -> Json:
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in LIMIT_HEADERS} if limited else {}
    successes = sorted({200, *route.does.statuses, *known["statuses"].get(route.operation, ())})
    found: Json = {}
    for status in successes:
        answer: Json = {"description": SUMMARIES.get(status, "Done"), **({"headers": headers} if headers else {})}
        found[str(status)] = answer if status in BODILESS else {**answer, "content": _content(route, known)}
    form = (
        "Problem"
        if route.path.startswith(OWN)
        else "Page"
        if route.does.renders
        else "Probe"
        if route.tag == "probes"
        else "Error"
    )
    for status in sorted(_failures(route, limited=limited)):
        found[str(status)] = {"$ref": f"#/components/responses/{form}{status}"}
    return found


def _refusals() -> Iterator[tuple[str, Json]]:
    """Each failure in each of its forms: Mastodon's, RFC 9457's on our own routes, a page where people see it."""
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    anything: Json = {"application/json": {}}
    forms = {"Error": error, "Problem": problem, "Page": {**error, "text/html": {}}, "Probe": anything}
    for form, content in forms.items():
        for status, summary in SUMMARIES.items():
            if status == 431:
                yield f"{form}{status}", {"description": summary}
            elif status == 400:  # also of what is no HTTP, before there is a form to tell it in
                yield f"{form}{status}", {"description": summary, "content": {**content, "text/plain": {}}}
            elif status > 400:
                yield f"{form}{status}", {"description": summary, "content": content}


def _content(route: Served, known: Mapping[str, Any]) -> Json:
    kind = known["media_types"].get(route.operation, "application/json")
    if kind != "application/json":
        return {kind: {}}
    if route.does.renders:
        return {"text/html": {}, "application/json": {}}
    answer = known["answers"].get(route.operation)
    if answer is None:
        return {kind: {"schema": {}}}
    return {kind: {"schema": schema_of(answer)}}  # examples are with the entities


def _failures(route: Served, *, limited: bool) -> set[int]:
    does = route.does
    failures = {400, 431, 503}
    if limited:
        failures.add(429)
    if does.token:
        failures |= {401, 403, 422}
    if "{" in route.path or does.calls or does.misses:
        failures.add(404)
    if does.parameters:
        failures.add(422)
    if does.reads_body or {"post.UploadMedia", "user.CreateImport"} & {*does.calls}:
        failures |= {408, 413, 415, 422}
    if does.calls and route.method != "GET":
        failures |= {403, 409, 422}
    if route.tag == "oauth" or does.renders:
        failures |= {401, 403, 404, 409, 422}
    return failures
