/**
 * A changed image for a node that has most of its layers, as of the image's former build: only those that it lacks are sent.
 * `docker save` writes all of them; what the node has is left out on the way.
 */
import { PassThrough, pipeline, type Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract, type Header, pack } from 'tar-stream';
import { runProgram } from '../tools/run-program.ts';
import { execInContainer, inspectLayers, type LocalImage, saveImagesCall } from './docker.ts';
import { chainLayers, describeImages, digestOf, pathOfBlob } from './image-layout.ts';
import { areNoted, ctrImages, hasDigest, importArchive, nameInNode } from './images-of-nodes.ts';
import { measureLayers } from './stream-size.ts';

export interface SendOptions {
  readonly node: string;
  /** The layers that it has, as `listUnpacked` gives them. */
  readonly unpacked: ReadonlySet<string>;
  /** Of the import, as `readImportOptions` gives them. */
  readonly importing: readonly string[];
  /** Undefined: docker exports all that it has of an image. */
  readonly platform: string | undefined;
  readonly signal: AbortSignal;
}

const askSeconds = 60;
const sendSeconds = 10 * 60;
/** Of the files of all missing layers, which are held in memory. */
const mostHeldBytes = 128 * 1024 * 1024;
/** What a tar has beside the bytes of its files: 1 KiB for each of 8,000 small ones. */
const moreBytesOfTar = 8 * 1024 * 1024;

/**
 * Sends what a node lacks of an image, where that is the smaller part.
 * @returns whether the node has the image now. When not, nothing is said about why: the image can be sent whole.
 */
export async function sendMissingLayers(image: LocalImage, options: SendOptions): Promise<boolean> {
  // A name with a digest means a manifest, and ours is another one.
  if (hasDigest(image.name)) return false;
  const plan = await planSending(image, options);
  if (plan === undefined) return false;
  const saved = await readSaved(image, plan, options);
  if (saved === undefined) return false;
  const { config, layers } = saved;
  // Unpacked under a name of its own, which no pod asks for: this manifest lists layers that the node need not have.
  const parts = `k8s-test-action.invalid/parts:${image.id.slice('sha256:'.length)}`;
  const listed = plan.diffIds.map((digest) => ({ digest, size: layers.get(digest)?.length ?? 0 }));
  const { importing, node, signal } = options;
  const limits = { signal, timeoutSeconds: sendSeconds };
  const archive = pack();
  for (const [digest, content] of layers) archive.entry({ name: pathOfBlob(digest) }, content);
  describeImages(archive, [{ name: parts, config, layers: listed }]);
  try {
    if ((await importArchive(node, archive, importing, limits)).exitCode !== 0) return false;
    // From then on the snapshots are found by the config, as of images that a node mounts.
    const described = pack();
    describeImages(described, [{ name: nameInNode(image.name), config, layers: [] }]);
    if ((await importArchive(node, described, ['--no-unpack', '--digests'], limits)).exitCode !== 0) return false;
    return await areNoted(node, [image], signal);
  } finally {
    await execInContainer(node, [...ctrImages, 'rm', parts], { signal, timeoutSeconds: askSeconds });
  }
}

interface Plan {
  /** All layers, the lowest first. */
  readonly diffIds: readonly string[];
  readonly missing: readonly string[];
  /** Of the tar of each missing layer, at most. */
  readonly mostBytes: number;
}

/** Undefined where the image is better sent whole. */
async function planSending({ name, id }: LocalImage, { signal, unpacked }: SendOptions): Promise<Plan | undefined> {
  const layers = await inspectLayers(name, signal);
  signal.throwIfAborted();
  // Docker's containerd store exports layers as they are stored, compressed, and does not tell their digests.
  if (layers === undefined || layers.id !== id || layers.directories.length === 0) return undefined;
  const { diffIds } = layers;
  const missing = findMissing(diffIds, unpacked);
  if (missing.length === diffIds.length) return undefined;
  const measured = await measureLayers(name, signal);
  if (measured === undefined || measured.layerBytes.length === 0) return undefined;
  const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);
  // Empty layers are not among the sizes, so this may be those of more layers than are missing.
  const missingBytes = missing.length === 0 ? 0 : sum(measured.layerBytes.slice(-missing.length));
  const isWorthwhile = missingBytes <= mostHeldBytes && missingBytes * 2 <= sum(measured.layerBytes);
  return isWorthwhile ? { diffIds, missing, mostBytes: missingBytes * 2 + moreBytesOfTar } : undefined;
}

/** The layers above the highest one that has a snapshot, the lowest first. Pure. */
export function findMissing(diffIds: readonly string[], snapshots: ReadonlySet<string>): string[] {
  const highest = chainLayers(diffIds).findLastIndex((chainId) => snapshots.has(chainId));
  return diffIds.slice(highest + 1);
}

/** @returns what docker has saved of the image and the node lacks; undefined where that is not all. */
async function readSaved(image: LocalImage, { missing, mostBytes }: Plan, options: SendOptions) {
  const { command, args } = saveImagesCall([image.name], options.platform);
  const saved = new PassThrough();
  const save = async () => {
    const run = await runProgram(command, args, {
      signal: options.signal,
      timeoutSeconds: sendSeconds,
      stdout: saved,
    });
    // One that could not be started has ended nothing.
    if (run.exitCode !== 0) saved.destroy();
    return run;
  };
  const [saving, parts] = await Promise.all([
    save(),
    pickParts(saved, { id: image.id, wanted: new Set(missing), mostBytes }),
  ]);
  options.signal.throwIfAborted();
  return saving.exitCode === 0 ? parts : undefined;
}

interface Wanted {
  /** The digest of the config. */
  readonly id: string;
  /** The digests of the layers. */
  readonly wanted: ReadonlySet<string>;
  readonly mostBytes: number;
}

/**
 * Takes an image's config and some of its layers out of what docker has saved.
 * @param saved that archive.
 * @returns undefined where one of them is not there, as of an image that was built again meanwhile.
 */
async function pickParts(saved: Readable, { id, wanted, mostBytes }: Wanted) {
  const entries = extract();
  // Docker's own end says why its archive broke off, and so does a part that is missing.
  pipeline(saved, entries, () => {});
  const layers = new Map<string, Buffer>();
  let config: Buffer | undefined;
  try {
    for await (const entry of entries) {
      const content = await readPart(entry, { id, wanted, mostBytes });
      const digest = content === undefined ? '' : digestOf(content);
      if (digest === id) config = content;
      else if (content !== undefined && wanted.has(digest)) layers.set(digest, content);
    }
  } catch {
    return undefined;
  }
  return config !== undefined && layers.size === wanted.size ? { config, layers } : undefined;
}

type Source = AsyncIterable<unknown> & { readonly header: Header; resume(): void };

/** The content of an entry that may be the config or one of the layers. */
async function readPart(entry: Source, { id, wanted, mostBytes }: Wanted): Promise<Buffer | undefined> {
  const { name, type, size } = entry.header;
  const [, hash] = /^(?:blobs\/sha256\/)?([0-9a-f]{64})(?:\.json)?$/.exec(name) ?? [];
  const digest = hash && `sha256:${hash}`;
  // Before version 25, docker does not name a layer by its digest.
  const mayBePart = digest === undefined ? name.endsWith('/layer.tar') : digest === id || wanted.has(digest);
  if (type === 'file' && mayBePart && size <= mostBytes) return await buffer(entry);
  entry.resume();
  return undefined;
}
