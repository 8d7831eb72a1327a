/**
 * The way to the API server of a new cluster. Kind publishes it on the loopback of the machine that docker runs on, which is
 * another one where docker is elsewhere, or where we run in a container.
 */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { connect as connectSocket } from 'node:net';
import { hostname } from 'node:os';
import { fail, type Result, succeed } from '../core/outcome.ts';
import { readYaml } from '../inputs/read-yaml.ts';
import { writeYaml } from '../inputs/write-yaml.ts';
import { inspectContainers, listNodeContainers } from './docker.ts';

/** One way to an API server. */
export interface ApiAddress {
  server: string;
  /** Name in its certificate, where that does not hold the server's own. */
  tlsServerName?: string;
}

/** The port of the API server inside of a node, and of the load balancer before several control planes. */
const nodePort = 6443;
const connectMilliseconds = 3000;
/** Kind's own docker network, which every node joins. */
const kindNetwork = 'kind';

interface Kubeconfig {
  clusters: { cluster: { server: string; 'tls-server-name'?: string } }[];
}

/**
 * Makes the kubeconfig of a new cluster one that leads to it from here: where the address that kind wrote does not answer,
 * that of the node in docker's network, or the machine that DOCKER_HOST names, is tried.
 * @returns the address in place of kind's, undefined where that is right; a failure of kind `cluster` when none answers.
 */
export async function reachApi(
  cluster: { name: string; kubeconfigPath: string },
  signal: AbortSignal,
): Promise<Result<string | undefined>> {
  const kubeconfig = readYaml(await readFile(cluster.kubeconfigPath, 'utf8')).value as Kubeconfig;
  const [entry] = kubeconfig.clusters;
  if (entry === undefined) return fail('cluster', 'kind wrote a kubeconfig without a cluster');
  const { server } = entry.cluster;
  if (await answers(server, signal)) return succeed(undefined);
  const others = listOtherAddresses(server, await listNodeAddresses(cluster.name, signal), process.env.DOCKER_HOST);
  for (const other of others) {
    if (!(await answers(other.server, signal))) continue;
    entry.cluster.server = other.server;
    if (other.tlsServerName !== undefined) entry.cluster['tls-server-name'] = other.tlsServerName;
    await writeFile(cluster.kubeconfigPath, writeYaml(kubeconfig), { mode: 0o600 });
    return succeed(other.server);
  }
  const tried = [server, ...others.map((other) => other.server)].join(', ');
  return fail('cluster', `the API server of the new cluster cannot be reached from here: none of ${tried} answers`, {
    hint: existsSync(containerMark)
      ? `This runs in a container: put it on docker's network ${kindNetwork} (docker network create ${kindNetwork}; docker run --network ${kindNetwork}), or on the host's (--network host).`
      : 'Docker runs elsewhere: set networking.apiServerAddress of kind-config to an address of its machine that this one reaches.',
  });
}

/** Where else than at `server` the API server of a cluster may answer. Pure. */
export function listOtherAddresses(
  server: string,
  nodeAddresses: string[],
  dockerHost: string | undefined,
): ApiAddress[] {
  const others: ApiAddress[] = nodeAddresses.map((address) => ({
    server: `https://${address.includes(':') ? `[${address}]` : address}:${nodePort}`,
  }));
  const host = remoteHostOf(dockerHost);
  // The certificate holds kind's own address and "localhost".
  if (host !== undefined)
    others.push({ server: `https://${host}:${new URL(server).port}`, tlsServerName: 'localhost' });
  return others;
}

/** The machine that DOCKER_HOST names; undefined where that is this one. Pure. */
export function remoteHostOf(dockerHost: string | undefined): string | undefined {
  const found = /^(?:tcp|ssh|https?):\/\/(?:[^@/]*@)?(\[[^\]]+\]|[^:/]+)/.exec(dockerHost ?? '')?.[1];
  return found === undefined || /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(found) ? undefined : found;
}

/** The addresses of the load balancer, or else of the control plane, in docker's networks. */
async function listNodeAddresses(cluster: string, signal: AbortSignal): Promise<string[]> {
  const containers = await listNodeContainers(cluster, signal);
  const entry =
    containers.find(({ role }) => role === 'external-load-balancer') ??
    containers.find(({ role }) => role === 'control-plane');
  if (entry === undefined) return [];
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.GlobalIPv6Address}} {{end}}';
  const run = await inspectContainers([entry.name], format, signal);
  return run.exitCode === 0 ? run.stdout.split(/\s+/).filter((address) => address !== '') : [];
}

/** Whether something accepts connections there. */
function answers(server: string, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  const { hostname: host, port } = new URL(server);
  return new Promise((resolve) => {
    const socket = connectSocket({ host: host.replace(/^\[|\]$/g, ''), port: Number(port || 443) });
    const end = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.setTimeout(connectMilliseconds, () => end(false));
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}

/** Docker puts it into every container. */
const containerMark = '/.dockerenv';

/**
 * The network that nodes must join to be reached from the container that we run in.
 * @returns undefined where kind's own will do; a failure of kind `cluster` when no network of docker's leads from one to the
 * other.
 */
export async function chooseNetwork(signal: AbortSignal): Promise<Result<string | undefined>> {
  if (!existsSync(containerMark)) return succeed(undefined);
  const name = hostname();
  const format = '{{.HostConfig.NetworkMode}}{{range $name, $_ := .NetworkSettings.Networks}} {{$name}}{{end}}';
  const run = await inspectContainers([name], format, signal);
  // It is a container of another docker, or was given another name: that cannot be known.
  if (run.exitCode !== 0) return succeed(undefined);
  const [mode = '', ...networks] = run.stdout.trim().split(/\s+/);
  return networkFor(mode, networks, name);
}

/** The network for the nodes, by those of our own container. Pure. */
export function networkFor(mode: string, networks: string[], container: string): Result<string | undefined> {
  if (mode === 'host' || mode.startsWith('container:') || networks.includes(kindNetwork)) return succeed(undefined);
  const own = networks.find((network) => !['bridge', 'default', 'none', 'host'].includes(network));
  if (own !== undefined) return succeed(own);
  return fail('cluster', `the nodes cannot be reached from this container: it is on docker's default network only`, {
    hint: `Before, run: docker network create ${kindNetwork}; docker network connect ${kindNetwork} ${container}. Or start the container with --network host.`,
  });
}
