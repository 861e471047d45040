"""`python -m search_service serve|consume|relay|migrate|all`, or `rebuild [--restart]`."""

from __future__ import annotations

import argparse
import sys

import uvloop
from pydantic import ValidationError

from rookery_common.app import cli
from rookery_common.errors import AppError
from rookery_common.logs import configure_logs
from search_service import __version__
from search_service.app import build, migrate, rebuild


def rebuild_cli(arguments: list[str]) -> int:
    """The rebuild's own command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m search_service rebuild")
    parser.add_argument("--restart", action="store_true", help="drop what an interrupted rebuild left, and begin anew")
    options = parser.parse_args(arguments)
    configure_logs("search", __version__)
    try:
        uvloop.run(rebuild(restart=options.restart))
    except ValidationError as error:
        problem = error.errors()[0]
        parser.exit(2, f"SEARCH_{str(problem['loc'][0]).upper()}: {problem['msg']}\n")
    except AppError as error:
        parser.exit(1, f"{error.message} ({error.reason})\n")
    return 0


if __name__ == "__main__":
    sys.exit(rebuild_cli(sys.argv[2:]) if sys.argv[1:2] == ["rebuild"] else cli("search", build, migrate))
