import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestDocker } from './dockers.ts';

/** A builder of buildx that no docker has as its own: what it builds is in no docker, unless that is asked for. */
export interface RemoteBuilder {
  /** What a process must have in its environment to build with it. */
  env: { BUILDX_BUILDER: string; DOCKER_CONFIG: string };
  stop: () => void;
}

/**
 * Offers the BuildKit that is part of a docker with the containerd image store on a socket, as a buildkitd does, and makes a
 * builder of driver `remote` of it. A docker upgrades `POST /grpc` to BuildKit's own protocol:
 * https://github.com/moby/moby/blob/v28.5.2/api/server/router/grpc/grpc_routes.go
 */
export async function startRemoteBuilder(docker: TestDocker): Promise<RemoteBuilder> {
  const directory = mkdtempSync(path.join(tmpdir(), 'remote-builder-'));
  const socket = path.join(directory, 'buildkitd.sock');
  const dockerSocket = new URL(docker.env.DOCKER_HOST!).pathname;
  const server = createBuildKitServer(dockerSocket);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const name = `k8s-test-remote-${process.pid}`;
  const env = { BUILDX_BUILDER: name, DOCKER_CONFIG: docker.env.DOCKER_CONFIG! };
  const buildx = (args: string[]) => {
    execFileSync('docker', ['buildx', ...args], { env: { ...process.env, ...docker.env }, stdio: 'pipe' });
  };
  buildx(['create', '--name', name, '--driver', 'remote', `unix://${socket}`]);
  return {
    env,
    stop: () => {
      buildx(['rm', name]);
      server.close();
    },
  };
}

function createBuildKitServer(dockerSocket: string): Server {
  return createServer((client) => {
    const docker = connect(dockerSocket);
    const close = () => {
      client.destroy();
      docker.destroy();
    };
    for (const socket of [client, docker]) socket.on('error', close).on('close', close);
    docker.write('POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
    let head = Buffer.alloc(0);
    const readHead = (chunk: Buffer) => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) return;
      docker.off('data', readHead);
      client.write(head.subarray(end + 4));
      docker.pipe(client);
      client.pipe(docker);
    };
    docker.on('data', readHead);
  });
}

/** A directory for the PATH with the docker of this machine, except that it leaves out an argument. */
export function dockerWithout(argument: string): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'docker-without-'));
  const real = execFileSync('sh', ['-c', 'command -v docker'], { encoding: 'utf8' }).trim();
  const program = path.join(directory, 'docker');
  const filter = `for word; do shift; [ "$word" = ${argument} ] || set -- "$@" "$word"; done`;
  writeFileSync(program, `#!/bin/sh\n${filter}\nexec ${real} "$@"\n`);
  chmodSync(program, 0o755);
  return directory;
}
