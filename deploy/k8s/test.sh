#!/usr/bin/env bash
# Proves the platform on the cluster that kubectl points at: builds the images, brings them there, starts engines that its pods reach, and runs
# `python -m rookery_k8s`, whose report is REPORT (docs/deploy/cluster-report.md).
#   ROOKERY_HOST   the address of this machine that pods reach; found by itself where this machine is the cluster's only node
#   IMAGES_TO      how images get into the cluster, see scripts/images.sh; IMAGES names the registry and path, ending in /rookery
#   K8S_NAMESPACE  rookery; K8S_URL: the gateway's address from here, found by itself
#   K8S_NOTE       what the reader of the figures should know (what else ran on the machine)
#   K8S_ONLY       some of the steps, by comma; K8S_SKIP_IMAGES=1: they are in the cluster, as IMAGE_TAG and IMAGE_NEXT_TAG
set -euo pipefail
cd "$(dirname "$0")/../.."
report=${REPORT:-docs/deploy/cluster-report.md}
for program in kubectl helm; do
  command -v "$program" >/dev/null || { echo "$program is not on the PATH" >&2; exit 1; }
done
kubectl get --raw /readyz >/dev/null || { echo "kubectl reaches no cluster: set KUBECONFIG" >&2; exit 1; }

export IMAGES=${IMAGES:-localhost/rookery}
export IMAGE_TAG=${IMAGE_TAG:-$(git describe --always --dirty --exclude '*')}
export IMAGE_NEXT_TAG=${IMAGE_NEXT_TAG:-$IMAGE_TAG-next}
export IMAGES_REGISTRY=${IMAGES%/rookery}
if [ -z "${K8S_SKIP_IMAGES:-}" ]; then deploy/k8s/images.sh; fi

if [ -z "${ROOKERY_HOST:-}" ]; then
  ROOKERY_HOST=$(kubectl get nodes --output 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}')
  if [[ "$(ip -brief address)" != *" $ROOKERY_HOST/"* ]]; then
    echo "The cluster's node is another machine: name an address of this one that its pods reach, ROOKERY_HOST=…" >&2
    exit 1
  fi
fi
export ROOKERY_HOST
mkdir -p "$(dirname "$report")"
run=(env PYTHONPATH=deploy/k8s .venv/bin/python -m rookery_k8s "$report")
if [ -n "${POST_CQL_HOSTS:-}" ]; then exec "${run[@]}"; fi # engines that run already: `eval "$(python -m rookery_local env)"`
PYTHONPATH=deploy/local exec .venv/bin/python -m rookery_local exec --engines -- "${run[@]}"
