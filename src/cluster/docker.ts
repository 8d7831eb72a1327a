/**
 * The client of docker, through docker's own program, so that contexts, DOCKER_HOST and credentials are the user's. Nothing
 * else in src/ runs docker: deadlines and error messages are here.
 */
import type { Readable } from 'node:stream';
import { toOneLine } from '../core/outcome.ts';
import {
  describeProgramEnd,
  type ProgramCall,
  type ProgramOptions,
  type ProgramRun,
  runProgram,
} from '../tools/run-program.ts';

/** How long docker may take to answer, where nothing is moved. */
const questionSeconds = 60;
const probeSeconds = 30;
const removeSeconds = 120;

export function askDocker(args: string[], signal: AbortSignal, timeoutSeconds = questionSeconds): Promise<ProgramRun> {
  return runProgram('docker', args, { signal, timeoutSeconds });
}

/** Why a docker command failed, in one line: its own message, else how it ended. */
export function describeDockerError(run: ProgramRun): string {
  return toOneLine(run.stderr.trim() || describeProgramEnd(run), 300);
}

// ── the daemon ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** `docker info` as JSON; `readDockerInfo` knows what it means. */
export function askDockerInfo(signal: AbortSignal): Promise<ProgramRun> {
  return askDocker(['info', '--format', '{{json .}}'], signal, probeSeconds);
}

/** What the daemon can do, and what its containers run on. */
export interface DockerServer {
  /** The version of its API that client and server agree on, such as 1.48. */
  api: { major: number; minor: number };
  /** In the notation of images: `linux/amd64`. */
  platform: string;
}

/**
 * The platform and the API of the daemon.
 * @throws Error when docker does not answer.
 */
export async function readDockerServer(signal: AbortSignal): Promise<DockerServer> {
  const format = '{{.Client.APIVersion}} {{.Server.Os}}/{{.Server.Arch}}';
  const run = await askDocker(['version', '--format', format], signal);
  signal.throwIfAborted();
  const [, major, minor, platform] = /^(\d+)\.(\d+) (\S+)/.exec(run.stdout) ?? [];
  if (run.exitCode !== 0 || platform === undefined) throw new Error(`docker version: ${describeDockerError(run)}`);
  return { api: { major: Number(major), minor: Number(minor) }, platform };
}

/** Whether docker has buildx, which is BuildKit's client. */
export async function hasBuildx(signal: AbortSignal): Promise<boolean> {
  return (await askDocker(['buildx', 'version'], signal, probeSeconds)).exitCode === 0;
}

/**
 * Whether docker sees a file of this machine at the same path. It is asked to mount it, for a container of an image that does
 * not exist, so that nothing is created: docker checks mounts first, and unlike `--volume` this kind of mount creates no
 * missing directory.
 */
export async function seesFile(file: string, signal: AbortSignal): Promise<boolean> {
  const mount = `type=bind,source=${file},target=/seen,readonly`;
  const image = 'k8s-test-action.invalid/nothing:none';
  const run = await askDocker(['create', '--pull', 'never', '--mount', mount, image], signal);
  signal.throwIfAborted();
  // The error messages of docker and Docker Desktop; any other problem is not about files.
  return !/bind source path does not exist|mounts denied|not shared from the host/i.test(run.stderr);
}

// ── images ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What the local docker knows of an image. */
export interface LocalImage {
  name: string;
  /**
   * The image's ID: the SHA-256 of its config, or, in docker's containerd image store, of its index or its manifest; of the
   * manifest when it was asked for one platform.
   */
  id: string;
  /** `name@sha256:…` as the registry knows it; empty for an image that was built here, except in the containerd store. */
  repoDigest: string;
  architecture: string;
  /** As `linux/arm64`, or `linux/arm/v7`. */
  platform: string;
  user: string;
  entrypoint: string[];
  /** The image's own PYTHONPATH; undefined when it has none. */
  pythonPath?: string;
  sizeBytes: number;
}

interface InspectedImage {
  Id: string;
  RepoDigests?: string[] | null;
  Os?: string;
  Architecture: string;
  Variant?: string;
  Size: number;
  Config?: { User?: string; Entrypoint?: string[] | null; Env?: string[] | null } | null;
  RootFS?: { Layers?: string[] | null };
  GraphDriver?: { Name: string; Data?: { UpperDir?: string; LowerDir?: string } | null };
}

async function inspectImage(words: string[], signal: AbortSignal): Promise<InspectedImage | undefined> {
  const run = await askDocker(['image', 'inspect', ...words], signal);
  return run.exitCode === 0 ? (JSON.parse(run.stdout) as [InspectedImage])[0] : undefined;
}

