import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { findClaimDirectory } from '../../src/cluster/claim-directory.ts';
import { must } from '../../src/core/must.ts';
import { SecretMask } from '../../src/core/secret-mask.ts';
import { NamespaceWatch } from '../../src/diagnose/namespace-watch.ts';
import { readInputs } from '../../src/inputs/read-inputs.ts';
import { renderInputErrors } from '../../src/inputs/schema.ts';
import type { JobEnd } from '../../src/job/run-job.ts';
import { connect } from '../../src/kube/connection.ts';
import { JobLogs, type KeptLog } from '../../src/logs/job-logs.ts';
import { NodeLogs } from '../../src/logs/node-logs.ts';
import { bundledChart } from '../../src/pipeline/begin-run.ts';
import { type CollectedRun, collectRun, startFindings } from '../../src/pipeline/collect-run.ts';
import type { Progress, RunLogs } from '../../src/pipeline/progress.ts';
import { ResultSteps, type StepLimits } from '../../src/pipeline/result-steps.ts';
import { Run } from '../../src/pipeline/run.ts';
import { tearDown } from '../../src/pipeline/teardown.ts';
import { ResultsCollection } from '../../src/results/results-collection.ts';
import { type Made, RunRecord } from '../../src/state/run-record.ts';
import { listen, writePlainKubeconfig } from '../kube/loopback-kubeconfig.ts';

/**
 * A docker whose daemon never answers one kind of exec, which the name of the container gives. As a real one it is then deaf
 * to SIGTERM, and so is its own child, which holds its output. Other execs are answered as a node would.
 */
const docker = `#!/bin/bash
hang=$1
shift
while [[ $1 == --* ]]; do shift; done
node=$1 what=$5
[ "$2" = bash ] || what=$2
[ "$hang" = exec ] || { what=$hang; [[ $* != *=hangs-at-ps* ]] || node=hangs-at-ps; }
if [ "$node" = "hangs-at-$what" ]; then
  trap '' TERM
  sleep 600 &
  echo "$$ $!" >> "$DOCKER_PIDS/$node"
  wait
fi
case $what in
  keep-logs) cat > /dev/null ;;
  list-logs) echo "2026-11-01T10:00:00.000000001Z /var/log/k8s-test-x/ns_tests-abc_uid-1/tests/0.77" ;;
  digest-logs) exit 1 ;;
  gzip) printf '2026-11-01T10:00:00.000000001Z stdout F first\\n2026-11-01T10:00:00.000000002Z stdout F last\\n' ;;
  fence-results) echo ended:0 ;;
esac
`;

let pids: string;
beforeAll(() => {
  const bin = mkdtempSync(path.join(tmpdir(), 'hanging-docker-'));
  pids = path.join(bin, 'pids');
  mkdirSync(pids);
  writeFileSync(path.join(bin, 'docker'), docker, { mode: 0o755 });
  process.env.PATH = `${bin}:${process.env.PATH}`;
  process.env.DOCKER_PIDS = pids;
});

const pod = {
  metadata: {
    name: 'tests-abc',
    uid: 'uid-1',
    labels: { 'job-name': 'tests', 'batch.kubernetes.io/job-name': 'tests' },
  },
  spec: { containers: [{ name: 'tests' }] },
  status: {
    phase: 'Failed',
    containerStatuses: [
      { name: 'tests', restartCount: 0, containerID: 'containerd://c1', state: { terminated: { exitCode: 1 } } },
    ],
  },
};

/**
 * Answers as an API server with this one pod. Its log breaks off after its first line, and is gone then, unless it is whole. It
 * also has a claim, whose volume is a directory of the node.
 */
