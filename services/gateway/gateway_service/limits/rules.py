"""The operator's file: classes of routes with their limits."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gateway_service.operator_file import OperatorFileInvalid, problems

READ, WRITE, UNKNOWN_TOKEN = "read", "write", "unknown-token"
MAX_REQUESTS = 10_000_000
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LIMIT = re.compile(r"(\d{1,9})/(\d{0,5})([smhd])")
_READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests in so many seconds."""

    requests: int
    seconds: int

    @property
    def interval_us(self) -> int:
        """From one request to the next at an even pace, in microseconds."""
        return max(1, self.seconds * 1_000_000 // self.requests)


def _parse_limit(value: Any) -> Limit:
    match = _LIMIT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be like "300/5m": requests, then a number of s, m, h or d')
    requests, seconds = int(match[1]), int(match[2] or 1) * _SECONDS[match[3]]
    if not 1 <= requests <= MAX_REQUESTS or not 1 <= seconds <= 30 * 86_400:
        raise ValueError(f"must be from 1 to {MAX_REQUESTS} requests within at most 30 days")
    return Limit(requests, seconds)


_Limit = Annotated[Limit, BeforeValidator(_parse_limit)]


class RouteClass(BaseModel):
    """The limits of one class of routes; those that are absent are not set."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    routes: tuple[str, ...] = ()
    account: _Limit | None = None
    application: _Limit | None = None
    stranger: _Limit | None = None
    network: _Limit | None = None

    @property
    def unlimited(self) -> bool:
        return not (self.account or self.application or self.stranger or self.network)


class Networks(BaseModel):
    """What counts as one network: how many leading bits of an address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ipv4: int = Field(32, ge=8, le=32)
    ipv6: int = Field(64, ge=16, le=128)


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")

    networks: Networks = Networks()
    classes: dict[Annotated[str, Field(pattern=r"^[a-z][a-z-]{0,30}$")], RouteClass] = {}


class Rules:
    """What one reading of the file says; routes are `METHOD /path/{template}`."""

    def __init__(self, networks: Networks, classes: Mapping[str, RouteClass]) -> None:
        self.networks = networks
        self.classes = classes
        self._names = {route: name for name, each in classes.items() for route in each.routes}

    def unknown(self, known: Collection[str]) -> list[str]:
        """Routes that the file names and this version has not: misspelt, or another version's."""
        return sorted(self._names.keys() - known)

    @classmethod
    def parse(cls, text: str) -> Rules:
        """Raises OperatorFileInvalid also for a route that two classes name."""
        try:
            document = _Document.model_validate(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise OperatorFileInvalid(str(error)) from None
        except ValidationError as error:
            raise OperatorFileInvalid(problems(error)) from None
        named: set[str] = set()
        for name, each in document.classes.items():
            for route in each.routes:
                if route in named:
                    raise OperatorFileInvalid(f"classes.{name}.routes: {route!r} is in two classes")
                named.add(route)
        return cls(document.networks, document.classes)

    def name_of(self, method: str, path: str) -> str:
        """The class of a route; it need not be in the file, and then has no limits."""
        return self._names.get(f"{method} {path}") or (READ if method in _READS else WRITE)
