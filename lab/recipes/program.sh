# How steps make programs: sourced by them.
# shellcheck shell=bash

export CGO_ENABLED=0 GOFLAGS=-trimpath
# Warnings of npm about other projects' settings are not this step's.
export npm_config_loglevel=error npm_config_update_notifier=false

# go_install MODULE/PATH@VERSION: a program of a Go module, checked against Go's checksum database, into ./bin.
go_install() { GOBIN=$PWD/bin go install -ldflags "-s -w" "$1"; }

# go_build FOLDER LDFLAGS PACKAGE...: programs of a module of our own with a go.sum of its own, into ./bin.
go_build() {
  local folder=$1 ldflags=$2 out=$PWD/bin
  shift 2
  mkdir -p "$out"
  (cd "$folder" && go build -mod=readonly -ldflags "-s -w $ldflags" -o "$out/" "$@")
}

# fetch_npm_package NAME@VERSION SHA256: unpacks an npm package into ./package, its scripts unrun.
fetch_npm_package() {
  local archive
  archive=$(npm pack --silent "$1")
  sha256sum --check --status <<<"$2  $archive" || { echo "$1 has SHA-256 $(sha256sum "$archive" | cut -d' ' -f1), expected $2"; return 1; }
  tar -xzf "$archive"
  rm "$archive"
}
