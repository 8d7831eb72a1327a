# title: minio/minio:$MINIO_RELEASE
# image: docker.io/minio/minio:$MINIO_RELEASE
# needs: debian
# disk-mb: 1500
# Object storage.
source "$LAB/recipes/program.sh"
source "$LAB/recipes/debian.sh"
go_install "github.com/minio/minio@$MINIO_MODULE_VERSION"
open_image debian:bookworm-slim
apt_install ca-certificates
install -D bin/minio root/usr/bin/minio
in_root minio --version
slim
make_image debian:bookworm-slim layer <<'D'
ENTRYPOINT ["/usr/bin/minio"]
EXPOSE 9000
VOLUME ["/data"]
D
