/** How each program of the full platform is broken. */
import { type Container, replace, takeAway, type Workload } from './kept-platform.ts';
import type { Case, TestRun } from './test-run.ts';

/** A way to break a program. */
export interface Fault {
  how: 'gone' | 'misconfigured';
  apply: (workload: Workload) => void;
  /** Unexpected results of a run with it, a line each. */
  judge: (workload: Workload, well: TestRun, broken: TestRun) => string[];
}

/** What an operator may get wrong of each program, so that it starts and is ready all the same. */
export const mistakes: Record<string, (container: Container) => void> = {
  'dagster-webserver': addWord('--read-only'),
  'dagster-daemon': (container) => {
    container.command = ['dagster-daemon', 'run', '--empty-workspace'];
  },
  'floe-example': setVariable('ICEBERG_CATALOG_URI', 'http://polaris:8182'),
  postgres: (container) => {
    container.args = ['postgres', '-c', 'default_transaction_read_only=on'];
  },
  polaris: setVariable('CATALOG_S3_ENDPOINT', 'http://minio:9001'),
  minio: setVariable('MINIO_ROOT_PASSWORD', 'of-another-cluster'),
  cube: setVariable('CUBEJS_DB_NAME', 'dagster'),
  'otel-collector': (container) => {
    container.args!.push('--config', 'env:MORE_CONFIG');
    container.env = [{ name: 'MORE_CONFIG', value: 'exporters: { otlp: { endpoint: "jaeger:4318" } }' }];
  },
  jaeger: addWord('--collector.otlp.enabled=false'),
  prometheus: addWord('--query.max-samples=1'),
};

/** To its arguments, or to its command where it has none. */
function addWord(word: string) {
  return (container: Container): void => {
    (container.args ?? container.command)!.push(word);
  };
}

function setVariable(name: string, value: string) {
  return (container: Container): void => {
    const variable = container.env?.find((one) => one.name === name);
    if (variable === undefined) throw new Error(`no variable ${name}`);
    variable.value = value;
    delete variable.valueFrom;
  };
}

/** The tests with an unexpected outcome, where `allowed` gives the allowed outcomes of each. */
function compareTests(well: TestRun, broken: TestRun, allowed: (before: Case) => Case['status'][]): string[] {
  return [...well.cases].flatMap(([test, before]) => {
    const expected = allowed(before);
    const status = broken.cases.get(test)?.status;
    return status !== undefined && expected.includes(status)
      ? []
      : [`${test} is ${status ?? 'not run'}, and should be ${expected.join(' or ')}`];
  });
}

/** The texts in which a program is not named. */
function findSilent(texts: Record<string, string | undefined>, words: RegExp): string[] {
  return Object.entries(texts).flatMap(([where, text = '']) => (words.test(text) ? [] : [`${where} does not name it`]));
}

function needs(one: Case, { metadata }: Workload): boolean {
  return one.needs.includes(metadata.name);
}

export const faults: Fault[] = [
  {
    how: 'gone',
    apply: takeAway,
    // All that need it are red, and everything names it.
    judge: (workload, well, broken) => [
      ...compareTests(well, broken, (before) => [needs(before, workload) ? 'red' : before.status]),
      ...([...well.cases.values()].some((one) => needs(one, workload)) ? [] : ['no test needs it']),
      ...findSilent(
        { ...broken.reports, 'the console': broken.console, 'the first line': broken.verdict.failure?.reason },
        new RegExp(`${workload.metadata.name} had no pod: its ${workload.kind} is scaled to 0`),
      ),
    ],
  },
  {
    how: 'misconfigured',
    apply: (workload) => {
      const wrong = structuredClone(workload);
      mistakes[workload.metadata.name]!(wrong.spec.template.spec.containers[0]!);
      takeAway(workload);
      replace(wrong);
    },
    // It does some of its work: some of those that need it are red, no others, and reports name what these need.
    judge: (workload, well, broken) => {
      const isRed = (one: Case) => one.status === 'red' && needs(one, workload);
      const { 'summary.md': summary, 'report.html': report } = broken.reports;
      return [
        ...compareTests(well, broken, (before) => [
          ...(needs(before, workload) ? ['red' as const] : []),
          before.status,
        ]),
        ...([...broken.cases.values()].some(isRed) ? [] : ['nothing is red']),
        ...findSilent(
          { 'summary.md': summary, 'report.html': report },
          new RegExp(`needs: [^·\n]*\\b${workload.metadata.name}\\b`),
        ),
      ];
    },
  },
];
