import { verdictWithoutTests } from '../core/outcome.ts';
import type { Leg } from '../report/leg.ts';

/** A leg that left no results, as a red one. */
export function missingLeg(name: string, job: string, reason: string): Leg {
  const verdict = verdictWithoutTests(name, {
    kind: 'results',
    reason,
    hint: `Look at the end of the log of ${job === '' ? name : `job ${job}`}: its runner may have been lost or out of disk.`,
    evidence: [],
  });
  return {
    name,
    job,
    call: '',
    step: '',
    matrix: '',
    attempt: 1,
    siblings: 1,
    verdict,
    tests: [],
    testsLeftOut: 0,
    suites: [],
    directory: '',
  };
}
