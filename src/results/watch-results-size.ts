import { lstat, readdir, statfs } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describeDiskError } from '../core/disk-error.ts';
import { type Failure, fail, messageOf } from '../core/outcome.ts';
import { formatBytes, listNames, type ResultsLimits } from './results-limits.ts';

export interface SizeOptions {
  /** Directory of the runner that the tests write to. */
  directory: string;
  limits: ResultsLimits;
  resultsPath: string;
  signal: AbortSignal;
}

/**
 * Below this the runner may not even be able to report what happened; a disk that had less to begin with may be filled to half
 * of that.
 */
const leastFreeBytes = 256 * 1024 * 1024;
/** With less than this a disk is full. */
const fullBytes = 1024 * 1024;
const lookMilliseconds = 2000;
/** A walk that took long is not done again at once. */
const restFactor = 10;

/**
 * Watches what the tests write straight to the runner's disk, which nothing else limits: results that grow without end
 * would take the disk, and with it the log, the report and everything else on the machine.
 */
export class ResultsSizeWatch {
  #failure: Failure | undefined;

  constructor(options: SizeOptions) {
    this.#watch(options).catch((error: unknown) => {
      if (options.signal.aborted) return;
      // This promise is not awaited: an exception would end the process without a verdict.
      this.#failure = describeLoss(error, options.directory);
    });
  }

  /** Why the run has to end; undefined while all is well. */
  get failure(): Failure | undefined {
    return this.#failure;
  }

  async #watch(options: SizeOptions): Promise<void> {
    const leastFree = Math.min(leastFreeBytes, (await freeBytes(options.directory)) / 2);
    while (this.#failure === undefined) {
      const start = performance.now();
      this.#failure = await judgeSize(options, leastFree);
      const took = performance.now() - start;
      await delay(Math.max(lookMilliseconds, took * restFactor), undefined, { signal: options.signal });
    }
  }
}

/** The tests' output can no longer be read: the directory was removed, or its disk does not answer. */
function describeLoss(error: unknown, directory: string): Failure {
  const what = `the results directory ${directory} cannot be read while the tests run`;
  const known = describeDiskError(error, what);
  if (known !== undefined) return known;
  const isGone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  return fail('results', `${what}: ${isGone ? 'it was removed' : messageOf(error)}`, {
    hint: 'Nothing but the run may remove it while the tests run.',
  }).failure;
}

async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

async function judgeSize(
  { directory, limits, resultsPath, signal }: SizeOptions,
  leastFree: number,
): Promise<Failure | undefined> {
  const free = await freeBytes(directory);
  const { bytes, files, largest } = await measure(directory, limits, signal);
  const hint = 'Write less, or raise results-limit; the largest files were left out of the results.';
  const named =
    largest === undefined ? '' : `; the largest is ${listNames([largest.name])} (${formatBytes(largest.bytes)})`;
  if (bytes > limits.totalBytes)
    return fail(
      'results',
      `the tests wrote ${formatBytes(bytes)} to ${resultsPath}, above the limit of ${formatBytes(limits.totalBytes)} (results-limit), and were stopped before the disk was full${named}`,
      { hint },
    ).failure;
  if (files > limits.files)
    return fail(
      'results',
      `the tests wrote more than ${limits.files} files to ${resultsPath}, and were ended${named}`,
      {
        hint: 'Have caches and environments written elsewhere, such as to /tmp.',
      },
    ).failure;
  const left = free < fullBytes ? 'is full' : `has only ${formatBytes(free)} left`;
  if (free < leastFree)
    return fail(
      'results',
      `the disk of the results ${left}, and the tests were ended; they wrote ${formatBytes(bytes)} to ${resultsPath}${named}`,
      { hint: 'Free some disk space, or write less.' },
    ).failure;
  return undefined;
}

/** The size of a tree that others write to meanwhile, counted up to where the limits are passed. */
async function measure(
  root: string,
  limits: ResultsLimits,
  signal: AbortSignal,
): Promise<{ bytes: number; files: number; largest: { name: string; bytes: number } | undefined }> {
  let bytes = 0;
  let files = 0;
  let largest: { name: string; bytes: number } | undefined;
  const pending = [''];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    signal.throwIfAborted();
    // Files that have vanished, or are not accessible until their owner is changed, are not counted.
    const entries = await readdir(path.join(root, next), { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const name = path.join(next, entry.name);
      if (entry.isDirectory()) pending.push(name);
      if (!entry.isFile()) continue;
      const stat = await lstat(path.join(root, name)).catch(() => undefined);
      if (stat === undefined) continue;
      files += 1;
      // Sparse files, such as cores, take as much as they have blocks.
      const taken = Math.min(stat.size, stat.blocks * 512);
      bytes += taken;
      if (taken > (largest?.bytes ?? -1)) largest = { name, bytes: taken };
      if (files > limits.files) return { bytes, files, largest };
    }
  }
  return { bytes, files, largest };
}
