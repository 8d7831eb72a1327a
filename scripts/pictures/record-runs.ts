/**
 * Records the runs that the pictures of the documents show, on a cluster that stays (scripts/test-cluster.ts):
 *
 *     FLOE_TEST_CLUSTER=<its file> node scripts/pictures/record-runs.ts
 *
 * Six green runs of the example shop, then a red one, then one that is killed for memory. What they reported goes to
 * scripts/pictures/runs/, from where scripts/take-pictures.ts draws it with the code of the day.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { sharedImage } from '../../__tests__/on-cluster/global-setup.ts';
import type { ReadyCluster } from '../../src/cluster/make-cluster.ts';
import type { ReportInput } from '../../src/core/report-model.ts';
import type { Reporter, Transfer } from '../../src/core/reporter.ts';
import { readInputs } from '../../src/inputs/read-inputs.ts';
import { type RawInputs, renderInputErrors } from '../../src/inputs/schema.ts';
import { connect } from '../../src/kube/connection.ts';
import { bundledChart } from '../../src/pipeline/begin-run.ts';
import { runTests } from '../../src/pipeline/pipeline.ts';
import { newRunId, RunRecord } from '../../src/state/run-record.ts';
import type { StoredCall } from './stored-runs.ts';

const here = import.meta.dirname;
const runs = path.join(here, 'runs');
const shop = path.resolve(here, '../../examples/shop');
const cluster = JSON.parse(readFileSync(process.env.FLOE_TEST_CLUSTER ?? '', 'utf8')) as ReadyCluster;
const root = mkdtempSync(path.join(cluster.mountedHostPath ?? '', 'pictures-'));
const suite = readFileSync(path.join(here, 'suite.py'), 'utf8');
/** As coverage.py writes it: how often each of 500 lines ran. */
const coverage = (covered: number) => {
  const lines = Array.from({ length: 500 }, (_, i) => `<line number="${i + 1}" hits="${i < covered ? 1 : 0}"/>`).join(
    '',
  );
  const classes = `<class name="shop.py" filename="shop.py"><lines>${lines}</lines></class>`;
  return `<coverage line-rate="${covered / 500}" version="7"><packages><package name="."><classes>${classes}</classes></package></packages></coverage>`;
};
const script = (red: boolean) =>
  [
    `mkdir -p /tmp/tests && cat > /tmp/tests/test_shop.py <<'PY'\n${suite}\nPY`,
    `printf '%s' '${coverage(red ? 405 : 412)}' > /results/coverage.xml`,
    'cd /tmp; status=0',
    ...['basket', 'page'].map((name) => {
      const select = `-k "${name === 'page' ? '' : 'not '}page" -o junit_suite_name=${name} --junitxml=/results/${name}.xml`;
      return `RED=${red ? 1 : 0} pytest tests -v -p no:cacheprovider ${select} || status=1`;
    }),
    'exit $status',
  ].join('\n');

