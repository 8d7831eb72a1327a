# title: cubejs/cube:v$CUBE_VERSION
# image: docker.io/cubejs/cube:v$CUBE_VERSION
# needs: debian node24
# disk-mb: 1500
# Cube's server with its driver for PostgreSQL. Later versions need a native module that no package registry has.
source "$LAB/recipes/program.sh"
source "$LAB/recipes/debian.sh"
export npm_config_loglevel=error
mkdir cube
cp "$LAB/programs/cube/package.json" "$LAB/programs/cube/package-lock.json" cube/
[[ $(jq --raw-output '.dependencies["@cubejs-backend/server"]' cube/package.json) == "$CUBE_VERSION" ]]
# Their install scripts fetch Cube Store, which the memory driver does not need.
(cd cube && PATH=$NODE24/bin:$PATH npm install --ignore-scripts --omit=dev --no-save --no-audit --no-fund)
# The playground and the sources of it are for a developer's browser.
find cube/node_modules -name '*.map' -delete
rm -rf cube/node_modules/@cubejs-backend/server-core/playground
open_image debian:bookworm-slim
apt_install ca-certificates
install -D "$NODE24/bin/node" root/usr/local/bin/node
mkdir -p root/cube/conf/model
cp -r cube/node_modules root/cube/node_modules
ln -s ../../../cube/node_modules/.bin/cubejs-server root/usr/local/bin/cubejs-server
in_root node --version
du -sm layer
slim
make_image debian:bookworm-slim layer <<'D'
ENV NODE_ENV=production NODE_PATH=/cube/conf/node_modules:/cube/node_modules
WORKDIR /cube/conf
EXPOSE 4000
CMD ["cubejs-server", "server"]
D
