import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { ReadyCluster } from '../../src/cluster/make-cluster.ts';
import type { Verdict } from '../../src/core/outcome.ts';
import { makeRunner, type Runner, type RunnerChild, runnerUid } from '../support/as-runner.ts';
import { nodeImageFlags } from './command-line.ts';
import { sharedImage, testImage } from './global-setup.ts';
import type { RunnerCall } from './run-as-runner.ts';
import { kubectl } from './run-on-existing.ts';
import { WatchedOutput } from './watched-output.ts';

/**
 * The route over the disk of the machine for a user as GitHub's runners have it, whose tests leave what that user may neither
 * read nor delete: directories and files of root and of others.
 */

const secret = 'hunter2-of-the-runner';
const files = ['deep/er/in.txt', 'locked/in.txt', 'of-1000.txt', 'private/in.txt'];

const report = '<testsuite name="s" tests="1" failures="0" errors="0"><testcase name="one"/></testsuite>';

/** All of a suite but its end. */
const suite = `set -e
cd /results
write() { printf '%s %s\\n' "$1" "$TOKEN" > "$1"; }
mkdir -m 0700 private reports; write private/in.txt; chmod 0600 private/in.txt
mkdir locked; write locked/in.txt; chmod 0555 locked
write of-1000.txt; chown 1000:1000 of-1000.txt; chmod 0600 of-1000.txt
mkdir -p deep/er; write deep/er/in.txt; chown -R 1000:1000 deep; chmod 0500 deep/er; chmod 0700 deep
echo '${report}' > reports/junit.xml; chmod 0600 reports/junit.xml
echo all is written
`;

let runner: Runner;
let program: string;
let cluster: ReadyCluster;
/** Where the nodes of the shared cluster see what this user writes. */
let home: string;
const at = (name: string) => path.join(home, name);
const own = (file: string) => chownSync(file, runnerUid, runnerUid);
const namespaces: string[] = [];

beforeAll(() => {
  runner = makeRunner();
  program = runner.bundle('__tests__/on-cluster/run-as-runner.ts');
  const shared = inject('cluster');
  // The directory of the shared cluster belongs only to root.
  chmodSync(path.dirname(shared.mountedHostPath), 0o711);
  home = path.join(shared.mountedHostPath, `runner-${process.pid}`);
  mkdirSync(home);
  own(home);
  const kubeconfigPath = path.join(runner.directory, 'kubeconfig');
  copyFileSync(shared.kubeconfigPath, kubeconfigPath);
  own(kubeconfigPath);
  cluster = { ...shared, kubeconfigPath };
});
afterAll(() => {
  for (const name of namespaces)
    kubectl(inject('cluster').kubeconfigPath, ['delete', 'namespace', name, '--wait=false', '--ignore-not-found']);
  rmSync(runner.directory, { recursive: true });
  rmSync(home, { recursive: true });
});

/** A Job whose container is root, with all that root may do in a container. */
function writeJob(directory: string, image: string, end: string): string {
  const container = {
    name: 'tests',
    image,
    imagePullPolicy: 'Never',
    command: ['sh', '-c', suite + end],
    securityContext: { runAsUser: 0, runAsGroup: 0 },
    volumeMounts: [{ name: 'out', mountPath: '/results' }],
  };
  const spec = { restartPolicy: 'Never', containers: [container], volumes: [{ name: 'out', emptyDir: {} }] };
  const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'owners' }, spec: { template: { spec } } };
  const file = path.join(directory, 'job.yaml');
  writeFileSync(file, JSON.stringify(job));
  return file;
}

interface Started {
  call: RunnerCall;
  child: RunnerChild;
  output: WatchedOutput;
  ended: Promise<number | null>;
}

function start(call: RunnerCall): Started {
  const child = runner.start(runner.node, [program, JSON.stringify(call)]);
  const output = new WatchedOutput(child, 'close');
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { call, child, output, ended };
}

/** Starts the suite in a directory of the user's; `end` is what its shell does when all is written. */
function startSuite(name: string, end: string, secrets: boolean): Started {
  const directory = at(name);
  if (!existsSync(directory)) mkdirSync(directory);
  own(directory);
  const namespace = `owners-${name}-${namespaces.length}`;
  namespaces.push(namespace);
  const given = {
    profile: 'none',
    namespace,
    job: writeJob(directory, sharedImage, end),
    grace: '2s',
    'results-dir': path.join(directory, 'out'),
    [secrets ? 'secrets' : 'env']: `TOKEN=${secret}`,
  };
  return start({ what: 'run', cluster, given, workDir: path.join(directory, `work-${namespaces.length}`) });
}

