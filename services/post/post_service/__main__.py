"""`python -m post_service serve|consume|relay|migrate|all`, and an operator's commands."""

from __future__ import annotations

import sys

from post_service.app import build, migrate
from post_service.operations import COMMANDS
from rookery_common.app import cli

if __name__ == "__main__":
    sys.exit(cli("post", build, migrate, COMMANDS))
