import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Failure, noTests, type TestCounts } from '../../src/core/outcome.ts';
import { decideVerdict, type TestVerdict, verdictRules } from '../../src/verdict/decide-verdict.ts';
import { causeOfEnd } from '../../src/verdict/describe-facts.ts';
import type { ToolFacts } from '../../src/verdict/explain-exit.ts';
import type { ReconstructedFacts, ReportFacts, SessionFacts, TestFacts } from '../../src/verdict/test-facts.ts';

const counts = (some: Partial<TestCounts>): TestCounts => {
  const all = { ...noTests, ...some };
  return { ...all, total: all.passed + all.failed + all.errors + all.skipped };
};
const facts = (exitCode: number, some: Partial<TestFacts> = {}): TestFacts => ({
  interruption: null,
  end: { exitCode },
  memoryLimit: '1Gi',
  memory: { kills: [] },
  reports: [],
  unreadable: [],
  stale: [],
  reconstructed: undefined,
  sessions: [],
  failedNames: [],
  logGaps: [],
  junitGlobs: ['**/*.xml'],
  resultsPath: '/results',
  ...some,
});
const reportFacts = (some: Partial<TestCounts>, claimed?: number): ReportFacts => {
  const own = counts(some);
  const failedRuns = own.failed + own.errors;
  return {
    file: 'junit.xml',
    counts: own,
    claimedFailures: claimed ?? failedRuns,
    claimedTests: own.total,
    failedRuns,
  };
};
const report = (some: Partial<TestCounts>, claimed?: number) => ({ reports: [reportFacts(some, claimed)] });
const reconstructed = (some: Partial<ReconstructedFacts> = {}): { reconstructed: ReconstructedFacts } => ({
  reconstructed: {
    source: 'the notes of the test helper',
    isFromLog: false,
    counts: counts({ passed: 12, errors: 1 }),
    inFlight: ['test_x'],
    collected: 40,
    notRun: 27,
    notRunNames: ['test_y', 'test_z'],
    ...some,
  },
});
const session = (some: Partial<SessionFacts> = {}): SessionFacts => ({
  name: 'session 2 of pytest',
  isFinished: true,
  exit: 0,
  hadFailures: false,
  unresolved: 0,
  unresolvedNames: [],
  notRun: 0,
  isRepeated: false,
  ...some,
});
const toldBy = (some: Partial<ToolFacts>): { tool: ToolFacts } => ({
  tool: { tool: undefined, hasTimeout: false, said: [], reportsElsewhere: [], nearMisses: [], lastLines: [], ...some },
});
const interrupted = (kind: Failure['kind'], reason: string): { interruption: Failure } => ({
  interruption: { kind, reason, hint: 'as it was', evidence: ['as it was'] },
});
const oomKilled = (exitCode: number) => ({ end: { exitCode, reason: 'OOMKilled' } });
const kernelKill = { memory: { kills: [{ process: 'python3', usageBytes: 64 * 2 ** 20 }], peakBytes: 31 * 2 ** 20 } };
const known = 'the tests did not end within 5 s';

describe('green', () => {
  test('needs exit code 0, a test, and a report without failure', () => {
    expect(decideVerdict(facts(0, report({ passed: 3 })))).toMatchObject({ failure: null, warnings: [] });
  });
  test('with all tests skipped comes with a warning', () => {
    const verdict = decideVerdict(facts(0, report({ skipped: 4 })));
    expect(verdict).toMatchObject({ failure: null, warnings: ['all 4 tests were skipped'] });
  });
  test.each<[string, Partial<SessionFacts>, string[]]>([
    ['of a session whose failed test passed in a later one', { exit: 1, hadFailures: true }, []],
    [
      'of a session that died and whose tests all passed in a later one',
      { isFinished: false, exit: undefined, hadFailures: true, isRepeated: true },
      ['session 2 of pytest never came to its end, and a later session passed all of its tests'],
    ],
    [
      'of a session that collected no test beside one that did',
      { exit: 5 },
      ['session 2 of pytest collected no test (exit code 5)'],
    ],
  ])('is the verdict %s', (_, some, warnings) => {
    const verdict = decideVerdict(facts(0, { ...report({ passed: 3 }), sessions: [session(), session(some)] }));
    expect(verdict).toMatchObject({ failure: null, warnings });
  });
  test('is kept with failed runs of flaky tests that the report counts as failures', () => {
    const flaky = { ...reportFacts({ passed: 2, flaky: 1 }), claimedFailures: 1, failedRuns: 1 };
    expect(decideVerdict(facts(0, { reports: [flaky] })).failure).toBeNull();
  });
});

