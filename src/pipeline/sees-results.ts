import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execInContainer, seesFile } from '../cluster/docker.ts';
import { nodeResultsPath } from '../cluster/kind-config.ts';
import type { ReadyCluster } from '../cluster/make-cluster.ts';
import { fail, type Result, succeed } from '../core/outcome.ts';
import type { Run } from './run.ts';

const lookSeconds = 30;

/**
 * Looks whether docker sees the directories that the nodes of a new cluster would mount, before any of them is made. Docker
 * may run elsewhere (DOCKER_HOST), in a machine of its own that shares other directories, or outside of the container that we
 * run in. It would then make empty directories of these names at its own place, as root, and results would be lost in them.
 * @returns whether docker sees the results directory, or a failure of kind `cluster` when the nodes would miss mirrors of
 * registries.
 */
export async function checkMounts(run: Run): Promise<Result<{ seesResults: boolean }>> {
  const { inputs, signal, workDir } = run;
  const isSeen = (directory: string) => withMark(directory, run, (mark) => seesFile(mark, signal));
  if (inputs.registryMirrors.length > 0 && !(await isSeen(workDir)))
    return fail('cluster', `docker does not see ${workDir}, from which the nodes would read registry-mirrors`, {
      hint: 'Name the mirrors in containerdConfigPatches of kind-config, or mount the directory at the same path where docker runs.',
    });
  return succeed({ seesResults: await isSeen(run.dir.results) });
}

/** Reports that results do not come through a mount of the nodes. */
export function sayCollector(run: Run): void {
  run.reporter.say(
    `docker does not see ${run.dir.results} of this machine: results come out of the test pod by a collector (${run.inputs.collectorImage})`,
  );
}

/** Where every node of a cluster sees the results directory of this machine; undefined where one of them does not. */
export async function findResultsInNodes(run: Run, cluster: ReadyCluster): Promise<string | undefined> {
  const { results } = run.dir;
  if (path.relative(cluster.mountedHostPath, results).startsWith('..')) return undefined;
  const nodePath = resultsPathIn(run, cluster);
  const isSeen = await withMark(results, run, async (mark) => {
    const inNode = path.posix.join(nodePath, path.basename(mark));
    for (const node of cluster.nodes) {
      const options = { signal: run.signal, timeoutSeconds: lookSeconds };
      const look = await execInContainer(node, ['test', '-e', inNode], options);
      run.signal.throwIfAborted();
      if (look.exitCode !== 0) return false;
    }
    return true;
  });
  return isSeen ? nodePath : undefined;
}

/** Where the nodes of a cluster see the results directory, if it is in what they mount. */
export function resultsPathIn(run: Run, { mountedHostPath }: ReadyCluster): string {
  return path.posix.join(nodeResultsPath, path.relative(mountedHostPath, run.dir.results));
}

/** A file with a unique name exists in a directory while `look` runs. */
async function withMark(directory: string, run: Run, look: (mark: string) => Promise<boolean>): Promise<boolean> {
  const mark = path.join(directory, `.k8s-test-seen-${run.record.content.runId}`);
  await writeFile(mark, '');
  try {
    return await look(mark);
  } finally {
    await rm(mark, { force: true });
  }
}
