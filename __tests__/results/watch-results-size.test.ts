import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { ResultsSizeWatch } from '../../src/results/watch-results-size.ts';

test('a results directory that is removed while the tests run ends them, and not our process', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'watch-size-'));
  const over = new AbortController();
  const limits = { totalBytes: 1e6, files: 100 };
  const watch = new ResultsSizeWatch({ directory, limits, resultsPath: '/results', signal: over.signal });
  rmSync(directory, { recursive: true });
  try {
    await vi.waitFor(() => expect(watch.failure).toBeDefined(), { timeout: 30_000 });
    expect(watch.failure).toMatchObject({
      kind: 'results',
      reason: expect.stringContaining('it was removed'),
    });
  } finally {
    over.abort();
  }
});
