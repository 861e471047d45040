#!/usr/bin/env bash
# Releases one service: `canary.sh post sha256:…` (or a tag). Its new version gets a share of the calls, its errors are counted, and it is either
# promoted or taken back; nobody else's pods are touched. The release's own values stay as they are.
#   NAMESPACE (rookery), REPLICAS of the new version beside the old ones (1)
set -euo pipefail
cd "$(dirname "$0")/.."
service=${1:?usage: canary.sh SERVICE DIGEST|TAG} version=${2:?usage: canary.sh SERVICE DIGEST|TAG}
case "$version" in sha256:*) kind=digest ;; *) kind=tag ;; esac
back=--rollback-on-failure
case "$(helm version --template '{{.Version}}')" in v3*) back=--atomic ;; esac
upgrade() {
  helm upgrade "$service" "deploy/helm/$service" --namespace "${NAMESPACE:-rookery}" --reset-then-reuse-values --wait --timeout 10m "$back" "$@"
}
upgrade --set rollout.strategy=canary --set "rollout.next.$kind=$version" --set "rollout.next.replicas=${REPLICAS:-1}"
upgrade --set rollout.strategy=rolling --set "rollout.next.tag=,rollout.next.digest=,image.tag=,image.digest=,image.$kind=$version"
