/** Runs as users meet them, for the tests of the renderings. */
import {
  type Failure,
  noTests,
  type PhaseRecord,
  type TestCase,
  type TestCounts,
  type Verdict,
} from '../../src/core/outcome.ts';
import type { ReportInput } from '../../src/core/report-model.ts';

export function makeTest(over: Partial<TestCase> = {}): TestCase {
  return {
    suite: 'pytest',
    name: 'test_orders_are_loaded',
    classname: 'tests.integration.test_orders',
    seconds: 0.42,
    status: 'passed',
    message: '',
    details: '',
    ...over,
  };
}

function countTests(tests: readonly TestCase[]): TestCounts {
  const counts: TestCounts = { ...noTests, total: tests.length };
  for (const { status, flakyRuns, reconstructed } of tests) {
    if (status === 'error') counts.errors++;
    else counts[status]++;
    if (status === 'passed' && flakyRuns !== undefined) counts.flaky++;
    if (reconstructed === true) counts.reconstructed++;
  }
  return counts;
}

const phases: PhaseRecord[] = [
  { name: 'preflight', outcome: 'passed', seconds: 0.6 },
  { name: 'tools', outcome: 'passed', seconds: 1.9 },
  { name: 'cluster', outcome: 'passed', seconds: 31.4 },
  { name: 'images', outcome: 'passed', seconds: 12.2 },
  { name: 'platform', outcome: 'passed', seconds: 44.8 },
  { name: 'tests', outcome: 'passed', seconds: 63.1 },
  { name: 'results', outcome: 'passed', seconds: 0.8 },
  { name: 'report', outcome: 'passed', seconds: 0.3 },
];

export function makeVerdict(over: Partial<Verdict> = {}): Verdict {
  return {
    schema: 1,
    outcome: 'passed',
    failure: null,
    tier: 'integration',
    tests: { ...noTests },
    phases,
    durationSeconds: 143.7,
    cluster: { kind: 'kind', name: 'k8s-test-4f2a', namespace: 'floe-test', nodes: 1, kubernetes: 'v1.34.2' },
    image: { name: 'floe-test-runner:dev', digest: 'sha256:abc' },
    warnings: [],
    ...over,
  };
}

export function makeInput(verdict: Partial<Verdict>, tests: TestCase[], over: Partial<ReportInput> = {}): ReportInput {
  return {
    verdict: makeVerdict({ tests: countTests(tests), ...verdict }),
    tests,
    logs: [],
    resultsDir: 'k8s-test-results/integration',
    ...over,
  };
}

const themes = ['orders', 'assets', 'schedules', 'lineage', 'duckdb', 'sensors', 'partitions', 'io_manager'];
const passedTests = (count: number): TestCase[] =>
  Array.from({ length: count }, (_, i) => {
    const theme = themes[i % themes.length]!;
    return makeTest({
      name: `test_${theme}_case_${Math.floor(i / themes.length)}[duckdb-${i % 3}]`,
      classname: `tests.integration.test_${theme}`,
      seconds: ((i * 7919) % 1000) / 900,
      ...(i % 40 === 7 ? { status: 'skipped' as const, message: 'polaris is not part of profile minimal' } : {}),
      ...(i === 50 ? { flakyRuns: 1, message: 'TimeoutError: run did not start within 5 s' } : {}),
    });
  });

