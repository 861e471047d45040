{{/*
(root, component): the environment of a process. It is gathered by name, so that no name comes twice. A migration gets what
exists before the release: no certificates, no ConfigMaps.
*/}}
{{- define "platform.v1.env" -}}
{{- $env := dict -}}
{{- include "platform.v1.env.settings" (dict "root" .root "env" $env) -}}
{{- include "platform.v1.env.stores" (dict "root" .root "env" $env) -}}
{{- if ne .component "migrate" -}}
{{- include "platform.v1.env.process" (dict "root" .root "env" $env "component" .component) -}}
{{- end -}}
{{- range $name, $value := .root.Values.resolved.extraEnv -}}
{{- if kindIs "map" $value -}}
{{- $_ := set $env $name (dict "valueFrom" (dict "secretKeyRef" (dict "name" $value.secret "key" $value.key))) -}}
{{- else -}}
{{- $_ := set $env $name (dict "value" (include "platform.v1.scalar" $value)) -}}
{{- end -}}
{{- end -}}
{{- range $name := keys $env | sortAlpha }}
- name: {{ $name }}
  {{- toYaml (get $env $name) | nindent 2 }}
{{- end }}
{{- end -}}

{{/* (root, env, name, value): a setting of the service, unless it is empty. */}}
{{- define "platform.v1.env.plain" -}}
{{- $text := include "platform.v1.scalar" .value -}}
{{- if not (or (kindIs "invalid" .value) (eq $text "")) -}}
{{- $_ := set .env (printf "%s_%s" (upper .root.Chart.Name) .name) (dict "value" $text) -}}
{{- end -}}
{{- end -}}

{{/* (root, env, name, secret, key): a setting that is a secret. */}}
{{- define "platform.v1.env.secret" -}}
{{- $secret := .secret | default .root.Values.resolved.existingSecret -}}
{{- $reference := dict "secretKeyRef" (dict "name" $secret "key" .key) -}}
{{- $_ := set .env (printf "%s_%s" (upper .root.Chart.Name) .name) (dict "valueFrom" $reference) -}}
{{- end -}}

{{- define "platform.v1.env.settings" -}}
{{- range $key, $value := .root.Values.resolved.settings -}}
{{- include "platform.v1.env.plain" (dict "root" $.root "env" $.env "name" ($key | snakecase | upper) "value" $value) -}}
{{- end -}}
{{- range $key, $value := .root.Values.resolved.secretSettings -}}
{{- include "platform.v1.env.secret" (dict "root" $.root "env" $.env "name" ($key | snakecase | upper) "secret" $value.secret "key" $value.key) -}}
{{- end -}}
{{- end -}}

{{- define "platform.v1.env.stores" -}}
{{- $root := .root -}}{{- $env := .env -}}{{- $v := .root.Values.resolved -}}
{{- $plain := dict
  "KAFKA_BOOTSTRAP" $v.kafka.bootstrapServers
  "KAFKA_TLS" $v.kafka.tls
  "KAFKA_SASL_MECHANISM" $v.kafka.saslMechanism
  "KAFKA_USERNAME" $v.kafka.username
  "TOPIC_PREFIX" $v.kafka.topicPrefix
-}}
{{- range include "platform.v1.engineFiles" $root | fromYamlArray -}}
{{- $_ := set $plain .setting (printf "/etc/rookery/engines/%s" .path) -}}
{{- end -}}
{{- $secrets := list (list "MASTER_KEY" $v.masterKey.existingSecret $v.masterKey.key) -}}
{{- if hasKey $root.Values "postgres" -}}
{{- $_ := set $plain "POSTGRES_POOL_SIZE" $v.postgres.poolSize -}}
{{- $_ := set $plain "POSTGRES_TLS" $v.postgres.tls -}}
{{- $secrets = append $secrets (list "POSTGRES_DSN" $v.postgres.existingSecret $v.postgres.dsnKey) -}}
{{- if $v.postgres.replicaDsnKey -}}
{{- $secrets = append $secrets (list "POSTGRES_REPLICA_DSN" $v.postgres.existingSecret $v.postgres.replicaDsnKey) -}}
{{- end -}}
{{- end -}}
{{- if hasKey $root.Values "cql" -}}
{{- $_ := set $plain "CQL_HOSTS" (join "," $v.cql.hosts) -}}
{{- $_ := set $plain "CQL_PORT" $v.cql.port -}}
{{- $_ := set $plain "CQL_KEYSPACE" $v.cql.keyspace -}}
{{- $_ := set $plain "CQL_LOCAL_DC" $v.cql.localDatacenter -}}
{{- $_ := set $plain "CQL_TLS" $v.cql.tls -}}
{{- $_ := set $plain "CQL_TLS_NAME" $v.cql.tlsName -}}
{{- $secrets = append $secrets (list "CQL_USERNAME" $v.cql.existingSecret $v.cql.usernameKey) -}}
{{- $secrets = append $secrets (list "CQL_PASSWORD" $v.cql.existingSecret $v.cql.passwordKey) -}}
{{- end -}}
{{- if hasKey $root.Values "redis" -}}
{{- $_ := set $plain "REDIS_CLUSTER" $v.redis.cluster -}}
{{- $secrets = append $secrets (list "REDIS_CACHE_URL" $v.redis.existingSecret $v.redis.cacheUrlKey) -}}
{{- $secrets = append $secrets (list "REDIS_STATE_URL" $v.redis.existingSecret $v.redis.stateUrlKey) -}}
{{- end -}}
{{- if hasKey $root.Values "s3" -}}
{{- $_ := set $plain "S3_ENDPOINT" $v.s3.endpoint -}}
{{- $_ := set $plain "S3_REGION" $v.s3.region -}}
{{- $_ := set $plain "S3_BUCKET" $v.s3.bucket -}}
{{- $_ := set $plain "S3_PUBLIC_URL" $v.s3.publicUrl -}}
{{- $secrets = append $secrets (list "S3_ACCESS_KEY" $v.s3.existingSecret $v.s3.accessKeyKey) -}}
{{- $secrets = append $secrets (list "S3_SECRET_KEY" $v.s3.existingSecret $v.s3.secretKeyKey) -}}
{{- end -}}
{{- if hasKey $root.Values "elasticsearch" -}}
{{- $_ := set $plain "ELASTICSEARCH_USERNAME" $v.elasticsearch.username -}}
{{- $secrets = append $secrets (list "ELASTICSEARCH_URL" $v.elasticsearch.existingSecret $v.elasticsearch.urlKey) -}}
{{- end -}}
{{- range $name, $value := $plain -}}
{{- include "platform.v1.env.plain" (dict "root" $root "env" $env "name" $name "value" $value) -}}
{{- end -}}
{{- range $secrets -}}
{{- include "platform.v1.env.secret" (dict "root" $root "env" $env "name" (index . 0) "secret" (index . 1) "key" (index . 2)) -}}
{{- end -}}
{{- end -}}

