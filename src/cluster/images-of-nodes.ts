/** The images of a node's containerd, and how they are named there. */
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { ProgramRun } from '../tools/run-program.ts';
import { execInContainer } from './docker.ts';
import { registryOf } from './registry-credentials.ts';

const askSeconds = 60;
const noteSeconds = 10;
const pollMilliseconds = 100;

export const ctrImages = ['ctr', '--namespace=k8s.io', 'images'];

/** The images of a node: the digest of each name's manifest. */
export async function listImagesIn(node: string, signal: AbortSignal): Promise<Map<string, string>> {
  const listed = await execInContainer(node, [...ctrImages, 'ls'], { signal, timeoutSeconds: askSeconds });
  return listImagesOfNode(listed.exitCode === 0 ? listed.stdout : '');
}

/**
 * The names of the snapshots that a node has of unpacked layers; none where it cannot be asked.
 * @param flags name the snapshotter.
 */
export async function listUnpacked(node: string, flags: readonly string[], signal: AbortSignal): Promise<Set<string>> {
  const command = ['ctr', '--namespace=k8s.io', 'snapshots', ...flags, 'ls'];
  const run = await execInContainer(node, command, { signal, timeoutSeconds: askSeconds });
  const rows = run.exitCode === 0 ? run.stdout.split('\n').map((row) => row.split(/\s+/)) : [];
  return new Set(rows.flatMap(([name = '', ...rest]) => (rest.includes('Committed') ? [name] : [])));
}

/**
 * Imports images into a node.
 * @param flags of `ctr images import`.
 */
export function importArchive(
  node: string,
  archive: AsyncIterable<unknown>,
  flags: readonly string[],
  options: { signal: AbortSignal; timeoutSeconds: number },
): Promise<ProgramRun> {
  const stdin = Readable.from(archive);
  return execInContainer(node, [...ctrImages, 'import', ...flags, '-'], { ...options, stdin, privileged: true });
}

/**
 * Waits until the kubelet's part of containerd has taken note of images, as it does of each new one.
 * @returns false when it has not within 10 s.
 */
export async function areNoted(
  node: string,
  images: readonly { name: string; id: string }[],
  signal: AbortSignal,
): Promise<boolean> {
  const deadline = performance.now() + noteSeconds * 1000;
  while (performance.now() < deadline) {
    const there = await listImagesIn(node, signal);
    if (images.every(({ name, id }) => there.has(id) && isInNode(name, id, there))) return true;
    await delay(pollMilliseconds, undefined, { signal });
  }
  return false;
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

/** Whether a name of an image has a digest. */
export function hasDigest(name: string): boolean {
  return name.includes('@');
}

/**
 * The name under which the kubelet looks for an image: fully qualified, with a digest in place of the tag where there is one.
 */
export function nameInNode(name: string): string {
  const registry = registryOf(name);
  const bare = name.replace(/^(index\.)?docker\.io\//, '');
  const whole = registry === 'docker.io' ? `docker.io/${bare.includes('/') ? '' : 'library/'}${bare}` : bare;
  if (hasDigest(whole)) return whole.replace(/:[^/:@]*@/, '@');
  return /:[^/]*$/.test(whole) ? whole : `${whole}:latest`;
}
