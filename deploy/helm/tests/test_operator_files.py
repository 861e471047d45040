"""Files of the operator's: from the values into a ConfigMap, which the processes are told of and read again."""

from __future__ import annotations

import pytest
from chart_rendering import environment, of_kind, one, pod_specs, render

FILES = {
    "limits": '[classes.read]\naccount = "700/1m"\n',
    "texts": '[[privacy_policy]]\nsince = 2026-01-01\nmarkdown = "x"\n',
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_values_is_mounted_whole_and_named(name: str) -> None:
    objects = render("gateway", {name: {"toml": FILES[name]}})
    assert one(objects, "ConfigMap", f"gateway-{name}")["data"] == {f"{name}.toml": FILES[name]}
    [(_, spec)] = list(pod_specs(of_kind(objects, "Deployment")))
    assert environment(spec)[f"GATEWAY_{name.upper()}_FILE"]["value"] == f"/etc/rookery/{name}/{name}.toml"
    [mount] = [each for each in spec["containers"][0]["volumeMounts"] if each["name"] == name]
    # Of the folder: the kubelet does not renew a file that is mounted by itself.
    assert (mount["mountPath"], "subPath" in mount) == (f"/etc/rookery/{name}", False)


@pytest.mark.parametrize("name", FILES)
def test_a_map_that_the_operator_has_is_taken_instead(name: str) -> None:
    objects = render("gateway", {name: {"existingConfigMap": "ours"}})
    assert of_kind(objects, "ConfigMap", f"gateway-{name}") == []
    [(_, spec)] = list(pod_specs(of_kind(objects, "Deployment")))
    [volume] = [each for each in spec["volumes"] if each["name"] == name]
    assert volume["configMap"]["name"] == "ours"


@pytest.mark.parametrize("name", FILES)
def test_without_one_the_gateway_keeps_to_its_own(name: str) -> None:
    [(_, spec)] = list(pod_specs(of_kind(render("gateway"), "Deployment")))
    assert f"GATEWAY_{name.upper()}_FILE" not in environment(spec)
