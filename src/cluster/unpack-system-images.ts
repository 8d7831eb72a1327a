/**
 * The images of Kubernetes itself, unpacked in nodes before they are needed. A node image holds them packed (`kind build
 * node-image` imports them with --no-unpack), and containerd unpacks each when the first container of it is about to start. A node
 * cannot be ready before that of the pod network runs, and while kubeadm waits for the control plane a core has nothing to do.
 */
import { describeDockerError, execInContainer, type NodeContainer } from './docker.ts';
import { listImagesIn } from './images-of-nodes.ts';
import { readImportOptions } from './load-images.ts';

const unpackSeconds = 120;

/** How the last parts of their names begin, in the order in which nodes need them. */
const ofControlPlane = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];
const ofEveryNode = ['kindnetd', 'kube-proxy', 'coredns', 'local-path-provisioner', 'local-path-helper'];

/**
 * Unpacks the images of Kubernetes in nodes whose containerd answers.
 * @returns why that could not be done in one of them; then it happens when they are needed, as it does after an abort.
 */
export async function unpackSystemImages(
  nodes: readonly NodeContainer[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const problems = await Promise.all(nodes.map((node) => unpackIn(node, signal)));
  return signal.aborted ? undefined : problems.find((problem) => problem !== undefined);
}

async function unpackIn({ name, role }: NodeContainer, signal: AbortSignal): Promise<string | undefined> {
  const [images, flags] = await Promise.all([listImagesIn(name, signal), readImportOptions(name, signal)]);
  const digests = orderSystemImages(images, role);
  if (digests.length === 0) return undefined;
  const unpack = ['ctr', '--namespace=k8s.io', 'snapshots', ...flags, 'unpack'].join(' ');
  const script = `for digest; do ${unpack} "$digest" >/dev/null || exit; done`;
  const command = ['bash', '-c', script, 'unpack', ...digests];
  const run = await execInContainer(name, command, { signal, timeoutSeconds: unpackSeconds, privileged: true });
  return run.exitCode === 0 ? undefined : `${name}: ${describeDockerError(run)}`;
}

/**
 * The digests of a node's images of Kubernetes, each once, those first that the node needs first. Pure.
 * @param images the digest of each name.
 * @param role of the node, as kind labels it.
 */
export function orderSystemImages(images: ReadonlyMap<string, string>, role: string): string[] {
  const wanted = ['pause', ...(role === 'control-plane' ? ofControlPlane : []), ...ofEveryNode];
  // A node image names the images of Kubernetes with and without their architecture.
  const isOf = (name: string, beginning: string) => name.slice(name.lastIndexOf('/') + 1).startsWith(beginning);
  const digests = wanted.flatMap((beginning) =>
    [...images].filter(([name]) => isOf(name, beginning)).map(([, digest]) => digest),
  );
  return [...new Set(digests)];
}