const startedAt = '2026-03-01T12:02:00.000Z';
const logs = [
  {
    pod: 'floe-test-x7k2p',
    container: 'test',
    path: 'logs/floe-test-x7k2p/test.log',
    lastLines: [
      'tests/integration/test_orders.py::test_totals FAILED                      [ 34%]',
      'tests/integration/test_assets.py::test_schema_of_silver FAILED            [ 71%]',
      '=========================== short test summary info ===========================',
      'FAILED tests/integration/test_orders.py::test_totals - AssertionError: 4 != 5',
      '================== 3 failed, 192 passed, 5 skipped in 62.31s ==================',
    ],
  },
  {
    pod: 'floe-dagster-daemon-0',
    container: 'daemon',
    path: 'logs/floe-dagster-daemon-0/daemon.log',
    lastLines: ['2026-03-01 12:04:30 dagster.daemon INFO launched run 81c2'],
  },
];
const events = [
  {
    at: '2026-03-01T12:02:50Z',
    type: 'Normal',
    object: 'Pod/floe-postgresql-0',
    reason: 'Pulled',
    message: 'Container image "postgres:17" already present on machine',
  },
  {
    at: '2026-03-01T12:03:12Z',
    type: 'Warning',
    object: 'Pod/floe-dagster-webserver-6d9',
    reason: 'Unhealthy',
    message:
      'Readiness probe failed: Get "http://10.244.0.9:3000/server_info": dial tcp 10.244.0.9:3000: connect: connection refused',
  },
  {
    at: '2026-03-01T12:03:31Z',
    type: 'Normal',
    object: 'Job/floe-test',
    reason: 'SuccessfulCreate',
    message: 'Created pod: floe-test-x7k2p',
  },
];

/** 200 tests passed. */
export const greenRun = makeInput({}, passedTests(200), { logs, events, startedAt });

const threeFailed = [
  makeTest({
    name: 'test_totals',
    status: 'failed',
    seconds: 2.13,
    file: 'tests/integration/test_orders.py',
    line: 31,
    message: 'AssertionError: assert 4 == 5\n +  where 4 = len([...])',
    details: [
      'def test_totals(warehouse):',
      '        rows = warehouse.execute("select * from gold.totals").fetchall()',
      '>       assert len(rows) == 5',
      'E       AssertionError: assert 4 == 5',
      'E        +  where 4 = len([(1, 10.0), (2, 12.5), (3, 0.0), (4, 99.0)])',
      '',
      'tests/integration/test_orders.py:31: AssertionError',
    ].join('\n'),
  }),
  makeTest({
    name: 'test_schema_of_silver',
    classname: 'tests.integration.test_assets',
    status: 'failed',
    seconds: 0.31,
    file: 'tests/integration/test_assets.py',
    line: 58,
    message: "KeyError: 'customer_id'",
    details: "tests/integration/test_assets.py:58: KeyError: 'customer_id'",
  }),
  makeTest({
    name: 'test_run_is_launched[nightly]',
    classname: 'tests.integration.test_schedules',
    status: 'error',
    seconds: 10.02,
    file: 'tests/integration/test_schedules.py',
    line: 12,
    message: 'failed on setup with "TimeoutError: no run within 10 s"',
    details: 'TimeoutError: no run within 10 s',
  }),
];

const failPhase = (name: string, seconds: number, until: string[] = []): PhaseRecord[] =>
  phases
    .filter((phase) => !until.includes(phase.name))
    .map((phase) => (phase.name === name ? { ...phase, outcome: 'failed', seconds } : phase));

const testFailure: Failure = { kind: 'test', reason: '3 of 200 tests failed', hint: '', evidence: [] };

/** 3 of 200 failed. */
export const failedRun = makeInput(
  { outcome: 'failed', failure: testFailure, phases: failPhase('tests', 63.1) },
  [...passedTests(197).slice(0, 60), threeFailed[0]!, ...passedTests(197).slice(60), threeFailed[1]!, threeFailed[2]!],
  { logs, events, startedAt },
);

/** The test process was killed for memory. */
export const oomRun = makeInput(
  {
    outcome: 'failed',
    failure: {
      kind: 'oom',
      reason:
        'the test container was killed for memory at its limit of 512Mi while test_join_of_everything ran; 41 tests had finished',
      hint: 'raise the input memory (peak 511 MiB), or make test_join_of_everything use less',
      evidence: [
        'pod floe-test-x7k2p container test: terminated, reason OOMKilled, exit code 137, at 12:04:31',
        'limit 512Mi, peak 511 MiB (memory.max_usage_in_bytes)',
        'event Warning OOMKilling Node/k8s-test-4f2a-control-plane: Memory cgroup out of memory: Killed process 8124 (pytest)',
      ],
    },
    phases: failPhase('tests', 38.4),
    warnings: ['the report was never written; 42 tests come from the log of the container'],
  },
  [
    ...passedTests(41).map((test) => ({ ...test, reconstructed: true })),
    makeTest({
      name: 'test_join_of_everything',
      classname: 'tests.integration.test_duckdb',
      status: 'error',
      seconds: 12.8,
      message: 'was running when the container was killed for memory',
      reconstructed: true,
    }),
  ],
  {
    logs,
    startedAt,
    events: [
      ...events,
      {
        at: '2026-03-01T12:03:51Z',
        type: 'Warning',
        object: 'Pod/floe-test-x7k2p',
        reason: 'OOMKilling',
        message: 'Memory cgroup out of memory: Killed process 8124 (pytest)',
      },
    ],
  },
);

