/** Results that another job, or a test, forged: a red job of a matrix must stay red in the roll-up. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { noTests, succeed } from '../../src/core/outcome.ts';
import type { LegArtifact } from '../../src/report/leg.ts';
import type { JobResults } from '../../src/roll-up/judge-legs.ts';
import { rollUp } from '../../src/roll-up/roll-up.ts';
import { testAttack } from './attempts.ts';

/** As result.json counts. */
const { reconstructed: rebuilt, ...others } = noTests;
const noCounts = { ...others, rebuilt };

const kind = 'forged matrix results';
const signal = new AbortController().signal;
const greenJUnit = '<testsuite name="pytest"><testcase name="test_a"/><testcase name="test_b"/></testsuite>';
const redJUnit =
  '<testsuite name="pytest"><testcase name="test_a"/><testcase name="test_b"><failure/></testcase></testsuite>';

interface Result {
  /** Name of the artifact, and the job run that uploaded it. */
  artifact: string;
  jobRun: string;
  verdict: object;
  junit: string;
}

const leg = { job: 'integration', attempt: 1, matrix: '{"python":"3.12"}', legs: 1, step: '__run' };
const green = {
  schema: 1,
  outcome: 'passed',
  failure: null,
  tier: 'integration',
  tests: { ...noCounts, total: 2, passed: 2 },
  phases: [],
  durationSeconds: 9,
  cluster: null,
  image: null,
  warnings: [],
  leg,
};
const red = {
  ...green,
  outcome: 'failed',
  failure: { kind: 'test', reason: '1 of 2 tests failed: test_b', hint: '', evidence: [] },
  tests: { ...noCounts, total: 2, passed: 1, failed: 1 },
};

const real = (over: object = {}): Result => ({
  artifact: 'k8s-test-integration-attempt1',
  jobRun: 'run-of-integration',
  verdict: { ...red, ...over },
  junit: redJUnit,
});
const forged = (over: object = {}, some: Partial<Result> = {}): Result => ({
  artifact: 'k8s-test-x',
  jobRun: 'run-of-attacker',
  verdict: { ...green, ...over },
  junit: greenJUnit,
  ...some,
});

interface Roll {
  results: Result[];
  runAttempt?: number;
  jobResults?: JobResults;
  expected?: string[];
  /** Whether GitHub provides the uploader of each artifact. */
  areArtifactsKnown?: boolean;
}

