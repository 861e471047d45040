"""`rookery SERVICE COMMAND …`: a service's own commands under one name, for whoever operates the platform.

`rookery load seed …` runs, one after another, what makes a whole platform of a seed: their owner loads the people, and
the others take over what they keep a view of, as they would after a loss; then, if any are asked for, posts of theirs
with likes, of which everybody is told as of any.
"""

from __future__ import annotations

import argparse
import runpy
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec

USAGE = (
    "rookery SERVICE COMMAND …, as in: rookery auth list-roles; "
    "or: rookery load seed ACCOUNTS FOLLOWS SEED [--posts N --likes N]\n"
)
# Of the seed, the first is told all numbers but those of posts.
SEED = (("user", "seed"), ("feed", "rebuild-follows"), ("search", "rebuild"))
POSTS = ("post", "seed")
_FLAGS = ("--beside-others", "--in-production")


def main() -> None:
    """Runs the service's own command line; which services there are is what is installed here."""
    if sys.argv[1:3] == ["load", "seed"]:
        raise SystemExit(load_seed(sys.argv[3:]))
    service = sys.argv[1] if len(sys.argv) > 1 else ""
    if not service.isidentifier() or not _is_here(service):
        sys.stderr.write(USAGE)
        raise SystemExit(2)
    del sys.argv[1]
    runpy.run_module(f"{service}_service", run_name="__main__", alter_sys=True)


def load_seed(arguments: Sequence[str]) -> int:
    """Each step in a process of its own, where the settings of all are; the status of the first to fail, or 0."""
    steps = _steps(arguments)
    if not all(_is_here(service) for service, *_ in steps):
        told = "; ".join(f"rookery {' '.join(words)}" for words in steps)
        sys.stderr.write(f"not all of these services are here; run, where each is: {told}\n")
        return 2
    for service, *words in steps:
        sys.stdout.write(f"{service}: {' '.join(words)}\n")
        sys.stdout.flush()
        status = subprocess.run([sys.executable, "-m", f"{service}_service", *words], check=False).returncode  # noqa: S603 - ours
        if status:
            return status
    return 0


def _steps(arguments: Sequence[str]) -> list[list[str]]:
    """Services, each with the words that it is told."""
    parser = argparse.ArgumentParser("rookery load seed")
    for number in ("accounts", "follows", "seed"):
        parser.add_argument(number)
    parser.add_argument("--posts", default="0", help="how many posts they have made")
    parser.add_argument("--likes", default="0", help="how many likes these have in all, the first ones the most")
    for flag in _FLAGS:
        parser.add_argument(flag, action="store_const", const=flag)
    told = parser.parse_args(arguments)
    flags = [flag for flag in (told.beside_others, told.in_production) if flag]
    steps = [[service, command] for service, command in SEED]
    steps[0] += [told.accounts, told.follows, told.seed, *flags]
    if told.posts != "0":
        in_production = [told.in_production] if told.in_production else []
        steps.append([*POSTS, told.accounts, told.posts, told.likes, told.seed, *in_production])
    return steps


def _is_here(service: str) -> bool:
    return find_spec(f"{service}_service") is not None


if __name__ == "__main__":
    main()
