import { createReadStream } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fail, type Result, succeed, toOneLine } from '../core/outcome.ts';
import { describeEnd, type ProgramRun, pipePrograms, runProgram } from '../tools/run-program.ts';
import { inspectLocalImage, listNodeContainers, type NodeContainer } from './docker.ts';
import { registryOf } from './registry-credentials.ts';

const importDeadlineSeconds = 10 * 60;
const pollMilliseconds = 250;

const ctrImages = ['ctr', '--namespace=k8s.io', 'images'];
/** As `kind load` calls it (pkg/cluster/nodeutils: LoadImageArchive). */
const importCommand = [...ctrImages, 'import', '--all-platforms', '--digests', '-'];

/**
 * Waits until the containerd of every node answers. It does so some seconds after `kind create` has begun, long before
 * the cluster is there: images can go in meanwhile.
 * @returns the nodes' containers.
 */
export async function waitForContainerd(
  cluster: string,
  nodes: number,
  options: { signal: AbortSignal; waitingFor: (what: string) => void },
): Promise<NodeContainer[]> {
  const ready = new Set<string>();
  for (;;) {
    options.signal.throwIfAborted();
    const machines = await listMachines(cluster, options.signal);
    for (const { name } of machines.filter((one) => !ready.has(one.name))) {
      const probe = await runProgram('docker', ['exec', name, 'ctr', '--namespace=k8s.io', 'images', 'ls', '-q'], {
        signal: options.signal,
        timeoutSeconds: 20,
      });
      if (probe.exitCode === 0) ready.add(name);
    }
    if (machines.length >= nodes && machines.every((one) => ready.has(one.name))) return machines;
    options.waitingFor(`containerd in ${ready.size} of ${nodes} nodes`);
    await delay(pollMilliseconds, undefined, { signal: options.signal });
  }
}

/** The nodes of a cluster: the load balancer before several control planes has their label too, but runs no containerd. */
export async function listMachines(cluster: string, signal: AbortSignal): Promise<NodeContainer[]> {
  const found = await listNodeContainers(cluster, signal);
  return found.filter((node) => node.role !== 'external-load-balancer');
}

/**
 * Loads images of the local docker and of archives into the nodes of a cluster that is being created, as soon as they can
 * take any. Without `controlPlane` they go to the workers alone, where there are any: kind keeps pods off the control plane
 * then, and each node less is a third of the time on a cluster of three.
 */
export async function fillNodes(
  cluster: { name: string; nodes: number },
  wanted: { images: string[]; archives: string[]; controlPlane: boolean },
  options: { signal: AbortSignal; say: (line: string) => void; waitingFor: (what: string) => void },
): Promise<Result<undefined>> {
  const { images, archives } = wanted;
  const nodes = await waitForContainerd(cluster.name, cluster.nodes, options);
  const names = chooseNodes(nodes, wanted.controlPlane);
  if (images.length > 0)
    options.say(`loading ${images.length} images into ${names.length} nodes: ${images.join(', ')}`);
  const loaded = await loadImages(images, names, options.signal);
  let result: Result<undefined> = loaded.ok ? succeed(undefined) : loaded;
  for (const archive of archives) if (result.ok) result = await loadArchive(archive, names, options.signal);
  return result;
}

/** Names of the nodes that are given images. */
export function chooseNodes(nodes: Pick<NodeContainer, 'name' | 'role'>[], controlPlane: boolean): string[] {
  const workers = nodes.filter((node) => node.role === 'worker');
  return (controlPlane || workers.length === 0 ? nodes : workers).map((node) => node.name);
}

/**
 * Loads images of the local docker into nodes. An image that a node has already, be it from an
 * earlier run, is not loaded again. One stream for all that have a tag, since they share layers.
 * @returns the names that were loaded into any node, or a failure of kind `image` naming the node and what docker or
 * containerd said.
 */
