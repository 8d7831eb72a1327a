/**
 * Measures how a run grows, a curve for each argument (all without one):
 *
 *     node bench/scale.ts nodes     clusters of 1 to 8 nodes
 *     node bench/scale.ts images    1 to 20 images of 20 MB each, mounted and copied
 *     node bench/scale.ts objects   charts of 10 to 300 objects
 *     node bench/scale.ts tests     suites of 10 to 100,000 tests
 *     node bench/scale.ts logs      logs of 1 MB to 1 GB, at 10 MB in a second
 *     node bench/scale.ts calls     requests to the API server beside 0 to 300 other pods
 *
 * Prints a table for each. Below it stands where a column leaves the straight line through its first two rows, if it does by
 * more than a quarter and a second.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { channel } from 'node:diagnostics_channel';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeSharedCluster, sharedImage, testImage } from '../__tests__/on-cluster/global-setup.ts';
import type { ReadyCluster } from '../src/cluster/make-cluster.ts';
import type { Verdict } from '../src/core/outcome.ts';
import { connect } from '../src/kube/connection.ts';
import { createNamespace } from '../src/kube/resources.ts';
import { runHere } from './run-here.ts';

const curves = { nodes, images, objects, tests, logs, calls };
const oneTest = `echo '<testsuite tests="1"><testcase name="one"/></testsuite>' >/results/junit.xml`;
const nodeImage = process.env.FLOE_LAB_NODE_IMAGE;
const ofLab = nodeImage === undefined ? {} : { 'node-image': nodeImage };
const directory = mkdtempSync(path.join(tmpdir(), 'bench-scale-'));
const asked = process.argv.slice(2);
try {
  for (const [name, measure] of Object.entries(curves)) if (asked.length === 0 || asked.includes(name)) await measure();
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function secondsOf({ phases }: Verdict, name: string): number {
  return phases.find((phase) => phase.name === name)?.seconds ?? Number.NaN;
}

async function nodes(): Promise<void> {
  const rows: number[][] = [];
  for (const count of [1, 2, 4, 8]) {
    const given = { ...ofLab, image: testImage, nodes: String(count) };
    const { verdict } = await runHere({ script: oneTest, given }, { directory });
    const phases = ['cluster', 'images', 'tests', 'teardown'] as const;
    rows.push([count, ...phases.map((name) => secondsOf(verdict, name))]);
  }
  print('nodes', ['cluster', 'images', 'tests', 'teardown'], rows);
}

async function images(): Promise<void> {
  const most = 20;
  const name = (at: number) => `bench-scale-${at}:1`;
  const all = Array.from({ length: most }, (_, at) => name(at));
  for (const [at, image] of all.entries()) {
    const context = path.join(directory, `image-${at}`);
    mkdirSync(context);
    writeFileSync(path.join(context, 'file'), randomBytes(20_000_000));
    writeFileSync(path.join(context, 'Dockerfile'), 'FROM debian:bookworm-slim\nCOPY file /file\n');
    execFileSync('docker', ['build', '--quiet', '--tag', image, context], { stdio: 'ignore' });
  }
  const rows: number[][] = [];
  for (const count of [1, 5, 10, most]) {
    const given = { ...ofLab, image: testImage, 'load-images': all.slice(0, count).join('\n') };
    const mounted = await runHere({ script: oneTest, given }, { directory });
    // A cluster that is to stay gets copies.
    const copied = await runHere({ script: oneTest, given: { ...given, keep: 'always' } }, { directory });
    rows.push([count, ...[mounted, copied].map(({ verdict }) => secondsOf(verdict, 'images'))]);
  }
  execFileSync('docker', ['image', 'rm', ...all], { stdio: 'ignore' });
  print('images', ['mounted', 'copied'], rows);
}

async function objects(): Promise<void> {
  const rows: number[][] = [];
  await onCluster(async (cluster) => {
    for (const count of [10, 100, 200, 300]) {
      const chart = path.join(directory, `chart-${count}`);
      mkdirSync(path.join(chart, 'templates'), { recursive: true });
      writeFileSync(path.join(chart, 'Chart.yaml'), 'apiVersion: v2\nname: many\nversion: 1.0.0\n');
      const map = (at: number) =>
        JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `map-${at}` }, data: { at: `${at}` } });
      const text = Array.from({ length: count }, (_, at) => map(at)).join('\n---\n');
      writeFileSync(path.join(chart, 'templates', 'maps.yaml'), text);
      const given = { image: sharedImage, chart };
      const { verdict } = await runHere({ script: oneTest, given }, { directory: cluster.mountedHostPath, cluster });
      rows.push([count, secondsOf(verdict, 'platform'), secondsOf(verdict, 'results')]);
    }
  });
  print('objects of the chart', ['platform', 'results'], rows);
}

async function tests(): Promise<void> {
  const rows: number[][] = [];
  await onCluster(async (cluster) => {
    for (const count of [10, 1000, 10_000, 100_000]) {
      const cases = `<testcase classname="suite.module" name="test_%d" time="0.01"/>`;
      const script = `(echo '<testsuite tests="${count}">'; seq ${count} | xargs printf '${cases}\\n'; echo '</testsuite>') >/results/junit.xml`;
      const given = { image: sharedImage };
      const end = await runHere({ script, given }, { directory: cluster.mountedHostPath, cluster });
      if (end.verdict.tests.passed !== count) throw new Error(`${end.verdict.tests.passed} of ${count} tests passed`);
      rows.push([count, ...['tests', 'results', 'report'].map((name) => secondsOf(end.verdict, name))]);
    }
  });
  print('tests', ['tests', 'results', 'report'], rows);
}

async function logs(): Promise<void> {
  const rows: number[][] = [];
  await onCluster(async (cluster) => {
    for (const megabytes of [1, 10, 100, 1000]) {
      const script = `cat >/tmp/w.py <<'PY'
import sys, time
start = time.monotonic()
for m in range(${megabytes}):
    sys.stdout.write("".join("line %08d %s\\n" % (m * 10000 + i, "x" * 85) for i in range(10000)))
    sys.stdout.flush()
    time.sleep(max(0, start + (m + 1) / 10 - time.monotonic()))
PY
begin=$(date +%s%N); python3 /tmp/w.py; echo $(( ($(date +%s%N) - begin) / 1000000 )) >/results/milliseconds; ${oneTest}`;
      const given = { image: sharedImage };
      const { verdict, dir } = await runHere({ script, given }, { directory: cluster.mountedHostPath, cluster });
      const log = execFileSync('find', [dir.logs, '-name', 'test-runner.log'], { encoding: 'utf8' }).trim();
      const bytes = statSync(log).size;
      if (bytes < megabytes * 1e6) throw new Error(`the log has ${bytes} bytes; ${verdict.warnings.join('; ')}`);
      const written = Number(readFileSync(path.join(dir.results, 'milliseconds'), 'utf8')) / 1000;
      rows.push([megabytes, written, secondsOf(verdict, 'tests') - written, secondsOf(verdict, 'results')]);
    }
  });
  print('MB of log', ['written in', 'rest of tests', 'results'], rows);
}

async function calls(): Promise<void> {
  const rows: number[][] = [];
  const settleSeconds = 15;
  const windowSeconds = 30;
  await onCluster(async (cluster) => {
    for (const count of [0, 100, 300]) {
      const namespace = `bench-calls-${count}`;
      await createPods(cluster, namespace, count);
      let requests = 0;
      const countRequest = () => {
        requests++;
      };
      channel('undici:request:create').subscribe(countRequest);
      let inWindow = Number.NaN;
      const sample = async () => {
        await delay(settleSeconds * 1000);
        const before = requests;
        await delay(windowSeconds * 1000);
        inWindow = requests - before;
      };
      const quote = (line: string) => {
        if (line.includes('tests have begun')) void sample();
      };
      const script = `echo tests have begun; sleep ${settleSeconds + windowSeconds + 5}; ${oneTest}`;
      const given = { image: sharedImage, namespace };
      const reporter = { quote };
      await runHere({ script, given }, { directory: cluster.mountedHostPath, cluster, reporter });
      channel('undici:request:create').unsubscribe(countRequest);
      rows.push([count, inWindow / windowSeconds, requests]);
    }
  });
  print('other pods', ['requests/s while tests run', 'requests of the whole run'], rows);
}

/** Pods that no scheduler takes: they are watched as any other, and use nothing. */
async function createPods(cluster: ReadyCluster, namespace: string, count: number): Promise<void> {
  const { signal } = new AbortController();
  const connection = connect({ kubeconfigPath: cluster.kubeconfigPath });
  await createNamespace(connection, namespace, {}, signal);
  await connection.close();
  if (count === 0) return;
  const spec = { schedulerName: 'none', containers: [{ name: 'main', image: sharedImage }] };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'others', namespace },
    spec: {
      replicas: count,
      selector: { matchLabels: { app: 'others' } },
      template: { metadata: { labels: { app: 'others' } }, spec },
    },
  };
  const kubectl = (args: string[], input?: string) =>
    execFileSync('kubectl', ['--kubeconfig', cluster.kubeconfigPath, '--namespace', namespace, ...args], {
      encoding: 'utf8',
      ...(input === undefined ? {} : { input }),
    });
  kubectl(['apply', '--filename', '-'], JSON.stringify(deployment));
  while (kubectl(['get', 'pods', '--output', 'name']).split('\n').length <= count) await delay(500);
}

