"""Ports: the table, overrides, collisions, free ones."""

import socket

import pytest
from rookery_local.errors import LocalError
from rookery_local.ports import (
    HOST,
    configured_host,
    configured_ports,
    default_ports,
    refuse_taken,
    reserved_free_ports,
)


def test_the_table_is_the_documented_one() -> None:
    ports = default_ports()
    assert (ports["gateway"], ports["auth"], ports["moderation"]) == (8080, 7001, 7009)
    assert (ports["gateway_health"], ports["moderation_health"]) == (7100, 7109)
    assert (ports["redis_cache"], ports["redis_state"], ports["cassandra_storage"]) == (6379, 6380, 7000)
    assert len(set(ports.values())) == len(ports)


def test_a_variable_moves_a_port() -> None:
    assert configured_ports({"ROOKERY_PORT_GATEWAY": "18080"})["gateway"] == 18080


@pytest.mark.parametrize("value", ["", "x", "0", "65536", "-1"])
def test_nonsense_is_no_port(value: str) -> None:
    with pytest.raises(LocalError, match="ROOKERY_PORT_KAFKA"):
        configured_ports({"ROOKERY_PORT_KAFKA": value})


def test_two_processes_cannot_have_one_port() -> None:
    with pytest.raises(LocalError, match="ROOKERY_PORT_S3"):
        configured_ports({"ROOKERY_PORT_S3": "8080"})


def test_a_taken_port_is_named_with_the_variable_that_moves_it() -> None:
    with socket.socket() as server:
        server.bind((HOST, 0))
        server.listen()
        port = server.getsockname()[1]
        with pytest.raises(LocalError, match=f"port {port} of postgres.*ROOKERY_PORT_POSTGRES"):
            refuse_taken({"postgres": port}, ["postgres"])


def test_throw_away_instances_at_one_time_share_no_port() -> None:
    with reserved_free_ports() as first, reserved_free_ports() as second:
        assert first.keys() == default_ports().keys()
        assert not set(first.values()) & set(second.values())


def test_every_process_listens_on_loopback_unless_a_private_address_is_named() -> None:
    assert configured_host({}) == "127.0.0.1"
    assert configured_host({"ROOKERY_HOST": "10.0.0.7"}) == "10.0.0.7"


@pytest.mark.parametrize("value", ["", "node1", "0.0.0.0", "8.8.8.8", "::1"])  # noqa: S104 - it is refused
def test_no_process_listens_where_anyone_could_reach_it(value: str) -> None:
    with pytest.raises(LocalError, match="ROOKERY_HOST"):
        configured_host({"ROOKERY_HOST": value})
