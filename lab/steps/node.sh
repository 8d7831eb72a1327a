# title: node image for Kubernetes $KUBERNETES_VERSION
# image: floe-lab/node:v$KUBERNETES_VERSION
# needs: kubernetes kubectl etcd coredns local-path-provisioner kind-source kindnetd pause runc-compat component-base node-userland
# disk-mb: 4000
# What `kind build node-image` makes of kind's base image, from programs of our own build.
source "$LAB/recipes/debian.sh"
source "$LAB/recipes/image-archive.sh"
open_image floe-lab/node-userland:bookworm

cp -r "$KIND_SOURCE"/images/base/files/{etc,kind,usr} root/
chmod 755 root/kind root/kind/bin root/kind/bin/* root/usr/local/bin/*
install "$KUBERNETES"/bin/{kubeadm,kubelet} "$KUBECTL/bin/kubectl" root/usr/bin/
install "$RUNC_COMPAT/bin/runc-compat" root/usr/local/sbin/
printf 'v%s' "$KUBERNETES_VERSION" >root/kind/version
mkdir -p root/kind/manifests root/etc/kubernetes/manifests

# Debian's containerd, a runc that copes with a missing CAP_SYS_RESOURCE, and no score that needs it.
sed -i 's#/usr/local/bin/containerd#/usr/bin/containerd#; /^OOMScoreAdjust/d' root/etc/systemd/system/containerd.service
sed -i "s#sandbox_image = .*#sandbox_image = \"registry.k8s.io/pause:$PAUSE_IMAGE_TAG\"#; s#restrict_oom_score_adj = .*#restrict_oom_score_adj = true#
  s#\( *\)SystemdCgroup = true#&\n\1BinaryName = \"/usr/local/sbin/runc-compat\"#" root/etc/containerd/config.toml
in_root ctr oci spec | jq '.hooks.createContainer += [{path: "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' >root/etc/containerd/cri-base.json
in_root systemctl enable kubelet.service containerd.service undo-mount-hacks.service
in_root systemctl mask systemd-binfmt.service

# The two manifests that kind applies stand in its source as Go strings with the names of images in between.
python3 - "$KIND_SOURCE/pkg/build/nodeimage" root/kind/manifests >image-names <<'P'
import re, sys
source, manifests = sys.argv[1:]
for file, constant, manifest in (("const_cni.go", "defaultCNIManifest", "default-cni.yaml"), ("const_storage.go", "defaultStorageManifest", "default-storage.yaml")):
    text = open(f"{source}/{file}").read()
    images = dict(re.findall(r'const (\w+Image) = "([^"]+)"', text))
    body = re.search(rf"const {constant} = `(.*)`\s*$", text, re.S).group(1)
    with open(f"{manifests}/{manifest}", "w") as out:
        out.write(re.sub(r"` \+ (\w+) \+ `", lambda match: images[match.group(1)], body))
    for name, image in images.items():
        print(f"{name}={image}")
P
declare -A image_name
while IFS='=' read -r name image; do image_name[$name]=$image; done <image-names

mkdir archive
container=$(docker create --label "floe.lab.cache=$FLOE_LAB_CACHE" floe-lab/component-base:bookworm true)
docker export --output base.tar "$container"
docker rm "$container" >/dev/null
base=$(add_layer base.tar)
for name in kube-apiserver kube-controller-manager kube-scheduler; do
  add_image "registry.k8s.io/$name:v$KUBERNETES_VERSION" "/usr/local/bin/$name" "$(program_layer "$KUBERNETES/bin/$name")"
done
add_image "registry.k8s.io/kube-proxy:v$KUBERNETES_VERSION" /usr/local/bin/kube-proxy "$base" "$(program_layer "$KUBERNETES/bin/kube-proxy")"
add_image "registry.k8s.io/etcd:$ETCD_IMAGE_TAG" /usr/local/bin/etcd "$(program_layer "$ETCD/bin/etcd")"
add_image "registry.k8s.io/coredns/coredns:$COREDNS_IMAGE_TAG" /usr/local/bin/coredns "$(program_layer "$COREDNS/bin/coredns")"
add_image "registry.k8s.io/pause:$PAUSE_IMAGE_TAG" /usr/local/bin/pause "$(program_layer "$PAUSE/bin/pause")"
add_image "${image_name[kindnetdImage]}" /usr/local/bin/kindnetd "$base" "$(program_layer "$KINDNETD/bin/kindnetd")"
add_image "${image_name[storageProvisionerImage]}" /usr/local/bin/local-path-provisioner "$(program_layer "$LOCAL_PATH_PROVISIONER/bin/local-path-provisioner")"
add_image "${image_name[storageHelperImage]}" /bin/sh "$base"
close_archive

# A containerd of this step's own takes them in; they are unpacked when a node first needs them, as in kind's images.
printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >root/tmp/containerd.toml
in_root containerd --config /tmp/containerd.toml --log-level warn &
containerd=$!
for ((tenths = 0; tenths < 300; tenths++)); do
  if in_root ctr version >/dev/null 2>&1; then break; fi
  sleep 0.1
done
tar -C archive -c . | in_root ctr --namespace k8s.io images import --all-platforms --no-unpack -
in_root ctr --namespace k8s.io images list --quiet | sort
[[ $(in_root ctr --namespace k8s.io images list --quiet | wc -l) == 10 ]]
kill "$containerd"
wait "$containerd" || echo "containerd ended with status $?"
rm -rf archive root/run/containerd
slim
make_image floe-lab/node-userland:bookworm layer <<'D'
ENV container=docker
STOPSIGNAL SIGRTMIN+3
ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]
D
