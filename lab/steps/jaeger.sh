# title: jaegertracing/all-in-one:$JAEGER_VERSION
# image: docker.io/jaegertracing/all-in-one:$JAEGER_VERSION
# needs: debian
# disk-mb: 1000
# Its web page is a placeholder (the page is built with npm from another repository); its APIs are all there.
source "$LAB/recipes/program.sh"
source "$LAB/recipes/debian.sh"
version=github.com/jaegertracing/jaeger/pkg/version
go_build "$LAB/programs/jaeger" "-X $version.latestVersion=v$JAEGER_VERSION" github.com/jaegertracing/jaeger/cmd/all-in-one
open_image debian:bookworm-slim
install -D bin/all-in-one root/go/bin/all-in-one-linux
in_root /go/bin/all-in-one-linux version | grep --fixed-strings "v$JAEGER_VERSION"
slim
make_image debian:bookworm-slim layer <<'D'
USER 10001
ENTRYPOINT ["/go/bin/all-in-one-linux"]
EXPOSE 4317 4318 14269 16686
D
