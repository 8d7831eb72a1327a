import { describe, expect, test } from 'vitest';
import { noTests, type TestCase, type TestCounts } from '../../src/core/outcome.ts';
import { readQuarantine } from '../../src/inputs/read-quarantine.ts';
import { placeOfNodeId } from '../../src/reconstruct/pytest-names.ts';
import { decideVerdict } from '../../src/verdict/decide-verdict.ts';
import { saysOnlyFailed } from '../../src/verdict/explain-exit.ts';
import { judgeQuarantine, quarantineTests } from '../../src/verdict/quarantine.ts';

const at = new Date('2026-06-15T12:00:00Z');
const entryOf = (id: string, expires = '2026-12-31') => ({ id, reason: 'races', owner: 'team-orders', expires });
const caseOf = (name: string, status: TestCase['status'] = 'passed', more: Partial<TestCase> = {}): TestCase => ({
  suite: 'pytest',
  classname: 'tests.test_a',
  name,
  seconds: 1,
  status,
  message: status === 'failed' ? `assert ${name}` : '',
  details: '',
  ...more,
});

function reportOf(cases: TestCase[]): { file: string; cases: TestCase[]; counts: TestCounts } {
  const count = (wanted: TestCase['status']) => cases.filter(({ status }) => status === wanted).length;
  const [passed, failed, errors, skipped] = [count('passed'), count('failed'), count('error'), count('skipped')];
  return { file: 'junit.xml', cases, counts: { ...noTests, total: cases.length, passed, failed, errors, skipped } };
}

const quarantine = (...ids: string[]) => ({ file: 'quarantine.yaml', entries: ids.map((id) => entryOf(id)) });

describe('a quarantine file', () => {
  test('is read entry by entry', () => {
    const text = `
- id: tests/test_a.py::test_one[a::b]
  reason: 'races with the broker, #42'
  owner: team-orders
  expires: 2026-12-31
- {id: "shop.cart::adds an item", reason: flaky, owner: web, expires: "2026-08-01"}
`;
    expect(readQuarantine(text)).toEqual({
      problems: [],
      entries: [
        {
          id: 'tests/test_a.py::test_one[a::b]',
          reason: 'races with the broker, #42',
          owner: 'team-orders',
          expires: '2026-12-31',
        },
        { id: 'shop.cart::adds an item', reason: 'flaky', owner: 'web', expires: '2026-08-01' },
      ],
    });
    expect(readQuarantine('# nothing yet\n')).toEqual({ entries: [], problems: [] });
  });

  test('reports all errors in it at once', () => {
    const { problems } = readQuarantine(`
- id: a
  reason: r
  expires: 2026-02-30
- {id: b, reason: r, owner: o, expires: 2026-02-30, until: x}
- {id: c, reason: r, owner: o, expires: 2026-02-30}
- {id: d, reason: 7, owner: o, expires: 2026-03-01}
- just text
- {id: e, reason: r, owner: o, expires: 2026-03-01}
- {id: e, reason: r, owner: o, expires: 2026-03-01}
`);
    expect(problems).toEqual([
      '"a": owner is missing',
      '"b": "until" is no key; use id, reason, owner, expires',
      '"c": expires is "2026-02-30"; write a day as 2026-12-31',
      '"d": reason is no text; put it in quotes',
      'entry 5 is no mapping; write id, reason, owner and expires',
      'names "e" twice; keep one of the entries',
    ]);
    expect(readQuarantine('id: a').problems).toEqual([
      'is not a list; write "- id: …" with reason, owner and expires for each test',
    ]);
    expect(readQuarantine('- [').problems[0]).toMatch(/^is not YAML: line 1: /);
  });
});

describe('a failed test in quarantine', () => {
  const apply = (cases: TestCase[], ...ids: string[]) =>
    quarantineTests([reportOf(cases)], { quarantine: quarantine(...ids), nameOf: placeOfNodeId, at });

  test('counts as skipped, for each way to name it, and keeps its failure message', () => {
    for (const id of ['tests/test_a.py::test_x', 'tests.test_a::test_x']) {
      const { reports, excused } = apply([caseOf('test_x', 'failed'), caseOf('test_y')], id);
      expect(reports[0]?.counts).toMatchObject({ total: 2, passed: 1, failed: 0, skipped: 1, quarantined: 1 });
      expect(reports[0]?.cases[0]).toMatchObject({
        status: 'skipped',
        message: 'assert test_x',
        quarantine: { owner: 'team-orders', failed: true },
      });
      expect(excused.map(({ name }) => name)).toEqual(['test_x']);
    }
  });

  test('is the only one that is excused: another class, a longer name and a reconstructed test are not', () => {
    const cases = [
      caseOf('test_x[1]', 'failed'),
      caseOf('test_x', 'failed', { classname: 'tests.test_b' }),
      caseOf('test_x', 'error', { reconstructed: true }),
    ];
    expect(apply(cases, 'tests/test_a.py::test_x').excused).toEqual([]);
  });

  test('is not excused on the day after its last', () => {
    const on = (day: string) =>
      quarantineTests([reportOf([caseOf('test_x', 'failed')])], {
        quarantine: { file: 'q', entries: [entryOf('tests.test_a::test_x', '2026-06-15')] },
        nameOf: placeOfNodeId,
        at: new Date(day),
      }).excused.length;
    expect([on('2026-06-15T23:59:59Z'), on('2026-06-16T00:00:00Z')]).toEqual([1, 0]);
  });
});

