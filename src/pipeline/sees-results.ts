import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execInContainer, seesFile } from '../cluster/docker.ts';
import type { ReadyCluster } from '../cluster/make-cluster.ts';
import { fail, type Result, succeed } from '../core/outcome.ts';
import type { Run } from './run.ts';

const lookSeconds = 30;

/**
 * Looks whether docker sees the directories that the nodes of a new cluster would mount, before any of them is made. Docker
 * may run elsewhere (DOCKER_HOST), in a machine of its own that shares other directories, or outside of the container that we
 * run in. It would then make empty directories of these names at its own place, as root, and results would be lost in them.
 * Where it does not see the results directory, results come out of the test pod by a collector.
 * @returns a failure of kind `cluster` when the nodes would miss mirrors of registries.
 */
export async function checkMounts(run: Run): Promise<Result<undefined>> {
  const { inputs, signal, workDir } = run;
  if (inputs.registryMirrors.length > 0 && !(await withMark(workDir, run, (mark) => seesFile(mark, signal))))
    return fail('cluster', `docker does not see ${workDir}, from which the nodes would read registry-mirrors`, {
      hint: 'Name the mirrors in containerdConfigPatches of kind-config, or mount the directory at the same path where docker runs.',
    });
  if (!run.forceCollector && !(await withMark(run.dir.results, run, (mark) => seesFile(mark, signal))))
    useCollector(run);
  return succeed(undefined);
}

/** Says once that results do not come by a mount of the nodes, and has them come by a collector. */
export function useCollector(run: Run): void {
  run.reporter.say(
    `docker does not see ${run.dir.results} of this machine: results come out of the test pod by a collector (${run.inputs.collectorImage})`,
  );
  run.forceCollector = true;
}

/** Whether every node of a cluster sees in the results directory what is there on this machine. */
export async function seesResults(run: Run, cluster: ReadyCluster): Promise<boolean> {
  if (path.relative(cluster.mountedHostPath, run.dir.results).startsWith('..')) return false;
  return withMark(run.dir.results, run, async (mark) => {
    const inNode = path.posix.join(run.resultsPathIn(cluster), path.basename(mark));
    for (const node of cluster.nodes) {
      const options = { signal: run.signal, timeoutSeconds: lookSeconds };
      const look = await execInContainer(node, ['test', '-e', inNode], options);
      run.signal.throwIfAborted();
      if (look.exitCode !== 0) return false;
    }
    return true;
  });
}

/** A file whose name nobody else uses is in a directory while somebody looks for it. */
async function withMark(directory: string, run: Run, look: (mark: string) => Promise<boolean>): Promise<boolean> {
  const mark = path.join(directory, `.k8s-test-seen-${run.record.content.runId}`);
  await writeFile(mark, '');
  try {
    return await look(mark);
  } finally {
    await rm(mark, { force: true });
  }
}
