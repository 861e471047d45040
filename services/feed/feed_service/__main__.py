"""`python -m feed_service serve|consume|relay|migrate|all`, or `rebuild-follows`, or `warm`."""

from __future__ import annotations

import sys

from feed_service.app import COMMANDS, build, migrate
from rookery_common.app import cli

if __name__ == "__main__":
    sys.exit(cli("feed", build, migrate, COMMANDS))