/** The test image does not exist. */
export const badImageRun = makeInput(
  {
    outcome: 'broken',
    failure: {
      kind: 'image',
      reason: 'image floe-test-runner:dve of pod floe-test-x7k2p does not exist: manifest unknown',
      hint: 'did you mean floe-test-runner:dev, which the local docker has? Otherwise check the tag, or name it in load-images',
      evidence: [
        'event Warning Failed Pod/floe-test-x7k2p: Failed to pull image "floe-test-runner:dve": rpc error: code = NotFound desc = failed to pull and unpack image: not found',
        'container test: waiting, reason ErrImagePull, since 2 s',
      ],
    },
    phases: failPhase('tests', 3.2),
    durationSeconds: 95.1,
  },
  [],
  {
    startedAt,
    events: [
      ...events,
      {
        at: '2026-03-01T12:03:33Z',
        type: 'Warning',
        object: 'Pod/floe-test-x7k2p',
        reason: 'Failed',
        message: 'Failed to pull image "floe-test-runner:dve": not found',
      },
    ],
  },
);

/** Two tests failed when the database was restarted under them. */
export const restlessRun = makeInput(
  {
    outcome: 'failed',
    failure: { kind: 'test', reason: '2 of 102 tests failed', hint: '', evidence: [] },
    warnings: ['CPU and memory of one container were not measured'],
  },
  [
    ...passedTests(100),
    ...['test_totals', 'test_schema_of_silver'].map((name, i) =>
      makeTest({
        name,
        status: 'failed',
        seconds: 0.8,
        file: 'tests/integration/test_orders.py',
        line: 31 + i,
        message: 'psycopg2.OperationalError: server closed the connection unexpectedly',
        endedAt: `2026-03-01T12:03:0${2 + i}.500Z`,
      }),
    ),
  ],
  {
    logs,
    events,
    startedAt,
    incidents: [
      {
        at: '2026-03-01T12:03:00Z',
        pod: 'floe-postgresql-0',
        container: 'postgres',
        what: 'restarted (OOMKilled at its limit of 256Mi)',
      },
    ],
    usage: [
      {
        pod: 'floe-postgresql-0',
        container: 'postgres',
        cpuPeakCores: 0.42,
        memoryPeakBytes: 250 * 2 ** 20,
        cpuRequestCores: 0.1,
        memoryRequestBytes: 128 * 2 ** 20,
        memoryLimitBytes: 256 * 2 ** 20,
      },
      { pod: 'floe-dagster-daemon-0', container: 'daemon', cpuPeakCores: 0.2, memoryPeakBytes: 190 * 2 ** 20 },
    ],
    pods: [
      {
        name: 'floe-postgresql-0',
        node: 'k8s-test-4f2a-control-plane',
        stages: [
          { what: 'unplaced', from: '2026-03-01T12:02:31Z', until: '2026-03-01T12:02:33Z' },
          { what: 'pulling', from: '2026-03-01T12:02:33Z', until: '2026-03-01T12:02:39Z' },
          { what: 'running', from: '2026-03-01T12:02:39Z', until: '2026-03-01T12:02:44Z' },
          { what: 'ready', from: '2026-03-01T12:02:44Z' },
        ],
        restarts: [{ at: '2026-03-01T12:03:00Z', what: 'floe-postgresql-0/postgres was restarted' }],
      },
      {
        name: 'floe-test-x7k2p',
        stages: [{ what: 'running', from: '2026-03-01T12:02:50Z', until: '2026-03-01T12:03:40Z' }],
        end: 'failed',
        restarts: [],
      },
    ],
  },
);
