/** How each program of the full platform is broken. */
import { type Container, replace, takeAway, type Workload } from './kept-platform.ts';
import type { Case, TestRun } from './test-run.ts';

/** A way to break a program. */
export interface Fault {
  how: 'gone' | 'misconfigured';
  apply: (workload: Workload) => void;
  /** What is not as promised of a run with it, a line each. */
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

/** The tests that are not as they should be, where `isAllowed` says how each may be. */
function compareTests(well: TestRun, broken: TestRun, expect: (before: Case) => Case['status'][]): string[] {
  return [...well.cases].flatMap(([test, before]) => {
    const expected = expect(before);
    const status = broken.cases.get(test)?.status ?? 'not run';
    return (expected as string[]).includes(status)
      ? []
      : [`${test} is ${status}, and should be ${expected.join(' or ')}`];
  });
}

const needsIt =
  ({ metadata }: Workload) =>
  ({ needs }: Case) =>
    needs.includes(metadata.name);

export const faults: Fault[] = [
  {
    how: 'gone',
    apply: takeAway,
    // All that need it are red, and everything names it.
    judge: (workload, well, broken) => {
      const words = `${workload.metadata.name} had no pod: its ${workload.kind} is scaled to 0`;
      const texts = {
        ...broken.reports,
        'the console': broken.console,
        'the first line': broken.verdict.failure?.reason ?? '',
      };
      return [
        ...compareTests(well, broken, (before) => [needsIt(workload)(before) ? 'red' : before.status]),
        ...([...well.cases.values()].some(needsIt(workload)) ? [] : ['no test needs it']),
        ...Object.entries(texts).flatMap(([where, text]) =>
          text.includes(words) ? [] : [`${where} does not name it`],
        ),
      ];
    },
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
      const { name } = workload.metadata;
      const named = new RegExp(`needs: [^·\n]*\\b${name}\\b`);
      return [
        ...compareTests(well, broken, (before) =>
          needsIt(workload)(before) ? ['red', before.status] : [before.status],
        ),
        ...([...broken.cases.values()].some((one) => one.status === 'red' && needsIt(workload)(one))
          ? []
          : ['nothing is red']),
        ...['summary.md', 'report.html'].flatMap((file) =>
          named.test(broken.reports[file]!) ? [] : [`${file} does not name it`],
        ),
      ];
    },
  },
];
