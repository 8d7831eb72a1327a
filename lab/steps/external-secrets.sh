# title: external-secrets/external-secrets:v$EXTERNAL_SECRETS_VERSION
# image: ghcr.io/external-secrets/external-secrets:v$EXTERNAL_SECRETS_VERSION
# needs: debian
# disk-mb: 1500
# The operator with one of its providers, which reads Secrets of a cluster, and one of its generators. All of them link the
# clients of some thirty clouds and vaults.
source "$LAB/recipes/program.sh"
source "$LAB/recipes/debian.sh"
module=github.com/external-secrets/external-secrets
cp -r "$(go mod download -json "$module@v$EXTERNAL_SECRETS_VERSION" | jq --raw-output .Dir)" source
chmod -R u+w source
echo "package register; import _ \"$module/pkg/provider/kubernetes\"" >source/pkg/provider/register/register.go
echo "package register; import _ \"$module/pkg/generator/password\"" >source/pkg/generator/register/register.go
go_build source "" .
open_image debian:bookworm-slim
install bin/external-secrets root/bin/external-secrets
in_root /bin/external-secrets --help | grep --fixed-strings ExternalSecrets
slim
make_image debian:bookworm-slim layer <<'D'
USER 65534
ENTRYPOINT ["/bin/external-secrets"]
D
