/** The dockers on which images are tried: this machine's own, and on the lab's machines one of today with either image store. */
import { execFileSync, type StdioOptions } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';

export interface TestDocker {
  name: string;
  /** Images can be built with attestations, and for several platforms. */
  hasAttestations: boolean;
  /** Put before a command that must see this docker's network. */
  prefix: string[];
  /** What a process of this docker's user has in its environment. */
  env: Record<string, string>;
  start: () => void;
  stop: () => void;
}

const lab = path.resolve('lab', 'docker28');
export type ImageStore = 'classic' | 'containerd';
export const imageStores: [ImageStore, ImageStore] = ['classic', 'containerd'];
/** Where lab/docker28 puts buildx for clients. */
const buildx = '/run/floe-lab/cli-plugins/docker-buildx';

function docker28(store: ImageStore): TestDocker {
  const config = mkdtempSync(path.join(tmpdir(), 'docker28-config-'));
  mkdirSync(path.join(config, 'cli-plugins'));
  symlinkSync(buildx, path.join(config, 'cli-plugins', 'docker-buildx'));
  return {
    name: `docker 28, ${store} store`,
    hasAttestations: store === 'containerd',
    prefix: [lab, 'run', store],
    env: { DOCKER_HOST: `unix:///run/floe-lab/docker28-${store}.sock`, DOCKER_CONFIG: config },
    start: () => {
      execFileSync(lab, ['start', store], { stdio: ['ignore', 'ignore', 'inherit'] });
    },
    stop: () => {
      execFileSync(lab, ['stop', store], { stdio: ['ignore', 'ignore', 'inherit'] });
    },
  };
}

export const ownDocker: TestDocker = {
  name: 'the docker of this machine',
  get hasAttestations() {
    return hasContainerdStore(ownDocker);
  },
  prefix: [],
  env: {},
  start: () => {},
  stop: () => {},
};

export const isLab = (process.env.FLOE_LAB_NODE_IMAGE ?? '') !== '';
/** Only root starts them; for the runner's user one of them is the docker of this machine. */
const newDockers = isLab && userInfo().uid === 0 ? imageStores.map(docker28) : [];
/** The newest is the last. */
export const dockers = [ownDocker, ...newDockers];

/** Whether images keep all of their parts, attestations among them, and layers are where only containerd knows. */
export function hasContainerdStore(docker: TestDocker): boolean {
  const status = runWith(docker, ['docker', 'info', '--format', '{{json .DriverStatus}}']);
  return status.includes('io.containerd.snapshotter');
}

/** One line: what the docker of this environment is, and who uses it. */
export function describeDocker(env: NodeJS.ProcessEnv): string {
  const { username, uid } = userInfo();
  return `${execFileSync('docker', dockerInfo, { encoding: 'utf8', env }).trim()}, as ${username} (uid ${uid})`;
}

/** Arguments of docker that print in one line what it is. */
export const dockerInfo = [
  'info',
  '--format',
  'docker {{.ServerVersion}}, store {{.Driver}}{{range .DriverStatus}}{{if eq (index . 0) "driver-type"}} ({{index . 1}}){{end}}{{end}}, cgroup v{{.CgroupVersion}}',
];

/** Notes for the end of `make test` that tests ran on a docker beside this machine's own. */
export function noteDocker(docker: TestDocker): void {
  if (docker.prefix.length > 0) noteMachine(`images: ${describeDocker({ ...process.env, ...docker.env })}`);
}

/** Notes for the end of `make test` what tests ran on, once for each line. */
export function noteMachine(line: string): void {
  const file = process.env.FLOE_TEST_MACHINES;
  if (file !== undefined) appendFileSync(file, `${line}\n`);
}

/** Runs docker, or another program, as a user of this docker; returns what it printed. */
export function runWith(docker: TestDocker, command: string[], input?: Buffer): string {
  const [program = '', ...args] = [...docker.prefix, ...command];
  const stdio: StdioOptions = [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'];
  return execFileSync(program, args, {
    env: { ...process.env, ...docker.env },
    encoding: 'utf8',
    stdio,
    maxBuffer: 64 * 1024 * 1024,
    ...(input === undefined ? {} : { input }),
  });
}
