# How the node step makes the images that are baked into a node, without a docker build: sourced by it.
# shellcheck shell=bash

# add_layer TAR: puts a layer into ./archive, once, and says its digest.
add_layer() {
  local digest
  digest=$(sha256sum "$1" | cut -d' ' -f1)
  mv "$1" "archive/$digest.tar"
  echo "$digest"
}

# program_layer PROGRAM: a layer that holds one program, at /usr/local/bin.
program_layer() {
  tar --owner=0 --group=0 --transform='s#^#usr/local/bin/#' -C "$(dirname "$1")" -cf layer.tar "$(basename "$1")"
  add_layer layer.tar
}

# add_image NAME ENTRYPOINT LAYER...: an image in the format of docker save; its layers by digest, the lowest first.
add_image() {
  local name=$1 entrypoint=$2 config digest
  shift 2
  config=$(jq --null-input --compact-output --arg entrypoint "$entrypoint" '{architecture: "amd64", os: "linux",
    config: {Entrypoint: [$entrypoint], Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]},
    rootfs: {type: "layers", diff_ids: ($ARGS.positional | map("sha256:" + .))}}' --args "$@")
  digest=$(sha256sum <<<"$config" | cut -d' ' -f1)
  echo "$config" >"archive/$digest.json"
  jq --null-input --compact-output --arg name "$name" --arg config "$digest.json" \
    '{Config: $config, RepoTags: [$name], Layers: ($ARGS.positional | map(. + ".tar"))}' --args "$@" >>manifests
}

# close_archive: ./archive is then what `ctr images import` reads, given as a tar.
close_archive() { jq --slurp --compact-output . manifests >archive/manifest.json; }
