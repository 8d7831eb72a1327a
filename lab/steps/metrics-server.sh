# title: metrics-server/metrics-server:v$METRICS_SERVER_VERSION
# image: registry.k8s.io/metrics-server/metrics-server:v$METRICS_SERVER_VERSION
# needs: debian
# disk-mb: 1000
source "$LAB/recipes/program.sh"
source "$LAB/recipes/debian.sh"
go_install "sigs.k8s.io/metrics-server/cmd/metrics-server@v$METRICS_SERVER_VERSION"
open_image debian:bookworm-slim
install bin/metrics-server root/metrics-server
in_root /metrics-server --help | grep --fixed-strings kubelet-insecure-tls
slim
make_image debian:bookworm-slim layer <<'D'
USER 65534
ENTRYPOINT ["/metrics-server"]
D
