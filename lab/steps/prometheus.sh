# title: prom/prometheus:v$PROMETHEUS_VERSION
# image: docker.io/prom/prometheus:v$PROMETHEUS_VERSION
# needs: debian
# disk-mb: 800
source "$LAB/recipes/debian.sh"
open_image debian:bookworm-slim
apt_install prometheus
in_root prometheus --version 2>&1 | grep --fixed-strings "version $PROMETHEUS_VERSION"
mkdir -p root/prometheus
in_root chown nobody:nogroup /prometheus
# What only a person at a terminal or a browser would use: half of the image.
rm -rf root/usr/bin/promtool root/usr/share/prometheus root/usr/share/nodejs root/usr/share/javascript
slim
make_image debian:bookworm-slim layer <<'D'
USER nobody
WORKDIR /prometheus
VOLUME ["/prometheus"]
ENTRYPOINT ["/bin/prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
EXPOSE 9090
D
