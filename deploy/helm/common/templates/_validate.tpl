{{/* Values that had another name before, or have another in other charts: the upgrade stops with the name that holds now. */}}
{{- define "platform.v1.deprecations" -}}
{{- $renamed := dict
  "replicaCount" "serve.replicas"
  "replicas" "serve.replicas"
  "resources" "serve.resources"
  "autoscaling" "serve.autoscaling"
  "env" "settings (or extraEnv for what is no setting)"
  "secretName" "existingSecret"
  "httpRoute" "route"
-}}
{{- $problems := list -}}
{{- range $old, $new := $renamed -}}
{{- if hasKey $.Values $old }}{{ $problems = append $problems (printf "%s is now %s" $old $new) }}{{ end -}}
{{- end -}}
{{- include "platform.v1.fail" (dict "root" . "problems" $problems) -}}
{{- end -}}

{{/* (root, problems): fails with all problems at once, each a line. */}}
{{- define "platform.v1.fail" -}}
{{- if .problems -}}
{{- fail (printf "\n\n%s: %s\n" .root.Chart.Name (join (printf "\n%s: " .root.Chart.Name) .problems)) -}}
{{- end -}}
{{- end -}}

{{/* What a schema can't say: what is missing, and what does not fit together. */}}
{{- define "platform.v1.validate" -}}
{{- $v := .Values.resolved -}}
{{- $problems := concat
  (include "platform.v1.validate.secrets" . | fromYamlArray)
  (include "platform.v1.validate.addresses" . | fromYamlArray)
  (include "platform.v1.validate.rollout" . | fromYamlArray)
  (include "platform.v1.validate.scaling" . | fromYamlArray)
-}}
{{- if and $v.tls.enabled (not $v.tls.existingSecret) (not $v.tls.certManager.enabled) -}}
{{- $problems = append $problems "tls.enabled needs tls.existingSecret (a Secret with tls.crt, tls.key and ca.crt), or tls.certManager.enabled and tls.certManager.issuer.name" -}}
{{- end -}}
{{- if and $v.tls.enabled $v.tls.certManager.enabled (not $v.tls.certManager.issuer.name) -}}
{{- $problems = append $problems "tls.certManager.issuer.name is missing: the Issuer or ClusterIssuer that signs certificates" -}}
{{- end -}}
{{- include "platform.v1.fail" (dict "root" . "problems" $problems) -}}
{{- end -}}

{{- define "platform.v1.validate.secrets" -}}
{{- $v := .Values.resolved -}}
{{- $keys := list -}}
{{- if not $v.masterKey.existingSecret }}{{ $keys = append $keys $v.masterKey.key }}{{ end -}}
{{- $wanted := dict "postgres" (list "dsnKey") "cql" (list "usernameKey" "passwordKey") "redis" (list "cacheUrlKey" "stateUrlKey") "s3" (list "accessKeyKey" "secretKeyKey") "elasticsearch" (list "urlKey") -}}
{{- range $engine, $names := $wanted -}}
{{- if and (hasKey $.Values $engine) (not (dig $engine "existingSecret" "" $v)) -}}
{{- range $names }}{{ $keys = append $keys (dig $engine . "" $v) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if and $keys (not $v.existingSecret) -}}
{{- $literals := list -}}
{{- range sortAlpha $keys }}{{ $literals = append $literals (printf "--from-literal=%s=…" .) }}{{ end -}}
{{- toYaml (list (printf "existingSecret is missing: the Secret that holds %s. Make it before the release: kubectl -n %s create secret generic rookery-%s %s" (join ", " (sortAlpha $keys)) .Release.Namespace .Chart.Name (join " " $literals))) -}}
{{- end -}}
{{- end -}}

{{- define "platform.v1.validate.addresses" -}}
{{- $v := .Values.resolved -}}
{{- $problems := list -}}
{{- if and (hasKey .Values "kafka") (not $v.kafka.bootstrapServers) -}}
{{- $problems = append $problems "kafka.bootstrapServers (or global.kafka.bootstrapServers) is missing: host:port of Kafka's brokers, by commas" -}}
{{- end -}}
{{- if and (hasKey .Values "cql") (not $v.cql.hosts) -}}
{{- $problems = append $problems "cql.hosts (or global.cql.hosts) is missing: a list of ScyllaDB's or Cassandra's contact points" -}}
{{- end -}}
{{- if and (hasKey .Values "s3") (not $v.s3.endpoint) -}}
{{- $problems = append $problems "s3.endpoint (or global.s3.endpoint) is missing: the URL of the object store" -}}
{{- end -}}
{{- if dig "route" "enabled" false $v -}}
{{- if not $v.route.parentRefs }}{{ $problems = append $problems "route.parentRefs is missing: the Gateways that this route joins" }}{{ end -}}
{{- end -}}
{{- if and (dig "ingress" "enabled" false $v) (not (dig "ingress" "hosts" "" $v)) -}}
{{- $problems = append $problems "ingress.hosts is missing: the names that clients use" -}}
{{- end -}}
{{- if $problems }}{{ toYaml $problems }}{{ end -}}
{{- end -}}

