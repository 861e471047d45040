"""The call graph that charts are made of is the one in the code: clients, ALLOWED_CALLERS, consumers, producers."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import pytest
from chart_rendering import GRAPH, SERVICES, TOPICS, Object, one, render

CALLED = [service for service in SERVICES if service != "gateway"]
FIELDS_OF = {
    "postgres": "postgres_dsn",
    "cql": "cql_keyspace",
    "redis": "redis_cache_url",
    "s3": "s3_bucket",
    "elasticsearch": "elasticsearch_url",
    "kafka": "kafka_bootstrap",
}


def _settings(service: str) -> Any:
    return importlib.import_module(f"{service}_service.config").Settings.model_fields


def _callers(service: str) -> Mapping[str, frozenset[str]]:
    """By RPC."""
    # All of them, where they are several servicers'; of post apart from what a relay needs.
    for module in ("app.serving",) if service == "post" else ("app", "servicer"):
        callers = getattr(importlib.import_module(f"{service}_service.{module}"), "ALLOWED_CALLERS", None)
        if isinstance(callers, Mapping):
            return callers
    raise AssertionError(f"{service} has no ALLOWED_CALLERS")


def _allowed(service: str) -> frozenset[str]:
    return frozenset().union(*_callers(service).values())


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_calls_those_that_it_has_clients_for(service: str) -> None:
    targets = {name.removesuffix("_target") for name in _settings(service) if name.endswith("_target")}
    assert set(GRAPH[service]["calls"]) == targets


@pytest.mark.parametrize("service", CALLED)
def test_a_service_lets_its_callers_in(service: str) -> None:
    callers = {caller for caller, facts in GRAPH.items() if service in facts["calls"]}
    assert callers <= _allowed(service)


def test_user_asks_everyone_who_keeps_something_of_accounts_to_erase_it() -> None:
    assert set(GRAPH["user"]["calls"]) == {service for service in CALLED if "EraseAccount" in _callers(service)}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reaches_the_engines_that_it_has_settings_for(service: str) -> None:
    fields = _settings(service)
    assert set(GRAPH[service]["engines"]) == {engine for engine, field in FIELDS_OF.items() if field in fields}


@pytest.mark.parametrize("service", SERVICES)
def test_who_has_consumers_consumes_and_who_has_an_outbox_relays(service: str) -> None:
    consumes = {each["group"].split(".")[0] for topic in TOPICS.values() for each in topic["consumers"]}
    # These two have no outbox: what they publish they publish again, or may lose.
    produces = {topic["producer"] for topic in TOPICS.values()} - {"feed", "gateway", "notification"}
    wanted = [name for name, found in (("consume", service in consumes), ("relay", service in produces)) if found]
    assert [name for name in GRAPH[service]["workloads"] if name in wanted] == wanted
    if "consume" in GRAPH[service]["workloads"]:
        assert service in consumes


def _peers(rule: Object, side: str) -> list[str]:
    return [peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for peer in rule.get(side, [])]


def _edges(policy: Object, direction: str, side: str) -> set[str]:
    """The other services that a policy lets through to or from the port of calls."""
    found: set[str] = set()
    for rule in policy["spec"][direction]:
        if rule["ports"] == [{"protocol": "TCP", "port": 7000}]:
            found.update(_peers(rule, side))
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_a_policy_denies_all_but_the_edges_of_the_call_graph(service: str) -> None:
    policy = one(render(service), "NetworkPolicy", service)
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert _edges(policy, "egress", "to") == set(GRAPH[service]["calls"])
    if service != "gateway":
        assert _edges(policy, "ingress", "from") == {each for each in SERVICES if service in GRAPH[each]["calls"]}


@pytest.mark.parametrize("service", SERVICES)
def test_a_policy_lets_a_service_reach_its_own_engines_and_names_and_nothing_else(service: str) -> None:
    policy = one(render(service), "NetworkPolicy", service)
    usual = {"kafka": 9092, "postgres": 5432, "cql": 9042, "redis": 6379, "s3": 443, "elasticsearch": 9200}
    anywhere = [port["port"] for rule in policy["spec"]["egress"] if "to" not in rule for port in rule["ports"]]
    assert sorted(anywhere) == sorted(usual[engine] for engine in GRAPH[service]["engines"])


def test_an_engine_may_be_narrowed_to_a_place() -> None:
    place = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "data"}}}]
    values = {"networkPolicy": {"engines": {"kafka": {"ports": [9093], "to": place}}}}
    policy = one(render("search", values), "NetworkPolicy", "search")
    assert {"ports": [{"protocol": "TCP", "port": 9093}], "to": place} in policy["spec"]["egress"]


@pytest.mark.parametrize("service", SERVICES)
def test_who_asks_addresses_that_people_name_reaches_public_ones_alone(service: str) -> None:
    asks = "web_networks" in _settings(service)
    assert GRAPH[service].get("web", False) == asks
    values = {"settings": {"webNetworks": "10.1.0.0/16, fd00::/8"}} if asks else {}
    policy = one(render(service, values), "NetworkPolicy", service)
    blocks = [peer["ipBlock"] for rule in policy["spec"]["egress"] for peer in rule.get("to", []) if "ipBlock" in peer]
    assert [block["cidr"] for block in blocks] == (["0.0.0.0/0", "2000::/3", "10.1.0.0/16", "fd00::/8"] if asks else [])
    for private in ("10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"):
        assert not asks or private in blocks[0]["except"]


@pytest.mark.parametrize("service", CALLED)
def test_callers_look_up_all_replicas(service: str) -> None:
    assert one(render(service), "Service", service)["spec"]["clusterIP"] == "None"
