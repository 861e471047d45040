{{/*
The Service. gRPC's is headless: callers look up all replicas' addresses and spread their calls over them. In blue-green it
names the pods of one version; else those of both.
*/}}
{{- define "platform.v1.service" -}}
{{- include "platform.v1.resolve" . -}}
{{- $v := .Values.resolved -}}
{{- $track := "" -}}
{{- if eq $v.rollout.strategy "blueGreen" }}{{ $track = $v.rollout.active }}{{ end -}}
{{- if include "platform.v1.weighted" . }}{{ $track = "current" }}{{ end -}}
{{- include "platform.v1.service.one" (dict "root" . "track" $track) }}
{{- if ne $v.rollout.strategy "rolling" }}
---
{{- /* The version that is being released, by itself: for its analysis, and to look at before it gets traffic. */}}
{{ include "platform.v1.service.one" (dict "root" . "track" "next" "suffix" "-next") }}
{{- end }}
{{- end -}}

{{- define "platform.v1.service.one" -}}
{{- $v := .root.Values.resolved -}}{{- $protocol := include "platform.v1.protocol" .root -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "platform.v1.metadata" (dict "root" .root "name" (printf "%s%s" (include "platform.v1.name" .root) (.suffix | default "")) "component" "serve" "annotations" $v.service.annotations) | nindent 2 }}
spec:
  {{- if eq $protocol "grpc" }}
  type: ClusterIP
  clusterIP: None
  {{- else }}
  type: {{ $v.service.type }}
  {{- end }}
  selector:
    {{- include "platform.v1.selector" (dict "root" .root "component" "serve" "track" .track) | nindent 4 }}
  ports:
    - name: {{ $protocol }}
      port: {{ int $v.service.port }}
      targetPort: {{ $protocol }}
      appProtocol: {{ ternary "kubernetes.io/h2c" "http" (eq $protocol "grpc") }}
    {{- if .suffix }}
    - name: health
      port: 7100
      targetPort: health
    {{- end }}
{{- end -}}

{{/* Voluntary disruptions take one pod of a workload at a time; a pod that is not ready protects nothing. */}}
{{- define "platform.v1.disruption" -}}
{{- include "platform.v1.resolve" . -}}
{{- range $component := prepend .Values.resolved.graph.workloads "serve" }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "platform.v1.metadata" (dict "root" $ "name" (include "platform.v1.workload" (dict "root" $ "component" $component)) "component" $component) | nindent 2 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "platform.v1.selector" (dict "root" $ "component" $component) | nindent 6 }}
{{- end }}
{{- end -}}

{{/*
Files that processes read again when they change, each of a ConfigMap: a list of (name, configMap, file, setting). Where a
service has flags their ConfigMap is always there: a switch is then thrown without a restart.
*/}}
{{- define "platform.v1.files" -}}
{{- $v := .Values.resolved -}}
{{- $files := list -}}
{{- range $name, $facts := dict "flags" (list "flags.json" true) "policy" (list "policy.yaml" $v.policy.rules) "limits" (list "limits.toml" $v.limits.toml) "texts" (list "texts.toml" $v.texts.toml) -}}
{{- $map := dig $name "existingConfigMap" "" $v -}}
{{- if and (hasKey $.Values $name) (or $map (index $facts 1)) -}}
{{- $files = append $files (dict "name" $name "configMap" ($map | default (printf "%s-%s" (include "platform.v1.name" $) $name)) "file" (index $facts 0) "setting" (printf "%s_FILE" (upper $name))) -}}
{{- end -}}
{{- end -}}
{{- if $files }}{{ toYaml $files }}{{ end -}}
{{- end -}}

{{- define "platform.v1.configMaps" -}}
{{- include "platform.v1.resolve" . -}}
{{- $v := .Values.resolved -}}
{{- range include "platform.v1.files" . | fromYamlArray }}
{{- if not (dig .name "existingConfigMap" "" $v) }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "platform.v1.metadata" (dict "root" $ "name" .configMap) | nindent 2 }}
data:
  {{ .file }}: |
    {{- include (printf "platform.v1.file.%s" .name) $ | nindent 4 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* flagd's format. */}}
{{- define "platform.v1.file.flags" -}}
{{- $flags := dict }}
{{- range $key, $on := .Values.resolved.flags.switches }}
{{- $_ := set $flags $key (dict "state" "ENABLED" "variants" (dict "on" true "off" false) "defaultVariant" (ternary "on" "off" $on)) }}
{{- end }}
{{- dict "flags" $flags | mustToPrettyJson }}
{{- end -}}

{{- define "platform.v1.file.policy" -}}
{{- dict "version" 1 "rules" .Values.resolved.policy.rules | toYaml }}
{{- end -}}

{{- define "platform.v1.file.limits" -}}
{{- .Values.resolved.limits.toml }}
{{- end -}}

{{- define "platform.v1.file.texts" -}}
{{- .Values.resolved.texts.toml }}
{{- end -}}
