# title: zizmor $ZIZMOR_VERSION
# disk-mb: 100
# Looks for what can be abused in workflows. The wheel holds its program for linux/amd64, and nothing of Python.
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
  --requirement <(echo "zizmor==$ZIZMOR_VERSION --hash=sha256:$ZIZMOR_WHEEL_SHA256")
python3 -m zipfile --extract zizmor-*.whl wheel
mkdir bin
mv "wheel/zizmor-$ZIZMOR_VERSION.data/scripts/zizmor" bin/
chmod 755 bin/zizmor
rm -r wheel zizmor-*.whl
[[ $(bin/zizmor --version) == "zizmor $ZIZMOR_VERSION" ]]
