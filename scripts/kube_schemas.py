"""Makes deploy/helm/schemas: by them `make check` judges what charts render, as Kubernetes and operators would.

    kube_schemas.py SOURCES     a folder with swagger.json (Kubernetes' api/openapi-spec) and *.yaml (operators' CRDs)

Only kinds that the charts use are kept, strict (no unknown fields) and without descriptions. Run when one moves to
a new version; deploy/helm/schemas/README.md says where each comes from.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

OUT = Path("deploy/helm/schemas")
# Kind and API version, as kubeconform names files: {{.ResourceKind}}{{.KindSuffix}}.json
CORE = {
    "ConfigMap/v1",
    "Service/v1",
    "ServiceAccount/v1",
    "Pod/v1",
    "Secret/v1",
    "PersistentVolumeClaim/v1",
    "Deployment/apps/v1",
    "StatefulSet/apps/v1",
    "Job/batch/v1",
    "CronJob/batch/v1",
    "HorizontalPodAutoscaler/autoscaling/v2",
    "PodDisruptionBudget/policy/v1",
    "NetworkPolicy/networking.k8s.io/v1",
    "Ingress/networking.k8s.io/v1",
    "PriorityClass/scheduling.k8s.io/v1",
}
DROPPED = {"default", "description", "example", "externalDocs", "title"}
INT_OR_STRING = {"oneOf": [{"type": "string"}, {"type": "integer"}]}
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
METADATA = {"type": "object"}


def core_schemas(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of Kubernetes' own kinds, each whole in itself."""
    definitions = {name: strict(schema) for name, schema in document["definitions"].items()}
    definitions[QUANTITY] = {"oneOf": [{"type": "string"}, {"type": "number"}]}
    for schema in definitions.values():
        kinds = schema.pop("x-kubernetes-group-version-kind", [])
        if len(kinds) != 1:
            continue
        kind = "/".join(part for part in (kinds[0]["kind"], kinds[0]["group"], kinds[0]["version"]) if part)
        if kind in CORE:
            used = {name: definitions[name] for name in sorted(references(schema, definitions))}
            yield file_name(kinds[0]["kind"], kinds[0]["group"], kinds[0]["version"]), {**schema, "definitions": used}


def custom_schemas(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of the kinds of a CRD file, each in the version that is stored."""
    for crd in yaml.safe_load_all(text):
        if not crd or crd.get("kind") != "CustomResourceDefinition":
            continue
        spec = crd["spec"]
        for version in spec["versions"]:
            if not version["storage"]:
                continue
            schema = strict(version["schema"]["openAPIV3Schema"])
            schema["properties"].pop("status", None)
            schema["properties"] |= {"metadata": METADATA, "apiVersion": {"type": "string"}, "kind": {"type": "string"}}
            yield file_name(spec["names"]["kind"], spec["group"], version["name"]), schema


def strict(node: Any) -> Any:
    """Without what only people read, and closed against fields that nobody knows."""
    if isinstance(node, list):
        return [strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("x-kubernetes-int-or-string") is True or node.get("format") == "int-or-string":
        return dict(INT_OR_STRING)
    kept = {
        key: {name: strict(each) for name, each in value.items()} if key == "properties" else strict(value)
        for key, value in node.items()
        if not (key in DROPPED and not isinstance(value, dict))
        and (not key.startswith("x-kubernetes-") or key == "x-kubernetes-group-version-kind")
    }
    open_ended = node.get("x-kubernetes-preserve-unknown-fields") is True
    if isinstance(kept.get("properties"), dict) and "additionalProperties" not in kept and not open_ended:
        kept["additionalProperties"] = False
    if node.get("nullable") is True and isinstance(kept.get("type"), str):
        kept["type"] = [kept["type"], "null"]
    return kept


def references(node: Any, definitions: Mapping[str, Any], seen: set[str] | None = None) -> set[str]:
    """The definitions that a schema leads to."""
    found = set() if seen is None else seen
    if isinstance(node, dict):
        name = node.get("$ref", "").rpartition("/")[2] if isinstance(node.get("$ref"), str) else ""
        if name and name not in found:
            found.add(name)
            references(definitions[name], definitions, found)
        for value in node.values():
            references(value, definitions, found)
    elif isinstance(node, list):
        for value in node:
            references(value, definitions, found)
    return found


def file_name(kind: str, group: str, version: str) -> str:
    return "-".join(part for part in (kind.lower(), group.split(".")[0], version) if part) + ".json"


def main(arguments: list[str]) -> str | None:
    if len(arguments) != 1 or not (folder := Path(arguments[0])).is_dir():
        return __doc__
    schemas = dict(core_schemas(json.loads((folder / "swagger.json").read_text(encoding="utf-8"))))
    for file in sorted(folder.glob("*.yaml")):
        schemas |= custom_schemas(file.read_text(encoding="utf-8"))
    OUT.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas.items():
        (OUT / name).write_text(json.dumps(schema, separators=(",", ":"), sort_keys=True) + "\n", encoding="utf-8")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
