import { spawn } from 'node:child_process';
import type { KubeConnection } from '../kube/connection.ts';
import { makeChildEnvironment } from '../tools/child-environment.ts';
import { execCall } from './docker.ts';

export interface ClaimOptions {
  connection: KubeConnection;
  namespace: string;
  claimName: string;
  /** Part of the volume, from its root; empty for the whole. */
  subPath: string;
  /** Node on which the pod runs that mounts the claim; it is a docker container of the same name. */
  node: string;
  signal: AbortSignal;
}

/** A shell in a node, for reading files there. */
export interface NodeShell {
  directory: string;
  run: (
    script: string,
    args: string[],
    options: { stdin?: Buffer; onStdout: (chunk: Buffer) => Promise<void> | void; signal: AbortSignal },
  ) => Promise<{ exitCode: number; stderr: string }>;
}

interface Volume {
  spec: { hostPath?: { path: string }; local?: { path: string } };
}

const maxStderrChars = 64 * 1024;

/**
 * Where a claim's volume is on the disk of a Kind node: its provisioner makes directories there.
 * @returns undefined when the volume is of another type, and only a pod can read it.
 */
export async function findClaimDirectory(options: ClaimOptions): Promise<NodeShell | undefined> {
  const { connection, namespace, claimName, signal } = options;
  const claims = `/api/v1/namespaces/${namespace}/persistentvolumeclaims`;
  const claim = await connection.call<{ spec: { volumeName?: string } }>('GET', `${claims}/${claimName}`, { signal });
  if (claim.spec.volumeName === undefined) return undefined;
  const volume = await connection.call<Volume>('GET', `/api/v1/persistentvolumes/${claim.spec.volumeName}`, { signal });
  const root = volume.spec.hostPath?.path ?? volume.spec.local?.path;
  if (root === undefined) return undefined;
  const directory = options.subPath === '' ? root : `${root}/${options.subPath}`;
  return { directory, run: (script, args, how) => runInNode(options.node, ['sh', '-c', script, 'sh', ...args], how) };
}

/** Runs a command in a node; its stdout is bytes, and is read no faster than it is taken. */
async function runInNode(
  node: string,
  command: string[],
  options: { stdin?: Buffer; onStdout: (chunk: Buffer) => Promise<void> | void; signal: AbortSignal },
): Promise<{ exitCode: number; stderr: string }> {
  options.signal.throwIfAborted();
  const call = execCall(node, command, { interactive: true });
  const child = spawn(call.command, call.args, { signal: options.signal, env: makeChildEnvironment() });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? -1));
  });
  // An error reaches the code that awaits this; until then the output is read.
  ended.catch(() => undefined);
  // A command that does not read to the end is within its rights.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.stdin ?? '');
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < maxStderrChars) stderr += text;
  });
  try {
    for await (const chunk of child.stdout) await options.onStdout(chunk as Buffer);
  } catch (error) {
    child.kill();
    throw error;
  }
  const exitCode = await ended;
  options.signal.throwIfAborted();
  return { exitCode, stderr };
}
