"""The release of everything, and of one service alone: upgrades, a canary that is promoted, one that is aborted."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rookery_k8s.configuration import CHARTS, Images, alone
from rookery_k8s.load import Load
from rookery_k8s.platform import SERVICES, SPREAD_SECONDS, Platform
from rookery_k8s.report import Finding, found
from rookery_k8s.shell import Cluster, ClusterError, eventually, run

RELEASE = "rookery"
INSTALL_SECONDS = 300
FAULTY_TAG = "faulty"
# Callers find a canary when their connections are two minutes old; until then it has no calls to be judged by.
ANALYSIS_SECONDS = 150
# The gateway keeps nothing.
MIGRATED = [service for service in SERVICES if service != "gateway"]


class Releases:
    """Helm releases in one namespace, and the values that they were given."""

    def __init__(self, cluster: Cluster, images: Images, values: Mapping[str, Any]) -> None:
        self._cluster = cluster
        self._images = images
        self.values = values

    def install(self) -> Finding:
        """The umbrella into an empty namespace, until every pod is ready."""
        started = time.monotonic()
        self._upgrade(RELEASE, "platform", self.values)
        seconds = time.monotonic() - started
        figures = f"{seconds:.0f} s to the last ready pod, migrations included; aim {INSTALL_SECONDS} s"
        return found("`helm install` of the umbrella", figures, ok=seconds <= INSTALL_SECONDS)

    def reconfigure(self, values: Mapping[str, Any]) -> None:
        """The umbrella again, with other values; its migrations have run."""
        self.values = values
        self._upgrade(
            RELEASE, "platform", merged(values, {service: {"migrate": {"mode": "none"}} for service in MIGRATED})
        )

    def reconfigure_all(self, changes: Mapping[str, Any], handed_over: str = "post") -> None:
        """The umbrella and the release that was handed over, with the same changes."""
        self.reconfigure(merged(self.values, changes))
        if not self.values[handed_over].get("enabled", True):
            self._upgrade_service(handed_over, {"migrate": {"mode": "none"}})

    @contextmanager
    def changed(self, changes: Mapping[str, Any]) -> Iterator[None]:
        """The umbrella with other values for a while."""
        before = self.values
        self.reconfigure(merged(before, changes))
        try:
            yield
        finally:
            self.reconfigure(before)

    def test(self) -> Finding:
        """`helm test`."""
        output = self._cluster.helm("test", RELEASE, "--timeout", "4m")
        return found("`helm test`", f"{output.count('Succeeded')} of {output.count('Phase:')} suites succeeded")

    def hand_over(self, platform: Platform, load: Load, service: str = "post") -> Finding:
        """A service leaves the umbrella for a release of its own; its objects stay all the while."""
        with load.watched() as window:
            self.reconfigure(merged(self.values, {service: {"keepOnUninstall": True}}))
            self.reconfigure(merged(self.values, {service: {"enabled": False}}))
            self._upgrade(service, service, alone(_without(self.values, service), service), "--take-ownership")
            platform.rolled_out(service)
        return found(f"hand {service} from the umbrella to a release of its own", str(window), ok=not window.failed)

    def upgrade_alone(self, platform: Platform, load: Load, service: str = "post") -> Finding:
        """A new version of one service by its own chart; no pod of another is touched."""
        before = _others(platform, service)
        with load.watched() as window:
            self._upgrade_service(service, {"image": {"tag": self._images.next_tag}})
            platform.rolled_out(service)
        touched = before.keys() - _others(platform, service).keys()
        figures = f"{window}; pods of other services touched: {len(touched)}"
        return found(f"upgrade {service} alone by its chart", figures, ok=not window.failed and not touched)

    def canary(self, platform: Platform, load: Load, service: str = "post") -> Finding:
        """The other version gets a share of the calls, its errors are counted, and it is promoted."""
        current, following = self._images.next_tag, self._images.tag
        with load.watched() as window:
            self._upgrade_service(service, {"image": {"tag": current}, "rollout": _canary(following)})
            shares = {pod.track: platform.calls(pod.name) for pod in platform.pods(service, "serve")}
            self._upgrade_service(service, {"image": {"tag": following}})
            platform.rolled_out(service)
        served = shares.get("next", 0.0)
        figures = f"{served:.0f} calls answered by the other version before it was promoted; {window}"
        return found(f"canary of {service}, promoted", figures, ok=served > 0 and not window.failed)

    def aborted_canary(self, platform: Platform, load: Load, service: str = "post") -> Finding:
        """A version that fails its calls is found out and taken back, without anyone's doing."""
        with load.watched() as window:
            try:
                values = {"image": {"tag": self._images.tag}, "rollout": _canary(FAULTY_TAG)}
                self._upgrade_service(service, values, *self._rollback_flag())
                told = ""
            except ClusterError as error:
                told = str(error)
            platform.rolled_out(service)
        left = [pod.name for pod in platform.pods(service, "serve") if pod.track == "next"]
        with load.watched() as after:
            time.sleep(10)
        figures = f"refused: {bool(told)}; its pods left: {len(left)}; meanwhile {window}; then {after}"
        ok = bool(told) and not left and not after.failed
        return found(f"canary of {service} that fails, aborted", figures, ok=ok)

    def blue_green(self, platform: Platform, load: Load, service: str = "post") -> Finding:
        """The other version waits without traffic, is switched to, and takes over."""
        following = self._images.next_tag
        with load.watched() as window:
            self._upgrade_service(service, {"rollout": _blue_green(following, "current")})
            waited = _calls_of_next(platform, service)
            self._upgrade_service(service, {"rollout": _blue_green(following, "next")})
            seconds = eventually(
                lambda: _calls_of_next(platform, service) > waited, SPREAD_SECONDS, "calls of the version switched to"
            )
            self._upgrade_service(service, {"image": {"tag": following}, "rollout": _blue_green(following, "next")})
            self._upgrade_service(service, {"image": {"tag": following}})
            platform.rolled_out(service)
        figures = f"calls before the switch: {waited:.0f}; first call {seconds:.0f} s after it; {window}"
        return found(f"blue-green of {service}", figures, ok=not waited and not window.failed)

    def _rollback_flag(self) -> list[str]:
        major = run(["helm", "version", "--template", "{{.Version}}"]).strip().removeprefix("v").partition(".")[0]
        return ["--atomic"] if major == "3" else ["--rollback-on-failure"]

    def _upgrade_service(self, service: str, changes: Mapping[str, Any], *words: str) -> None:
        own = alone(_without(self.values, service), service)
        self._upgrade(service, service, merged(own, changes), *words)

    def _upgrade(self, release: str, chart: str, values: Mapping[str, Any], *words: str) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(values, file)
            file.flush()
            common = ["--install", "--values", file.name, "--wait", "--timeout", "6m"]
            self._cluster.helm("upgrade", release, str(CHARTS / chart), *common, *words)


def _blue_green(tag: str, active: str) -> dict[str, Any]:
    return {"strategy": "blueGreen", "active": active, "next": {"tag": tag, "replicas": 2}}


def _calls_of_next(platform: Platform, service: str) -> float:
    return sum(platform.calls(pod.name) for pod in platform.pods(service, "serve") if pod.track == "next")


def _canary(tag: str) -> dict[str, Any]:
    return {
        "strategy": "canary",
        "next": {"tag": tag, "replicas": 1},
        "analysis": {"enabled": True, "seconds": ANALYSIS_SECONDS, "minCalls": 20},
    }


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The values with changes, map by map."""
    result = dict(values)
    for key, change in changes.items():
        before = result.get(key)
        result[key] = merged(before, change) if isinstance(before, Mapping) and isinstance(change, Mapping) else change
    return result


def _without(values: Mapping[str, Any], service: str) -> dict[str, Any]:
    """The values as they were before the hand-over's switches."""
    own = {key: value for key, value in values[service].items() if key not in ("enabled", "keepOnUninstall")}
    return {**values, service: own}


def _others(platform: Platform, service: str) -> dict[str, int]:
    return {pod.name: pod.restarts for pod in platform.pods() if pod.service in SERVICES and pod.service != service}
