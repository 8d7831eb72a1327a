# title: User Mode Linux (Debian $DOCKER28_SUITE)
# disk-mb: 200
# A Linux kernel that is a program: lab/vm boots it, for what this machine's own kernel does otherwise.
source "$LAB/recipes/debian.sh"
mkdir -p apt/lists/partial apt/archives/partial
echo "deb $(debian_mirror) $DOCKER28_SUITE main" >apt/sources.list
apt_here() {
  apt-get -o Dir::Etc::SourceList="$PWD/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$PWD/apt/lists" \
    -o Dir::Cache="$PWD/apt" -o APT::Sandbox::User=root "$@"
}
apt_here update
apt_here download user-mode-linux
dpkg --extract user-mode-linux_*.deb package
mv package/usr/bin/linux.uml .
rm -r apt package user-mode-linux_*.deb
