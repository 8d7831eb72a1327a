{{/* What connects a container with the database, by libpq's own variables. */}}
{{- define "libflow.database" -}}
- { name: PGHOST, value: {{ .Release.Name }}-postgresql }
- { name: PGUSER, value: app }
- name: PGPASSWORD
  valueFrom: { secretKeyRef: { name: {{ .Release.Name }}-postgresql, key: password } }
{{- end -}}

{{/* Of its root: an init container that ends when the migrations have been applied. */}}
{{- define "libflow.waitForMigrations" -}}
- name: wait-for-flow-migrations
  image: {{ .Values.global.postgresImage }}
  command: [sh, -c, "until psql --quiet --command='select version from applied_migrations'; do sleep 1; done"]
  env: {{- include "libflow.database" . | nindent 4 }}
{{- end -}}
