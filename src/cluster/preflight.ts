/** What the machine must have before minutes are spent: facts, and a pure judgement of them. */
import { existsSync } from 'node:fs';
import { readFile, statfs } from 'node:fs/promises';
import { freemem, platform } from 'node:os';
import path from 'node:path';
import type { Inputs } from '../inputs.ts';
import { fail, type Result, succeed, toOneLine } from '../outcome.ts';
import { runProgram } from '../tools/run-program.ts';
import { listLocalImages } from './docker.ts';

const gibibyte = 1024 ** 3;

export interface MachineFacts {
  docker:
    | { answers: true; serverVersion: string; cgroupVersion: string; cpus: number }
    | { answers: false; problem: string };
  /** Free bytes where docker keeps its images; undefined when that is not a directory of this machine. */
  dockerDiskFreeBytes: number | undefined;
  resultsDiskFreeBytes: number;
  memoryFreeBytes: number;
  /** `fs.inotify.max_user_instances`; undefined on systems without it. */
  inotifyInstances: number | undefined;
}

export interface MachineNeeds {
  nodes: number;
  memoryBytes: number;
}

/** One line of the table that `doctor` shows. */
export interface Check {
  name: string;
  state: 'ok' | 'warning' | 'problem';
  found: string;
  needed: string;
  /** What to do; empty when all is well. */
  mend: string;
}

/**
 * Checks the machine for what a run with these inputs needs, and tells of each check.
 * @returns a failure of kind `cluster` that names every problem, or of kind `image` for one that `load-images` names in vain.
 */
export async function checkMachine(
  inputs: Pick<Inputs, 'resultsDir' | 'nodes' | 'preset' | 'loadImages'>,
  options: { signal: AbortSignal; say: (line: string) => void; warn: (text: string) => void },
): Promise<Result<undefined>> {
  const facts = await readMachineFacts(inputs.resultsDir, options.signal);
  const checks = judgeMachine(facts, { nodes: inputs.nodes, memoryBytes: inputs.preset.machineMemoryBytes });
  for (const check of checks) {
    if (check.state === 'warning') options.warn(`${check.name}: ${check.found}, ${check.needed} wanted. ${check.mend}`);
    else if (check.state === 'ok') options.say(`${check.name}: ${check.found}`);
  }
  const machine = preflightResult(checks);
  if (!machine.ok) return machine;
  const local = new Set(await listLocalImages(inputs.loadImages, options.signal));
  const missing = inputs.loadImages.find((name) => !local.has(name));
  if (missing === undefined) return succeed(undefined);
  return fail('image', `load-images names ${missing}, which the local docker does not have`, {
    hint: `Build it, or: docker pull ${missing}`,
  });
}

/** Reads the facts. Problems of reading one are facts too; only an abort throws. */
export async function readMachineFacts(resultsDir: string, signal: AbortSignal): Promise<MachineFacts> {
  const run = await runProgram('docker', ['info', '--format', '{{json .}}'], { signal, timeoutSeconds: 30 });
  signal.throwIfAborted();
  const docker = readDockerInfo(run);
  return {
    docker: docker.facts,
    dockerDiskFreeBytes:
      docker.rootDir !== '' && existsSync(docker.rootDir) ? await freeBytes(docker.rootDir) : undefined,
    resultsDiskFreeBytes: await freeBytes(nearestExisting(resultsDir)),
    memoryFreeBytes: await readFreeMemory(),
    inotifyInstances: await readInotifyInstances(),
  };
}

/** What the facts mean for a run with these needs. Pure. */
export function judgeMachine(facts: MachineFacts, needs: MachineNeeds): Check[] {
  const checks: Check[] = [judgeDocker(facts)];
  if (facts.dockerDiskFreeBytes !== undefined) {
    const needed = (3 + 2 * needs.nodes) * gibibyte;
    checks.push(
      judgeAmount(
        "disk for docker's images",
        facts.dockerDiskFreeBytes,
        needed,
        2 * gibibyte,
        'Free some: docker system df shows what takes it.',
      ),
    );
  }
  checks.push(
    judgeAmount(
      'disk for results',
      facts.resultsDiskFreeBytes,
      gibibyte,
      100 * 1024 ** 2,
      'Free some, or name another results-dir.',
    ),
    judgeAmount(
      'free memory',
      facts.memoryFreeBytes,
      needs.memoryBytes,
      gibibyte,
      'End other programs, or take a larger machine.',
    ),
  );
  if (facts.inotifyInstances !== undefined) checks.push(judgeInotify(facts.inotifyInstances, needs.nodes));
  return checks;
}

