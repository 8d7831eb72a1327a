import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fail, type Result, succeed, toOneLine } from '../core/outcome.ts';
import { runProgram } from '../tools/run-program.ts';
import { execInContainer, listNodeContainers, removeContainers } from './docker.ts';
import { showStep } from './show-step.ts';

export interface KindCluster {
  /** Unique to the run. */
  name: string;
  /** Path of the kind program. */
  kind: string;
  configYaml: string;
  /** Undefined: the node image that this version of kind was released with. */
  nodeImage: string | undefined;
  /** A file of our own; the user's kubeconfig is neither read nor written. */
  kubeconfigPath: string;
  /** Directory of ours for the config. */
  workDir: string;
  /** Docker network of the nodes, in place of kind's own. */
  network?: string | undefined;
}

const createDeadlineSeconds = 6 * 60;

/** By this kind takes another docker network than its own (pkg/cluster/internal/providers/docker). */
const networkVariable = 'KIND_EXPERIMENTAL_DOCKER_NETWORK';
/** What the user may have set for clusters of their own, and kind would read. */
const kindEnvironment = { KUBECONFIG: undefined, KIND_CLUSTER_NAME: undefined };

/**
 * Creates the cluster and returns once its API server answers. What was made stays when it fails, for its logs.
 * @returns a failure of kind `cluster` with kind's own message.
 */
export async function createCluster(
  cluster: KindCluster,
  options: { signal: AbortSignal; waitingFor: (what: string) => void; quote: (line: string) => void },
): Promise<Result<undefined>> {
  const config = path.join(cluster.workDir, 'kind.yaml');
  await writeFile(config, cluster.configYaml);
  const args = [
    'create',
    'cluster',
    '--name',
    cluster.name,
    '--config',
    config,
    '--kubeconfig',
    cluster.kubeconfigPath,
  ];
  // Incomplete nodes are kept: their logs show the reason. We delete them, by the name in the run's record.
  args.push('--retain', '--wait', '0s');
  if (cluster.nodeImage !== undefined) args.push('--image', cluster.nodeImage);
  const run = await runProgram(cluster.kind, args, {
    signal: options.signal,
    timeoutSeconds: createDeadlineSeconds,
    env: { ...kindEnvironment, ...(cluster.network === undefined ? {} : { [networkVariable]: cluster.network }) },
    onLine: (line) => showStep('kind', line, options),
  });
  options.signal.throwIfAborted();
  if (run.exitCode === 0) return succeed(undefined);
  const output = `${run.stdout}\n${run.stderr}`;
  const refused = findRefusedConfig(output);
  if (refused !== undefined)
    return fail('input', `kind refuses kind-config: ${refused}`, {
      hint: 'Fix this field; the fields of kind are in https://kind.sigs.k8s.io/docs/user/configuration/.',
      evidence: output.trim().split('\n').slice(-40),
    });
  const said = run.timedOut
    ? `kind create cluster did not finish within ${createDeadlineSeconds} s`
    : `kind create cluster failed: ${errorLineOf(output)}`;
  return fail('cluster', said, { hint: hintFor(output), evidence: output.trim().split('\n').slice(-40) });
}

/** Writes kind's own logs of the nodes into a directory. For a cluster that failed; problems are returned as text. */
export async function exportClusterLogs(cluster: KindCluster, directory: string, signal: AbortSignal): Promise<string> {
  // Where no container was created at all, kind only prints that it knows no such cluster.
  if ((await listNodeContainers(cluster.name, signal)).length === 0) return '';
  const args = ['export', 'logs', directory, '--name', cluster.name];
  const run = await runProgram(cluster.kind, args, { signal, timeoutSeconds: 60, env: kindEnvironment });
  return run.exitCode === 0 ? '' : toOneLine(`kind export logs: ${run.stderr}`);
}

/** How long docker may take to show a container whose creating process was killed during the request. */
const settleMilliseconds = 5000;
const pollMilliseconds = 250;

