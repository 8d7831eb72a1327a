{{/*
Names of Services do not hold the release's name: tests and programs find "dagster-webserver" and
"postgres" in whatever namespace they run in. One namespace therefore holds one release.
*/}}
{{- define "floe-platform.postgresSecret" -}}
{{- .Values.postgres.existingSecret | default "postgres-credentials" -}}
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
