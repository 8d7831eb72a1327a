# title: local-path-provisioner $LOCAL_PATH_PROVISIONER_VERSION
# disk-mb: 500
source "$LAB/recipes/program.sh"
go_install "github.com/rancher/local-path-provisioner@v$LOCAL_PATH_PROVISIONER_VERSION"
