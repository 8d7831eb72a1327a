import { Duplex, Readable } from 'node:stream';
import type { KubeConnection } from '../kube/connection.ts';
import { describeProgramEnd } from '../tools/run-program.ts';
import { execInContainer } from './docker.ts';

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

const maxStderrBytes = 64 * 1024;
/** For a batch of files, or one large file. The last look at results has less time, of its step; others are repeated. */
const answerSeconds = 900;

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
  const { signal, onStdout, stdin = Buffer.alloc(0) } = options;
  signal.throwIfAborted();
  let thrown: { error: unknown } | undefined;
  const stdout = Duplex.from(async (source: AsyncIterable<Buffer>) => {
    try {
      for await (const chunk of source) await onStdout(chunk);
    } catch (error) {
      // An abort gets here, too, and is thrown below.
      thrown = { error };
      throw error;
    }
  });
  const run = await execInContainer(node, command, {
    signal,
    stdin: Readable.from(stdin.length === 0 ? [] : [stdin]),
    stdout,
    timeoutSeconds: answerSeconds,
    maxCapturedBytes: maxStderrBytes,
  });
  signal.throwIfAborted();
  if (run.timedOut) throw new Error(`node ${node}: ${describeProgramEnd(run)}`);
  if (thrown !== undefined) throw (thrown as { error: unknown }).error;
  if (run.error !== null) throw new Error(`node ${node}: ${describeProgramEnd(run)}`);
  return { exitCode: run.exitCode ?? -1, stderr: run.stderr };
}
