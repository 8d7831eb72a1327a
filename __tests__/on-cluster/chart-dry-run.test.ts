import { execFile, spawn } from 'node:child_process';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';

const run = promisify(execFile);
const repository = path.join(import.meta.dirname, '..', '..');
const chart = path.join(repository, 'charts/floe-platform');
const deploy = path.join(repository, 'examples/floe/deploy');
const namespace = `dry-run-${Date.now()}`;

function kubectl(args: string[], stdin = ''): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn('kubectl', ['--kubeconfig', inject('cluster').kubeconfigPath, ...args]);
  child.stdin.end(stdin);
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return Promise.all([ended, text(child.stdout), text(child.stderr)]).then(([status, stdout, stderr]) => ({
    status,
    stdout,
    stderr,
  }));
}

describe('the chart, as a real API server reads it', () => {
  beforeAll(async () => {
    // The API server then warns of each pod template that the restricted standard would refuse.
    const manifest = {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/warn': 'restricted' } },
    };
    const made = await kubectl(['create', '-f', '-'], JSON.stringify(manifest));
    if (made.status !== 0) throw new Error(made.stderr);
  });
  afterAll(() => kubectl(['delete', 'namespace', namespace, '--wait=false']));

  test.each([
    ['minimal', []],
    ['full', ['--set', 'testAccess.enabled=true']],
    // The operator's own kind is not known to a cluster that does not run it.
    ['production', ['-f', path.join(deploy, 'production.yaml'), '--set', 'externalSecrets.enabled=false']],
  ])('accepts all of profile %s, and has no warning', async (profile, more) => {
    const files = [path.join(chart, 'profiles', `${profile}.yaml`), path.join(deploy, 'values.yaml')];
    const values = files.flatMap((file) => ['-f', file]);
    const { stdout: manifest } = await run('helm', [
      'template',
      'any',
      chart,
      '--namespace',
      namespace,
      ...values,
      ...more,
    ]);
    const applied = await kubectl(
      ['apply', '--dry-run=server', '--validate=strict', '--namespace', namespace, '-f', '-'],
      manifest,
    );
    expect(applied).toMatchObject({ status: 0, stderr: '' });
    const objects = manifest.split('\n').filter((line) => line.startsWith('kind: ')).length;
    expect(applied.stdout.trim().split('\n')).toHaveLength(objects);
  });
});
