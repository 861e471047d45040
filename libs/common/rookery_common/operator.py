"""`rookery SERVICE COMMAND …`: a service's own commands under one name, for whoever operates the platform."""

from __future__ import annotations

import runpy
import sys
from importlib.util import find_spec

USAGE = "rookery SERVICE COMMAND …, as in: rookery auth list-roles\n"


def main() -> None:
    """Runs the service's own command line; which services there are is what is installed here."""
    service = sys.argv[1] if len(sys.argv) > 1 else ""
    package = f"{service}_service"
    if not service.isidentifier() or find_spec(package) is None:
        sys.stderr.write(USAGE)
        raise SystemExit(2)
    del sys.argv[1]
    runpy.run_module(package, run_name="__main__", alter_sys=True)
