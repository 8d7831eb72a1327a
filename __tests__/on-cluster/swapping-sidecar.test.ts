import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { nodeResultsPath } from '../../src/cluster/kind-config.ts';
import { SecretMask } from '../../src/core/secret-mask.ts';
import { collectResults } from '../../src/results/collect-results.ts';
import { discard } from '../../src/results/foreign-directory.ts';
import { takeFiles } from '../../src/results/take-files.ts';
import { sharedImage } from './global-setup.ts';
import { kubectl } from './run-on-existing.ts';
import { runOnSharedCluster } from './run-on-shared-cluster.ts';

/** A sidecar that writes, renames and swaps files and directories for links in the volume of the results, all the time. */

const secret = 'hunter2-of-the-sidecar';
const canary = 'canary of the runner';
const sweeps = 200;

/** What it does where it is, and then in each directory in which it finds a mark of this pattern. */
const swap = (marks: string, outside: string) => `
import glob, os, shutil
outside, secret = ${JSON.stringify(outside)}, ${JSON.stringify(secret)}
def attempt(work, *args):
    try: work(*args)
    except OSError: pass  # It races with who takes the files: what is there a moment before may be gone.
def write(name, text):
    with open(name, "w") as file: file.write(text)
def remove(name):
    shutil.rmtree(name) if os.path.isdir(name) and not os.path.islink(name) else os.remove(name)
def turn(i):
    n = i % 8
    # Written under names that are never links.
    attempt(os.mkdir, "new")
    attempt(write, "new/f.txt", f"{i} {secret}")
    attempt(write, "new.xml", f'<testsuite name="{secret}"/>')
    attempt(os.rename, "new", f"d{n}")
    attempt(os.rename, "new.xml", f"f{n}.xml")
    attempt(os.rename, f"f{(n + 3) % 8}.xml", f"g{n}.xml")
    attempt(os.symlink, outside + "/precious.xml", f"f{(n + 3) % 8}.xml")
    attempt(os.rename, f"d{(n + 2) % 8}", f"e{n}")
    attempt(os.symlink, outside, f"d{(n + 2) % 8}")
    for name in ["new", f"d{(n + 5) % 8}", f"e{(n + 4) % 8}", f"g{(n + 6) % 8}.xml"]: attempt(remove, name)
i = 0
while True:
    # By its descriptor: the directory itself is written to, whatever becomes of its path.
    for mark in glob.glob(${JSON.stringify(marks)}):
        attempt(os.chdir, os.path.dirname(mark))
        attempt(os.remove, mark)
    for _ in range(20):
        turn(i)
        i += 1
`;

/** Files of the runner, which must be neither read nor changed. */
let outside: string;
beforeAll(() => {
  outside = mkdtempSync(path.join(tmpdir(), 'precious-'));
  writeFileSync(path.join(outside, 'precious.xml'), canary);
});
afterAll(() => rmSync(outside, { recursive: true }));

function expectUntouched(): void {
  expect(readdirSync(outside)).toEqual(['precious.xml']);
  expect(readFileSync(path.join(outside, 'precious.xml'), 'utf8')).toBe(canary);
}

/** Of what would be uploaded nothing is a link, a secret or a file of the runner. @returns how many files there are. */
function expectClean(directory: string): number {
  if (!existsSync(directory)) return 0;
  const found = readdirSync(directory, { recursive: true, withFileTypes: true });
  const regular = found.filter((entry) => entry.isFile());
  for (const entry of found) expect(entry.isFile() || entry.isDirectory(), entry.name).toBe(true);
  for (const { parentPath, name } of regular) {
    const content = readFileSync(path.join(parentPath, name), 'utf8');
    expect([name, content.includes(secret), content.includes(canary)]).toEqual([name, false, false]);
  }
  return regular.length;
}

const python = (source: string) => `exec python3 -c '${source.replaceAll("'", `'"'"'`)}'`;
const shell = (script: string) => ({ image: sharedImage, imagePullPolicy: 'Never', command: ['sh', '-c', script] });

