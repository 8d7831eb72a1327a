/**
 * Takes each program of the full platform away in turn, in the cluster of tier e2e that is kept for the example
 * (make kind-up TIER=e2e), runs all end-to-end tests through `again`, and brings it back. Red must be exactly the tests that
 * say they need it, all others must be as they were before, and the console and every report must name it.
 * Names of programs may be given. What each run left lies in k8s-test-results/broken/<program>; exit status 1 when anything
 * is not as promised.
 */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SaxesParser } from 'saxes';
import { recordDirectory } from '../src/begin-run.ts';
import { explainNotFound, findKept } from '../src/kept-cluster.ts';
import type { Verdict } from '../src/outcome.ts';
import { RunRecord } from '../src/state.ts';

interface Component {
  kind: string;
  name: string;
  replicas: number;
}

interface Case {
  status: 'passed' | 'skipped' | 'red';
  needs: string[];
}

interface TestRun {
  verdict: Verdict;
  console: string;
  /** All that the run wrote for people. */
  reports: Record<string, string>;
  /** By its name. Empty where there is no report. */
  cases: Map<string, Case>;
  seconds: number;
}

const example = path.resolve('examples/floe');
const saved = path.resolve('k8s-test-results/broken');
const call = { tier: 'e2e', directory: example };
const records = RunRecord.list(recordDirectory(process.env));
const standing = findKept(records, call)?.content.standing;
if (standing === undefined) throw new Error(explainNotFound(records, call));
const resultsDir = path.resolve(example, standing.given['results-dir'] ?? 'k8s-test-results/e2e');
const namespace = standing.given.namespace ?? 'floe-test';
const platform = 'app.kubernetes.io/part-of=floe';

