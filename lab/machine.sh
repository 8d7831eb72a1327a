# What the lab needs of the machine itself: packages, limits, a docker that runs. Sourced by lab/up.
# shellcheck shell=bash disable=SC2154 # lab/up and its other parts set lab, cache

# A step that makes an image needs docker and these; a step that makes a program does not.
packages=(docker.io debootstrap iptables jq tar util-linux chromium fonts-dejavu-core cmark-gfm zsh fish g++ libgtest-dev)
# The kernel of a guest is compiled with these.
packages+=(bc bison flex gcc make xz-utils)
# Tests install readers of JUnit and versions of pytest beside the checkout.
if ! python3 -m pip --version &>/dev/null; then packages+=(python3-pip); fi

docker_answers() { timeout 10 docker info >/dev/null 2>&1; }

# registry_answers: whether the node image of a release can be had, asked of the registry each time, for 15 s at most.
registry_answers() { timeout 15 docker manifest inspect "$KIND_NODE_RELEASE" >/dev/null 2>&1; }

# require_machine: ends with one message that names all that is missing.
require_machine() {
  local program missing=()
  [[ $(uname -sm) == "Linux x86_64" ]] || missing+=("Linux on x86_64 (this is $(uname -sm))")
  for program in flock go npm python3 sha256sum; do
    command -v "$program" >/dev/null || missing+=("$program")
  done
  ((${#missing[@]} == 0)) || fail "this machine lacks: $(printf '%s; ' "${missing[@]}" | sed 's/; $//')"
}

# list_missing_tools: sets missing_tools to what the tests need beside docker where the registry answers.
list_missing_tools() {
  missing_tools=()
  local major
  major=$(node --version 2>/dev/null | sed -n 's/^v\([0-9]*\).*/\1/p')
  ((${major:-0} >= 24)) || missing_tools+=(node24)
  command -v kubectl >/dev/null || missing_tools+=(kubectl)
  command -v act >/dev/null || missing_tools+=(act)
  command -v registry >/dev/null || missing_tools+=(registry)
  # Another version finds other things: only the pinned one will do.
  [[ $(actionlint -version 2>/dev/null) == *"$ACTIONLINT_VERSION"* ]] || missing_tools+=(actionlint)
  [[ $(zizmor --version 2>/dev/null) == "zizmor $ZIZMOR_VERSION" ]] || missing_tools+=(zizmor)
  # The schemas lie beside the lab's own kubeconform.
  missing_tools+=(kubeconform)
  [[ $(yamllint --version 2>/dev/null) == "yamllint $YAMLLINT_VERSION" ]] || missing_tools+=(yamllint)
}

# prepare_docker: a docker that runs containers of nodes, and what building images needs of the machine.
prepare_docker() {
  ((EUID == 0)) || fail "building images needs root, for docker, debootstrap and chroot"
  command -v apt-get >/dev/null || fail "building images needs Debian's apt-get"
  require_machine
  run_task "Debian packages" install_packages
  run_task "inotify limit" raise_inotify_limit
  if ! docker_answers && lacks_sys_resource; then run_step runc-compat; fi
  run_task "docker" start_docker
  remove_docker_leftovers
}

# install_packages: Debian's packages that are not there yet, named one by one.
# shellcheck disable=SC2034 # run_task prints outcome
install_packages() {
  local package missing=()
  for package in "${packages[@]}"; do
    # A docker of another make (docker-ce) serves as well.
    if [[ $package == docker.io ]] && command -v dockerd >/dev/null; then continue; fi
    # The report is tested in a browser; one of another make serves as well.
    if [[ $package == chromium ]] && command -v google-chrome >/dev/null; then continue; fi
    [[ $(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]} > 0)) || return 0
  outcome="installed ${missing[*]}"
  apt-get update
  # The package starts no daemon of its own: the lab starts it with what this machine needs.
  local policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  else
    policy=
  fi
  local status=0
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}" || status=$?
  [[ -z $policy ]] || rm "$policy"
  return "$status"
}

# raise_inotify_limit: kube-proxy and others crash on the third node where fewer instances are allowed.
# shellcheck disable=SC2034 # run_task prints outcome
raise_inotify_limit() {
  local limit=/proc/sys/fs/inotify/max_user_instances
  local now
  now=$(<"$limit")
  ((now < 512)) || return 0
  if echo 1024 2>/dev/null >"$limit"; then
    outcome="raised from $now to 1024"
  else
    outcome="only $now, and may not be raised: clusters of more than one node will fail"
  fi
}

# lacks_sys_resource: whether the capability bounding set lacks CAP_SYS_RESOURCE (24), without which runc can start no
# privileged container.
lacks_sys_resource() {
  local bounding
  bounding=$(sed -n 's/^CapBnd:\t//p' /proc/self/status)
  (((16#$bounding >> 24 & 1) == 0))
}

# start_docker: a dockerd that outlives this call, where none answers.
# shellcheck disable=SC2034 # run_task prints outcome
start_docker() {
  ! docker_answers || return 0
  local log=$cache/log/dockerd.log arguments=() pid=
  if lacks_sys_resource; then
    arguments=(--add-runtime "compat=$(output_of runc-compat)/bin/runc-compat" --default-runtime compat)
  fi
  # A dockerd that was killed leaves its pid file; the number may be another program's by now.
  local pid_file=/var/run/docker.pid
  if [[ -e $pid_file && $(cat "/proc/$(<"$pid_file")/comm" 2>/dev/null) != dockerd ]]; then rm "$pid_file"; fi
  rm -f "$cache/dockerd.pid"
  # A session of its own, without the lock (9): it outlives this call. Beside its number goes the moment at which it began,
  # so that lab/down never ends another program that has the number later.
  # shellcheck disable=SC2016 # for the inner shell
  setsid --fork bash -c 'echo "$$ $(cut -d" " -f22 /proc/$$/stat)" >"$1"; shift; exec dockerd "$@"' \
    start-docker "$cache/dockerd.pid" "${arguments[@]}" </dev/null >>"$log" 2>&1 9>&-
  local deadline=$((SECONDS + 60))
  until docker_answers; do
    if [[ -s $cache/dockerd.pid ]]; then read -r pid _ <"$cache/dockerd.pid"; fi
    if [[ -n $pid && ! -e /proc/$pid ]]; then
      echo "dockerd ended:"
      tail -n 20 "$log"
      return 1
    fi
    if ((SECONDS > deadline)); then
      echo "dockerd did not answer within 60 s:"
      tail -n 20 "$log"
      return 1
    fi
    sleep 0.3
  done
  outcome="started dockerd (pid $pid, log $log)"
}
