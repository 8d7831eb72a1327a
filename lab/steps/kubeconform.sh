# title: kubeconform $KUBECONFORM_VERSION
# disk-mb: 400
# Holds rendered charts against the schemas of Kubernetes. These come from a wheel, since the repository that kubeconform
# reads by default is not reached by every machine; their references are made relative, as kubeconform resolves them.
source "$LAB/recipes/program.sh"
go_install "github.com/yannh/kubeconform/cmd/kubeconform@v$KUBECONFORM_VERSION"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
  --requirement <(echo "kubernetes-validate==$KUBERNETES_VALIDATE_VERSION --hash=sha256:$KUBERNETES_VALIDATE_WHEEL_SHA256")
python3 -m zipfile --extract kubernetes_validate-*.whl wheel
mkdir schemas
for version in $SCHEMA_VERSIONS; do
  mv "wheel/kubernetes_validate/kubernetes-json-schema/v$version-local-strict" "schemas/v$version-strict"
done
find schemas -name '*.json' -exec sed -i -E \
  's#"/api/_definitions\.json\##"_definitions.json\##; s#"\$id": *"[^"]*"#"$comment": "of kubernetes-validate"#' {} +
rm -r wheel kubernetes_validate-*.whl
# A field that no Service has is refused, and not taken for one whose schema is missing.
refused=$(bin/kubeconform -strict -kubernetes-version "${SCHEMA_VERSIONS##* }" \
  -schema-location "schemas/{{ .NormalizedKubernetesVersion }}{{ .StrictSuffix }}/{{ .ResourceKind }}{{ .KindSuffix }}.json" \
  <<<'{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80, prot: 81}]}}') && exit 70
[[ $refused == *"additional properties 'prot' not allowed"* ]]
