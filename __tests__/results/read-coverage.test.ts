import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Coverage } from '../../src/core/outcome.ts';
import { formatCoverage, percentOf } from '../../src/report/coverage.ts';
import { readCoverage } from '../../src/results/read-coverage.ts';

// Written by coverage.py 7.11.0, go test 1.26 and node --test 24; that of JaCoCo by hand, after its report.dtd 1.1.
const recorded = path.join(import.meta.dirname, 'coverage');

/** Results with these files: a path in the results, and the recorded report that it is or text of its own. */
function makeResults(files: Record<string, string | { text: string }>): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'coverage-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
    if (typeof content === 'string') copyFileSync(path.join(recorded, content), path.join(directory, name));
    else writeFileSync(path.join(directory, name), content.text);
  }
  return directory;
}

async function read(
  files: Record<string, string | { text: string }>,
): Promise<{ coverage: Coverage | undefined; warnings: string[] }> {
  return readCoverage(makeResults(files), Object.keys(files), AbortSignal.timeout(10_000));
}

test.each([
  ['Cobertura', 'coverage.xml', 'coverage-pay.xml', 4, 6],
  ['JaCoCo', 'target/site/jacoco/jacoco.xml', 'jacoco.xml', 2, 3],
  ['lcov', 'coverage/lcov.info', 'lcov.info', 5, 7],
  ['Go', 'cover.out', 'cover-pay.out', 2, 4],
] as const)('the line rate of a report of %s reaches the verdict', async (format, name, file, covered, total) => {
  expect(await read({ [name]: file })).toEqual({ coverage: { format, covered, total }, warnings: [] });
});

test('shards cover together what each of them covers, and no line counts twice', async () => {
  const python = await read({
    'shard-0/coverage.xml': 'coverage-pay.xml',
    'shard-1/coverage.xml': 'coverage-refund.xml',
  });
  // Only the line that raises is covered by neither.
  expect(python.coverage).toEqual({ format: 'Cobertura', covered: 5, total: 6 });
  const go = await read({ 'a/cover.out': 'cover-pay.out', 'b/cover.out': 'cover-refund.out' });
  expect(go.coverage).toEqual({ format: 'Go', covered: 3, total: 4 });
});

test('a tool that writes its coverage in two formats is counted once', async () => {
  const { coverage } = await read({
    'coverage/lcov.info': 'lcov.info',
    'coverage/cobertura-coverage.xml': 'coverage-pay.xml',
  });
  expect(coverage?.format).toBe('Cobertura');
});

test('results without a coverage report have no coverage, and no warning', async () => {
  const others = {
    'coverage.xml': { text: '<coverage generated="1"><project/></coverage>' },
    'notes.txt': { text: 'mode: set\n' },
  };
  expect(await read(others)).toEqual({ coverage: undefined, warnings: [] });
});

test.each([
  ['coverage.xml', '<coverage line-rate="1"><packages><package><classes><class filename="a"><lines><line number="1"'],
  ['lcov.info', 'TN:\nSF:shop.js\nDA:1,1\n'],
  ['cover.out', 'mode: set\nshop/shop.go:3.21,4.11 1 1\nshop/shop.go:4.1'],
])('a %s that is cut off is a warning, and counts for nothing', async (name, text) => {
  const { coverage, warnings } = await read({ [name]: { text } });
  expect(coverage).toBeUndefined();
  expect(warnings).toEqual([expect.stringMatching(new RegExp(`^the coverage report ${name} cannot be read: `))]);
});

test('a link by the name of a coverage report is not followed', async () => {
  const directory = makeResults({});
  symlinkSync(path.join(recorded, 'coverage-pay.xml'), path.join(directory, 'coverage.xml'));
  const { coverage, warnings } = await readCoverage(directory, ['coverage.xml'], AbortSignal.timeout(10_000));
  expect(coverage).toBeUndefined();
  expect(warnings).toHaveLength(1);
});

test('a coverage report of hundreds of megabytes is not read', async () => {
  const directory = makeResults({ 'coverage.xml': { text: '' } });
  truncateSync(path.join(directory, 'coverage.xml'), 300 * 1024 * 1024);
  const { warnings } = await readCoverage(directory, ['coverage.xml'], AbortSignal.timeout(10_000));
  expect(warnings).toEqual(['the coverage report coverage.xml cannot be read: it is larger than 32 MiB']);
});

test('a report that names millions of lines does not take the memory of the run', async () => {
  const lines = Array.from({ length: 500_001 }, (_, i) => `DA:${i},1`).join('\n');
  const { coverage, warnings } = await read({ 'lcov.info': { text: `SF:a\n${lines}\nend_of_record\n` } });
  expect(coverage).toBeUndefined();
  expect(warnings).toEqual([expect.stringContaining('more than 500,000 lines')]);
});

test('100 % means all lines', () => {
  expect(percentOf({ format: 'lcov', covered: 9999, total: 10_000 })).toBe('99.9');
  expect(percentOf({ format: 'lcov', covered: 10_000, total: 10_000 })).toBe('100.0');
  expect(formatCoverage({ format: 'Cobertura', covered: 1234, total: 1497 })).toBe('82.4 % of 1,497 lines');
  expect(formatCoverage({ format: 'Go', covered: 1, total: 3 })).toBe('33.3 % of 3 statements');
});

test('the recorded reports contain what is expected to be read from them', () => {
  const text = readFileSync(path.join(recorded, 'coverage-pay.xml'), 'utf8');
  expect(text).toContain('lines-valid="6" lines-covered="4"');
  expect(readFileSync(path.join(recorded, 'lcov.info'), 'utf8')).toContain('LH:5\nLF:7');
});
