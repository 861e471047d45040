"""Rolling, canary and blue-green, migrations, and a service that changes hands."""

from __future__ import annotations

from typing import Any

import pytest
from chart_rendering import SERVICES, environment, of_kind, one, pod_specs, render

CANARY: dict[str, Any] = {"rollout": {"strategy": "canary", "next": {"tag": "0.2.0", "replicas": 2}}}
GREEN: dict[str, Any] = {"rollout": {"strategy": "blueGreen", "next": {"tag": "0.2.0"}}}
MIGRATING = [service for service in SERVICES if service != "gateway"]


def image(deployment: dict[str, Any]) -> str:
    tag: str = deployment["spec"]["template"]["spec"]["containers"][0]["image"].rpartition(":")[2]
    return tag


def gets_traffic(objects: list[dict[str, Any]], service: str) -> set[str]:
    """The Deployments whose pods the Service names."""
    selector = one(objects, "Service", service)["spec"]["selector"].items()
    return {
        each["metadata"]["name"]
        for each in of_kind(objects, "Deployment")
        if selector <= each["spec"]["template"]["metadata"]["labels"].items()
    }


def test_a_rolling_update_takes_no_pod_before_another_is_ready() -> None:
    strategy = one(render("post"), "Deployment", "post")["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def test_a_canary_serves_beside_the_current_version_and_is_analysed() -> None:
    objects = render("post", CANARY)
    assert gets_traffic(objects, "post") == {"post", "post-next"}
    assert image(one(objects, "Deployment", "post")) == "0.1.0"
    assert image(one(objects, "Deployment", "post-next")) == "0.2.0"
    job = one(objects, "Job", "post-analysis")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "post-install,post-upgrade"
    assert job["spec"]["backoffLimit"] == 0
    arguments = job["spec"]["template"]["spec"]["containers"][0]["args"]
    assert arguments[:2] == ["canary", "post-next.ns.svc.cluster.local:7100"]


def test_what_consumes_stays_at_the_current_version_while_a_canary_is_tried() -> None:
    assert image(one(render("post", CANARY), "Deployment", "post-consume")) == "0.1.0"


def test_a_canarys_share_at_the_edge_is_the_routes_to_say() -> None:
    rollout = {"strategy": "canary", "next": {"tag": "0.2.0", "weight": 5}}
    route = {"enabled": True, "parentRefs": [{"name": "public"}]}
    objects = render("gateway", {"rollout": rollout, "route": route})
    backends = one(objects, "HTTPRoute", "gateway")["spec"]["rules"][0]["backendRefs"]
    assert [(each["name"], each["weight"]) for each in backends] == [("gateway", 95), ("gateway-next", 5)]
    assert gets_traffic(objects, "gateway") == {"gateway"}


@pytest.mark.parametrize(("active", "serving"), [("current", "post"), ("next", "post-next")])
def test_blue_green_gives_all_traffic_to_one_version(active: str, serving: str) -> None:
    objects = render("post", {"rollout": {**GREEN["rollout"], "active": active}})
    assert gets_traffic(objects, "post") == {serving}
    assert gets_traffic(objects, "post-next") == {"post-next"}


@pytest.mark.parametrize("service", MIGRATING)
def test_a_migration_needs_nothing_of_its_own_release(service: str) -> None:
    """It runs before anything of the release is there: whatever it waited for would never come."""
    objects = render(service, {"tls": {"enabled": True, "existingSecret": "tls"}})
    hooks = {"NetworkPolicy", "Job", "Pod"}
    made = {each["metadata"]["name"] for each in objects if each["kind"] not in hooks}
    job = one(objects, "Job", f"{service}-migrate")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    spec = job["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == "default"
    assert all(volume.keys() == {"name", "emptyDir"} for volume in spec["volumes"])
    named = {each["valueFrom"]["secretKeyRef"]["name"] for each in environment(spec).values() if "valueFrom" in each}
    assert named == {f"rookery-{service}"}
    assert not named & made
    assert f"{service.upper()}_TLS_CERT_FILE" not in environment(spec)


@pytest.mark.parametrize("service", MIGRATING)
def test_a_migrations_policy_is_there_before_it(service: str) -> None:
    objects = render(service)
    policy = one(objects, "NetworkPolicy", f"{service}-migrate")["metadata"]["annotations"]
    job = one(objects, "Job", f"{service}-migrate")["metadata"]["annotations"]
    assert policy["helm.sh/hook"] == job["helm.sh/hook"]
    assert int(policy["helm.sh/hook-weight"]) < int(job["helm.sh/hook-weight"])


def test_a_migration_is_of_the_newest_version_that_is_going_to_serve() -> None:
    assert image(one(render("post", CANARY), "Job", "post-migrate")) == "0.2.0"
    assert image(one(render("post"), "Job", "post-migrate")) == "0.1.0"


def test_a_migration_may_be_a_job_of_each_version_or_left_to_the_operator() -> None:
    (job,) = of_kind(render("post", {"migrate": {"mode": "job"}}), "Job")
    assert job["metadata"]["name"].startswith("post-migrate-")
    assert "annotations" not in job["metadata"]
    assert of_kind(render("post", {"migrate": {"mode": "none"}}), "Job") == []


def test_a_service_that_is_handed_over_leaves_its_objects_behind() -> None:
    for each in render("post", {"keepOnUninstall": True}):
        annotations = each["metadata"].get("annotations", {})
        assert ("helm.sh/hook" in annotations) != (annotations.get("helm.sh/resource-policy") == "keep")


def test_certificates_name_the_service_as_callers_and_servers_know_it() -> None:
    tls = {"enabled": True, "certManager": {"enabled": True, "issuer": {"name": "rookery"}}}
    objects = render("post", {"tls": tls})
    certificate = one(objects, "Certificate", "post")["spec"]
    assert "post" in certificate["dnsNames"]
    assert certificate["uris"] == ["spiffe://rookery/post"]
    (spec,) = (spec for name, spec in pod_specs(objects) if name == "Deployment/post")
    (volume,) = (each for each in spec["volumes"] if each["name"] == "tls")
    # One volume: certificate and authorities change at once.
    assert [each["secret"]["name"] for each in volume["projected"]["sources"]] == [certificate["secretName"]] * 2
    assert environment(spec)["POST_TLS_CA_FILE"]["value"] == "/etc/rookery/tls/ca.crt"
