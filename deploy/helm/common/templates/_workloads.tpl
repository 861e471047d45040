{{/* The Deployments of a service: what serves (and the version that is being released beside it), consumes, relays. */}}
{{- define "platform.v1.deployments" -}}
{{- include "platform.v1.resolve" . -}}
{{- $v := .Values.resolved -}}
{{- $tag := include "platform.v1.tag" . -}}
{{- include "platform.v1.deployment" (dict "root" . "component" "serve" "track" "current" "tag" $tag "digest" $v.image.digest "replicas" (ternary nil $v.serve.replicas $v.serve.autoscaling.enabled)) }}
{{- if ne $v.rollout.strategy "rolling" }}
{{- $next := $v.rollout.next }}
{{ include "platform.v1.deployment" (dict "root" . "component" "serve" "track" "next" "tag" $next.tag "digest" $next.digest "replicas" $next.replicas) }}
{{- end }}
{{- range $component := $v.graph.workloads }}
{{- $workload := get $v $component }}
{{- $scaled := dig "autoscaling" "enabled" false $workload }}
{{ include "platform.v1.deployment" (dict "root" $ "component" $component "tag" $tag "digest" $v.image.digest "replicas" (ternary nil $workload.replicas $scaled)) }}
{{- end }}
{{- end -}}

{{/* The name of a workload: `post`, `post-next`, `post-consume`. */}}
{{- define "platform.v1.workload" -}}
{{- $name := include "platform.v1.name" .root -}}
{{- if eq .component "serve" -}}
{{ ternary (printf "%s-next" $name) $name (eq (.track | default "") "next") }}
{{- else -}}
{{ printf "%s-%s" $name .component }}
{{- end -}}
{{- end -}}

{{- define "platform.v1.deployment" -}}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "platform.v1.metadata" (merge (dict "name" (include "platform.v1.workload" .)) .) | nindent 2 }}
spec:
  {{- /* None where an autoscaler owns the number: an upgrade would take it back. */}}
  {{- if not (kindIs "invalid" .replicas) }}
  replicas: {{ int .replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  progressDeadlineSeconds: 300
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
  selector:
    matchLabels:
      {{- include "platform.v1.selector" . | nindent 6 }}
  template:
    {{- include "platform.v1.pod" . | nindent 4 }}
{{- end -}}

{{- define "platform.v1.serviceAccount" -}}
{{- include "platform.v1.resolve" . -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "platform.v1.metadata" (dict "root" .) | nindent 2 }}
automountServiceAccountToken: false
{{- end -}}

{{/*
The migration: a Job that runs before anything of the release is made or changed, and needs only what is there before it
(Secrets by name, the engines). When it fails, nothing of the new version serves.
*/}}
{{- define "platform.v1.migrate" -}}
{{- include "platform.v1.resolve" . -}}
{{- $v := .Values.resolved -}}
{{- if ne $v.migrate.mode "none" -}}
{{- $hook := dict "helm.sh/hook" "pre-install,pre-upgrade" "helm.sh/hook-weight" "0" "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded" "helm.sh/hook-output-log-policy" "hook-failed" -}}
{{- $annotations := ternary $hook (dict) (eq $v.migrate.mode "hook") -}}
{{- $tag := ternary (include "platform.v1.tag" .) $v.rollout.next.tag (eq $v.rollout.strategy "rolling") -}}
{{- $digest := ternary $v.image.digest $v.rollout.next.digest (eq $v.rollout.strategy "rolling") -}}
{{- $name := printf "%s-migrate" (include "platform.v1.name" .) -}}
{{- if eq $v.migrate.mode "job" }}{{ $name = printf "%s-%s" $name (printf "%s%s" $tag $digest | sha256sum | trunc 8) }}{{ end -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "platform.v1.metadata" (dict "root" . "name" $name "component" "migrate" "tag" $tag "annotations" $annotations) | nindent 2 }}
spec:
  backoffLimit: {{ int $v.migrate.backoffLimit }}
  activeDeadlineSeconds: {{ int $v.migrate.activeDeadlineSeconds }}
  {{- if eq $v.migrate.mode "job" }}
  ttlSecondsAfterFinished: 86400
  {{- end }}
  template:
    {{- $pod := include "platform.v1.pod" (dict "root" . "component" "migrate" "tag" $tag "digest" $digest) | fromYaml }}
    {{- $_ := set $pod.spec "restartPolicy" "Never" }}
    {{- toYaml $pod | nindent 4 }}
{{- end -}}
{{- end -}}