function kubectl(...args: string[]): string {
  const where = ['--kubeconfig', standing!.cluster.kubeconfigPath, '--namespace', namespace];
  return execFileSync('kubectl', [...where, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function listComponents(): Component[] {
  const { items } = JSON.parse(kubectl('get', 'deployments,statefulsets', '--selector', platform, '--output=json')) as {
    items: { kind: string; metadata: { name: string }; spec: { replicas: number } }[];
  };
  return items.map(({ kind, metadata, spec }) => ({ kind, name: metadata.name, replicas: spec.replicas }));
}

function takeAway({ kind, name }: Component): void {
  const pods = `app.kubernetes.io/component=${name}`;
  kubectl('scale', `${kind}/${name}`, '--replicas=0');
  // Those that are asked kindly may take half a minute.
  kubectl('delete', 'pods', '--selector', pods, '--grace-period=1', '--timeout=60s');
  kubectl('wait', 'pods', '--selector', pods, '--for=delete', '--timeout=60s');
}

/** Brings it back, and waits until all of the platform is ready. */
function bringBack({ kind, name, replicas }: Component): void {
  kubectl('scale', `${kind}/${name}`, `--replicas=${replicas}`);
  kubectl('rollout', 'status', `${kind}/${name}`, '--timeout=240s');
  // What crashed for want of it is begun anew: Kubernetes lets it wait for minutes.
  const crashed = kubectl(
    'get',
    'pods',
    '--selector',
    platform,
    '--output=jsonpath={range .items[?(@.status.containerStatuses[0].restartCount>0)]}{.metadata.name}{"\\n"}{end}',
  )
    .split('\n')
    .filter((pod) => pod !== '');
  if (crashed.length > 0) kubectl('delete', 'pods', '--grace-period=1', '--timeout=60s', ...crashed);
  for (const one of components) kubectl('rollout', 'status', `${one.kind}/${one.name}`, '--timeout=240s');
}

/**
 * Waits until Dagster answers what it has to ask the database for. For some seconds after a database has come back it tells
 * those who ask that there is none, being ready itself.
 */
async function waitForAnswer(): Promise<void> {
  const query = encodeURIComponent('{ runsOrError(limit: 1) { __typename } }');
  const url = `/api/v1/namespaces/${namespace}/services/dagster-webserver:http/proxy/graphql?query=${query}`;
  const deadline = performance.now() + 60_000;
  for (;;) {
    try {
      const answer = kubectl('get', '--raw', url);
      if (answer.includes('"Runs"')) return;
      throw new Error(`Dagster answers ${answer}`);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(500);
    }
  }
}

/** All tests, once more. */
async function runTests(name: string): Promise<TestRun> {
  const start = performance.now();
  const args = [path.resolve('dist/cli.js'), 'again', '--tier', 'e2e'];
  const child = spawn(process.execPath, args, { cwd: example, stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
  await new Promise((resolve) => child.once('close', resolve));
  const kept = path.join(saved, name);
  rmSync(kept, { recursive: true, force: true });
  mkdirSync(kept, { recursive: true });
  cpSync(resultsDir, kept, { recursive: true });
  const text = chunks.join('');
  writeFileSync(path.join(kept, 'console.txt'), text);
  const read = (file: string) => readFileSync(path.join(kept, file), 'utf8');
  const junit = path.join('junit', 'junit.xml');
  return {
    verdict: JSON.parse(read('result.json')) as Verdict,
    console: text,
    reports: Object.fromEntries(['result.json', 'summary.md', 'report.html'].map((file) => [file, read(file)])),
    cases: existsSync(path.join(kept, junit)) ? readCases(read(junit)) : new Map(),
    seconds: (performance.now() - start) / 1000,
  };
}

/** Of a report of pytest: how each test ended, and what it needs. */
function readCases(xml: string): Map<string, Case> {
  const cases = new Map<string, Case>();
  let current: Case | undefined;
  const parser = new SaxesParser();
  parser.on('opentag', ({ name, attributes }) => {
    if (name === 'testcase') {
      current = { status: 'passed', needs: [] };
      cases.set(`${attributes.classname}.${attributes.name}`, current);
    } else if (name === 'property' && attributes.name === 'needs') current?.needs.push(String(attributes.value));
    else if (current !== undefined && name === 'skipped') current.status = 'skipped';
    else if (current !== undefined && (name === 'failure' || name === 'error')) current.status = 'red';
  });
  parser.write(xml).close();
  return cases;
}

/** What is not as promised of a run without a component, a line each. */
function compare(component: Component, well: TestRun, broken: TestRun): string[] {
  const lines: string[] = [];
  for (const [test, before] of well.cases) {
    const expected = before.needs.includes(component.name) ? 'red' : before.status;
    const status = broken.cases.get(test)?.status ?? 'not run';
    if (status !== expected) lines.push(`${test} is ${status}, and should be ${expected}`);
  }
  if (![...well.cases.values()].some(({ needs }) => needs.includes(component.name))) lines.push('no test needs it');
  const words = `${component.name} had no pod: its ${component.kind} is scaled to 0`;
  if (!(broken.verdict.failure?.reason ?? '').includes(words)) lines.push('the first line does not name it');
  for (const [where, text] of Object.entries({ ...broken.reports, 'the console': broken.console }))
    if (!text.includes(words)) lines.push(`${where} does not name it`);
  return lines;
}

const wanted = process.argv.slice(2);
const components = listComponents();
const names = components.map(({ name }) => name);
const unknown = wanted.filter((name) => !names.includes(name));
if (unknown.length > 0) throw new Error(`no program ${unknown.join(', ')}; there are ${names.join(', ')}`);

const well = await runTests('none');
if (well.verdict.outcome !== 'passed')
  throw new Error(`with nothing broken: ${well.verdict.outcome}: ${well.verdict.failure?.reason}`);
process.stdout.write(`nothing broken: ${well.cases.size} tests in ${well.seconds.toFixed(0)} s\n`);

const table: string[] = [];
let asPromised = 0;
const chosen = components.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
for (const component of chosen) {
  let broken: TestRun;
  takeAway(component);
  try {
    broken = await runTests(component.name);
  } finally {
    bringBack(component);
    await waitForAnswer();
  }
  const troubles = compare(component, well, broken);
  if (troubles.length === 0) asPromised++;
  const red = [...broken.cases.values()].filter(({ status }) => status === 'red').length;
  const state = troubles.length === 0 ? 'as promised' : 'NOT AS PROMISED';
  const row = `${component.name.padEnd(18)} ${String(red).padStart(2)} of ${broken.cases.size} red  ${broken.seconds.toFixed(0).padStart(4)} s  ${state}`;
  table.push(row, ...troubles.map((line) => `    ${line}`));
  process.stdout.write(
    `${row}\n${troubles.map((line) => `    ${line}\n`).join('')}    ${broken.verdict.failure?.reason}\n`,
  );
}

const after = await runTests('none-after');
const isHealed = after.verdict.outcome === 'passed';
table.push(`all brought back: ${after.verdict.failure?.reason ?? 'passed'}`);
process.stdout.write(`\n${table.join('\n')}\n${asPromised} of ${chosen.length} programs as promised\n`);
process.exitCode = isHealed && asPromised === chosen.length ? 0 : 1;
