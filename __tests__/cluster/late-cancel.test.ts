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
  test('while results are brought home is cancelled, and what is home by then is told', async () => {
    const run = await cancelAt('phase results');
    expect(run.onDisk).toMatchObject({ outcome: 'cancelled', failure: { kind: 'cancelled' }, tests: { passed: 1 } });
    expect(run.onDisk.failure?.reason).toContain('during results');
  });

  test('while the report is written changes nothing: the verdict was known', async () => {
    const run = await cancelAt('phase report');
    expect(run.onDisk).toMatchObject({ outcome: 'passed', failure: null, tests: { passed: 1 } });
  });
});
