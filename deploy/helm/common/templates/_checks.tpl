{{/* A pod that looks at the service from outside, by the service's own image: `helm test`, and the analysis of a canary. */}}
{{- define "platform.v1.check" -}}
{{- $root := .root -}}{{- $v := .root.Values.resolved -}}
metadata:
  labels:
    {{- include "platform.v1.labels" (dict "root" $root "component" "check") | nindent 4 }}
spec:
  serviceAccountName: {{ include "platform.v1.name" $root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  restartPolicy: Never
  {{- with $v.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: check
      image: {{ include "platform.v1.image" (dict "root" $root "tag" .tag "digest" .digest) }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      command: [python, -m, rookery_common.release]
      args:
        {{- toYaml .args | nindent 8 }}
      securityContext:
        {{- include "platform.v1.containerSecurity" $root | nindent 8 }}
      resources:
        requests: {cpu: 50m, memory: 64Mi}
        limits: {memory: 128Mi}
      volumeMounts:
        - name: tmp
          mountPath: /tmp
        {{- if $v.tls.enabled }}
        - name: tls
          mountPath: /etc/rookery/tls
          readOnly: true
        {{- end }}
  volumes:
    {{- $volumes := include "platform.v1.volumes" (dict "root" $root "component" "check") | fromYamlArray }}
    {{- range $volumes }}
    {{- if has .name (list "tmp" "tls") }}
    {{- toYaml (list .) | nindent 4 }}
    {{- end }}
    {{- end }}
{{- end -}}

{{/* `helm test`: every address of the Service answers, and says that it serves. */}}
{{- define "platform.v1.test" -}}
{{- include "platform.v1.resolve" . -}}
{{- $v := .Values.resolved -}}{{- $name := include "platform.v1.name" . -}}
{{- $host := printf "%s.%s.svc.%s" $name .Release.Namespace $v.clusterDomain -}}
{{- $args := list "smoke" (include "platform.v1.protocol" .) (printf "%s:%d" $host (int $v.service.port)) -}}
{{- if $v.tls.enabled }}{{ $args = concat $args (list "--tls" "/etc/rookery/tls" "--name" .Chart.Name) }}{{ end -}}
{{- $hook := dict "helm.sh/hook" "test" "helm.sh/hook-delete-policy" "before-hook-creation" -}}
{{- $pod := include "platform.v1.check" (dict "root" . "tag" (include "platform.v1.tag" .) "digest" $v.image.digest "args" $args) | fromYaml -}}
apiVersion: v1
kind: Pod
metadata:
  {{- include "platform.v1.metadata" (dict "root" . "name" (printf "%s-test" $name) "component" "check" "annotations" $hook) | nindent 2 }}
spec:
  {{- toYaml $pod.spec | nindent 2 }}
{{- end -}}

{{/*
The analysis of a canary: a Job after the upgrade that counts the new version's calls and errors for a while. When it fails
the upgrade fails, and with --rollback-on-failure (Helm 3: --atomic) the canary is gone again.
*/}}
{{- define "platform.v1.analysis" -}}
{{- include "platform.v1.resolve" . -}}
{{- $v := .Values.resolved -}}
{{- if and (eq $v.rollout.strategy "canary") $v.rollout.analysis.enabled -}}
{{- $name := include "platform.v1.name" . -}}{{- $analysis := $v.rollout.analysis -}}
{{- $hook := dict "helm.sh/hook" "post-install,post-upgrade" "helm.sh/hook-weight" "10" "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded" "helm.sh/hook-output-log-policy" "hook-failed" -}}
{{- $args := list "canary" (printf "%s-next.%s.svc.%s:7100" $name .Release.Namespace $v.clusterDomain) "--seconds" (int $analysis.seconds | toString) "--max-error-ratio" (toString $analysis.maxErrorRatio) "--min-calls" (int $analysis.minCalls | toString) -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "platform.v1.metadata" (dict "root" . "name" (printf "%s-analysis" $name) "component" "check" "annotations" $hook) | nindent 2 }}
spec:
  backoffLimit: 0
  activeDeadlineSeconds: {{ add 120 (int $analysis.seconds) }}
  template:
    {{- include "platform.v1.check" (dict "root" . "tag" $v.rollout.next.tag "digest" $v.rollout.next.digest "args" $args) | nindent 4 }}
{{- end -}}
{{- end -}}
