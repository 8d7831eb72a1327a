{{/* Environment of every Dagster program, a code location's included: context $ */}}
{{- define "floe-platform.dagsterEnv" -}}
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

{{/*
Webserver and daemon alike, all of the pod but the program's own arguments, ports and probes:
dict "root" $ "name" "dagster-…" "container" (the YAML of what is the program's own) "resources" {…}
*/}}
{{- define "floe-platform.dagsterPodTemplate" -}}
metadata:
  labels:
    {{- include "floe-platform.labels" (dict "root" .root "component" .name) | nindent 4 }}
  annotations:
    # Dagster reads its configuration only at its start.
    checksum/dagster-config: {{ include (print .root.Template.BasePath "/dagster-config.yaml") .root | sha256sum }}
spec:
  {{- include "floe-platform.podBasics" (dict "root" .root "component" .name "userId" 1000) | nindent 2 }}
  initContainers:
    # Dagster's own retries end after some 10 s (dagster_postgres/utils.py), and a cold database takes
    # longer: its volume has to be made first. Dagster would crash and be restarted until it is there.
    - name: wait-for-postgres
      image: {{ include "floe-platform.image" (dict "image" .root.Values.postgres.image "registry" .root.Values.images.registry) }}
      imagePullPolicy: {{ .root.Values.images.pullPolicy }}
      # The first process of a container has no default action for SIGTERM: without the trap a deleted pod lingers.
      command: [sh, -c, "trap exit TERM; until pg_isready --host={{ include "floe-platform.postgresHost" .root }} --port={{ include "floe-platform.postgresPort" .root }} --username={{ .root.Values.postgres.username }}; do sleep 1; done"]
      resources:
        requests: { cpu: 10m, memory: 16Mi }
        limits: { cpu: 500m, memory: 64Mi }
      securityContext:
        {{- include "floe-platform.containerSecurity" . | nindent 8 }}
  containers:
    - name: {{ .name }}
      image: {{ include "floe-platform.image" (dict "image" .root.Values.dagster.image "registry" .root.Values.images.registry) }}
      imagePullPolicy: {{ .root.Values.images.pullPolicy }}
      {{- .container | nindent 6 }}
      env:
        - name: DAGSTER_HOME
          value: /opt/dagster/home
        {{- include "floe-platform.dagsterEnv" .root | nindent 8 }}
      resources:
        {{- toYaml .resources | nindent 8 }}
      securityContext:
        {{- include "floe-platform.containerSecurity" . | nindent 8 }}
      volumeMounts:
        - name: home
          mountPath: /opt/dagster/home
          readOnly: true
        - name: tmp
          mountPath: /tmp
  volumes:
    - name: home
      configMap:
        name: dagster-config
    - name: tmp
      emptyDir: {}
{{- end }}

{{/* Where user code finds catalog, object storage and the database that Cube reads, each as far as it is there. */}}
{{- define "floe-platform.lakehouseEnv" -}}
{{- if include "floe-platform.catalogUri" . }}
- name: ICEBERG_CATALOG_URI
  value: {{ include "floe-platform.catalogUri" . | quote }}
- name: ICEBERG_WAREHOUSE
  value: {{ include "floe-platform.warehouse" . | quote }}
{{- if include "floe-platform.runsPolaris" . }}
{{ include "floe-platform.polarisEnv" . }}
- name: ICEBERG_CREDENTIAL
  value: $(POLARIS_CLIENT_ID):$(POLARIS_CLIENT_SECRET)
- name: ICEBERG_SCOPE
  value: PRINCIPAL_ROLE:ALL
{{- else if and (not .Values.polaris.enabled) .Values.polaris.existing.credentialSecret }}
- name: ICEBERG_CREDENTIAL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.polaris.existing.credentialSecret }}
      key: credential
- name: ICEBERG_SCOPE
  value: {{ .Values.polaris.existing.scope | quote }}
{{- end }}
{{- end }}
{{- if include "floe-platform.objectStorageEndpoint" . }}
- name: S3_ENDPOINT
  value: {{ include "floe-platform.objectStorageEndpoint" . | quote }}
{{ include "floe-platform.objectStorageEnv" . }}
{{- end }}
{{- with include "floe-platform.redisUrl" . }}
- name: REDIS_URL
  value: {{ . | quote }}
{{- with include "floe-platform.redisSecret" $ }}
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: password
{{- end }}
{{- end }}
{{- with .Values.postgres.martsDatabase }}
- name: MARTS_POSTGRES_HOST
  value: {{ include "floe-platform.postgresHost" $ | quote }}
- name: MARTS_POSTGRES_PORT
  value: {{ include "floe-platform.postgresPort" $ | quote }}
- name: MARTS_POSTGRES_DATABASE
  value: {{ . | quote }}
- name: MARTS_POSTGRES_USER
  value: {{ $.Values.postgres.username | quote }}
{{- end }}
{{- end }}
