#!/usr/bin/env bash
# Lints every chart, renders it in each of its modes, and holds what comes out against the schemas of Kubernetes and operators.
set -euo pipefail
cd "$(dirname "$0")/.."
path_of() { PYTHONPATH=deploy/local .venv/bin/python -m rookery_local.go_programs --path "$1"; }
helm=$(path_of helm)
kubeconform=$(path_of kubeconform)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
values=deploy/helm/tests/values

render() { # render NAME CHART [ARGUMENT...]: lints it and renders it into the folder
  local name=$1 chart=deploy/helm/$2
  shift 2
  "$helm" lint --quiet --strict "$chart" "$@" >"$work/said" 2>&1 || { cat "$work/said"; return 1; }
  "$helm" template rookery "$chart" --namespace rookery "$@" >"$work/$name.yaml" 2>"$work/said" || { cat "$work/said"; return 1; }
}

for chart in deploy/helm/*/files/graph.yaml; do
  service=$(basename "$(dirname "$(dirname "$chart")")")
  secret=(--set "existingSecret=rookery-$service" --values "$values/engines.yaml")
  render "$service" "$service" "${secret[@]}"
  render "$service-everything" "$service" "${secret[@]}" --values "$values/everything.yaml"
done
render platform platform --values "$values/engines.yaml"
render platform-dev platform --values deploy/helm/platform/values-dev.yaml
render platform-prod platform --values deploy/helm/platform/values-prod.yaml --values "$values/engines.yaml"
if [ -d deploy/helm/engines/templates ]; then
  render engines-dev engines --set mode=dev --set dev.existingSecret=engines
  render engines-operators engines --set mode=operators --set backups.bucket=rookery-backups
fi
"$kubeconform" -strict -summary -schema-location 'deploy/helm/schemas/{{.ResourceKind}}{{.KindSuffix}}.json' "$work"/*.yaml
