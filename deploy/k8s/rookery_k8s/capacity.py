"""How much the platform bears on this cluster, roughly: for the rate that it is tried at."""

from __future__ import annotations

import time

from rookery_k8s.load import Load
from rookery_k8s.report import Finding, found

RATES = (5, 10, 20, 40, 80, 160)
SECONDS = 10
MOST_P99_MS = 250.0
MOST_ERRORS = 0.001


def capacity(load: Load) -> tuple[Finding, float]:
    """The highest rate of the steps whose p99 and errors are within bounds."""
    best, told = float(RATES[0]), []
    for rate in RATES:
        load.set_rate(rate)
        with load.watched() as window:
            time.sleep(SECONDS)
        told.append(f"{rate}/s: p99 {window.worst_p99_ms:.0f} ms, {window.failed} failed")
        if window.worst_p99_ms > MOST_P99_MS or window.failed > MOST_ERRORS * window.ok:
            break
        best = float(rate)
    bounds = f"p99 {MOST_P99_MS:.0f} ms in every second, errors {MOST_ERRORS:.1%}"
    return found("capacity of the mixed load", f"{best:.0f} requests/s ({'; '.join(told)}; bounds: {bounds})"), best