/** Rows that were thought through one by one: what is known, the kind, and the whole line that the user reads. */
const reviewed: [string, TestFacts, Failure['kind'], string][] = [
  [
    'a failed test',
    facts(1, { ...report({ passed: 1, failed: 1 }), failedNames: ['test_a'] }),
    'test',
    '1 of 2 tests failed: test_a',
  ],
  [
    'a failed test although exit code 0',
    facts(0, { ...report({ failed: 1 }), failedNames: ['test_a'] }),
    'test',
    '1 of 1 tests failed: test_a; yet the test container ended with exit code 0, which is a contradiction',
  ],
  [
    'exit code 1 with an all green report',
    facts(1, report({ passed: 12 })),
    'test',
    'the test container ended with exit code 1, yet its report holds no failure (12 passed, 0 skipped), which is a contradiction',
  ],
  [
    'counts that claim failures which no case shows',
    facts(0, report({ passed: 2 }, 3)),
    'report',
    'junit.xml claims 3 failures and errors in its counts, but none of its cases shows one, which is a contradiction; the test container ended with exit code 0',
  ],
  [
    'counts of tests that ran, in a report that holds none, beside another one',
    facts(0, { reports: [reportFacts({ passed: 2 }), { ...reportFacts({}), file: 'b.xml', claimedTests: 3 }] }),
    'report',
    'b.xml counts 3 tests that ran and holds none of them, which is a contradiction; the test container ended with exit code 0',
  ],
  [
    'counts that claim failures beside a failed exit code',
    facts(1, report({ passed: 2 }, 1)),
    'report',
    'junit.xml claims 1 failures and errors in its counts, but none of its cases shows one, which is a contradiction; the test container ended with exit code 1',
  ],
  [
    'pytest without tests',
    facts(5, toldBy({ tool: 'pytest' })),
    'no-tests',
    'no test ran: pytest found none (exit code 5)',
  ],
  [
    'five failed tests of mocha, which counts them in its exit code, without a report',
    facts(5, toldBy({ tool: 'mocha' })),
    'report',
    'no JUnit report (**/*.xml in /results), although the test container ended with exit code 5 (mocha: 5 failed tests)',
  ],
  [
    'an exit code of 5 of nobody knows what',
    facts(5),
    'report',
    'no JUnit report (**/*.xml in /results), although the test container ended with exit code 5',
  ],
  [
    'an option that pytest does not know',
    facts(4, toldBy({ tool: 'pytest', said: ['unrecognized arguments: --no-such-option'] })),
    'report',
    'no JUnit report (**/*.xml in /results), although the test container ended with exit code 4 (pytest: a usage error): unrecognized arguments: --no-such-option',
  ],
  [
    'a suite that jest could not import, beside one that passed',
    facts(1, {
      ...report({ passed: 1 }),
      ...toldBy({ tool: 'jest', said: ["Test suite failed to run: t/k.test.js: Cannot find module './missing'"] }),
    }),
    'test',
    "the test container ended with exit code 1, and its report holds no failure (1 passed, 0 skipped): Test suite failed to run: t/k.test.js: Cannot find module './missing'",
  ],
  [
    'a time that timeout(1) ended, without a report',
    facts(124, toldBy({ tool: 'pytest', hasTimeout: true })),
    'timeout',
    'timeout(1) ended the test container (exit code 124)',
  ],
  [
    'an exit code of 124 whose command nobody knows',
    facts(124),
    'report',
    'no JUnit report (**/*.xml in /results), although the test container ended with exit code 124 (what timeout(1) ends with when its time is up)',
  ],
  [
    'a report that pytest wrote elsewhere',
    facts(0, toldBy({ tool: 'pytest', reportsElsewhere: ['/app/report.xml'] })),
    'report',
    'no JUnit report (**/*.xml in /results), although the test container ended with exit code 0; the tests wrote /app/report.xml',
  ],
  [
    'a TRX report that the input junit does not name',
    facts(0, toldBy({ nearMisses: [{ file: 'TestResults.trx', what: 'a TRX report of .NET', isReadable: true }] })),
    'report',
    'no JUnit report (**/*.xml in /results), although the test container ended with exit code 0; there is TestResults.trx, a TRX report of .NET',
  ],
  [
    'an empty report',
    facts(0, report({})),
    'no-tests',
    'no test ran: the report is empty, and the test container ended with exit code 0',
  ],
  [
    'no report',
    facts(0),
    'report',
    'no JUnit report (**/*.xml in /results), although the test container ended with exit code 0',
  ],
  [
    'no report, and tests that the log tells of',
    facts(1, {
      ...reconstructed({
        source: 'the verbose output of pytest',
        counts: counts({ passed: 2, failed: 1 }),
        inFlight: [],
        collected: 3,
        notRun: 0,
      }),
      failedNames: ['test_b'],
    }),
    'report',
    'no JUnit report (**/*.xml in /results), although the test container ended with exit code 1; 3 of 3 tests finished (1 failed: test_b)',
  ],
  [
    'only a report of an earlier run',
    facts(0, { stale: ['junit.xml'] }),
    'report',
    'no JUnit report (**/*.xml in /results), only junit.xml of an earlier run, although the test container ended with exit code 0',
  ],
  [
    'a report that is cut beside a good one',
    facts(0, { ...report({ passed: 1 }), unreadable: [{ file: 'b.xml', reason: 'b.xml is cut off' }] }),
    'report',
    'b.xml cannot be read as a JUnit report: b.xml is cut off; the test container ended with exit code 0; 1 tests finished',
  ],
  [
    'a kill for memory of which only the runtime tells',
    facts(137, oomKilled(137)),
    'oom',
    'the test container was killed for memory at its limit of 1Gi',
  ],
  [
    'a kill for memory with the notes of the helper',
    facts(137, { ...oomKilled(137), ...kernelKill, memoryLimit: '64Mi', ...reconstructed() }),
    'oom',
    'the test container was killed for memory at its limit of 64Mi (64Mi in use when python3 was killed, peak of 31Mi seen before); 12 of 40 tests finished, in flight: test_x, 27 not run',
  ],
  [
    'a kill for memory that the runtime missed and the kernel tells',
    facts(137, { ...kernelKill, memoryLimit: '64Mi', end: { exitCode: 137, reason: 'Error' } }),
    'oom',
    'the test container was killed for memory at its limit of 64Mi (64Mi in use when python3 was killed, peak of 31Mi seen before)',
  ],
  [
    'a kill because the node itself ran out of memory',
    facts(137, { memory: { kills: [{ process: 'python3', isNodeWide: true }] } }),
    'oom',
    'the test container was killed for memory: the whole node was out of memory (its own limit is 1Gi)',
  ],
  [
    'a kill for memory with a green report',
    facts(137, { ...oomKilled(137), ...report({ passed: 2 }) }),
    'oom',
    'the test container was killed for memory at its limit of 1Gi; 2 tests finished',
  ],
  [
    'a child killed for memory, after which a test failed',
    facts(1, { ...oomKilled(1), ...report({ passed: 39, failed: 1 }), failedNames: ['test_child'] }),
    'oom',
    'a process of the tests was killed for memory at its limit of 1Gi, and the test container continued to exit code 1; 1 of 40 tests failed, probably because of it: test_child',
  ],
  [
    'a child killed for memory, and nobody minded',
    facts(0, { ...oomKilled(0), ...report({ passed: 3 }) }),
    'oom',
    'a process of the tests was killed for memory at its limit of 1Gi, and the test container continued to exit code 0; no test failed (3 passed), which is a contradiction',
  ],
  [
    'exit code 137 alone, which is not called oom',
    facts(137, report({ passed: 2 })),
    'test',
    'the test container ended with exit code 137 (signal 9), yet its report holds no failure (2 passed, 0 skipped), which is a contradiction',
  ],
  [
    'exit code 137 in the middle of the tests',
    facts(137, reconstructed()),
    'report',
    'no JUnit report (**/*.xml in /results), although the test container ended with exit code 137 (signal 9); 12 of 40 tests finished, in flight: test_x, 27 not run',
  ],
  [
    'a program that is not there',
    facts(128, { end: { exitCode: 128, reason: 'StartError', message: 'exec: "pytest": not found' } }),
    'start',
    'the test container could not start: exec: "pytest": not found',
  ],
  [
    'exit code 127 without a report',
    facts(127),
    'report',
    'no JUnit report (**/*.xml in /results), although the test container ended with exit code 127 (the command was not found)',
  ],
  ['a time-out of which nothing is known', facts(137, interrupted('timeout', known)), 'timeout', known],
  [
    'a time-out with the notes of the helper',
    facts(137, { ...interrupted('timeout', known), ...reconstructed() }),
    'timeout',
    `${known}; 12 of 40 tests finished, in flight: test_x, 27 not run`,
  ],
  [
    'a time-out after which the tests wrote a green report and exited 0',
    facts(0, { ...interrupted('timeout', known), ...report({ passed: 7 }) }),
    'timeout',
    `${known}; 7 tests finished`,
  ],
  [
    'a time-out after a child was killed for memory',
    facts(137, { ...interrupted('timeout', known), ...oomKilled(137), ...reconstructed() }),
    'timeout',
    `${known}; before that a process was killed for memory at its limit of 1Gi; 12 of 40 tests finished, in flight: test_x, 27 not run`,
  ],
  [
    'an eviction with failures before it',
    facts(137, {
      ...interrupted('evicted', 'the test pod was evicted: disk'),
      ...reconstructed({ counts: counts({ passed: 10, failed: 2, errors: 1 }) }),
      failedNames: ['test_b', 'test_c'],
    }),
    'evicted',
    'the test pod was evicted: disk; 12 of 40 tests finished (2 failed: test_b, test_c), in flight: test_x, 27 not run',
  ],
  [
    'a cancel before any test',
    facts(0, { ...interrupted('cancelled', 'cancelled (SIGINT) during cluster'), end: undefined }),
    'cancelled',
    'cancelled (SIGINT) during cluster',
  ],
  [
    'an API server that is gone',
    facts(0, { ...interrupted('api', 'the API server has not answered for 60 s'), end: undefined, ...reconstructed() }),
    'api',
    'the API server has not answered for 60 s; 12 of 40 tests finished, in flight: test_x, 27 not run',
  ],
  [
    'a test in flight that no report holds, of which no session is known, and exit code 0',
    facts(0, {
      ...report({ passed: 3 }),
      ...reconstructed({ counts: counts({ errors: 1 }), collected: 4, notRun: 0 }),
    }),
    'report',
    'failed or running tests are in no report, although the test container ended with exit code 0; 3 of 4 tests finished, in flight: test_x',
  ],
  [
    'a second session of pytest that never came to its end, and exit code 0',
    facts(0, {
      ...report({ passed: 3 }),
      ...reconstructed({ counts: counts({ errors: 1 }), collected: 4, notRun: 0 }),
      sessions: [session({ name: 'session 1 of pytest' }), session({ isFinished: false, exit: undefined })],
    }),
    'report',
    'session 2 of pytest never came to its end; the test container ended with exit code 0; 3 of 4 tests finished, in flight: test_x',
  ],
  [
    'a second session of pytest whose failed test is in no report, and exit code 0',
    facts(0, {
      ...report({ passed: 3 }),
      sessions: [session({ exit: 1, hadFailures: true, unresolved: 1, unresolvedNames: ['test_b'] })],
    }),
    'test',
    '1 test failed in session 2 of pytest, which no report shows: test_b; the test container ended with exit code 0',
  ],
  [
    'a session that ended with exit code 1 although no test failed',
    facts(0, { ...report({ passed: 3 }), sessions: [session({ exit: 1 })] }),
    'test',
    'session 2 of pytest ended with exit code 1 because tests failed or a plugin says so; the test container ended with exit code 0; 3 tests finished',
  ],
  [
    'a session that could not collect',
    facts(0, { ...report({ passed: 3 }), sessions: [session({ exit: 2 })] }),
    'report',
    'session 2 of pytest ended with exit code 2 because it was interrupted or could not collect all tests; the test container ended with exit code 0; 3 tests finished',
  ],
  [
    'a session with an internal error',
    facts(0, { ...report({ passed: 3 }), sessions: [session({ exit: 3 })] }),
    'report',
    'session 2 of pytest ended with exit code 3 because of an internal error; the test container ended with exit code 0; 3 tests finished',
  ],
  [
    'a session with a usage error',
    facts(0, { ...report({ passed: 3 }), sessions: [session({ exit: 4 })] }),
    'report',
    'session 2 of pytest ended with exit code 4 because of a usage error; the test container ended with exit code 0; 3 tests finished',
  ],
  [
    'a session whose exit code nobody knows',
    facts(0, { ...report({ passed: 3 }), sessions: [session({ exit: undefined })] }),
    'report',
    'session 2 of pytest ended with an unknown exit code; the test container ended with exit code 0; 3 tests finished',
  ],
  [
    'a session that ended well and left tests out',
    facts(0, { ...report({ passed: 3 }), sessions: [session({ notRun: 2 })] }),
    'report',
    '2 tests were collected by session 2 of pytest and never ran; the test container ended with exit code 0',
  ],
  [
    'an end that nobody saw',
    facts(0, { end: undefined, ...report({ passed: 3 }) }),
    'internal',
    'the run ended before any test result was recorded',
  ],
];

