import { createReadStream } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fail, type Result, succeed, toOneLine } from '../outcome.ts';
import { describeEnd, type ProgramRun, pipePrograms, runProgram } from '../tools/run-program.ts';
import { listNodeContainers, type NodeContainer } from './docker.ts';

const importDeadlineSeconds = 10 * 60;
const pollMilliseconds = 250;

/** As `kind load` calls it (pkg/cluster/nodeutils: LoadImageArchive). */
const importCommand = ['ctr', '--namespace=k8s.io', 'images', 'import', '--all-platforms', '--digests', '-'];

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
    // The load balancer of a cluster with several control planes carries the label too, but runs no containerd.
    const found = await listNodeContainers(cluster, options.signal);
    const machines = found.filter((node) => node.role !== 'external-load-balancer');
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
  let result = await loadImages(images, names, options.signal);
  for (const archive of archives) if (result.ok) result = await loadArchive(archive, names, options.signal);
  return result;
}

/** Names of the nodes that are given images. */
export function chooseNodes(nodes: Pick<NodeContainer, 'name' | 'role'>[], controlPlane: boolean): string[] {
  const workers = nodes.filter((node) => node.role === 'worker');
  return (controlPlane || workers.length === 0 ? nodes : workers).map((node) => node.name);
}

/**
 * Loads images of the local docker into nodes. One stream for all images, since they share layers.
 * @returns a failure of kind `image` naming the node and what docker or containerd said.
 */
export async function loadImages(images: string[], nodes: string[], signal: AbortSignal): Promise<Result<undefined>> {
  if (images.length === 0) return succeed(undefined);
  for (const node of nodes) {
    const run = await pipePrograms(
      [
        { command: 'docker', args: ['save', ...images] },
        { command: 'docker', args: ['exec', '--interactive', '--privileged', node, ...importCommand] },
      ],
      { signal, timeoutSeconds: importDeadlineSeconds },
    );
    signal.throwIfAborted();
    if (run.culprit !== null) return importFailure(images.join(', '), node, run.culprit.run);
  }
  return succeed(undefined);
}

/** Loads the images of a tar archive, as `docker save` or an OCI build writes it, into nodes. */
async function loadArchive(archive: string, nodes: string[], signal: AbortSignal): Promise<Result<undefined>> {
  for (const node of nodes) {
    const run = await runProgram('docker', ['exec', '--interactive', '--privileged', node, ...importCommand], {
      signal,
      timeoutSeconds: importDeadlineSeconds,
      stdin: createReadStream(archive),
    });
    signal.throwIfAborted();
    if (run.exitCode !== 0) return importFailure(archive, node, run);
  }
  return succeed(undefined);
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
