{{- define "engines.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: rookery-engines
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* (root, name, labels): the metadata of an object. */}}
{{- define "engines.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "engines.labels" .root | nindent 2 }}
  app.kubernetes.io/name: {{ .name }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Says what is missing before anything is made. */}}
{{- define "engines.validate" -}}
{{- if and (eq .Values.mode "dev") (not .Values.dev.existingSecret) -}}
{{- fail "\n\nengines: dev.existingSecret is missing: a Secret with the keys postgres-password, redis-password, s3-access-key, s3-secret-key\n" -}}
{{- end -}}
{{- if and (eq .Values.mode "operators") .Values.backups.enabled (not .Values.backups.bucket) -}}
{{- fail "\n\nengines: backups.bucket is missing: where backups go; without any, say backups.enabled=false\n" -}}
{{- end -}}
{{- end -}}
