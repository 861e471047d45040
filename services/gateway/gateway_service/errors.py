"""Failures as the public API tells them: status, body and headers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from rookery_common.errors import (
    AppError,
    DeadlineExceeded,
    FieldViolation,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Status,
    Unauthenticated,
    Unavailable,
)

OWN_PREFIX = "/api/rookery/"
REALM = "Rookery"
SWITCHED_OFF_HEADER = "X-Rookery-Switched-Off"
RETRY_SECONDS = 2
SWITCHED_OFF_SECONDS = 60
JSON = "application/json; charset=utf-8"
PROBLEM_JSON = "application/problem+json"

_HTTP_STATUS: Mapping[Status, int] = {
    Status.INVALID_ARGUMENT: 422,
    Status.FAILED_PRECONDITION: 422,
    Status.ALREADY_EXISTS: 422,
    Status.ABORTED: 409,
    Status.NOT_FOUND: 404,
    Status.PERMISSION_DENIED: 403,
    Status.UNAUTHENTICATED: 401,
    Status.RESOURCE_EXHAUSTED: 429,
    Status.DEADLINE_EXCEEDED: 503,
    Status.UNAVAILABLE: 503,
    Status.INTERNAL: 500,
}
# Reasons whose answer has a status of its own.
_BY_REASON: Mapping[str, int] = {
    "BODY_TOO_LARGE": 413,
    "BODY_TOO_SLOW": 408,
    "FILE_TOO_LARGE": 413,
    "UNSUPPORTED_CONTENT_TYPE": 415,
    "IDEMPOTENCY_CONFLICT": 422,
    "MEDIA_NOT_FOUND": 422,
    "MEMBER_NOT_FOUND": 422,
    "DRAFT_CHANGED": 412,
}
_TITLES: Mapping[int, str] = {
    401: "The access token is invalid",
    403: "This action is not allowed",
    404: "Record not found",
    409: "This request is in conflict with another",
    412: "This has been changed meanwhile",
    429: "Too many requests",
    500: "Something went wrong on our side",
    503: "There was a temporary problem serving your request, please try again",
}


class RouteNotFound(NotFound):
    """There is no such route."""

    reason = "ROUTE_NOT_FOUND"


class RecordNotFound(NotFound):
    """There is no such thing, or the caller may not know of it."""

    reason = "RECORD_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__(_TITLES[404])


class BodyTooLarge(InvalidArgument):
    """The request's body is larger than is accepted."""

    reason = "BODY_TOO_LARGE"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request is too large (at most {limit} bytes)")


class FileTooLarge(InvalidArgument):
    """The uploaded file is larger than is accepted."""

    reason = "FILE_TOO_LARGE"

    def __init__(self, limit: int) -> None:
        description = f"is too large (at most {limit} bytes)"
        super().__init__(f"file {description}", fields=[FieldViolation("file", "ERR_TOO_LARGE", description)])


class BodyTooSlow(DeadlineExceeded):
    """The request's body did not arrive in time."""

    reason = "BODY_TOO_SLOW"


class RateLimited(ResourceExhausted):
    """More requests than the route's limit lets through; the limit's headers say how it stands."""

    reason = "RATE_LIMITED"

    def __init__(self, wait_seconds: float) -> None:
        super().__init__("Too many requests: please wait", retry_after=wait_seconds)


class UnsupportedContentType(InvalidArgument):
    """The request's body is of a type that the route does not read."""

    reason = "UNSUPPORTED_CONTENT_TYPE"


class InvalidAccessToken(Unauthenticated):
    """No token where one is needed, or one that does not hold (any more)."""

    reason = "INVALID_TOKEN"

    def __init__(self) -> None:
        super().__init__(_TITLES[401])


class UserRequired(InvalidArgument):
    """The token is an app's own, where a user's is needed."""

    reason = "USER_REQUIRED"

    def __init__(self) -> None:
        super().__init__("This method requires an authenticated user")


class AppTokenRequired(PermissionDenied):
    """The token is a user's, where an app's own is needed: nobody signs up twice in one session."""

    reason = "APP_TOKEN_REQUIRED"

    def __init__(self) -> None:
        super().__init__("Signing up needs a token of the app itself")


class SearchNeedsUser(Unauthenticated):
    """What only somebody who is signed in may ask of a search."""

    reason = "SEARCH_NEEDS_USER"

    def __init__(self, what: str) -> None:
        super().__init__(f"Search queries {what} not supported without authentication")


class AccountUnconfirmed(PermissionDenied):
    """The token's account is to be confirmed, or approved, before it is of any use."""

    reason = "ACCOUNT_UNCONFIRMED"

    def __init__(self) -> None:
        super().__init__("Your login is missing a confirmed e-mail address")


