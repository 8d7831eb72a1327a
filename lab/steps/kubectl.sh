# title: kubectl $KUBERNETES_VERSION
# disk-mb: 500
source "$LAB/recipes/program.sh"
version=k8s.io/component-base/version
go_build "$LAB/programs/kubernetes" \
  "-X $version.gitVersion=v$KUBERNETES_VERSION -X $version.gitMajor=1 -X $version.gitMinor=${KUBERNETES_VERSION:2:2} -X $version.gitTreeState=clean" \
  k8s.io/kubernetes/cmd/kubectl
bin/kubectl version --client | grep --fixed-strings "v$KUBERNETES_VERSION"