/** Runs a script in the test image, beside the shop. */
async function run(name: string, given: RawInputs, command: string): Promise<StoredCall[]> {
  const runId = newRunId();
  const out = path.join(root, name);
  const workDir = path.join(root, `${name}-work`);
  mkdirSync(workDir);
  const namespace = `shop-${runId}`;
  const raw: RawInputs = {
    chart: path.join(shop, 'chart'),
    release: 'shop',
    namespace,
    image: sharedImage,
    command: JSON.stringify(['sh', '-c', command]),
    'results-dir': out,
    ...given,
  };
  const read = readInputs({ given: raw, directory: root, bundledChart: bundledChart() });
  if (read.inputs === undefined) throw new Error(renderInputErrors(read.errors).join('\n'));
  const calls: StoredCall[] = [];
  const began = performance.now();
  const note =
    (method: StoredCall['method']) =>
    (argument: unknown): void => {
      calls.push({ at: Math.round(performance.now() - began), method, argument });
    };
  const reporter: Reporter = {
    phaseStarted: note('phaseStarted'),
    phaseEnded: note('phaseEnded'),
    say: note('say'),
    warn: note('warn'),
    waitingFor: note('waitingFor'),
    transferring: note('transferring'),
    quote: note('quote'),
    mask: () => {},
  };
  const record = RunRecord.begin(path.join(root, 'records'), runId);
  const signal = AbortSignal.timeout(600_000);
  const leg = { job: 'integration', attempt: 1, matrix: JSON.stringify({ shop: name }), legs: 3 };
  const end = await runTests({ inputs: read.inputs, reporter, signal, record, workDir, cluster, leg });
  const connection = connect({ kubeconfigPath: cluster.kubeconfigPath });
  await connection.call('DELETE', `/api/v1/namespaces/${namespace}`, { signal });
  await connection.close();
  process.stdout.write(`${name}: ${end.verdict.outcome} ${end.verdict.failure?.reason ?? ''}\n`);
  store(name, end.report);
  const kept = path.join(runs, 'legs', name);
  mkdirSync(kept, { recursive: true });
  for (const file of ['result.json', 'junit.xml'])
    writeFileSync(path.join(kept, file), withoutPaths(readFileSync(path.join(out, file), 'utf8')));
  return calls;
}

/** Where the runs were is of no interest, and of no reader's machine. */
function withoutPaths(text: string): string {
  return text
    .replaceAll(new RegExp(`${root}/\\w+`, 'g'), 'k8s-test-results/integration')
    .replaceAll(`${shop}/`, '')
    .replaceAll('/tmp/tests/', 'tests/')
    .replaceAll(/\(\/\S+\/(kind|helm)\)/g, '(/usr/local/bin/$1)')
    .replaceAll(cluster.name, 'k8s-test');
}

function store(name: string, report: ReportInput): void {
  const logs = report.logs.map((log) => ({ ...log, lastLines: log.lastLines.slice(-40) }));
  const pictures = [...(report.pictures ?? [])];
  const text = JSON.stringify({ ...report, logs, pictures }, undefined, 1);
  writeFileSync(path.join(runs, `${name}.json`), `${withoutPaths(text)}\n`);
}

rmSync(runs, { recursive: true, force: true });
mkdirSync(runs, { recursive: true });
execFileSync('docker', ['build', '--quiet', '--tag', 'shop:ci', shop], { stdio: 'ignore' });
try {
  const history = path.join(root, 'history.json');
  const baseline = path.join(root, 'green/result.json');
  const given = { history };
  const first = await run('green', given, script(false));
  // Up to the moment when two thirds of the image are in the node.
  const moving = first.findIndex(({ method, argument }) => {
    const { bytes = 0, totalBytes = 0 } = argument as Partial<Transfer>;
    return method === 'transferring' && totalBytes > 0 && bytes > (totalBytes * 2) / 3;
  });
  const progress = first.slice(0, moving + 1);
  writeFileSync(path.join(runs, 'progress.json'), `${withoutPaths(JSON.stringify(progress, undefined, 1))}\n`);
  for (let again = 0; again < 5; again++) {
    rmSync(path.join(root, 'green-work'), { recursive: true });
    await run('green', given, script(false));
  }
  await run('red', { ...given, 'coverage-baseline': baseline }, script(true));
  const greedy = 'def test_reads_all_orders():\n    orders = []\n    while True: orders.append(bytearray(2**20))\n';
  const tests = `cat > /tmp/test_orders.py <<'PY'\n${greedy}PY\ncd /tmp && exec pytest -v -p no:cacheprovider --junitxml=/results/junit.xml test_orders.py`;
  await run('oom', { memory: '96Mi' }, tests.replace('junit.xml', 'orders.xml'));
} finally {
  execFileSync('docker', ['image', 'rm', 'shop:ci'], { stdio: 'ignore' });
  rmSync(root, { recursive: true });
}
