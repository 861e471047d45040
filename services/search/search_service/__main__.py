"""`python -m search_service serve|consume|relay|all`."""

from __future__ import annotations

import sys

from rookery_common.app import cli
from search_service.app import build

if __name__ == "__main__":
    sys.exit(cli("search", build))
