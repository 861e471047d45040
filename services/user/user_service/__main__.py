"""`python -m user_service serve|consume|relay|migrate|all`, and an operator's commands."""

from __future__ import annotations

import sys

from rookery_common.app import cli
from user_service.app import build, migrate
from user_service.operations import COMMANDS

if __name__ == "__main__":
    sys.exit(cli("user", build, migrate, COMMANDS))
