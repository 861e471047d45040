{{/*
Puts what holds for this chart into .Values.resolved, once: the library's defaults, under `global`, under the chart's own
values. What is empty ("", null, []) says nothing and lets the next layer speak; of `global` only those groups count that
the chart has, too.
*/}}
{{- define "platform.v1.resolve" -}}
{{- if not (hasKey .Values "resolved") -}}
{{- include "platform.v1.deprecations" . -}}
{{- $layers := list (include "platform.v1.defaults" . | fromYaml) -}}
{{- $shared := dict -}}
{{- range $key, $value := .Values.global | default dict -}}
{{- if hasKey $.Values $key }}{{ $_ := set $shared $key $value }}{{ end -}}
{{- end -}}
{{- $global := dict -}}
{{- include "platform.v1.prune" (dict "in" $shared "out" $global) -}}
{{- $own := dict -}}
{{- include "platform.v1.prune" (dict "in" (omit .Values "global") "out" $own) -}}
{{- $_ := mustMergeOverwrite (first $layers) $global $own -}}
{{- $_ := set (first $layers) "graph" (.Files.Get "files/graph.yaml" | fromYaml) -}}
{{- $_ := set .Values "resolved" (first $layers) -}}
{{- include "platform.v1.validate" . -}}
{{- end -}}
{{- end -}}

{{- define "platform.v1.prune" -}}
{{- $out := .out -}}
{{- range $key, $value := .in -}}
{{- if kindIs "map" $value -}}
{{- $inner := dict -}}
{{- include "platform.v1.prune" (dict "in" $value "out" $inner) -}}
{{- $_ := set $out $key $inner -}}
{{- else if kindIs "invalid" $value -}}
{{- else if and (kindIs "string" $value) (eq (toString $value) "") -}}
{{- else if and (kindIs "slice" $value) (empty $value) -}}
{{- else -}}
{{- $_ := set $out $key $value -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What holds where neither the chart nor `global` says anything. Here, so that `global` can be overridden by a chart. */}}
{{- define "platform.v1.defaults" -}}
clusterDomain: cluster.local
image:
  pullPolicy: IfNotPresent
settings: {}
extraEnv: {}
commonLabels: {}
commonAnnotations: {}
podLabels: {}
podAnnotations: {}
kafka: {}
cql:
  port: 9042
redis:
  cluster: false
s3:
  region: us-east-1
tls:
  enabled: false
  trustBundle:
    key: ca.crt
  certManager:
    enabled: false
    issuer:
      kind: Issuer
      group: cert-manager.io
    duration: 2160h
    renewBefore: 720h
flags: {}
policy: {}
limits: {}
texts: {}
targets: {}
networkPolicy:
  enabled: true
  engines: {}
monitoring:
  podMonitor:
    enabled: false
    interval: 30s
    labels: {}
rollout:
  strategy: rolling
{{- end -}}
