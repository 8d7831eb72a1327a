/**
 * Images of the local docker whose layers the nodes of a new cluster mount, in place of getting copies. Docker's storage driver
 * overlay2 keeps each layer unpacked in a directory, in the format that the kernel mounts (whiteouts and opaque directories
 * included), which is that of containerd's snapshotter overlayfs too. So a node needs no more than a snapshot for each layer,
 * which leads to that directory, and the config of the image: no layer is exported, hashed, unpacked or stored once more.
 * Pods see their image as a container of the local docker would: the kernel mounts the same directories, read-only.
 */
import path from 'node:path';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { must } from '../core/must.ts';
import { describeDockerError, execInContainer, type ImageLayers } from './docker.ts';
import { chainLayers, describeImages, digestOf } from './image-layout.ts';
import { areNoted, importArchive, nameInNode } from './images-of-nodes.ts';
import type { NodeMount } from './registry-mirrors.ts';

/** What of the local docker the nodes mount. */
export interface MountedImages {
  readonly images: readonly MountedImage[];
  /** The layers and configs of all of them, each once. */
  readonly mounts: readonly NodeMount[];
}

export interface MountedImage {
  readonly name: string;
  /** The SHA-256 of its config. */
  readonly id: string;
  /** The file with its config, where docker keeps it. */
  readonly config: string;
  /** The lowest first. */
  readonly layers: readonly Layer[];
}

interface Layer {
  /** How a snapshot of this layer on top of those below is called (OCI image-spec, config.md: ChainID). */
  readonly chainId: string;
  /** The chain below; empty for the lowest layer. */
  readonly parent: string;
  /** Where docker keeps it. */
  readonly directory: string;
}

export const nothingMounted: MountedImages = { images: [], mounts: [] };

const layersNodePath = '/k8s-test/layers';
const configsNodePath = '/k8s-test/configs';
const askSeconds = 60;

/** Docker's names for the directories are hexadecimal; its root may be anywhere, but a mount must be able to name it. */
const layerDirectory = /^((?:\/(?!\.)[\w.-]{1,100}){1,20})\/overlay2\/([0-9a-z]{1,100})\/diff$/;

const digestForm = /^sha256:([0-9a-f]{64})$/;

/**
 * What nodes must mount to have an image.
 * @returns undefined where docker does not say where all of its layers are, each in a directory of its own. Pure.
 */
export function planMount(name: string, { id, diffIds, directories }: ImageLayers): MountedImage | undefined {
  const [root, ...others] = new Set(directories.map((directory) => layerDirectory.exec(directory)?.[1]));
  const hash = digestForm.exec(id)?.[1];
  if (root === undefined || others.length > 0 || hash === undefined) return undefined;
  if (diffIds.length !== directories.length || !diffIds.every((diffId) => digestForm.test(diffId))) return undefined;
  const layers = chainLayers(diffIds).map((chainId, at, chain) => {
    return { chainId, parent: chain[at - 1] ?? '', directory: must(directories[at], 'the directory of a layer') };
  });
  return { name, id, config: `${root}/image/overlay2/imagedb/content/sha256/${hash}`, layers };
}

/** What a node mounts of an image: the directories of its layers, and the file with its config. Pure. */
export function listMounts({ id, config, layers }: MountedImage): NodeMount[] {
  return [
    ...layers.map(({ directory }) => ({ hostPath: directory, containerPath: layerInNode(directory), readOnly: true })),
    { hostPath: config, containerPath: configInNode(id), readOnly: true },
  ];
}

/** Images with all that nodes must mount to have them. Pure. */
export function joinMounts(images: readonly MountedImage[]): MountedImages {
  const mounts = new Map(images.flatMap(listMounts).map((mount) => [mount.containerPath, mount]));
  return { images, mounts: [...mounts.values()] };
}

function layerInNode(directory: string): string {
  return `${layersNodePath}/${path.basename(path.dirname(directory))}`;
}

function configInNode(id: string): string {
  return `${configsNodePath}/${id.slice('sha256:'.length)}`;
}

/**
 * Makes images that a node mounts known to its containerd.
 * @returns why that could not be done; undefined when pods can use all of them.
 */
export async function registerMounted(
  node: string,
  images: readonly MountedImage[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const layers = new Map(images.flatMap((image) => image.layers).map((layer) => [layer.chainId, layer]));
  const script = renderSnapshots([...layers.values()], images);
  const options = { signal, timeoutSeconds: askSeconds, privileged: true };
  // As an argument it might be too long.
  const made = await execInContainer(node, ['bash', '-s'], { ...options, stdin: Readable.from([script]) });
  if (made.exitCode !== 0) return describeDockerError(made);
  const configs = made.stdout.split('\n').map((line) => Buffer.from(line, 'base64'));
  const described = images.map((image, at) => ({ ...image, content: configs[at] ?? Buffer.of() }));
  const wrong = described.find(({ id, content }) => digestOf(content) !== id);
  if (wrong !== undefined) return `${wrong.config} is not the config of ${wrong.name}`;
  const archive = pack();
  // A manifest that lists layers would make containerd miss them after each of its starts, and then not show the image to the
  // kubelet; the snapshots are found by the config alone.
  describeImages(
    archive,
    described.map(({ name, content }) => ({ name: nameInNode(name), config: content, layers: [] })),
  );
  const read = await importArchive(node, archive, ['--no-unpack', '--digests'], { signal, timeoutSeconds: askSeconds });
  if (read.exitCode !== 0) return describeDockerError(read);
  return (await areNoted(node, images, signal)) ? undefined : 'the kubelet does not see them';
}

/**
 * A program that makes a snapshot of each layer, the lowest first, and prints the configs of the images. It can be repeated:
 * a snapshot that is there, as of an image that the node pulls meanwhile, is used.
 */
function renderSnapshots(layers: readonly Layer[], images: readonly MountedImage[]): string {
  return `set -euo pipefail
snapshots() { ctr --namespace k8s.io snapshots --snapshotter overlayfs "$@"; }
there=$'\\n'$(snapshots ls | cut -d' ' -f1)$'\\n'
layer() {
  case $there in *$'\\n'$1$'\\n'*) return;; esac
  # Left by an attempt that was interrupted.
  case $there in *$'\\n'"k8s-test-$1"$'\\n'*) snapshots rm "k8s-test-$1";; esac
  made=$(snapshots prepare --mounts "k8s-test-$1" \${3:-} | tr -d ' \\n')
  upper=$(sed -nE 's/.*"upperdir=([^"]+)".*/\\1/p' <<<"$made")
  [ -n "$upper" ] || upper=$(sed -nE 's/.*"Source":"([^"]+)".*/\\1/p' <<<"$made")
  case $upper in /*/snapshots/*/fs) ;; *) echo "no directory of a snapshot in $made" >&2; exit 1;; esac
  rmdir "$upper"
  ln -s "$2" "$upper"
  snapshots commit "$1" "k8s-test-$1" || snapshots info "$1" >/dev/null
}
${layers.map(({ chainId, directory, parent }) => `layer ${chainId} ${layerInNode(directory)} ${parent}`).join('\n')}
${images.map(({ id }) => `base64 --wrap=0 ${configInNode(id)}; echo`).join('\n')}
`;
}
