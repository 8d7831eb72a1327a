/** What the images of a run had to do with how it ended. */
import { open } from 'node:fs/promises';
import path from 'node:path';
import { inspectLocalImage, listLocalNames } from '../cluster/docker.ts';
import { findSimilarImages } from '../cluster/similar-images.ts';
import { type Failure, fail, type Result, succeed } from '../core/outcome.ts';
import {
  describeHealedPulls,
  foreignImageFailure,
  isFailedPull,
  isForeignProgram,
} from '../diagnose/classify-image.ts';
import type { NodeImages, Platform, StartedTests } from './progress.ts';
import type { Run } from './run.ts';

/**
 * The end of the phase `tests`, with what images had to do with it: pulls that took several attempts are warned of, and tests
 * that ended because their program is for another architecture are no failed tests.
 */
export async function explainEnd(
  run: Run,
  result: Result<StartedTests>,
  { images, watch }: Platform,
): Promise<Result<unknown>> {
  for (const line of describeHealedPulls(watch.events)) run.warn(line);
  if (!result.ok) return explainImageFailure(result, images, run.signal);
  const { parts, job } = result.value;
  if (parts.some(({ end }) => end?.terminated?.exitCode !== 0)) {
    const kept = await findVanished(images, run.signal);
    if (!kept.ok) return kept;
  }
  const [first] = parts;
  const { terminated, pod } = first?.end ?? {};
  // The image is the same in all shards: the first represents all.
  if (terminated === undefined || terminated.exitCode === 0 || pod === undefined) return result;
  const file = path.join(run.dir.logs, pod.metadata.name, `${job?.container}.log`);
  const lines = await readWholeOfShortLog(file);
  return isForeignProgram(lines)
    ? { ok: false, failure: foreignImageFailure(job?.image ?? run.inputs.image, lines) }
    : result;
}

/**
 * A failure, where images are its cause: that of an image that the nodes mounted and that docker no longer has, which replaces
 * it; otherwise with a hint that names what the local docker has instead of a missing image, or why one that the nodes were
 * given was asked for all the same.
 */
export async function explainImageFailure<T>(
  result: Result<T>,
  images: Pick<NodeImages, 'loaded' | 'pulled' | 'mounted'>,
  signal: AbortSignal,
): Promise<Result<T>> {
  if (result.ok) return result;
  const { loaded, pulled } = images;
  const kept = await findVanished(images, signal);
  if (!kept.ok) return kept;
  const { failure } = result;
  const { image } = failure;
  if (image === undefined) return result;
  if (loaded.has(image) && isFailedPull(failure)) {
    const hint = `The nodes were given ${image}, but a pull policy of Always, which is that of the tag latest, asks the registry anyway: set imagePullPolicy: IfNotPresent, or use another tag.`;
    return { ok: false, failure: { ...failure, hint } satisfies Failure };
  }
  if (!pulled.includes(image) || signal.aborted) return result;
  const similar = findSimilarImages(image, await listLocalNames(signal));
  if (similar.length === 0) return result;
  const hint = `Did you mean ${similar.join(' or ')}, which the local docker has? ${failure.hint}`;
  return { ok: false, failure: { ...failure, hint } satisfies Failure };
}

/**
 * Whether docker still has the images that the nodes mount. It does not remove them while a container of ours holds them, but
 * `docker system prune` removes that container first.
 * @returns a failure of kind `image` that names the first one that is gone, whatever failed because of it.
 */
async function findVanished({ mounted }: Pick<NodeImages, 'mounted'>, signal: AbortSignal): Promise<Result<undefined>> {
  if (signal.aborted) return succeed(undefined);
  for (const [name, id] of mounted ?? [])
    if ((await inspectLocalImage(id, signal)) === undefined && !signal.aborted)
      return fail('image', `image ${name} was removed from the local docker while the nodes used it`, {
        code: 'image-vanished',
        image: name,
        hint: 'Something on this machine removed it, such as "docker system prune": run that only when no job runs.',
      });
  return succeed(undefined);
}

const shortBytes = 1024;

/** The lines of a very short log; none of a longer one, or of a missing one. */
async function readWholeOfShortLog(file: string): Promise<string[]> {
  try {
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(shortBytes), 0, shortBytes, 0);
      const text = buffer.toString('utf8', 0, bytesRead);
      return bytesRead === shortBytes ? [] : text.split('\n').filter((line) => line !== '');
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