class RegistrationsClosed(PermissionDenied):
    """Nobody may sign up by themselves."""

    reason = "REGISTRATIONS_CLOSED"

    def __init__(self) -> None:
        super().__init__("Registrations are closed")


class SwitchedOff(Unavailable):
    """The operators have switched this part of the platform off; the rest goes on."""

    reason = "SWITCHED_OFF"

    def __init__(self, part: str) -> None:
        super().__init__(f"{part} is switched off for now", retry_after=SWITCHED_OFF_SECONDS)
        self.part = part


def invalid(field: str, description: str, code: str = "ERR_INVALID") -> InvalidArgument:
    """Bad input, named by its field."""
    return InvalidArgument(f"{field} {description}", fields=[FieldViolation(field, code, description)])


def http_status(error: AppError) -> int:
    """The HTTP status that stands for the failure."""
    return _BY_REASON.get(error.reason) or _HTTP_STATUS[error.status]


def mastodon_body(error: AppError, status: int) -> bytes:
    """`{"error", "error_description"?, "details"?}`: the error in words that clients show, what is wrong by field."""
    body: dict[str, Any] = {"error": _message(error, status)}
    if status in (403, 404, 503) and error.message not in ("", body["error"]):
        body["error_description"] = error.message
    if error.fields:
        body["details"] = _details(error.fields)
    return orjson.dumps(body)


def _message(error: AppError, status: int) -> str:
    if status == 403 and error.reason == "SCOPE_MISSING":
        return "This action is outside the authorized scopes"
    if status == 404 and error.reason == RouteNotFound.reason:
        return "Not found"
    if error.reason in (SearchNeedsUser.reason, AccountUnconfirmed.reason):
        return error.message
    if status in (401, 403, 404, 429, 500, 503):
        return _TITLES[status]
    if error.fields and status == 422:
        return "Validation failed: " + ", ".join(f"{f.field} {f.description}" for f in error.fields)
    return error.message or _TITLES.get(status, "The request is not valid")


def _details(fields: tuple[FieldViolation, ...]) -> dict[str, list[dict[str, str]]]:
    details: dict[str, list[dict[str, str]]] = {}
    for violation in fields:
        details.setdefault(violation.field, []).append({"error": violation.code, "description": violation.description})
    return details


def problem_body(error: AppError, status: int, request_id: str) -> bytes:
    """RFC 9457, for our own routes."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": _TITLES.get(status, "The request is not valid"),
        "status": status,
        "detail": "" if status == 500 else error.message,
        "code": error.reason,
        "request_id": request_id,
    }
    if error.fields:
        body["errors"] = [{"pointer": f"#/{f.field}", "code": f.code, "detail": f.description} for f in error.fields]
    return orjson.dumps(body)


def error_headers(error: AppError, status: int) -> dict[str, str]:
    """When to try again, what a 401 asks for, and which part is switched off."""
    headers = {}
    if status in (429, 503):
        wait = RETRY_SECONDS if error.retry_after is None else error.retry_after
        headers["Retry-After"] = str(max(1, math.ceil(wait)))
    if status == 401:
        headers["WWW-Authenticate"] = f'Bearer realm="{REALM}", error="invalid_token"'
    if status == 403 and error.reason == "SCOPE_MISSING":
        headers["WWW-Authenticate"] = f'Bearer realm="{REALM}", error="insufficient_scope"'
    if isinstance(error, SwitchedOff):
        headers[SWITCHED_OFF_HEADER] = error.part
    return headers


def error_response(error: AppError, path: str, request_id: str) -> Response:
    """The whole answer: in problem+json on our own routes, in Mastodon's form elsewhere."""
    status, content_type, body = error_body(error, path, request_id)
    return Response(body, status, error_headers(error, status), content_type)


def error_body(error: AppError, path: str, request_id: str) -> tuple[int, str, bytes]:
    """Status, content type and body of the same."""
    status = http_status(error)
    if path.startswith(OWN_PREFIX):
        return status, PROBLEM_JSON, problem_body(error, status, request_id)
    return status, JSON, mastodon_body(error, status)


async def handle_app_error(request: Request, error: Exception) -> Response:
    """For failures that a service or a route tells."""
    if not isinstance(error, AppError):
        raise error
    return error_response(error, request.url.path, request.scope.get("request_id", ""))


async def handle_http_exception(request: Request, error: Exception) -> Response:
    """For what the framework itself refuses: a path or method that no route has is not found, to its clients."""
    status = error.status_code if isinstance(error, HTTPException) else 422
    if status in (404, 405):
        return await handle_app_error(request, RouteNotFound("Not found"))
    return await handle_app_error(request, InvalidArgument("The request is not valid"))
