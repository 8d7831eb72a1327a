{{/* What every pod of the chart has in common: dict "root" $ "component" "…" "userId" 1000 */}}
{{- define "floe-platform.podBasics" -}}
serviceAccountName: {{ include "floe-platform.serviceAccount" .root }}
# No program of the platform talks to the Kubernetes API.
automountServiceAccountToken: false
# Without this the kubelet sets DAGSTER_WEBSERVER_PORT=tcp://… from the Service of that name, and
# dagster-webserver reads its options from DAGSTER_WEBSERVER_*: it would refuse to start.
enableServiceLinks: false
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $labels := dict "root" .root "component" .component }}
{{- with .root.Values.topologySpread }}
topologySpreadConstraints:
  {{- range . }}
  - topologyKey: {{ .topologyKey }}
    maxSkew: {{ .maxSkew }}
    whenUnsatisfiable: {{ .whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- if eq .over "release" }}
        {{- omit (include "floe-platform.selectorLabels" $labels | fromYaml) "app.kubernetes.io/component" | toYaml | nindent 8 }}
        {{- else }}
        {{- include "floe-platform.selectorLabels" $labels | nindent 8 }}
        {{- end }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .userId }}
  runAsGroup: {{ .userId }}
  fsGroup: {{ .userId }}
  # A volume whose root already belongs to the group is not walked again at each start.
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{/* Security context of every container of the chart. */}}
{{- define "floe-platform.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Access to object storage, under the names that the S3 clients of every language read. */}}
{{- define "floe-platform.objectStorageEnv" -}}
- name: AWS_REGION
  value: {{ .Values.minio.existing.region | quote }}
- name: AWS_ACCESS_KEY_ID
  valueFrom:
    secretKeyRef:
      name: {{ include "floe-platform.objectStorageSecret" . }}
      key: access-key
- name: AWS_SECRET_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ include "floe-platform.objectStorageSecret" . }}
      key: secret-key
{{- end }}

{{/* An HTTP program's three probes: dict "port" "…" "ready" "/…" "live" "/…" "startSeconds" 60; "start" where it is not "ready" */}}
{{- define "floe-platform.httpProbes" -}}
startupProbe:
  httpGet: { path: {{ .start | default .ready }}, port: {{ .port }} }
  periodSeconds: 1
  timeoutSeconds: 5
  failureThreshold: {{ .startSeconds }}
readinessProbe:
  httpGet: { path: {{ .ready }}, port: {{ .port }} }
  periodSeconds: 5
  timeoutSeconds: 15
livenessProbe:
  httpGet: { path: {{ .live }}, port: {{ .port }} }
  periodSeconds: 30
  timeoutSeconds: 30
  failureThreshold: 4
{{- end }}

{{/* spec.replicas, unless an autoscaler sets it: a component's values */}}
{{- define "floe-platform.replicas" -}}
{{- if not .autoscaling.enabled }}
replicas: {{ .replicas }}
{{- end }}
{{- end }}

{{/* "true" for a program of which there are several pods: its values */}}
{{- define "floe-platform.isScaled" -}}
{{- if gt (int (ternary .autoscaling.minReplicas .replicas .autoscaling.enabled)) 1 }}true{{ end -}}
{{- end }}

{{/*
Of a program with several pods: dict "root" $ "values" {…}. A pod that has to go is told so at the moment at which it begins to be
taken out of its Service, and each node learns of that later: who connects meanwhile is still sent to it. So it serves for a
while longer. Kubernetes can do that without a program in the image since 1.30.
*/}}
{{- define "floe-platform.lingers" -}}
{{- if and (include "floe-platform.isScaled" .values) (semverCompare ">=1.30.0-0" .root.Capabilities.KubeVersion.Version) }}
lifecycle:
  preStop:
    sleep: { seconds: 10 }
{{- end }}
{{- end }}
