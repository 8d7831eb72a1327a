/**
 * Runs the tests (all of them, or the vitest project that is named) and closes with their count:
 * `N passed, N failed`, and `, N skipped` when there are any. No test at all is a failure.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const project = process.argv[2];
const directory = mkdtempSync(path.join(tmpdir(), 'k8s-test-count-'));
const outputFile = path.join(directory, 'tests.json');
const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${outputFile}`];
if (project !== undefined) args.push('--project', project);
const run = spawnSync(path.join('node_modules', '.bin', 'vitest'), args, { stdio: ['ignore', 'inherit', 'inherit'] });

let counts = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numFailedTestSuites: 0 };
try {
  counts = JSON.parse(readFileSync(outputFile, 'utf8'));
} catch (error) {
  process.stderr.write(`the tests left no count: ${error instanceof Error ? error.message : String(error)}\n`);
}
rmSync(directory, { recursive: true });
const { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped } = counts;
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exitCode = run.status === 0 && passed > 0 && failed === 0 ? 0 : 1;
