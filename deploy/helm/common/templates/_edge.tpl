{{/* How clients reach the gateway: an HTTPRoute of the Gateway API, or an Ingress where there is none. */}}
{{- define "platform.v1.route" -}}
{{- include "platform.v1.resolve" . -}}
{{- $v := .Values.resolved -}}
{{- if $v.route.enabled }}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  {{- include "platform.v1.metadata" (dict "root" . "annotations" $v.route.annotations) | nindent 2 }}
spec:
  parentRefs:
    {{- toYaml $v.route.parentRefs | nindent 4 }}
  {{- with $v.route.hostnames }}
  hostnames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    - matches:
        - path: {type: PathPrefix, value: /}
      {{- /* Streams stay open for hours; every other request has the gateway's own deadline. */}}
      timeouts: {request: 0s, backendRequest: 0s}
      backendRefs:
        {{- include "platform.v1.route.backends" . | nindent 8 }}
{{- end }}
{{- if $v.ingress.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  {{- include "platform.v1.metadata" (dict "root" . "annotations" $v.ingress.annotations) | nindent 2 }}
spec:
  {{- with $v.ingress.className }}
  ingressClassName: {{ . }}
  {{- end }}
  {{- with $v.ingress.tlsSecret }}
  tls:
    - hosts:
        {{- toYaml $v.ingress.hosts | nindent 8 }}
      secretName: {{ . }}
  {{- end }}
  rules:
    {{- range $v.ingress.hosts }}
    - host: {{ . | quote }}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: {{ include "platform.v1.name" $ }}
                port: {name: http}
    {{- end }}
{{- end }}
{{- end -}}

{{- define "platform.v1.route.backends" -}}
{{- $v := .Values.resolved -}}{{- $name := include "platform.v1.name" . -}}{{- $port := int $v.service.port -}}
{{- if include "platform.v1.weighted" . }}
- {name: {{ $name }}, port: {{ $port }}, weight: {{ sub 100 (int $v.rollout.next.weight) }}}
- {name: {{ $name }}-next, port: {{ $port }}, weight: {{ int $v.rollout.next.weight }}}
{{- else }}
- {name: {{ $name }}, port: {{ $port }}}
{{- end }}
{{- end -}}

{{/* Whether a canary's share is the route's to say; else it is that of its pods. */}}
{{- define "platform.v1.weighted" -}}
{{- $v := .Values.resolved -}}
{{- if and (eq $v.rollout.strategy "canary") (dig "route" "enabled" false $v) $v.rollout.next.weight -}}true{{- end -}}
{{- end -}}