async function serveCluster(isWhole: boolean): Promise<string> {
  let logs = 0;
  const server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://x');
    if (url.pathname.endsWith('/log')) {
      logs += 1;
      if (isWhole) response.end('2026-11-01T10:00:00.000000001Z first\n2026-11-01T10:00:00.000000002Z last\n');
      else if (logs > 1) response.writeHead(500).end('the kubelet does not answer');
      else {
        response.write('2026-11-01T10:00:00.000000001Z first\n');
        setTimeout(() => response.destroy(), 100);
      }
    } else if (url.pathname.endsWith('/persistentvolumeclaims/results'))
      response.end(JSON.stringify({ spec: { volumeName: 'v' } }));
    else if (url.pathname.endsWith('/persistentvolumes/v'))
      response.end(JSON.stringify({ spec: { hostPath: { path: '/volumes/v' } } }));
    else if (url.searchParams.get('watch') === 'true') response.writeHead(200).flushHeaders();
    else {
      const items = url.pathname.endsWith('/pods') ? [pod] : [];
      response.end(JSON.stringify({ kind: 'List', metadata: { resourceVersion: '1' }, items }));
    }
  });
  server.unref();
  return writePlainKubeconfig(await listen(server));
}

const step = { usual: 6, cancelled: 6 };
const limits: StepLimits = {
  logs: step,
  fence: step,
  collection: step,
  // Of this machine's own disk, which may be busy.
  disk: { usual: 60, cancelled: 60 },
  reading: step,
  evidence: step,
};

/** A run whose tests have ended, in a pod of a node of this name, with a report and a log. */
async function endOfTests(
  node: string,
  deadlines: { list?: number; digest?: number; read?: number } = {},
  isWhole = false,
) {
  const root = mkdtempSync(path.join(tmpdir(), 'hanging-run-'));
  const given = { profile: 'none', image: 'tests:dev', 'results-dir': path.join(root, 'out') };
  const read = readInputs({ given, directory: root, bundledChart: bundledChart() });
  if (read.inputs === undefined) throw new Error(renderInputErrors(read.errors).join('\n'));
  const nothing = () => {};
  const reporter = {
    phaseStarted: nothing,
    phaseEnded: nothing,
    say: nothing,
    warn: nothing,
    waitingFor: nothing,
    quote: nothing,
    mask: nothing,
  };
  const run = new Run({
    inputs: read.inputs,
    reporter,
    signal: new AbortController().signal,
    record: RunRecord.begin(path.join(root, 'records'), 'hanging'),
    workDir: root,
  });
  for (const directory of [run.dir.results, run.dir.junit, run.dir.logs, run.dir.cluster])
    mkdirSync(directory, { recursive: true });
  const kubeconfigPath = await serveCluster(isWhole);
  const connection = connect({ kubeconfigPath });
  const watch = new NamespaceWatch(connection, 'ns', run.closing.signal, nothing);
  const { signal } = run.closing;
  const nodeLogs = new NodeLogs([node], { runId: 'x', namespace: 'ns', podPrefix: 'tests-', signal, deadlines });
  const jobLogs = new JobLogs({
    connection,
    watch,
    namespace: 'ns',
    jobNames: ['tests'],
    shownContainer: 'tests',
    logsDir: run.dir.logs,
    mask: new SecretMask([]),
    quote: nothing,
    onOutage: nothing,
    nodeLogs,
  });
  let kept: KeptLog[] = [];
  const logs: RunLogs = {
    get kept() {
      return kept;
    },
    finish: async (stop, until) => {
      kept = await jobLogs.finish(stop, until);
    },
    close: () => nodeLogs.close(),
  };
  const seen = await watch.until(() => (watch.pods.length > 0 ? true : undefined), { signal, deadlineSeconds: 60 });
  expect(seen.kind).toBe('decided');
  const report = '<testsuite name="s"><testcase name="adds"><failure message="3 is not 4"/></testcase></testsuite>';
  writeFileSync(path.join(run.dir.results, 'junit.xml'), report);
  const end = {
    pod: { ...pod, spec: { ...pod.spec, nodeName: node } },
    terminated: { exitCode: 1 },
    failure: null,
    interruption: null,
  } as unknown as JobEnd;
  const part = { shard: undefined, directory: '', end, failure: null, collection: undefined, collected: undefined };
  const job = { name: 'tests', container: 'tests', image: 'tests:dev', memoryLimit: '' };
  const progress = {
    stage: 'tests',
    cluster: { name: 'k', nodes: [node], kubeconfigPath, mountedHostPath: root },
    resultsNodePath: run.dir.results,
    tests: { startedAt: 0, job, parts: [part, { ...part, directory: 'shard-1' }], logs },
  } as unknown as Progress;
  const collected: CollectedRun = startFindings(run, progress);
  const result = await collectRun(run, { progress, collected, limits }, false);
  run.closing.abort();
  await connection.close();
  const log = path.join(run.dir.logs, 'tests-abc/tests.log');
  return { result, collected, kept, warnings: run.warnings, log: readFileSync(log, 'utf8') };
}

