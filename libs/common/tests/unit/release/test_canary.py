"""A canary's analysis: which calls count, when a version is given up, and when it is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from rookery_common.release.canary import LOOK_SECONDS, Calls, Limits, count, watch
from rookery_common.release.problem import Problem

LIMITS = Limits(seconds=30, max_error_ratio=0.05, min_calls=10)


class Watch:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def run(looks: Iterator[Mapping[str, Calls]], limits: Limits = LIMITS) -> str:
    clock = Watch()
    return watch(lambda: next(looks), limits, now=clock.now, sleep=clock.sleep)


def steady(calls_a_look: int, failed_a_look: int) -> Iterator[Mapping[str, Calls]]:
    return ({"10.0.0.1:7100": Calls(n * calls_a_look, n * failed_a_look)} for n in range(100))


def test_a_version_that_answers_well_passes_and_says_what_it_saw() -> None:
    looks = int(LIMITS.seconds / LOOK_SECONDS)
    assert run(steady(100, 1)) == f"{looks} of {looks * 100} calls failed in 30 s"


def test_a_version_that_fails_too_often_is_given_up_at_once() -> None:
    with pytest.raises(Problem, match=r"10 of 100 calls failed, more than 5\.0%"):
        run(steady(100, 10))


def test_a_few_calls_say_nothing_against_a_version() -> None:
    assert run(steady(1, 1), Limits(seconds=30, max_error_ratio=0.05, min_calls=50)).startswith("6 of 6")


def test_what_failed_before_the_first_look_is_not_counted() -> None:
    looks = ({"10.0.0.1:7100": Calls(1000 + n, 900)} for n in range(100))
    assert run(looks).startswith("0 of 6")


def test_a_pod_that_restarts_is_counted_from_its_new_beginning() -> None:
    seen = [Calls(100, 0), Calls(160, 0), Calls(40, 0), Calls(50, 0)]
    assert run(({"10.0.0.1:7100": calls} for calls in seen), Limits(15, 0.05, 10)).startswith("0 of 110")


def test_pods_that_never_answer_are_given_up() -> None:
    def silence() -> Mapping[str, Calls]:
        raise Problem("no address")

    clock = Watch()
    with pytest.raises(Problem, match="no pod of the new version answered"):
        watch(silence, LIMITS, now=clock.now, sleep=clock.sleep)


def test_refusals_of_bad_input_and_of_too_much_are_no_failures() -> None:
    lines = [
        "# TYPE rookery_rpc_server_calls_total counter",
        'rookery_rpc_server_calls_total{method="/a/B",code="OK"} 5',
        'rookery_rpc_server_calls_total{method="/a/B",code="NOT_FOUND"} 4',
        'rookery_rpc_server_calls_total{method="/a/B",code="RESOURCE_EXHAUSTED"} 3',
        'rookery_rpc_server_calls_total{method="/a/B",code="INTERNAL"} 2',
    ]
    assert count("\n".join(lines) + "\n") == Calls(14, 2)


def test_the_gateway_fails_by_status() -> None:
    lines = [
        "# TYPE rookery_gateway_http_request_seconds histogram",
        'rookery_gateway_http_request_seconds_count{route="/",method="GET",status="200"} 7',
        'rookery_gateway_http_request_seconds_count{route="/",method="GET",status="404"} 2',
        'rookery_gateway_http_request_seconds_count{route="/",method="GET",status="503"} 1',
    ]
    assert count("\n".join(lines) + "\n") == Calls(10, 1)
