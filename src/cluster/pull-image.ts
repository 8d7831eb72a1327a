import { execInContainer } from './docker.ts';
import { ctrImages, listImagesIn, nameInNode } from './images-of-nodes.ts';
import { readImportOptions } from './load-images.ts';

const pullSeconds = 10 * 60;

/**
 * Has a node pull an image as its kubelet would for a pod without credentials: with the mirrors that containerd reads, and into
 * the snapshotter of pods. A node that has the image asks no registry.
 * @returns the message of containerd when it cannot, or undefined.
 */
export async function pullInNode(image: string, node: string, signal: AbortSignal): Promise<string | undefined> {
  const name = nameInNode(image);
  if ((await listImagesIn(node, signal)).has(name)) return undefined;
  const options = [...(await readImportOptions(node, signal)), '--hosts-dir', '/etc/containerd/certs.d'];
  const run = await execInContainer(node, [...ctrImages, 'pull', ...options, name], {
    signal,
    timeoutSeconds: pullSeconds,
  });
  if (run.exitCode === 0 || run.aborted) return undefined;
  // Lines before it are about single hosts.
  return (
    run.stderr
      .trim()
      .split('\n')
      .at(-1)
      ?.replace(/^ctr: /, '') ?? ''
  );
}
