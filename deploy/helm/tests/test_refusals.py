"""Bad values: Helm refuses them and says which, and what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart_rendering import CHARTS, SERVICES, environment, one, refusal, render


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"serve": {"replicas": "two"}}, "at '/serve/replicas': got string, want integer"),
        ({"serve": {"replica": 2}}, "at '/serve': additional properties 'replica' not allowed"),
        ({"settings": {"imageWorkers": 0}}, "at '/settings/imageWorkers': minimum: got 0, want 1"),
        ({"settings": {"imageWorker": 2}}, "additional properties 'imageWorker' not allowed"),
        ({"settings": {"masterKey": "x"}}, "additional properties 'masterKey' not allowed"),
        ({"image": {"digest": "latest"}}, "at '/image/digest'"),
        ({"kafka": {"bootstrapServers": "kafka"}}, "at '/kafka/bootstrapServers'"),
        ({"rollout": {"strategy": "bluegreen"}}, "at '/rollout/strategy'"),
        ({"global": {"kafkas": {}}}, "additional properties 'kafkas' not allowed"),
    ],
    ids=str,
)
def test_a_wrong_value_is_named(values: dict[str, Any], told: str) -> None:
    assert told in refusal("post", values)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("replicaCount", "serve.replicas"),
        ("resources", "serve.resources"),
        ("autoscaling", "serve.autoscaling"),
        ("env", "settings"),
        ("httpRoute", "route"),
    ],
)
def test_a_value_that_has_another_name_now_is_refused_with_it(old: str, new: str) -> None:
    assert f"{old} is now {new}" in refusal("gateway", {old: {}})


@pytest.mark.parametrize("service", SERVICES)
def test_a_missing_secret_is_named_with_the_keys_that_it_needs(service: str) -> None:
    told = refusal(service, {"existingSecret": ""})
    assert "existingSecret is missing: the Secret that holds" in told
    assert f"kubectl -n ns create secret generic rookery-{service} " in told
    assert "--from-literal=master-key=…" in told


def test_all_that_is_missing_is_said_at_once() -> None:
    values = {
        "existingSecret": "",
        "global": {"kafka": {"bootstrapServers": ""}, "cql": {"hosts": []}, "s3": {"endpoint": ""}},
        "tls": {"enabled": True},
        "rollout": {"strategy": "canary"},
    }
    told = refusal("post", values)
    missing = ["existingSecret is missing", "kafka.bootstrapServers", "cql.hosts", "s3.endpoint"]
    for what in [*missing, "tls.enabled needs tls.existingSecret", "rollout.next.tag"]:
        assert what in told


def test_a_drain_that_does_not_fit_into_the_grace_period_is_refused() -> None:
    told = refusal("post", {"serve": {"drainSeconds": 50}})
    assert "serve.terminationGracePeriodSeconds is 60, but to drain takes 75" in told


def test_no_password_is_made_and_no_cluster_is_asked_by_a_template() -> None:
    """What is made anew changes at each upgrade; what is looked up is not there where GitOps renders."""
    forbidden = re.compile(r"\b(lookup|rand\w+|uuidv4|now|gen(PrivateKey|CA|SelfSignedCert|SignedCert)\w*)\b")
    templates = [*CHARTS.glob("*/templates/**/*.tpl"), *CHARTS.glob("*/templates/**/*.yaml")]
    assert len(templates) > len(SERVICES)
    for path in templates:
        for action in re.findall(r"{{-?(?!-?\s*/\*).*?}}", path.read_text(encoding="utf-8"), flags=re.DOTALL):
            assert not forbidden.search(re.sub(r'"[^"]*"', "", action)), f"{path}: {action}"


def test_names_of_the_librarys_templates_carry_its_major_version() -> None:
    """Two versions of a library in one release overwrite each other's templates unless their names differ."""
    library = yaml.safe_load((CHARTS / "common/Chart.yaml").read_text(encoding="utf-8"))
    prefix = f"platform.v{library['version'].partition('.')[0]}."
    for path in CHARTS.glob("common/templates/*.tpl"):
        for name in re.findall(r'define "([^"]+)"', path.read_text(encoding="utf-8")):
            assert name.startswith(prefix), f"{path}: {name}"


@pytest.mark.parametrize("chart", [*SERVICES, "platform"])
def test_dependencies_are_links_inside_the_repository(chart: str) -> None:
    facts = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text(encoding="utf-8"))
    for dependency in facts["dependencies"]:
        link = CHARTS / chart / "charts" / dependency["name"]
        assert link.readlink() == Path("../..") / dependency["name"]
        assert dependency["repository"] == ""


def test_the_umbrella_makes_each_service_once_and_what_is_switched_off_not_at_all() -> None:
    objects = render("platform", {"search": {"enabled": False}})
    serving = {
        each["metadata"]["name"]
        for each in objects
        if each["kind"] == "Deployment" and each["metadata"]["labels"]["app.kubernetes.io/component"] == "serve"
    }
    assert serving == set(SERVICES) - {"search"}


def test_what_a_service_says_counts_more_than_what_all_are_told() -> None:
    values = {"global": {"cql": {"port": 9142}}, "feed": {"cql": {"port": 9242}}}
    objects = render("platform", values)
    ports = {
        service: environment(one(objects, "Deployment", service)["spec"]["template"]["spec"])[variable]["value"]
        for service, variable in (("feed", "FEED_CQL_PORT"), ("post", "POST_CQL_PORT"))
    }
    assert ports == {"feed": "9242", "post": "9142"}
