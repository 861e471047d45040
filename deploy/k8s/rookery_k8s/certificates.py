"""mTLS between all services, by certificates that cert-manager makes and renews while they serve."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rookery_k8s.gateway import forwarded
from rookery_k8s.load import Load
from rookery_k8s.platform import SERVICES, Platform
from rookery_k8s.releases import Releases
from rookery_k8s.report import SCHEMA_ONLY, Finding, found
from rookery_k8s.scaling import offers
from rookery_k8s.shell import Cluster, eventually

MTLS = "mTLS by certificates of cert-manager"
GRPC_PORT = 7000
# cert-manager signs within seconds; the kubelet brings a changed Secret to its pods within a minute or two.
RENEWED_SECONDS = 240
_ISSUER = {"name": "rookery", "kind": "Issuer"}
VALUES: Mapping[str, Any] = {
    "global": {"tls": {"enabled": True, "certManager": {"enabled": True, "issuer": _ISSUER}}},
    "certificates": {"createIssuer": True},
}


def mtls(platform: Platform, releases: Releases, load: Load) -> Finding:
    """Everything by mTLS; then all certificates are renewed: the same processes serve them, and no request fails."""
    cluster = platform.cluster
    if not offers(cluster, "cert-manager.io/v1"):
        return Finding(MTLS, SCHEMA_ONLY, "needs cert-manager")
    releases.reconfigure_all(VALUES)
    for service in SERVICES:
        platform.rolled_out(service)
    releases.test()
    before = _serial(cluster)
    restarts = {pod.name: pod.restarts for pod in platform.pods()}
    with load.watched() as window:
        for service in SERVICES:
            _renew(cluster, service)
        seconds = eventually(lambda: _serial(cluster) != before, RENEWED_SECONDS, "the served certificate's renewal")
    same = restarts == {pod.name: pod.restarts for pod in platform.pods()}
    figures = f"`helm test` succeeded with it; renewed certificates were served after {seconds:.0f} s"
    figures += f" by the same processes: {same}; meanwhile {window}"
    return found(MTLS, figures, ok=same and not window.failed)


def _renew(cluster: Cluster, service: str) -> None:
    """As `cmctl renew` asks for it."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    issuing = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "lastTransitionTime": now}
    patch = json.dumps({"status": {"conditions": [{**issuing, "message": "asked for by the trial"}]}})
    cluster.kubectl("patch", f"certificate/{service}", "--subresource=status", "--type=merge", "--patch", patch)


def _serial(cluster: Cluster, service: str = "post") -> str:
    """Of the certificate that a pod serves by; whoever asks has none, and is refused only after having seen it."""
    with forwarded(cluster, f"deployment/{service}", GRPC_PORT) as port:
        return ssl.get_server_certificate(("127.0.0.1", port), timeout=10)
