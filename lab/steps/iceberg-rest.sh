# title: apache/iceberg-rest-fixture:$ICEBERG_VERSION
# image: docker.io/apache/iceberg-rest-fixture:$ICEBERG_VERSION
# needs: debian
# disk-mb: 1500
# The REST catalog server of Iceberg's own tests, with S3, from Maven's jars. It stands where Polaris will: that one's
# parts are not all in a package registry.
source "$LAB/recipes/debian.sh"
mkdir lib
cp "$LAB/programs/iceberg-rest/pom.xml" pom.xml
grep --fixed-strings "<iceberg.version>$ICEBERG_VERSION<" pom.xml
command -v mvn >/dev/null || apt-get install --yes --no-install-recommends maven
mvn --batch-mode --quiet --no-transfer-progress org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory="$PWD/lib"
(cd lib && sha256sum --check --strict --quiet "$LAB/programs/iceberg-rest/checksums.txt")
[[ $(find lib -name '*.jar' | wc -l) == $(wc -l <"$LAB/programs/iceberg-rest/checksums.txt") ]]
open_image debian:bookworm-slim
mkdir -p root/usr/share/man/man1
apt_install ca-certificates openjdk-17-jre-headless
in_root useradd --uid 1000 --create-home iceberg
mkdir -p root/usr/lib/iceberg-rest
cp lib/*.jar root/usr/lib/iceberg-rest/
in_root java -version
slim
make_image debian:bookworm-slim layer <<'D'
USER 1000:1000
WORKDIR /usr/lib/iceberg-rest
EXPOSE 8181
CMD ["java", "-cp", "/usr/lib/iceberg-rest/*", "org.apache.iceberg.rest.RESTCatalogServer"]
D
