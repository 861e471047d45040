"""Every pod that any chart makes, with the defaults and with everything switched on."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from chart_rendering import EVERYTHING, SERVICES, Object, environment, of_kind, pod_specs, render

CASES: dict[str, dict[str, Any]] = {"defaults": {}, "everything": EVERYTHING}


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=CASES)
def objects(request: pytest.FixtureRequest, service: str) -> list[Object]:
    return render(service, CASES[request.param])


def test_a_pod_is_as_pod_security_restricted_wants_it(objects: list[Object]) -> None:
    for name, spec in pod_specs(objects):
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        assert all({"emptyDir", "configMap", "projected"} & volume.keys() for volume in spec["volumes"]), name
        for container in spec["containers"]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False, name
            assert security["readOnlyRootFilesystem"] is True, name
            assert security["capabilities"] == {"drop": ["ALL"]}, name


def test_a_pod_asks_for_what_it_needs_and_has_a_bound_of_memory(objects: list[Object]) -> None:
    for name, spec in pod_specs(objects):
        for container in spec["containers"]:
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
            assert "memory" in container["resources"]["limits"], name


def test_a_map_that_a_pod_mounts_is_made_beside_it(objects: list[Object]) -> None:
    made = {each["metadata"]["name"] for each in of_kind(objects, "ConfigMap")}
    for name, spec in pod_specs(objects):
        mounted = {volume["configMap"]["name"] for volume in spec["volumes"] if "configMap" in volume}
        assert mounted <= made, name


def test_no_variable_comes_twice(objects: list[Object]) -> None:
    for name, spec in pod_specs(objects):
        for container in spec["containers"]:
            names = [each["name"] for each in container.get("env", [])]
            assert len(names) == len(set(names)), name


def test_a_variable_is_a_setting_that_the_service_has_and_none_is_missing(service: str) -> None:
    """A misspelt one would be ignored; a required one that is not given stops the process."""
    fields = importlib.import_module(f"{service}_service.config").Settings.model_fields
    settings = {f"{service.upper()}_{name.upper()}" for name in fields}
    required = {f"{service.upper()}_{name.upper()}" for name, field in fields.items() if field.is_required()}
    for values in CASES.values():
        for name, spec in pod_specs(render(service, values)):
            given = environment(spec).keys() - {"EXTRA", "EXTRA_SECRET"}
            if spec["containers"][0]["name"] != "check":
                assert given <= settings, f"{name}: {sorted(given - settings)}"
                assert required <= given, f"{name}: {sorted(required - given)}"


def test_secrets_come_by_reference_alone(objects: list[Object]) -> None:
    assert of_kind(objects, "Secret") == []
    for name, spec in pod_specs(objects):
        for variable, each in environment(spec).items():
            if variable.endswith(("_KEY", "_PASSWORD", "_DSN", "_CACHE_URL", "_STATE_URL")):
                assert "secretKeyRef" in each["valueFrom"], f"{name}: {variable}"


def test_a_process_is_asked_whether_it_started_is_ready_and_lives(objects: list[Object]) -> None:
    for deployment in of_kind(objects, "Deployment"):
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        assert container["startupProbe"]["httpGet"]["path"] == "/startupz"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        # Not readiness: another system's trouble must restart nobody.
        liveness = container["livenessProbe"]
        assert "grpc" in liveness or liveness["httpGet"]["path"] == "/livez"


def test_what_serves_drains_before_it_is_killed(service: str) -> None:
    spec = of_kind(render(service), "Deployment", service)[0]["spec"]["template"]["spec"]
    variables = environment(spec)
    drain = float(variables[f"{service.upper()}_DRAIN_SECONDS"]["value"])
    stop = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert drain > 0
    assert spec["terminationGracePeriodSeconds"] >= stop + drain + 20


def test_pods_spread_over_zones_and_nodes_and_go_one_at_a_time(objects: list[Object]) -> None:
    budgets = [each["spec"] for each in of_kind(objects, "PodDisruptionBudget")]
    for deployment in of_kind(objects, "Deployment"):
        spec = deployment["spec"]["template"]["spec"]
        keys = [each["topologyKey"] for each in spec["topologySpreadConstraints"]]
        assert keys == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
        labels = deployment["spec"]["template"]["metadata"]["labels"].items()
        guards = [each for each in budgets if each["selector"]["matchLabels"].items() <= labels]
        assert [each["maxUnavailable"] for each in guards] == [1]


def test_a_selector_names_no_release_so_that_a_service_can_change_hands(objects: list[Object]) -> None:
    for deployment in of_kind(objects, "Deployment"):
        selector = deployment["spec"]["selector"]["matchLabels"]
        assert "rel" not in selector.values()
        assert selector.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()


def test_an_image_has_a_version(objects: list[Object]) -> None:
    for name, spec in pod_specs(objects):
        for container in spec["containers"]:
            assert "@sha256:" in container["image"] or container["image"].rpartition(":")[2][0].isdigit(), name