/** Everything that the suite wrote is there, the user's own and readable, and nothing else is. */
function expectWhole(directory: string, content: string): void {
  const out = path.join(directory, 'out');
  const found = readdirSync(path.join(out, 'results'), { recursive: true, withFileTypes: true });
  const names = found.filter((one) => one.isFile()).map((one) => path.join(one.parentPath, one.name));
  expect(names.map((name) => path.relative(path.join(out, 'results'), name)).sort()).toEqual(files);
  for (const name of files) expect(readFileSync(path.join(out, 'results', name), 'utf8')).toBe(`${name} ${content}\n`);
  expect(readdirSync(path.join(out, 'junit'), { recursive: true }).sort()).toEqual(['reports', 'reports/junit.xml']);
  const all = [out, ...(readdirSync(out, { recursive: true }) as string[]).map((name) => path.join(out, name))];
  for (const file of all) {
    const { uid, mode } = lstatSync(file);
    expect([file, uid, mode & 0o400]).toEqual([file, runnerUid, 0o400]);
  }
  expect(readdirSync(out).filter((name) => name.startsWith('.k8s-test'))).toEqual([]);
}

function readVerdict(directory: string): Verdict {
  return JSON.parse(readFileSync(path.join(directory, 'out/result.json'), 'utf8')) as Verdict;
}

const hang = 'sleep 600';
/** How a suite ends, what its shell does for that, and what its verdict then is. */
const ends: Record<string, { end: string; verdict: object; stop: (run: Started) => Promise<void> }> = {
  ends: {
    end: 'exit 0',
    verdict: { outcome: 'passed', warnings: [], tests: { total: 1, passed: 1 } },
    stop: async () => {},
  },
  'is cancelled': {
    end: hang,
    verdict: { outcome: 'cancelled', isMasked: true, tests: { passed: 1 } },
    stop: async ({ child, output }) => {
      await output.untilPrinted('all is written');
      child.kill('SIGINT');
    },
  },
  'is killed with -9': {
    end: hang,
    verdict: { outcome: 'broken', failure: { kind: 'internal' }, isMasked: true, tests: { passed: 1 } },
    stop: async ({ call, child, output, ended }) => {
      await output.untilPrinted('all is written');
      child.kill('SIGKILL');
      await ended;
      const post = start({ ...call, what: 'recover' });
      await post.ended;
    },
  },
};

// Only root can start programs as another user.
describe.runIf(process.getuid?.() === 0)('a user who is not root', () => {
  test.each(Object.keys(ends))(
    'keeps all that a suite wrote as other users when the run %s, and the next one passes',
    async (how) => {
      const { end, verdict, stop } = ends[how]!;
      // Twice at once: with secrets, which are masked in every file, and without.
      const attempts = [
        { name: `${how.replaceAll(/[^a-z0-9]+/g, '-')}-masked`, secrets: true, content: '***' },
        { name: `${how.replaceAll(/[^a-z0-9]+/g, '-')}-plain`, secrets: false, content: secret },
      ];
      await Promise.all(
        attempts.map(async ({ name, secrets, content }) => {
          const run = startSuite(name, end, secrets);
          await stop(run);
          await run.ended;
          expect(readVerdict(at(name)), run.output.text).toMatchObject(verdict);
          expectWhole(at(name), content);
          const next = startSuite(name, 'exit 0', secrets);
          expect(await next.ended, next.output.text).toBe(0);
          expect(readVerdict(at(name))).toMatchObject({ outcome: 'passed', warnings: [] });
          expectWhole(at(name), content);
        }),
      );
    },
  );

  test('keeps all that a suite wrote as other users when the run is killed and cleaned up by `down`, and the next one passes', async () => {
    const directory = path.join(runner.directory, 'home/killed');
    mkdirSync(directory);
    own(directory);
    const cli = runner.copyCheckout();
    const out = ['--results-dir', path.join(directory, 'out')];
    const job = ['--profile', 'none', '--job', writeJob(directory, testImage, hang), '--env', `TOKEN=${secret}`];
    const call = (...args: string[]) => {
      const child = runner.start(runner.node, [cli, ...args], { cwd: directory });
      const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
      return { child, ended, output: new WatchedOutput(child, 'close') };
    };
    const run = call('run', ...nodeImageFlags, ...job, ...out);
    await run.output.untilPrinted('all is written');
    run.child.kill('SIGKILL');
    await run.ended;
    const down = call('down');
    expect(await down.ended, down.output.text).toBe(0);
    for (const name of files)
      expect(readFileSync(path.join(directory, 'out/results', name), 'utf8')).toBe(`${name} ${secret}\n`);
    const written = readdirSync(path.join(directory, 'out/results'), { recursive: true }) as string[];
    for (const name of written) {
      const { uid, mode } = lstatSync(path.join(directory, 'out/results', name));
      expect([name, uid, mode & 0o600]).toEqual([name, runnerUid, 0o600]);
    }
    const command = ['sh', '-c', `echo '${report}' > "$RESULTS_PATH/junit.xml"`];
    const next = call('run', '--tier', 'unit', '--command', JSON.stringify(command), ...out);
    expect(await next.ended, next.output.text).toBe(0);
    expect(readVerdict(directory)).toMatchObject({ outcome: 'passed', warnings: [] });
  });
});
