/** How much docker will write when it saves images. */
import { askDocker } from './docker.ts';

/** An image with its layers from the bottom up. */
export interface LayeredImage {
  sizeBytes: number;
  /** Digests. */
  layers: readonly string[];
  /** Of each layer; empty where docker does not say. */
  layerBytes: readonly number[];
}

/**
 * About how many bytes `docker save` writes for these images: a layer that several of them share counts once. Undefined where
 * docker does not say. What tar adds, some 2 %, is not in it.
 */
export async function estimateStream(names: readonly string[], signal: AbortSignal): Promise<number | undefined> {
  const images = await Promise.all(names.map((name) => measureLayers(name, signal)));
  const known = images.filter((image) => image !== undefined);
  return known.length === names.length ? sumLayers(known) : undefined;
}

/** The bytes of all layers, each once. Images whose layers are not known count as a whole. Pure. */
export function sumLayers(images: readonly LayeredImage[]): number {
  const layers = new Map<string, number>();
  let whole = 0;
  for (const { sizeBytes, layers: digests, layerBytes } of images) {
    if (digests.length !== layerBytes.length) whole += sizeBytes;
    else for (const [at, digest] of digests.entries()) layers.set(digest, layerBytes[at] ?? 0);
  }
  return [...layers.values()].reduce((sum, bytes) => sum + bytes, whole);
}

/** Undefined when docker has no such image, or cannot be asked. */
export async function measureLayers(name: string, signal: AbortSignal): Promise<LayeredImage | undefined> {
  const [inspected, history] = await Promise.all([
    askDocker(['image', 'inspect', '--format', '{{.Size}} {{json .RootFS.Layers}}', name], signal),
    askDocker(['history', '--human=false', '--no-trunc', '--format', '{{.Size}}', name], signal),
  ]);
  const [, size, layers] = /^(\d+) (\[.*\]|null)$/.exec(inspected.stdout.trim()) ?? [];
  if (size === undefined) return undefined;
  // The newest comes first, and instructions that only change the config have a size of 0 and no layer.
  const layerBytes = history.stdout
    .split('\n')
    .map(Number)
    .filter((bytes) => bytes > 0)
    .reverse();
  return { sizeBytes: Number(size), layers: (JSON.parse(layers ?? 'null') as string[] | null) ?? [], layerBytes };
}
