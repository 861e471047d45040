{{/* (root, component, track, tag, digest): a pod's template, of a Deployment or of the migration's Job. */}}
{{- define "platform.v1.pod" -}}
{{- $root := .root -}}{{- $v := .root.Values.resolved -}}{{- $settings := get $v .component -}}
metadata:
  labels:
    {{- include "platform.v1.labels" . | nindent 4 }}
    {{- with $v.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: {{ .component }}
    {{- with $v.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  # A migration runs before the release's own account is there.
  serviceAccountName: {{ ternary "default" (include "platform.v1.name" $root) (eq .component "migrate") }}
  automountServiceAccountToken: false
  # Kubernetes' own variables for Services (POST_PORT, …) would look like settings.
  enableServiceLinks: false
  {{- with $v.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $settings.terminationGracePeriodSeconds }}
  terminationGracePeriodSeconds: {{ int . }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: {{ .component }}
      image: {{ include "platform.v1.image" . }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      args: [{{ .component }}]
      env:
        {{- include "platform.v1.env" . | nindent 8 }}
      securityContext:
        {{- include "platform.v1.containerSecurity" $root | nindent 8 }}
      resources:
        {{- toYaml $settings.resources | nindent 8 }}
      {{- if ne .component "migrate" }}
      {{- include "platform.v1.probes" . | nindent 6 }}
      {{- end }}
      volumeMounts:
        {{- include "platform.v1.mounts" . | nindent 8 }}
  volumes:
    {{- include "platform.v1.volumes" . | nindent 4 }}
  {{- include "platform.v1.placement" . | nindent 2 }}
{{- end -}}

{{- define "platform.v1.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/*
Ports, probes and the drain. Started: it listens. Ready: it reaches its own stores, and says so as long as it is not told to
stop; other services' trouble makes nobody unready. Alive: it answers at all, whatever it depends on.
*/}}
{{- define "platform.v1.probes" -}}
{{- $protocol := include "platform.v1.protocol" .root -}}{{- $settings := get .root.Values.resolved .component -}}
ports:
  {{- if eq .component "serve" }}
  - name: {{ $protocol }}
    containerPort: {{ include "platform.v1.port" .root }}
  {{- end }}
  - name: health
    containerPort: 7100
startupProbe:
  httpGet: {path: /startupz, port: health}
  # Five minutes: on a node that starts everything at once, to kill what is slow makes all of it slower.
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 150
readinessProbe:
  httpGet: {path: /readyz, port: health}
  periodSeconds: 3
  timeoutSeconds: 5
  failureThreshold: 2
livenessProbe:
  {{- /* The kubelet has no certificate: with mTLS it asks the other port. */}}
  {{- if and (eq .component "serve") (eq $protocol "grpc") (not .root.Values.resolved.tls.enabled) }}
  grpc: {port: 7000}
  {{- else }}
  httpGet: {path: /livez, port: health}
  {{- end }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- if and (eq .component "serve") $settings.preStopSeconds }}
lifecycle:
  preStop:
    # Until no caller's list of addresses names this pod.
    sleep: {seconds: {{ int $settings.preStopSeconds }}}
{{- end }}
{{- end -}}

{{- define "platform.v1.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- if include "platform.v1.engineFiles" .root }}
- name: engines
  mountPath: /etc/rookery/engines
  readOnly: true
{{- end }}
{{- if ne .component "migrate" }}
{{- if .root.Values.resolved.tls.enabled }}
- name: tls
  mountPath: /etc/rookery/tls
  readOnly: true
{{- end }}
{{- range include "platform.v1.files" .root | fromYamlArray }}
- name: {{ .name }}
  mountPath: /etc/rookery/{{ .name }}
  readOnly: true
{{- end }}
{{- end }}
{{- end -}}

{{/* Certificate and trust bundle are one volume: the kubelet swaps both at once when either is renewed. */}}
{{- define "platform.v1.volumes" -}}
{{- $v := .root.Values.resolved -}}
- name: tmp
  emptyDir: {sizeLimit: 256Mi}
{{- with include "platform.v1.engineFiles" .root }}
- name: engines
  projected:
    defaultMode: 0440
    sources:
      {{- range fromYamlArray . }}
      - secret:
          name: {{ .secret }}
          items: [{key: {{ .key }}, path: {{ .path }}}]
      {{- end }}
{{- end }}
{{- if ne .component "migrate" }}
{{- if $v.tls.enabled }}
- name: tls
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ include "platform.v1.tls.secret" .root }}
          items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]
      - secret:
          name: {{ $v.tls.trustBundle.existingSecret | default (include "platform.v1.tls.secret" .root) }}
          items: [{key: {{ $v.tls.trustBundle.key }}, path: ca.crt}]
{{- end }}
{{- range include "platform.v1.files" .root | fromYamlArray }}
- name: {{ .name }}
  configMap: {name: {{ .configMap }}, items: [{key: {{ .file }}, path: {{ .file }}}]}
{{- end }}
{{- end }}
{{- end -}}

{{- define "platform.v1.placement" -}}
{{- $v := .root.Values.resolved -}}
{{- with $v.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if ne .component "migrate" }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "platform.v1.selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- end -}}
