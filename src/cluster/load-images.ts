import { setTimeout as delay } from 'node:timers/promises';
import { fail, type Result, succeed, toOneLine } from '../core/outcome.ts';
import type { Transfer } from '../core/reporter.ts';
import { describeProgramEnd, type ProgramRun, pipePrograms } from '../tools/run-program.ts';
import {
  type DockerServer,
  execCall,
  execInContainer,
  inspectLocalImage,
  type LocalImage,
  listNodeContainers,
  type NodeContainer,
  readDockerServer,
  saveImagesCall,
} from './docker.ts';
import { listPlatforms, openArchive } from './image-archive.ts';
import { ctrImages, hasDigest, isInNode, listImagesIn, listUnpacked, nameInNode } from './images-of-nodes.ts';
import { sendMissingLayers } from './send-missing-layers.ts';
import { estimateStream } from './stream-size.ts';

const importDeadlineSeconds = 10 * 60;
const askSeconds = 60;
/** Longer than `kind create` may take, whose own message is more precise when it fails. */
const containerdSeconds = 8 * 60;
const pollMilliseconds = 250;
/** How long a stopped containerd may take to come back. */
const restartSeconds = 60;
const mostRestarts = 5;

/**
 * Waits until the containerd of every node answers. It does so some seconds after `kind create` has begun, long before the
 * cluster is ready: images can be loaded meanwhile.
 * @returns the nodes' containers, or a failure of kind `cluster` when it does not answer in all of them.
 */
export async function waitForContainerd(
  cluster: string,
  nodes: number,
  options: { signal: AbortSignal; waitingFor: (what: string) => void; deadlineSeconds?: number },
): Promise<Result<NodeContainer[]>> {
  const ready = new Set<string>();
  const deadlineSeconds = options.deadlineSeconds ?? containerdSeconds;
  const deadline = performance.now() + deadlineSeconds * 1000;
  for (;;) {
    options.signal.throwIfAborted();
    const machines = await listMachines(cluster, options.signal);
    for (const { name } of machines.filter((one) => !ready.has(one.name))) {
      const probe = await execInContainer(name, [...ctrImages, 'ls', '-q'], {
        signal: options.signal,
        timeoutSeconds: 20,
      });
      if (probe.exitCode === 0) ready.add(name);
    }
    if (machines.length >= nodes && machines.every((one) => ready.has(one.name))) return succeed(machines);
    if (performance.now() > deadline)
      return fail('cluster', `containerd answers in ${ready.size} of ${nodes} nodes after ${deadlineSeconds} s`, {
        hint: "The nodes' own logs are in cluster/kind-logs of the results.",
      });
    options.waitingFor(`containerd in ${ready.size} of ${nodes} nodes`);
    await delay(pollMilliseconds, undefined, { signal: options.signal });
  }
}

/** The nodes of a cluster: the load balancer before several control planes has their label too, but runs no containerd. */
export async function listMachines(cluster: string, signal: AbortSignal): Promise<NodeContainer[]> {
  const found = await listNodeContainers(cluster, signal);
  return found.filter((node) => node.role !== 'external-load-balancer');
}

/** Loads images of the local docker and of archives into nodes. */
export async function fillNodes(
  nodes: string[],
  { images, archives }: { images: string[]; archives: string[] },
  options: LoadOptions,
): Promise<Result<undefined>> {
  const loaded = await loadImages(images, nodes, options);
  if (!loaded.ok) return loaded;
  for (const archive of archives) {
    const result = await loadArchive(archive, nodes, options);
    if (!result.ok) return result;
  }
  return succeed(undefined);
}

/**
 * Names of the nodes that are given images. Without `controlPlane` only the workers, where there are any: kind keeps pods off
 * the control plane then, and each node less is a third of the time on a cluster of three.
 */
export function chooseNodes(nodes: Pick<NodeContainer, 'name' | 'role'>[], controlPlane: boolean): string[] {
  const workers = nodes.filter((node) => node.role === 'worker');
  return (controlPlane || workers.length === 0 ? nodes : workers).map((node) => node.name);
}

/** What may be done about an image that does not get into the nodes. */
export interface LoadOptions {
  signal: AbortSignal;
  /**
   * Asked of an image that cannot be loaded, with the reason: true leaves it to the nodes, which then pull it. Without it
   * every image must be loaded.
   */
  mayBePulled?: (image: LocalImage, reason: string) => boolean;
  /** Told which images are loaded into how many nodes. */
  say?: (line: string) => void;
  /** Where the bytes on their way into a node are shown. */
  transferring?: ((transfer: Transfer) => void) | undefined;
}

