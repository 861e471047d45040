"""The result, for people (a table) and for programs (JSON)."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from rookery_bench.processes import Processes, Usage
from rookery_bench.scenarios import Row


def write(folder: Path, head: dict[str, Any], idle: dict[str, Usage], rows: list[Row]) -> Path:
    """One file a run, named by its time."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    result = {
        **head,
        "idle": {name: asdict(usage) for name, usage in idle.items()},
        "rows": [asdict(row) for row in rows],
    }
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path


def show(console: Console, head: dict[str, Any], processes: Processes, idle: dict[str, Usage], rows: list[Row]) -> None:
    machine = head["machine"]
    console.print(
        f"\n[bold]{head['server']}[/] at {head['url']}; {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, kernel {machine['kernel']}, load before {machine['load_before'][0]}, "
        f"revision {machine['revision']}; the generator runs beside the server"
    )
    console.print(_rates(rows))
    if idle:
        console.print(_memory(processes, idle))


def _rates(rows: list[Row]) -> Table:
    table = Table(header_style="bold")
    table.add_column("what")
    columns = ("at once", "per second", "p50 ms", "p99 ms", "errors", "bytes", "services", "engines", "generator")
    for name in columns:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.scenario,
            str(row.concurrency),
            f"{row.per_second:,.1f}",
            f"{row.p50_ms:,.1f}",
            f"{row.p99_ms:,.1f}",
            ", ".join(f"{count} x {name}" for name, count in row.errors.items()) or "0",
            f"{row.mean_bytes:,.0f}",
            *(_milliseconds(value) for value in (row.cpu_services_ms, row.cpu_engines_ms, row.cpu_generator_ms)),
        )
        if row.notes:
            table.add_row(f"[dim]  {', '.join(f'{name} {value}' for name, value in row.notes.items())}[/]")
    table.caption = "The last three: milliseconds of CPU for each operation."
    return table


def _memory(processes: Processes, idle: dict[str, Usage]) -> Table:
    table = Table(title="Idle", title_justify="left", header_style="bold")
    table.add_column("process")
    for name in ("MiB (rss)", "MiB (pss)", "% CPU"):
        table.add_column(name, justify="right")
    for label, names in (("services", processes.services), ("engines", processes.engines)):
        used = {name: idle[name] for name in names}
        for name, usage in sorted(used.items(), key=lambda item: -item[1].rss_mib):
            table.add_row(name, *_usage(usage))
        if used:
            values = list(used.values())
            total = Usage(*(sum(getattr(u, f) for u in values) for f in ("cpu_seconds", "rss_mib", "pss_mib")))
            table.add_row(f"[bold]all {label}[/]", *_usage(total), end_section=True)
    return table


def _usage(usage: Usage) -> tuple[str, str, str]:
    return f"{usage.rss_mib:,.0f}", f"{usage.pss_mib:,.0f}", f"{usage.cpu_seconds * 100:.1f}"


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
