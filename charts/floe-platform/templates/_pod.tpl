{{/* What every pod of the chart has in common: dict "root" $ "userId" 1000 */}}
{{- define "floe-platform.podBasics" -}}
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
