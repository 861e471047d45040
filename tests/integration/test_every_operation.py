"""The whole OpenAPI document is tried: nothing fails on our side, and nothing is answered that it does not say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness.people import Person
from harness.platform import Platform

# Of each operation; `make security` asks for fifty.
CASES = int(os.environ.get("ROOKERY_FUZZ_CASES", "2"))
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
DOCUMENT = Path(__file__).parents[2] / "services/gateway/gateway_service/openapi.json"
# A machine that is busy may refuse what it has no time for; where more cases are asked for it must have time.
CONFIGURATION = """[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx"%s]
""" % (", 503" if CASES < 10 else "")
# Streams have no end, and are tried by flows of their own.
ENDLESS = "^/api/v1/streaming|^/api/rookery/v1/chat"


@pytest.mark.timeout(300 + 30 * CASES)
def test_no_operation_fails_or_answers_what_is_not_documented(
    alice: Person, platform: Platform, tmp_path: Path
) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", str(DOCUMENT), "--url", platform.url),
        *("--header", f"Authorization: Bearer {alice.token}", "--checks", CHECKS, "--exclude-path-regex", ENDLESS),
        *("--phases", "fuzzing", "--max-examples", str(CASES), "--seed", "1", "--workers", "1", "--no-shrink"),
        *("--continue-on-failure", "--request-timeout", "30", "--warnings", "off", "--suppress-health-check", "all"),
    ]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)  # noqa: S603 - our own arguments
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-2000:]
