/** What the facts of a machine mean for a run. Pure. */
import { type FailureKind, fail, type Result, succeed } from '../core/outcome.ts';
import type { DockerFacts, DockerSilence, MachineFacts } from './machine-facts.ts';

const gibibyte = 1024 ** 3;
const mebibyte = 1024 ** 2;

export interface MachineNeeds {
  /** The control plane included. */
  nodes: number;
  memoryBytes: number;
  /** Name of the node image, when the user chose one. */
  nodeImage: string | undefined;
}

/** One line of the table that `doctor` shows. */
export interface Check {
  name: string;
  state: 'ok' | 'warning' | 'problem';
  found: string;
  needed: string;
  /** What to do; empty when all is well. */
  fix: string;
}

/** All checks for a run with these needs, in the order in which they are shown. What cannot be known is left out. */
export function judgeMachine(facts: MachineFacts, needs: MachineNeeds): Check[] {
  const { docker } = facts;
  const checks = [judgeDocker(docker)];
  if (docker.answers) checks.push(judgeCgroup(docker, needs), judgeCpus(docker));
  checks.push(judgeMemory(facts, needs));
  if (facts.dockerDisk !== undefined) checks.push(judgeDockerDisk(facts.dockerDisk, needs));
  checks.push(
    judgeAmount('disk for results', facts.resultsDisk.freeBytes, {
      where: facts.resultsDisk.directory,
      wanted: gibibyte,
      least: 100 * mebibyte,
      fix: 'Free some space, or set another results-dir.',
    }),
  );
  if (facts.inotifyInstances !== undefined)
    checks.push(
      judgeKernelLimit('inotify instances', 'fs.inotify.max_user_instances', facts.inotifyInstances, {
        // Kind's known issues: with the usual 128, kube-proxy and others crash on the second or third node.
        needed: needs.nodes > 1 ? 512 : 128,
        better: 512,
      }),
    );
  if (facts.inotifyWatches !== undefined)
    checks.push(
      judgeKernelLimit('inotify watches', 'fs.inotify.max_user_watches', facts.inotifyWatches, {
        needed: 65_536,
        better: 524_288,
      }),
    );
  if (facts.wantedPorts > 0) checks.push(judgePorts(facts));
  if (docker.answers && facts.imageArchitecture !== undefined)
    checks.push(judgeArchitecture(docker, facts.imageArchitecture));
  if (docker.answers && !docker.forwardsIPv4)
    checks.push({
      name: 'IPv4 forwarding',
      state: 'problem',
      found: 'off',
      needed: 'on: pods reach nothing without it',
      fix: 'sudo sysctl net.ipv4.ip_forward=1, and restart docker.',
    });
  return checks;
}

/** What Kind's own pods ask for on the control plane: kubeadm's static pods, CoreDNS twice, kindnet. */
const ownDemand = { cpuCores: 0.95, memoryBytes: 290 * mebibyte };

/** What the pods of a run ask for: in sum, and the one that asks for most. */
export interface RunDemand {
  sum: { cpuCores: number; memoryBytes: number };
  largestCpu: { pod: string; cpuCores: number };
  largestMemory: { pod: string; memoryBytes: number };
}

/**
 * What the pods ask for against what the machine has. Each Kind node offers the whole machine, so that pods of several nodes
 * are placed although the machine cannot bear them all; a pod that is larger than the machine never is.
 */
