"""The page that people read of the OpenAPI document: plain HTML, with nothing from anywhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment
from openapi import document

TEMPLATE = Path("scripts/reference.html")


def page() -> str:
    """The page as HTML."""
    api = document()
    tags: dict[str, list[tuple[str, str, Any]]] = {}
    for path, operations in api["paths"].items():
        for method, operation in operations.items():
            tags.setdefault(operation["tags"][0], []).append((path, method.upper(), operation))
    template = Environment(autoescape=True, trim_blocks=True).from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        title=api["info"]["title"],
        description=api["info"]["description"],
        tags=dict(sorted(tags.items())),
        schemas=api["components"]["schemas"],
    )
