import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { kubectl } from './run-on-existing.ts';
import { pytestScript, runOnSharedCluster } from './run-on-shared-cluster.ts';

// Exclusive: a cancelled run has few seconds for what is left to do.

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
  // Results that cannot be fetched in the remaining seconds are reported as cancelled; here all are fetched.
  test.each(['results', 'report'])('in phase %s leaves a verdict that is whole, in time', async (phase) => {
    const run = await cancelAt(`phase ${phase}`);
    expect(run.onDisk).toMatchObject({ outcome: 'passed', failure: null, tests: { passed: 1 } });
    const late = run.onDisk.phases.filter((one) => one.name === 'results' || one.name === 'report');
    expect(late.reduce((sum, one) => sum + one.seconds, 0)).toBeLessThan(10);
  });
});

describe('a cancel during the tests', () => {
  // They write straight to the runner's disk: what is written after the masking would be uploaded as it is.
  test.each([
    {
      how: 'which heed SIGTERM',
      trap: `'echo "so be it, $TOKEN" > /results/told.txt; exit 3' TERM`,
      exitCode: '3',
      last: ['so be it, ***\n'],
    },
    { how: 'which do not', trap: `'' TERM`, exitCode: '137', last: [] },
  ])('ends them, $how, before their files are masked', async ({ trap, exitCode, last }) => {
    const canary = 'canary-0b7e55';
    const cancel = new AbortController();
    const namespace = `cancelled-${Date.now()}`;
    const run = await runOnSharedCluster({
      script: `trap ${trap}; echo begun; n=0; while :; do n=$((n+1)); echo "$TOKEN" > /results/leak-$n.txt; sleep 0.05; done`,
      given: { namespace, secrets: `TOKEN=${canary}` },
      signal: cancel.signal,
      keepNamespace: true,
      onPrinted: (line) => {
        if (line === 'begun') cancel.abort('SIGINT');
      },
    });
    expect(run.onDisk, run.printed.join('\n')).toMatchObject({ outcome: 'cancelled', warnings: [] });
    const ended = '{.items[*].status.containerStatuses[*].state.terminated.exitCode}';
    const pods = ['get', 'pods', '--namespace', namespace, `--output=jsonpath=${ended}`];
    // The cluster reports its end a moment later.
    await expect
      .poll(() => kubectl(inject('cluster').kubeconfigPath, pods), { timeout: 60_000, interval: 500 })
      .toBe(exitCode);
    const results = readdirSync(run.dir.results);
    expect(results).toContain('leak-1.txt');
    const texts = results.map((name) => readFileSync(path.join(run.dir.results, name), 'utf8'));
    expect(texts.join('')).not.toContain(canary);
    expect(texts).toEqual(expect.arrayContaining(last));
  });
});
