# title: docker $DOCKER28_VERSION, containerd and buildx (Debian $DOCKER28_SUITE)
# disk-mb: 1500
# A docker like that of today's runners and laptops, beside this machine's own: lab/docker28 runs it. It is a whole tree of
# Debian's next release, since its programs want a newer libc than bookworm has. In it there is a user as GitHub's runners have
# one, with the programs that workflows and tests start.
source "$LAB/recipes/debian.sh"
mkdir -p root/etc/dpkg/dpkg.cfg.d
printf '%s\n' force-unsafe-io path-exclude=/usr/share/{doc,man,locale,info,lintian}/'*' >root/etc/dpkg/dpkg.cfg.d/image
# bookworm's debootstrap has no script of that name; all of Debian's newer releases are made as sid is.
debootstrap --variant=minbase \
  --include=ca-certificates,containerd,curl,docker-buildx,docker-cli,docker.io,git,iproute2,iptables,jq,kmod,openssl,procps,python3,rootlesskit,runc,slirp4netns,sudo,uidmap \
  "$DOCKER28_SUITE" root "$(debian_mirror)" /usr/share/debootstrap/scripts/sid
# As on GitHub's image: actions/runner-images, images/ubuntu/scripts/build/configure-runner-user.sh and its like.
chroot root useradd --uid 1001 --create-home --shell /bin/bash --groups docker runner
echo 'runner ALL=(ALL) NOPASSWD:ALL' >root/etc/sudoers.d/runner
chmod 440 root/etc/sudoers.d/runner
rm -rf root/var/lib/apt/lists/* root/var/cache/{apt,debconf}/* root/usr/share/{doc,man,locale,info,lintian}/*
chroot root sh -c 'dockerd --version; docker --version; containerd --version; docker buildx version; runc --version | head -n 1' | tee versions
# A suite that is not released moves on. A newer docker of the same kind serves as well, and lab/docker28 says which one it is.
found=$(chroot root dpkg-query --show --showformat '${Version}' docker.io)
dpkg --compare-versions "${found%%+*}" ge "$DOCKER28_VERSION" || { echo "docker.io of $DOCKER28_SUITE is $found, and $DOCKER28_VERSION is wanted"; exit 1; }
