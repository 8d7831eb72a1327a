/** Archives of images that containerd imports (OCI image-spec, image-layout.md), in which layers may be missing. */
import { createHash } from 'node:crypto';
import type { Pack } from 'tar-stream';

/** An image as an archive describes it. */
export interface DescribedImage {
  /** As nodes name it. */
  readonly name: string;
  readonly config: Buffer;
  /** What its manifest lists, the lowest first; the archive need not have them. */
  readonly layers: readonly Blob[];
}

export interface Blob {
  /** `sha256:…` */
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
}

const manifestType = 'application/vnd.docker.distribution.manifest.v2+json';
const configType = 'application/vnd.docker.container.image.v1+json';
const layerType = 'application/vnd.docker.image.rootfs.diff.tar';

/** Adds to an archive what describes these images, and ends it. */
export function describeImages(archive: Pack, images: readonly DescribedImage[]): void {
  const blobs = new Map<string, Buffer>();
  const addBlob = (content: Buffer): Blob => {
    const digest = digestOf(content);
    blobs.set(digest, content);
    return { digest, size: content.length };
  };
  const manifests = images.map(({ name, config, layers }) => {
    const manifest = {
      schemaVersion: 2,
      mediaType: manifestType,
      config: { mediaType: configType, ...addBlob(config) },
      layers: layers.map((layer) => ({ mediaType: layerType, ...layer })),
    };
    const { os, architecture, variant } = JSON.parse(config.toString()) as Record<string, string>;
    return {
      mediaType: manifestType,
      ...addBlob(Buffer.from(JSON.stringify(manifest))),
      platform: { os, architecture, ...(variant ? { variant } : {}) },
      annotations: { 'io.containerd.image.name': name },
    };
  });
  archive.entry({ name: 'oci-layout' }, JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  archive.entry({ name: 'index.json' }, JSON.stringify({ schemaVersion: 2, manifests }));
  for (const [digest, content] of blobs) archive.entry({ name: pathOfBlob(digest) }, content);
  archive.finalize();
}

/** Where an archive has a blob. */
export function pathOfBlob(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

/**
 * How the snapshot of each layer on top of those below it is called (OCI image-spec, config.md: ChainID).
 * @param diffIds of the unpacked tar of each layer, the lowest first. Pure.
 */
export function chainLayers(diffIds: readonly string[]): string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : digestOf(`${below} ${diffId}`));
  }
  return chain;
}

export function digestOf(content: string | Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
