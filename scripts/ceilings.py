"""Refuses Python files over 400 lines and functions over 50: `ceilings.py FILE...`."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_LINES = 400
FUNCTION_LINES = 50


def problems(path: Path) -> Iterator[str]:
    source = path.read_text(encoding="utf-8")
    lines = source.count("\n")
    if lines > FILE_LINES:
        yield f"{path}: {lines} lines (ceiling {FILE_LINES}): make it a package, one file a use case"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{path}:{node.lineno}: {node.name} has {length} lines (ceiling {FUNCTION_LINES})"


if __name__ == "__main__":
    sys.exit("\n".join(line for name in sys.argv[1:] for line in problems(Path(name))) or None)
