/** The properties of the machine that matter for a Kind cluster. Only reads; judge-machine.ts judges them. */
import { existsSync } from 'node:fs';
import { readFile, statfs } from 'node:fs/promises';
import { freemem, platform } from 'node:os';
import path from 'node:path';
import { toOneLine } from '../core/outcome.ts';
import type { Inputs } from '../inputs/read-inputs.ts';
import { describeProgramEnd, type ProgramRun } from '../tools/run-program.ts';
import { askDockerInfo, inspectLocalImage } from './docker.ts';
import { findPortHolders, listWantedPorts, type TakenPort } from './host-ports.ts';

/** The docker daemon, when it answers. */
export interface DockerFacts {
  answers: true;
  serverVersion: string;
  /** `1` or `2`. */
  cgroupVersion: string;
  cpus: number;
  /** Of the machine that docker runs on, which on a laptop is a smaller virtual machine. */
  memoryBytes: number;
  /** In the notation of images: `amd64`, `arm64`. */
  architecture: string;
  isRootless: boolean;
  forwardsIPv4: boolean;
  /** Whether it keeps layers as directories that a node can mount: driver overlay2, files with their real owners. */
  hasMountableLayers: boolean;
}

/** Docker, when it does not answer. */
export interface DockerSilence {
  answers: false;
  /** Docker's message, or ours where it has none. */
  problem: string;
  /** Absent where docker itself named the problem. */
  why?: 'missing' | 'late';
}

export interface MachineFacts {
  docker: DockerFacts | DockerSilence;
  /** Where docker keeps images and nodes; undefined when that is not a directory of this machine. */
  dockerDisk: DiskFacts | undefined;
  resultsDisk: DiskFacts;
  memoryFreeBytes: number;
  /** `fs.inotify.max_user_instances`; undefined on systems without it. */
  inotifyInstances: number | undefined;
  /** `fs.inotify.max_user_watches`. */
  inotifyWatches: number | undefined;
  /** Host ports of the user's kind-config that are in use. */
  takenPorts: TakenPort[];
  /** How many host ports the user's kind-config maps. */
  wantedPorts: number;
  /** Of the test image, if it is in the local docker. */
  imageArchitecture: string | undefined;
}

export interface DiskFacts {
  directory: string;
  freeBytes: number;
  isOverlay: boolean;
}

/** linux/magic.h: OVERLAYFS_SUPER_MAGIC. */
const overlayMagic = 0x794c7630;

/** Reads the facts that matter to a run with these inputs. Problems of reading one are facts too; only an abort throws. */
export async function readMachineFacts(
  inputs: Pick<Inputs, 'resultsDir' | 'kindConfig' | 'image'>,
  signal: AbortSignal,
): Promise<MachineFacts> {
  const run = await askDockerInfo(signal);
  signal.throwIfAborted();
  const { docker, rootDir } = readDockerInfo(run);
  const ports = listWantedPorts(inputs.kindConfig);
  const image = docker.answers ? await inspectLocalImage(inputs.image, signal) : undefined;
  return {
    docker,
    dockerDisk: rootDir !== '' && existsSync(rootDir) ? await readDisk(rootDir) : undefined,
    resultsDisk: await readDisk(nearestExisting(inputs.resultsDir)),
    memoryFreeBytes: await readFreeMemory(),
    inotifyInstances: await readKernelNumber('fs/inotify/max_user_instances'),
    inotifyWatches: await readKernelNumber('fs/inotify/max_user_watches'),
    takenPorts: docker.answers ? await findPortHolders(ports, signal) : [],
    wantedPorts: ports.length,
    imageArchitecture: image?.architecture,
  };
}

/** The output of `docker info`, or its error. Pure. */
export function readDockerInfo(run: ProgramRun): {
  docker: MachineFacts['docker'];
  rootDir: string;
} {
  const silent = (problem: string, why?: DockerSilence['why']) => ({
    docker: { answers: false as const, problem: toOneLine(problem, 200), ...(why === undefined ? {} : { why }) },
    rootDir: '',
  });
  if (run.timedOut) return silent('docker info did not answer within 30 s', 'late');
  if (run.exitCode !== 0)
    return silent(run.stderr.trim() || describeProgramEnd(run), run.isMissing === true ? 'missing' : undefined);
  const info = JSON.parse(run.stdout) as {
    ServerVersion?: string;
    CgroupVersion?: string;
    NCPU?: number;
    MemTotal?: number;
    Architecture?: string;
    SecurityOptions?: string[] | null;
    IPv4Forwarding?: boolean;
    Driver?: string;
    DockerRootDir?: string;
    ServerErrors?: string[];
  };
  // `docker info` of older clients exits 0 although the daemon is down, and reports that in ServerErrors.
  if (info.ServerVersion === undefined || info.ServerVersion === '')
    return silent(info.ServerErrors?.join(' ') ?? 'no server');
  const hasOption = (name: string) => (info.SecurityOptions ?? []).some((option) => option.includes(name));
  return {
    docker: {
      answers: true,
      serverVersion: info.ServerVersion,
      cgroupVersion: info.CgroupVersion ?? '?',
      cpus: info.NCPU ?? 0,
      memoryBytes: info.MemTotal ?? 0,
      architecture: { x86_64: 'amd64', aarch64: 'arm64' }[info.Architecture ?? ''] ?? info.Architecture ?? '',
      isRootless: hasOption('name=rootless'),
      forwardsIPv4: info.IPv4Forwarding ?? true,
      hasMountableLayers: info.Driver === 'overlay2' && !hasOption('name=rootless') && !hasOption('name=userns'),
    },
    rootDir: info.DockerRootDir ?? '',
  };
}

async function readDisk(directory: string): Promise<DiskFacts> {
  const stats = await statfs(directory);
  return { directory, freeBytes: stats.bavail * stats.bsize, isOverlay: stats.type === overlayMagic };
}

function nearestExisting(directory: string): string {
  let here = path.resolve(directory);
  while (!existsSync(here)) here = path.dirname(here);
  return here;
}

/** `MemAvailable`, which counts what caches can give back; elsewhere what the system calls free. */
async function readFreeMemory(): Promise<number> {
  if (platform() !== 'linux') return freemem();
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(await readFile('/proc/meminfo', 'utf8'));
  return available === null ? freemem() : Number(available[1]) * 1024;
}

async function readKernelNumber(name: string): Promise<number | undefined> {
  const file = path.join('/proc/sys', name);
  return existsSync(file) ? Number(await readFile(file, 'utf8')) : undefined;
}
