import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CommandRun, nodeImageFlags, startCommand, takeInventory } from './command-line.ts';
import { hasContainerdStore, ownDocker } from './dockers.ts';
import { testImage } from './global-setup.ts';

const image = 'k8s-test-mounted-images:1';
const mountable = !hasContainerdStore(ownDocker);
let directory: string;

const docker = (...args: string[]) => execFileSync('docker', args, { encoding: 'utf8' }).trim();

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'mounted-images-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** A run whose tests end with the status of `finish`, once `letGo` was called. The image has a file of its own, /only. */
function startRun(finish: string): { run: CommandRun; letGo: () => void; findNode: () => string } {
  writeFileSync(path.join(directory, 'only'), randomUUID());
  writeFileSync(path.join(directory, 'Dockerfile'), `FROM ${testImage}\nCOPY only /only\n`);
  docker('build', '--quiet', '--tag', image, directory);
  const report = `'<testsuite tests="1"><testcase name="one"/></testsuite>'`;
  const script = `echo tests have begun; until [ -e /results/go ]; do sleep 0.2; done; echo ${report} >/results/junit.xml; ${finish}`;
  const flags = ['--profile', 'none', '--image', image, '--command', JSON.stringify(['sh', '-c', script])];
  const run = startCommand(['run', ...nodeImageFlags, ...flags]);
  return {
    run,
    letGo: () => writeFileSync(path.join(run.resultsDir, 'results', 'go'), ''),
    findNode: () => docker('ps', '--quiet', '--filter', 'label=io.x-k8s.kind.role=control-plane', '--latest'),
  };
}

describe.runIf(mountable)('an image that the nodes mount', () => {
  test('is there for new pods after a restart of containerd, and docker keeps it for the run', async () => {
    const before = takeInventory();
    const { run, letGo, findNode } = startRun('cat /only');
    await run.untilPrinted('tests have begun');
    const node = findNode();
    docker('exec', node, 'systemctl', 'restart', 'containerd');
    const kubectl = ['exec', node, 'kubectl', '--kubeconfig', '/etc/kubernetes/admin.conf'];
    const pod = ['run', 'later', '--image', image, '--image-pull-policy', 'Never', '--restart', 'Never'];
    docker(...kubectl, ...pod, '--command', '--', 'cat', '/only');
    docker(...kubectl, 'wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/later', '--timeout=120s');
    expect(docker(...kubectl, 'logs', 'later')).toBe(docker('run', '--rm', '--entrypoint', 'cat', image, '/only'));
    expect(() => docker('image', 'rm', docker('image', 'inspect', '--format', '{{.Id}}', image))).toThrow(/container/);
    letGo();
    const end = await run.ended;
    expect(end.output).toMatch(/1 nodes mount \d images of the local docker: .*k8s-test-mounted-images:1/);
    expect(end.verdict?.failure, end.output).toBeNull();
    expect(takeInventory()).toEqual(before);
    docker('image', 'rm', image);
  });

  test('is the cause when docker loses it and the tests fail', async () => {
    const before = takeInventory();
    const { run, letGo } = startRun('cat /only');
    await run.untilPrinted('tests have begun');
    // As docker system prune does: first containers that do not run, then images without one.
    const holding = docker('ps', '--all', '--quiet', '--filter', `ancestor=${image}`);
    docker('rm', holding);
    docker('image', 'rm', '--force', image);
    letGo();
    const end = await run.ended;
    expect(end.verdict, end.output).toMatchObject({
      outcome: 'broken',
      failure: {
        kind: 'image',
        code: 'image-vanished',
        reason: expect.stringContaining(`image ${image} was removed from the local docker while the nodes used it`),
      },
    });
    expect(takeInventory()).toEqual(before);
  });
});
