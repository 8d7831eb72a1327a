{{/*
Names of Services do not hold the release's name: tests and programs find "dagster-webserver" and
"postgres" in whatever namespace they run in. One namespace therefore holds one release.
*/}}
{{- define "floe-platform.postgresSecret" -}}
{{- .Values.postgres.existingSecret | default "postgres-credentials" -}}
{{- end }}
{{- define "floe-platform.objectStorageSecret" -}}
{{- .Values.minio.existingSecret | default "object-storage-credentials" -}}
{{- end }}
{{- define "floe-platform.cubeSecret" -}}
{{- .Values.cube.existingSecret | default "cube-credentials" -}}
{{- end }}
{{/* Of an existing Redis without a password there is none. */}}
{{- define "floe-platform.redisSecret" -}}
{{- .Values.redis.existingSecret | default (ternary "redis-credentials" "" .Values.redis.enabled) -}}
{{- end }}
{{- define "floe-platform.grafanaSecret" -}}
{{- .Values.grafana.existingSecret | default "grafana-credentials" -}}
{{- end }}
{{- define "floe-platform.serviceAccount" -}}
{{- .Values.serviceAccount.name | default "floe-platform" -}}
{{- end }}

{{/* Where each part of the platform answers: the chart's own, an existing one, or "" where there is none. */}}
{{- define "floe-platform.postgresHost" -}}
{{- if .Values.postgres.enabled }}postgres{{ else }}{{ .Values.postgres.existing.host }}{{ end -}}
{{- end }}
{{- define "floe-platform.postgresPort" -}}
{{- if .Values.postgres.enabled }}5432{{ else }}{{ .Values.postgres.existing.port }}{{ end -}}
{{- end }}
{{- define "floe-platform.objectStorageEndpoint" -}}
{{- if .Values.minio.enabled }}http://minio:9000{{ else }}{{ .Values.minio.existing.endpoint }}{{ end -}}
{{- end }}
{{/* "true" where the chart runs Apache Polaris itself */}}
{{- define "floe-platform.runsPolaris" -}}
{{- if and .Values.polaris.enabled (eq .Values.polaris.server "polaris") }}true{{ end -}}
{{- end }}
{{- define "floe-platform.polarisSecret" -}}
{{- .Values.polaris.apache.existingSecret | default "polaris-credentials" -}}
{{- end }}
{{- define "floe-platform.catalogUri" -}}
{{- if .Values.polaris.enabled }}http://polaris:8181{{ if include "floe-platform.runsPolaris" . }}/api/catalog{{ end }}{{ else }}{{ .Values.polaris.existing.uri }}{{ end -}}
{{- end }}
{{- define "floe-platform.warehouse" -}}
{{- if include "floe-platform.runsPolaris" . }}{{ .Values.polaris.apache.catalog }}{{ else if .Values.polaris.enabled }}s3://{{ .Values.minio.bucket }}/warehouse{{ else }}{{ .Values.polaris.existing.warehouse }}{{ end -}}
{{- end }}
{{- define "floe-platform.otlpEndpoint" -}}
{{- if .Values.otelCollector.enabled }}http://otel-collector:4318{{ else }}{{ .Values.otelCollector.existing.endpoint }}{{ end -}}
{{- end }}
{{- define "floe-platform.redisUrl" -}}
{{- if .Values.redis.enabled }}redis://redis:6379{{ else }}{{ .Values.redis.existing.url }}{{ end -}}
{{- end }}
{{- define "floe-platform.prometheusUrl" -}}
{{- if .Values.prometheus.enabled }}http://prometheus:9090{{ else }}{{ .Values.grafana.existing.prometheusUrl }}{{ end -}}
{{- end }}
{{- define "floe-platform.jaegerUrl" -}}
{{- if .Values.jaeger.enabled }}http://jaeger:16686{{ else }}{{ .Values.grafana.existing.jaegerUrl }}{{ end -}}
{{- end }}
{{/* Where the collector sends traces: host:port, OTLP over gRPC. */}}
{{- define "floe-platform.tracesEndpoint" -}}
{{- if .Values.jaeger.enabled }}jaeger:4317{{ else }}{{ .Values.jaeger.existing.endpoint }}{{ end -}}
{{- end }}

{{/* Labels that select a component's pods: dict "root" $ "component" "…" */}}
{{- define "floe-platform.selectorLabels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Labels of every object: dict "root" $ "component" "…" */}}
{{- define "floe-platform.labels" -}}
{{ include "floe-platform.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: floe
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* Image reference: dict "image" {repository, tag, digest} "registry" "…" */}}
{{- define "floe-platform.image" -}}
{{- with .registry }}{{ . }}/{{ end -}}
{{- .image.repository -}}
{{- with .image.tag }}:{{ . }}{{ end -}}
{{- with .image.digest }}@{{ . }}{{ end -}}
{{- end }}

{{/* storageClassName of a claim, if any is named: dict "root" $ "storage" {className} */}}
{{- define "floe-platform.storageClass" -}}
{{- with .storage.className | default .root.Values.storageClassName }}
storageClassName: {{ . }}
{{- end }}
{{- end }}

{{/*
A Secret of generated values that outlives the release, as the data that it opens does; a second install finds the first
one's values. Nothing where the user or an external store brings it.
dict "root" $ "component" "…" "name" "…" "existing" "…" "generated" (dict key length) "fixed" (dict key value)
*/}}
{{- define "floe-platform.secret" -}}
{{- if not (or .existing .root.Values.externalSecrets.enabled) }}
{{- $found := lookup "v1" "Secret" .root.Release.Namespace .name }}
---
apiVersion: v1
kind: Secret
metadata:
  name: {{ .name }}
  labels:
    {{- include "floe-platform.labels" (dict "root" .root "component" .component) | nindent 4 }}
  annotations:
    helm.sh/resource-policy: keep
type: Opaque
data:
  {{- range $key, $value := .fixed }}
  {{ $key }}: {{ $value | b64enc }}
  {{- end }}
  {{- range $key, $length := .generated }}
  {{- if and $found (hasKey ($found.data | default dict) $key) }}
  {{ $key }}: {{ index $found.data $key }}
  {{- else }}
  {{ $key }}: {{ randAlphaNum (int $length) | b64enc }}
  {{- end }}
  {{- end }}
{{- end }}
{{- end }}
