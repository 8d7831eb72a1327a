{{- define "postgresql.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name }}{{ .Release.Name }}{{ else }}{{ printf "%s-%s" .Release.Name $name }}{{ end -}}
{{- end -}}

{{- define "postgresql.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "postgresql.labels" -}}
{{ include "postgresql.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "postgresql.image" -}}
{{ .Values.image.registry }}/{{ .Values.image.repository }}:{{ .Values.image.tag }}
{{- end -}}

{{/* The password that is given, else the one that the Secret has from before, else a new one. */}}
{{- define "postgresql.password" -}}
{{- $secret := lookup "v1" "Secret" .Release.Namespace (include "postgresql.fullname" .) -}}
{{- if .Values.auth.password }}{{ .Values.auth.password | b64enc }}
{{- else if $secret }}{{ index $secret.data "password" }}
{{- else }}{{ randAlphaNum 16 | b64enc }}{{ end -}}
{{- end -}}