export function judgeDemand(facts: MachineFacts, demand: RunDemand, nodes: number): Check[] {
  const { docker } = facts;
  if (!docker.answers || docker.cpus === 0 || docker.memoryBytes === 0) return [];
  const workers = Math.max(nodes - 1, 1);
  // Where there are workers, no pod of ours may use the control plane.
  const own = nodes === 1 ? ownDemand : { cpuCores: 0, memoryBytes: 0 };
  const cpu = demand.sum.cpuCores + own.cpuCores;
  const memory = demand.sum.memoryBytes + own.memoryBytes;
  const isCpuShort = cpu > docker.cpus * workers || demand.largestCpu.cpuCores > docker.cpus;
  const isMemoryShort = memory > docker.memoryBytes * workers || demand.largestMemory.memoryBytes > docker.memoryBytes;
  const usableBytes = Math.min(facts.memoryFreeBytes, docker.memoryBytes);
  const onEach = workers > 1 ? ` on each of ${workers} workers` : '';
  const fix = (input: string) =>
    `Use a larger machine, or lower the requests: values of the chart, ${input} of the tests.`;
  const memoryState = isMemoryShort ? 'problem' : memory > usableBytes ? 'warning' : 'ok';
  return [
    {
      name: 'CPU requests',
      state: isCpuShort ? 'problem' : 'ok',
      found: `${formatCores(cpu)} asked for (most by ${demand.largestCpu.pod}: ${formatCores(demand.largestCpu.cpuCores)})`,
      needed: `at most ${formatCores(docker.cpus)}${onEach}`,
      fix: isCpuShort ? fix('cpu') : '',
    },
    {
      name: 'memory requests',
      state: memoryState,
      found: `${formatCapacity(memory)} asked for (most by ${demand.largestMemory.pod}: ${formatCapacity(demand.largestMemory.memoryBytes)})`,
      needed:
        memoryState === 'warning'
          ? `at most the ${formatCapacity(usableBytes)} that are free`
          : `at most ${formatCapacity(docker.memoryBytes)}${onEach}`,
      fix: memoryState === 'ok' ? '' : fix('memory'),
    },
  ];
}

/** The failure for a list of checks, with each problem and its fix; success when there is none. */
export function preflightResult(
  checks: Check[],
  kind: FailureKind = 'cluster',
  what = 'this machine cannot run the tests',
): Result<undefined> {
  const problems = checks.filter((check) => check.state === 'problem');
  const [first] = problems;
  if (first === undefined) return succeed(undefined);
  const describe = (check: Check) => `${check.name}: ${check.found} (needed: ${check.needed})`;
  return fail(kind, `${what}: ${problems.map(describe).join('; ')}`, {
    hint: first.fix,
    evidence: problems.flatMap((check) => [describe(check), `  → ${check.fix}`]),
  });
}

function judgeDocker(docker: MachineFacts['docker']): Check {
  const needed = 'docker 20.10 or newer, and answering';
  if (!docker.answers)
    return { name: 'docker', state: 'problem', found: docker.problem, needed, fix: fixDocker(docker) };
  const found = `docker ${docker.serverVersion}${docker.isRootless ? ', rootless' : ''}`;
  // Kind 0.20 and later make nodes with a private cgroup namespace, which older ones do not know.
  if (isOlder(docker.serverVersion, [20, 10]))
    return { name: 'docker', state: 'problem', found, needed, fix: 'Update docker: docs.docker.com/engine/install.' };
  return { name: 'docker', state: 'ok', found, needed, fix: '' };
}

function fixDocker({ problem, why }: DockerSilence): string {
  if (why === 'missing') return 'Install docker (docs.docker.com/engine/install), or put it on the PATH.';
  if (/permission denied/i.test(problem))
    return 'Join the group docker (sudo usermod -aG docker $USER, then log in again), or run as root.';
  if (why === 'late') return 'Docker hangs: restart it (sudo systemctl restart docker).';
  return 'Start docker (sudo systemctl start docker, or Docker Desktop), and check DOCKER_HOST and docker context ls.';
}

function judgeCgroup(docker: DockerFacts, needs: MachineNeeds): Check {
  const check = { name: 'cgroup', found: `v${docker.cgroupVersion}`, needed: 'v2 (v1 up to Kubernetes 1.34)' };
  if (docker.cgroupVersion !== '1') return { ...check, state: 'ok', fix: '' };
  if (docker.isRootless)
    return {
      ...check,
      state: 'problem',
      needed: 'v2 for rootless docker',
      fix: 'Boot with systemd.unified_cgroup_hierarchy=1.',
    };
  // Its kubelet refuses cgroup v1 by default (failCgroupV1, KEP-5573).
  const isRefused = isNewerKubernetes(needs.nodeImage ?? '', 35);
  return isRefused
    ? {
        ...check,
        state: 'problem',
        fix: 'Boot with systemd.unified_cgroup_hierarchy=1, or use a node-image of 1.34.',
      }
    : { ...check, state: 'ok', fix: '' };
}

/** Whether the tag of a node image, as `kindest/node:v1.35.0`, names this minor version of Kubernetes or a newer one. */
function isNewerKubernetes(image: string, minor: number): boolean {
  const tagged = /:v1\.(\d+)/.exec(image);
  return tagged !== null && Number(tagged[1]) >= minor;
}