describe('red', () => {
  test.each(reviewed)('%s', (_, given, kind, reason) => {
    const { failure } = decideVerdict(given);
    expect(failure?.reason).toBe(reason);
    expect(failure?.kind).toBe(kind);
  });

  test('names what was never reached among its evidence', () => {
    expect(decideVerdict(facts(137, { ...oomKilled(137), ...reconstructed() })).failure?.evidence).toEqual([
      'test container: exit code 137 (signal 9), OOMKilled',
      'reconstructed from the notes of the test helper: 12 tests finished, 0 of them failed',
      'in flight: test_x',
      'not run: 27: test_y, test_z, …',
    ]);
  });

  test('attributes SIGKILL to memory only where the usage was close to the limit', () => {
    const near = facts(137, { memoryLimit: '64Mi', memory: { kills: [], peakBytes: 63 * 2 ** 20 } });
    const far = facts(137, { memoryLimit: '64Mi', memory: { kills: [], peakBytes: 20 * 2 ** 20 } });
    expect(decideVerdict(near).failure).toMatchObject({
      kind: 'report',
      hint: expect.stringContaining('probably the kernel, for memory'),
    });
    expect(decideVerdict(far).failure?.hint).toContain('nothing says that it was for memory');
    // There the runtime reports OOMKilled for every kill for memory.
    const ofCgroup2 = { ...near, memory: { ...near.memory, cgroupVersion: 2 } };
    expect(decideVerdict(ofCgroup2).failure?.hint).toContain('nothing says that it was for memory');
  });

  test('warns that a log with gaps may miss finished tests', () => {
    const fromLog = reconstructed({ source: 'the verbose output of pytest', isFromLog: true });
    const { warnings } = decideVerdict(facts(137, { ...fromLog, logGaps: ['3 MiB are missing'] }));
    expect(warnings).toEqual(['the log is incomplete: more tests may have finished than it shows']);
  });
});

