# title: otel/opentelemetry-collector:$OTEL_COLLECTOR_VERSION
# image: docker.io/otel/opentelemetry-collector:$OTEL_COLLECTOR_VERSION
# needs: debian
# disk-mb: 1000
# The collector with the parts that the platform uses, built of the same modules as the image of this name.
source "$LAB/recipes/program.sh"
source "$LAB/recipes/debian.sh"
go_build "$LAB/programs/otel-collector" "-X main.version=$OTEL_COLLECTOR_VERSION" .
open_image debian:bookworm-slim
install bin/otel-collector root/otelcol
in_root /otelcol --version | grep --fixed-strings "$OTEL_COLLECTOR_VERSION"
slim
make_image debian:bookworm-slim layer <<'D'
USER 10001:10001
ENTRYPOINT ["/otelcol"]
CMD ["--config", "/etc/otelcol/config.yaml"]
EXPOSE 4317 4318
D
