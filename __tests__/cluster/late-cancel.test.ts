import { describe, expect, test } from 'vitest';
import { pytestScript, runOnSharedCluster } from './run-on-shared-cluster.ts';

/** A run that is cancelled as soon as a line is printed. */
function cancelAt(line: string) {
  const cancel = new AbortController();
  return runOnSharedCluster({
    script: pytestScript('def test_one(): pass\n'),
    signal: cancel.signal,
    onPrinted: (printed) => {
      if (printed === line) cancel.abort('SIGINT');
    },
  });
}

describe('a cancel after the tests', () => {
  // What cannot come home in the seconds that are left is told as cancelled; here all of it does.
  test.each(['results', 'report'])('in phase %s leaves a verdict that is whole, in time', async (phase) => {
    const run = await cancelAt(`phase ${phase}`);
    expect(run.onDisk).toMatchObject({ outcome: 'passed', failure: null, tests: { passed: 1 } });
    const late = run.onDisk.phases.filter((one) => one.name === 'results' || one.name === 'report');
    expect(late.reduce((sum, one) => sum + one.seconds, 0)).toBeLessThan(10);
  });
});