test('docs/verdict.md lists the rules in their order', () => {
  const text = readFileSync(new URL('../../docs/verdict.md', import.meta.url), 'utf8');
  const table = text.slice(text.indexOf('| rule |'), text.indexOf('A green run warns'));
  const names = table.split('\n').flatMap((line) => /^\| (?!rule|-)([^|]+) \|/.exec(line)?.[1] ?? []);
  expect(names).toEqual(verdictRules.map(({ name }) => name));
});

test('the cause that a test in flight is given is the one of the run', () => {
  expect(causeOfEnd(facts(137, { ...oomKilled(137), memoryLimit: '64Mi' }))).toBe(
    'killed for memory at its limit of 64Mi',
  );
  expect(causeOfEnd(facts(137, interrupted('timeout', known)))).toBe(known);
  expect(causeOfEnd(facts(139))).toBe('the test container ended with exit code 139 (signal 11)');
  expect(causeOfEnd(facts(0, { end: undefined }))).toBe('the end of the test container was not observed');
});

describe('every combination of facts', () => {
  const exits = [undefined, 0, 1, 5, 137];
  const reasons = [undefined, 'Error', 'OOMKilled', 'StartError'];
  const interruptions = [
    null,
    ...(['timeout', 'cancelled', 'internal'] as const).map((kind) => interrupted(kind, `it was ${kind}`).interruption),
  ];
  const kills = [[], [{ process: 'python3' }]];
  const reportSets = [
    [],
    [reportFacts({})],
    [reportFacts({ passed: 1 })],
    [reportFacts({ failed: 1 })],
    [reportFacts({ errors: 1, passed: 1 })],
    [reportFacts({ skipped: 1 })],
    [reportFacts({ passed: 1 }, 1)],
    [reportFacts({ passed: 1 }), reportFacts({ failed: 1, passed: 1 })],
    [reportFacts({ passed: 1 }), { ...reportFacts({}), claimedTests: 2 }],
  ];
  const reconstructedRuns = [
    undefined,
    reconstructed().reconstructed,
    reconstructed({ counts: counts({ passed: 1 }), inFlight: [], collected: undefined, notRun: undefined })
      .reconstructed,
    reconstructed({ counts: counts({ passed: 1 }), inFlight: [] }).reconstructed,
    reconstructed({ counts: counts({ failed: 1 }), inFlight: [] }).reconstructed,
  ];

  const sessionSets: SessionFacts[][] = [
    [],
    [session()],
    [session(), session({ isFinished: false, exit: undefined })],
    [session({ isFinished: false, exit: undefined, hadFailures: true, isRepeated: true }), session()],
    [session({ exit: 1, hadFailures: true }), session()],
    [session(), session({ exit: 1, hadFailures: true, unresolved: 1, unresolvedNames: ['test_u'] })],
    [session(), session({ exit: 1 })],
    [session({ exit: 2 }), session()],
    [session({ exit: 3 })],
    [session({ exit: 4 })],
    [session(), session({ exit: 5 })],
    [session({ exit: undefined })],
    [session({ notRun: 2 })],
  ];
  /** The problems of a session, in the words of the documentation. */
  const isWell = ({ isFinished, exit, hadFailures, unresolved, notRun, isRepeated }: SessionFacts): boolean =>
    unresolved === 0 &&
    notRun === 0 &&
    (isRepeated || (isFinished && (exit === 0 || exit === 5 || (exit === 1 && hadFailures))));

  function* product(): Generator<TestFacts> {
    for (const exitCode of exits)
      for (const reason of reasons)
        for (const interruption of interruptions)
          for (const kill of kills)
            for (const reports of reportSets)
              for (const unreadable of [[], [{ file: 'x.xml', reason: 'cut' }]])
                for (const one of reconstructedRuns)
                  for (const sessions of sessionSets)
                    for (const [stale, logGaps] of [
                      [[], []],
                      [['old.xml'], ['a gap']],
                    ] satisfies [string[], string[]][])
                      yield facts(0, {
                        end:
                          exitCode === undefined
                            ? undefined
                            : { exitCode, ...(reason === undefined ? {} : { reason }) },
                        interruption,
                        memory: { kills: kill },
                        reports,
                        unreadable,
                        stale,
                        reconstructed: one,
                        sessions,
                        logGaps,
                      });
  }

  const mayBeGreen = ({
    interruption,
    end,
    memory,
    reports,
    unreadable,
    sessions,
    reconstructed: more,
  }: TestFacts): boolean =>
    interruption === null &&
    end?.exitCode === 0 &&
    end.reason !== 'OOMKilled' &&
    end.reason !== 'StartError' &&
    memory.kills.length === 0 &&
    unreadable.length === 0 &&
    reports.length > 0 &&
    reports.every((one) => one.counts.failed + one.counts.errors === 0 && one.claimedFailures === 0) &&
    reports.every((one) => one.claimedTests === 0 || one.counts.total > 0) &&
    reports.some((one) => one.counts.total > 0) &&
    sessions.every(isWell) &&
    (more === undefined || (more.counts.failed + more.counts.errors === 0 && (more.notRun ?? 0) === 0));

  interface Property {
    name: string;
    holds: (given: TestFacts, verdict: TestVerdict) => boolean;
  }
  const properties: Property[] = [
    {
      name: 'is green exactly where nothing speaks against it',
      holds: (given, { failure }) => (failure === null) === mayBeGreen(given),
    },
    {
      name: 'is red with a kind, a reason and evidence',
      holds: (_, { failure }) =>
        failure === null ||
        (failure.kind.length > 0 &&
          /\S/.test(failure.reason) &&
          !/undefined|NaN/.test(failure.reason) &&
          failure.evidence.length > 0),
    },
    {
      name: 'counts what it sums up',
      holds: (_, { counts: sum }) => sum.total === sum.passed + sum.failed + sum.errors + sum.skipped,
    },
    {
      name: 'keeps the kind of what interrupted the run, and begins with its words',
      holds: ({ interruption }, { failure }) =>
        interruption === null ||
        (failure?.kind === interruption.kind && failure.reason.startsWith(interruption.reason)),
    },
    {
      name: 'is oom only where the runtime or the kernel says so',
      holds: ({ end, memory }, { failure }) =>
        failure?.kind !== 'oom' || end?.reason === 'OOMKilled' || memory.kills.length > 0,
    },
    {
      name: 'names each finished test, whatever ended the run',
      holds: ({ reports, reconstructed: more }, { failure, counts: sum }) => {
        const total = reports.reduce((all, one) => all + one.counts.total, 0) + (more?.counts.total ?? 0);
        const finished = total - (more?.inFlight.length ?? 0);
        const isInterruption = failure !== null && ['timeout', 'cancelled'].includes(failure.kind);
        return sum.total === total && (!isInterruption || total === 0 || failure.reason.includes(`; ${finished} `));
      },
    },
  ];
  /** The first combination of which a property does not hold, by its name. */
  const against = new Map<string, unknown>();
  let [all, green] = [0, 0];
  beforeAll(() => {
    for (const given of product()) {
      const verdict = decideVerdict(given);
      all++;
      if (verdict.failure === null) green++;
      for (const { name, holds } of properties)
        if (!against.has(name) && !holds(given, verdict)) against.set(name, { given, verdict });
    }
  }, 120_000);

  test('is tried', () => {
    expect(all).toBe(5 * 4 * 4 * 2 * 9 * 2 * 5 * 13 * 2);
    expect(green).toBeGreaterThan(0);
  });

  test.each(properties.map(({ name }) => name))('%s', (name) => {
    expect(against.get(name)).toBeUndefined();
  });
});

