"""Mastodon's documented routes, as `services/gateway/documented_routes.txt` lists them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

LIST = Path("services/gateway/documented_routes.txt")
_LINE = re.compile(r"(?P<method>[A-Z]+) (?P<path>/\S*) (?P<owner>[a-z]+)(?: 404: (?P<why>.+))?")
_PARAMETER = re.compile(r"{\w+}|:\w+")


@dataclass(frozen=True)
class Documented:
    """One route, its owner here, and why it answers 404 (empty where it is served)."""

    method: str
    path: str
    owner: str
    why: str

    @property
    def key(self) -> tuple[str, str]:
        return self.method, shape(self.path)


def shape(path: str) -> str:
    """The path without its parameters' names, by which routes are compared."""
    return _PARAMETER.sub("*", path)


def documented_routes(text: str) -> list[Documented]:
    """Every line of the list. Raises ValueError for one that is of another form."""
    found = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            match = _LINE.fullmatch(line)
            if match is None:
                raise ValueError(f"{LIST}: not METHOD PATH OWNER [404: WHY]: {line}")
            found.append(Documented(match["method"], match["path"], match["owner"], match["why"] or ""))
    return found