/** Lays the results down as `downloadLegs` does, the oldest first, and rolls them up. @returns the outcome. */
async function outcomeOf({ results, runAttempt = 1, jobResults = {}, expected = [], ...rest }: Roll): Promise<string> {
  const root = mkdtempSync(path.join(tmpdir(), 'forged-'));
  try {
    const artifacts: LegArtifact[] = results.map(({ artifact, jobRun, verdict, junit }, i) => {
      const directory = `${i}/${artifact}`;
      const at = path.join(root, 'legs', directory);
      mkdirSync(at, { recursive: true });
      writeFileSync(path.join(at, 'result.json'), JSON.stringify(verdict));
      writeFileSync(path.join(at, 'junit.xml'), junit);
      return { name: artifact, jobRun, createdAt: 1000 * (i + 1), directory };
    });
    const { verdict } = await rollUp({
      inputs: { resultsDir: path.join(root, 'out'), expected, jobResults },
      legs: succeed({
        directory: path.join(root, 'legs'),
        artifacts: rest.areArtifactsKnown === false ? [] : artifacts,
      }),
      runAttempt,
      say: () => {},
      signal,
    });
    return verdict.outcome;
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** An attempt: the roll-up is not green. */
async function expectRed(roll: Roll): Promise<void> {
  expect(await outcomeOf(roll)).not.toBe('passed');
}

async function expectOutcome(roll: Roll, outcome: string): Promise<void> {
  expect(await outcomeOf(roll)).toBe(outcome);
}

const success: JobResults = { integration: { result: 'success' } };
const failure: JobResults = { integration: { result: 'failure' } };
/** What the workflow gives to the roll-up. A job with continue-on-error is a success even if its tests fail. */
const settings: [string, Omit<Roll, 'results'>][] = [
  ['no needs', {}],
  ['expect', { expected: ['integration'] }],
  ['needs: failure', { jobResults: failure }],
  ['needs: success, by continue-on-error', { jobResults: success }],
  ['needs of a call', { jobResults: { tests: { result: 'success' } } }],
];

const attempts = [-1, 0, 0.5, 1, 2, 3, 99, 1e9, 2 ** 53, 1e308, '1', '2', null, true, [], {}];
const matrices = [
  '{"python":"3.12"}',
  '{"python": "3.12"}',
  '{"python":"3.11"}',
  '',
  'null',
  '{}',
  '{"python":"3.12","x":1}',
  'x',
];
const jobs = ['integration', 'unit', '', 'Integration', 'integration ', '__proto__', 'constructor'];
const tiers = ['integration', 'all tiers', 'unit', '', 'All tiers', 'report'];
const steps = ['__run', '__run_2', '', undefined];

testAttack(kind, 'a red job stays red for any claim of another job', async (attempt) => {
  for (const areArtifactsKnown of [true, false])
    for (const [where, setting] of settings) {
      const tryOne = (name: string, claim: object, some?: Partial<Result>) =>
        attempt(`${name}, ${where}, artifacts ${areArtifactsKnown ? 'known' : 'unknown'}`, async () => {
          await expectRed({ ...setting, results: [real(), forged(claim, some)], areArtifactsKnown });
        });
      for (const claimed of attempts)
        await tryOne(`attempt ${JSON.stringify(claimed)}`, { leg: { ...leg, attempt: claimed } });
      for (const matrix of matrices) await tryOne(`matrix ${matrix}`, { leg: { ...leg, matrix } });
      for (const job of jobs) await tryOne(`job ${job}`, { leg: { ...leg, job } });
      for (const tier of tiers) await tryOne(`tier ${tier}`, { tier });
      for (const step of steps) await tryOne(`step ${step}`, { leg: { ...leg, step } });
      for (const name of ['', 'a', 'integration']) await tryOne(`call ${name}`, { leg: { ...leg, name } });
      await tryOne('the name of the real artifact', {}, { artifact: 'k8s-test-integration-attempt1' });
      await tryOne('the name of a roll-up', { tier: 'all tiers' }, { artifact: 'k8s-test-report-attempt1' });
      await tryOne('no leg', { leg: undefined });
    }
});

testAttack(kind, 'a red attempt stays red although a later one claims to be green', async (attempt) => {
  const cases: [string, Roll][] = [
    ['no needs', { results: [real(), forged({ leg: { ...leg, attempt: 2 } })], runAttempt: 2 }],
    [
      'needs: failure',
      { results: [real(), forged({ leg: { ...leg, attempt: 2 } })], runAttempt: 2, jobResults: failure },
    ],
    [
      'uploaded before',
      { results: [forged({ leg: { ...leg, attempt: 2 } }), real()], runAttempt: 2, jobResults: success },
    ],
    [
      'beside the real later attempt',
      {
        results: [real(), real({ leg: { ...leg, attempt: 2 } }), forged({ leg: { ...leg, attempt: 2 } })],
        runAttempt: 2,
        jobResults: success,
      },
    ],
    [
      'from the job run that left results of its own',
      {
        results: [
          real(),
          forged({ leg: { ...leg, job: 'lint', attempt: 2 } }),
          forged({ leg: { ...leg, attempt: 2 } }, { artifact: 'k8s-test-y' }),
        ],
        runAttempt: 2,
        jobResults: { ...success, lint: { result: 'success' } },
      },
    ],
    [
      'from the job run of the red attempt itself',
      {
        results: [real(), forged({ leg: { ...leg, attempt: 2 } }, { jobRun: 'run-of-integration' })],
        runAttempt: 2,
        jobResults: success,
      },
    ],
    [
      'of attempt 3 of 2',
      { results: [real(), forged({ leg: { ...leg, attempt: 3 } })], runAttempt: 2, jobResults: success },
    ],
    [
      'of another call',
      { results: [real(), forged({ leg: { ...leg, attempt: 2, name: 'b' } })], runAttempt: 2, jobResults: success },
    ],
    [
      'of another tier',
      { results: [real(), forged({ tier: 'e2e', leg: { ...leg, attempt: 2 } })], runAttempt: 2, jobResults: success },
    ],
    [
      'of another step',
      { results: [real(), forged({ leg: { ...leg, attempt: 2, step: 'x' } })], runAttempt: 2, jobResults: success },
    ],
  ];
  for (const [name, roll] of cases) await attempt(name, () => expectRed(roll));
});

testAttack(kind, 'a result whose counts contradict its report is red', async (attempt) => {
  const numbers = [0, 1, 2, 3, 1000];
  for (const passed of numbers)
    for (const failed of [0, 1])
      for (const skipped of [0, 1, 2])
        for (const extra of [-1, 0, 1]) {
          const tests = { ...noCounts, passed, failed, skipped, total: passed + failed + skipped + extra };
          if (tests.total < 0 || (passed === 2 && failed + skipped + extra === 0)) continue;
          await attempt(JSON.stringify(tests), () => expectRed({ results: [forged({ tests })], jobResults: success }));
        }
  for (const casesLeftOut of [1, 8, 998, 1e6])
    await attempt(`${casesLeftOut} cases left out`, async () => {
      const tests = { ...noCounts, total: 2 + casesLeftOut, passed: 2 + casesLeftOut };
      await expectRed({ results: [forged({ tests, casesLeftOut })], jobResults: success });
    });
});

testAttack(kind, 'a matrix job that left nothing is not filled in by one job', async (attempt) => {
  const own = (python: string, jobRun: string) =>
    forged(
      { leg: { ...leg, matrix: JSON.stringify({ python }), legs: 3 } },
      { jobRun, artifact: `k8s-test-${python}` },
    );
  const cases: [string, Result[]][] = [
    ['two of three', [own('3.11', 'a'), own('3.12', 'b')]],
    ['the third from the job run of the second', [own('3.11', 'a'), own('3.12', 'b'), own('3.13', 'b')]],
    ['four of three', [own('3.11', 'a'), own('3.12', 'b'), own('3.13', 'c'), own('3.14', 'd')]],
    ['the same one twice', [own('3.11', 'a'), own('3.12', 'b'), own('3.12', 'c')]],
  ];
  for (const [name, results] of cases)
    for (const [where, setting] of settings)
      await attempt(`${name}, ${where}`, () => expectRed({ ...setting, results }));
});

testAttack(kind, 'honest results keep their outcome', async (attempt) => {
  const honest = (some: object, jobRun: string) =>
    forged({ leg: { ...leg, ...some } }, { jobRun, artifact: `k8s-test-${jobRun}` });
  const cases: [string, Roll][] = [
    ['one job', { results: [honest({}, 'a')], jobResults: success }],
    ['one job without needs', { results: [honest({}, 'a')] }],
    [
      'a matrix',
      {
        results: ['3.11', '3.12', '3.13'].map((python) =>
          honest({ matrix: JSON.stringify({ python }), legs: 3 }, python),
        ),
        jobResults: success,
      },
    ],
    ['a rerun', { results: [real(), honest({ attempt: 2 }, 'a')], runAttempt: 2, jobResults: success }],
    ['two calls', { results: [honest({ name: 'a' }, 'a'), honest({ name: 'b' }, 'b')], jobResults: success }],
    [
      'two steps',
      {
        results: [honest({ step: 'x' }, 'a'), { ...honest({ step: 'y' }, 'a'), artifact: 'k8s-test-y' }],
        jobResults: success,
      },
    ],
    [
      'the roll-up of an earlier attempt',
      {
        results: [real({ tier: 'all tiers' }), honest({}, 'a')].map((one, i) =>
          i === 0 ? { ...one, artifact: 'k8s-test-report-summary-attempt1', jobRun: 's' } : one,
        ),
        runAttempt: 2,
        jobResults: success,
      },
    ],
  ];
  for (const [name, roll] of cases) await attempt(name, () => expectOutcome(roll, 'passed'));
  await attempt('a red job', () => expectOutcome({ results: [real()], jobResults: failure }, 'failed'));
});
