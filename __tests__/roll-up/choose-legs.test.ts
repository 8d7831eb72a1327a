import { describe, expect, test } from 'vitest';
import { noTests } from '../../src/core/outcome.ts';
import type { Leg } from '../../src/report/leg.ts';
import { chooseLegs, type WorkflowFacts } from '../../src/roll-up/choose-legs.ts';

const failure = { kind: 'test' as const, reason: '1 of 2 tests failed', hint: '', evidence: [] };
let artifacts = 0;

/** A leg as `readLegs` reads it, from an artifact of a job run of its own. */
function leg(tier: string, outcome: 'passed' | 'failed', over: Partial<Leg> = {}): Leg {
  const number = ++artifacts;
  return {
    name: tier,
    job: tier,
    call: '',
    step: '',
    matrix: '',
    attempt: 1,
    siblings: 1,
    tests: [],
    testsLeftOut: 0,
    suites: [],
    directory: `${number}/k8s-test-${tier}`,
    artifact: {
      name: `k8s-test-${tier}`,
      jobRun: `job-run-${number}`,
      createdAt: number * 1000,
      directory: `${number}/k8s-test-${tier}`,
    },
    verdict: {
      schema: 1,
      outcome,
      failure: outcome === 'passed' ? null : failure,
      tier,
      tests: { ...noTests, total: 2, passed: 2 },
      phases: [],
      durationSeconds: 60,
      cluster: null,
      image: null,
      warnings: [],
    },
    ...over,
  };
}

const success = (job: string) => ({ [job]: { result: 'success' } });
const choose = (legs: Leg[], facts: Partial<WorkflowFacts> = {}) =>
  chooseLegs(legs, { runAttempt: 2, jobResults: success('integration'), ...facts });
const told = (legs: Leg[], facts?: Partial<WorkflowFacts>) =>
  choose(legs, facts).legs.map(({ name, verdict }) => `${name}: ${verdict.outcome}`);

describe('a red leg that ran again', () => {
  const red = leg('integration', 'failed');
  const green = leg('integration', 'passed', { attempt: 2 });

  test('counts as its newest attempt when the job is a success on GitHub', () => {
    expect(told([red, green])).toEqual(['integration: passed']);
  });

  test('stays red without data of GitHub, and names the missing input', () => {
    const { legs } = choose([red, green], { jobResults: {} });
    expect(legs.map(({ name, verdict }) => [name, verdict.outcome])).toEqual([
      ['integration', 'passed'],
      ['integration · attempt 1', 'failed'],
    ]);
    expect(legs[1]?.verdict.failure?.hint).toContain('toJSON(needs)');
  });

  test('stays red when the job failed on GitHub', () => {
    expect(told([red, green], { jobResults: { integration: { result: 'failure' } } })).toContain(
      'integration · attempt 1: failed',
    );
  });

  test('of a called workflow counts as its newest attempt when all needed jobs are a success', () => {
    expect(told([red, green], { jobResults: success('call') })).toEqual(['integration: passed']);
    const jobResults = { ...success('call'), other: { result: 'failure' } };
    expect(told([red, green], { jobResults })).toContain('integration · attempt 1: failed');
  });

  test('is not replaced by a result that GitHub got before it', () => {
    const early = leg('integration', 'passed', { attempt: 2 });
    const late = leg('integration', 'failed');
    expect(told([early, late])).toEqual(['integration: failed', 'integration: failed']);
  });
});

describe('a claim alone replaces no red leg', () => {
  const red = leg('integration', 'failed');
  test.each<[string, () => Leg[], Partial<WorkflowFacts>]>([
    ['of an attempt above that of the run', () => [leg('integration', 'passed', { attempt: 99 })], {}],
    ['of its own attempt', () => [leg('integration', 'passed')], {}],
    [
      'from the job run that uploaded results of another job',
      () => {
        const own = leg('unit', 'passed', { attempt: 2 });
        const forged = leg('integration', 'passed', { attempt: 2 });
        return [own, { ...forged, ...(own.artifact === undefined ? {} : { artifact: own.artifact }) }];
      },
      {},
    ],
    [
      'of another tier',
      () => [
        leg('integration', 'passed', { job: 'integration', attempt: 2, verdict: { ...leg('e2e', 'passed').verdict } }),
      ],
      {},
    ],
    ['of another matrix', () => [leg('integration', 'passed', { attempt: 2, matrix: '{"a":"1"}' })], {}],
    ['of another call', () => [leg('integration', 'passed', { attempt: 2, call: 'b' })], {}],
  ])('%s', (_, forge, facts) => {
    expect(told([red, ...forge()], facts).some((line) => line.endsWith('failed'))).toBe(true);
  });
});

test('a red leg of one call of a reusable workflow stays when the other call runs again', () => {
  const of = (call: string, outcome: 'passed' | 'failed', attempt: number) =>
    leg('integration', outcome, { call, attempt });
  const legs = [of('a', 'failed', 1), of('b', 'failed', 1), of('a', 'passed', 2)];
  expect(told(legs)).toEqual(['a / integration: passed', 'b / integration: failed']);
});

test('two calls of a reusable workflow without names are red, and the reason advises to name them', () => {
  const { legs } = choose([leg('integration', 'passed'), leg('integration', 'passed')]);
  expect(legs.map(({ verdict }) => verdict.outcome)).toEqual(['failed', 'failed']);
  expect(legs[0]?.verdict.failure?.reason).toContain('leg-name');
});

test('steps of one job are legs of their own, and each one that ran again counts as its newest attempt', () => {
  const artifact = leg('integration', 'passed').artifact;
  const of = (step: string, outcome: 'passed' | 'failed', attempt = 1) => {
    const one = leg('integration', outcome, { step, attempt });
    return attempt === 1 && artifact !== undefined ? { ...one, artifact } : one;
  };
  expect(told([of('smoke', 'failed'), of('all', 'passed')], { runAttempt: 1 })).toEqual([
    'integration · smoke: failed',
    'integration · all: passed',
  ]);
});

describe('the roll-up of an earlier attempt', () => {
  const { verdict } = leg('all tiers', 'failed');
  const rollUp = leg('report', 'failed', { job: 'summary', verdict });

  test('is no leg when its artifact on GitHub has the name of a roll-up', () => {
    const named = {
      ...rollUp,
      artifact: { name: 'k8s-test-tests-report-attempt1', jobRun: 'r', createdAt: 1, directory: 'd' },
    };
    expect(told([named, leg('integration', 'passed')])).toEqual(['integration: passed']);
  });

  test('is red when only the result itself claims to be one', () => {
    const named = { ...rollUp, artifact: { name: 'k8s-test-x', jobRun: 'r', createdAt: 1, directory: 'd' } };
    expect(told([named])).toEqual(['report: broken']);
    const { artifact: _, ...unnamed } = rollUp;
    expect(told([unnamed])).toEqual(['report: broken']);
  });
});

describe('what cannot be seen', () => {
  test('without needs is a warning', () => {
    const { warnings } = choose([leg('integration', 'passed')], { runAttempt: 1, jobResults: {} });
    expect(warnings).toEqual([expect.stringContaining('died before it left results')]);
  });
  test('of a green result of an earlier attempt is a warning', () => {
    const { warnings } = choose([leg('integration', 'passed')], { jobResults: {} });
    expect(warnings[1]).toContain('1 of 1 results are of an attempt before 2');
  });
  test('is nothing outside of a workflow, and with needs', () => {
    expect(choose([leg('unit', 'passed', { job: '' })], { jobResults: {} }).warnings).toEqual([]);
    expect(choose([leg('integration', 'passed')]).warnings).toEqual([]);
  });
});