/**
 * Loads images of the local docker into nodes, those parts of them that are for the nodes' platform. An image that a node has
 * already, for example from an earlier run, is not loaded again, and of a changed one only what the node lacks. All others with
 * a tag go in one stream, since they share layers.
 * @returns the names that were loaded into any node, or a failure of kind `image` naming the node and the message of docker or
 * containerd.
 */
export async function loadImages(images: string[], nodes: string[], options: LoadOptions): Promise<Result<string[]>> {
  const { signal } = options;
  if (images.length === 0) return succeed([]);
  options.say?.(`loading ${images.length} images into ${nodes.length} nodes: ${images.join(', ')}`);
  const server = await readDockerServer(signal);
  const chosen = await chooseParts(images, server, options);
  if (!chosen.ok) return chosen;
  let wanted = chosen.value;
  // From this version on docker can inspect an image for one platform, and export only that part.
  const platform = selectsPlatforms(server) ? server.platform : undefined;
  const loaded = new Set<string>();
  const done = await inEveryNode(nodes, signal, async (node, title) => {
    const there = await listImagesIn(node, signal);
    const lacking = wanted.filter(({ name, id }) => !isInNode(name, id, there));
    if (lacking.length === 0) return succeed(undefined);
    const importing = await readImportOptions(node, signal);
    const unpacked = await listUnpacked(node, importing, signal);
    const missing: LocalImage[] = [];
    for (const image of lacking) {
      if (await sendMissingLayers(image, { node, unpacked, importing, platform, signal })) loaded.add(image.name);
      else missing.push(image);
    }
    const stream = { node, platform, importing, signal, title, transferring: options.transferring };
    const together = await streamImages(missing, stream);
    if (together.ok) {
      for (const { name } of missing) loaded.add(name);
      return together;
    }
    // One bad image breaks the stream for all: loading each by itself shows which one, and loads the others.
    for (const image of missing) {
      const alone = missing.length === 1 ? together : await streamImages([image], stream);
      if (alone.ok) loaded.add(image.name);
      else if (options.mayBePulled?.(image, alone.failure.reason) === true)
        wanted = wanted.filter((one) => one !== image);
      else return alone;
    }
    return succeed(undefined);
  });
  return done.ok ? succeed([...loaded]) : done;
}

/** Whether docker can select one platform of an image: `docker image inspect --platform` came with API 1.49. */
function selectsPlatforms({ api }: DockerServer): boolean {
  return api.major > 1 || (api.major === 1 && api.minor >= 49);
}

/**
 * What the local docker has of each image for the platform of its nodes.
 * @returns a failure of kind `image` that names both platforms where an image is for another one only.
 */
async function chooseParts(
  images: string[],
  server: DockerServer,
  options: LoadOptions,
): Promise<Result<LocalImage[]>> {
  const chosen: LocalImage[] = [];
  for (const name of images) {
    const whole = await inspectLocalImage(name, options.signal);
    options.signal.throwIfAborted();
    if (whole === undefined)
      return fail('image', `image ${name} cannot be loaded: it is no longer in the local docker`, {
        hint: `Build it again, or: docker pull ${name}`,
      });
    const part = selectsPlatforms(server)
      ? await inspectLocalImage(name, options.signal, server.platform)
      : isForPlatform(whole.platform, server.platform)
        ? whole
        : undefined;
    options.signal.throwIfAborted();
    if (part !== undefined) {
      chosen.push(part);
      continue;
    }
    const reason = `image ${name} is for ${whole.platform}, and the nodes are ${server.platform}`;
    if (options.mayBePulled?.(whole, reason) === true) continue;
    return fail('image', reason, {
      hint: `Build or pull it for the nodes: docker build --platform ${server.platform}, or docker pull --platform ${server.platform} ${name}`,
    });
  }
  return succeed(chosen);
}

/** Whether an image for one platform runs on another: a variant that only one of them names makes no difference. Pure. */
export function isForPlatform(image: string, node: string): boolean {
  const [wanted, found] = [image.split('/'), node.split('/')];
  // An image that only contains files may name no platform at all.
  if (wanted[1] === undefined || wanted[1] === '') return true;
  return wanted[0] === found[0] && wanted[1] === found[1];
}

