/**
 * Installs profile production on a real cluster of three nodes, as a run of tier staging does for a user who may do no more
 * than deploy/own-namespace.yaml grants, drains a node under it, and reports for each guarantee of the profile whether it
 * holds: `node scripts/production-install.ts [image of the example's tests]`. Exit status 1 when one is not.
 *
 * PostgreSQL, object storage, catalog and Jaeger, which the profile expects to be there, are the same chart's in a namespace
 * of their own (lab/production/services.yaml). The operators are the real ones. It takes the images of `lab/up production`;
 * where a container registry answers, the nodes pull what the local docker has not.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeSharedCluster, sharedImage } from '../__tests__/on-cluster/global-setup.ts';
import type { Verdict } from '../src/core/outcome.ts';
import { drain, evictTwo } from './production/disrupt.ts';
import { judge, say, tellAll } from './production/judge.ts';
import { diskLabel, LabCluster, namespaces, zoneLabel } from './production/lab-cluster.ts';
import {
  findBlindAutoscalers,
  findForeignSecrets,
  findLostRoutes,
  findRestarts,
  findTightBudgets,
  findTogether,
  findUnbound,
  findUncounted,
  findUnready,
  findUnrestricted,
  findUnscraped,
  scaled,
} from './production/promises.ts';
import { fillNodes, setUp, valuesFiles, writeRunnerKubeconfig } from './production/set-up.ts';

const testsImage = process.argv[2] ?? 'floe-test-runner:dev';
/** Tests of programs that are not in the platform's namespace here, and of a namespace that the chart does not make here. */
const leftOut = [
  'test_components.py::test_prometheus_reaches_its_target[jaeger]',
  'test_components.py::test_prometheus_reaches_its_target[minio]',
  'test_rules.py::test_tables_outlive_the_pod_of_the_catalog',
  'test_rules.py::test_pod_of_another_namespace_is_refused',
];
/** Not to be had on the one node that is left. */
const spread = 'test_rules.py::test_pods_are_spread_over_nodes';
const workDir = mkdtempSync(path.join(tmpdir(), 'production-install-'));

