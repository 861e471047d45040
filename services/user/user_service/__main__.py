"""`python -m user_service serve|consume|relay|migrate|all`."""

from __future__ import annotations

import sys

from rookery_common.app import cli
from user_service.app import build, migrate

if __name__ == "__main__":
    sys.exit(cli("user", build, migrate))