{{- define "platform.v1.env.process" -}}
{{- $root := .root -}}{{- $env := .env -}}{{- $v := .root.Values.resolved -}}
{{- $plain := dict "HEALTH_ADDRESS" "0.0.0.0:7100" -}}
{{- if eq .component "serve" -}}
{{- $_ := set $plain (ternary "HTTP_ADDRESS" "GRPC_ADDRESS" (eq (include "platform.v1.protocol" $root) "http")) (printf "0.0.0.0:%s" (include "platform.v1.port" $root)) -}}
{{- $_ := set $plain "DRAIN_SECONDS" $v.serve.drainSeconds -}}
{{- end -}}
{{- range $v.graph.calls -}}
{{- $here := printf "%s.%s.svc.%s:7000" . $root.Release.Namespace $v.clusterDomain -}}
{{- $_ := set $plain (printf "%s_TARGET" (upper .)) (get $v.targets . | default $here) -}}
{{- end -}}
{{- if $v.tls.enabled -}}
{{- $_ := set $plain "TLS_CERT_FILE" "/etc/rookery/tls/tls.crt" -}}
{{- $_ := set $plain "TLS_KEY_FILE" "/etc/rookery/tls/tls.key" -}}
{{- $_ := set $plain "TLS_CA_FILE" "/etc/rookery/tls/ca.crt" -}}
{{- end -}}
{{- range include "platform.v1.files" $root | fromYamlArray -}}
{{- $_ := set $plain .setting (printf "/etc/rookery/%s/%s" .name .file) -}}
{{- end -}}
{{- range $name, $value := $plain -}}
{{- include "platform.v1.env.plain" (dict "root" $root "env" $env "name" $name "value" $value) -}}
{{- end -}}
{{- end -}}

{{/* The gateway speaks HTTP, every other service gRPC. */}}
{{- define "platform.v1.protocol" -}}
{{- ternary "http" "grpc" (eq .Chart.Name "gateway") -}}
{{- end -}}

{{- define "platform.v1.port" -}}
{{- ternary "8080" "7000" (eq .Chart.Name "gateway") -}}
{{- end -}}

{{/*
What of engines comes as files, which processes read again when they change: authorities, and passwords where a key names
them. A list of (secret, key, path, setting); the Secrets are there before the release.
*/}}
{{- define "platform.v1.engineFiles" -}}
{{- $v := .Values.resolved -}}
{{- $files := list -}}
{{- range $engine := $v.graph.engines -}}
{{- $values := get $v $engine -}}
{{- with $values.caSecret -}}
{{- $files = append $files (dict "secret" . "key" ($values.caKey | default "ca.crt") "path" (printf "%s-ca.crt" $engine) "setting" (printf "%s_CA_FILE" (upper $engine))) -}}
{{- end -}}
{{- $passwords := dict "PASSWORD_FILE" "passwordKey" "API_KEY_FILE" "apiKeyKey" -}}
{{- if eq $engine "redis" }}{{ $passwords = dict "CACHE_PASSWORD_FILE" "cachePasswordKey" "STATE_PASSWORD_FILE" "statePasswordKey" }}{{ end -}}
{{- if eq $engine "cql" }}{{ $passwords = dict }}{{ end -}}
{{- if and (eq $engine "kafka") (not $values.username) }}{{ $passwords = dict }}{{ end -}}
{{- range $setting, $name := $passwords -}}
{{- with get $values $name -}}
{{- $files = append $files (dict "secret" ($values.existingSecret | default $v.existingSecret) "key" . "path" (printf "%s-%s" $engine (lower $setting | replace "_file" "" | replace "_" "-")) "setting" (printf "%s_%s" (upper $engine) $setting)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $files }}{{ toYaml $files }}{{ end -}}
{{- end -}}