function platformOf({ Os: os = 'linux', Architecture: architecture, Variant: variant = '' }: InspectedImage): string {
  return [os, architecture, ...(variant === '' ? [] : [variant])].join('/');
}

/**
 * The image in the local docker; undefined when it has none.
 * @param platform what it must be for, checked from API 1.49 on: an image for another platform gives undefined too.
 */
export async function inspectLocalImage(
  name: string,
  signal: AbortSignal,
  platform?: string,
): Promise<LocalImage | undefined> {
  const only = platform === undefined ? [] : ['--platform', platform];
  const image = await inspectImage([...only, name], signal);
  if (image === undefined) return undefined;
  const pythonPath = image.Config?.Env?.find((one) => one.startsWith('PYTHONPATH='))?.slice('PYTHONPATH='.length);
  return {
    name,
    id: image.Id,
    repoDigest: image.RepoDigests?.[0] ?? '',
    architecture: image.Architecture,
    platform: platformOf(image),
    user: image.Config?.User ?? '',
    entrypoint: image.Config?.Entrypoint ?? [],
    ...(pythonPath === undefined ? {} : { pythonPath }),
    sizeBytes: image.Size,
  };
}

/** Where docker's storage driver overlay2 keeps an image. */
export interface ImageLayers {
  id: string;
  platform: string;
  /** Of the unpacked tar of each layer (OCI image-spec, config.md: DiffID), the lowest first. */
  diffIds: string[];
  /** Of the machine that docker runs on, in the same order; empty where another driver keeps the layers. */
  directories: string[];
}

/** Where the layers of a local image are; undefined when docker has no such image. */
export async function inspectLayers(name: string, signal: AbortSignal): Promise<ImageLayers | undefined> {
  const image = await inspectImage([name], signal);
  if (image === undefined) return undefined;
  const { Id: id, RootFS, GraphDriver } = image;
  const { UpperDir: upper, LowerDir: lower } = (GraphDriver?.Name === 'overlay2' && GraphDriver.Data) || {};
  const downwards = upper === undefined ? [] : [upper, ...(lower ? lower.split(':') : [])];
  return { id, platform: platformOf(image), diffIds: RootFS?.Layers ?? [], directories: downwards.reverse() };
}

/**
 * Creates a container of an image that never starts: while it is there, docker removes neither the image nor its layers. It
 * mounts all of `paths`, so that docker says now which of them do not exist; `--volume`, as kind mounts, would make directories.
 * @returns why it could not be done; undefined when it was.
 */
export async function holdImage(
  image: string,
  { name, paths }: { name: string; paths: readonly string[] },
  signal: AbortSignal,
): Promise<string | undefined> {
  const mounts = paths.flatMap((path, at) => ['--mount', `type=bind,source=${path},target=/held/${at},readonly`]);
  const own = ['--name', name, '--pull', 'never', '--network', 'none', '--entrypoint', '/never-started'];
  const run = await askDocker(['container', 'create', ...own, ...mounts, image], signal);
  signal.throwIfAborted();
  return run.exitCode === 0 ? undefined : describeDockerError(run);
}

/** Those of the images that the local docker has. */
export async function listLocalImages(names: string[], signal: AbortSignal): Promise<string[]> {
  const local: string[] = [];
  for (const name of names) if ((await inspectLocalImage(name, signal)) !== undefined) local.push(name);
  return local;
}

/** The names of all images that the local docker has; none when it cannot be asked. */
export async function listLocalNames(signal: AbortSignal): Promise<string[]> {
  const run = await askDocker(['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}'], signal);
  signal.throwIfAborted();
  return run.exitCode === 0 ? run.stdout.split('\n').filter((name) => name !== '' && !name.includes('<none>')) : [];
}

/** Gives an image one more name. */
export async function nameImage(image: string, name: string, signal: AbortSignal): Promise<void> {
  const run = await askDocker(['image', 'tag', image, name], signal);
  if (run.exitCode !== 0) throw new Error(`docker image tag: ${describeDockerError(run)}`);
}

/** Takes an image's name away, and the image with it when that was its last; layers stay in docker's cache. */
export async function removeImage(name: string, signal: AbortSignal): Promise<void> {
  const run = await askDocker(['image', 'rm', '--no-prune', name], signal);
  if (run.exitCode !== 0 && !/no such image/i.test(run.stderr))
    throw new Error(`docker image rm: ${describeDockerError(run)}`);
}

/**
 * Whether `docker build` takes this flag with this environment: with the classic builder, and with BuildKit of old, it lacks
 * some. Where it cannot be asked, it is expected to.
 */
export async function hasBuildFlag(flag: string, env: Record<string, string>, signal: AbortSignal): Promise<boolean> {
  const run = await runProgram('docker', ['build', '--help'], { signal, env, timeoutSeconds: probeSeconds });
  return run.exitCode !== 0 || new RegExp(`^[ \\t]{0,20}(-\\w, )?${flag}\\b`, 'm').test(run.stdout);
}