describe('a hint fits', () => {
  const hintOf = (given: TestFacts) => decideVerdict(given).failure?.hint ?? '';

  test.each([
    ['pytest', 'pytest --junitxml=/out/junit.xml'],
    ['jest', 'JEST_JUNIT_OUTPUT_DIR=/out'],
    ['mocha', 'mocha --reporter xunit --reporter-options output=/out/junit.xml'],
    ['node --test', '--test-reporter-destination=/out/junit.xml'],
    ['go test', 'gotestsum --junitfile /out/junit.xml'],
    ['playwright', 'PLAYWRIGHT_JUNIT_OUTPUT_FILE=/out/junit.xml'],
    [undefined, 'pytest --junitxml=/out/junit.xml'],
  ])('the tool that ran the tests: how %s writes a report', (tool, way) => {
    expect(hintOf(facts(1, { ...toldBy({ tool }), resultsPath: '/out' }))).toContain(way);
  });

  test('a pytest that was given --junitxml and did not start: it does not ask for what is given', () => {
    const hint = hintOf(facts(4, toldBy({ tool: 'pytest', said: ['unrecognized arguments: --no-such-option'] })));
    expect(hint).not.toContain('--junitxml');
    expect(hint).toContain('look at what the tool says');
  });

  test('a suite that could not be imported: coverage is not mentioned', () => {
    const said = ["Test suite failed to run: t/k.test.js: Cannot find module './missing'"];
    const hint = hintOf(facts(1, { ...report({ passed: 1 }), ...toldBy({ tool: 'jest', said }) }));
    expect(hint).toContain('could not be loaded');
    expect(hint).not.toContain('coverage');
  });

  test('coverage below its threshold: coverage is named as the cause', () => {
    const said = ['Coverage for functions (50%) does not meet "global" threshold (90%)'];
    expect(hintOf(facts(1, { ...report({ passed: 1 }), ...toldBy({ said }) }))).toContain('threshold');
  });

  test('a report elsewhere or in another format: where the inputs have to point', () => {
    expect(hintOf(facts(0, toldBy({ reportsElsewhere: ['/app/report.xml'] })))).toContain('set results-path');
    const near = { file: 'a/TestResults.trx', what: 'a TRX report of .NET', isReadable: true };
    expect(hintOf(facts(1, toldBy({ nearMisses: [near] })))).toContain("junit: '**/*.trx'");
  });

  test('and the proof of such a run holds the end of the log, which nothing else shows', () => {
    const lastLines = ['collecting ...', 'ERROR: file or directory not found: tests/e2e'];
    const { failure } = decideVerdict(facts(4, toldBy({ tool: 'pytest', lastLines })));
    expect(failure?.evidence.at(-1)).toBe(`the log ends with:\n${lastLines.join('\n')}`);
    const failed = decideVerdict(facts(1, { ...report({ failed: 1 }), ...toldBy({ lastLines }) })).failure;
    expect(failed?.evidence.join()).not.toContain('the log ends with');
  });
});