async function onCluster(measure: (cluster: ReadyCluster) => Promise<void>): Promise<void> {
  const reusable = process.env.FLOE_TEST_CLUSTER || undefined;
  const made = reusable === undefined ? await makeSharedCluster() : undefined;
  try {
    await measure(made?.cluster ?? (JSON.parse(readFileSync(reusable!, 'utf8')) as ReadyCluster));
  } finally {
    await made?.remove();
  }
}

/** @param rows of each the size, and what was measured with it. */
function print(size: string, columns: string[], rows: number[][]): void {
  const write = (line: string) => process.stdout.write(`${line}\n`);
  write(`\n| ${size} | ${columns.join(' | ')} |\n|--:${'|--:'.repeat(columns.length)}|`);
  for (const [count = 0, ...values] of rows)
    write(`| ${count.toLocaleString('en')} | ${values.map((value) => value.toFixed(1)).join(' | ')} |`);
  const bends = columns.flatMap((column, at) => {
    const bend = findBend(rows.map((row) => [row[0] ?? 0, row[at + 1] ?? 0]));
    return bend === undefined ? [] : [`${column} at ${bend.toLocaleString('en')}`];
  });
  write(`\nLeaves the straight line: ${bends.join(', ') || 'nothing'}. Load ${loadavg()[0]?.toFixed(1)}.`);
}

/** The first size at which the values are above the straight line through the first two by more than a quarter and 1. */
function findBend(points: [size: number, value: number][]): number | undefined {
  const [[x0, y0] = [0, 0], [x1, y1] = [0, 0], ...rest] = points;
  const slope = Math.max(0, (y1 - y0) / (x1 - x0));
  const isAbove = ([x, y]: [number, number]) => {
    const line = y0 + slope * (x - x0);
    return y > line * 1.25 && y > line + 1;
  };
  return rest.find(isAbove)?.[0];
}