/** `docker build`, which runs until the signal ends it: a build has no time limit of its own. */
export function runBuild(
  args: string[],
  options: Pick<ProgramOptions, 'signal' | 'onLine'> & { env: Record<string, string> },
): Promise<ProgramRun> {
  return runProgram('docker', ['build', ...args], options);
}

/** `docker save` for a pipe; `platform` where docker can select one platform of an image (API 1.48). */
export function saveImagesCall(names: string[], platform: string | undefined): ProgramCall {
  return { command: 'docker', args: ['save', ...(platform === undefined ? [] : ['--platform', platform]), ...names] };
}

// ── containers ──────────────────────────────────────────────────────────────────────────────────────────────────────

export interface NodeContainer {
  id: string;
  name: string;
  /** As kind labels it: `control-plane`, `worker`, or `external-load-balancer`, which is no node. */
  role: string;
}

/**
 * The containers that are the nodes of a Kind cluster, stopped ones included.
 * @throws Error when docker cannot be asked.
 */
export async function listNodeContainers(cluster: string, signal: AbortSignal): Promise<NodeContainer[]> {
  const filter = `label=io.x-k8s.kind.cluster=${cluster}`;
  const format = '{{.ID}} {{.Names}} {{.Label "io.x-k8s.kind.role"}}';
  const run = await askDocker(['ps', '-a', '--filter', filter, '--format', format], signal);
  if (run.exitCode !== 0) throw new Error(`docker ps failed: ${describeDockerError(run)}`);
  return run.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [id = '', name = '', role = ''] = line.split(' ');
      return { id, name, role };
    });
}

/** Name of a container that publishes this port of the machine; undefined when there is none, or docker cannot be asked. */
export async function findContainerOnPort(
  wanted: { port: number; protocol: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const filter = `publish=${wanted.port}/${wanted.protocol}`;
  const run = await askDocker(['ps', '--filter', filter, '--format', '{{.Names}}'], signal, probeSeconds);
  return (run.exitCode === 0 ? run.stdout.trim().split('\n')[0] : '') || undefined;
}

/** What docker reports about containers, a line each, in a format of Go templates. */
export function inspectContainers(names: string[], format: string, signal: AbortSignal): Promise<ProgramRun> {
  return askDocker(['container', 'inspect', '--format', format, ...names], signal, probeSeconds);
}

/** Ends containers and removes them, with their anonymous volumes; an empty text, or why it could not be done. */
export async function removeContainers(ids: string[], signal: AbortSignal): Promise<string> {
  const run = await askDocker(['rm', '--force', '--volumes', ...ids], signal, removeSeconds);
  return run.exitCode === 0 ? '' : describeDockerError(run);
}

/** Removes a container that may be gone already. @throws Error when docker refuses. */
export async function removeNamedContainer(name: string, signal: AbortSignal): Promise<void> {
  const problem = await removeContainers([name], signal);
  if (problem !== '' && !/no such container/i.test(problem)) throw new Error(`docker rm ${name}: ${problem}`);
}

/** What `docker exec` needs beside the command. */
export interface ExecOptions extends ProgramOptions {
  /** A docker that hangs answers no exec: each has a deadline of its own, beside that of the step that it is part of. */
  timeoutSeconds: number;
  /** With all capabilities, as unpacking an image needs them. */
  privileged?: boolean;
}

/**
 * Runs a command in a container, usually a node of Kind. A docker that does not end in time is killed at once: it passes no
 * signal on to the command, so a grace would only delay the caller.
 */
export function execInContainer(container: string, command: string[], options: ExecOptions): Promise<ProgramRun> {
  const { privileged, ...rest } = options;
  const call = execCall(container, command, { privileged, interactive: options.stdin !== undefined });
  return runProgram(call.command, call.args, { graceSeconds: 0, ...rest });
}

/** Runs a command in a container that ends by itself when `stdin` ends. It has no deadline: the signal must end it then. */
export function execWhileOpen(
  container: string,
  command: string[],
  options: Pick<ProgramOptions, 'signal'> & { stdin: Readable },
): Promise<ProgramRun> {
  const call = execCall(container, command, { interactive: true });
  return runProgram(call.command, call.args, { graceSeconds: 0, ...options });
}

/** The same for a pipe. */
export function execCall(
  container: string,
  command: string[],
  options: { privileged?: boolean | undefined; interactive: boolean },
): ProgramCall {
  const flags = [...(options.interactive ? ['--interactive'] : []), ...(options.privileged ? ['--privileged'] : [])];
  return { command: 'docker', args: ['exec', ...flags, container, ...command] };
}
