# title: kernel of a guest for docker and Kind, from Debian $DOCKER28_SUITE's source
# disk-mb: 3000
# A Linux that is a program, as the step uml has it, with what docker and NetworkPolicies need beside: Debian's lacks a second
# processor and tables of nftables for IPv4, IPv6 and both. lab/guest boots it.
source "$LAB/recipes/debian.sh"
for program in bc bison flex gcc make xz; do
  command -v "$program" >/dev/null || { echo "this machine lacks $program"; exit 1; }
done
mkdir -p apt/lists/partial apt/archives/partial
echo "deb $(debian_mirror) $DOCKER28_SUITE main" >apt/sources.list
apt_options=(-o Dir::Etc::SourceList="$PWD/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$PWD/apt/lists"
  -o Dir::Cache="$PWD/apt" -o APT::Sandbox::User=root)
apt-get "${apt_options[@]}" update
# linux-source-7.2 or what that suite has by now.
package=$(apt-cache "${apt_options[@]}" depends linux-source | sed -n 's/^ *Depends: \(linux-source-[0-9.]*\)$/\1/p')
apt-get "${apt_options[@]}" download "$package"
dpkg --extract linux-source-*.deb package
mkdir source
tar -xf package/usr/src/linux-source-*.tar.xz -C source --strip-components=1
rm -r apt package linux-source-*.deb
cd source
# The kubelet ends where no line says how fast a processor is.
sed -i 's|^\tseq_printf(m, "mode\\t\\t: skas\\n");|&\n\tseq_printf(m, "cpu MHz\\t\\t: 2000.000\\n");|' arch/um/kernel/um_arch.c
grep -q 'cpu MHz' arch/um/kernel/um_arch.c
make ARCH=um KCONFIG_ALLCONFIG="$LAB/programs/guest-kernel/config" allnoconfig
# An option that another one has to precede is dropped in silence.
grep '=y$' "$LAB/programs/guest-kernel/config" | while read -r option; do
  grep -qx "$option" .config || { echo "the kernel's configuration lacks $option"; exit 1; }
done
make ARCH=um -j "$(nproc)" linux
cd ..
mv source/linux .
rm -r source
./linux --version
