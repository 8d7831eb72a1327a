# title: source of kind $KIND_SOURCE_VERSION (Debian)
# disk-mb: 100
# The files of a node image and kindnetd. Debian's mirror is this machine's; apt keeps its lists of another suite here alone.
source "$LAB/recipes/debian.sh"
mkdir -p apt/lists/partial apt/archives/partial
echo "deb-src $(debian_mirror) $KIND_SOURCE_SUITE main" >apt/sources.list
apt_here() {
  apt-get -o Dir::Etc::SourceList="$PWD/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$PWD/apt/lists" \
    -o Dir::Cache="$PWD/apt" -o APT::Sandbox::User=root "$@"
}
apt_here update
apt_here source --download-only --tar-only "kind=$KIND_SOURCE_VERSION"
archive=$(echo kind_*.orig.tar.gz)
sha256sum --check <<<"$KIND_SOURCE_SHA256  $archive"
tar -xzf "$archive" --strip-components=1 --one-top-level=kind
mv kind/images kind/pkg .
rm -r kind apt "$archive"
