/**
 * Runs the tests (all of them, or the vitest project that is named) and closes with their count:
 * `N passed, N failed`, and `, N skipped` when there are any. No test at all is a failure.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { messageOf } from '../src/outcome.ts';

interface Counts {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
}

/** One project after the other: clusters take the whole machine, and tests of time limits beside them would only wait. */
const projects = process.argv[2] === undefined ? ['quick', 'cluster'] : [process.argv[2]];
const directory = mkdtempSync(path.join(tmpdir(), 'count-'));
let [passed, failed, skipped] = [0, 0, 0];
let isGreen = true;
for (const project of projects) {
  const outputFile = path.join(directory, `${project}.json`);
  const args = [
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${outputFile}`,
  ];
  const run = spawnSync(path.join('node_modules', '.bin', 'vitest'), args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const counts = readCounts(outputFile);
  passed += counts.numPassedTests;
  failed += counts.numFailedTests;
  skipped += counts.numPendingTests;
  isGreen &&= run.status === 0 && counts.numPassedTests > 0 && counts.numFailedTests === 0;
}
rmSync(directory, { recursive: true });
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exitCode = isGreen ? 0 : 1;

function readCounts(file: string): Counts {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Counts;
  } catch (error) {
    process.stderr.write(`the tests left no count: ${messageOf(error)}\n`);
    return { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0 };
  }
}
