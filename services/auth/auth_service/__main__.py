"""`python -m auth_service serve|consume|relay|all|migrate`, and an operator's commands."""

from __future__ import annotations

import sys

from auth_service.admissions import COMMANDS as ADMISSIONS
from auth_service.app import build, migrate
from auth_service.operations import COMMANDS as OPERATIONS
from auth_service.seeded import COMMANDS as SEEDED
from rookery_common.app import cli

if __name__ == "__main__":
    sys.exit(cli("auth", build, migrate, {**ADMISSIONS, **OPERATIONS, **SEEDED}))
