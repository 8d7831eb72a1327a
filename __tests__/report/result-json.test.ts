import { expect, test } from 'vitest';
import { noTests, type Verdict } from '../../src/core/outcome.ts';
import { renderResultJson } from '../../src/report/result-json.ts';

test('result.json keeps the name by which the roll-up distinguishes calls of one reusable workflow', () => {
  const leg = { job: 'unit', attempt: 2, matrix: '', legs: 1, name: 'billing', step: 'run' };
  const verdict: Verdict = {
    schema: 1,
    outcome: 'passed',
    failure: null,
    tier: 'unit',
    tests: noTests,
    phases: [],
    durationSeconds: 0,
    cluster: null,
    image: null,
    warnings: [],
    leg,
  };
  expect(JSON.parse(renderResultJson(verdict))).toMatchObject({ leg });
});
