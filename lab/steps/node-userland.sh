# title: node image, userland
# image: floe-lab/node-userland:bookworm
# disk-mb: 1500
# What kind's base image installs (images/base/Dockerfile of its source). bookworm: its systemd 252 and the kubelet of
# Kubernetes before 1.35 are the last that work on cgroup v1.
source "$LAB/recipes/debian.sh"
debootstrap_into tree bash,ca-certificates,conntrack,containerd,containernetworking-plugins,curl,dbus,ebtables,ethtool,hostname,\
iproute2,ipset,iptables,jq,kmod,libseccomp2,mount,nftables,pigz,procps,runc,socat,systemd,systemd-sysv,util-linux
# As that Dockerfile does: only what is enabled by name starts in a node.
rm -f tree/lib/systemd/system/{multi-user,local-fs,basic}.target.wants/* tree/etc/systemd/system/*.wants/* \
  tree/lib/systemd/system/sockets.target.wants/*{udev,initctl}*
rm -f tree/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service
echo ReadKMsg=no >>tree/etc/systemd/journald.conf
mkdir -p tree/opt/cni
ln -s /usr/lib/cni tree/opt/cni/bin
make_image scratch tree </dev/null
