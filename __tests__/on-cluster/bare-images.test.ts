import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sharedImage } from './global-setup.ts';
import { runOnSharedCluster } from './run-on-shared-cluster.ts';

/** Nothing but a program: no shell, no tar, no user but a number. */
const scratchImage = `scratch-tests:${Date.now()}`;
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'bare-images-'));
  writeFileSync(path.join(directory, 'go.mod'), 'module scratch\n\ngo 1.22\n');
  writeFileSync(
    path.join(directory, 'main.go'),
    `package main

import "os"

func main() {
	report := []byte("<testsuite tests=\\"1\\" failures=\\"0\\" errors=\\"0\\" skipped=\\"0\\"><testcase name=\\"from scratch\\"/></testsuite>")
	if err := os.WriteFile(os.Args[1]+"/junit.xml", report, 0o600); err != nil {
		println(err.Error())
		os.Exit(3)
	}
	println("no shell here")
}
`,
  );
  writeFileSync(
    path.join(directory, 'Dockerfile'),
    'FROM scratch\nCOPY tests /tests\nUSER 4321:4321\nENTRYPOINT ["/tests"]\nCMD ["/results"]\n',
  );
  execFileSync('go', ['build', '-trimpath', '-o', 'tests', '.'], {
    cwd: directory,
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=mod' },
  });
  execFileSync('docker', ['build', '--quiet', '--tag', scratchImage, '.'], {
    cwd: directory,
    env: { ...process.env, DOCKER_BUILDKIT: '0' },
  });
});
afterAll(() => {
  execFileSync('docker', ['image', 'rm', scratchImage]);
  rmSync(directory, { recursive: true });
});

function writeJob(spec: string): string {
  const file = path.join(directory, `${Math.random()}.yaml`);
  writeFileSync(
    file,
    `apiVersion: batch/v1
kind: Job
metadata: { name: bare }
spec:
  template:
    spec:
      restartPolicy: Never
${spec}`,
  );
  return file;
}

describe('fault 16: an image without shell, tar or root', () => {
  test('runs as the built-in Job', async () => {
    const run = await runOnSharedCluster({ given: { image: scratchImage, command: '[]' } });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', tests: { total: 1 } });
    expect(readFileSync(path.join(run.dir.junit, 'junit.xml'), 'utf8')).toContain('from scratch');
  });

  test('has its results read by a collector that runs as its user', async () => {
    const given = { image: scratchImage, command: '[]', 'collector-image': sharedImage };
    const run = await runOnSharedCluster({ forceCollector: true, given });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', tests: { total: 1 } });
    expect(run.onDisk.warnings).toEqual([]);
  });

  test('runs with a read-only root file system and without any privilege', async () => {
    const job = writeJob(`      securityContext: { runAsNonRoot: true, seccompProfile: { type: RuntimeDefault } }
      containers:
        - name: it
          image: ${scratchImage}
          imagePullPolicy: Always
          securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
`);
    const run = await runOnSharedCluster({ given: { job } });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'passed', tests: { total: 1 } });
    expect(run.printed).toContainEqual(expect.stringMatching(/imagePullPolicy of it: IfNotPresent \(was Always\)/));
    expect(existsSync(path.join(run.dir.junit, 'junit.xml'))).toBe(true);
  });

  test('that cannot write to results-path gets that as its cause', async () => {
    const job = writeJob(`      containers:
        - name: it
          image: ${scratchImage}
          volumeMounts: [{ name: out, mountPath: /results }]
      volumes: [{ name: out, hostPath: { path: /etc/kubernetes, type: Directory } }]
`);
    const run = await runOnSharedCluster({ given: { job, 'collector-image': sharedImage, 'results-limit': '1k' } });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'failed', failure: { kind: 'report' } });
    expect(run.onDisk.failure?.reason).toMatch(
      /could not write their report to \/results: open \/results\/junit\.xml: permission denied/,
    );
    expect(run.onDisk.failure?.hint).toContain('fsGroup');
  });

  test('that runs as root where that is forbidden gets that as its cause in seconds', async () => {
    const job = writeJob(`      securityContext: { runAsNonRoot: true }
      containers:
        - name: it
          image: ${sharedImage}
          imagePullPolicy: Never
          securityContext: { runAsUser: 0 }
`);
    const run = await runOnSharedCluster({ given: { job } });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'broken', failure: { kind: 'start' } });
    expect(run.onDisk.failure?.reason).toMatch(/runAsUser breaks non-root policy|runAsNonRoot/);
    expect(run.onDisk.failure?.hint).toMatch(/give the image a numeric USER/);
    expect(run.onDisk.phases.find((phase) => phase.name === 'tests')?.seconds).toBeLessThan(30);
  });
});

describe('results that grow without end', () => {
  test('end the run before the disk is full, and the largest file is left out by name', async () => {
    const run = await runOnSharedCluster({
      script: 'echo small > /results/small; head -c 30000000 /dev/zero > /results/core.1; sleep 300',
      given: { 'results-limit': '10M', grace: '1s' },
    });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'broken', failure: { kind: 'results' } });
    const { reason } = run.onDisk.failure!;
    expect(reason).toMatch(
      /the tests wrote [\d.]+ MiB to \/results, above the limit of 9\.5 MiB.*the largest is core\.1/,
    );
    // What was there when it was seen: at most all of it.
    const wrote = Number(/wrote ([\d.]+) MiB/.exec(reason)![1]);
    expect(wrote).toBeGreaterThan(9.5);
    expect(wrote).toBeLessThan(28.7);
    expect(readFileSync(path.join(run.dir.results, 'small'), 'utf8')).toBe('small\n');
    expect(existsSync(path.join(run.dir.results, 'core.1'))).toBe(false);
    expect(run.onDisk.warnings).toContainEqual(expect.stringMatching(/1 files of the results .* left out: core\.1/));
  });
});
