{{/* Environment of every Dagster program: context $ */}}
{{- define "floe-platform.dagsterEnv" -}}
- name: DAGSTER_HOME
  value: /opt/dagster/home
# The user id has no entry in /etc/passwd and the root file system is read-only.
- name: HOME
  value: /tmp
- name: USER
  value: dagster
- name: PYTHONUNBUFFERED
  value: "1"
- name: POSTGRES_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "floe-platform.postgresSecret" . }}
      key: password
{{- end }}

{{- define "floe-platform.dagsterVolumeMounts" -}}
- name: home
  mountPath: /opt/dagster/home
- name: config
  mountPath: /opt/dagster/home/dagster.yaml
  subPath: dagster.yaml
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- end }}

{{- define "floe-platform.dagsterVolumes" -}}
- name: config
  configMap:
    name: dagster-config
- name: home
  emptyDir: {}
- name: tmp
  emptyDir: {}
{{- end }}

{{/* Pods follow their configuration: Dagster reads it only at its start. */}}
{{- define "floe-platform.dagsterAnnotations" -}}
checksum/dagster-config: {{ include (print .Template.BasePath "/dagster-config.yaml") . | sha256sum }}
{{- end }}
