"""What was found, as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

RUN, SCHEMA_ONLY, FAILED = "run", "schema-checked only", "**failed**"


@dataclass(frozen=True)
class Finding:
    """One feature: whether it ran on the cluster or was only checked against schemas, and what was measured."""

    feature: str
    state: str
    figures: str

    @property
    def ok(self) -> bool:
        return self.state != FAILED


# What the trial asks of no cluster, because it needs a controller that a cluster may not have.
NOT_RUN = [
    Finding(feature, SCHEMA_ONLY, needs)
    for feature, needs in (
        ("HorizontalPodAutoscalers on requests in flight and open streams", "need a metrics adapter"),
        ("HTTPRoute, Ingress", "need a Gateway or a controller"),
        ("PodMonitors", "need the Prometheus operator"),
        ("engines by operators", "need the operators"),
    )
]


def found(feature: str, figures: str, *, ok: bool = True) -> Finding:
    """A feature that ran."""
    return Finding(feature, RUN if ok else FAILED, figures)


def page(versions: Mapping[str, str], findings: Sequence[Finding]) -> str:
    """The report in Markdown."""
    lines = [
        "# Cluster report",
        "",
        "Written by `make k8s-test` ([how](README.md)). *run*: done on the cluster below, with the figures seen;",
        "*schema-checked only*: rendered and validated against the kind's schema, not run there.",
        "",
        "| what | version |",
        "|---|---|",
        *(f"| {name} | {version} |" for name, version in versions.items()),
        "",
        "| feature | state | figures |",
        "|---|---|---|",
        *(f"| {one.feature} | {one.state} | {one.figures.replace('|', '/')} |" for one in findings),
    ]
    return "\n".join(lines) + "\n"


def findings_of(text: str) -> list[Finding]:
    """What an earlier report found: a trial of some steps keeps the others'."""
    _, _, table = text.partition("| feature | state | figures |\n|---|---|---|\n")
    return [Finding(*line.strip("| ").split(" | ")) for line in table.splitlines() if line.count(" | ") == 2]
