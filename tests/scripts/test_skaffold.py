"""What skaffold would find: every module's artifacts, contexts, charts and value files exist and agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema_rs import Draft202012Validator

ROOT = Path(__file__).parents[2]
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/pyproject.toml"))
VERSION = "skaffold/v4beta13"
PROFILES = ("kind", "prod")


def config(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    assert (document["apiVersion"], document["kind"]) == (VERSION, "Config")
    return document


def module(service: str) -> dict[str, Any]:
    return config(ROOT / "services" / service / "skaffold.yaml")


def patched(document: dict[str, Any], profile: str) -> dict[str, Any]:
    """The configuration with a profile's patches, each of which must replace what is there."""
    document = json.loads(json.dumps(document))
    for patch in next(one for one in document["profiles"] if one["name"] == profile)["patches"]:
        *way, last = patch["path"].strip("/").split("/")
        place: Any = document
        for step in way:
            place = place[int(step) if isinstance(place, list) else step]
        key = int(last) if isinstance(place, list) else last
        assert patch["op"] == "replace"
        assert isinstance(place, list) or key in place
        place[key] = patch["value"]
    return document


def test_the_root_composes_a_module_of_every_service() -> None:
    root = config(ROOT / "skaffold.yaml")
    modules = {require["configs"][0]: require for require in root["requires"]}
    assert sorted(modules) == SERVICES
    for service, require in modules.items():
        assert require["path"] == f"services/{service}/skaffold.yaml"
        assert module(service)["metadata"]["name"] == service
        assert [profile["name"] for profile in require["activeProfiles"]] == list(PROFILES)
    assert {profile["name"] for profile in root["profiles"]} == {"dev", *PROFILES}


@pytest.mark.parametrize("service", SERVICES)
def test_a_modules_image_is_built_from_the_dockerfile_of_its_service(service: str) -> None:
    (artifact,) = module(service)["build"]["artifacts"]
    context = (ROOT / "services" / service / artifact["context"]).resolve()
    assert context == ROOT
    assert artifact["image"] == f"rookery/{service}"
    dockerfile = context / artifact["docker"]["dockerfile"]
    assert dockerfile == ROOT / "services" / service / "Dockerfile"
    assert f'ENTRYPOINT ["python", "-m", "{service}_service"]' in dockerfile.read_text()


@pytest.mark.parametrize("service", SERVICES)
def test_the_dockerfiles_differ_in_nothing_but_the_service(service: str) -> None:
    of_post = (ROOT / "services/post/Dockerfile").read_text()
    expected = of_post.replace("services/post", f"services/{service}").replace("post_service", f"{service}_service")
    assert (ROOT / "services" / service / "Dockerfile").read_text() == expected.replace(
        "image of post", f"image of {service}"
    )


@pytest.mark.parametrize("profile", [None, *PROFILES])
@pytest.mark.parametrize("service", SERVICES)
def test_a_modules_release_is_accepted_by_its_chart(service: str, profile: str | None) -> None:
    document = module(service) if profile is None else patched(module(service), profile)
    (release,) = document["deploy"]["helm"]["releases"]
    chart = (ROOT / "services" / service / release["chartPath"]).resolve()
    assert yaml.safe_load((chart / "Chart.yaml").read_text())["name"] == release["name"] == service
    image = f"rookery_{service}"
    assert release["setValueTemplates"] == {
        "image.repository": f"{{{{.IMAGE_REPO_{image}}}}}",
        "image.tag": f"{{{{.IMAGE_TAG_{image}}}}}",
    }
    (values,) = [(ROOT / "services" / service / path).resolve() for path in release["valuesFiles"]]
    assert values.name == f"{profile or 'dev'}.yaml"
    schema = json.loads((chart / "values.schema.json").read_text())
    given = yaml.safe_load(values.read_text()) | release["setValues"]
    assert [error.message for error in Draft202012Validator(schema).iter_errors(given)] == []


@pytest.mark.parametrize("profile", PROFILES)
def test_images_are_pushed_to_real_clusters_alone(profile: str) -> None:
    assert patched(module("post"), profile)["build"]["local"]["push"] is (profile == "prod")
