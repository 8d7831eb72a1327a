# title: postgres:$POSTGRES_MAJOR-bookworm
# image: postgres:$POSTGRES_MAJOR-bookworm
# needs: debian
# disk-mb: 900
source "$LAB/recipes/debian.sh"
open_image debian:bookworm-slim
# The official image's user and its number, which charts write into their security contexts.
in_root groupadd --system --gid 999 postgres
in_root useradd --system --uid 999 --gid postgres --home-dir /var/lib/postgresql --shell /bin/bash postgres
mkdir -p root/etc/postgresql-common
echo 'create_main_cluster = false' >root/etc/postgresql-common/createcluster.conf
apt_install "postgresql-$POSTGRES_MAJOR" libnss-wrapper
# Compiling of queries to machine code: half of the image, and postgres goes without where it is missing.
rm -rf "root/usr/lib/postgresql/$POSTGRES_MAJOR/lib/bitcode" "root/usr/lib/postgresql/$POSTGRES_MAJOR/lib/"llvmjit* \
  root/usr/lib/x86_64-linux-gnu/libLLVM* root/usr/lib/x86_64-linux-gnu/libz3* root/usr/lib/llvm-*
mkdir -p root/docker-entrypoint-initdb.d root/var/lib/postgresql/data root/var/run/postgresql
in_root chown postgres:postgres /var/lib/postgresql /var/lib/postgresql/data /var/run/postgresql
in_root chmod 1777 /var/lib/postgresql/data
in_root chmod 3777 /var/run/postgresql
echo "listen_addresses = '*'" >>"root/usr/share/postgresql/$POSTGRES_MAJOR/postgresql.conf.sample"
install -m 755 "$LAB/images/postgres-entrypoint" root/usr/local/bin/docker-entrypoint.sh
in_root "/usr/lib/postgresql/$POSTGRES_MAJOR/bin/postgres" --version
slim
make_image debian:bookworm-slim layer <<D
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/$POSTGRES_MAJOR/bin LANG=C.UTF-8 PGDATA=/var/lib/postgresql/data PG_MAJOR=$POSTGRES_MAJOR
VOLUME /var/lib/postgresql/data
ENTRYPOINT ["docker-entrypoint.sh"]
STOPSIGNAL SIGINT
EXPOSE 5432
CMD ["postgres"]
D
