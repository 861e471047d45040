{{- define "platform.v1.notes" -}}
{{- include "platform.v1.resolve" . -}}
{{- $v := .Values.resolved -}}{{- $name := include "platform.v1.name" . -}}{{- $ns := .Release.Namespace -}}
{{ $name }} {{ include "platform.v1.tag" . }} in {{ $ns }}.

Wait for it, then test it:
  kubectl -n {{ $ns }} rollout status deployment/{{ $name }}
  helm -n {{ $ns }} test {{ .Release.Name }} --logs
{{- if eq (include "platform.v1.protocol" .) "http" }}

Look at it:
  kubectl -n {{ $ns }} port-forward service/{{ $name }} 8080:{{ int $v.service.port }} &
  curl http://127.0.0.1:8080/api/v2/instance
{{- if not (or $v.route.enabled $v.ingress.enabled) }}

Nothing leads here from outside: set route.enabled (Gateway API) or ingress.enabled.
{{- end }}
{{- end }}
{{- if eq $v.rollout.strategy "canary" }}

{{ $v.rollout.next.tag }} serves beside it as {{ $name }}-next. When it is good: --set image.tag={{ $v.rollout.next.tag }},rollout.strategy=rolling
{{- else if eq $v.rollout.strategy "blueGreen" }}

Traffic goes to the {{ $v.rollout.active }} version. {{ $v.rollout.next.tag }} runs beside it and is reached as {{ $name }}-next. Switch: --set rollout.active={{ ternary "current" "next" (eq $v.rollout.active "next") }}
{{- end }}
{{- if not $v.tls.enabled }}

Calls between services are not encrypted, and a caller's name is taken on trust: set tls.enabled before anyone else uses this cluster.
{{- end }}
{{- if and (hasKey $v.graph "groups") (dig "consume" "autoscaling" "enabled" false $v) (not (.Capabilities.APIVersions.Has "keda.sh/v1alpha1")) }}

KEDA is not in this cluster: consume.autoscaling needs it.
{{- end }}
{{- end -}}
