"""`make bench`: measures a server through the Mastodon API. `make bench ARGS=--help` lists the options."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rookery_bench import machine, people, processes, report
from rookery_bench.client import ApiError, Server
from rookery_bench.live import live_sockets
from rookery_bench.pressure import frozen, idle_sockets, overloaded
from rookery_bench.scenarios import SCENARIOS as USUAL
from rookery_bench.scenarios import Bench, Row, Scenario, crowd, fill, follows, idle

SCENARIOS: dict[str, list[Scenario]] = {
    **USUAL,
    "crowd": [partial(crowd, concurrency=count) for count in (8, 32)],
    "follow": [partial(follows, concurrency=count) for count in (1, 8)],
    "overload": [partial(overloaded, times=times) for times in (2, 5)],
    "frozen": [frozen],
    "sockets": [idle_sockets],
    "live": [live_sockets],
}
HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
console = Console()


@dataclass(frozen=True)
class Plan:
    """What a run is to do."""

    server: Server
    accounts: Path | None
    followers: int
    follows: int
    seconds: float
    sockets: int
    rate: float
    names: list[str]
    processes: processes.Processes


def main(
    url: Annotated[str, typer.Option(envvar="ROOKERY_URL", help="The server.")] = "http://127.0.0.1:8080",
    accounts: Annotated[
        Path | None, typer.Option(exists=True, help='A list of {"id", "token"}, author first; else they are signed up.')
    ] = None,
    followers: Annotated[int, typer.Option(min=1, max=10_000, help="Readers of the one author.")] = 100,
    follows: Annotated[int, typer.Option(min=1, max=1_000, help="Whom each follows: the author, then others.")] = 1,
    seconds: Annotated[float, typer.Option(min=0.5, help="Length of each measurement.")] = 8.0,
    sockets: Annotated[int, typer.Option(min=2, help="WebSockets that are opened, at most 30 a reader.")] = 5_000,
    rate: Annotated[float, typer.Option(min=1, help="Events a second that arrive at open WebSockets.")] = 200.0,
    only: Annotated[str, typer.Option(help=f"Some of: {','.join(SCENARIOS)}.")] = ",".join(USUAL),
    instance: Annotated[
        Path | None, typer.Option(envvar="ROOKERY_INSTANCE", help="A local platform's folder, for CPU and memory.")
    ] = None,
    service: Annotated[list[str] | None, typer.Option(help="NAME=PID of a server's process; repeatable.")] = None,
    engine: Annotated[list[str] | None, typer.Option(help="NAME=PID of an engine below it; repeatable.")] = None,
) -> None:
    """Measure a server that speaks the Mastodon API: posts, deliveries, home reads, CPU and memory."""
    unknown = set(only.split(",")) - SCENARIOS.keys()
    if unknown:
        raise typer.BadParameter(f"no such measurement: {', '.join(sorted(unknown))}", param_hint="--only")
    try:
        server, watched = Server(url), _processes(url, instance, service or [], engine or [])
        uvloop.run(_run(Plan(server, accounts, followers, follows, seconds, sockets, rate, only.split(","), watched)))
    except (ApiError, OSError, ValueError) as error:
        console.print(f"[red]{url}[/]: {error}")
        console.print("Is it running? [bold]make up[/] starts a platform here; --url names another.")
        sys.exit(1)


def _processes(url: str, instance: Path | None, services: list[str], engines: list[str]) -> processes.Processes:
    if services or engines:
        return processes.Processes(processes.named(services), processes.named(engines))
    folder = instance or HERE.parent / ".rookery" / "dev"
    local = urlsplit(url).hostname in ("127.0.0.1", "localhost")
    if local and (folder / "supervisord.conf").is_file():
        return processes.of_instance(folder)
    return processes.Processes({}, {})


async def _run(plan: Plan) -> None:
    head = {
        "url": plan.server.url,
        "server": await machine.server_version(plan.server),
        "machine": machine.describe(),
        "followers": plan.followers,
        "seconds": plan.seconds,
    }
    columns = (TextColumn("{task.description:32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bench = Bench(plan.server, await _people(plan, progress), plan.processes, plan.seconds, plan.sockets, plan.rate)
        head |= {"followers": len(bench.people.readers), "follows": plan.follows}
        resting, rows = await _measure(bench, plan.names, progress)
    report.show(console, head, plan.processes, resting, rows)
    console.print(f"Written to {report.write(RESULTS, head, resting, rows)}")


async def _measure(bench: Bench, names: list[str], progress: Progress) -> tuple[dict[str, processes.Usage], list[Row]]:
    steps = [step for name in names for step in SCENARIOS[name]]
    bar = progress.add_task("measuring: idle", total=len(steps) + 1)
    resting = await idle(bench) if bench.processes else {}
    await fill(bench)
    rows: list[Row] = []
    for step in steps:
        progress.advance(bar)
        rows.append(await step(bench))
        progress.update(bar, description=f"measured: {rows[-1].scenario}")
    progress.advance(bar)
    return resting, rows


async def _people(plan: Plan, progress: Progress) -> people.People:
    """The given accounts; or those of the last run against this server, and as many new ones as are missing."""
    kept = RESULTS / f"accounts-{plan.server.host}-{plan.server.port}.json"
    known = people.load(plan.accounts or kept, plan.followers + 1)
    usable = bool(known) and await people.still_valid(plan.server, known[0])
    if plan.accounts and (not usable or len(known) < 2):
        raise ValueError(f"{plan.accounts} needs two accounts or more with tokens that this server takes")
    known = known if usable else []
    missing = 0 if plan.accounts else plan.followers + 1 - len(known)
    if missing:
        bar = progress.add_task("people sign up", total=missing)
        known += await people.sign_up(plan.server, missing, lambda: progress.advance(bar))
        people.save(kept, known)
    all_of_them = people.People(known[0], known[1:])
    if plan.follows > len(all_of_them.readers):
        raise ValueError(f"each of {len(all_of_them.readers)} readers can't follow {plan.follows} others")
    bar = progress.add_task("readers follow the author", total=len(all_of_them.readers))
    await people.follow(plan.server, all_of_them, plan.follows, lambda: progress.advance(bar))
    return all_of_them


if __name__ == "__main__":
    typer.run(main)
