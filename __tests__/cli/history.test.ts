import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { describeHistory, readRuns, renderHistory } from '../../src/cli/show-history.ts';

const mebibyte = 2 ** 20;

/** The files of a run, with one test of a hostile name. */
function writeRun(directory: string, at: string, status: 'passed' | 'failed'): void {
  mkdirSync(directory, { recursive: true });
  const usage = {
    pod: 'shop-0',
    container: 'web',
    memoryPeakBytes: 100 * mebibyte,
    memoryRequestBytes: 1024 * mebibyte,
  };
  const result = { schema: 1, outcome: status, tests: { total: 1 }, phases: [], usage: [usage], durationSeconds: 3 };
  const tests = [{ name: 'test_x\n::error::\u001b[2J', status, duration: 1500 }];
  writeFileSync(path.join(directory, 'result.json'), JSON.stringify(result));
  writeFileSync(
    path.join(directory, 'ctrf.json'),
    JSON.stringify({ results: { summary: { start: Date.parse(at) }, tests } }),
  );
}

test('history shows each run once, in their order, with flaky tests and sizes, and no control characters', async () => {
  const root = mkdtempSync(path.join(tmpdir(), 'history-'));
  for (let day = 1; day <= 6; day++) {
    const at = path.join(root, `run-${9 - day}`, 'artifact');
    writeRun(at, `2026-01-0${day}T00:00:00Z`, day === 3 ? 'failed' : 'passed');
  }
  writeRun(path.join(root, 'copy'), '2026-01-06T00:00:00Z', 'passed');
  mkdirSync(path.join(root, 'broken'));
  writeFileSync(path.join(root, 'broken/result.json'), '{}');
  symlinkSync(root, path.join(root, 'loop'));
  const { runs, problems } = await readRuns([root]);
  expect(problems).toEqual([`${root}/broken holds no result.json with a ctrf.json beside it that can be read`]);
  expect(runs.map(({ at }) => new Date(at).getUTCDate())).toEqual([1, 2, 3, 4, 5, 6]);
  const lines = renderHistory(describeHistory(runs));
  expect(lines[0]).toBe('6 runs, the last at 2026-01-06T00:00:00.000Z: passed');
  expect(lines.join('\n')).toContain('Flaky tests:\n  test_x ::error::');
  expect(lines.join('\n')).toContain(': failed in 1 of 6 runs');
  expect(lines).toContain('  resources: {requests: {memory: 160Mi}}');
  expect(lines.filter((line) => /[\p{Cc}]/u.test(line))).toEqual([]);
});
