{{- define "engines.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* The images of engines write beside their data, so that their root is not read-only. */}}
{{- define "engines.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
{{- end -}}

{{/* (root, name, image, user, command, env, secrets, file): a Job that prepares an engine once it answers. */}}
{{- define "engines.job" -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "engines.metadata" (dict "root" .root "name" .name) | nindent 2 }}
  annotations:
    helm.sh/hook: post-install,post-upgrade
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    helm.sh/hook-output-log-policy: hook-failed
spec:
  backoffLimit: 3
  activeDeadlineSeconds: 300
  template:
    metadata:
      labels:
        {{- include "engines.labels" .root | nindent 8 }}
        app.kubernetes.io/name: {{ .name }}
    spec:
      automountServiceAccountToken: false
      restartPolicy: OnFailure
      securityContext:
        {{- include "engines.podSecurity" .user | nindent 8 }}
      containers:
        - name: prepare
          image: {{ .image }}
          imagePullPolicy: {{ .root.Values.dev.pullPolicy }}
          command:
            {{- toYaml .command | nindent 12 }}
          {{- if or .env .secrets }}
          env:
            {{- range $name, $value := .env | default dict }}
            - {name: {{ $name }}, value: {{ $value | quote }}}
            {{- end }}
            {{- range $name, $key := .secrets | default dict }}
            - {name: {{ $name }}, valueFrom: {secretKeyRef: {name: {{ $.root.Values.dev.existingSecret }}, key: {{ $key }}}}}
            {{- end }}
          {{- end }}
          securityContext:
            {{- include "engines.containerSecurity" . | nindent 12 }}
          resources: {requests: {cpu: 50m, memory: 128Mi}, limits: {memory: 512Mi}}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- if .file }}
            - {name: files, mountPath: /files, readOnly: true}
            {{- end }}
      volumes:
        - {name: tmp, emptyDir: {}}
        {{- with .file }}
        - {name: files, configMap: {name: {{ . }}}}
        {{- end }}
{{- end -}}
