{{/* The root principal: context $ */}}
{{- define "floe-platform.polarisEnv" -}}
- name: POLARIS_CLIENT_ID
  valueFrom:
    secretKeyRef:
      name: {{ include "floe-platform.polarisSecret" . }}
      key: client-id
- name: POLARIS_CLIENT_SECRET
  valueFrom:
    secretKeyRef:
      name: {{ include "floe-platform.polarisSecret" . }}
      key: client-secret
{{- end }}

{{/* The database of Polaris, for the server and the admin tool alike: context $ */}}
{{- define "floe-platform.polarisPersistence" -}}
- name: POLARIS_PERSISTENCE_TYPE
  value: relational-jdbc
- name: QUARKUS_DATASOURCE_JDBC_URL
  value: jdbc:postgresql://{{ include "floe-platform.postgresHost" . }}:{{ include "floe-platform.postgresPort" . }}/{{ .Values.polaris.apache.database }}
- name: QUARKUS_DATASOURCE_USERNAME
  value: {{ .Values.postgres.username | quote }}
- name: QUARKUS_DATASOURCE_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "floe-platform.postgresSecret" . }}
      key: password
{{- end }}

{{/*
An init container that waits for PostgreSQL and makes the database. Two of them may run at once: who comes second finds it.
In /run/setup, where that is mounted, it leaves a file when the realm is there already: context $
*/}}
{{- define "floe-platform.polarisDatabase" -}}
- name: make-database
  image: {{ include "floe-platform.image" (dict "image" .Values.postgres.image "registry" .Values.images.registry) }}
  imagePullPolicy: {{ .Values.images.pullPolicy }}
  command:
    - sh
    - -c
    - |
      # The first process of a container has no default action for SIGTERM.
      trap exit TERM
      until pg_isready --quiet; do sleep 1; done
      has() { test -n "$(psql --dbname "$1" --tuples-only --no-align --command "$2" 2>/dev/null)"; }
      until has postgres "SELECT 1 FROM pg_database WHERE datname = '$DATABASE'"; do
        psql --dbname postgres --command "CREATE DATABASE $DATABASE" || sleep 2
      done
      if [ -d /run/setup ] && has "$DATABASE" "SELECT 1 FROM polaris_schema.entities WHERE realm_id = '$REALM' LIMIT 1"; then
        touch /run/setup/is-bootstrapped
      fi
  env:
    - name: PGHOST
      value: {{ include "floe-platform.postgresHost" . | quote }}
    - name: PGPORT
      value: {{ include "floe-platform.postgresPort" . | quote }}
    - name: PGUSER
      value: {{ .Values.postgres.username | quote }}
    - name: PGPASSWORD
      valueFrom:
        secretKeyRef:
          name: {{ include "floe-platform.postgresSecret" . }}
          key: password
    - name: DATABASE
      value: {{ .Values.polaris.apache.database | quote }}
    - name: REALM
      value: {{ .Values.polaris.apache.realm | quote }}
  resources:
    requests: { cpu: 10m, memory: 16Mi }
    limits: { cpu: 500m, memory: 64Mi }
  securityContext:
    {{- include "floe-platform.containerSecurity" . | nindent 4 }}
{{- end }}

{{/*
The pod of the Job that bootstraps the realm with the admin tool, and makes the catalog by Polaris' management API:
context $
*/}}
{{- define "floe-platform.polarisSetup" -}}
{{- $apache := .Values.polaris.apache -}}
metadata:
  labels:
    {{- include "floe-platform.labels" (dict "root" $ "component" "polaris-setup") | nindent 4 }}
