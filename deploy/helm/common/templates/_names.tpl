{{/* The name of all objects of a service: the chart's own, whatever the release is called, so that its callers find it. */}}
{{- define "platform.v1.name" -}}
{{- .Values.resolved.fullnameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* (root, component, track): which pods these are. No release's name: a service may be handed from one release to another. */}}
{{- define "platform.v1.selector" -}}
app.kubernetes.io/name: {{ include "platform.v1.name" .root }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- with .track }}
rookery/track: {{ . }}
{{- end }}
{{- end -}}

{{/* (root, component, track, tag): the labels of an object. */}}
{{- define "platform.v1.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ .tag | default (include "platform.v1.tag" .root) | trunc 63 | quote }}
app.kubernetes.io/part-of: rookery
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{ include "platform.v1.selector" . }}
{{- with .root.Values.resolved.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* (root, annotations): the annotations of an object; nothing where there are none. */}}
{{- define "platform.v1.annotations" -}}
{{- $all := merge (dict) (.annotations | default dict) .root.Values.resolved.commonAnnotations -}}
{{- if and .root.Values.resolved.keepOnUninstall (not (hasKey $all "helm.sh/hook")) -}}
{{- $_ := set $all "helm.sh/resource-policy" "keep" -}}
{{- end -}}
{{- if $all }}
annotations:
  {{- toYaml $all | nindent 2 }}
{{- end }}
{{- end -}}

{{/* (root, name, component, track, tag, annotations): the metadata of an object. */}}
{{- define "platform.v1.metadata" -}}
name: {{ .name | default (include "platform.v1.name" .root) }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "platform.v1.labels" . | nindent 2 }}
{{- include "platform.v1.annotations" . }}
{{- end -}}

{{- define "platform.v1.tag" -}}
{{- .Values.resolved.image.tag | default .Chart.AppVersion -}}
{{- end -}}

{{/* (root, tag, digest): the image, by digest where one is given. */}}
{{- define "platform.v1.image" -}}
{{- $image := .root.Values.resolved.image -}}
{{- $registry := ternary "" (printf "%s/" ($image.registry | default "" | trimSuffix "/")) (empty $image.registry) -}}
{{- if .digest -}}
{{ $registry }}{{ $image.repository }}@{{ .digest }}
{{- else -}}
{{ $registry }}{{ $image.repository }}:{{ .tag }}
{{- end -}}
{{- end -}}

{{/* A value as an environment variable says it: whole numbers without exponent, lists as JSON. */}}
{{- define "platform.v1.scalar" -}}
{{- if or (kindIs "slice" .) (kindIs "map" .) -}}
{{ toJson . }}
{{- else if and (kindIs "float64" .) (eq (floor .) (float64 .)) -}}
{{ int64 . }}
{{- else -}}
{{ toString . }}
{{- end -}}
{{- end -}}
