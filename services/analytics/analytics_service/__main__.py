"""`python -m analytics_service serve|consume|relay|all`."""

from __future__ import annotations

import sys

from analytics_service.app import build
from rookery_common.app import cli

if __name__ == "__main__":
    sys.exit(cli("analytics", build))
