# title: kubernetes $KUBERNETES_VERSION programs
# disk-mb: 4000
source "$LAB/recipes/program.sh"
version=k8s.io/component-base/version
go_build "$LAB/programs/kubernetes" \
  "-X $version.gitVersion=v$KUBERNETES_VERSION -X $version.gitMajor=1 -X $version.gitMinor=${KUBERNETES_VERSION:2:2} -X $version.gitTreeState=clean" \
  k8s.io/kubernetes/cmd/{kubeadm,kubelet,kube-apiserver,kube-controller-manager,kube-scheduler,kube-proxy}
[[ $(bin/kubelet --version) == "Kubernetes v$KUBERNETES_VERSION" ]]
[[ $(bin/kubeadm version --output short) == "v$KUBERNETES_VERSION" ]]