/**
 * Removes the nodes of the cluster with this name, with their anonymous volumes, as `kind delete cluster` does; needs no
 * kind, so that teardown works when the run ended before there was one. Kind's shared docker network stays.
 *
 * Where the cluster is not known to be complete, docker may still be creating a node for a `kind create` that has ended by now:
 * it counts as gone only when no node has appeared for a while.
 * @throws Error when docker cannot be asked, or refuses.
 */
export async function deleteCluster(name: string, options: { signal: AbortSignal; isWhole: boolean }): Promise<number> {
  const { signal } = options;
  const settle = options.isWhole ? 0 : settleMilliseconds;
  let removed = 0;
  let quietSince = performance.now();
  for (;;) {
    const nodes = await listNodeContainers(name, signal);
    if (nodes.length === 0) {
      if (performance.now() - quietSince >= settle) return removed;
      await delay(pollMilliseconds, undefined, { signal });
      continue;
    }
    const ids = nodes.map((node) => node.id);
    await Promise.all(ids.map((id) => settleContainers(id, signal)));
    const problem = await removeContainers(ids, signal);
    if (problem !== '') throw new Error(`docker rm of the nodes of ${name} failed: ${problem}`);
    removed += ids.length;
    quietSince = performance.now();
  }
}

/** For the exec and what it waits for; a node that is paused or has ended refuses it at once. */
const settleContainersSeconds = 10;

/**
 * Has a node start no more containers, waits, at most three seconds, for those that are being started, and thaws what is frozen
 * then. On cgroup v1 runc freezes the processes of a container while it sets its limits. Is runc killed then, with the node or
 * before, they stay frozen: no signal ends them, and Docker cannot remove the node ("did not receive an exit event").
 */
async function settleContainers(node: string, signal: AbortSignal): Promise<void> {
  const script = `pkill -STOP -x 'kubelet|containerd'
    for _ in {1..30}; do pgrep -x runc >/dev/null || break; sleep 0.1; done
    for state in $(grep -rlx FROZEN --include=freezer.state /sys/fs/cgroup/freezer); do echo THAWED >"$state"; done`;
  await execInContainer(node, ['bash', '-c', script], { signal, timeoutSeconds: settleContainersSeconds });
}

/**
 * kind's message on an invalid config: in indented lines after `unmarshal errors:`, or as a list of invalid fields. Undefined
 * where the config is not the cause. Pure.
 */
export function findRefusedConfig(output: string): string | undefined {
  const lines = output.split('\n');
  const at = lines.findIndex((line) =>
    /^ERROR: failed to create cluster: (unable to decode config: |\[?invalid )/.test(line),
  );
  const [, said = ''] =
    /^ERROR: failed to create cluster: (?:unable to decode config: )?(?:yaml: )?(.*)/.exec(lines[at] ?? '') ?? [];
  if (at === -1) return undefined;
  const behind = lines.slice(at + 1);
  const end = behind.findIndex((line) => !/^\s+\S/.test(line));
  const fields = behind.slice(0, end === -1 ? undefined : end).map((line) => line.trim());
  // The numbers are lines of the file that we wrote, and not of the user's.
  const words = (fields.length > 0 ? fields : [said]).map((line) => line.replace(/^line \d+: /, ''));
  return words.join('; ');
}

/** The line with kind's error; kind prints `ERROR: …` last. */
function errorLineOf(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  return (
    lines.findLast((line) => line.startsWith('ERROR')) ?? lines.findLast((line) => line !== '') ?? 'it said nothing'
  );
}

function hintFor(output: string): string {
  if (/pull access denied|failed to pull image|manifest unknown|dial tcp|no such host/.test(output))
    return 'The node image cannot be pulled: check the network and node-image.';
  if (/too many open files|inotify/.test(output))
    return 'Raise fs.inotify.max_user_instances to 512 (sysctl) and try again.';
  if (/no space left on device/.test(output))
    return 'The disk is full: free some space; docker system df shows what uses it.';
  if (/port is already allocated|address already in use/.test(output))
    return 'A host port of kind-config is taken by another program.';
  if (/Cannot connect to the Docker daemon/.test(output)) return 'Docker stopped: start it and try again.';
  return "The nodes' own logs are in cluster/kind-logs of the results.";
}