interface Stream {
  node: string;
  /** Undefined: docker exports all that it has of an image. */
  platform: string | undefined;
  importing: string[];
  signal: AbortSignal;
  /** What the transfer is called. */
  title: string;
  transferring: LoadOptions['transferring'];
}

/** Streams images from docker into one node; those that are named by a digest one by one. */
async function streamImages(images: LocalImage[], stream: Stream): Promise<Result<undefined>> {
  const { node, platform, importing, signal, title, transferring } = stream;
  const names = images.map(({ name }) => name);
  const [digested, tagged] = [names.filter(hasDigest), names.filter((name) => !hasDigest(name))];
  // A second name by digest, as kind adds it: where a name now refers to another image, the kubelet's part of containerd notes
  // the new ID from that one alone, and isInNode needs the ID.
  const streams = tagged.length === 0 ? [] : [{ names: tagged, naming: ['--digests'] }];
  // docker saves an image that is named by its digest without any name: containerd gets the name that pods ask for.
  for (const name of digested) streams.push({ names: [name], naming: ['--index-name', nameInNode(name)] });
  for (const { names: saved, naming } of streams) {
    const command = [...ctrImages, 'import', ...importing, ...naming, '-'];
    const load = await untilContainerdStays(node, signal, async () => {
      const calls = [saveImagesCall(saved, platform), execCall(node, command, { interactive: true, privileged: true })];
      const onBytes = transferring && showStream(saved, { title, signal, transferring });
      const run = await pipePrograms(calls, { signal, timeoutSeconds: importDeadlineSeconds, onBytes });
      transferring?.({ what: title, bytes: 0, hasEnded: true });
      signal.throwIfAborted();
      return run.culprit === null ? undefined : run.culprit.run;
    });
    if (load !== undefined) return importFailure(saved.join(', '), node, load);
  }
  return succeed(undefined);
}

/** Shows what docker has written of images; how much it will write is asked meanwhile, and is no reason to wait. */
function showStream(
  names: readonly string[],
  { title, signal, transferring }: Pick<Stream, 'title' | 'signal'> & { transferring: (transfer: Transfer) => void },
): (bytes: number) => void {
  let estimate: number | undefined;
  const ask = async () => {
    try {
      estimate = await estimateStream(names, signal);
    } catch {
      // An answer of docker that is none: then the bar has no end.
    }
  };
  void ask();
  return (bytes) =>
    transferring({ what: title, bytes, ...(estimate === undefined ? {} : { totalBytes: estimate, isAbout: true }) });
}

/** Loads the images of a tar archive, as `docker save` or an OCI build writes it, gzipped or not, into nodes. */
async function loadArchive(archive: string, nodes: string[], options: LoadOptions): Promise<Result<undefined>> {
  const { signal, transferring } = options;
  const opened = await openArchive(archive);
  if (!opened.ok) return opened;
  return inEveryNode(nodes, signal, async (node, title) => {
    const importing = await readImportOptions(node, signal);
    const command = [...ctrImages, 'import', ...importing, '--digests', '-'];
    const load = await untilContainerdStays(node, signal, async () => {
      const stdin = opened.value((bytes, totalBytes) => transferring?.({ what: title, bytes, totalBytes }));
      const run = await execInContainer(node, command, {
        signal,
        timeoutSeconds: importDeadlineSeconds,
        stdin,
        privileged: true,
      });
      transferring?.({ what: title, bytes: 0, hasEnded: true });
      signal.throwIfAborted();
      return run.exitCode === 0 ? undefined : run;
    });
    if (load === undefined) return succeed(undefined);
    if (!isForOtherPlatform(load.stderr)) return importFailure(archive, node, load);
    const [{ platform }, platforms] = await Promise.all([readDockerServer(signal), listPlatforms(opened.value())]);
    return fail('image', `the archive ${archive} is for ${platforms.join(', ')}, and the nodes are ${platform}`, {
      hint: `Build it for the nodes: docker build --platform ${platform}`,
      evidence: load.stderr.trim().split('\n').slice(-20),
    });
  });
}

/**
 * Options of every import and pull. As in `kind load` (pkg/cluster/nodeutils: LoadImageArchive), it unpacks by the snapshotter
 * that the kubelet's part of containerd uses. Unlike it, it takes the parts for the node's own platform only: an archive need not
 * hold all that its index names, and docker's never does.
 */