/** Whether a process of the docker that hangs is left; it must have hung at all. */
function leftProcesses(node: string): string[] {
  expect(readdirSync(pids)).toContain(node);
  return readFileSync(path.join(pids, node), 'utf8')
    .trim()
    .split(/\s+/)
    .filter((pid) => {
      try {
        // A zombie is gone; its parent, the first process of a container, may not have reaped it.
        return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
      } catch {
        return false;
      }
    });
}

function expectRest({ collected }: { collected: CollectedRun }): void {
  const [part] = collected.parts;
  expect(part?.results?.reports[0]?.cases).toMatchObject([{ name: 'adds', status: 'failed' }]);
  expect(collected.isMasked).toBe(true);
}

describe.concurrent('a docker that never answers', () => {
  test('is what the other tests here are about: one that answers gives the log of the node', async () => {
    const { result, kept, log, ...rest } = await endOfTests('answers');
    expect(result).toEqual({ ok: true, value: undefined });
    expect(log).toBe('first\nlast\n');
    expect(kept).toMatchObject([{ gaps: [] }]);
    expectRest(rest);
  });

  test.each(['list-logs', 'gzip'])(
    'to %s ends the step of the logs at its deadline, which is said, and all that was received is kept',
    async (what) => {
      const node = `hangs-at-${what}`;
      const { result, kept, log, ...rest } = await endOfTests(node);
      expect(result).toMatchObject({
        ok: false,
        failure: { kind: 'results', reason: expect.stringMatching(/: the end of the logs within 6 s did not finish$/) },
      });
      expect(log).toMatch(/^first\n\[k8s-test-action: the log is not complete here: /);
      const [only] = kept;
      expect(only?.gaps.at(-1)).toBe('the log of tests is not complete: its node did not return it in time');
      expectRest(rest);
      expect(leftProcesses(node)).toEqual([]);
    },
  );

  test('to digest-logs ends the step at its deadline, and a log that was received whole has no gap', async () => {
    const { result, kept, log, ...rest } = await endOfTests('hangs-at-digest-logs', {}, true);
    expect(result).toMatchObject({ ok: false, failure: { reason: expect.stringContaining('the end of the logs') } });
    expect(log).toBe('first\nlast\n');
    expect(kept).toMatchObject([{ gaps: [] }]);
    expectRest(rest);
    expect(leftProcesses('hangs-at-digest-logs')).toEqual([]);
  });

  test('to one digest in time is asked nothing more, and the step is over in time', async () => {
    const { result, kept, log } = await endOfTests('hangs-at-digest-logs', { digest: 1 }, true);
    expect(result).toEqual({ ok: true, value: undefined });
    expect(log).toBe('first\nlast\n');
    expect(kept).toMatchObject([{ gaps: [] }]);
  });

  test.each([
    ['list-logs', { list: 1 }, /node hangs-at-list-logs does not return its log files: no answer within \d+ s$/],
    ['gzip', { read: 1 }, /node hangs-at-gzip did not return it: no answer within \d+ s$/],
  ])('to %s is given up before the step is over, and the gap of the log says why', async (what, deadlines, gap) => {
    const { result, kept, ...rest } = await endOfTests(`hangs-at-${what}`, deadlines);
    expect(result).toEqual({ ok: true, value: undefined });
    expect(kept[0]?.gaps.at(-1)).toMatch(gap);
    expectRest(rest);
  });

  test('to fence-results leaves the results to be copied, and the log is compared all the same', async () => {
    const node = 'hangs-at-fence-results';
    const { result, log, ...rest } = await endOfTests(node);
    expect(result).toMatchObject({
      ok: false,
      failure: { reason: expect.stringMatching(/: the change of the owner of the results within 6 s did not finish$/) },
    });
    expect(log).toBe('first\nlast\n');
    expect(rest.warnings).toContainEqual(expect.stringContaining('they are copied instead'));
    expectRest(rest);
    expect(leftProcesses(node)).toEqual([]);
  });

  test('to dmesg takes nothing of what is read from the disk, of any part of the suite', async () => {
    const node = 'hangs-at-dmesg';
    const { result, log, collected } = await endOfTests(node);
    expect(result).toMatchObject({
      ok: false,
      failure: { reason: expect.stringMatching(/: reading notes and logs within 6 s did not finish$/) },
    });
    expect(log).toBe('first\nlast\n');
    expectRest({ collected });
    for (const part of collected.parts) expect(part).toHaveProperty('reconstructed');
    expect(collected.parts).toHaveLength(2);
    expect(leftProcesses(node)).toEqual([]);
  });

  test('to keep-logs does not keep the run from its end', async () => {
    const node = 'hangs-at-keep-logs';
    const { result, log, ...rest } = await endOfTests(node);
    expect(result).toEqual({ ok: true, value: undefined });
    expect(log).toBe('first\nlast\n');
    expectRest(rest);
    expect(leftProcesses(node)).toEqual([]);
  });

  test('to a read of a claim ends the collection at its deadline, which is said', async () => {
    const node = 'hangs-at-sh';
    const root = mkdtempSync(path.join(tmpdir(), 'hanging-claim-'));
    const connection = connect({ kubeconfigPath: await serveCluster(true) });
    const place = { connection, namespace: 'ns', claimName: 'results', subPath: '', node };
    const directory = path.join(root, 'results');
    mkdirSync(directory);
    const collection = new ResultsCollection({
      openSource: async (signal) => must(await findClaimDirectory({ ...place, signal }), 'its directory'),
      openRescue: undefined,
      directory,
      incoming: path.join(root, 'incoming'),
      limits: { totalBytes: 1e9, files: 100 },
      say: () => {},
    });
    collection.start(new AbortController().signal);
    const steps = new ResultSteps(new AbortController().signal, false, limits);
    const end = await steps.run('collection', (signal) => collection.finish(signal));
    steps.close();
    expect(end).toMatchObject({ failure: { kind: 'results' } });
    expect(steps.result()).toMatchObject({
      failure: { reason: expect.stringMatching(/: the last of the results within 6 s did not finish$/) },
    });
    expect(leftProcesses(node)).toEqual([]);
    await connection.close();
  });

  test('keeps a teardown no longer than its deadline, and what it could not remove is named', async () => {
    const records = mkdtempSync(path.join(tmpdir(), 'hanging-teardown-'));
    const record = RunRecord.begin(records, 'hanging');
    const workDir = path.join(records, 'work');
    mkdirSync(workDir);
    record.note({ kind: 'directory', path: workDir });
    record.note({ kind: 'cluster', name: 'hangs-at-ps', isWhole: true } as Made);
    const problems = await tearDown(record, AbortSignal.timeout(2000), () => {});
    expect(problems).toEqual([expect.stringMatching(/^hangs-at-ps: docker ps failed: /)]);
    expect(existsSync(workDir)).toBe(false);
    expect(leftProcesses('hangs-at-ps')).toEqual([]);
  });
});
