import { buildImage, isNamedByUs, proofImageName } from '../cluster/build-image.ts';
import { inspectLocalImage, type LocalImage, listLocalImages, nameImage, removeImage } from '../cluster/docker.ts';
import { splitImageName } from '../cluster/similar-images.ts';
import { messageOf, type Result, succeed } from '../core/outcome.ts';
import { listJobImages, type TestJob, testImageOf } from '../inputs/job-manifest.ts';
import { listImages } from '../platform/chart.ts';
import { needsCollector } from '../results/route-results.ts';
import type { NodeImages } from './progress.ts';
import type { Run } from './run.ts';

/**
 * Which images go into the nodes: those of the tests and of the chart, as far as they are in the local docker, and all that
 * `load-images` names. The nodes must pull the others.
 * @param chart what of the chart can be read, and whether that is all of it.
 * @param options.isCollected whether it is known that a collector fetches the results.
 */
export async function chooseImages(
  run: Run,
  chart: { manifests: unknown[]; isWhole: boolean },
  options: { own: TestJob | undefined; isCollected: boolean },
): Promise<NodeImages> {
  const { own } = options;
  const { inputs, signal } = run;
  const isBuilt = inputs.build !== undefined;
  const testImage = own === undefined ? inputs.image : testImageOf(own);
  const test = isBuilt ? undefined : await inspectLocalImage(testImage, signal);
  const isOurs = isBuilt || test !== undefined;
  const ofJob = own === undefined ? [] : listJobImages(own);
  const isCollected = options.isCollected || (own !== undefined && needsCollector(own, inputs.resultsPath));
  const collector = isCollected ? [inputs.collectorImage] : [];
  const ofTests = [testImage, ...ofJob, ...collector];
  const others = [...listImages(chart.manifests), ...ofJob, ...collector];
  // What the local docker has does not get into a cluster that is elsewhere.
  const isElsewhere = inputs.cluster === 'existing';
  const local = isElsewhere ? [] : await listLocalImages(others, signal);
  const loaded = new Set([...inputs.loadImages, ...(isOurs && !isElsewhere ? [testImage] : []), ...local]);
  const isOnlyOfTests = (name: string) =>
    chart.isWhole && !inputs.loadImages.includes(name) && !mentionsImage(chart.manifests, name);
  return {
    test,
    loaded,
    ofTests: new Set(ofTests.filter((name) => loaded.has(name) && isOnlyOfTests(name))),
    pulled: [...new Set([testImage, ...others])].filter((name) => !loaded.has(name)),
  };
}

/**
 * Whether a chart can make pods of an image: names it, or has the name of its repository in any text, as in a config from which
 * a program of the platform starts pods. Pure.
 */
export function mentionsImage(manifests: unknown[], image: string): boolean {
  return JSON.stringify(manifests).includes(splitImageName(image).last);
}

/**
 * What happens to an image that cannot be loaded. The nodes pull one that a registry has, with a warning; one that was built
 * here, or that `load-images` names, has to be loaded.
 * @param left names of images that are left to the nodes are added to it.
 */
export function leaveToNodes(run: Run, left: string[]): (image: LocalImage, reason: string) => boolean {
  return ({ name, repoDigest }, reason) => {
    const isBuilt = run.inputs.build !== undefined && run.inputs.image === name;
    if (repoDigest === '' || isBuilt || run.inputs.loadImages.includes(name)) return false;
    run.warn(`${reason}; the nodes pull it from its registry`);
    left.push(name);
    return true;
  };
}

/** The images after loading, when those in `left` were left to the nodes. */
export function moveToPulled(images: NodeImages, left: readonly string[]): NodeImages {
  const { loaded, pulled } = images;
  return {
    ...images,
    loaded: new Set([...loaded].filter((name) => !left.includes(name))),
    pulled: [...pulled, ...left],
  };
}

/** Builds the test image where the inputs ask for that, and it is not built yet. @returns the images with it. */
export async function buildTestImage(run: Run, images: NodeImages, signal: AbortSignal): Promise<Result<NodeImages>> {
  const { build, image } = run.inputs;
  if (build === undefined || images.test !== undefined) return succeed(images);
  const former = isNamedByUs(image) ? await prepareName(run, image, signal) : undefined;
  run.reporter.say(`docker build of ${build.context}: ${image}`);
  const proof = proofImageName((run.kept ?? run.record).content.runId);
  noteImage(run, proof);
  const built = await buildImage({ ...build, tag: image, proof }, { ...run.voice, signal });
  const test = built.ok ? await inspectLocalImage(image, signal) : undefined;
  if (former !== undefined)
    // A container of it may be in use; `down` tries again.
    await removeImage(former, signal).catch((error: unknown) => run.warn(messageOf(error)));
  return built.ok ? succeed({ ...images, test }) : built;
}

/**
 * Notes the name that we give an image. In a kept cluster it stays until that is removed: a classic builder without its last
 * image makes another one of the same files.
 * @returns another name for the image that had this one so far, which would have no name once it is built again.
 */
async function prepareName(run: Run, image: string, signal: AbortSignal): Promise<string | undefined> {
  noteImage(run, image);
  if ((await inspectLocalImage(image, signal)) === undefined) return undefined;
  const former = `${image}-former`;
  noteImage(run, former);
  await nameImage(image, former, signal);
  return former;
}

/** Notes the name of an image before it is made, with the cluster that it is for. */
function noteImage(run: Run, name: string): void {
  const record = run.kept ?? run.record;
  const isNoted = record.content.made.some((made) => made.kind === 'image' && made.name === name);
  if (!isNoted) record.note({ kind: 'image', name });
}
