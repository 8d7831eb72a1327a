# How steps make images of Debian: sourced by them. They run as root in a mount namespace of their own.
# shellcheck shell=bash

# debian_mirror: the address from which this machine's own apt takes Debian.
debian_mirror() {
  local mirror
  # shellcheck disable=SC2016 # fields of apt's
  mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' | sed -n 's/^bookworm //p' | head -n 1)
  [[ -n $mirror ]] || { echo "this machine's apt names no mirror of Debian bookworm"; return 1; }
  echo "$mirror"
}

# debootstrap_into FOLDER: a minimal bookworm with this machine's apt settings and security updates, without manuals and
# translations, as Debian's slim images are.
debootstrap_into() {
  local root=$1
  mkdir -p "$root/etc/dpkg/dpkg.cfg.d" "$root/etc/apt/apt.conf.d"
  # Before the first package is unpacked. An image that is half written is thrown away, so nothing needs to be synced.
  printf '%s\n' force-unsafe-io path-exclude=/usr/share/{doc,man,locale,info,lintian}/'*' >"$root/etc/dpkg/dpkg.cfg.d/image"
  debootstrap --variant=minbase bookworm "$root" "$(debian_mirror)"
  # shellcheck disable=SC2016 # fields of apt's
  apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' | grep ' bookworm' >"$root/etc/apt/sources.list"
  # Proxies and the like; not which indexes this machine wants beside the packages themselves.
  apt-config dump | grep -E '^Acquire::(https?|Check|Retries)' >"$root/etc/apt/apt.conf.d/90machine" || echo "apt has no settings of its own"
  enter "$root"
  in_root apt-get update
  in_root apt-get upgrade --yes
  in_root apt-get clean
  # What was unpacked before dpkg itself was there.
  rm -rf "$root"/usr/share/{doc,man,locale,info,lintian}/*
  slim
}

# open_image IMAGE: what the image holds at ./root, with all changes kept apart in ./layer.
open_image() {
  local container
  container=$(docker create --label "floe.lab.cache=$FLOE_LAB_CACHE" "$1" true)
  mkdir -p base layer overlay root
  docker export "$container" | tar -x -C base
  docker rm "$container" >/dev/null
  mount -t overlay overlay -o "lowerdir=$PWD/base,upperdir=$PWD/layer,workdir=$PWD/overlay" root
  enter root
}

# enter FOLDER: makes it the root of in_root.
enter() {
  root=$1
  mount --bind /proc "$root/proc"
  mount --bind /dev "$root/dev"
  touch "$root/etc/resolv.conf"
  mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
}

# in_root PROGRAM...: runs it inside, with this machine's settings of proxies and package indexes.
in_root() {
  env HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 TMPDIR=/tmp DEBIAN_FRONTEND=noninteractive \
    chroot "$root" "$@"
}

# apt_install PACKAGE...: inside, no recommended ones.
apt_install() {
  in_root apt-get update
  in_root apt-get install --yes --no-install-recommends "$@"
  in_root apt-get clean
}

# slim: takes out what only apt and pip want, and closes the root.
slim() {
  umount "$root/proc" "$root/dev" "$root/etc/resolv.conf"
  rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/{apt,debconf,ldconfig}/* "$root"/root/.cache "$root"/tmp/* \
    "$root"/var/log/{dpkg,alternatives,bootstrap}.log "$root"/var/log/apt "$root"/var/lib/dpkg/*-old
  : >"$root/etc/resolv.conf"
}

# install_host_cas: the authorities that this machine trusts beyond Debian's, so that TLS works inside as it does outside.
install_host_cas() {
  if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
  fi
  in_root update-ca-certificates
}

# make_image BASE FOLDER <LINES: $IMAGE out of BASE, the files in FOLDER and further lines of a Dockerfile. The image gets its
# name and its label in the last moment.
make_image() {
  local base=$1 tree=$2 before
  # A file deleted from the base is a character device here, which docker would not understand.
  if [[ -n $(find "$tree" -xdev -type c -print -quit) && $base != scratch ]]; then
    echo "deleted from $base: $(find "$tree" -xdev -type c)"
    return 1
  fi
  before=$(docker image inspect --format '{{.Id}}' "$IMAGE" 2>/dev/null) || before=
  mkdir context
  tar -C "$tree" --numeric-owner --one-file-system -cf context/layer.tar .
  { echo "FROM $base"; echo "ADD layer.tar /"; cat; echo "LABEL floe.lab.recipe=$RECIPE"; } >context/Dockerfile
  DOCKER_BUILDKIT=0 docker build --quiet --tag "$IMAGE" context
  # What was built on the one before still holds it; lab/up removes it in the end.
  if [[ -n $before ]]; then echo "$before" >>"$FLOE_LAB_CACHE/replaced-images"; fi
}
