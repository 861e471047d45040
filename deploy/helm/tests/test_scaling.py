"""Who owns the number of pods, what it follows, and what bounds it."""

from __future__ import annotations

from typing import Any

import pytest
from chart_rendering import GRAPH, SERVICES, TOPICS, of_kind, one, refusal, render

CONSUMERS = [service for service in SERVICES if "consume" in GRAPH[service]["workloads"]]
SCALED: dict[str, Any] = {"serve": {"autoscaling": {"enabled": True}}}
LAG: dict[str, Any] = {"consume": {"autoscaling": {"enabled": True}}}


@pytest.mark.parametrize("service", SERVICES)
def test_a_deployment_that_an_autoscaler_owns_says_no_number(service: str) -> None:
    """Else each upgrade would take back what the autoscaler did."""
    values = {**SCALED, **(LAG if service in CONSUMERS else {})}
    objects = render(service, values)
    owned = {each["spec"]["scaleTargetRef"]["name"] for each in objects if "scaleTargetRef" in each.get("spec", {})}
    assert owned == {service, *([f"{service}-consume"] if service in CONSUMERS else [])}
    for deployment in of_kind(objects, "Deployment"):
        assert ("replicas" in deployment["spec"]) == (deployment["metadata"]["name"] not in owned)


def test_what_serves_grows_at_once_and_shrinks_a_pod_at_a_time() -> None:
    behavior = one(render("gateway", SCALED), "HorizontalPodAutoscaler", "gateway")["spec"]["behavior"]
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
    # A pod that goes has its whole grace period before the next one does.
    assert behavior["scaleDown"]["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 120}]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 600


def test_the_edge_follows_cpu_requests_in_flight_and_open_streams() -> None:
    targets = {"enabled": True, "targetInFlight": 40, "targetConnections": 5000}
    scaler = one(render("gateway", {"serve": {"autoscaling": targets}}), "HorizontalPodAutoscaler", "gateway")
    cpu, requests, streams = scaler["spec"]["metrics"]
    assert cpu["resource"]["target"]["averageUtilization"] == 70
    assert requests["pods"]["metric"]["name"] == "rookery_gateway_http_requests_in_flight"
    assert streams["pods"]["metric"]["name"] == "rookery_gateway_live_connections"
    assert streams["pods"]["target"]["averageValue"] == "5000"


@pytest.mark.parametrize("service", CONSUMERS)
def test_consumers_follow_the_lag_of_each_of_their_groups(service: str) -> None:
    wanted = {
        (each["group"], topic)
        for topic, facts in TOPICS.items()
        for each in facts["consumers"]
        if each["group"].startswith(f"{service}.")
    }
    scaled = one(render(service, LAG), "ScaledObject", f"{service}-consume")["spec"]
    triggers = [each["metadata"] for each in scaled["triggers"]]
    assert {(each["consumerGroup"], each["topic"]) for each in triggers} == wanted
    # A partition whose offset stands still must not bring pods that can't help it.
    assert {each["excludePersistentLag"] for each in triggers} == {"true"}
    # More consumers than partitions would be idle.
    assert scaled["maxReplicaCount"] <= max(TOPICS[topic]["partitions"] for _, topic in wanted)


def lag_thresholds(service: str, **autoscaling: Any) -> dict[str, str]:
    values = {"consume": {"autoscaling": {"enabled": True, **autoscaling}}}
    triggers = one(render(service, values), "ScaledObject", f"{service}-consume")["spec"]["triggers"]
    return {each["metadata"]["consumerGroup"]: each["metadata"]["lagThreshold"] for each in triggers}


def test_groups_whose_events_take_long_get_help_much_sooner() -> None:
    assert lag_thresholds("post") == {
        "post.deletions": "500",
        "post.link-cards": "100",
        "post.media": "4",
        "post.moderation-decisions": "500",
        "post.user-events": "500",
    }
    assert lag_thresholds("notification")["notification.pushes"] == "100"
    assert set(lag_thresholds("feed").values()) == {"500"}


def test_a_groups_threshold_is_a_value_of_its_own() -> None:
    changed = lag_thresholds("post", lagThreshold=50, lagThresholds={"post.media": 2, "post.deletions": 9})
    assert (changed["post.media"], changed["post.deletions"]) == ("2", "9")
    assert (changed["post.link-cards"], changed["post.user-events"]) == ("100", "50")


def test_a_threshold_of_no_group_is_refused() -> None:
    values = {"consume": {"autoscaling": {"enabled": True, "lagThresholds": {"post.medias": 4}}}}
    assert "consume.autoscaling.lagThresholds names post.medias, but the groups are post.deletions, " in refusal(
        "post", values
    )
    values["consume"]["autoscaling"]["lagThresholds"] = {"post.media": 0}
    assert "at '/consume/autoscaling/lagThresholds/post.media': minimum: got 0, want 1" in refusal("post", values)


def test_lag_is_asked_for_as_the_consumers_ask_with_their_user_and_authorities() -> None:
    kafka = {"tls": True, "caSecret": "kafka-ca", "username": "rookery-feed", "existingSecret": "kafka-feed"}
    objects = render("feed", {**LAG, "kafka": kafka})
    for trigger in one(objects, "ScaledObject", "feed-consume")["spec"]["triggers"]:
        assert trigger["authenticationRef"] == {"name": "feed-kafka"}
        assert trigger["metadata"]["sasl"] == "scram_sha512"
        assert trigger["metadata"]["tls"] == "enable"
    access = one(objects, "TriggerAuthentication", "feed-kafka")["spec"]
    assert {each["parameter"]: each["name"] for each in access["secretTargetRef"]} == {
        "password": "kafka-feed",
        "ca": "kafka-ca",
    }
    assert access["env"] == [{"parameter": "username", "name": "FEED_KAFKA_USERNAME", "containerName": "consume"}]


def test_scaling_beyond_what_the_database_allows_is_refused() -> None:
    values = {
        "serve": {"autoscaling": {"enabled": True, "maxReplicas": 12}},
        "postgres": {"connectionBudget": 100, "poolSize": 8},
    }
    # 12 + 1 that serve, 1 + 1 that consume, 1 + 1 that relay: 17 processes of 8 connections.
    assert "postgres.connectionBudget is 100, but 17 processes" in refusal("user", values)
    assert render("user", {**values, "postgres": {"connectionBudget": 136}})


def test_bounds_that_contradict_each_other_are_refused() -> None:
    values = {"serve": {"autoscaling": {"enabled": True, "minReplicas": 5, "maxReplicas": 3}}}
    assert "serve.autoscaling.minReplicas 5 is more than maxReplicas 3" in refusal("feed", values)
