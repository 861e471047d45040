"""The engines' release: small ones for trying things out, and operators' resources with what production needs."""

from __future__ import annotations

from typing import Any

import pytest
from chart_rendering import GRAPH, TOPICS, Object, of_kind, one, pod_specs, refusal, render

DEV: dict[str, Any] = {"mode": "dev", "dev": {"existingSecret": "engines"}}
OPERATORS: dict[str, Any] = {"mode": "operators", "backups": {"bucket": "rookery-backups"}}
GROUPS = {each["group"] for topic in TOPICS.values() for each in topic["consumers"]}


@pytest.fixture(scope="module")
def operators() -> list[Object]:
    return render("engines", OPERATORS)


def test_small_engines_are_as_pod_security_restricted_wants_them() -> None:
    for name, spec in pod_specs(render("engines", DEV)):
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert "memory" in container["resources"]["limits"], name


def test_each_engine_of_the_call_graph_has_a_small_one() -> None:
    kinds = {"cql": "cassandra", "redis": "redis-cache"}
    wanted = {kinds.get(engine, engine) for facts in GRAPH.values() for engine in facts["engines"]}
    made = {each["metadata"]["name"] for each in of_kind(render("engines", DEV), "StatefulSet")}
    assert made == wanted | {"redis-state"}


def test_no_image_is_bitnamis_or_moves() -> None:
    for name, spec in pod_specs(render("engines", DEV)):
        for container in spec["containers"]:
            assert "bitnami" not in container["image"], name
            assert container["image"].rpartition(":")[2] not in ("", "latest"), name


def test_an_acknowledged_event_is_on_two_brokers(operators: list[Object]) -> None:
    settings = one(operators, "Kafka", "kafka")["spec"]["kafka"]["config"]
    assert settings["default.replication.factor"] == 3
    assert settings["min.insync.replicas"] == 2
    assert settings["unclean.leader.election.enable"] is False
    assert {pool["spec"]["replicas"] for pool in of_kind(operators, "KafkaNodePool")} == {3}


def test_topics_are_those_of_the_contract_and_of_dead_letters(operators: list[Object]) -> None:
    made = {each["metadata"]["name"]: each["spec"] for each in of_kind(operators, "KafkaTopic")}
    assert made.keys() == TOPICS.keys() | {f"{group}.dlq" for group in GROUPS}
    for name, facts in TOPICS.items():
        assert made[name]["partitions"] == facts["partitions"]
        assert made[name]["config"]["retention.ms"] == facts["retention_hours"] * 3_600_000


def test_a_services_user_may_write_its_own_topics_and_read_as_its_own_groups(operators: list[Object]) -> None:
    for name, facts in TOPICS.items():
        writers = {
            user["metadata"]["name"]
            for user in of_kind(operators, "KafkaUser")
            for acl in user["spec"]["authorization"]["acls"]
            if acl["resource"]["type"] == "topic" and acl["resource"]["name"] == name and "Write" in acl["operations"]
        }
        assert writers == {f"rookery-kafka-{facts['producer']}"}
    for user in of_kind(operators, "KafkaUser"):
        service = user["metadata"]["name"].removeprefix("rookery-kafka-")
        resources = [acl["resource"] for acl in user["spec"]["authorization"]["acls"]]
        assert all(each["name"].startswith(f"{service}.") for each in resources if each["type"] == "group")


def test_each_database_has_a_synchronous_standby_and_is_backed_up(operators: list[Object]) -> None:
    clusters = of_kind(operators, "Cluster")
    wanted = {f"postgres-{service}" for service, facts in GRAPH.items() if "postgres" in facts["engines"]}
    assert {each["metadata"]["name"] for each in clusters} == wanted
    for cluster in clusters:
        assert cluster["spec"]["instances"] == 3
        assert cluster["spec"]["postgresql"]["synchronous"]["dataDurability"] == "required"
        assert one(operators, "ScheduledBackup", cluster["metadata"]["name"])


def test_scylla_has_a_rack_in_each_zone_is_repaired_and_backed_up(operators: list[Object]) -> None:
    spec = one(operators, "ScyllaCluster", "scylla")["spec"]
    assert len(spec["datacenter"]["racks"]) == 3
    assert spec["repairs"]
    assert spec["backups"][0]["location"] == ["s3:rookery-backups"]


def test_caches_evict_and_state_does_not(operators: list[Object]) -> None:
    settings = {name: one(operators, "ConfigMap", name)["data"] for name in ("redis-cache", "redis-state")}
    assert "maxmemory-policy allkeys-lfu" in settings["redis-cache"]["redis-additional.conf"]
    assert "maxmemory-policy noeviction" in settings["redis-state"]["redis-additional.conf"]


def test_what_is_missing_is_said_before_anything_is_made() -> None:
    assert "dev.existingSecret is missing" in refusal("engines", {"mode": "dev"})
    assert "backups.bucket is missing" in refusal("engines", {"mode": "operators"})


def test_a_wrong_value_is_named() -> None:
    assert "at '/mode'" in refusal("engines", {"mode": "operator"})
    assert "additional properties 'kafkas' not allowed" in refusal("engines", {"kafkas": {}})
