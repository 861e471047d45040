"""What is generated of the charts follows values, settings and the call graph; what nobody described is refused."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def charts() -> ModuleType:
    spec = importlib.util.spec_from_file_location("charts", Path(__file__).parents[2] / "scripts/charts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _chart(folder: Path, values: str) -> Path:
    (folder / "values.yaml").write_text(values)
    return folder


def test_a_value_is_listed_with_its_comment_and_default(charts: ModuleType, tmp_path: Path) -> None:
    chart = _chart(
        tmp_path, "serve:\n  # -- Pods\n  replicas: 2\n  # -- Of a pod\n  resources:\n    requests: {cpu: 1}\n"
    )
    assert list(charts.value_rows(chart)) == [
        ("serve.replicas", "2", "Pods"),
        ("serve.resources", '{"requests": {"cpu": 1}}', "Of a pod"),
    ]


def test_a_value_without_a_comment_is_refused(charts: ModuleType, tmp_path: Path) -> None:
    chart = _chart(tmp_path, "# -- Pods\nreplicas: 2\nserve:\n  port: 1\n")
    with pytest.raises(charts.Undescribed, match=r"no `# --` comment before serve\.port"):
        list(charts.value_rows(chart))


def test_a_value_that_the_schema_does_not_know_is_refused(charts: ModuleType) -> None:
    with pytest.raises(charts.Undescribed, match="values without a schema: colour"):
        charts.part({"properties": {"size": {}}}, {"size": 1, "colour": "red"})


def test_a_schema_names_the_values_that_a_chart_has_and_no_others(charts: ModuleType) -> None:
    source: dict[str, Any] = {"properties": {"size": {"type": "integer"}, "colour": {"type": "string"}}}
    assert charts.part(source, {"size": 1}) == {
        "type": "object",
        "additionalProperties": False,
        "properties": {"size": {"type": "integer"}},
    }


def test_a_chart_learns_who_calls_it_and_which_groups_it_has(charts: ModuleType) -> None:
    graph = {"a": {"calls": ["b"]}, "b": {"calls": []}}
    topics = {"a.events.v1": {"consumers": [{"group": "b.a-events"}, {"group": "c.a-events"}]}}
    text = charts.graph_part("b", graph, topics)
    assert "calledBy:\n- a\n" in text
    assert "group: b.a-events" in text
    assert "c.a-events" not in text


def test_secrets_are_no_plain_settings(charts: ModuleType) -> None:
    plain, secret = charts.service_settings("user", ".*_address|.*_target|service")
    assert "masterKey" in secret
    assert "masterKey" not in plain
    assert plain["logLevel"]["type"] == "string"