describe('an exit code', () => {
  const failed = [caseOf('a', 'failed', { message: 'Error: boom' }), caseOf('b', 'failed')];
  const by = (tool: string | undefined, exitCode: number, ...said: string[]) =>
    saysOnlyFailed(exitCode, failed, { tool, said });

  test('is explained by failed tests where its tool reports nothing else', () => {
    expect([by('pytest', 1), by('jest', 1), by(undefined, 1), by('cargo-nextest', 100), by('mocha', 2)]).toEqual(
      Array(5).fill(true),
    );
    expect(by('vitest', 1, 'Error: boom')).toBe(true);
    expect(by('Maven', 1, 'Failed to execute goal x: There are test failures.')).toBe(true);
  });

  test('is not explained where the code or the tool indicates another error', () => {
    expect([by('pytest', 2), by('pytest', 137), by('cargo-nextest', 1), by('mocha', 3), by('mocha', 1)]).toEqual(
      Array(5).fill(false),
    );
    expect(by('pytest', 1, 'Required test coverage of 90% not reached. Total coverage: 50.00%')).toBe(false);
    expect(by('go test', 1, 'build failed of example.com/x')).toBe(false);
    expect(saysOnlyFailed(1, [], { tool: 'pytest', said: [] })).toBe(false);
  });
});

describe('the verdict of a run with a quarantine', () => {
  test('is green in no combination of facts in which anything but tests in quarantine went wrong', () => {
    const green: object[] = [];
    let combinations = 0;
    for (const others of [0, 1])
      for (const isQuarantined of [true, false])
        for (const exitCode of [0, 1, 2, 3, 137])
          for (const claimed of [1, 2, 3])
            for (const isOom of [false, true])
              for (const notRun of [0, 1])
                for (const said of [[], ['Required test coverage of 90% not reached']]) {
                  combinations++;
                  const cases = [
                    caseOf('test_ok'),
                    caseOf('test_x', 'failed'),
                    ...(others === 1 ? [caseOf('test_other', 'failed')] : []),
                  ];
                  const { reports, excused } = quarantineTests([reportOf(cases)], {
                    quarantine: isQuarantined ? quarantine('tests.test_a::test_x') : undefined,
                    nameOf: placeOfNodeId,
                    at,
                  });
                  const { failure } = decideVerdict({
                    interruption: null,
                    end: { exitCode, ...(isOom ? { reason: 'OOMKilled' } : {}) },
                    memoryLimit: '1Gi',
                    memory: { kills: [] },
                    reports: reports.map((one) => ({
                      ...one,
                      claimedFailures: claimed,
                      claimedTests: 0,
                      failedRuns: 1 + others,
                    })),
                    unreadable: [],
                    stale: [],
                    reconstructed: undefined,
                    sessions: [
                      {
                        name: 'session 1 of pytest',
                        isFinished: true,
                        exit: exitCode,
                        hadFailures: true,
                        unresolved: 1 + others - excused.length,
                        unresolvedNames: [],
                        notRun,
                        isRepeated: false,
                      },
                    ],
                    failedNames: [],
                    excused,
                    logGaps: [],
                    tool: {
                      tool: 'pytest',
                      hasTimeout: false,
                      said,
                      reportsElsewhere: [],
                      nearMisses: [],
                      lastLines: [],
                    },
                    junitGlobs: [],
                    resultsPath: '/results',
                  });
                  if (failure === null) green.push({ others, isQuarantined, exitCode, claimed, isOom, notRun, said });
                }
    expect(combinations).toBe(480);
    const only = { others: 0, isQuarantined: true, claimed: 1, isOom: false, notRun: 0 };
    // With exit code 0 nothing indicates another error.
    expect(green).toEqual([
      { ...only, exitCode: 0, said: [] },
      { ...only, exitCode: 0, said: ['Required test coverage of 90% not reached'] },
      { ...only, exitCode: 1, said: [] },
    ]);
  });

  test('fails for an entry that has expired or is of no test, and warns a week before', () => {
    const suite = {
      quarantine: {
        file: 'quarantine.yaml',
        entries: [
          entryOf('tests/test_a.py::test_x', '2026-06-14'),
          entryOf('tests/test_old.py::test_y'),
          entryOf('tests/test_a.py::test_z', '2026-06-20'),
        ],
      },
      nameOf: placeOfNodeId,
      at,
      tests: [caseOf('test_x'), caseOf('test_y'), caseOf('test_z')],
      casesLeftOut: 0,
      isWhole: true,
    };
    const { failure, warnings } = judgeQuarantine(suite);
    expect(failure).toMatchObject({
      kind: 'input',
      reason:
        'quarantine: in quarantine.yaml, 1 entry expired: tests/test_a.py::test_x on 2026-06-14 (team-orders); 1 entry matched no test of the run: tests/test_old.py::test_y (team-orders)',
    });
    expect(failure?.evidence).toContain(
      'no such test: tests/test_old.py::test_y (team-orders); there is tests.test_a::test_y',
    );
    expect(warnings).toEqual([
      'quarantine.yaml: tests/test_a.py::test_z (team-orders) is in quarantine until 2026-06-20',
    ]);
    const part = judgeQuarantine({ ...suite, isWhole: false }).failure;
    expect(part?.reason).not.toContain('matched no test');
  });
});