/** The command line, with records of its own. Its output is shown after a bar. */
async function callCommand(args: string[]): Promise<number | null> {
  const child = spawn(process.execPath, [path.resolve('dist/cli.js'), ...args], {
    cwd: 'examples/floe',
    env: { ...process.env, XDG_STATE_HOME: path.join(workDir, 'state') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => process.stdout.write(text.replace(/^(?=.)/gm, '        | ')));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
}

/** A run of tier staging, whose results are kept under the name `what`. */
async function runTests(what: string, kubeconfig: string, flags: string[], out = leftOut): Promise<Verdict> {
  const resultsDir = path.resolve('k8s-test-results', what);
  const deselected = out.map((test) => `--deselect=tests/e2e/${test}`);
  const pytest = ['tests/e2e', '-v', '--junitxml=/results/junit.xml', ...deselected];
  const given = {
    tier: 'staging',
    namespace: namespaces.platform,
    kubeconfig,
    image: testsImage,
    'collector-image': sharedImage,
    args: JSON.stringify(pytest),
    'service-account': 'floe-tests',
    env: `CATALOG_URL=http://polaris.${namespaces.services}:8181\nJAEGER_URL=http://jaeger.${namespaces.services}:16686`,
    'results-dir': resultsDir,
  };
  rmSync(resultsDir, { recursive: true, force: true });
  await callCommand(['run', ...Object.entries(given).flatMap(([name, value]) => [`--${name}`, value]), ...flags]);
  return JSON.parse(readFileSync(path.join(resultsDir, 'result.json'), 'utf8')) as Verdict;
}

function findFailures({ outcome, failure, tests }: Verdict): string[] {
  if (outcome === 'passed' && tests.total > 0 && tests.passed === tests.total) return [];
  return [`${outcome}: ${tests.passed} of ${tests.total} passed, ${tests.skipped} skipped; ${failure?.reason ?? ''}`];
}

async function judgeInstallation(cluster: LabCluster): Promise<void> {
  const several = scaled.join(', ');
  await judge('every Deployment and StatefulSet has all of its pods ready', () => findUnready(cluster), 180);
  await judge(`${several} have pods on two nodes, in two zones`, () => findTogether(cluster), 60);
  await judge('every claim is bound, by the StorageClass of the lab, to a volume on the node with the disk', () =>
    findUnbound(cluster),
  );
  await judge(`the budgets of ${several} let one pod go`, () => findTightBudgets(cluster), 60);
  await judge(`the autoscalers of ${several} know how busy they are`, () => findBlindAutoscalers(cluster), 180);
  await judge('every Secret is brought by the External Secrets operator, and is what the store has', () =>
    findForeignSecrets(cluster),
  );
  await judge('the Ingresses of Dagster and Cube are admitted, of the class of the lab, before ready pods', () =>
    findLostRoutes(cluster),
  );
  await judge('Prometheus scrapes every collector', () => findUnscraped(cluster), 60);
  await judge('the quota counts every pod', () => findUncounted(cluster), 30);
  await judge('the restricted Pod Security Standard has nothing against any pod of the platform', () =>
    findUnrestricted(cluster),
  );
  await judge('no container has been restarted', () => findRestarts(cluster));
}

async function proveProduction(cluster: LabCluster, nodes: string[]): Promise<void> {
  const controlPlane = nodes.find((node) => node.endsWith('control-plane'))!;
  const workers = nodes.filter((node) => node !== controlPlane);
  await fillNodes(workers, controlPlane, testsImage);
  setUp(cluster, workDir);
  say('operators and services that the profile expects are there');

  const kubeconfig = writeRunnerKubeconfig(cluster, workDir);
  const values = valuesFiles.platform.flatMap((file) => ['--values', file]);
  const first = await runTests('production', kubeconfig, ['--keep', 'always', ...values]);
  await judge(`a run of tier staging installs the platform, and its ${first.tests.total} tests pass`, () =>
    findFailures(first),
  );
  // Without a platform all else would be red for the same reason.
  if (findUnready(cluster).length > 0 && first.tests.total === 0) return;
  await judgeInstallation(cluster);
  await evictTwo(cluster, 'dagster-webserver');
  await drain(cluster, workers.find((node) => node !== cluster.findDisk())!);
  // The first run kept all that it made, and a second Job of this name would be refused.
  cluster.kubectl(['delete', 'job', 'integration-tests', '--namespace', namespaces.platform]);
  const second = await runTests('production-drained', kubeconfig, ['--profile', 'none'], [...leftOut, spread]);
  await judge(`with one node less the ${second.tests.total} tests pass again`, () => findFailures(second));
  await judge('each budget lets one go again', () => findTightBudgets(cluster), 60);
  await judge('Prometheus scrapes every collector again', () => findUnscraped(cluster), 60);
  await judge('no container has been restarted by all of it', () => findRestarts(cluster));

  const status = await callCommand(['down']);
  await judge('down removes the namespace of the platform, and nothing of the services', () => [
    ...(status === 0 ? [] : [`it ended with exit status ${status}`]),
    ...(cluster.list('namespaces').some(({ metadata }) => metadata.name === namespaces.platform)
      ? ['it is there']
      : []),
    ...findUnready(cluster, namespaces.services),
  ]);
}

say('a cluster of three nodes is made');
const { cluster, remove } = await makeSharedCluster({
  rest: {},
  nodes: [
    { role: 'control-plane' },
    { role: 'worker', labels: { [zoneLabel]: 'lab-a', [diskLabel]: 'true' } },
    { role: 'worker', labels: { [zoneLabel]: 'lab-b' } },
  ],
});
let removed: Promise<void> | undefined;
function removeAll(): Promise<void> {
  removed ??= remove().then(() => rmSync(workDir, { recursive: true, force: true }));
  return removed;
}
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void removeAll().then(() => process.exit(130)));
try {
  say(`Kubernetes ${cluster.kubernetes} on ${cluster.nodes.join(', ')}`);
  await proveProduction(new LabCluster(cluster.kubeconfigPath), cluster.nodes);
} finally {
  await removeAll();
}
process.exitCode = tellAll() ? 0 : 1;