{{- define "platform.v1.validate.rollout" -}}
{{- $v := .Values.resolved -}}
{{- $problems := list -}}
{{- $next := $v.rollout.next | default dict -}}
{{- if and (ne $v.rollout.strategy "rolling") (not $next.tag) (not $next.digest) -}}
{{- $problems = append $problems (printf "rollout.next.tag (or .digest) is missing: the version that rollout.strategy %s releases" $v.rollout.strategy) -}}
{{- end -}}
{{- $needed := add (int $v.serve.preStopSeconds) (ceil $v.serve.drainSeconds) 20 -}}
{{- if lt (int $v.serve.terminationGracePeriodSeconds) (int $needed) -}}
{{- $problems = append $problems (printf "serve.terminationGracePeriodSeconds is %d, but to drain takes %d (preStopSeconds + drainSeconds + 20 to end what runs)" (int $v.serve.terminationGracePeriodSeconds) (int $needed)) -}}
{{- end -}}
{{- if $problems }}{{ toYaml $problems }}{{ end -}}
{{- end -}}

{{/* Bounds of scaling, also those that a database sets: what all pods may open must fit into what it allows this service. */}}
{{- define "platform.v1.validate.scaling" -}}
{{- $v := .Values.resolved -}}
{{- $problems := list -}}
{{- $processes := 0 -}}
{{- $groups := list -}}
{{- range $v.graph.groups }}{{ $groups = append $groups .group }}{{ end -}}
{{- range $component := prepend $v.graph.workloads "serve" -}}
{{- $workload := get $v $component -}}
{{- $scaling := $workload.autoscaling | default dict -}}
{{- if $scaling.enabled -}}
{{- if gt (int $scaling.minReplicas) (int $scaling.maxReplicas) -}}
{{- $problems = append $problems (printf "%s.autoscaling.minReplicas %d is more than maxReplicas %d" $component (int $scaling.minReplicas) (int $scaling.maxReplicas)) -}}
{{- end -}}
{{- range $group, $threshold := $scaling.lagThresholds -}}
{{- if not (has $group $groups) -}}
{{- $problems = append $problems (printf "%s.autoscaling.lagThresholds names %s, but the groups are %s" $component $group (join ", " $groups)) -}}
{{- end -}}
{{- end -}}
{{- $processes = add $processes (int $scaling.maxReplicas) 1 -}}
{{- else -}}
{{- $processes = add $processes (int $workload.replicas) 1 -}}
{{- end -}}
{{- end -}}
{{- if ne $v.rollout.strategy "rolling" }}{{ $processes = add $processes (int $v.rollout.next.replicas) }}{{ end -}}
{{- if and $v.serve.autoscaling.enabled (not $v.serve.autoscaling.targetCPUUtilization) (not $v.serve.autoscaling.targetInFlight) (not $v.serve.autoscaling.targetConnections) -}}
{{- $problems = append $problems "serve.autoscaling.enabled needs a target: targetCPUUtilization, targetInFlight or targetConnections" -}}
{{- end -}}
{{- if hasKey .Values "postgres" -}}
{{- $budget := int $v.postgres.connectionBudget -}}
{{- $wanted := mul $processes (int $v.postgres.poolSize) -}}
{{- if and $budget (gt (int $wanted) $budget) -}}
{{- $problems = append $problems (printf "postgres.connectionBudget is %d, but %d processes (at most, one more of each while rolling) of postgres.poolSize %d may open %d: lower maxReplicas or poolSize, or raise the budget with the database's max_connections" $budget (int $processes) (int $v.postgres.poolSize) (int $wanted)) -}}
{{- end -}}
{{- end -}}
{{- if $problems }}{{ toYaml $problems }}{{ end -}}
{{- end -}}
