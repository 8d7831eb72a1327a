# title: node $NODE_VERSION
# disk-mb: 300
# The version that runs the action on GitHub's runners; the machine's own may be older.
source "$LAB/recipes/program.sh"
fetch_npm_package "$NODE_PACKAGE" "$NODE_PACKAGE_SHA256"
mv package/bin bin
rm -r package
[[ $(bin/node --version) == "v$NODE_VERSION" ]]
