# title: yamllint $YAMLLINT_VERSION
# disk-mb: 30
# Lints Chart.yaml and values.yaml, as chart-testing does. PyYAML is built for a version of Python: any of its wheels will do.
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes --requirement <(
  echo "yamllint==$YAMLLINT_VERSION --hash=sha256:$YAMLLINT_WHEEL_SHA256"
  echo "pathspec==$PATHSPEC_VERSION --hash=sha256:$PATHSPEC_WHEEL_SHA256"
)
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: "pyyaml==$PYYAML_VERSION"
for wheel in *.whl; do python3 -m zipfile --extract "$wheel" site; done
rm -- *.whl
mkdir bin
cat >bin/yamllint <<'SCRIPT'
#!/bin/sh
PYTHONPATH=$(dirname "$(dirname "$(readlink -f "$0")")")/site exec python3 -m yamllint "$@"
SCRIPT
chmod 755 bin/yamllint
[[ $(bin/yamllint --version) == "yamllint $YAMLLINT_VERSION" ]]
