import { buildImage, isNamedByUs } from '../cluster/build-image.ts';
import { inspectLocalImage, listLocalImages } from '../cluster/docker.ts';
import { type Result, succeed } from '../outcome.ts';
import type { Run } from './run.ts';

/**
 * The images that go into the nodes: the test image and those of the chart, as far as the local docker has them, and all
 * that `load-images` names. Those that the nodes must pull are noted in `run`.
 */
export async function chooseImages(run: Run, ofChart: string[]): Promise<string[]> {
  const { inputs, signal } = run;
  const isBuilt = inputs.build !== undefined;
  run.image = isBuilt ? undefined : await inspectLocalImage(inputs.image, signal);
  const isOurs = isBuilt || run.image !== undefined;
  const local = await listLocalImages(ofChart, signal);
  const loaded = new Set([...inputs.loadImages, ...(isOurs ? [inputs.image] : []), ...local]);
  run.pulledImages = [...new Set([inputs.image, ...ofChart])].filter((name) => !loaded.has(name));
  return [...loaded];
}

/** Builds the test image where the user wants that; once, however often a cluster is tried. */
export async function buildTestImage(run: Run, signal: AbortSignal): Promise<Result<undefined>> {
  const { build, image } = run.inputs;
  if (build === undefined || run.image !== undefined) return succeed(undefined);
  if (isNamedByUs(image)) run.record.note({ kind: 'image', name: image });
  run.door.say(`docker build of ${build.context}: ${image}`);
  const built = await buildImage({ ...build, tag: image }, { ...run.voice, signal });
  if (built.ok) run.image = await inspectLocalImage(image, signal);
  return built;
}
