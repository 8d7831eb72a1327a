import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { connect, type KubeConnection } from '../../src/kube/connection.ts';
import { type ExecOptions, execInPod, runScriptInPod } from '../../src/kube/exec.ts';
import type { Pod } from '../../src/kube/objects.ts';
import { createNamespace } from '../../src/kube/resources.ts';
import { liveBytes } from '../support/live-bytes.ts';
import { sharedImage } from './global-setup.ts';

const namespace = `exec-${Date.now()}`;
const signal = AbortSignal.timeout(20 * 60_000);
const megabyte = 1024 * 1024;
let connection: KubeConnection;

beforeAll(async () => {
  connection = connect({ kubeconfigPath: inject('cluster').kubeconfigPath });
  await createNamespace(connection, namespace, {}, signal);
  await startPod('target');
});
afterAll(async () => {
  await connection.call('DELETE', `/api/v1/namespaces/${namespace}`, { signal });
  await connection.close();
});

/** Starts a pod that sleeps, and returns when it runs. */
async function startPod(name: string): Promise<void> {
  const container = { name: 'main', image: sharedImage, imagePullPolicy: 'Never', command: ['sleep', '3600'] };
  const spec = { containers: [container], terminationGracePeriodSeconds: 0 };
  const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec };
  // The ServiceAccount of a namespace is created a moment after it.
  for (;;) {
    const made = await connection.call('POST', `/api/v1/namespaces/${namespace}/pods`, { body, signal }).then(
      () => true,
      () => false,
    );
    if (made) break;
    await delay(100, undefined, { signal });
  }
  for (;;) {
    const pod = await connection.call<Pod>('GET', `/api/v1/namespaces/${namespace}/pods/${name}`, { signal });
    if (pod.status?.phase === 'Running') return;
    await delay(100, undefined, { signal });
  }
}

function run(command: string[], options: Partial<ExecOptions> = {}) {
  const target = { namespace, pod: 'target', container: 'main', onStdout: () => {} };
  return execInPod(connection, { ...target, command, signal, ...options });
}

describe('exec', () => {
  test('gives stdout byte for byte, stderr and the exit code', async () => {
    const chunks: Buffer[] = [];
    const onStdout = (chunk: Buffer) => void chunks.push(chunk);
    const end = await run(['sh', '-c', "printf 'a\\0b\\377\\n'; echo problem >&2; exit 7"], { onStdout });
    expect(end).toEqual({ exitCode: 7, stderr: 'problem\n' });
    expect(Buffer.concat(chunks)).toEqual(Buffer.from([0x61, 0, 0x62, 0xff, 0x0a]));
    expect(await run(['true'])).toEqual({ exitCode: 0, stderr: '' });
  });

  test('feeds a command that knows how much it needs', async () => {
    const stdin = Buffer.alloc(3 * megabyte, 'floe');
    const chunks: Buffer[] = [];
    const onStdout = (chunk: Buffer) => void chunks.push(chunk);
    const script = `head -c ${stdin.length} | sha256sum`;
    expect(await run(['sh', '-c', script], { stdin, onStdout })).toMatchObject({ exitCode: 0 });
    expect(Buffer.concat(chunks).toString()).toContain(createHash('sha256').update(stdin).digest('hex'));
  });

  test('reads on no faster than its reader takes: 100 MB in bounded memory', async () => {
    const hash = createHash('sha256');
    const before = liveBytes();
    let peak = before;
    let bytes = 0;
    const onStdout = async (chunk: Buffer) => {
      hash.update(chunk);
      const isFirst = bytes === 0;
      bytes += chunk.length;
      if (!isFirst) return;
      // A disk that is busy for as long as anything more arrives.
      for (let last = -megabyte; peak - last >= megabyte; ) {
        last = peak;
        await delay(1000);
        peak = Math.max(peak, liveBytes());
      }
    };
    // A command that does not wait for its reader may lose its last output on a busy machine: see runScriptInPod.
    const script = 'head -c 104857600 /dev/zero';
    const target = { namespace, pod: 'target', container: 'main', script, args: [] };
    const end = await runScriptInPod(connection, { ...target, onStdout, signal });
    expect(end.exitCode).toBe(0);
    expect(bytes).toBe(100 * megabyte);
    expect(peak - before).toBeLessThan(30 * megabyte);
    const zeros = createHash('sha256');
    for (let i = 0; i < 100; i++) zeros.update(Buffer.alloc(megabyte));
    expect(hash.digest('hex')).toBe(zeros.digest('hex'));
  });

  test.concurrent('outlives a silence that is longer than its patience, since the other side answers its pings', async () => {
    const timing = { pingMilliseconds: 200, silenceMilliseconds: 5000 };
    expect(await run(['sleep', '7'], { timing })).toMatchObject({ exitCode: 0 });
  });

  test.concurrent('ends with an error when the pod is deleted in the middle', async () => {
    await startPod('victim');
    let isDeleted: Promise<unknown> | undefined;
    const onStdout = () => {
      isDeleted ??= connection.deletePod(namespace, 'victim', { graceSeconds: 0, signal });
    };
    const start = performance.now();
    const ended = run(['sh', '-c', 'while true; do echo more; sleep 0.1; done'], { pod: 'victim', onStdout }).then(
      (end) => end.exitCode,
      (error: Error) => error.name,
    );
    expect(['ApiError', 137]).toContain(await ended);
    expect(performance.now() - start).toBeLessThan(30_000);
    await isDeleted;
  });

  test.concurrent('ends when it is aborted, and when its reader fails', async () => {
    const abort = new AbortController();
    const onStdout = () => abort.abort(new Error('enough'));
    await expect(run(['sh', '-c', 'echo x; sleep 60'], { onStdout, signal: abort.signal })).rejects.toThrow('enough');
    const broken = () => Promise.reject(new Error('the disk is full'));
    await expect(run(['sh', '-c', 'echo x; sleep 60'], { onStdout: broken })).rejects.toThrow('the disk is full');
  });

  test.concurrent('hands over all of a script’s output to a reader that is slow after its end', async () => {
    let bytes = 0;
    const onStdout = async (chunk: Buffer) => {
      bytes += chunk.length;
      // The runtime drops output that has not been sent some ten seconds after the end of a command.
      if (bytes === chunk.length) await delay(11_000);
    };
    const script = 'head -c "$1" /dev/zero; echo problem >&2; exit 4';
    const target = { namespace, pod: 'target', container: 'main', script, args: [String(20 * megabyte)] };
    const end = await runScriptInPod(connection, { ...target, onStdout, signal });
    expect(end).toEqual({ exitCode: 4, stderr: 'problem\n' });
    expect(bytes).toBe(20 * megabyte);
  });

  test('names what is not there', async () => {
    await expect(run(['true'], { pod: 'nobody' })).rejects.toMatchObject({ name: 'ApiError', status: 404 });
    await expect(run(['/no/such/program'])).rejects.toThrow(/no such file/);
  });
});