export async function readImportOptions(node: string, signal: AbortSignal): Promise<string[]> {
  const dump = await execInContainer(node, ['containerd', 'config', 'dump'], { signal, timeoutSeconds: askSeconds });
  const snapshotter = dump.exitCode === 0 ? findSnapshotter(dump.stdout) : undefined;
  return snapshotter === undefined ? [] : ['--snapshotter', snapshotter];
}

/** The snapshotter that pods get in the config of containerd, 1 (version 2 of its config) or 2 (3 and later). Pure. */
export function findSnapshotter(config: string): string | undefined {
  let section = '';
  for (const line of config.split('\n')) {
    section = /^\s*\[([^[\]]+)\]\s*$/.exec(line)?.[1]?.replaceAll(/["']/g, '') ?? section;
    const value = /^\s*snapshotter\s*=\s*["']([^"']+)["']/.exec(line)?.[1];
    if (value !== undefined && snapshotterSections.has(section)) return value;
  }
  return undefined;
}

const snapshotterSections = new Set([
  'plugins.io.containerd.grpc.v1.cri.containerd',
  'plugins.io.containerd.cri.v1.images',
]);

/**
 * Runs an import, and runs it again when it failed because containerd was restarted meanwhile: kind does so a few seconds
 * after a node has started when its config has containerdConfigPatches, and systemd after a crash.
 * @returns how the last import failed; undefined when one succeeded.
 */
async function untilContainerdStays(
  node: string,
  signal: AbortSignal,
  load: () => Promise<ProgramRun | undefined>,
): Promise<ProgramRun | undefined> {
  const deadline = performance.now() + importDeadlineSeconds * 1000;
  for (let restarts = 0; ; restarts++) {
    const before = await readContainerdStart(node, signal);
    const failed = await load();
    if (failed === undefined || restarts === mostRestarts) return failed;
    let now = await readContainerdStart(node, signal);
    // Between its end and its new start no containerd runs.
    const patience = Math.min(deadline, performance.now() + restartSeconds * 1000);
    while (now === '' && performance.now() < patience) {
      await delay(pollMilliseconds, undefined, { signal });
      now = await readContainerdStart(node, signal);
    }
    if (now === '' || now === before || performance.now() >= deadline) return failed;
  }
}

/** Number and time of start of a node's containerd, once it answers; empty while it does not. */
async function readContainerdStart(node: string, signal: AbortSignal): Promise<string> {
  const script =
    'pid=$(pgrep --exact --oldest containerd) && ctr version >/dev/null 2>&1 && cut -d" " -f1,22 "/proc/$pid/stat"';
  const run = await execInContainer(node, ['sh', '-c', script], { signal, timeoutSeconds: askSeconds });
  signal.throwIfAborted();
  return run.exitCode === 0 ? run.stdout.trim() : '';
}

/** Works on one node after the other: on two cores, streams into two nodes at once took longer than one after the other. */
async function inEveryNode(
  nodes: string[],
  signal: AbortSignal,
  work: (node: string, title: string) => Promise<Result<undefined>>,
): Promise<Result<undefined>> {
  for (const [at, node] of nodes.entries()) {
    const title = nodes.length === 1 ? 'images' : `images ${at + 1}/${nodes.length}`;
    const result = await work(node, title);
    signal.throwIfAborted();
    if (!result.ok) return result;
  }
  return succeed(undefined);
}

function importFailure(what: string, node: string, run: ProgramRun): Result<undefined> {
  const problem = run.stderr.trim() === '' ? describeProgramEnd(run) : run.stderr;
  return fail('image', `loading ${toOneLine(what, 200)} into node ${node} failed: ${toOneLine(problem, 300)}`, {
    hint: hintForImport(problem),
    evidence: problem.trim().split('\n').slice(-20),
  });
}

/**
 * Whether an import failed because the image has no part for the node's platform: the messages of containerd 1.6 and 2, and of
 * docker.
 */
function isForOtherPlatform(problem: string): boolean {
  return /might be filtered out|no match for platform|no suitable export target|does not provide the specified platform/.test(
    problem,
  );
}

function hintForImport(problem: string): string {
  if (/no space left/.test(problem)) return 'The disk is full: free some space; docker system df shows what uses it.';
  if (isForOtherPlatform(problem))
    return 'It holds nothing for the platform of the nodes: build or pull it with --platform.';
  if (/content digest|unexpected EOF|not found/.test(problem))
    return 'A part of it is missing: pull or build the image again, with --platform for the platform of the nodes.';
  return 'Try "docker save" of these images by hand.';
}