function judgeCpus({ cpus }: DockerFacts): Check {
  const check = { name: 'CPUs', found: String(cpus), needed: '2' };
  return cpus >= 2
    ? { ...check, state: 'ok', fix: '' }
    : { ...check, state: 'warning', fix: 'Give docker more CPUs; with one, everything takes minutes longer.' };
}

function judgeMemory(facts: MachineFacts, needs: MachineNeeds): Check {
  const { docker, memoryFreeBytes } = facts;
  // Docker on a laptop has a machine of its own, with less.
  const isInside = docker.answers && docker.memoryBytes > 0 && docker.memoryBytes < memoryFreeBytes;
  return judgeAmount('free memory', isInside ? docker.memoryBytes : memoryFreeBytes, {
    where: isInside ? "docker's machine" : '',
    wanted: needs.memoryBytes,
    least: gibibyte,
    fix: isInside ? "Give docker's machine more memory." : 'Stop other programs, or use a larger machine.',
  });
}

function judgeDockerDisk(disk: NonNullable<MachineFacts['dockerDisk']>, needs: MachineNeeds): Check {
  if (disk.isOverlay)
    return {
      name: 'disk for docker',
      state: 'problem',
      found: `${disk.directory} is on overlayfs (docker in docker)`,
      needed: 'a disk or volume: nodes cannot stack overlayfs on it',
      fix: `Mount a volume at ${disk.directory} in the container that docker runs in.`,
    };
  return judgeAmount('disk for docker', disk.freeBytes, {
    where: disk.directory,
    wanted: (3 + 2 * needs.nodes) * gibibyte,
    least: 2 * gibibyte,
    fix: 'Free some space; docker system df shows what uses it.',
  });
}

/** Two marks: below `least` nothing can work, below `wanted` it may not. */
function judgeAmount(
  name: string,
  bytes: number,
  marks: { where: string; wanted: number; least: number; fix: string },
): Check {
  const state = bytes < marks.least ? 'problem' : bytes < marks.wanted ? 'warning' : 'ok';
  const needed = formatCapacity(state === 'problem' ? marks.least : marks.wanted);
  const found = marks.where === '' ? formatCapacity(bytes) : `${formatCapacity(bytes)} in ${marks.where}`;
  return { name, state, found, needed, fix: state === 'ok' ? '' : marks.fix };
}

function judgeKernelLimit(
  name: string,
  setting: string,
  found: number,
  limits: { needed: number; better: number },
): Check {
  const isShort = found < limits.needed;
  return {
    name,
    state: isShort ? 'warning' : 'ok',
    found: String(found),
    needed: String(limits.needed),
    fix: isShort ? `sudo sysctl ${setting}=${limits.better}` : '',
  };
}

function judgePorts({ takenPorts, wantedPorts }: MachineFacts): Check {
  const needed = 'the host ports of kind-config, free';
  if (takenPorts.length === 0) return { name: 'ports', state: 'ok', found: `${wantedPorts} free`, needed, fix: '' };
  return {
    name: 'ports',
    state: 'problem',
    found: takenPorts.map(({ port, protocol, holder }) => `${port}/${protocol} is taken by ${holder}`).join(', '),
    needed,
    fix: 'Stop the programs that use them, or set other hostPorts in kind-config.',
  };
}

/** Emulation may run a foreign image, slowly: so it is a warning. */
function judgeArchitecture(docker: DockerFacts, image: string): Check {
  const isSame = docker.architecture === image;
  return {
    name: 'architecture',
    state: isSame ? 'ok' : 'warning',
    found: isSame ? image : `the test image is for ${image}, the machine is ${docker.architecture}`,
    needed: docker.architecture,
    fix: isSame ? '' : `Build the image with --platform linux/${docker.architecture}; else expect "exec format error".`,
  };
}

function isOlder(version: string, [major, minor]: [number, number]): boolean {
  const [, foundMajor, foundMinor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  if (foundMajor === undefined) return false;
  return Number(foundMajor) < major || (Number(foundMajor) === major && Number(foundMinor) < minor);
}

/** `0.95`, `2`. */
function formatCores(cores: number): string {
  return `${Math.round(cores * 100) / 100} CPUs`;
}

/** `512 MiB`, `1.5 GiB`. */
function formatCapacity(bytes: number): string {
  return bytes < gibibyte ? `${Math.round(bytes / mebibyte)} MiB` : `${(bytes / gibibyte).toFixed(1)} GiB`;
}
