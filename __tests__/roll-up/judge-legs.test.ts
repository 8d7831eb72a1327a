import { describe, expect, test } from 'vitest';
import { type Failure, noTests, outcomeOf, type TestCounts } from '../../src/core/outcome.ts';
import type { Leg } from '../../src/report/leg.ts';
import { renderRollUp } from '../../src/report/roll-up-markdown.ts';
import { judgeLegs } from '../../src/roll-up/judge-legs.ts';
import { nameLeg } from '../../src/roll-up/read-legs.ts';
import { makeTest } from '../report/sample-runs.ts';

const oom: Failure = {
  kind: 'oom',
  reason: 'killed for memory at its limit of 1Gi',
  hint: 'Raise memory.',
  evidence: [],
};

function leg(
  name: string,
  failure: Failure | null = null,
  over: Partial<Leg> = {},
  counts: Partial<TestCounts> = {},
): Leg {
  return {
    name,
    job: name,
    call: '',
    step: '',
    matrix: '',
    attempt: 1,
    siblings: 1,
    directory: name,
    tests: [],
    testsLeftOut: 0,
    suites: [{ name: 'pytest', counts: { ...noTests, total: 2, passed: 2 }, seconds: 1.5 }],
    verdict: {
      schema: 1,
      outcome: outcomeOf(failure),
      failure,
      tier: name,
      tests: { ...noTests, total: 2, passed: 2, ...counts },
      phases: [],
      durationSeconds: 60,
      cluster: null,
      image: null,
      warnings: [],
    },
    ...over,
  };
}
const none = { expected: [], jobResults: {} };

describe('the outcome of all legs', () => {
  test('is passed only when there are legs and all are green; their tests are added up', () => {
    const { verdict } = judgeLegs([leg('unit'), leg('e2e')], none);
    expect(verdict).toMatchObject({
      outcome: 'passed',
      failure: null,
      tests: { total: 4, passed: 4 },
      durationSeconds: 60,
    });
  });

  test('is red without any leg', () => {
    expect(judgeLegs([], none).verdict).toMatchObject({ outcome: 'broken', failure: { kind: 'results' } });
  });

  test('is that of the worst leg, and names every red one in the first line', () => {
    const { verdict, legs } = judgeLegs(
      [
        leg('unit'),
        leg('integration', { kind: 'test', reason: '1 of 2 tests failed: test_a', hint: '', evidence: [] }),
        leg('e2e', { kind: 'chart', reason: 'polaris never ready', hint: 'Look at its log.', evidence: [] }),
      ],
      none,
    );
    expect(legs.map(({ name }) => name)).toEqual(['e2e', 'integration', 'unit']);
    expect(verdict).toMatchObject({ outcome: 'broken', failure: { kind: 'chart', hint: 'Look at its log.' } });
    expect(verdict.failure?.reason).toBe(
      '2 of 3 jobs did not pass: e2e: chart: polaris never ready; integration: test: 1 of 2 tests failed: test_a',
    );
  });

  test('names of several red legs how each reason begins, cut between words; each whole reason is in the evidence', () => {
    const reason =
      'the test container was killed for memory at its limit of 96Mi (96Mi in use when pytest was killed); 0 of 1 tests finished, in flight: test_a';
    const long: Failure = { ...oom, reason: `${'word '.repeat(40)}end` };
    const { verdict } = judgeLegs([leg('a', { ...oom, reason }), leg('b', long)], none);
    expect(verdict.failure?.reason).toBe(
      `2 of 2 jobs did not pass: a: oom: the test container was killed for memory at its limit of 96Mi; b: oom: ${'word '.repeat(17)}word …`,
    );
    expect(verdict.failure?.evidence).toEqual([`a: oom: ${reason}`, `b: oom: ${long.reason}`]);
    const alone = judgeLegs([leg('a', { ...oom, reason }), leg('b')], none);
    expect(alone.verdict.failure?.reason).toBe(`1 of 2 jobs did not pass: a: oom: ${reason}`);
  });

  test('is red for a job that left no result, and names it', () => {
    const { verdict, legs } = judgeLegs([leg('unit')], {
      expected: [],
      jobResults: { unit: { result: 'success' }, e2e: { result: 'failure' }, lint: { result: 'success' } },
    });
    expect(legs.map(({ name }) => name)).toEqual(['e2e', 'unit']);
    expect(verdict.failure?.reason).toContain('job e2e ended as failure and left no results');
  });

  test('is red for a job that failed although all its legs that are known passed', () => {
    const { verdict } = judgeLegs([leg('e2e')], { expected: [], jobResults: { e2e: { result: 'failure' } } });
    expect(verdict.outcome).toBe('broken');
  });

  test('does not report a job twice when its leg has the reason itself', () => {
    const { legs } = judgeLegs([leg('e2e', oom)], { expected: [], jobResults: { e2e: { result: 'failure' } } });
    expect(legs).toHaveLength(1);
  });

  test('is red for a leg of a matrix that is missing beside the others', () => {
    const { verdict, legs } = judgeLegs([leg('unit (3.11)', null, { job: 'unit', siblings: 3 }), leg('e2e')], none);
    expect(legs).toHaveLength(3);
    expect(verdict.failure?.reason).toContain('2 of the 3 matrix jobs of unit left no results');
  });

  test('is red for a leg of a matrix that is missing while another ran two steps', () => {
    const own = { job: 'unit', siblings: 2, matrix: '{"python":"3.11"}' };
    const { verdict } = judgeLegs([leg('unit · a', null, own), leg('unit · b', null, own)], none);
    expect(verdict.failure?.reason).toContain('1 of the 2 matrix jobs of unit left no results');
  });

  test('is red for a leg that is expected and absent, skipped ones included', () => {
    const { verdict, skippedJobs } = judgeLegs([leg('unit')], {
      expected: ['unit', 'integration', 'e2e'],
      jobResults: { e2e: { result: 'skipped' } },
    });
    expect(skippedJobs).toEqual(['e2e']);
    expect(verdict.failure?.reason).toContain('integration is expected and left no results');
    expect(verdict.failure?.reason).toContain('e2e is expected and was skipped');
  });

  test('accepts a skipped job that is not expected to run', () => {
    const judged = judgeLegs([leg('unit')], { expected: [], jobResults: { e2e: { result: 'skipped' } } });
    expect(judged.verdict.outcome).toBe('passed');
    expect(judged.skippedJobs).toEqual(['e2e']);
  });
});

