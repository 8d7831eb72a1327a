# title: redis:$REDIS_TAG
# image: redis:$REDIS_TAG
# needs: debian
# disk-mb: 500
source "$LAB/recipes/debian.sh"
open_image debian:bookworm-slim
# The official image's user and its number, which charts write into their security contexts.
in_root groupadd --system --gid 999 redis
in_root useradd --system --uid 999 --gid redis --home-dir /data --shell /usr/sbin/nologin redis
apt_install redis-server
in_root redis-server --version | grep --fixed-strings "v=${REDIS_TAG%-bookworm}."
mkdir -p root/data
in_root chown redis:redis /data
slim
make_image debian:bookworm-slim layer <<'D'
VOLUME /data
WORKDIR /data
USER redis
EXPOSE 6379
CMD ["redis-server", "--protected-mode", "no"]
D