describe('a sidecar that swaps files for links all the time', () => {
  test.each([
    { route: 'over the disk of the machine', forceCollector: false },
    { route: 'by a collector', forceCollector: true },
  ])('changes no verdict of results that come $route, and brings no secret into them', async ({ forceCollector }) => {
    const volumeMounts = [{ name: 'out', mountPath: '/results' }];
    const report = `sleep 3; echo '<testsuite name="s" tests="1" failures="0" errors="0"><testcase name="one"/></testsuite>' > /results/junit-own.xml`;
    const containers = [
      { name: 'tests', ...shell(report), volumeMounts },
      { name: 'sidecar', ...shell(`cd /results && ${python(swap('', outside))}`), volumeMounts },
    ];
    const spec = { restartPolicy: 'Never', containers, volumes: [{ name: 'out', emptyDir: {} }] };
    const job = path.join(mkdtempSync(path.join(tmpdir(), 'swapping-job-')), 'job.yaml');
    writeFileSync(
      job,
      JSON.stringify({
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'swapping' },
        spec: { template: { spec } },
      }),
    );
    const run = await runOnSharedCluster({
      given: {
        job,
        container: 'tests',
        'collector-image': sharedImage,
        junit: 'junit-own.xml',
        secrets: `TOKEN=${secret}`,
      },
      forceCollector,
    });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({
      outcome: 'passed',
      failure: null,
      isMasked: true,
      tests: { total: 1, passed: 1 },
    });
    expect(expectClean(run.dir.root)).toBeGreaterThan(5);
    expectUntouched();
  });

  test(`breaks none of ${sweeps} sweeps of results that could not be fenced, and leaves no secret in one`, async () => {
    const { kubeconfigPath, mountedHostPath } = inject('cluster');
    const base = mkdtempSync(path.join(mountedHostPath, 'sweeps-'));
    chmodSync(base, 0o755);
    const namespace = `sweeps-${process.pid}`;
    const container = { name: 'sidecar', ...shell(python(swap('/shared/*/results/mark', outside))) };
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'sidecar', namespace },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ ...container, volumeMounts: [{ name: 'shared', mountPath: '/shared' }] }],
        volumes: [{ name: 'shared', hostPath: { path: path.posix.join(nodeResultsPath, path.basename(base)) } }],
      },
    };
    kubectl(kubeconfigPath, ['create', 'namespace', namespace]);
    try {
      kubectl(kubeconfigPath, ['apply', '--filename=-'], JSON.stringify(pod));
      let taken = 0;
      for (let i = 0; i < sweeps; i++) taken += await sweep(path.join(base, `run-${i}`));
      expect(taken).toBeGreaterThan(sweeps);
      expectUntouched();
    } finally {
      kubectl(kubeconfigPath, ['delete', 'namespace', namespace]);
      rmSync(base, { recursive: true });
    }
  });
});

/** Takes what the sidecar writes into a new results directory, while it continues. @returns how many files were taken. */
async function sweep(root: string): Promise<number> {
  const results = path.join(root, 'results');
  mkdirSync(results, { recursive: true });
  chmodSync(results, 0o777);
  writeFileSync(path.join(results, 'mark'), '');
  const deadline = performance.now() + 60_000;
  while (readdirSync(results).length < 8 || existsSync(path.join(results, 'mark'))) {
    if (performance.now() > deadline) throw new Error(`the sidecar does not write to ${results}`);
    await wait(1);
  }
  const mask = new SecretMask([secret]);
  const limits = { totalBytes: 1e8, files: 1000 };
  const signal = AbortSignal.timeout(60_000);
  const files = await takeFiles({ directory: results, root, mask, limits, isFenced: false, signal });
  const sorting = {
    taken: files,
    takenDir: results,
    junitDir: path.join(root, 'junit'),
    junitGlobs: ['**/*.xml'],
    seenAs: '/results',
  };
  const collected = await collectResults({ ...sorting, notBefore: 0, signal });
  expect(JSON.stringify(collected)).not.toContain(canary);
  const found = expectClean(results) + expectClean(path.join(root, 'junit'));
  // The sidecar may still write to what was left out of the results.
  discard(root);
  return found;
}
