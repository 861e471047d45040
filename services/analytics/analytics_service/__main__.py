"""`python -m analytics_service serve|consume|relay|migrate|all`, and `verify-archive` for operators."""

from __future__ import annotations

import sys

from analytics_service.app import COMMANDS, build, migrate
from rookery_common.app import cli

if __name__ == "__main__":
    sys.exit(cli("analytics", build, migrate, COMMANDS))
