"""What all fakes have in common: calls are recorded, and fail where a test wants it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rookery_common.auth import Identity
from rookery_common.errors import (
    AppError,
    FieldViolation,
    InvalidArgument,
)

if TYPE_CHECKING:
    from gateway_fakes.world import World


def bad(field_name: str, code: str, description: str, reason: str = "INVALID_ARGUMENT") -> InvalidArgument:
    error = InvalidArgument(f"{field_name} {description}", fields=[FieldViolation(field_name, code, description)])
    error.reason = reason
    return error


def with_reason(error: AppError, reason: str) -> AppError:
    error.reason = reason
    return error


@dataclass
class Call:
    """One call that was made."""

    method: str
    request: Any
    identity: Identity | None
    timeout: float


class FakeService:
    """Dispatches calls to the methods of a subclass, and records them; `failure` is raised instead, once it is set.

    A service of several parts hands on what it has no method for to the part that has.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.parts: tuple[FakeService, ...] = ()
        self.calls: list[Call] = []
        self.failure: AppError | None = None

    async def call(self, method: str, request: Any, *, timeout: float, identity: Any = None, **_options: Any) -> Any:
        for part in self.parts:
            if hasattr(part, method):
                return await part.call(method, request, timeout=timeout, identity=identity)
        who = identity if isinstance(identity, Identity) else None
        self.calls.append(Call(method, request, who, timeout))
        if self.failure is not None:
            raise self.failure
        return getattr(self, method)(request, who)

    def made(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]