export async function loadImages(images: string[], nodes: string[], signal: AbortSignal): Promise<Result<string[]>> {
  if (images.length === 0) return succeed([]);
  const local = await Promise.all(images.map((name) => inspectLocalImage(name, signal)));
  const ids = new Map(images.map((name, i) => [name, local[i]?.id ?? '']));
  const loaded = new Set<string>();
  const done = await inEveryNode(nodes, signal, async (node) => {
    const listed = await runProgram('docker', ['exec', node, ...ctrImages, 'ls'], {
      signal,
      timeoutSeconds: 60,
    });
    const there = listImagesOfNode(listed.exitCode === 0 ? listed.stdout : '');
    const missing = images.filter((name) => !isInNode(name, ids.get(name)!, there));
    for (const name of missing) loaded.add(name);
    const [digested, tagged] = [missing.filter(hasDigest), missing.filter((name) => !hasDigest(name))];
    const streams = tagged.length === 0 ? [] : [{ names: tagged, command: importCommand }];
    // docker saves an image that is named by its digest without any name: containerd is told the one that pods ask for.
    for (const name of digested)
      streams.push({
        names: [name],
        command: [...ctrImages, 'import', '--all-platforms', '--index-name', nameInNode(name), '-'],
      });
    for (const { names, command } of streams) {
      const run = await pipePrograms(
        [
          { command: 'docker', args: ['save', ...names] },
          { command: 'docker', args: ['exec', '--interactive', '--privileged', node, ...command] },
        ],
        { signal, timeoutSeconds: importDeadlineSeconds },
      );
      signal.throwIfAborted();
      if (run.culprit !== null) return importFailure(names.join(', '), node, run.culprit.run);
    }
    return succeed(undefined);
  });
  return done.ok ? succeed([...loaded]) : done;
}

/** Loads the images of a tar archive, as `docker save` or an OCI build writes it, into nodes. */
function loadArchive(archive: string, nodes: string[], signal: AbortSignal): Promise<Result<undefined>> {
  return inEveryNode(nodes, signal, async (node) => {
    const run = await runProgram('docker', ['exec', '--interactive', '--privileged', node, ...importCommand], {
      signal,
      timeoutSeconds: importDeadlineSeconds,
      stdin: createReadStream(archive),
    });
    signal.throwIfAborted();
    return run.exitCode === 0 ? succeed(undefined) : importFailure(archive, node, run);
  });
}

/** Works on one node after the other: on two cores, streams into two nodes at once took longer than one after the other. */
async function inEveryNode(
  nodes: string[],
  signal: AbortSignal,
  work: (node: string) => Promise<Result<undefined>>,
): Promise<Result<undefined>> {
  for (const node of nodes) {
    const result = await work(node);
    signal.throwIfAborted();
    if (!result.ok) return result;
  }
  return succeed(undefined);
}

/** What `ctr images ls` prints: the digest of each name's manifest. */
export function listImagesOfNode(printed: string): Map<string, string> {
  const rows = printed.split('\n').slice(1);
  return new Map(
    rows.flatMap((row) => {
      const [name, , digest] = row.split(/\s+/);
      return name === undefined || digest === undefined || name === '' ? [] : [[name, digest] as const];
    }),
  );
}

/**
 * Whether a node has an image under this name with this ID. The kubelet's part of containerd keeps a second name for each
 * image, its ID; both lead to the same manifest. A name with a digest can mean nothing else.
 */
export function isInNode(name: string, id: string, there: Map<string, string>): boolean {
  const digest = there.get(nameInNode(name));
  if (digest === undefined) return false;
  return hasDigest(name) || (id !== '' && (there.get(id) === digest || digest === id));
}

function hasDigest(name: string): boolean {
  return name.includes('@');
}

/** The name under which the kubelet looks for an image: whole, with a digest in place of the tag where there is one. */
export function nameInNode(name: string): string {
  const registry = registryOf(name);
  const bare = name.replace(/^(index\.)?docker\.io\//, '');
  const whole = registry === 'docker.io' ? `docker.io/${bare.includes('/') ? '' : 'library/'}${bare}` : bare;
  if (hasDigest(whole)) return whole.replace(/:[^/:@]*@/, '@');
  return /:[^/]*$/.test(whole) ? whole : `${whole}:latest`;
}

function importFailure(what: string, node: string, run: ProgramRun): Result<undefined> {
  const problem = run.stderr.trim() === '' ? describeEnd(run) : run.stderr;
  const hint = /no space left/.test(problem)
    ? 'The disk is full: free some, for example with docker system df.'
    : 'Try "docker save" of these images by hand; an image that was pulled for another platform cannot be saved whole.';
  return fail('image', `loading ${toOneLine(what, 200)} into node ${node} failed: ${toOneLine(problem, 300)}`, {
    hint,
    evidence: problem.trim().split('\n').slice(-20),
  });
}
