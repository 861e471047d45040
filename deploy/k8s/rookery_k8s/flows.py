"""The integration flows of the repository, unchanged, against the gateway's Service."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from rookery_k8s.report import Finding, found
from rookery_k8s.shell import ClusterError

REPOSITORY = Path(__file__).resolve().parents[3]
# What belongs to the local platform: engines that are stopped, processes with other settings or whose death must be
# known at once, files of its folder, ports of its services, clients that come from 127.0.0.1.
LEFT_OUT = (
    "test_counts_of_the_last_minutes.py::test_without_kafka_nothing_is_taken_and_measures_are_still_shown",
    "test_forged_tokens.py",
    "test_kill_switch.py",
    "test_signing_in.py::test_a_forgotten_password_is_replaced_by_a_mailed_link_and_signs_out_everywhere",
    "test_signing_in.py::test_an_owner_sees_every_session_and_ends_the_others_everywhere_within_a_second",
    "test_zz_engines_away.py",
    "test_zz_faults.py::test_posts_made_while_kafka_is_down_reach_feeds_when_it_returns",
    "test_zz_held_posts.py",
    "test_zz_search_faults.py::test_search_killed_while_it_indexes_finds_each_post_once",
    "test_zz_search_faults.py::test_without_its_engine_search_is_away_and_catches_up",
    "test_zz_search_faults.py::test_index_made_again_while_people_post_misses_nothing",
)
SECONDS = 1500


def flows(url: str, namespace: str, log: Path) -> Finding:
    """Every flow that needs nothing of the local platform; what pytest says of failures is in the log."""
    words = [sys.executable, "-m", "pytest", "tests/integration", "--quiet", "--tb=short", "-p", "no:cacheprovider"]
    words += [f"--deselect=tests/integration/{name}" for name in LEFT_OUT]
    environment = os.environ | {"ROOKERY_URL": url, "ROOKERY_NAMESPACE": namespace}
    with log.open("w") as file:
        try:
            done = subprocess.run(  # noqa: S603 - our own words
                words, cwd=REPOSITORY, env=environment, stdout=file, stderr=subprocess.STDOUT, timeout=SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise ClusterError(f"the flows had no end after {SECONDS} s; how far they came: {log}") from error
    summary = log.read_text().strip().splitlines()[-1].strip("= ")
    figures = f"{summary}; left out, because they need the local platform: {len(LEFT_OUT)}"
    return found("integration flows through the gateway's Service", figures, ok=done.returncode == 0)