describe('the name of a leg', () => {
  test.each([
    ['integration', '', 'integration'],
    ['integration', 'null', 'integration'],
    ['e2e', '{"tier":"e2e"}', 'e2e'],
    ['e2e', '{"tier":"e2e","python":"3.11"}', 'e2e (3.11)'],
    ['e2e', '{"os":{"name":"x"},"n":2}', 'e2e ({"name":"x"}, 2)'],
    ['e2e', 'not json', 'e2e (not json)'],
  ])('of tier %s with matrix %s is %s', (tier, matrix, name) => {
    expect(nameLeg(tier, matrix)).toBe(name);
  });
});

describe('the summary of all legs', () => {
  test('is one table of leg and suite, with the cause of every red leg under it', () => {
    const failed = makeTest({
      name: 'test_a',
      status: 'failed',
      message: 'assert 1 == 2',
      file: 'tests/a.py',
      line: 3,
    });
    const judged = judgeLegs([leg('unit'), leg('e2e', oom, { tests: [failed], attempt: 2 }, { failed: 1, total: 3 })], {
      expected: [],
      jobResults: { docs: { result: 'skipped' } },
    });
    expect(renderRollUp({ ...judged, resultsDir: 'k8s-test-results/report' })).toBe(
      `### ❌ 1 of 2 jobs did not pass: e2e: oom: killed for memory at its limit of 1Gi

| job | suite | tests | passed | failed | skipped | time |
|---|---|--:|--:|--:|--:|--:|
| ❌ **e2e** · attempt 2 |  | 3 | 2 | **1** | – | 1 min 00 s |
|  | \`pytest\` | 2 | 2 | – | – | 1.50 s |
| ✅ **unit** |  | 2 | 2 | – | – | 1 min 00 s |
|  | \`pytest\` | 2 | 2 | – | – | 1.50 s |

#### e2e — killed for memory at its limit of 1Gi

**What to do:** Raise memory.

- \`test_a\` \`tests/a.py:3\` — assert 1 == 2

Not run: \`docs\`.

Files: \`k8s-test-results/report\`; open \`report.html\` for all tests of all jobs.
`,
    );
  });

  test('begins with a grid of the jobs of a matrix and the suites that they ran', () => {
    const suite = (name: string, counts: Partial<TestCounts>) => ({
      name,
      counts: { ...noTests, ...counts },
      seconds: 1,
    });
    const failure: Failure = { kind: 'test', reason: '2 of 1,200 tests failed', hint: '', evidence: [] };
    const legs = [
      leg('k8s 1.34', null, {
        suites: [suite('api', { total: 1200, passed: 1200 }), suite('ui|x', { total: 3, passed: 3 })],
      }),
      leg('k8s 1.35', failure, {
        suites: [
          suite('api', { total: 1200, passed: 1198, failed: 1, errors: 1 }),
          suite('ui|x', { total: 3, skipped: 3 }),
        ],
      }),
      leg('k8s 1.36', oom, { suites: [suite('api', { total: 1200, passed: 1190, skipped: 10 })] }),
    ];
    const text = renderRollUp({ ...judgeLegs(legs, none), resultsDir: 'out' });
    expect(text.split('\n').slice(2, 8)).toEqual([
      '| job | `api` | `ui\\|x` |',
      '| --- | --- | --- |',
      '| ❌ k8s 1.35 | ❌ 2 of 1,200 | – |',
      '| ❌ k8s 1.36 | ✅ 1,190 | – |',
      '| ✅ k8s 1.34 | ✅ 1,200 | ✅ 3 |',
      '',
    ]);
    const wide = Array.from({ length: 20 }, (_, i) => suite(`s${i}`, { total: 1, passed: 1 }));
    const both = [leg('a', null, { suites: wide }), leg('b', null, { suites: wide })];
    expect(renderRollUp({ ...judgeLegs(both, none), resultsDir: 'out' })).not.toContain('| job | `');
  });

  test('keeps to its limit, however many legs and tests there are', () => {
    const tests = Array.from({ length: 50 }, (_, i) => makeTest({ name: `test_${i}`.repeat(500), status: 'failed' }));
    const legs = Array.from({ length: 300 }, (_, i) => leg(`leg ${i}`, oom, { tests }));
    const text = renderRollUp({ ...judgeLegs(legs, none), resultsDir: 'out' }, 100 * 1024);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(100 * 1024);
    expect(text).toMatch(/and \d+ more sections in `report\.html`/);
  });
});
