"""What needs no cluster: Secrets and values from the engines' environment, windows of load, the report."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from rookery_k8s.configuration import CHARTS, Images, alone, secrets, values
from rookery_k8s.load import Load
from rookery_k8s.platform import SERVICES
from rookery_k8s.releases import merged
from rookery_k8s.report import findings_of, found, page
from rookery_k8s.scaling import _cores
from rookery_k8s.shell import Cluster, ClusterError, run

IMAGES = Images("localhost", "1", "2")


HOST = "10.0.0.7"


@pytest.fixture
def environ() -> dict[str, str]:
    """As `rookery_local env` tells it."""
    return {
        **{f"{service.upper()}_MASTER_KEY": f"key of {service}" for service in SERVICES},
        "USER_POSTGRES_DSN": f"postgresql://rookery_user:secret@{HOST}:5432/rookery_user",
        "POST_KAFKA_BOOTSTRAP": f"{HOST}:9092",
        "POST_CQL_HOSTS": HOST,
        "POST_CQL_PORT": "9042",
        "POST_CQL_PASSWORD": "secret",
        "POST_REDIS_CACHE_URL": f"redis://post:secret@{HOST}:6379/0",
        "POST_REDIS_STATE_URL": f"redis://post:secret@{HOST}:6380/0",
        "POST_S3_ENDPOINT": f"http://{HOST}:9000",
        "SEARCH_ELASTICSEARCH_URL": f"http://{HOST}:9200",
    }


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_given_to_a_service_is_what_its_chart_takes(environ: dict[str, str], service: str) -> None:
    given = alone(values(environ, IMAGES, "http://gateway"), service)
    schema = json.loads((CHARTS / service / "values.schema.json").read_text())
    assert [error.message for error in Draft202012Validator(schema).iter_errors(given)] == []


def test_a_secret_holds_the_log_ins_of_one_service(environ: dict[str, str]) -> None:
    by_name = {secret["metadata"]["name"]: secret["stringData"] for secret in secrets(environ)}
    assert sorted(by_name) == sorted(f"rookery-{service}" for service in SERVICES)
    assert by_name["rookery-user"]["postgres-dsn"] == environ["USER_POSTGRES_DSN"]
    assert "cql-password" not in by_name["rookery-user"]
    assert by_name["rookery-search"].keys() >= {"master-key", "elasticsearch-url"}


def test_people_of_the_trial_may_ask_for_more_than_people_do(environ: dict[str, str], tmp_path: Path) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_text('[classes.read]\naccount = "9/1m"\n')
    given = alone(values({**environ, "GATEWAY_LIMITS_FILE": str(limits)}, IMAGES, "http://gateway"), "gateway")
    assert given["limits"] == {"toml": limits.read_text()}
    schema = json.loads((CHARTS / "gateway/values.schema.json").read_text())
    assert [error.message for error in Draft202012Validator(schema).iter_errors(given)] == []


def test_an_environment_without_engines_is_refused() -> None:
    with pytest.raises(ClusterError, match="GATEWAY_MASTER_KEY"):
        secrets({})


def test_policies_let_the_engines_own_ports_through(environ: dict[str, str]) -> None:
    engines = values(environ, IMAGES, "http://gateway")["global"]["networkPolicy"]["engines"]
    assert {name: spec["ports"] for name, spec in engines.items()} == {
        "kafka": [9092],
        "cql": [9042],
        "postgres": [5432],
        "redis": [6379, 6380],
        "s3": [9000],
        "elasticsearch": [9200],
    }


def test_changed_values_leave_the_others_as_they_are() -> None:
    before = {"image": {"tag": "1", "registry": "localhost"}, "serve": {"replicas": 2}}
    after = merged(before, {"image": {"tag": "2"}, "enabled": False})
    assert after == {"image": {"tag": "2", "registry": "localhost"}, "serve": {"replicas": 2}, "enabled": False}
    assert before["image"] == {"tag": "1", "registry": "localhost"}


class Pod(Cluster):
    """A load pod's log, without a cluster."""

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        super().__init__("test")
        self._log = "signing up\n" + "\n".join(json.dumps(line) for line in lines)

    def kubectl(self, *words: str, given: str | None = None, seconds: float = 60) -> str:
        assert words[0] == "logs"
        return self._log


def test_a_window_counts_what_was_seen_while_it_was_open(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter((100.0, 110.0))
    monkeypatch.setattr(time, "time", lambda: next(moments))
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    seconds = [
        {"time": 99.0, "ok": 7, "failures": {"home: 503": 1}, "p99_ms": 900.0},
        {"time": 101.0, "ok": 10, "failures": {}, "p99_ms": 20.0},
        {
            "time": 109.0,
            "ok": 9,
            "failures": {'post: 503: {"error":"try again","error_description":"post did not answer."}': 2},
            "p99_ms": 40.0,
        },
        {"time": 111.0, "ok": 8, "failures": {}, "p99_ms": 10.0},
    ]
    with Load(Pod(seconds), "image", "http://gateway").watched() as window:
        pass
    assert (window.ok, window.failed, window.worst_p99_ms) == (19, 2, 40.0)
    assert str(window) == "19 requests answered in 10 s, 2 failed (2 x post: 503: post did not answer.)"


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(ClusterError, match="nothing there"):
        run(["sh", "-c", "echo nothing there >&2; exit 3"])


def test_the_report_marks_what_failed() -> None:
    text = page({"Helm": "v4"}, [found("install", "20 s | fine"), found("roll post", "3 failed", ok=False)])
    assert "| Helm | v4 |" in text
    assert "| install | run | 20 s / fine |" in text
    assert "| roll post | **failed** | 3 failed |" in text


def test_a_report_is_read_again_as_it_was_written() -> None:
    findings = [found("install", "20 s"), found("roll post", "3 failed", ok=False)]
    assert findings_of(page({"Helm": "v4"}, findings)) == findings


@pytest.mark.parametrize(("quantity", "cores"), [("12000000n", 0.012), ("1500u", 0.0015), ("250m", 0.25), ("2", 2.0)])
def test_cpu_is_read_in_each_unit_that_metrics_have(quantity: str, cores: float) -> None:
    assert _cores(quantity) == pytest.approx(cores)
