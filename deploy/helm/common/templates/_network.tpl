{{/*
Default-deny, and exactly the edges of the call graph: who may call in is who names this service among its calls; out go the
calls, name resolution and the service's own engines. Each engine's `to` narrows where it may be; none means anywhere, on its
ports alone.
*/}}
{{- define "platform.v1.networkPolicy" -}}
{{- include "platform.v1.resolve" . -}}
{{- $v := .Values.resolved -}}
{{- if $v.networkPolicy.enabled -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "platform.v1.metadata" (dict "root" .) | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "platform.v1.selector" (dict "root" .) | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- include "platform.v1.network.ingress" . | nindent 4 }}
  egress:
    {{- include "platform.v1.network.egress" . | nindent 4 }}
{{- end -}}
{{- end -}}

{{- define "platform.v1.network.ingress" -}}
{{- $v := .Values.resolved -}}{{- $port := include "platform.v1.port" . -}}
{{- if eq (include "platform.v1.protocol" .) "http" }}
- ports: [{protocol: TCP, port: {{ $port }}}]
  {{- with $v.networkPolicy.ingressFrom }}
  from:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- else }}
- ports: [{protocol: TCP, port: {{ $port }}}]
  from:
    {{- range $v.graph.calledBy }}
    - podSelector: {matchLabels: {app.kubernetes.io/name: {{ . }}}}
    {{- end }}
{{- end }}
# `helm test`, and the analysis of a canary.
- ports: [{protocol: TCP, port: {{ $port }}}, {protocol: TCP, port: 7100}]
  from:
    - podSelector:
        matchLabels:
          {{- include "platform.v1.selector" (dict "root" . "component" "check") | nindent 10 }}
{{- with $v.networkPolicy.monitoringNamespace }}
- ports: [{protocol: TCP, port: 7100}]
  from:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ . }}}}
{{- end }}
{{- with $v.networkPolicy.extraIngress }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "platform.v1.network.egress" -}}
{{- $v := .Values.resolved -}}
{{ include "platform.v1.network.base" . }}
{{- range $v.graph.calls }}
- ports: [{protocol: TCP, port: 7000}]
  to:
    - podSelector: {matchLabels: {app.kubernetes.io/name: {{ . }}, app.kubernetes.io/component: serve}}
{{- end }}
# Its own pods: `helm test`, and the analysis of a canary.
- ports: [{protocol: TCP, port: {{ include "platform.v1.port" . }}}, {protocol: TCP, port: 7100}]
  to:
    - podSelector:
        matchLabels:
          {{- include "platform.v1.selector" (dict "root" . "component" "serve") | nindent 10 }}
{{- if $v.settings.smtpHost }}
# mail
- ports: [{protocol: TCP, port: {{ $v.settings.smtpPort | default 587 | int }}}]
{{- end }}
{{- if hasKey ($v.secretSettings | default dict) "providers" }}
# sites to sign in by
- ports: [{protocol: TCP, port: 443}]
{{- end }}
{{- if $v.graph.web }}
# addresses that people name: none of a private network, as the service itself sees to
- ports: [{protocol: TCP, port: 80}, {protocol: TCP, port: 443}]
  to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16, 224.0.0.0/3]
    - ipBlock: {cidr: "2000::/3"}
    {{- range splitList "," ($v.settings.webNetworks | default "") }}
    {{- with trim . }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
    {{- end }}
{{- end }}
{{- with $v.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Name resolution and engines: what migrations need, too. */}}
{{- define "platform.v1.network.base" -}}
{{- $v := .Values.resolved -}}
{{- $dns := $v.networkPolicy.dns | default (dict "namespace" "kube-system" "podLabels" (dict "k8s-app" "kube-dns")) -}}
- ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
  to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ $dns.namespace }}}}
      {{- with $dns.podLabels }}
      podSelector:
        matchLabels:
          {{- toYaml . | nindent 10 }}
      {{- end }}
{{- $ports := dict "kafka" (list 9092) "postgres" (list 5432) "cql" (list $v.cql.port) "redis" (list 6379) "s3" (list 443) "elasticsearch" (list 9200) }}
{{- range $engine := $v.graph.engines }}
{{- $rule := get $v.networkPolicy.engines $engine | default dict }}
# {{ $engine }}
- ports:
    {{- range $rule.ports | default (get $ports $engine) }}
    - {protocol: TCP, port: {{ int . }}}
    {{- end }}
  {{- with $rule.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The migration's own policy comes before it, as a hook: where a namespace denies by default it would reach nothing else. */}}
{{- define "platform.v1.networkPolicy.migrate" -}}
{{- include "platform.v1.resolve" . -}}
{{- $v := .Values.resolved -}}
{{- if and $v.networkPolicy.enabled (eq $v.migrate.mode "hook") -}}
{{- $hook := dict "helm.sh/hook" "pre-install,pre-upgrade" "helm.sh/hook-weight" "-10" "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "platform.v1.metadata" (dict "root" . "name" (printf "%s-migrate" (include "platform.v1.name" .)) "component" "migrate" "annotations" $hook) | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "platform.v1.selector" (dict "root" . "component" "migrate") | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress: []
  egress:
    {{- include "platform.v1.network.base" . | nindent 4 }}
{{- end -}}
{{- end -}}

{{/*
This service's identity: by DNS:<service> its callers know the server, by URI:spiffe://rookery/<service> servers know the
caller. Processes read renewed files without a restart.
*/}}
{{- define "platform.v1.certificate" -}}
{{- include "platform.v1.resolve" . -}}
{{- $v := .Values.resolved -}}{{- $name := include "platform.v1.name" . -}}
{{- if and $v.tls.enabled $v.tls.certManager.enabled -}}
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  {{- include "platform.v1.metadata" (dict "root" .) | nindent 2 }}
spec:
  secretName: {{ include "platform.v1.tls.secret" . }}
  duration: {{ $v.tls.certManager.duration }}
  renewBefore: {{ $v.tls.certManager.renewBefore }}
  privateKey: {algorithm: ECDSA, size: 256, rotationPolicy: Always}
  usages: [digital signature, server auth, client auth]
  dnsNames:
    - {{ .Chart.Name }}
    - {{ $name }}.{{ .Release.Namespace }}.svc
    - {{ $name }}.{{ .Release.Namespace }}.svc.{{ $v.clusterDomain }}
  uris:
    - spiffe://rookery/{{ .Chart.Name }}
  issuerRef:
    {{- toYaml $v.tls.certManager.issuer | nindent 4 }}
{{- end -}}
{{- end -}}

{{- define "platform.v1.tls.secret" -}}
{{- .Values.resolved.tls.existingSecret | default (printf "%s-tls" (include "platform.v1.name" .)) -}}
{{- end -}}

{{/* All processes of the service are scraped, also those that no Service names. */}}
{{- define "platform.v1.monitoring" -}}
{{- include "platform.v1.resolve" . -}}
{{- $monitor := .Values.resolved.monitoring.podMonitor -}}
{{- if $monitor.enabled -}}
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  {{- include "platform.v1.metadata" (dict "root" .) | nindent 2 }}
  {{- with $monitor.labels }}
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  selector:
    matchLabels:
      {{- include "platform.v1.selector" (dict "root" .) | nindent 6 }}
  podTargetLabels: [app.kubernetes.io/name, app.kubernetes.io/component, rookery/track]
  podMetricsEndpoints:
    - port: health
      path: /metrics
      interval: {{ $monitor.interval }}
{{- end -}}
{{- end -}}