spec:
  restartPolicy: OnFailure
  {{- include "floe-platform.podBasics" (dict "root" $ "component" "polaris-setup" "userId" 10000) | nindent 2 }}
  initContainers:
    {{- include "floe-platform.polarisDatabase" . | nindent 4 }}
      volumeMounts: &setup
        - name: setup
          mountPath: /run/setup
        - name: tmp
          mountPath: /tmp
    # The admin tool refuses a realm that is there, and a second installation finds that of the first.
    - name: bootstrap
      image: {{ include "floe-platform.image" (dict "image" $apache.adminImage "registry" .Values.images.registry) }}
      imagePullPolicy: {{ .Values.images.pullPolicy }}
      command:
        - sh
        - -c
        - |
          test -e /run/setup/is-bootstrapped && exit 0
          exec /opt/jboss/container/java/run/run-java.sh bootstrap \
            --realm="$REALM" --credential="$REALM,$POLARIS_CLIENT_ID,$POLARIS_CLIENT_SECRET"
      env:
        {{- include "floe-platform.polarisPersistence" . | nindent 8 }}
        {{- include "floe-platform.polarisEnv" . | nindent 8 }}
        - name: REALM
          value: {{ $apache.realm | quote }}
        - name: JAVA_TOOL_OPTIONS
          value: {{ .Values.polaris.javaOptions | quote }}
      resources: &resources
        requests: { cpu: 50m, memory: 256Mi }
        limits: { cpu: "1", memory: 512Mi }
      securityContext: &security
        {{- include "floe-platform.containerSecurity" . | nindent 8 }}
      volumeMounts: *setup
  containers:
    - name: make-catalog
      # For the curl in it.
      image: {{ include "floe-platform.image" (dict "image" $apache.image "registry" .Values.images.registry) }}
      imagePullPolicy: {{ .Values.images.pullPolicy }}
      command:
        - sh
        - -c
        - |
          set -eu
          umask 077
          trap exit TERM
          # What is in a file is in no list of processes.
          printf %s "$POLARIS_CLIENT_SECRET" > /tmp/client-secret
          until curl --silent --fail --max-time 30 --output /tmp/token.json --header "Polaris-Realm: $REALM" \
            --data grant_type=client_credentials --data-urlencode "client_id=$POLARIS_CLIENT_ID" \
            --data-urlencode client_secret@/tmp/client-secret --data scope=PRINCIPAL_ROLE:ALL \
            "$POLARIS/api/catalog/v1/oauth/tokens"; do sleep 2; done
          token=$(sed -n 's/.*"access_token" *: *"\([^"]*\)".*/\1/p' /tmp/token.json)
          printf 'Authorization: Bearer %s\nPolaris-Realm: %s\nContent-Type: application/json\n' "$token" "$REALM" > /tmp/headers
          ask() { curl --silent --max-time 30 --output /tmp/answer --write-out '%{http_code}' --header @/tmp/headers "$@"; }
          status=$(ask --data "$CATALOG" "$POLARIS/api/management/v1/catalogs")
          # 409: there is one of the name.
          case $status in 201|409) ;; *) cat /tmp/answer; exit 1 ;; esac
          status=$(ask --request PUT --data '{"type": "catalog", "privilege": "CATALOG_MANAGE_CONTENT"}' \
            "$POLARIS/api/management/v1/catalogs/$NAME/catalog-roles/catalog_admin/grants")
          case $status in 201|409) ;; *) cat /tmp/answer; exit 1 ;; esac
      env:
        - name: POLARIS
          value: http://polaris:8181
        - name: REALM
          value: {{ $apache.realm | quote }}
        - name: NAME
          value: {{ $apache.catalog | quote }}
        - name: CATALOG
          value: {{ dict "catalog" (dict
              "name" $apache.catalog
              "type" "INTERNAL"
              "readOnly" false
              "properties" (dict "default-base-location" (printf "s3://%s/warehouse" .Values.minio.bucket))
              "storageConfigInfo" (dict
                "storageType" "S3"
                "allowedLocations" (list (printf "s3://%s/warehouse" .Values.minio.bucket))
                "endpoint" (include "floe-platform.objectStorageEndpoint" .)
                "region" .Values.minio.existing.region
                "pathStyleAccess" true)) | toJson | quote }}
        {{- include "floe-platform.polarisEnv" . | nindent 8 }}
      resources: *resources
      securityContext: *security
      volumeMounts:
        - name: tmp
          mountPath: /tmp
  volumes:
    - name: setup
      emptyDir: {}
    - name: tmp
      emptyDir: {}
{{- end }}
