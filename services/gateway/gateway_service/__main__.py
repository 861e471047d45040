"""`python -m gateway_service serve`."""

from __future__ import annotations

import sys

from gateway_service.app import build
from rookery_common.app import cli

if __name__ == "__main__":
    sys.exit(cli("gateway", build))
