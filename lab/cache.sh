# Where built things lie, what each is keyed by, and who may build: sourced by lab/up, lab/env and lab/down.
# shellcheck shell=bash disable=SC2154 # who sources this sets lab

cache=${FLOE_LAB_CACHE:-$HOME/.cache/floe-k8s-test-lab}

# pins_of FILE: the names of the pins (versions.sh) that a step mentions.
pins_of() {
  local pin
  # shellcheck disable=SC2013 # names, a word each
  for pin in $(sed -n 's/^\([A-Z0-9_]*\)=.*/\1/p' "$lab/versions.sh"); do
    # Whole words only: NODE_VERSION is no part of KIND_NODE_VERSION.
    if [[ $(<"$1") =~ (^|[^A-Z0-9_])"$pin"([^A-Z0-9_]|$) ]]; then echo "$pin"; fi
  done
}

# sources_of FILE: the files and folders of lab/ that a step mentions as $LAB/<path>.
# shellcheck disable=SC2016 # the very text
sources_of() { { grep -oE '\$LAB/[a-z0-9./-]*[a-z0-9]' "$1" || [[ $? == 1 ]]; } | cut -d/ -f2- | sort -u; }

# header_of STEP FIELD: the value of a "# field: value" line at the top of a step.
header_of() { sed -n "s/^# $2: //p" "$lab/steps/$1.sh"; }

declare -A step_key=()

# compute_key STEP: sets step_key[STEP] to a hash of all that decides what the step makes: its text, the pins and files
# that the text mentions, this machine's own certificate authorities where it installs them, and the keys of the steps
# that it needs.
compute_key() {
  [[ -z ${step_key[$1]:-} ]] || return 0
  local step=$1 need pin source
  for need in $(header_of "$step" needs); do compute_key "$need"; done
  step_key[$step]=$({
    grep -vE '^# (title|disk-mb): ' "$lab/steps/$step.sh"
    for pin in $(pins_of "$lab/steps/$step.sh"); do echo "$pin=${!pin}"; done
    for need in $(header_of "$step" needs); do echo "$need ${step_key[$need]}"; done
    for source in $(sources_of "$lab/steps/$step.sh"); do
      (cd "$lab" && find "$source" -type f -print0 | sort -z | xargs -0 --no-run-if-empty sha256sum)
      [[ -e $lab/$source ]] || { echo "lab: step $step names $source, which is not there" >&2; exit 70; }
    done
    if grep -q '^install_host_cas' "$lab/steps/$step.sh"; then find /usr/local/share/ca-certificates -name '*.crt' -exec sha256sum {} + | sort; fi
  } | sha256sum | cut -c1-16)
}

# output_of STEP: the folder that holds what the step made.
output_of() { echo "$cache/$1/${step_key[$1]}"; }

# title_of STEP, image_of STEP: with the pins' values; image_of is empty for a step that makes a folder.
title_of() { eval "echo \"$(header_of "$1" title)\""; }
image_of() { eval "echo \"$(header_of "$1" image)\""; }

# take_lock: waits until no other lab/up builds into this cache; the lock goes when this process and its steps are gone.
take_lock() {
  mkdir -p "$cache"
  exec 9<>"$cache/lock"
  if ! flock -n 9; then
    echo "lab: waiting for another lab/up in $cache ($(<"$cache/lock"))"
    flock 9
  fi
  echo "pid $$, since $(date +%T)" >"$cache/lock"
}
