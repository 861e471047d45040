{{/*
What serves is scaled on CPU, on requests in flight and, at the edge, on open streams; what consumes on its groups' lag, by
KEDA. It grows at once and shrinks a pod at a time, so that what drains has the time to.
*/}}
{{- define "platform.v1.scaling" -}}
{{- include "platform.v1.resolve" . -}}
{{- $v := .Values.resolved -}}
{{- if $v.serve.autoscaling.enabled }}
{{ include "platform.v1.hpa" . }}
{{- end }}
{{- if dig "consume" "autoscaling" "enabled" false $v }}
---
{{ include "platform.v1.scaledObject" . }}
{{- end }}
{{- end -}}

{{- define "platform.v1.hpa" -}}
{{- $v := .Values.resolved -}}{{- $scaling := $v.serve.autoscaling -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  {{- include "platform.v1.metadata" (dict "root" . "component" "serve") | nindent 2 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "platform.v1.name" . }}
  minReplicas: {{ int $scaling.minReplicas }}
  maxReplicas: {{ int $scaling.maxReplicas }}
  metrics:
    {{- with $scaling.targetCPUUtilization }}
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: {{ int . }}}
    {{- end }}
    {{- with $scaling.targetInFlight }}
    {{- $metric := ternary "rookery_gateway_http_requests_in_flight" "rookery_rpc_server_in_flight_entries" (eq (include "platform.v1.protocol" $) "http") }}
    {{- include "platform.v1.podsMetric" (list $metric .) | nindent 4 }}
    {{- end }}
    {{- with $scaling.targetConnections }}
    {{- include "platform.v1.podsMetric" (list "rookery_gateway_live_connections" .) | nindent 4 }}
    {{- end }}
  behavior:
    scaleUp:
      stabilizationWindowSeconds: 0
      policies:
        - {type: Percent, value: 100, periodSeconds: 30}
        - {type: Pods, value: 2, periodSeconds: 30}
    scaleDown:
      stabilizationWindowSeconds: {{ int $scaling.scaleDownSeconds }}
      policies:
        # A pod that goes has its whole grace period before the next one does.
        - {type: Pods, value: 1, periodSeconds: {{ max 60 (int $v.serve.terminationGracePeriodSeconds) }}}
{{- end -}}

{{- define "platform.v1.podsMetric" -}}
- type: Pods
  pods:
    metric: {name: {{ index . 0 }}}
    target: {type: AverageValue, averageValue: {{ index . 1 | int | quote }}}
{{- end -}}

{{/* One trigger for each group and topic of protos/topics.yaml. A partition whose offset stands still scales nothing. */}}
{{- define "platform.v1.scaledObject" -}}
{{- $v := .Values.resolved -}}{{- $scaling := $v.consume.autoscaling -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  {{- include "platform.v1.metadata" (dict "root" . "name" (printf "%s-consume" (include "platform.v1.name" .)) "component" "consume") | nindent 2 }}
spec:
  scaleTargetRef:
    name: {{ include "platform.v1.name" . }}-consume
  minReplicaCount: {{ int $scaling.minReplicas }}
  maxReplicaCount: {{ int $scaling.maxReplicas }}
  pollingInterval: 15
  cooldownPeriod: {{ int $scaling.scaleDownSeconds }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        scaleDown:
          stabilizationWindowSeconds: {{ int $scaling.scaleDownSeconds }}
          policies:
            - {type: Pods, value: 1, periodSeconds: 60}
  triggers:
    {{- range $v.graph.groups }}
    - type: kafka
      metadata:
        bootstrapServers: {{ $v.kafka.bootstrapServers | quote }}
        consumerGroup: {{ printf "%s%s" ($v.kafka.topicPrefix | default "") .group | quote }}
        topic: {{ printf "%s%s" ($v.kafka.topicPrefix | default "") .topic | quote }}
        lagThreshold: {{ get $scaling.lagThresholds .group | default $scaling.lagThreshold | int | quote }}
        offsetResetPolicy: earliest
        excludePersistentLag: "true"
        limitToPartitionsWithLag: "true"
        scaleToZeroOnInvalidOffset: "false"
        {{- if $v.kafka.tls }}
        tls: enable
        {{- end }}
        {{- if $v.kafka.username }}
        sasl: {{ get (dict "PLAIN" "plaintext" "SCRAM-SHA-256" "scram_sha256" "SCRAM-SHA-512" "scram_sha512") ($v.kafka.saslMechanism | default "SCRAM-SHA-512") }}
        {{- end }}
      {{- if include "platform.v1.kafkaAccess" $ }}
      authenticationRef: {name: {{ include "platform.v1.name" $ }}-kafka}
      {{- end }}
    {{- end }}
{{- with include "platform.v1.kafkaAccess" . }}
---
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata:
  {{- include "platform.v1.metadata" (dict "root" $ "name" (printf "%s-kafka" (include "platform.v1.name" $)) "component" "consume") | nindent 2 }}
spec:
  {{- . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* How KEDA gets at Kafka: as the consumers do, with their user, password and authorities. */}}
{{- define "platform.v1.kafkaAccess" -}}
{{- $v := .Values.resolved -}}
{{- with $v.kafka.username }}
env:
  - {parameter: username, name: {{ upper $.Chart.Name }}_KAFKA_USERNAME, containerName: consume}
{{- end }}
{{- if or $v.kafka.username $v.kafka.caSecret }}
secretTargetRef:
  {{- if $v.kafka.username }}
  - {parameter: password, name: {{ $v.kafka.existingSecret | default $v.existingSecret }}, key: {{ $v.kafka.passwordKey }}}
  {{- end }}
  {{- with $v.kafka.caSecret }}
  - {parameter: ca, name: {{ . }}, key: {{ $v.kafka.caKey | default "ca.crt" }}}
  {{- end }}
{{- end }}
{{- end -}}
