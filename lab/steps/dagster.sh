# title: dagster/dagster-k8s:$DAGSTER_VERSION
# image: docker.io/dagster/dagster-k8s:$DAGSTER_VERSION
# needs: python
# disk-mb: 1500
source "$LAB/recipes/debian.sh"
open_image "python:$PYTHON_MINOR-slim"
# uv resolves what takes pip minutes; it is not part of the image.
in_root python3 -m venv /tmp/uv
in_root /tmp/uv/bin/pip install --no-cache-dir uv
in_root /tmp/uv/bin/uv pip install --system --no-cache --compile-bytecode \
  "dagster==$DAGSTER_VERSION" "dagster-webserver==$DAGSTER_VERSION" "dagster-graphql==$DAGSTER_VERSION" \
  "dagster-postgres==$DAGSTER_LIBRARIES_VERSION" "dagster-k8s==$DAGSTER_LIBRARIES_VERSION"
in_root dagster --version | grep --fixed-strings "$DAGSTER_VERSION"
# Only browsers' debuggers read these.
find root/usr/local/lib -name '*.js.map' -delete
slim
du -sm layer
make_image "python:$PYTHON_MINOR-slim" layer <<<'CMD ["dagster", "--help"]'
