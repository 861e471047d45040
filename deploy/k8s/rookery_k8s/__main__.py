"""`python -m rookery_k8s REPORT`: installs the platform on the cluster of kubectl, tries everything, and reports."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rookery_k8s import gateway, resilience, scaling
from rookery_k8s.capacity import capacity
from rookery_k8s.certificates import mtls
from rookery_k8s.configuration import Images, secrets, values
from rookery_k8s.flows import flows
from rookery_k8s.load import Load
from rookery_k8s.platform import Platform
from rookery_k8s.refusals import refusals
from rookery_k8s.releases import Releases
from rookery_k8s.report import FAILED, NOT_RUN, Finding, findings_of, page
from rookery_k8s.shell import Cluster, ClusterError, run

UNDER_LOAD = {
    "capacity",
    "scale",
    "autoscale",
    "lag",
    "drain",
    "kill",
    "roll",
    "hand over",
    "upgrade alone",
    "canary",
    "aborted canary",
    "blue-green",
    "mtls",
}
Step = Callable[[], Finding | Sequence[Finding]]


class Trial:
    """Steps one after another; one that can't be done is a failed finding, and the next is tried."""

    def __init__(self, report: Path, about: Mapping[str, str], only: Collection[str]) -> None:
        self.findings: list[Finding] = []
        self._before = findings_of(report.read_text()) if only and report.exists() else []
        self._report = report
        self._about = about
        self._only = only

    def step(self, name: str, do: Step) -> None:
        """Does it, says what came of it, and writes the report as far as it goes."""
        if self._only and name not in self._only:
            return
        started = time.monotonic()
        try:
            result = do()
            new = [result] if isinstance(result, Finding) else list(result)
        except ClusterError as error:
            new = [Finding(name, FAILED, str(error).replace("\n", " ")[:300])]
        for finding in new:
            say(f"{finding.state:<12} {finding.feature}: {finding.figures}")
        say(f"{'':<12} ({name}: {time.monotonic() - started:.0f} s)")
        self.findings += new
        tried = {finding.feature for finding in self.findings}
        kept = [finding for finding in self._before if finding.feature not in tried]
        self._report.write_text(page(self._about, kept + self.findings))


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def versions(cluster: Cluster) -> dict[str, str]:
    """What the figures hold for."""
    server = json.loads(run(["kubectl", "version", "--output", "json"]))["serverVersion"]["gitVersion"]
    nodes = [item["status"]["nodeInfo"] for item in cluster.get("nodes")]
    engines = {f"{node['containerRuntimeVersion']}, kernel {node['kernelVersion']}" for node in nodes}
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": run(["git", "describe", "--always", "--dirty", "--exclude", "*"]).strip(),
        "Kubernetes": f"{server}, {len(nodes)} node(s), {', '.join(sorted(engines))}",
        "node's CPUs": ", ".join(str(item["status"]["capacity"]["cpu"]) for item in cluster.get("nodes")),
        "Helm": run(["helm", "version", "--short"]).strip(),
        "circumstances": os.environ.get("K8S_NOTE", "-"),
    }


def main(report: Path) -> int:
    environ = os.environ
    cluster = Cluster(environ.get("K8S_NAMESPACE", "rookery"))
    images = Images(environ.get("IMAGES_REGISTRY", "localhost"), environ["IMAGE_TAG"], environ["IMAGE_NEXT_TAG"])
    only = {name.strip() for name in environ.get("K8S_ONLY", "").split(",")} - {""}
    platform, trial = Platform(cluster), Trial(report, versions(cluster), only)
    cluster.kubectl("apply", "--filename", "-", given=_namespace(cluster.namespace))
    cluster.apply(*secrets(environ))
    first = values(environ, images, f"http://gateway.{cluster.namespace}")
    releases = Releases(cluster, images, first)
    trial.step("bad input", lambda: refusals(cluster, first))
    trial.step("install", releases.install)
    trial.step("start", lambda: resilience.start_times(platform))
    trial.step("helm test", releases.test)
    trial.step("memory", lambda: resilience.memory(platform))

    def through_the_service() -> Finding:
        with gateway.reachable(cluster, environ.get("K8S_URL", "")) as url:
            # What the gateway calls itself must be what its clients call it.
            releases.reconfigure(values(environ, images, url))
            return flows(url, cluster.namespace, report.with_suffix(".flows.log"))

    trial.step("flows", through_the_service)
    if not only or only & UNDER_LOAD:
        load = Load(cluster, images.of("gateway"), f"http://gateway.{cluster.namespace}")
        _under_load(trial, platform, releases, load)
    trial.step("not run", lambda: NOT_RUN)
    return 0 if all(finding.ok for finding in trial.findings) else 1


def _under_load(trial: Trial, platform: Platform, releases: Releases, load: Load) -> None:
    rate = 5.0
    load.start(rate)

    def measure() -> Finding:
        nonlocal rate
        finding, most = capacity(load)
        rate = max(most / 2, 2)
        load.set_rate(rate)
        return finding

    trial.step("capacity", measure)
    trial.step("scale", lambda: resilience.scale(platform, load))
    trial.step("autoscale", lambda: scaling.by_cpu(platform, releases, load, rate))
    trial.step("lag", lambda: scaling.by_lag(platform, releases, os.environ["POST_KAFKA_BOOTSTRAP"]))
    trial.step("drain", lambda: resilience.drain(platform, load, rate))
    trial.step("kill", lambda: resilience.kills(platform, load, rate))
    trial.step("roll", lambda: resilience.rolls(platform, load, rate))
    trial.step("hand over", lambda: releases.hand_over(platform, load))
    trial.step("upgrade alone", lambda: releases.upgrade_alone(platform, load))
    trial.step("canary", lambda: releases.canary(platform, load))
    trial.step("aborted canary", lambda: releases.aborted_canary(platform, load))
    trial.step("blue-green", lambda: releases.blue_green(platform, load))
    trial.step("mtls", lambda: mtls(platform, releases, load))
    load.stop()


def _namespace(name: str) -> str:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