/** The failure that checks amount to: of kind `cluster`, naming each problem; success when there is none. */
export function preflightResult(checks: Check[]): Result<undefined> {
  const problems = checks.filter((check) => check.state === 'problem');
  const [first] = problems;
  if (first === undefined) return succeed(undefined);
  const describe = (check: Check) => `${check.name}: ${check.found} (needed: ${check.needed})`;
  return fail('cluster', `this machine cannot run the tests: ${problems.map(describe).join('; ')}`, {
    hint: first.mend,
    evidence: problems.map((check) => `${describe(check)}. ${check.mend}`),
  });
}

function judgeDocker(facts: MachineFacts): Check {
  if (facts.docker.answers) {
    const { serverVersion, cgroupVersion, cpus } = facts.docker;
    const found = `docker ${serverVersion}, cgroup v${cgroupVersion}, ${cpus} CPUs`;
    return { name: 'docker', state: 'ok', found, needed: 'a docker daemon that answers', mend: '' };
  }
  return {
    name: 'docker',
    state: 'problem',
    found: facts.docker.problem,
    needed: 'a docker daemon that answers',
    mend: 'Start docker (systemctl start docker, or Docker Desktop), and check DOCKER_HOST and your rights with "docker info".',
  };
}

/** Two marks: below `least` nothing can work, below `wanted` it may not. */
function judgeAmount(name: string, found: number, wanted: number, least: number, mend: string): Check {
  const state = found < least ? 'problem' : found < wanted ? 'warning' : 'ok';
  const needed = `${toGibibytes(state === 'problem' ? least : wanted)}`;
  return { name, state, found: toGibibytes(found), needed, mend: state === 'ok' ? '' : mend };
}

/** Kind's known issues: with the usual 128, kube-proxy and others crash on the second or third node. */
function judgeInotify(instances: number, nodes: number): Check {
  const needed = nodes > 1 ? 512 : 128;
  const isShort = instances < needed;
  return {
    name: 'inotify instances',
    state: isShort ? 'warning' : 'ok',
    found: String(instances),
    needed: String(needed),
    mend: isShort ? 'sudo sysctl fs.inotify.max_user_instances=512' : '',
  };
}

function readDockerInfo(run: Awaited<ReturnType<typeof runProgram>>): {
  facts: MachineFacts['docker'];
  rootDir: string;
} {
  const silent = (problem: string) => ({
    facts: { answers: false as const, problem: toOneLine(problem, 200) },
    rootDir: '',
  });
  if (run.exitCode !== 0)
    return silent(run.timedOut ? 'docker info did not answer within 30 s' : run.stderr || 'docker info failed');
  const info = JSON.parse(run.stdout) as {
    ServerVersion?: string;
    CgroupVersion?: string;
    NCPU?: number;
    DockerRootDir?: string;
    ServerErrors?: string[];
  };
  // `docker info` of older clients exits 0 although the daemon is down, and says so in ServerErrors.
  if (info.ServerVersion === undefined || info.ServerVersion === '')
    return silent(info.ServerErrors?.join(' ') ?? 'no server');
  return {
    facts: {
      answers: true,
      serverVersion: info.ServerVersion,
      cgroupVersion: info.CgroupVersion ?? '?',
      cpus: info.NCPU ?? 0,
    },
    rootDir: info.DockerRootDir ?? '',
  };
}

async function freeBytes(directory: string): Promise<number> {
  const stats = await statfs(directory);
  return stats.bavail * stats.bsize;
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

async function readInotifyInstances(): Promise<number | undefined> {
  const file = '/proc/sys/fs/inotify/max_user_instances';
  return existsSync(file) ? Number(await readFile(file, 'utf8')) : undefined;
}

function toGibibytes(bytes: number): string {
  return `${(bytes / gibibyte).toFixed(1)} GiB`;
}
