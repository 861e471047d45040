"""`python -m rookery_common.release smoke grpc|http HOST:PORT`, `canary HOST:PORT`: 1 and why where it is not well."""

from __future__ import annotations

import argparse
import sys

from rookery_common.release import canary, smoke
from rookery_common.release.problem import Problem


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m rookery_common.release")
    checks = parser.add_subparsers(dest="check", required=True, metavar="CHECK")
    smoked = checks.add_parser("smoke", help="every address of a Service answers, and says that it serves")
    smoked.add_argument("protocol", choices=("grpc", "http"))
    smoked.add_argument("target", help="host:port; the host may have many addresses")
    smoked.add_argument("--tls", default="", help="a folder with tls.crt, tls.key and ca.crt")
    smoked.add_argument("--name", default="", help="the service that the server's certificate must name")
    analysed = checks.add_parser("canary", help="the share of failed calls stays small for a while")
    analysed.add_argument("target", help="host:port of the metrics; the host may have many addresses")
    analysed.add_argument("--seconds", type=float, default=120.0, help="for how long it looks")
    analysed.add_argument("--max-error-ratio", type=float, default=0.01, help="failed calls of all calls, at most")
    analysed.add_argument("--min-calls", type=int, default=20, help="with fewer it says nothing against the version")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    try:
        if arguments.check == "canary":
            limits = canary.Limits(arguments.seconds, arguments.max_error_ratio, arguments.min_calls)
            said = canary.watch(canary.Scraper(arguments.target), limits)
        elif arguments.protocol == "grpc":
            said = smoke.grpc_service(arguments.target, arguments.tls, arguments.name)
        else:
            said = smoke.http_service(arguments.target)
    except Problem as problem:
        sys.stderr.write(f"{arguments.target}: {problem}\n")
        return 1
    sys.stdout.write(f"{arguments.target}: {said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
