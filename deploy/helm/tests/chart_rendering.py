"""Charts as Helm renders them: the objects that come out, or what Helm says instead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CHARTS = Path(__file__).parents[1]
REPOSITORY = CHARTS.parents[1]
Object = dict[str, Any]


def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


GRAPH: dict[str, dict[str, list[str]]] = _load(CHARTS / "graph.yaml")
TOPICS: dict[str, Any] = _load(REPOSITORY / "protos/topics.yaml")["topics"]
SERVICES = sorted(GRAPH)
ENGINES = CHARTS / "tests/values/engines.yaml"
EVERYTHING = _load(CHARTS / "tests/values/everything.yaml")


@cache
def helm() -> Path:
    """Where `make charts-tools` builds Helm."""
    command = [sys.executable, "-m", "rookery_local.go_programs", "--path", "helm"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "deploy/local")}
    return Path(subprocess.check_output(command, env=environment, text=True).strip())  # noqa: S603 - our own command line


@cache
def _template(chart: str, values: str, files: tuple[str, ...]) -> tuple[int, str, str]:
    command = [str(helm()), "template", "rel", str(CHARTS / chart), "--namespace", "ns"]
    for file in (str(ENGINES), *files):
        command += ["--values", file]
    done = subprocess.run(  # noqa: S603 - our own command line
        [*command, "--values", "-"], input=values, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout, done.stderr


def _run(chart: str, values: Mapping[str, Any] | None, files: tuple[str, ...]) -> tuple[int, str, str]:
    own = {"existingSecret": f"rookery-{chart}"} if chart in GRAPH else {}
    return _template(chart, json.dumps({**own, **(values or {})}), files)


def render(chart: str, values: Mapping[str, Any] | None = None, *files: str) -> list[Object]:
    """The objects of a chart with the values given, over those of values/engines.yaml."""
    status, output, told = _run(chart, values, files)
    assert status == 0, told
    return [each for each in yaml.load_all(output, Loader=yaml.CSafeLoader) if each]


def refusal(chart: str, values: Mapping[str, Any] | None = None, *files: str) -> str:
    """What Helm says of values that the chart refuses."""
    status, _, told = _run(chart, values, files)
    assert status != 0, "Helm renders it"
    return told


def of_kind(objects: list[Object], kind: str, name: str = "") -> list[Object]:
    """Those of a kind, and of a name if one is given."""
    return [each for each in objects if each["kind"] == kind and name in ("", each["metadata"]["name"])]


def one(objects: list[Object], kind: str, name: str) -> Object:
    """The one object of that kind and name."""
    found = of_kind(objects, kind, name)
    assert len(found) == 1, f"{len(found)} of {kind} {name}: {[each['metadata']['name'] for each in objects]}"
    return found[0]


def pod_specs(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Each pod's name and specification, wherever it stands."""
    for each in objects:
        name = f"{each['kind']}/{each['metadata']['name']}"
        if each["kind"] == "Pod":
            yield name, each["spec"]
        elif each["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield name, each["spec"]["template"]["spec"]
        elif each["kind"] == "CronJob":
            yield name, each["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def environment(spec: Object) -> dict[str, Object]:
    """The variables of a pod's only container, by name."""
    return {each["name"]: each for each in spec["containers"][0].get("env", [])}
