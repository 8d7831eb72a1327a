/**
 * Measures a reference suite in one pod and in four shards, on the cluster that FLOE_TEST_CLUSTER describes or one that it makes:
 *
 *     node bench/shards.ts            400 tests that wait 300 s in sum, five runs with history
 *     node bench/shards.ts 0.1 1      a tenth of the time, one run: whether it works, not how fast it is
 *
 * Prints tables for the README, and at full length fails when a limit of the project is exceeded.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { SeededRandom } from '../__tests__/kube/seeded-random.ts';
import { makeSharedCluster, sharedImage } from '../__tests__/on-cluster/global-setup.ts';
import type { ReadyCluster } from '../src/cluster/make-cluster.ts';
import { medianOf } from '../src/history/median.ts';
import { imbalanceOf, splitGroups } from '../src/history/split-groups.ts';
import { forecastGroups, parseHistory } from '../src/history/test-history.ts';
import { runHere } from './run-here.ts';

const modules = 80;
const testsOfModule = 5;
const seconds = 300;
const shards = 4;
/** Of issue 16. */
const limits = { planned: 1.05, withHistory: 1.15, withoutHistory: 1.5, ratio: 0.35, overhead: 3 };

const [factor = 1, repeats = 5] = process.argv.slice(2).map(Number);

/** Seconds of each test, by module. A tenth of the tests takes 61 % of the time, and the longest module half of a shard. */
function inventDurations(): number[][] {
  const random = new SeededRandom(17);
  // Pareto, and cut: the longest module must fit into a shard.
  const skewed = (exponent: number, most: number) => Math.min(most, (1 - random.next()) ** -exponent);
  const weights = Array.from({ length: modules }, () => {
    const ofModule = skewed(1.2, 30);
    return Array.from({ length: testsOfModule }, () => ofModule * skewed(1, 10));
  });
  const sum = weights.flat().reduce((total, one) => total + one, 0);
  return weights.map((own) => own.map((one) => (one / sum) * seconds * factor));
}

/** A script that writes the suite and becomes pytest. */
function writeSuite(durations: readonly (readonly number[])[]): string {
  const files = durations.map((own, i) => {
    const tests = own.map((one, j) => `def test_${j}(): time.sleep(${one.toFixed(4)})`);
    return `cat > test_m${i}.py <<'PY'\nimport time\n${tests.join('\n')}\nPY`;
  });
  return ['mkdir -p /tmp/suite && cd /tmp/suite', ...files, 'exec pytest -q --junitxml=/results/junit.xml .'].join(
    '\n',
  );
}

interface Measured {
  /** Of the phase `tests`. */
  phase: number;
  /** Of the test container of each shard; of one pod the phase. */
  containers: number[];
  /** Sum of the tests of each. */
  tests: number[];
  history: string;
}

const reusable = process.env.FLOE_TEST_CLUSTER || undefined;
const made = reusable === undefined ? await makeSharedCluster() : undefined;
const cluster = made?.cluster ?? (JSON.parse(readFileSync(reusable!, 'utf8')) as ReadyCluster);
const directory = mkdtempSync(path.join(cluster.mountedHostPath, 'bench-'));
try {
  await measure();
} finally {
  rmSync(directory, { recursive: true, force: true });
  await made?.remove();
}

async function measure(): Promise<void> {
  const script = writeSuite(inventDurations());
  const whole = await runOnce(script, 1);
  const split = await runOnce(script, shards);
  const withHistory: Measured[] = [];
  while (withHistory.length < repeats) withHistory.push(await runOnce(script, shards, whole.history));
  const history = parseHistory(whole.history)!;
  const plan = imbalanceOf(splitGroups(forecastGroups(history), shards).seconds);
  const median = (of: (one: Measured) => number) => medianOf(withHistory.map(of))!;
  const rows: [string, number, number][] = [
    ['planned max/mean', plan, limits.planned],
    ['slowest/mean with history', median(({ tests }) => imbalanceOf(tests)), limits.withHistory],
    ['slowest/mean without', imbalanceOf(split.tests), limits.withoutHistory],
    [`${shards} shards to one pod`, median(({ phase }) => phase) / whole.phase, limits.ratio],
    // From the creation of the Job to its end, less the time of a container. Kubernetes gives its start and end in whole
    // seconds; the shards are balanced, so that the mean is as good as the longest and more precise.
    [
      'overhead of a shard, s',
      median(({ phase, containers }) => phase - containers.reduce((sum, one) => sum + one, 0) / containers.length),
      limits.overhead,
    ],
  ];
  const beyondTests = ({ phase, tests }: Measured) => phase - Math.max(...tests);
  const print = (line: string) => process.stdout.write(`${line}\n`);
  print(`${modules * testsOfModule} tests, ${(seconds * factor).toFixed(0)} s in sum, ${repeats} runs with history\n`);
  print('| | measured | at most |\n|---|--:|--:|');
  for (const [name, value, most] of rows) print(`| ${name} | ${value.toFixed(2)} | ${most} |`);
  const beyond = [median(beyondTests), beyondTests(whole)].map((one) => one.toFixed(1));
  print(
    `\nPhase \`tests\` less the tests themselves, with the start of pytest: ${beyond[0]} s; of one pod ${beyond[1]} s.`,
  );
  print('\n| run | phase `tests` | tests of each shard | containers |\n|---|--:|---|---|');
  const list = (all: number[]) => all.map((one) => one.toFixed(1)).join(', ');
  const runs = [whole, split, ...withHistory];
  const names = ['one pod', 'without history', ...withHistory.map((_, i) => `with history ${i + 1}`)];
  for (const [i, { phase, tests, containers }] of runs.entries())
    print(`| ${names[i]} | ${phase.toFixed(1)} s | ${list(tests)} | ${list(containers)} |`);
  if (factor < 1) print('\nThe limits are those of the full length.');
  else if (rows.some(([, value, most]) => value > most)) process.exitCode = 1;
}

/** One run in this process; with `history`, as a file holds it, divided by time. */
async function runOnce(script: string, count: number, history?: string): Promise<Measured> {
  const historyFile = path.join(mkdtempSync(path.join(directory, 'history-')), 'history.json');
  if (history !== undefined) writeFileSync(historyFile, history);
  const given = {
    image: sharedImage,
    'test-helper': 'on',
    timeout: '20m',
    shards: String(count),
    history: historyFile,
  };
  const { verdict, dir } = await runHere({ script, given }, { directory, cluster });
  if (verdict.tests.passed !== modules * testsOfModule) throw new Error(`${verdict.tests.passed} tests passed`);
  const phase = verdict.phases.find(({ name }) => name === 'tests')!.seconds;
  const places = count === 1 ? ['.'] : Array.from({ length: count }, (_, shard) => `shard-${shard}`);
  return {
    phase,
    containers: verdict.shards?.map((one) => one.seconds ?? Number.NaN) ?? [phase],
    tests: places.map((place) => sumTests(path.join(dir.junit, place, 'junit.xml'))),
    history: readFileSync(historyFile, 'utf8'),
  };
}

function sumTests(file: string): number {
  const times = readFileSync(file, 'utf8').matchAll(/<testcase [^>]*\btime="([\d.]+)"/g);
  return [...times].reduce((sum, [, one]) => sum + Number(one), 0);
}
