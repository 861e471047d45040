"""`python -m messaging_service serve|consume|relay|migrate|all`."""

from __future__ import annotations

import sys

from messaging_service.app import build, migrate
from rookery_common.app import cli

if __name__ == "__main__":
    sys.exit(cli("messaging", build, migrate))
