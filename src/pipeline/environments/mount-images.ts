/** Which images the nodes of a new cluster mount. */
import { holdImage, inspectLayers } from '../../cluster/docker.ts';
import { isForPlatform } from '../../cluster/load-images.ts';
import type { DockerFacts } from '../../cluster/machine-facts.ts';
import {
  joinMounts,
  listMounts,
  type MountedImage,
  type MountedImages,
  nothingMounted,
  planMount,
  registerMounted,
} from '../../cluster/mounted-images.ts';
import type { NodeImages } from '../progress.ts';
import type { Run } from '../run.ts';

/**
 * Chooses the images that the nodes mount: those that docker has now, for the nodes' platform. A container of each keeps docker
 * from removing it before the cluster is removed.
 * @returns what the nodes mount; the other images are loaded into them.
 */
export async function chooseMounted(
  run: Run,
  { loaded }: NodeImages,
  { hasMountableLayers, architecture }: DockerFacts,
): Promise<MountedImages> {
  const { inputs, signal, record } = run;
  // The image that the run builds is made beside the cluster.
  const names = [...loaded].filter((name) => inputs.build === undefined || name !== inputs.image);
  if (!hasMountableLayers) return nothingMounted;
  const images = await Promise.all(
    names.map(async (name, at) => {
      const found = await inspectLayers(name, signal);
      if (found === undefined || !isForPlatform(found.platform, `linux/${architecture}`)) return [];
      const image = planMount(name, found);
      if (image === undefined) return [];
      const held = `k8s-test-${record.content.runId}-image-${at}`;
      record.note({ kind: 'container', name: held });
      const paths = listMounts(image).map(({ hostPath }) => hostPath);
      const problem = await holdImage(image.id, { name: held, paths }, signal);
      if (problem !== undefined) run.reporter.say(`image ${name} is loaded, since it cannot be mounted: ${problem}`);
      return problem === undefined ? [image] : [];
    }),
  );
  signal.throwIfAborted();
  return joinMounts(images.flat());
}

/**
 * Gives the nodes the images that they mount.
 * @returns those that all nodes have; the others are to be loaded.
 */
export async function giveMounted(
  run: Run,
  { images }: MountedImages,
  { nodes, signal }: { nodes: readonly string[]; signal: AbortSignal },
): Promise<readonly MountedImage[]> {
  if (images.length === 0) return [];
  const problems = await Promise.all(
    nodes.map(async (node) => {
      const problem = await registerMounted(node, images, signal);
      return problem === undefined ? [] : [`${node}: ${problem}`];
    }),
  );
  signal.throwIfAborted();
  const [problem] = problems.flat();
  const names = images.map(({ name }) => name).join(', ');
  run.reporter.say(
    problem === undefined
      ? `${nodes.length} nodes mount ${images.length} images of the local docker: ${names}`
      : `images are loaded, since they cannot be mounted: ${problem}`,
  );
  return problem === undefined ? images : [];
}
